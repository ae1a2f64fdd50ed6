"""A control group per workload where the machine lets us make one: exact limits for a whole tree.

Versions 1 and 2 (kernel documentation, admin-guide/cgroup-v1 and cgroup-v2). Where neither is writable,
limits rest on rlimits and on the shim's own looking.
"""

import contextlib
import os
import time
from dataclasses import dataclass

from clusters.local.spec import Limits, WorkloadSpec

MOUNT = "/sys/fs/cgroup"
PARENT = "mlops-portal"
_V1 = ("memory", "pids", "cpu")
_PERIOD = 100_000  # microseconds


@dataclass
class Cgroup:
    """The folders of one workload's group: one in version 2, one per controller in version 1."""

    folders: list[str]
    unified: bool

    @classmethod
    def create(cls, spec: WorkloadSpec) -> "Cgroup | None":
        """Make and limit a group, or return None where this machine does not allow it."""
        unified = os.path.exists(f"{MOUNT}/cgroup.controllers")
        group = cls([], unified)
        for parent in _parents(unified):
            try:
                if unified:
                    _delegate(MOUNT)
                os.makedirs(parent, exist_ok=True)
                if unified:
                    _delegate(parent)
                folder = f"{parent}/{spec.id}-{spec.attempt}"
                os.makedirs(folder, exist_ok=True)
            except OSError:
                continue
            group.folders.append(folder)
            group._limit(folder, spec.limits)
        return group if group.folders else None

    def _limit(self, folder: str, limits: Limits) -> None:
        quota = limits.cpus * _PERIOD
        if self.unified:
            wanted = {
                "memory.max": limits.memory,
                "memory.swap.max": 0,
                "memory.oom.group": 1,
                "pids.max": limits.processes,
                "cpu.max": f"{quota} {_PERIOD}",
            }
        else:
            wanted = {
                "memory.limit_in_bytes": limits.memory,
                "pids.max": limits.processes,
                "cpu.cfs_period_us": _PERIOD,
                "cpu.cfs_quota_us": quota,
            }
        for name, value in wanted.items():
            path = os.path.join(folder, name)
            if os.path.exists(path):  # a controller that is not enabled has no file
                with contextlib.suppress(OSError):
                    _write(path, str(value))

    def add(self, pid: int) -> None:
        """Put a process, and so all its later descendants, into the group."""
        for folder in self.folders:
            with contextlib.suppress(OSError):
                _write(os.path.join(folder, "cgroup.procs"), str(pid))

    def out_of_memory(self) -> bool:
        """Whether the kernel has killed a process of the group for memory."""
        name = "memory.events" if self.unified else "memory.oom_control"
        for folder in self.folders:
            with contextlib.suppress(OSError), open(os.path.join(folder, name), encoding="ascii") as file:
                counts = dict(line.split() for line in file if len(line.split()) == 2)
                if int(counts.get("oom_kill", 0)) > 0:
                    return True
        return False

    def remove(self) -> None:
        """Delete the group once its processes have left, waiting a moment for the kernel."""
        for folder in self.folders:
            for _ in range(50):
                try:
                    os.rmdir(folder)
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.02)


def sweep() -> None:
    """Delete groups whose processes are gone: what shims that were killed left behind."""
    for parent in _parents(os.path.exists(f"{MOUNT}/cgroup.controllers")):
        with contextlib.suppress(OSError):
            for name in os.listdir(parent):
                if os.path.isdir(os.path.join(parent, name)):
                    with contextlib.suppress(OSError):  # still in use
                        os.rmdir(os.path.join(parent, name))


def _parents(unified: bool) -> list[str]:
    """Where groups are made: at the top in version 2, below our own group in version 1 (never past a
    container's limit).
    """
    if unified:
        return [f"{MOUNT}/{PARENT}"]
    own: dict[str, str] = {}
    with open("/proc/self/cgroup", encoding="ascii") as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            own.update(dict.fromkeys(controllers.split(","), path.rstrip("/")))
    return [f"{MOUNT}/{name}{own.get(name, '')}/{PARENT}" for name in _V1]


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _delegate(folder: str) -> None:
    """Let groups below `folder` use the controllers (version 2)."""
    with open(f"{folder}/cgroup.controllers", encoding="ascii") as file:
        available = set(file.read().split())
    for name in available & set(_V1):
        with contextlib.suppress(OSError):
            _write(f"{folder}/cgroup.subtree_control", f"+{name}")
