"""A blob store in a folder: one file per blob, named by the blob's id alone.

`ab/cd/<id>` is finished content, `<id>.part` one being written, `<id>.tail` the unfinished last chunk of a
suspended upload. The two folders come from the id's random end (its beginning is the time, and would fill
one folder after the other). Files are 0600, folders 0700.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.errors import Conflict, Unavailable
from registry.blobs.store import Content, Entry, Upload

_PART = ".part"
_TAIL = ".tail"
_NEW_TAIL = ".tail-new"
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW


class FolderStore:
    """Sealed blobs below one folder of a file system that has `flock` and atomic renames."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def upload(self, blob_id: UUID) -> Upload:
        """Begin or resume an upload. Raises `Conflict` while another writer holds it."""
        path = self._path(blob_id)
        self._make_folder(path.parent)
        return _claim(path)

    def open(self, blob_id: UUID) -> Content:
        """Open finished content. Raises `Unavailable` where the folder does not have it."""
        try:
            return _Content(os.open(self._path(blob_id), os.O_RDONLY | _FLAGS))
        except FileNotFoundError:
            raise Unavailable(
                "blob.missing",
                _("Content %(id)s is missing from the blob store. Ask the people who run the portal.")
                % {"id": blob_id},
            ) from None

    def delete(self, blob_id: UUID) -> None:
        """Remove content and remains of uploads; fine where there are none."""
        self._path(blob_id).unlink(missing_ok=True)
        self.discard_upload(blob_id)

    def discard_upload(self, blob_id: UUID) -> None:
        """Remove the remains of an upload, not the finished content."""
        for path in self._files(blob_id)[1:]:
            path.unlink(missing_ok=True)

    def entries(self) -> Iterator[Entry]:
        """Yield the files that are named like blobs; others are not the store's to judge."""
        for path in self._root.glob("??/??/*"):
            with suppress(ValueError, FileNotFoundError):  # not named by an id; or gone since it was listed
                blob_id = UUID(hex=path.stem)
                if path in (known := self._files(blob_id)):
                    yield Entry(blob_id, finished=path == known[0], modified_at=_modified(path))

    def modified_at(self, blob_id: UUID) -> datetime | None:
        """Return when anything of this blob was last written, or None where there is nothing."""
        times = []
        for path in self._files(blob_id):
            with suppress(FileNotFoundError):
                times.append(_modified(path))
        return max(times, default=None)

    def _path(self, blob_id: UUID) -> Path:
        name = blob_id.hex
        return self._root / name[-2:] / name[-4:-2] / name

    def _files(self, blob_id: UUID) -> list[Path]:
        path = self._path(blob_id)
        return [path, *(path.with_suffix(suffix) for suffix in (_PART, _TAIL, _NEW_TAIL))]

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        for level in (self._root, folder.parent, folder):
            level.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync_folder(level.parent)


class _Content:
    def __init__(self, descriptor: int) -> None:
        # A file object, so that an abandoned generator's descriptor is closed with it.
        self._file = open(descriptor, "rb", buffering=0)  # noqa: SIM115
        self.size = os.fstat(descriptor).st_size

    def read(self, start: int, length: int) -> bytes:
        return _read(self._file.fileno(), start, length)

    def close(self) -> None:
        self._file.close()


class _Committed:
    """An upload whose content was finished before: there is nothing left to write."""

    committed = True

    def __init__(self, path: Path) -> None:
        self._content = _Content(os.open(path, os.O_RDONLY | _FLAGS))
        self._path = path
        self.size = self._content.size

    def read(self, start: int, length: int) -> bytes:
        return self._content.read(start, length)

    def append(self, sealed: bytes | memoryview) -> None:
        raise _finished(self._path)

    def truncate(self, size: int) -> None:
        raise _finished(self._path)

    def save_tail(self, sealed: bytes) -> None:
        raise _finished(self._path)

    def load_tail(self) -> bytes:
        return b""

    def sync(self) -> None:
        """Committing has done so."""

    def commit(self) -> None:
        """Done but for the tails, where the writer died in between."""
        _drop_tails(self._path)

    def discard(self) -> None:
        self._path.unlink(missing_ok=True)
        _drop_tails(self._path)
        self.close()

    def close(self) -> None:
        self._content.close()


class _Upload:
    def __init__(self, path: Path, descriptor: int) -> None:
        self.committed = False
        self._path = path
        self._part = path.with_suffix(_PART)
        self._tail = path.with_suffix(_TAIL)
        self._new_tail = path.with_suffix(_NEW_TAIL)
        self._file = open(descriptor, "r+b", buffering=0)  # noqa: SIM115
        self.size = os.fstat(descriptor).st_size

    def read(self, start: int, length: int) -> bytes:
        return _read(self._file.fileno(), start, length)

    def append(self, sealed: bytes | memoryview) -> None:
        try:
            _write(self._file.fileno(), sealed, self.size)
        except OSError as error:
            os.ftruncate(self._file.fileno(), self.size)
            raise _room(error) from error
        self.size += len(sealed)

    def truncate(self, size: int) -> None:
        os.ftruncate(self._file.fileno(), size)
        self.size = size

    def save_tail(self, sealed: bytes) -> None:
        try:
            descriptor = os.open(self._new_tail, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FLAGS, 0o600)
            try:
                _write(descriptor, sealed, 0)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            self._new_tail.unlink(missing_ok=True)
            raise _room(error) from error
        self._new_tail.rename(self._tail)
        _sync_folder(self._path.parent)

    def load_tail(self) -> bytes:
        try:
            return self._tail.read_bytes()
        except FileNotFoundError:
            return b""

    def sync(self) -> None:
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise _room(error) from error

    def commit(self) -> None:
        if self.committed:
            return
        self.sync()
        if not _same_file(self._file.fileno(), self._part):
            raise Conflict(
                "blob.abandoned",
                _("Upload %(id)s was abandoned meanwhile. Start it again.")
                % {"id": UUID(hex=self._path.name)},
            )
        self._part.rename(self._path)
        self.committed = True
        _sync_folder(self._path.parent)
        _drop_tails(self._path)

    def discard(self) -> None:
        self._part.unlink(missing_ok=True)
        _drop_tails(self._path)
        self.close()

    def close(self) -> None:
        self._file.close()


def _claim(path: Path) -> Upload:
    """Open `path`'s part and lock it, whatever other writers and sweeps do at the same moment."""
    part = path.with_suffix(_PART)
    while True:
        if path.exists():
            return _Committed(path)
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | _FLAGS, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _same_file(descriptor, part) and not path.exists():
                return _Upload(path, descriptor)
        except BlockingIOError:
            os.close(descriptor)
            raise Conflict(
                "blob.busy",
                _("Upload %(id)s is being written by another request. Wait until it ends, then resume.")
                % {"id": UUID(hex=path.name)},
            ) from None
        # Between opening and locking, the holder renamed or removed the part: look again.
        if _same_file(descriptor, part):
            part.unlink(missing_ok=True)
        os.close(descriptor)


def _drop_tails(path: Path) -> None:
    for suffix in (_TAIL, _NEW_TAIL):
        path.with_suffix(suffix).unlink(missing_ok=True)


def _same_file(descriptor: int, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    return False


def _read(descriptor: int, start: int, length: int) -> bytes:
    pieces = []
    while length > 0 and (piece := os.pread(descriptor, length, start)):
        pieces.append(piece)
        start += len(piece)
        length -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _write(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view = view[written:]
        offset += written


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat(follow_symlinks=False).st_mtime, UTC)


def _finished(path: Path) -> Conflict:
    return Conflict(
        "blob.finished",
        _("Upload %(id)s is finished; nothing can be added to it.") % {"id": UUID(hex=path.name)},
    )


def _room(error: OSError) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Unavailable(
            "blob.no_room", _("The blob store is full. Free some room on its disk, then resume the upload.")
        )
    return error
