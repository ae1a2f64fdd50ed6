"""Who a process is: its pid and the tick at which it started, which together are never reused. Standard
library only.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Identity:
    """A process: `pid`, and `started` in clock ticks since boot (field 22 of /proc/<pid>/stat)."""

    pid: int
    started: int

    def alive(self) -> bool:
        """Whether exactly this process still runs (a zombie does not)."""
        found = _stat(self.pid)
        return found is not None and found[2] == self.started and found[0] not in "ZX"

    def kill(self, number: signal.Signals) -> bool:
        """Signal this very process; False if it is gone. A pidfd closes the gap between the check and the
        signal.
        """
        try:
            descriptor = os.pidfd_open(self.pid)
        except OSError:
            return False
        try:
            if not self.alive():
                return False
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return False
        finally:
            os.close(descriptor)
        return True


def identify(pid: int) -> Identity | None:
    """Return the identity of a running process, None if there is none."""
    found = _stat(pid)
    return None if found is None else Identity(pid, found[2])


def myself() -> Identity:
    found = identify(os.getpid())
    if found is None:
        raise RuntimeError(
            "/proc does not show this process: the local cluster needs Linux with /proc mounted"
        )
    return found


def _stat(pid: int) -> tuple[str, int, int] | None:
    """(state, parent pid, start tick). The command name in parentheses may hold anything, so split after
    the last one.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0].decode(), int(fields[1]), int(fields[19])


def all_pids() -> Iterator[int]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            yield int(name)


def command_line(pid: int) -> list[str]:
    """A process's arguments; empty if it is gone or a kernel thread."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode(errors="replace").rstrip("\0").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def user_of(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except (FileNotFoundError, ProcessLookupError):
        return None


def has_variable(pid: int, name: str) -> bool:
    """Whether a process was started with a variable of this name in its environment."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return any(entry.startswith(f"{name}=".encode()) for entry in file.read().split(b"\0"))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def working_folder(pid: int) -> str:
    """Where a process stands; empty if it is gone or not ours to ask."""
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""


def descendants(root: int) -> list[int]:
    """Return the pids below `root` (without it), parents before children."""
    children: dict[int, list[int]] = {}
    for pid in all_pids():
        found = _stat(pid)
        if found is not None:
            children.setdefault(found[1], []).append(pid)
    result: list[int] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        result += below
        waiting += below
    return result


def resident_bytes(pids: list[int]) -> int:
    """Sum of resident memory; pages that processes share are counted for each."""
    total = 0
    for pid in pids:
        with (
            contextlib.suppress(FileNotFoundError, ProcessLookupError),
            open(f"/proc/{pid}/statm", "rb") as file,
        ):
            total += int(file.read().split()[1]) * PAGE
    return total


def proportional_bytes(pids: list[int]) -> int:
    """Sum of proportional memory (shared pages divided among their users); resident memory where the
    kernel won't say.
    """
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                total += next((int(line.split()[1]) * 1024 for line in file if line.startswith(b"Pss:")), 0)
        except PermissionError:
            total += resident_bytes([pid])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def kill_tree(root: int, reaped: Callable[[int, int], None], *, deadline: float = 10.0) -> bool:
    """SIGKILL everything below `root`, again and again until nothing is left; False after `deadline` seconds.

    Each round first stops all of them: a fork bomb that is stopped cannot outrun the killing. Children of the
    caller that end meanwhile are told to `reaped(pid, wait status)`.
    """
    until = time.monotonic() + deadline
    while time.monotonic() < until:
        alive = [
            pid for pid in descendants(root) if (found := _stat(pid)) is not None and found[0] not in "ZX"
        ]
        for pid, status in reap().items():
            reaped(pid, status)
        if not alive:
            return True
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in alive:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
        time.sleep(0.02)
    return False


def reap() -> dict[int, int]:
    """Collect every child that has ended: pid → wait status."""
    ended: dict[int, int] = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = status
