"""The machine's side of each workload: which shims run, which have ended, which are strangers. Knows no
database.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from clusters.local import launcher, processes, state
from clusters.local.processes import Identity
from clusters.local.spec import WorkloadSpec
from clusters.local.state import State
from clusters.states import Actual


class Runtime:
    """Starts shims below `root` and finds them again, also those that an earlier agent started."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def launch(self, spec: WorkloadSpec) -> Identity | None:
        """Start a shim; its identity, or None if it is gone already (its state file says why)."""
        process = launcher.launch(spec)
        self._children[spec.id] = process
        return processes.identify(process.pid)

    def reap(self) -> None:
        """Collect ended children, so that none stays a zombie."""
        for name, process in list(self._children.items()):
            if process.poll() is not None:
                del self._children[name]

    def state(self, workload_id: UUID) -> State | None:
        return state.load(str(self.root / workload_id.hex))

    def look(self, workload_id: UUID, attempt: int) -> tuple[Actual, State | None]:
        """What is there of this attempt."""
        found = self.state(workload_id)
        if found is not None and found.shim.alive():
            return Actual.ALIVE, found
        if workload_id.hex in self._children:
            return Actual.ALIVE, None  # on its way: it has not written its state yet
        if found is None or found.attempt < attempt:
            return Actual.UNSTARTED, None
        # The shim may have ended between the two looks; what it wrote last is final.
        found = self.state(workload_id)
        return (Actual.EXITED if found is not None and found.phase == "exited" else Actual.GONE), found

    def stop(self, found: State | None) -> None:
        """Ask a shim to end its workload; asking again changes nothing."""
        if found is not None:
            found.shim.kill(signal.SIGTERM)

    def folders(self) -> list[UUID]:
        """Ids of all workloads that have a folder here."""
        result = []
        for name in os.listdir(self.root) if self.root.exists() else []:
            with contextlib.suppress(ValueError):
                result.append(UUID(hex=name))
        return result

    def strangers(self, claimed: set[UUID], uids: frozenset[int]) -> list[Identity]:
        """Processes that come from here and belong to nothing: shims of no claimed workload, and leftovers
        of killed shims.
        """
        shims: dict[int, UUID] = {}
        every_shim: list[int] = []
        leftovers: list[int] = []
        prefix = f"{self.root}/"
        for pid in processes.all_pids():
            arguments = processes.command_line(pid)
            user = processes.user_of(pid)
            if launcher.MARKER in arguments and user == os.geteuid():
                every_shim.append(pid)  # another portal's on this machine too
                with contextlib.suppress(ValueError):
                    if arguments[-1].startswith(prefix):
                        shims[pid] = UUID(hex=arguments[-1].removeprefix(prefix))
            elif user in uids or (
                processes.working_folder(pid).startswith(prefix)
                and processes.has_variable(pid, "PORTAL_WORKLOAD")
            ):
                leftovers.append(pid)
        supervised = {pid for shim in every_shim for pid in processes.descendants(shim)}
        found = [shim for shim, workload_id in shims.items() if workload_id not in claimed]
        found += [pid for pid in leftovers if pid not in supervised]
        return [identity for pid in found if (identity := processes.identify(pid)) is not None]


def end_all(strangers: Iterable[Identity], patience: float = 15.0) -> int:
    """End processes: SIGTERM (a shim then ends its tree), SIGKILL after `patience` seconds; return how
    many there were.
    """
    strangers = list(strangers)
    for stranger in strangers:
        stranger.kill(signal.SIGTERM)
    until = time.monotonic() + patience
    while any(stranger.alive() for stranger in strangers) and time.monotonic() < until:
        time.sleep(0.05)
    for stranger in strangers:
        stranger.kill(signal.SIGKILL)
    return len(strangers)
