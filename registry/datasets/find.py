"""Finding things of the project in scope, or the 404 that says what is not there."""

from uuid import UUID

from django.utils.translation import gettext as _

from accounts.errors import NotFound
from projects.doors import Grant
from registry.datasets.deletion.tombstone import require_dataset, require_there
from registry.datasets.names import is_name, printable
from registry.datasets.sensitivity import names_version, visible
from registry.models import Dataset, DatasetFile, DatasetUpload, DatasetVersion

_MOST_VERSIONS = 2**31 - 1


def find_dataset(grant: Grant, name: str, *, lock: bool = False, deleted: bool = False) -> Dataset:
    """Return a dataset that somebody may know of, by name; `lock` holds its row until the transaction ends.

    Raises `NotFound`, also for a restricted one that nobody let them at; `Gone` for a deleted one unless those will do.
    """
    rows = Dataset.objects.select_for_update() if lock else Dataset.objects.get_queryset()
    found: Dataset | None = visible(grant, rows).filter(name=name).first() if is_name(name) else None
    if found is None:
        raise NotFound(
            "dataset.not_found",
            _("There is no dataset “%(name)s” in this project.") % {"name": printable(name)},
        )
    if not deleted:
        require_dataset(found)
    return found


def find_version(
    grant: Grant, name: str, number: int, *, lock: bool = False, deleted: bool = False
) -> DatasetVersion:
    """Return a version by its dataset's name and its number. Raises `NotFound` and `Gone`, as `find_dataset` does."""
    rows = DatasetVersion.objects.select_related("dataset")
    if lock:
        rows = rows.select_for_update(of=("self",))
    known = is_name(name) and 0 < number <= _MOST_VERSIONS
    if known:
        rows = rows.filter(dataset__in=visible(grant, Dataset.objects.get_queryset()))
    found: DatasetVersion | None = rows.filter(dataset__name=name, number=number).first() if known else None
    if found is None or not names_version(grant, found.pk):
        raise NotFound(
            "dataset.version_not_found",
            _("There is no version %(number)s of a dataset “%(name)s” in this project.")
            % {"name": printable(name), "number": number},
        )
    if not deleted:
        require_there(found)
    return found


def latest_version(dataset: Dataset) -> DatasetVersion | None:
    """Return the newest sealed version, or None where nothing is sealed yet."""
    sealed = DatasetVersion.objects.filter(dataset=dataset, state=DatasetVersion.State.READY)
    found: DatasetVersion | None = sealed.order_by("-number").first()
    return found


def find_file(version: DatasetVersion, path: str) -> DatasetFile:
    """Return a version's file by its path. Raises `NotFound`."""
    known = "\x00" not in path
    rows = DatasetFile.objects.select_related("blob").filter(version=version, path=path)
    found: DatasetFile | None = rows.first() if known else None
    if found is None:
        raise NotFound(
            "dataset.file_not_found",
            _("%(version)s has no file “%(path)s”.") % {"version": version.label, "path": printable(path)},
        )
    found.version = version
    return found


def find_upload(version: DatasetVersion, upload_id: str, *, lock: bool = False) -> DatasetUpload:
    """Return an unfinished upload into a version. Raises `NotFound`, also once it is finished."""
    rows = DatasetUpload.objects.select_related("blob")
    if lock:
        rows = rows.select_for_update(of=("self",))
    found: DatasetUpload | None = rows.filter(version=version, pk=_uuid(upload_id)).first()
    if found is None:
        raise NotFound(
            "dataset.upload_not_found",
            _(
                "There is no unfinished upload %(id)s into %(version)s. If it was finished, its file is "
                "listed with the version."
            )
            % {"id": printable(upload_id), "version": version.label},
        )
    found.version = version
    return found


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
