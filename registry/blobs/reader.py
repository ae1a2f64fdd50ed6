"""Reading stored content: any range, touching only the chunks that hold it, one chunk in memory at a time."""

from collections.abc import Iterator
from types import TracebackType

from django.utils.translation import gettext as _

from accounts.crypto import HEADER_BYTES, DataKey, SealError, open_data_key
from accounts.errors import Conflict
from registry.blobs.configured import blob_store
from registry.blobs.layout import Layout
from registry.blobs.store import BlobStore, Content
from registry.models.blob import Blob


class BlobReader:
    """Opened content. `open` needs the account's scope; reading does not: streams outlive transactions."""

    def __init__(self, content: Content, key: DataKey, layout: Layout) -> None:
        self._content = content
        self._key = key
        self._layout = layout

    @classmethod
    def open(cls, blob: Blob, *, store: BlobStore | None = None) -> "BlobReader":
        """Open a stored blob.

        Raises `Conflict` while it is being uploaded, `SealError` where key, place or length is not that of
        the row, `Unavailable` where the store does not have it.
        """
        if blob.state != Blob.State.STORED:
            raise Conflict(
                "blob.unfinished", _("This content is still being uploaded. Try again when it is stored.")
            )
        key = open_data_key(blob.wrapped_key, blob.place)
        content = (store or blob_store()).open(blob.pk)
        try:
            layout = Layout(blob.size, blob.chunk_size)
            if content.size != layout.sealed_size:
                raise SealError
            key.check_header(content.read(0, HEADER_BYTES))
        except BaseException:
            content.close()
            raise
        return cls(content, key, layout)

    @property
    def size(self) -> int:
        """Bytes of content."""
        return self._layout.size

    def range(self, start: int, end: int) -> Iterator[bytes]:
        """Yield the content from `start` up to, not including, `end`, in pieces of at most one chunk.

        Raises `SealError` at the piece that does not open, before any byte of it.
        """
        if not 0 <= start <= end <= self.size:
            raise ValueError(f"Bytes {start} to {end} are not within 0 to {self.size}.")
        return self._pieces(start, end)

    def _pieces(self, start: int, end: int) -> Iterator[bytes]:
        for index in self._layout.covering(start, end):
            offset = index * self._layout.chunk_size
            piece = self._chunk(index)
            first, last = max(0, start - offset), min(len(piece), end - offset)
            yield piece if (first, last) == (0, len(piece)) else piece[first:last]

    def _chunk(self, index: int) -> bytes:
        sealed = self._content.read(*self._layout.chunk(index))
        return self._key.open_chunk(index, sealed, last=self._layout.is_last(index))

    def close(self) -> None:
        """Let go of the content."""
        self._content.close()

    def __enter__(self) -> "BlobReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_range(
    blob: Blob, start: int = 0, end: int | None = None, *, store: BlobStore | None = None
) -> Iterator[bytes]:
    """Yield a stored blob's content from `start` up to, not including, `end` (default: all).

    The call itself needs the account's scope and raises as `BlobReader.open`; iterating does not need it.
    """
    reader = BlobReader.open(blob, store=store)
    try:
        pieces = reader.range(start, reader.size if end is None else end)
    except BaseException:
        reader.close()
        raise
    return _closing(reader, pieces)


def _closing(reader: BlobReader, pieces: Iterator[bytes]) -> Iterator[bytes]:
    with reader:
        yield from pieces
