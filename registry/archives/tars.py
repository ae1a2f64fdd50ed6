"""Reading a tar archive, plain or gzipped, that somebody uploaded."""

import gzip
import io
import re
import tarfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Self

from django.utils.translation import gettext as _

from accounts.errors import Unprocessable
from registry.archives.names import refused
from registry.archives.tree import Tree

_PIECE = 1 << 16
# What one entry's headers may take: long names and extended attributes are read whole into memory.
_HEADERS = 1 << 16
_PADDING = 1 << 20
_FILES = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE})
# `tarfile` searches extended headers for "<digits> keyword=", in quadratic time on long runs of digits.
_DIGITS = re.compile(rb"\d{128}")


class _Metered(io.RawIOBase):
    """Decompressed bytes, read forwards only, and never more than `allowed` between two settings of it."""

    def __init__(self, source: BinaryIO | gzip.GzipFile) -> None:
        self._source = source
        self._position = 0
        self._in_headers = True
        self.allowed = _HEADERS

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > self.allowed:
            raise Unprocessable("archive.headers", _("The archive has an entry whose headers are too large."))
        data = self._source.read(size)
        self._position += len(data)
        self.allowed -= len(data)
        if self._in_headers and size > tarfile.BLOCKSIZE and _DIGITS.search(data):
            raise Unprocessable("archive.headers", _("The archive has an entry whose headers make no sense."))
        return data

    def entry(self, size: int) -> None:
        """Allow for the content of an entry of `size` bytes."""
        self._in_headers = False
        self.allowed = size + tarfile.BLOCKSIZE

    def headers(self) -> None:
        """Allow for the headers of the next entry, and the padding of the last."""
        self._in_headers = True
        self.allowed = _HEADERS

    def drain(self) -> None:
        """Read the padding after the end, so that gzip checks its sum; `ReadError` where it goes on."""
        self.allowed = _PADDING
        while self.read(_PIECE):
            if self.allowed < _PIECE:
                raise tarfile.ReadError("more after the end")

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset < self._position:
            raise tarfile.ReadError("backwards")
        while self._position < offset:
            if not self.read(min(_PIECE, offset - self._position, max(1, self.allowed))):
                break
        return self._position

    def tell(self) -> int:
        return self._position

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


class _Header(tarfile.TarInfo):
    """A header that must be whole: `TarFile.next` would take a torn one for the end of the archive."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        # The block of zeros that ends an archive; typeshed does not know the class.
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


def extract_tar(archive: BinaryIO, tree: Tree, *, gzipped: bool) -> None:
    """Write a tar's content into `tree`; raise `Unprocessable` naming the entry that is refused."""
    name = ""
    try:
        metered = _Metered(gzip.GzipFile(fileobj=archive) if gzipped else archive)
        with tarfile.open(fileobj=metered, mode="r:", tarinfo=_Header) as opened:
            while (member := opened.next()) is not None:
                name = member.name
                _extract(opened, member, tree, metered)
                opened.members = []  # type: ignore[attr-defined]
                metered.headers()
            metered.drain()
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise refused(
            "damaged", _("The tar archive is damaged after the entry “%(name)s”."), name or "…"
        ) from error


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, tree: Tree, metered: _Metered) -> None:
    name = member.name
    if member.isdir():
        tree.folder(name)
    elif member.type in _FILES and member.sparse is None:
        metered.entry(member.size)
        tree.file(name, _pieces(archive, member), executable=bool(member.mode & 0o100))
    else:
        raise refused(
            "kind", _("The entry “%(name)s” is a link or a device. Pack files and folders only."), name
        )


def _pieces(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    content = archive.extractfile(member)
    if content is None:
        raise tarfile.ReadError("no content")
    with content:
        while piece := content.read(_PIECE):
            yield piece
