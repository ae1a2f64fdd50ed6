"""Versions: opened, sealed for good, or dropped while still open."""

from dataclasses import dataclass

from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Conflict
from projects.doors import Grant
from projects.operations import submit
from projects.permissions import Permission
from registry.blobs import BlobWriter, delete_blob
from registry.datasets.actions.uploads import add_file, require_open
from registry.datasets.find import find_dataset, latest_version
from registry.datasets.manifest import content_hash
from registry.datasets.profile.formats import is_tabular
from registry.models import Dataset, DatasetFile, DatasetUpload, DatasetVersion, FileProfile

PROFILE = "dataset.profile"


@dataclass(frozen=True, slots=True)
class Sealed:
    """What sealing came to: a version, and whether it is an earlier one that has the same content."""

    version: DatasetVersion
    identical: bool


def open_version(grant: Grant, dataset: Dataset, *, note: str = "") -> DatasetVersion:
    """Open the next version of a dataset, empty."""
    find_dataset(grant, dataset.name, lock=True)
    last = DatasetVersion.objects.filter(dataset=dataset).aggregate(last=Max("number"))["last"] or 0
    version = DatasetVersion(
        dataset=dataset, number=last + 1, note=note.strip(), created_by_label=grant.actor.person
    )
    version.save(force_insert=True)
    audit.record("dataset.version.create", version)
    return version


def seal_version(grant: Grant, version: DatasetVersion) -> Sealed:
    """Seal an open version, whose row the caller has locked, and have its tables profiled.

    Where the newest sealed version has the same files, the open one is dropped and that one is returned.
    Raises `Conflict` for a sealed or empty version, or one with unfinished uploads.
    """
    require_open(version)
    # One seal at a time per dataset: each is compared with the newest before it.
    find_dataset(grant, version.dataset.name, lock=True)
    unfinished = list(DatasetUpload.objects.filter(version=version).values_list("path", flat=True)[:20])
    if unfinished:
        raise Conflict(
            "dataset.uploads_unfinished",
            _("Not everything has arrived: %(paths)s. Finish or cancel these uploads, then seal.")
            % {"paths": ", ".join(f"“{path}”" for path in unfinished)},
            uploads=unfinished,
        )
    files = list(DatasetFile.objects.filter(version=version).order_by("path"))
    if not files:
        raise Conflict(
            "dataset.version_empty",
            _("%(version)s has no files. Upload at least one, then seal.") % {"version": version.label},
        )
    digest = content_hash((file.path, file.sha256, file.size) for file in files)
    newest = latest_version(version.dataset)
    if newest is not None and newest.content_hash == digest:
        newest.dataset = version.dataset
        audit.record("dataset.seal", newest, detail={"content_hash": digest, "identical": True})
        drop_open(version)
        return Sealed(newest, identical=True)
    version.state = DatasetVersion.State.READY
    version.content_hash = digest
    version.size = sum(file.size for file in files)
    version.file_count = len(files)
    version.sealed_at = timezone.now()
    version.save(update_fields=["state", "content_hash", "size", "file_count", "sealed_at"])
    audit.record(
        "dataset.seal",
        version,
        detail={"content_hash": digest, "size": version.size, "files": version.file_count},
    )
    _profile(grant, version, files)
    return Sealed(version, identical=False)


def add_single_file_version(
    grant: Grant, dataset: Dataset, path: str, writer: BlobWriter, *, note: str = ""
) -> Sealed:
    """Make and seal a version of one file whose `writer` has completed: all at once, or not at all."""
    blob = writer.finish()
    version = open_version(grant, dataset, note=note)
    add_file(version, path, blob.pk, blob.size, blob.sha256)
    return seal_version(grant, version)


def delete_open_version(grant: Grant, version: DatasetVersion) -> None:
    """Drop an open version with what was uploaded into it. Raises `Conflict` for a sealed one."""
    if not version.is_open:
        raise Conflict(
            "dataset.version_sealed",
            _("%(version)s is sealed, people may have used it: ask for its deletion, with a reason.")
            % {"version": version.label},
        )
    audit.record("dataset.version.delete", version)
    drop_open(version)


def drop_open(version: DatasetVersion) -> None:
    """Delete an open version, its files and uploads, and their content."""
    for model in (DatasetFile, DatasetUpload):
        for row in model.objects.select_related("blob").filter(version=version):
            blob = row.blob
            row.delete()
            delete_blob(blob)
    version.delete()


def _profile(grant: Grant, version: DatasetVersion, files: list[DatasetFile]) -> None:
    tables = [file for file in files if is_tabular(file.path)]
    if not tables:
        return
    FileProfile.objects.bulk_create([FileProfile(file=file) for file in tables])
    submit(
        PROFILE,
        target=version,
        payload={"version": str(version.pk)},
        grant=grant,
        permission=Permission.DATASET_WRITE,
    )
