"""Where the agent keeps things: `PORTAL_HOME/local`."""

from pathlib import Path
from uuid import UUID

from django.conf import settings


def state_root() -> Path:
    root: Path = settings.LOCAL_STATE
    return root


def workloads_root() -> Path:
    return state_root() / "w"


def folder_of(workload_id: UUID) -> Path:
    """The private folder of one workload: its state file, its log, and what it sees (`files`, `tmp`)."""
    return workloads_root() / workload_id.hex
