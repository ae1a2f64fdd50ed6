"""What to run, as it is asked for: checked once, stored on the row, read by the agent. Holds no secrets."""

import dataclasses
import os
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.errors import Invalid
from clusters.local.spec import GIB, MIB, Limits
from clusters.states import Kind

SOCKET = "service.sock"
"""Where a service listens, relative to its working folder, which is its current folder when it starts."""

LIMIT_NAMES = frozenset(field.name for field in dataclasses.fields(Limits)) - {"log_bytes", "stop_seconds"}


@dataclass(frozen=True)
class EnvironmentPlan:
    """Which Python ("3.11"; empty: the portal's own) and which packages, as lines of a requirements file."""

    python: str = ""
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A workload to be.

    `argv`: program and arguments; "python" is the environment's own. `env`: further variables, none of them
    secret.
    `limits`: overrides of the installation's defaults; more than its maxima gets the maxima. `health_path`:
    for a service, asked with GET on its socket (`SOCKET`); any answer below 500 means ready. `start_seconds`:
    how long it may take to become ready.
    `read_only`: further absolute paths of the portal's machine that it may read (set by code, never by a
    tenant).
    """

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)
    environment: EnvironmentPlan | None = None
    limits: dict[str, int] = field(default_factory=dict)
    health_path: str = ""
    start_seconds: int = 300
    read_only: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Plan":
        values = dict(values)
        environment = values.get("environment")
        if environment is not None:
            values["environment"] = EnvironmentPlan(
                **{**environment, "requirements": tuple(environment["requirements"])}
            )
        for name in ("argv", "read_only"):
            values[name] = tuple(values[name])
        return cls(**values)

    def check(self) -> None:
        """Raise `Invalid` where the plan makes no sense."""
        errors: dict[str, list[str]] = {}
        if not self.argv or not all(self.argv[:1]) or any("\0" in part for part in self.argv):
            errors["argv"] = [_("A workload needs a program to run.")]
        if any("=" in name or "\0" in name + value or not name for name, value in self.env.items()):
            errors["env"] = [_("Names of variables are not empty and hold no “=”.")]
        for name, value in self.limits.items():
            if name not in LIMIT_NAMES:
                errors[name] = [_("There is no such limit.")]
            elif not isinstance(value, int) or isinstance(value, bool) or value < 1:
                errors[name] = [_("Must be a whole number of at least 1.")]
        if errors:
            raise Invalid("workload.invalid", _("The workload cannot be run as asked for."), errors=errors)

    def resolved_limits(self, kind: str) -> Limits:
        """The limits that hold: the installation's defaults with this plan's own, none above the
        installation's maxima.
        """
        highest = dataclasses.asdict(maximum_limits())
        asked = {
            name: min(value, highest[name]) if highest[name] else value for name, value in self.limits.items()
        }
        return dataclasses.replace(default_limits(kind), **asked)


def _memory_of_machine() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _setting(name: str, default: int) -> int:
    value: int | None = getattr(settings, f"LOCAL_{name}", None)
    return default if value is None else value


def default_limits(kind: str) -> Limits:
    """What a workload gets that asks for nothing: `PORTAL_LOCAL_…`, else by the size of the machine."""
    highest = maximum_limits()
    return dataclasses.replace(
        highest,
        cpus=min(highest.cpus, _setting("CPUS", 2)),
        memory=min(highest.memory, _setting("MEMORY_BYTES", 4 * GIB)),
        wall_seconds=min(highest.wall_seconds, _setting("WALL_SECONDS", 6 * 3600)) if kind == Kind.JOB else 0,
    )


def maximum_limits() -> Limits:
    """The most that a workload may ask for."""
    cpus = os.cpu_count() or 1
    return Limits(
        cpus=_setting("MAX_CPUS", cpus),
        cpu_seconds=0,
        memory=_setting("MAX_MEMORY_BYTES", max(GIB, _memory_of_machine() // 2)),
        wall_seconds=_setting("MAX_WALL_SECONDS", 7 * 24 * 3600),
        processes=_setting("PROCESSES", 512),
        file_bytes=_setting("FILE_BYTES", 8 * GIB),
        disk_bytes=_setting("DISK_BYTES", 20 * GIB),
        log_bytes=_setting("LOG_BYTES", 16 * MIB),
        stop_seconds=_setting("STOP_SECONDS", 10),
    )


def job_slots() -> int:
    """How many jobs run on the portal's machine at the same time; further ones wait."""
    return _setting("JOBS", max(2, os.cpu_count() or 1))
