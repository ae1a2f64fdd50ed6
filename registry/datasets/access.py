"""Handing a version's files to a job: on record for the person it works for, streamed as they are written."""

from collections.abc import Iterator
from uuid import UUID

from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Forbidden, NotFound, Unavailable
from accounts.tenancy import require_account, scope
from registry.blobs import read_range
from registry.datasets.deletion.tombstone import require_there
from registry.datasets.sensitivity import holder_may_have
from registry.models import Blob, DatasetFile, DatasetVersion


def open_for_job(
    version_id: UUID, *, user_id: UUID, on_behalf_of: str, job: str
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Record that a job reads a sealed version, then yield each file's safe relative path and its bytes.

    Call it in the account's scope, with somebody acting; the record is written by the call itself, in that
    transaction. Iterating needs no scope: each file's key is opened in a short one of its own. The person who launched
    must still be allowed to have the data. Raises `Forbidden`, `NotFound` where no such sealed version is in scope, and
    `Gone` where it is deleted: before the first file, or, while iterating, before the next one.
    """
    account_id = require_account()
    version = DatasetVersion.objects.select_related("dataset").filter(pk=version_id).first()
    if version is not None:
        require_there(version)
    if version is None or version.is_open:
        raise NotFound(
            "dataset.version_not_found", _("The dataset version that this job reads is not in this project.")
        )
    if not holder_may_have(user_id, version.dataset):
        raise Forbidden(
            "dataset.access",
            _("%(who)s may no longer have the data of “%(name)s”.")
            % {"who": on_behalf_of, "name": version.dataset.name},
        )
    files = list(DatasetFile.objects.filter(version=version).order_by("path").values_list("path", "blob_id"))
    audit.record(
        "dataset.read",
        version,
        detail={
            "job": job,
            "on_behalf_of": on_behalf_of,
            "content_hash": version.content_hash,
            "files": version.file_count,
            "sensitivity": version.dataset.sensitivity,
        },
    )
    return _files(account_id, version_id, files)


def _files(
    account_id: UUID, version_id: UUID, files: list[tuple[str, UUID]]
) -> Iterator[tuple[str, Iterator[bytes]]]:
    for path, blob_id in files:
        with scope(account_id):
            version = DatasetVersion.objects.select_related("dataset").get(pk=version_id)
            require_there(version)
            try:
                pieces = read_range(Blob.objects.get(pk=blob_id))
            except (Blob.DoesNotExist, Unavailable):
                version.refresh_from_db()
                require_there(version)  # deleted between the look and the opening
                raise
        yield path, pieces
