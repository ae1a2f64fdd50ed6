"""Uploads into an open version: begun, finished, cancelled. The bytes themselves come through `transfers`."""

import re
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Conflict, Invalid, Unprocessable
from projects.doors import Grant
from registry.blobs import BlobWriter, delete_blob
from registry.datasets.limits import FILES_PER_VERSION, UPLOAD_LIFETIME, check_room, check_size
from registry.datasets.names import clean_path, parents
from registry.models import DatasetFile, DatasetUpload, DatasetVersion

_SHA256 = re.compile(r"[0-9a-f]{64}")


def require_open(version: DatasetVersion) -> None:
    """Raise `Conflict` for a sealed version."""
    if not version.is_open:
        raise Conflict(
            "dataset.version_sealed",
            _("%(version)s is sealed and does not change any more. Open a new version.")
            % {"version": version.label},
        )


def check_sha256(text: str) -> str:
    """Return a SHA-256 in lower-case hex, or nothing for nothing; raises `Invalid` for anything else."""
    lowered = text.strip().lower()
    if lowered and not _SHA256.fullmatch(lowered):
        message = _("A SHA-256 has 64 hexadecimal digits.")
        raise Invalid("dataset.sha256", message, errors={"sha256": [message]})
    return lowered


def begin_upload(
    grant: Grant, version: DatasetVersion, path: str, *, size: int | None = None, sha256: str = ""
) -> tuple[DatasetUpload, bool]:
    """Begin a file of an open version; the second value says whether it is new.

    The same path, size and SHA-256 again give the upload that is under way, to go on with. Raises `Invalid`
    for the path or hash, `Conflict` for a sealed version or a taken path, `TooLarge`, or
    `InsufficientStorage`.
    """
    require_open(version)
    path = clean_path(path)
    sha256 = check_sha256(sha256)
    check_size(size)
    under_way = DatasetUpload.objects.filter(version=version, path=path).first()
    if under_way is not None:
        if sha256 and (under_way.declared_sha256, under_way.declared_size) == (sha256, size):
            under_way.version = version
            return under_way, False
        raise Conflict(
            "dataset.upload_under_way",
            _("“%(path)s” is being uploaded into %(version)s already. Go on with that upload, or cancel it.")
            % {"path": path, "version": version.label},
            upload=str(under_way.pk),
        )
    _check_free(version, path)
    check_room(size or 0)
    with BlobWriter.open(grant.account_id) as writer:
        blob = writer.blob
    upload = DatasetUpload(
        version=version,
        path=path,
        declared_size=size,
        declared_sha256=sha256,
        blob=blob,
        created_by_label=grant.actor.person,
        expires_at=timezone.now() + UPLOAD_LIFETIME,
    )
    upload.save(force_insert=True)
    audit.record("dataset.upload.start", version, detail={"path": path, "size": size})
    return upload, True


def finish_upload(grant: Grant, upload: DatasetUpload, writer: BlobWriter) -> DatasetFile:
    """Make the file of a completed upload; `writer.complete()` has been called outside the scope."""
    version = upload.version
    require_open(version)
    blob = writer.finish()
    file = add_file(version, upload.path, blob.pk, blob.size, blob.sha256)
    audit.record(
        "dataset.upload.finish", version, detail={"path": file.path, "size": file.size, "sha256": file.sha256}
    )
    upload.delete()
    return file


def add_file(version: DatasetVersion, path: str, blob_id: UUID, size: int, sha256: str) -> DatasetFile:
    """Write the row of a file whose content is stored."""
    file = DatasetFile(version=version, path=path, blob_id=blob_id, size=size, sha256=sha256)
    file.save(force_insert=True)
    return file


def cancel_upload(grant: Grant, upload: DatasetUpload) -> None:
    """Drop an upload and what it has sent."""
    drop_upload(upload, reason="cancelled")


def drop_upload(upload: DatasetUpload, *, reason: str) -> None:
    """Delete an upload with its content, and record why: cancelled, checksum, expired."""
    blob = upload.blob
    audit.record("dataset.upload.cancel", upload.version, detail={"path": upload.path, "reason": reason})
    upload.delete()
    delete_blob(blob)


def reject_upload(grant: Grant, upload: DatasetUpload, sha256: str) -> Unprocessable:
    """Drop an upload whose content is another; returns the error to raise once that is committed."""
    drop_upload(upload, reason="checksum")
    return Unprocessable(
        "dataset.checksum",
        _("“%(path)s” arrived with SHA-256 %(got)s instead of %(wanted)s, and was dropped. Send it again.")
        % {"path": upload.path, "got": sha256, "wanted": upload.declared_sha256},
        sha256=sha256,
    )


def _check_free(version: DatasetVersion, path: str) -> None:
    """Raise `Conflict` where the path, as some file system compares paths, is in the way of another."""
    folders = parents(path)
    taken = Q(path__iexact=path) | Q(path__istartswith=f"{path}/")
    for folder in folders:
        taken |= Q(path__iexact=folder)
    for model in (DatasetFile, DatasetUpload):
        other = model.objects.filter(taken, version=version).values_list("path", flat=True).first()
        if other is not None:
            raise Conflict(
                "dataset.path_taken",
                _("%(version)s has “%(other)s” already, which is in the way of “%(path)s”.")
                % {"version": version.label, "other": other, "path": path},
            )
    files = DatasetFile.objects.filter(version=version).count()
    if files + DatasetUpload.objects.filter(version=version).count() >= FILES_PER_VERSION:
        raise Conflict(
            "dataset.too_many_files",
            _("A version may have at most %(limit)d files. Pack small files together.")
            % {"limit": FILES_PER_VERSION},
        )
