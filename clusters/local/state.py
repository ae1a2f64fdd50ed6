"""What a shim tells the world about its workload: one small JSON file, replaced atomically. Standard
library only.
"""

import dataclasses
import json
import os
from dataclasses import dataclass, field
from typing import Any

from clusters.local.processes import Identity

NAME = "state.json"


@dataclass
class State:
    """`phase` is starting, running or exited. `cause` says why a workload ended other than by itself:

    memory, wall, disk, processes (a limit), stopped (asked to), abandoned (no agent for long), start (never
    ran). Times are seconds since 1970.
    """

    id: str
    attempt: int
    shim: Identity
    phase: str = "starting"
    started_at: float = 0.0
    ended_at: float = 0.0
    exit_code: int | None = None
    signal: int | None = None
    cause: str = ""
    detail: str = ""
    notes: list[str] = field(default_factory=list)
    peak_memory: int = 0
    cpu_seconds: float = 0.0

    def save(self, folder: str) -> None:
        """Replace the state file in `folder`; after a crash either the old or the new one is there, whole."""
        path = os.path.join(folder, NAME)
        descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, json.dumps(dataclasses.asdict(self)).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(path + ".new", path)


def load(folder: str) -> State | None:
    """Return the state written in `folder`, None if no shim has written one."""
    try:
        with open(os.path.join(folder, NAME), "rb") as file:
            values: dict[str, Any] = json.loads(file.read())
    except FileNotFoundError:
        return None
    values["shim"] = Identity(**values["shim"])
    return State(**values)
