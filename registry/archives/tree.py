"""Writing an archive's content into a folder: whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType

from django.utils.translation import gettext as _

from accounts.errors import Unprocessable
from registry.archives.limits import Limits
from registry.archives.names import Names, printable


@dataclass(frozen=True, slots=True)
class Extracted:
    """What came out: relative paths of the files, in the archive's order, and their bytes in all."""

    files: tuple[PurePosixPath, ...]
    size: int


class Tree:
    """A folder being filled beside `destination`; `done` moves it there, else it is removed.

    Folders are 0700, files 0600, or 0700 where the archive marks them executable. Nothing but files and
    folders is ever made, and no file is opened that existed before.
    """

    def __init__(self, destination: Path, limits: Limits, archive_size: int | None = None) -> None:
        self.names = Names(limits)
        self._destination = destination
        self._limits = limits
        self._archive_size = archive_size
        self._size = 0
        self._files: list[PurePosixPath] = []

    def __enter__(self) -> "Tree":
        parent = self._destination.parent
        self._folder = Path(tempfile.mkdtemp(prefix=f".{self._destination.name[:32]}-", dir=parent))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def folder(self, name: str) -> None:
        """Make a folder; refuse its name where it is unsafe."""
        self._make(self.names.folder(name))

    def file(self, name: str, pieces: Iterable[bytes], *, executable: bool = False) -> None:
        """Write a file; refuse an unsafe name, and content beyond the limits."""
        path = self.names.file(name)
        self._make(path.parent)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._folder / path, flags, 0o700 if executable else 0o600)
        with open(descriptor, "wb") as file:
            for piece in pieces:
                self._count(len(piece), name)
                file.write(piece)
        self._files.append(path)

    def done(self) -> Extracted:
        """Put the folder in its place, which must be missing or empty."""
        self._folder.rename(self._destination)
        return Extracted(tuple(self._files), self._size)

    def _make(self, path: PurePosixPath) -> None:
        (self._folder / path).mkdir(mode=0o700, parents=True, exist_ok=True)

    def _count(self, size: int, name: str) -> None:
        self._size += size
        if self._size > self._limits.total:
            raise Unprocessable(
                "archive.too_large",
                _("The content is larger than %(limit)d bytes, reached within “%(name)s”. Pack less into it.")
                % {"limit": self._limits.total, "name": printable(name)},
                entry=printable(name),
            )
        if self._archive_size is not None and self._size > max(
            self._limits.ratio_floor, self._limits.ratio * self._archive_size
        ):
            raise Unprocessable(
                "archive.ratio",
                _("“%(name)s” unpacks to over %(ratio)d times the archive's size. It looks like a zip bomb.")
                % {"ratio": self._limits.ratio, "name": printable(name)},
                entry=printable(name),
            )
