"""What the gateway writes to the audit log, and how often.

Downloads, changes and reads: every one, before it happens; reads in batches (`accounts.audit.batch`). Logging comes
in hundreds per second: the first call per actor and run is recorded, by each web process; MLflow itself keeps the
values. A refused or failed call is recorded once per actor, call and thing.
"""

from collections import OrderedDict
from typing import Any

from accounts import audit
from accounts.audit import Target
from projects.doors.grant import Grant
from registry.mlflow.routes import Kind, Match

_REMEMBERED = 50_000
Key = tuple[str, ...]


class Recent:
    """Keys seen lately; bounded, the oldest forgotten first (which costs a second record, never a missing
    one).
    """

    def __init__(self, limit: int = _REMEMBERED) -> None:
        self._keys: OrderedDict[Key, None] = OrderedDict()
        self._limit = limit

    def __contains__(self, key: Key) -> bool:
        return key in self._keys

    def add(self, key: Key) -> None:
        """Remember a key, once its record is committed."""
        self._keys[key] = None
        while len(self._keys) > self._limit:
            self._keys.popitem(last=False)


recent = Recent()


def key_of(grant: Grant, match: Match, target: str) -> Key:
    """Return what makes two calls one in the log."""
    who = (str(grant.account_id), grant.actor.kind, grant.actor.id)
    return (*who, match.route.kind.value, target)


def thing_of(match: Match, target: str) -> Target:
    """Return what a call is about; its label is its name or id."""
    kind = match.route.target
    by_field = {
        "run_id": "run",
        "run_name": "run",
        "source_run_id": "run",
        "model_id": "logged_model",
        "experiment_id": "experiment",
        "trace_id": "trace",
        "dataset_id": "evaluation_dataset",
        "path": "artifact",
    }
    by_action = match.route.action.partition(".")[0]
    return Target(by_action if kind == "name" else by_field.get(kind, "mlflow"), target, target)


def action_of(match: Match) -> str:
    """Return the name of a call's audit event."""
    route = match.route
    if route.action:
        return route.action
    return {Kind.LOG: "run.log", Kind.UPLOAD: "artifact.upload"}.get(route.kind, route.permission)


def write(match: Match, target: str, outcome: str, detail: dict[str, Any]) -> None:
    """Write one event, in the open scope."""
    audit.record(action_of(match), thing_of(match, target), outcome=outcome, detail=detail)
