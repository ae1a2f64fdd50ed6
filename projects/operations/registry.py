"""What a handler is, and which kind of operation has which."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
_handlers: dict[str, Handler] = {}


def register(kind: str, handler: Handler) -> None:
    """Say which handler advances operations of a kind; called from an app's `ready()`.

    A handler is a short idempotent step (seconds), called outside every scope and called again until it returns
    `Done`, raises `Failed` or, when `work.cancel_requested`, `Cancelled`. Any other exception is a failed attempt:
    it is tried again with growing pauses.
    """
    if kind in _handlers and _handlers[kind] is not handler:
        raise ValueError(f"Operation kind {kind!r} has a handler already.")
    _handlers[kind] = handler


def handler_of(kind: str) -> Handler:
    """Return the handler of a kind; raises `KeyError`."""
    return _handlers[kind]
