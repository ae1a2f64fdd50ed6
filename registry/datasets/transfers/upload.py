"""Resumable uploads: bytes at an offset, in as many requests as it takes; then finished, or dropped."""

import asyncio
from typing import Any, ClassVar

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.errors import Conflict, Invalid, Unavailable
from projects.doors import Grant
from projects.doors.asgi import AsgiRequest, ProjectApp
from projects.permissions import Permission
from registry.blobs import BlobWriter
from registry.datasets import actions
from registry.datasets.actions.uploads import check_sha256, require_open
from registry.datasets.find import find_upload, find_version
from registry.datasets.limits import UPLOAD_LIFETIME, check_room, check_size, most_bytes
from registry.datasets.serializers import DatasetFileSerializer, DatasetUploadSerializer
from registry.datasets.transfers import described
from registry.datasets.transfers.body import check_announced, pour, upload_offset
from registry.models import DatasetUpload

_UPLOAD = "dataset.upload"


class _OneUpload(ProjectApp):
    """Finds the upload while the door is open, so that a miss is on record as any other."""

    def admit(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        version = find_version(grant, kwargs["name"], int(kwargs["number"]))
        request.scope[_UPLOAD] = find_upload(version, kwargs["upload_id"])

    def _found(self, request: AsgiRequest) -> DatasetUpload:
        found: DatasetUpload = request.scope[_UPLOAD]
        return found

    async def _resume(self, request: AsgiRequest, grant: Grant, upload: DatasetUpload) -> BlobWriter:
        """Claim the upload's content. Raises `Unavailable` while another request writes it."""
        limit = most_bytes() if upload.declared_size is None else upload.declared_size
        try:
            return await self.in_scope(request, grant, BlobWriter.resume, upload.blob, limit=limit)
        except Conflict as error:
            if error.code != "blob.busy":
                raise
            # A client that lost its connection is back before the server has noticed: it should wait, not
            # give up.
            raise Unavailable(
                "dataset.upload_busy",
                _("“%(path)s” is being written by another request. Wait until it ends, then go on.")
                % {"path": upload.path},
                retry_after=1,
            ) from None


class UploadContent(_OneUpload):
    """An upload's bytes: GET or HEAD say where it stands, PUT or PATCH go on from there, DELETE drops it."""

    actions: ClassVar[dict[str, str]] = {
        "GET": Permission.DATASET_WRITE,
        "PUT": Permission.DATASET_WRITE,
        "PATCH": Permission.DATASET_WRITE,
        "DELETE": Permission.DATASET_WRITE,
    }
    documentation: ClassVar[dict[str, dict[str, Any]]] = described.UPLOAD

    async def handle(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        upload = self._found(request)
        if request.method == "DELETE":
            await self.in_scope(request, grant, actions.cancel_upload, grant, upload)
            await request.respond(204)
        elif request.method in ("GET", "HEAD"):
            writer = await self._resume(request, grant, upload)
            await self._answer(request, grant, upload, await asyncio.to_thread(writer.suspend))
        else:
            await self._receive(request, grant, upload)

    async def _receive(self, request: AsgiRequest, grant: Grant, upload: DatasetUpload) -> None:
        offset, length = upload_offset(request), request.content_length
        require_open(upload.version)
        end = None if length is None else offset + length
        check_announced(upload.path, upload.declared_size, end)
        check_size(end)
        await asyncio.to_thread(check_room, length or 0)
        writer = await self._resume(request, grant, upload)
        try:
            writer.append(b"", at=offset)
            await pour(request, writer)
        finally:
            reached = await asyncio.to_thread(writer.suspend)
            await self.in_scope(request, grant, _remember, upload, reached)
        await self._answer(request, grant, upload, reached)

    async def _answer(self, request: AsgiRequest, grant: Grant, upload: DatasetUpload, offset: int) -> None:
        upload.offset = offset
        headers = {"upload-offset": str(offset), "cache-control": "no-store"}
        if upload.declared_size is not None:
            headers["upload-length"] = str(upload.declared_size)
        shown = DatasetUploadSerializer(upload, context={"slug": grant.slug}).data
        await request.respond_json(200, shown, headers)


class UploadFinish(_OneUpload):
    """Makes a file of an upload whose bytes have all arrived."""

    actions: ClassVar[dict[str, str]] = {"POST": Permission.DATASET_WRITE}
    documentation: ClassVar[dict[str, dict[str, Any]]] = described.FINISH

    async def handle(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        upload = self._found(request)
        wanted = _wanted(await request.json(limit=4096)) or upload.declared_sha256
        writer = await self._resume(request, grant, upload)
        try:
            self._check_whole(upload, writer)
            # Content of several sittings is read back for its hash: seconds per gigabyte, outside every
            # transaction.
            digest = await asyncio.to_thread(writer.complete)
            if wanted and digest != wanted:
                upload.declared_sha256 = wanted
                raise await self.in_scope(request, grant, actions.reject_upload, grant, upload, digest)
            shown = await self.in_scope(request, grant, _finish, grant, kwargs, writer)
        finally:
            await asyncio.to_thread(writer.suspend)
        await request.respond_json(201, shown)

    def _check_whole(self, upload: DatasetUpload, writer: BlobWriter) -> None:
        if upload.declared_size is not None and writer.offset != upload.declared_size:
            raise Conflict(
                "dataset.upload_incomplete",
                _("“%(path)s” stands at byte %(offset)d of %(size)d. Send the rest, then finish.")
                % {"path": upload.path, "offset": writer.offset, "size": upload.declared_size},
                offset=writer.offset,
            )


def _remember(upload: DatasetUpload, offset: int) -> None:
    DatasetUpload.objects.filter(pk=upload.pk).update(
        offset=offset, expires_at=timezone.now() + UPLOAD_LIFETIME
    )


def _finish(grant: Grant, kwargs: dict[str, str], writer: BlobWriter) -> dict[str, Any]:
    """Under the version's lock: sealing waits for it, or has been first."""
    version = find_version(grant, kwargs["name"], int(kwargs["number"]), lock=True)
    upload = find_upload(version, kwargs["upload_id"], lock=True)
    file = actions.finish_upload(grant, upload, writer)
    return dict(DatasetFileSerializer(file, context={"slug": grant.slug}).data)


def _wanted(body: Any) -> str:
    """Read the optional body of a finish: nothing, or an object with `sha256`."""
    if body is None:
        return ""
    unknown = sorted(set(body) - {"sha256"}) if isinstance(body, dict) else ["body"]
    if unknown or not isinstance(body.get("sha256", ""), str):
        names = unknown or ["sha256"]
        message = _('Send nothing, or {"sha256": "…"}.')
        raise Invalid("dataset.finish", message, errors={name: [message] for name in names})
    return check_sha256(body.get("sha256", ""))
