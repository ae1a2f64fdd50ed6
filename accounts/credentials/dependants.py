"""What relies on a credential: shown before it is changed or forgotten. Upper floors say what of theirs does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accounts.models import Credential


@dataclass(frozen=True, slots=True)
class Dependant:
    """A thing that uses a credential: its kind as people call it, its name, and its page's path in the project."""

    kind: str
    label: str
    path: str = ""


Source = Callable[["Credential"], list[Dependant]]
_sources: list[Source] = []


def register_dependants(source: Source) -> None:
    """Let `source(credential)`, called in the account's scope, tell what relies on it; from an app's `ready()`."""
    if source not in _sources:
        _sources.append(source)


def dependants_of(credential: "Credential") -> list[Dependant]:
    """List everything that is known to rely on a credential."""
    return [found for source in _sources for found in source(credential)]
