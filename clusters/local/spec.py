"""What a workload is, told to the shim: plain data that travels as JSON. Standard library only."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal

GIB = 1024**3
MIB = 1024**2

Kind = Literal["job", "service"]


@dataclass(frozen=True)
class Limits:
    """What one workload may use.

    `cpus`: CPUs at once. `cpu_seconds`: per process, 0 = none. `memory`: bytes of the whole tree.
    `wall_seconds`: 0 = none.
    `processes`: processes and threads. `file_bytes`: one file. `disk_bytes`: its folders together.
    `log_bytes`: kept output.
    `stop_seconds`: between the polite and the final signal.
    """

    cpus: int = 2
    cpu_seconds: int = 0
    memory: int = 4 * GIB
    wall_seconds: int = 0
    processes: int = 512
    file_bytes: int = 8 * GIB
    disk_bytes: int = 20 * GIB
    log_bytes: int = 16 * MIB
    stop_seconds: int = 10


@dataclass(frozen=True)
class WorkloadSpec:
    """One workload, ready to start.

    `env` may hold secrets: a spec is handed over in memory (a memfd), never in a file or an argument.
    `folder` is the private folder of the workload's bookkeeping; it contains what the workload sees: `files`
    (its working folder) and `tmp`. `read_only` are further absolute paths it may read: its virtual
    environment, its interpreter.
    `hidden` are paths that must stay out of sight even if a system folder contains them.
    """

    id: str
    account: str
    kind: Kind
    argv: tuple[str, ...]
    folder: str
    env: dict[str, str] = field(default_factory=dict)
    read_only: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    level: str = "none"
    uid: int | None = None
    attempt: int = 1
    heartbeat: str = ""

    def dumps(self) -> bytes:
        return json.dumps(dataclasses.asdict(self)).encode()

    @classmethod
    def loads(cls, text: bytes) -> "WorkloadSpec":
        values: dict[str, Any] = json.loads(text)
        values["limits"] = Limits(**values["limits"])
        for name in ("argv", "read_only", "hidden"):
            values[name] = tuple(values[name])
        return cls(**values)
