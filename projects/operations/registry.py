"""What a handler is, and which kind of operation has which."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.utils.functional import Promise

    from projects.doors.grant import Grant
    from projects.models import Operation
    from projects.operations.work import Work


@dataclass(frozen=True, slots=True)
class Done:
    """The operation has succeeded; `result` is shown to whoever asked for it."""

    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Again:
    """Not finished, nothing wrong: call the handler again after so many seconds (or when somebody wakes it)."""

    after: float


class Failed(Exception):
    """The operation cannot succeed; the message is a sentence for a person, and no attempt is made again."""


class Cancelled(Exception):
    """The handler has undone its work because a person asked for it."""


Handler = Callable[["Work"], Done | Again]
# Asks again for what an ended operation was for; returns the new operation.
Retry = Callable[["Operation", "Grant"], "Operation"]
# Called as an operation ends, in its account's scope and in the transaction that ends it.
Ended = Callable[["Operation"], None]
# How long an operation waits for something that is `Unavailable` before it gives up.
PATIENCE = timedelta(minutes=30)
_handlers: dict[str, Handler] = {}
_ends: dict[str, Ended] = {}
_patience: dict[str, timedelta] = {}
_retries: dict[str, Retry] = {}
_labels: dict[str, "str | Promise"] = {}
_unattended: set[str] = set()


def register(
    kind: str,
    handler: Handler,
    *,
    retry: Retry | None = None,
    ended: Ended | None = None,
    patience: timedelta = PATIENCE,
    label: "str | Promise" = "",
    unattended: bool = False,
) -> None:
    """Say which handler advances operations of a kind; called from an app's `ready()`.

    A handler is a short idempotent step (seconds), called outside every scope and called again until it returns
    `Done`, raises `Failed` or, when `work.cancel_requested`, `Cancelled`. `Unavailable` is nobody's fault: the step is
    taken again until it succeeds or `patience` is used up. Any other exception is a failed attempt: it is tried again
    with growing pauses. `ended` puts the rows of the thing worked on in order however the operation ends, also where
    the handler had no say (given up, no longer permitted). `retry` replaces the usual way of asking again (the same
    payload once more) where the thing worked on has a state of its own. `label` is what pages call the kind. An
    `unattended` kind is the portal's own work, for nobody in particular: no person's permission is checked again.
    """
    if kind in _handlers and _handlers[kind] is not handler:
        raise ValueError(f"Operation kind {kind!r} has a handler already.")
    _handlers[kind] = handler
    _patience[kind] = patience
    if retry is not None:
        _retries[kind] = retry
    if ended is not None:
        _ends[kind] = ended
    if label:
        _labels[kind] = label
    if unattended:
        _unattended.add(kind)


def handler_of(kind: str) -> Handler:
    """Return the handler of a kind; raises `KeyError`."""
    return _handlers[kind]


def retry_of(kind: str) -> Retry | None:
    """Return how a kind is asked for again, or None for the usual way."""
    return _retries.get(kind)


def ended_of(kind: str) -> Ended | None:
    """Return what has to be done as an operation of a kind ends, or None."""
    return _ends.get(kind)


def patience_of(kind: str) -> timedelta:
    """Return how long an operation of a kind waits for what is unavailable."""
    return _patience.get(kind, PATIENCE)


def is_unattended(kind: str) -> bool:
    """Whether a kind is the portal's own work."""
    return kind in _unattended


def label_of(kind: str) -> str:
    """Return what pages call a kind."""
    return str(_labels.get(kind, kind))


def kinds() -> frozenset[str]:
    """Return every kind that has a handler."""
    return frozenset(_handlers)
