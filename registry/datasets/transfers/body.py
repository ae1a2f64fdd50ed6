"""Moving a request's body into the blob store, a mebibyte in memory at a time."""

import asyncio

from django.utils.translation import gettext as _

from accounts.errors import Invalid, TooLarge
from projects.doors.asgi import AsgiRequest
from registry.blobs import BlobWriter
from registry.datasets.limits import check_room

PIECE = 1 << 20
# How often, in bytes, the disk's room is looked at again while a body arrives.
ROOM_EVERY = 64 << 20


async def pour(request: AsgiRequest, writer: BlobWriter) -> None:
    """Append the whole body; what arrived before an error or a lost connection stays with the writer.

    Sealing and hashing run in a thread: they would hold up every other request of the process. Raises
    `TooLarge`, `InsufficientStorage` or `ClientGone`.
    """
    waiting = bytearray()
    room_at = writer.offset + ROOM_EVERY
    try:
        async for chunk in request.body():
            waiting += chunk
            if len(waiting) >= PIECE:
                full, waiting = waiting, bytearray()
                await asyncio.to_thread(writer.append, full)
                if writer.offset >= room_at:
                    room_at = writer.offset + ROOM_EVERY
                    await asyncio.to_thread(check_room)
    finally:
        if waiting:
            await asyncio.to_thread(writer.append, waiting)


def upload_offset(request: AsgiRequest) -> int:
    """Return the `Upload-Offset` header; raises `Invalid` where it is missing or no number."""
    text = request.headers.get("upload-offset", "")
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        message = _("Send the header Upload-Offset: the byte at which this body begins, such as 0.")
        raise Invalid("dataset.upload_offset", message, errors={"Upload-Offset": [message]})
    return int(text)


def check_announced(path: str, announced: int | None, end: int | None) -> None:
    """Raise `TooLarge` where a body that ends at byte `end` is more than the file was announced with."""
    if announced is not None and end is not None and end > announced:
        raise TooLarge(
            "dataset.more_than_announced",
            _("“%(path)s” was announced with %(announced)d bytes; this body would take it to %(end)d.")
            % {"path": path, "announced": announced, "end": end},
            limit=announced,
        )
