"""What walls this machine lets us build, found by building them: a real, tiny workload that tries to look
around.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from typing import Literal

from clusters.local import launcher, spec, state

Level = Literal["namespace-uid", "namespace", "uid", "none"]


def noop(text: str) -> str:
    """Mark a text for translation where it is shown. Django's own is not at hand: this runs without it."""
    return text


EXPLANATIONS: dict[Level, str] = {
    "namespace-uid": noop("Each workload has namespaces (files, processes, IPC), each account a user id."),
    "namespace": noop("Each workload has namespaces of its own (user, files, processes, IPC)."),
    "uid": noop("Each account has a user id of its own. There are no namespaces here: other processes show."),
    "none": noop(
        "Workloads are not isolated: this machine allows neither namespaces nor user ids of their own."
    ),
}


@dataclass(frozen=True)
class Isolation:
    """The strongest level that worked here, one sentence on it, and what the stronger ones failed at."""

    level: Level
    explanation: str
    failures: tuple[str, ...] = ()

    @property
    def isolated(self) -> bool:
        return self.level != "none"


def probe_isolation(folder: str, uid: int = 65533) -> Isolation:
    """Try the levels from the strongest; `folder` is where workloads will live, `uid` an unused user id
    for the trial.
    """
    levels: tuple[Level, ...] = ("namespace-uid", "uid") if os.geteuid() == 0 else ("namespace",)
    failures: list[str] = []
    for level in levels:
        problem = _try(level, folder, uid if os.geteuid() == 0 else None)
        if problem is None:
            return Isolation(level, EXPLANATIONS[level], tuple(failures))
        failures.append(f"{level}: {problem}")
    return Isolation("none", EXPLANATIONS["none"], tuple(failures))


def _try(level: Level, folder: str, uid: int | None) -> str | None:
    """Run `true` in a working folder behind the walls of `level`; return what went wrong."""
    home = tempfile.mkdtemp(prefix="probe-", dir=folder)
    try:
        launcher.make_folders(home, uid)
        trial = spec.WorkloadSpec(
            id=os.path.basename(home),
            account="probe",
            kind="job",
            argv=("/bin/sh", "-c", ": > written && exit 7"),
            folder=home,
            env={"PATH": "/usr/bin:/bin"},
            limits=spec.Limits(memory=spec.GIB // 4, wall_seconds=20),
            level=level,
            uid=uid,
        )
        process = launcher.launch(trial)
        process.wait(timeout=30)
        ended = state.load(home)
        if ended is None or ended.phase != "exited":
            return "the trial workload ended without a word"
        if ended.exit_code != 7:
            return ended.detail or f"the trial workload ended with {ended.exit_code}, {ended.cause}"
        return None
    finally:
        shutil.rmtree(home)
