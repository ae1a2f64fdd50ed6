"""Archives and folders that people upload: read without believing anything they say about themselves."""

import io
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from django.utils.translation import gettext as _

from accounts.errors import Unprocessable
from registry.archives.limits import Limits
from registry.archives.tars import extract_tar
from registry.archives.tree import Extracted, Tree
from registry.archives.zips import extract_zip

__all__ = ["Extracted", "Limits", "extract", "extract_folder"]

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_GZIP = b"\x1f\x8b"
_TAR_MAGIC = slice(257, 262)


def extract(archive: BinaryIO, destination: Path, limits: Limits | None = None) -> Extracted:
    """Unpack a zip, tar or tar.gz into `destination`, which must be missing or empty: whole, or not at all.

    Raises `Unprocessable` with a sentence that names the entry: absolute or climbing paths, links, devices,
    sparse files, encrypted entries, names that occur twice or differ only in case, more than `limits`
    allows (counted on what really comes out), damage. `archive` must be seekable. Takes about 64 KiB of
    memory beside the list of names.
    """
    bounds = limits or Limits()
    size = archive.seek(0, io.SEEK_END)
    archive.seek(0)
    head = archive.read(512)
    archive.seek(0)
    with Tree(destination, bounds, archive_size=size) as tree:
        if head.startswith(_ZIP):
            extract_zip(archive, tree, bounds)
        elif head.startswith(_GZIP):
            extract_tar(archive, tree, gzipped=True)
        elif head[_TAR_MAGIC] == b"ustar":
            extract_tar(archive, tree, gzipped=False)
        else:
            raise Unprocessable(
                "archive.unknown",
                _("This is not a zip, tar or tar.gz archive. Pack the folder as one of these."),
            )
        return tree.done()


def extract_folder(
    files: Iterable[tuple[str, Iterable[bytes]]], destination: Path, limits: Limits | None = None
) -> Extracted:
    """Write an uploaded folder, given as relative names with content, by the rules of `extract`."""
    with Tree(destination, limits or Limits()) as tree:
        for name, pieces in files:
            tree.file(name, pieces)
        return tree.done()
