"""Watching what one workload uses: memory of its tree, disk of its folders. Standard library only."""

import contextlib
import os
import sys
import time
from dataclasses import dataclass, field

from clusters.local import processes
from clusters.local.spec import Limits

DISK_INTERVAL = 5.0
"""Seconds between two walks over the folders."""
LONGEST = 3000
"""Bytes of a path below a workload's folder; Linux takes 4096 in all."""


@dataclass
class Usage:
    """The highest figures seen."""

    memory: int = 0
    disk: int = 0
    processes: int = 0


@dataclass
class Watch:
    """Looks at a tree of processes below `root_pid` and says which limit it has passed."""

    limits: Limits
    root_pid: int
    folders: tuple[str, ...]
    peak: Usage = field(default_factory=Usage)
    started: float = field(default_factory=time.monotonic)
    _disk_looked: float = 0.0

    def exceeded(self) -> str | None:
        """Return "wall", "memory", "processes" or "disk", or None while all is well."""
        limits = self.limits
        if limits.wall_seconds and time.monotonic() - self.started > limits.wall_seconds:
            return "wall"
        pids = [self.root_pid, *processes.descendants(self.root_pid)]
        self.peak.processes = max(self.peak.processes, len(pids))
        if len(pids) > limits.processes + 2:
            return "processes"
        used = processes.resident_bytes(pids)
        if used > limits.memory:
            used = processes.proportional_bytes(pids)  # forks share pages: don't punish sharing
        self.peak.memory = max(self.peak.memory, used)
        if used > limits.memory:
            return "memory"
        now = time.monotonic()
        if now - self._disk_looked > DISK_INTERVAL:
            self._disk_looked = now
            used = sum(folder_bytes(folder) for folder in self.folders)
            self.peak.disk = max(self.peak.disk, used)
            if used > limits.disk_bytes:
                return "disk"
        return None


def folder_bytes(path: str) -> int:
    """Bytes on disk below `path`, links not followed; what vanishes during the walk counts as nothing.

    A path beyond `LONGEST` counts as more than any limit: no program needs it, and beyond what the system takes as a
    path nothing could be looked at.
    """
    total = 0
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        if len(os.fsencode(folder)) - len(path) > LONGEST:
            return sys.maxsize
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return total
