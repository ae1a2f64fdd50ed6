"""Children that a killed supervisor left behind: named in a file, found again by pid and start time, ended.

On Linux the kernel ends them already; this waits until it has happened, and does it elsewhere.
"""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

import psutil

from portal.engines.errors import EngineError

_PATIENCE = 12.0  # seconds; PostgreSQL's clean shutdown is the longest


class Register:
    """The list of our living children, on disk, so that the next supervisor knows them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._children: dict[int, tuple[str, float, int]] = {}

    def add(self, pid: int, name: str, stop_signal: int) -> None:
        """Remember a child that has just been started."""
        try:
            self._children[pid] = (name, psutil.Process(pid).create_time(), stop_signal)
        except psutil.NoSuchProcess:
            return
        self._save()

    def remove(self, pid: int) -> None:
        """Forget a child that has ended."""
        self._children.pop(pid, None)
        self._save()

    def _save(self) -> None:
        draft = self._path.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):  # a full disk: where the kernel ends orphans, this list is spare
            self._replace(draft)

    def _replace(self, draft: Path) -> None:
        draft.write_text(json.dumps([[pid, *entry] for pid, entry in self._children.items()]))
        draft.replace(self._path)

    def end_leftovers(self) -> list[str]:
        """End what an earlier supervisor left running; the names of those. EngineError where one will not end."""
        try:
            recorded = json.loads(self._path.read_text())
        except (FileNotFoundError, ValueError):
            return []
        found: list[tuple[psutil.Process, str]] = []
        for pid, name, created, stop_signal in recorded:
            try:
                process = psutil.Process(pid)
                if abs(process.create_time() - created) > 1 or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                process.send_signal(signal.Signals(stop_signal))
            except psutil.NoSuchProcess:
                continue
            found.append((process, name))
        deadline = time.monotonic() + _PATIENCE
        _gone, alive = psutil.wait_procs([process for process, _ in found], timeout=_PATIENCE)
        for process in alive:
            if not _ended(process):
                process.kill()
        _gone, alive = psutil.wait_procs(alive, timeout=max(1.0, deadline - time.monotonic()))
        stubborn = [process.pid for process in alive if not _ended(process)]
        if stubborn:
            raise EngineError(f"processes {stubborn} of an earlier start do not end; end them first")
        self._path.unlink(missing_ok=True)
        return [name for _, name in found]


def _ended(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
