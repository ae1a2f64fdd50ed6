"""Locks that the kernel lets go of, however their holders end."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portal.engines.errors import EngineError
from portal.locations import Locations, make_private


@contextmanager
def held(places: Locations, what: str) -> Iterator[None]:
    """Hold the home; EngineError says in one line who does already."""
    make_private(places.home, 0o711 if os.geteuid() == 0 else 0o700)
    descriptor = os.open(places.home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode(errors="replace").strip() or "another process"
            raise EngineError(f"{places.home} is in use by {holder}") from None
        os.ftruncate(descriptor, 0)
        started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime())
        os.pwrite(descriptor, f"`manage.py {what}`, process {os.getpid()}, since {started}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def inherited_lock(path: Path, *, patience: float) -> Iterator[int]:
    """Hold a lock together with every child that is given its descriptor (yielded, for `pass_fds`).

    A killed parent's children hold it until the last of them has ended: who gets it knows that nobody is at work
    any more. EngineError where that takes longer than `patience` seconds.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise EngineError(
                        f"processes of an interrupted start still hold {path}; end them, then start again"
                    ) from None
                time.sleep(0.05)
        yield descriptor
    finally:
        os.close(descriptor)
