"""What an account's log says at a moment: its people and their rights, its data, links, tokens, credentials."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from projects.permissions import Role, permissions_of

# A dataset's level until the log says otherwise, and those that need a grant by name.
FIRST_LEVEL = "internal"
GUARDED = ("confidential", "restricted")


@dataclass(slots=True)
class Member:
    """A person in the project."""

    user: str
    role: str
    until: datetime | None = None


@dataclass(slots=True)
class Given:
    """A permission for a time, or a grant on a dataset (`what` is its id then). `bearer` is a person, the holder that
    stands for a robot, or a role, as `kind` says; older records do not say whether it is a person or a role.
    """

    bearer: str
    what: str
    until: datetime | None = None
    kind: str = ""

    def is_for(self, user: str, role: str) -> bool:
        """Whether somebody has it, by name or by role."""
        return (self.bearer == user and self.kind != "role") or (
            self.bearer == role and self.kind not in ("person", "robot")
        )


@dataclass(slots=True)
class Dataset:
    """A dataset, and how sensitive it is."""

    name: str
    level: str = FIRST_LEVEL


@dataclass(slots=True)
class Robot:
    """A service identity; disabled, none of its tokens opens anything."""

    name: str
    role: str
    until: datetime | None = None
    disabled: bool = False

    @property
    def holder(self) -> str:
        """How a report names it beside people, who may be called the same."""
        return holder_of(self.name)


def holder_of(robot: str) -> str:
    """How a report names a robot."""
    return f"robot {robot}"


@dataclass(slots=True)
class Token:
    """A person's or a robot's token."""

    user: str
    name: str
    role: str
    scopes: list[str]
    until: datetime | None


@dataclass(slots=True)
class Credential:
    """A credential, and which of its versions is used."""

    name: str
    kind: str
    version: int = 1


@dataclass(slots=True)
class Link:
    """A link that is active; `namespace` is what it lends into."""

    label: str
    namespace: str
    until: datetime | None


@dataclass(slots=True)
class Way:
    """A way in by break-glass."""

    who: str
    reason: str
    repair: bool
    until: datetime | None


@dataclass(slots=True)
class State:
    """Everything by its id, as the log tells it; what has run out of time is still there until `at` drops it."""

    account: str = "active"
    members: dict[str, Member] = field(default_factory=dict)
    robots: dict[str, Robot] = field(default_factory=dict)
    roles: dict[str, set[str]] = field(default_factory=dict)
    grants: dict[str, Given] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    dataset_grants: dict[str, Given] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    credentials: dict[str, Credential] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    ways: dict[str, Way] = field(default_factory=dict)

    def at(self, moment: datetime) -> "State":
        """Return what of it counts at a moment: nothing ends later than its time was up, whoever has recorded it."""

        def live(things: dict[str, Any]) -> dict[str, Any]:
            return {pk: one for pk, one in things.items() if one.until is None or one.until > moment}

        return State(
            self.account,
            live(self.members),
            live(self.robots),
            {name: set(permissions) for name, permissions in self.roles.items()},
            live(self.grants),
            dict(self.datasets),
            live(self.dataset_grants),
            live(self.tokens),
            dict(self.credentials),
            live(self.links),
            live(self.ways),
        )

    def permissions(self, role: str) -> set[str]:
        """What a role may do: a built-in one as this portal defines it now, a custom one as it was."""
        if role in Role.values:
            return {str(permission) for permission in permissions_of(role)}
        return set(self.roles.get(role, ()))
