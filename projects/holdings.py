"""What a person or a robot holds in a project: the permissions of a role, built-in or custom, and grants for a time.

One place answers it for doors, tokens, operations and pages. Nothing is cached: what ends has ended with the next
request, everywhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.errors import Invalid
from projects.models import CustomRole, Membership, PermissionGrant, Robot
from projects.permissions import BREAK_GLASS, ROBOT_NEVER, Permission, Role, permissions_of

_KNOWN = frozenset(permission.value for permission in Permission)


@dataclass(frozen=True, slots=True)
class Holding:
    """The role of a person or a robot in a project, and everything they may do there now."""

    role: str
    permissions: frozenset[str]


def with_extras(rows: QuerySet[Membership]) -> QuerySet[Any]:
    """Keep the memberships that have not ended, with `custom` (a custom role's permissions, or None) and `extras`
    (permissions granted for a time). One query, in an account's scope or a person's.
    """
    role = CustomRole.objects.filter(account_id=OuterRef("account_id"), name=OuterRef("role"))
    granted = PermissionGrant.objects.filter(
        account_id=OuterRef("account_id"), user_id=OuterRef("user_id"), ended_at=None, expires_at__gt=Now()
    )
    found: QuerySet[Any] = rows.filter(Q(expires_at=None) | Q(expires_at__gt=Now())).annotate(
        custom=Subquery(role.values("permissions")[:1]),
        extras=ArraySubquery(granted.values("permission")),
    )
    return found


def total(role: str, custom: Iterable[str] | None, extras: Iterable[str] | None) -> frozenset[str]:
    """Put together what `with_extras` found. A role that there is not may do nothing."""
    own = permissions_of(role) if role in Role.values else frozenset(custom or ())
    return frozenset(str(p) for p in (*own, *(extras or ())) if p in _KNOWN)


def holding_of(holder_id: UUID) -> Holding | None:
    """What a person or a robot holds in the project in scope; None for somebody who is not a member, or no longer, and
    for a robot that does not work.
    """
    rows = with_extras(Membership.objects.filter(user_id=holder_id, user__is_active=True))
    row = rows.values_list("role", "custom", "extras").first()
    return Holding(row[0], total(*row)) if row is not None else _holding_of_robot(holder_id)


def _holding_of_robot(robot_id: UUID) -> Holding | None:
    robot = working_robots().filter(pk=robot_id).first()
    return Holding(robot.role, robot_permissions(robot.role)) if robot is not None else None


def working_robots() -> QuerySet[Robot]:
    """The robots of the project in scope whose tokens may open something."""
    rows: QuerySet[Robot] = Robot.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=Now()), disabled_at=None, deleted_at=None
    )
    return rows


def robot_permissions(role: str) -> frozenset[str]:
    """What a robot of a role may do: less than a person of it."""
    return role_permissions(role) - frozenset(map(str, ROBOT_NEVER))


def role_permissions(role: str) -> frozenset[str]:
    """What a role of the project in scope may do, built-in or custom; an unknown one nothing."""
    if role in Role.values:
        return frozenset(map(str, permissions_of(role)))
    found = CustomRole.objects.filter(name=role).values_list("permissions", flat=True).first()
    return total(role, found, None)


def role_names() -> list[tuple[str, str]]:
    """Every role of the project in scope as (name, label): the built-in ones, then its own."""
    own = CustomRole.objects.order_by("name").values_list("name", flat=True)
    return [*((value, str(label)) for value, label in Role.choices), *((name, name) for name in own)]


def check_role(role: str, code: str = "member.role") -> None:
    """Raise `Invalid` for a role that the project in scope does not have."""
    if role in Role.values or CustomRole.objects.filter(name=role).exists():
        return
    message = _("There is no role “%(role)s”. Roles: %(roles)s.") % {
        "role": role,
        "roles": ", ".join(name for name, _label in role_names()),
    }
    raise Invalid(code, message, errors={"role": [message]})


def role_label(role: str) -> str:
    """What pages call a role."""
    if role == BREAK_GLASS:
        return _("Break-glass")
    return str(Role(role).label) if role in Role.values else role


def holders_of(permission: str) -> set[UUID]:
    """Everybody in the project in scope who holds a permission now."""
    rows = with_extras(Membership.objects.filter(user__is_active=True))
    return {
        user_id
        for user_id, role, custom, extras in rows.values_list("user_id", "role", "custom", "extras")
        if permission in total(role, custom, extras)
    }
