"""Reading a zip archive that somebody uploaded."""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from django.utils.translation import gettext as _

from accounts.errors import Unprocessable
from registry.archives.limits import Limits
from registry.archives.names import refused
from registry.archives.tree import Tree

_PIECE = 1 << 16
_ENCRYPTED = 0x1 | 0x40 | 0x2000  # classic, strong, and encrypted directory
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
# The end record with the longest possible comment, which `zipfile` reads at once.
_SMALLEST_BOUND = (1 << 16) + 1024


class _Bounded(io.RawIOBase):
    """Refuses to hand out more than `bound` bytes at once: `zipfile` reads the whole directory in one go.

    The directory's size is taken from the archive, so a small `entries` limit would otherwise come too late.
    """

    def __init__(self, archive: BinaryIO, bound: int) -> None:
        self._archive = archive
        self.bound = bound

    def read(self, size: int = -1) -> bytes:
        data = self._archive.read(self.bound + 1 if size < 0 else min(size, self.bound + 1))
        if len(data) > self.bound:
            raise Unprocessable(
                "archive.entries", _("The archive lists too many entries. Pack less into it.")
            )
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET and offset < 0:
            raise zipfile.BadZipFile("an offset before the beginning")
        return self._archive.seek(offset, whence)

    def tell(self) -> int:
        return self._archive.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


def extract_zip(archive: BinaryIO, tree: Tree, limits: Limits) -> None:
    """Write a zip's content into `tree`; raise `Unprocessable` naming the entry that is refused."""
    bounded = _Bounded(archive, max(_SMALLEST_BOUND, limits.entries * 256))
    try:
        with zipfile.ZipFile(bounded) as opened:
            for info in opened.infolist():
                _extract(opened, info, tree)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        UnicodeError,
        struct.error,
    ) as error:
        raise Unprocessable(
            "archive.damaged", _("The zip archive is damaged: it does not read to its end.")
        ) from error


def _extract(archive: zipfile.ZipFile, info: zipfile.ZipInfo, tree: Tree) -> None:
    name = info.orig_filename  # `filename` ends at a zero byte
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise refused(
            "kind", _("The entry “%(name)s” is a link or a device. Pack files and folders only."), name
        )
    if info.flag_bits & _ENCRYPTED:
        raise refused("encrypted", _("The entry “%(name)s” is encrypted. Pack it without a password."), name)
    if name.endswith("/"):
        if info.file_size:
            raise refused("kind", _("The entry “%(name)s” is named as a folder, and has content."), name)
        tree.folder(name)
        return
    if kind == stat.S_IFDIR:
        raise refused("kind", _("The entry “%(name)s” is a folder by one mark, and a file by another."), name)
    if info.compress_type not in _METHODS:
        raise refused("method", _("The entry “%(name)s” is compressed by other than deflate."), name)
    try:
        tree.file(name, _pieces(archive, info), executable=bool(info.external_attr >> 16 & stat.S_IXUSR))
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise refused("damaged", _("The entry “%(name)s” is damaged."), name) from error


def _pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(info) as member:
        while piece := member.read(_PIECE):
            yield piece
