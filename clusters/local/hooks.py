"""What upper floors tell the agent: how to prepare a workload, its secrets, and whom its changes concern.

Registered by owner type from an app's `ready()`. The agent calls all of them outside every scope; they open
the workload's account's scope themselves where they need the database.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from clusters.models import Workload

Log = Callable[[str], None]
Secrets = Callable[[Workload], dict[str, str]]
Prepare = Callable[[Workload, Path, Log], None]
Observer = Callable[[Workload], None]

_secrets: dict[str, Secrets] = {}
_prepare: dict[str, Prepare] = {}
_observers: dict[str, Observer] = {}


def register_secrets(owner_type: str, function: Secrets) -> None:
    """`function(workload)` returns variables for the workload's environment only: never stored, never logged.

    Called at each start.
    """
    _add(_secrets, owner_type, function)


def prepare(owner_type: str, function: Prepare) -> None:
    """`function(workload, folder, log)` puts what the workload needs into its empty working folder.

    Called in a thread of its own before the first start, and again after `restart_workload` or a lost
    attempt. `log` takes a line for the workload's log. A `PortalError` below 500 fails the workload with its
    sentence; anything else is tried again.
    """
    _add(_prepare, owner_type, function)


def on_change(owner_type: str, function: Observer) -> None:
    """`function(workload)` is called after each committed change of phase or readiness; at most once each.

    It is a hint (an agent killed in between never calls it): whoever waits for a change also looks by itself
    now and then.
    """
    _add(_observers, owner_type, function)


F = TypeVar("F")


def _add(table: dict[str, F], owner_type: str, function: F) -> None:
    if table.get(owner_type, function) != function:
        raise ValueError(f"{owner_type} is registered already.")
    table[owner_type] = function


def secrets_of(workload: Workload) -> dict[str, str]:
    function = _secrets.get(workload.owner_type)
    return function(workload) if function else {}


def prepare_of(workload: Workload) -> Prepare | None:
    return _prepare.get(workload.owner_type)


def observer_of(workload: Workload) -> Observer | None:
    return _observers.get(workload.owner_type)
