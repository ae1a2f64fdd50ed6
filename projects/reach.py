"""Who can do what in a project, and why; and what one person or robot can reach."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from projects.doors.grant import Grant
from projects.explained import explained
from projects.holdings import holding_of, role_label, role_permissions
from projects.models import Membership, PermissionGrant, Robot, Token


@dataclass(frozen=True, slots=True)
class Reason:
    """Why somebody holds a permission: their role, or a grant until a moment."""

    kind: str
    text: str
    until: datetime | None = None
    grant_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A permission that a person or a robot holds, in words, and why."""

    permission: str
    meaning: str
    reasons: list[Reason]


@dataclass(frozen=True, slots=True)
class Thing:
    """Something guarded by name: whether a person or a robot may have it, and why or why not."""

    kind: str
    name: str
    level: str
    allowed: bool
    why: str
    level_label: str = ""


@dataclass(slots=True)
class Person:
    """A member as the permissions page shows them."""

    membership: Membership
    grants: list[PermissionGrant] = field(default_factory=list)
    tokens: int = 0

    @property
    def username(self) -> str:
        """The person's name."""
        return str(self.membership.user.username)


# Upper floors say which guarded things a person or a robot may have: (who looks, about whom, their role, their
# permissions).
Provider = Callable[[Grant, UUID, str, frozenset[str]], list[Thing]]
_providers: list[Provider] = []


def register_reach(provider: Provider) -> None:
    """Let a floor say which of its guarded things a person may have; called from an app's `ready()`."""
    if provider not in _providers:
        _providers.append(provider)


# Upper floors say whether something guarded was given to everybody of a role, by the role's name.
_given_to_role: list[Callable[[str], bool]] = []


def register_given_to_role(asked: Callable[[str], bool]) -> None:
    """Let a floor say whether guarded things of its were given to a role; called from an app's `ready()`."""
    if asked not in _given_to_role:
        _given_to_role.append(asked)


def given_to_role(role: str) -> bool:
    """Whether being of a role opens something guarded, beyond the role's permissions."""
    return any(asked(role) for asked in _given_to_role)


# Upper floors say whether a robot was let by name at what the caller may not have, and end what names a removed one.
_more_by_robot: list[Callable[[Grant, UUID], bool]] = []
_ends_of_robot: list[Callable[[Robot], int]] = []


def register_robots(more: Callable[[Grant, UUID], bool], end: Callable[[Robot], int]) -> None:
    """Let a floor have its guarded things given to robots by name; called from an app's `ready()`."""
    if more not in _more_by_robot:
        _more_by_robot.append(more)
        _ends_of_robot.append(end)


def more_by_robot(grant: Grant, robot_id: UUID) -> bool:
    """Whether who acts by this robot would reach guarded things that are not open to them."""
    return any(more(grant, robot_id) for more in _more_by_robot)


def end_grants_of(robot: Robot) -> int:
    """End everything that names a robot that is removed; returns how many grants that were."""
    return sum(end(robot) for end in _ends_of_robot)


def people() -> list[Person]:
    """Everybody in the project in scope, with what they have beside their role. Three queries."""
    now = timezone.now()
    rows = Membership.objects.select_related("user").order_by("user__username")
    found = {row.user_id: Person(row) for row in rows}
    for given in PermissionGrant.objects.filter(ended_at=None, expires_at__gt=now).order_by("permission"):
        if given.user_id in found:
            found[given.user_id].grants.append(given)
    live = Token.objects.filter(revoked_at=None, expires_at__gt=now, purpose=Token.Purpose.USER)
    for user_id in live.values_list("user_id", flat=True):
        if user_id in found:
            found[user_id].tokens += 1
    return list(found.values())


def held_by(holder_id: UUID) -> list[Held]:
    """Every permission that a member or a robot holds now, with each reason for it; empty for who is none, and for a
    robot that does not work.
    """
    held = holding_of(holder_id)
    if held is None:
        return []
    reasons: dict[str, list[Reason]] = {}
    for permission in role_permissions(held.role) & held.permissions:  # of its role a robot has less
        text = _("role %(role)s") % {"role": role_label(held.role)}
        reasons.setdefault(permission, []).append(Reason("role", text))
    rows = PermissionGrant.objects.filter(user_id=holder_id, ended_at=None, expires_at__gt=timezone.now())
    for given in rows:
        text = _("granted by %(who)s: %(reason)s") % {"who": given.granted_by_label, "reason": given.reason}
        reasons.setdefault(given.permission, []).append(Reason("grant", text, given.expires_at, given.pk))
    return [Held(name, explained(name), reasons[name]) for name in sorted(reasons)]


def things_of(viewer: Grant, holder_id: UUID) -> list[Thing]:
    """The guarded things that a member or a robot may or may not have, as far as the viewer may know of them."""
    held = holding_of(holder_id)
    if held is None:
        return []
    return [
        thing for provider in _providers for thing in provider(viewer, holder_id, held.role, held.permissions)
    ]
