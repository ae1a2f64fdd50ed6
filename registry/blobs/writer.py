"""Writing content into the blob store: streamed, resumable after anything, in constant memory."""

import hashlib
from collections.abc import Iterator
from types import TracebackType
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.crypto import (
    CHUNK_OVERHEAD_BYTES,
    HEADER_BYTES,
    DataKey,
    SealError,
    new_data_key,
    open_data_key,
)
from accounts.errors import Conflict, TooLarge
from registry.blobs.configured import blob_store
from registry.blobs.layout import CHUNK_SIZE, Layout, content_size, sealed_offset, whole_chunks
from registry.blobs.store import BlobStore, Upload
from registry.models.blob import Blob


class BlobWriter:
    """Appends to one blob; at most one writer per blob, across all processes, and one call at a time.

    `open`, `resume` and `finish` need the account's scope; `append`, `complete` and `suspend` do not, so
    that a long upload holds no transaction. A chunk is sealed when the next byte arrives, since only then
    is it known not to be the last; until then it waits in memory, and in a sealed tail while the upload is
    suspended.
    """

    def __init__(self, blob: Blob, upload: Upload, key: DataKey, limit: int | None) -> None:
        self.blob = blob
        self._upload = upload
        self._key = key
        self._limit = limit
        self._chunk_size = blob.chunk_size
        # Made once: growing and dropping a megabyte per chunk costs more in page faults than encrypting it.
        self._buffer = memoryview(bytearray(blob.chunk_size))
        self._filled = 0
        self._room = memoryview(bytearray(blob.chunk_size + CHUNK_OVERHEAD_BYTES))
        self._index = 0
        self._size = 0
        self._ended = upload.committed
        self._closed = False
        self._digest = ""
        self._restore()
        # Hashed on the way where the content passes through this writer from its first byte on.
        self._hash = None if self._ended or self.offset else hashlib.sha256()

    @classmethod
    def open(
        cls,
        account_id: UUID,
        *,
        limit: int | None = None,
        chunk_size: int = CHUNK_SIZE,
        store: BlobStore | None = None,
    ) -> "BlobWriter":
        """Begin a new blob of the account in scope; `limit` is the most bytes it may have."""
        blob = Blob(account_id=account_id, chunk_size=chunk_size)
        key, blob.wrapped_key = new_data_key(blob.place)
        blob.save(force_insert=True)
        return cls._begin(blob, key, limit, store)

    @classmethod
    def resume(cls, blob: Blob, *, limit: int | None = None, store: BlobStore | None = None) -> "BlobWriter":
        """Go on with an unfinished blob, from `offset` on.

        Raises `Conflict` where the blob is stored already, or while another writer holds it.
        """
        if blob.state != Blob.State.WRITING:
            raise Conflict("blob.finished", _("This upload is finished; nothing can be added to it."))
        key = open_data_key(blob.wrapped_key, blob.place)
        return cls._begin(blob, key, limit, store)

    @classmethod
    def _begin(cls, blob: Blob, key: DataKey, limit: int | None, store: BlobStore | None) -> "BlobWriter":
        upload = (store or blob_store()).upload(blob.pk)
        try:
            return cls(blob, upload, key, limit)
        except BaseException:
            upload.close()
            raise

    @property
    def offset(self) -> int:
        """How many bytes of content have arrived; the next `append` goes here."""
        return self._size if self._ended else self._index * self._chunk_size + self._filled

    def append(self, data: bytes | bytearray | memoryview, *, at: int | None = None) -> int:
        """Add content and return the new offset.

        `at`, where given, must be the current offset, else `Conflict` (with `offset` in its data). Raises
        `TooLarge` beyond the limit, `Unavailable` where the store is full: what arrived before stays, and
        can be resumed.
        """
        if at is not None and at != self.offset:
            raise Conflict(
                "blob.offset",
                _("The upload stands at byte %(offset)d, not %(at)d. Send the rest from there.")
                % {"offset": self.offset, "at": at},
                offset=self.offset,
            )
        view = memoryview(data).cast("B")
        if self._limit is not None and self.offset + len(view) > self._limit:
            raise TooLarge(
                "blob.too_large",
                _("The content is larger than the limit of %(limit)d bytes.") % {"limit": self._limit},
                limit=self._limit,
            )
        if self._ended and view:
            raise Conflict("blob.finished", _("This upload is finished; nothing can be added to it."))
        while view:
            if self._filled == self._chunk_size:
                self._seal_buffer(last=False)
                self._index, self._filled = self._index + 1, 0
            piece = view[: self._chunk_size - self._filled]
            self._buffer[self._filled : self._filled + len(piece)] = piece
            self._filled += len(piece)
            if self._hash is not None:
                self._hash.update(piece)
            view = view[len(piece) :]
        return self.offset

    def suspend(self) -> int:
        """Make all content up to the returned offset durable and let go, for a later `resume`."""
        try:
            if not (self._ended or self._closed):
                self._upload.sync()
                self._upload.save_tail(self._key.seal_tail(self._index, self._buffer[: self._filled]))
            return self.offset
        finally:
            self._close()

    def complete(self) -> str:
        """End the content: seal the last chunk, make it durable and readable; return its SHA-256 in hex.

        Calling it again, also after a crash, does no harm. Where the content came in several sittings, it
        is read back for the hash (about a second per gigabyte): so call this outside any scope before
        `finish`. Raises `SealError` where what was written earlier does not read back.
        """
        if not self._digest:
            if not self._ended:
                self._size = self.offset
                self._seal_buffer(last=True)
                self._ended = True
            digest = self._hash.hexdigest() if self._hash else self._read_back()
            self._upload.commit()
            self._digest = digest
        return self._digest

    def finish(self) -> Blob:
        """Complete the content and its row; return the stored blob. Needs the account's scope."""
        digest = self.complete()
        self._close()
        unfinished = Blob.objects.filter(pk=self.blob.pk, state=Blob.State.WRITING)
        stored = {"state": Blob.State.STORED, "size": self._size, "sha256": digest}
        if not unfinished.update(**stored):
            raise Conflict("blob.finished", _("This upload was finished or abandoned by another request."))
        for name, value in stored.items():
            setattr(self.blob, name, value)
        return self.blob

    def discard(self) -> None:
        """Remove the bytes. The row is the caller's to delete (`registry.blobs.delete_blob`), in scope."""
        self._closed = True
        self._upload.discard()

    def __enter__(self) -> "BlobWriter":
        """Leaving the block suspends the upload, unless it was finished or discarded."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.suspend()

    def _close(self) -> None:
        self._closed = True
        self._upload.close()

    def _seal_buffer(self, *, last: bool) -> None:
        content = self._buffer[: self._filled]
        self._upload.append(self._key.seal_chunk_into(self._index, content, self._room, last=last))

    def _restore(self) -> None:
        """Find where an earlier writer got to, dropping what it had not finished writing."""
        upload = self._upload
        if upload.committed:
            self._key.check_header(upload.read(0, HEADER_BYTES))
            self._size = content_size(upload.size, self._chunk_size)
            return
        if upload.size < HEADER_BYTES:
            upload.truncate(0)
            upload.append(self._key.header)
        self._key.check_header(upload.read(0, HEADER_BYTES))
        index = whole_chunks(upload.size, self._chunk_size)
        # After a power cut the file may be longer than what reached the disk; and a last chunk, sealed just
        # before a crash, opens as the last one only.
        while index and not self._opens(index - 1):
            index -= 1
        upload.truncate(sealed_offset(index, self._chunk_size))
        self._index = index
        tail = self._tail(index)
        self._filled = len(tail)
        self._buffer[: self._filled] = tail

    def _opens(self, index: int) -> bool:
        try:
            self._chunk(index, Layout((index + 2) * self._chunk_size, self._chunk_size))
        except SealError:
            return False
        return True

    def _tail(self, index: int) -> bytes:
        try:
            return self._key.open_tail(index, self._upload.load_tail())
        except SealError:  # none, or one of an earlier suspension that full chunks have overtaken
            return b""

    def _read_back(self) -> str:
        digest = hashlib.sha256()
        for piece in self._chunks(Layout(self._size, self._chunk_size)):
            digest.update(piece)
        return digest.hexdigest()

    def _chunks(self, layout: Layout) -> Iterator[bytes]:
        if self._upload.size != layout.sealed_size:
            raise SealError
        return (self._chunk(index, layout) for index in range(layout.chunks))

    def _chunk(self, index: int, layout: Layout) -> bytes:
        sealed = self._upload.read(*layout.chunk(index))
        return self._key.open_chunk(index, sealed, last=layout.is_last(index))
