"""Which function tries a credential out: registered per kind, by the floor that knows the protocol."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.credentials.kinds import Secret


@dataclass(frozen=True, slots=True)
class Finding:
    """What a successful test saw: a sentence that holds no secret and nothing that the other side typed freely."""

    sentence: str


# Tries a secret out within seconds, through the guarded connector. Raises a `PortalError` that says what failed.
Tester = Callable[[Any], Finding]
_testers: dict[str, Tester] = {}


def register_tester(kind: str, tester: Tester) -> None:
    """Say how a kind is tried out; called from an app's `ready()`."""
    if kind in _testers and _testers[kind] is not tester:
        raise ValueError(f"Credentials of the kind {kind!r} have a tester already.")
    _testers[kind] = tester


def how_to_test(kind: str) -> Tester:
    """Return how a kind is tried out; raises `KeyError`."""
    return _testers[kind]


__all__ = ["Finding", "Secret", "Tester", "how_to_test", "register_tester"]
