"""Stored content as a file object: what Arrow and gzip read from, one chunk in memory at a time."""

import io
from collections.abc import Callable
from typing import IO

from registry.blobs import BlobReader


class BlobFile(io.RawIOBase):
    """A read-only, seekable file over sealed content. `on_read(position)` hears how far reading has come."""

    def __init__(self, reader: BlobReader, on_read: Callable[[int], None] | None = None) -> None:
        super().__init__()
        self._reader = reader
        self._position = 0
        self._on_read = on_read

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._reader.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        view = memoryview(buffer).cast("B")
        end = min(self._position + len(view), self._reader.size)
        start = self._position
        if start >= end:
            return 0
        done = 0
        for piece in self._reader.range(start, end):
            view[done : done + len(piece)] = piece
            done += len(piece)
        self._position = end
        if self._on_read is not None:
            self._on_read(end)
        return done


class Tally(io.RawIOBase):
    """A forward-only file that counts what is read and stops at a limit: unpacking has no end of its own."""

    def __init__(self, source: IO[bytes], limit: int, beyond: Callable[[], Exception]) -> None:
        super().__init__()
        self._source = source
        self._limit = limit
        self._beyond = beyond
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        view = memoryview(buffer).cast("B")
        data = self._source.read(len(view))
        view[: len(data)] = data
        self.count += len(data)
        if self.count > self._limit:
            raise self._beyond()
        return len(data)
