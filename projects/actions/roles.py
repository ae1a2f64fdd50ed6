"""A project's own roles: named sets of permissions, never more than who makes them holds."""

import re

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Conflict, Forbidden, Invalid, NotFound
from projects.doors.grant import Grant
from projects.models import CustomRole, Membership, Robot, Token
from projects.permissions import Permission, Role

_NAME = re.compile(r"[a-z][a-z0-9-]{1,31}")
RESERVED = frozenset({*Role.values, "break-glass", "admin", "auditor", "system"})


def _check(grant: Grant, permissions: list[str]) -> list[str]:
    unknown = sorted(set(permissions) - {str(p) for p in Permission})
    if unknown:
        message = _("There is no permission “%(permission)s”.") % {"permission": unknown[0]}
        raise Invalid("role.permission", message, errors={"permissions": [message]})
    more = sorted(set(permissions) - grant.permissions)
    if more:
        raise Forbidden(
            "role.more",
            _("A role cannot do more than who makes it: you lack %(more)s.") % {"more": ", ".join(more)},
            permission=more[0],
        )
    # Without this nobody with the role could enter.
    return sorted({str(Permission.PROJECT_READ), *permissions})


def find_role(name: str, *, lock: bool = False) -> CustomRole:
    """Return one of the project's own roles; raises `NotFound`."""
    rows = CustomRole.objects.select_for_update() if lock else CustomRole.objects.get_queryset()
    found: CustomRole | None = rows.filter(name=name).first()
    if found is None:
        raise NotFound(
            "role.not_found", _("This project has no role “%(name)s” of its own.") % {"name": name[:40]}
        )
    return found


def make_role(grant: Grant, *, name: str, permissions: list[str], description: str = "") -> CustomRole:
    """Make a role. Raises `Invalid` for a name that is none or is reserved, or for an unknown permission; `Forbidden`
    for a permission that the maker lacks; `Conflict` for a name in use.
    """
    name = name.strip()
    if not _NAME.fullmatch(name) or name in RESERVED:
        message = _(
            "A role's name has 2 to 32 lower-case letters, digits and hyphens, and is not that of a built-in role."
        )
        raise Invalid("role.name", message, errors={"name": [message]})
    role = CustomRole(
        name=name, description=description.strip()[:300], permissions=_check(grant, permissions)
    )
    try:
        with transaction.atomic():
            role.save(force_insert=True)
    except IntegrityError:
        message = _("There is a role “%(name)s” already.") % {"name": name}
        raise Conflict("role.exists", message, errors={"name": [message]}) from None
    audit.record("role.create", role, detail={"permissions": role.permissions})
    return role


def change_role_permissions(
    grant: Grant, role: CustomRole, *, permissions: list[str], description: str | None = None
) -> CustomRole:
    """Give a role another set; it counts at once for everybody who has it. Raises as `make_role` does."""
    before = set(role.permissions)
    _check(grant, role.permissions)  # whoever has more than the editor is not the editor's to change
    role.permissions = _check(grant, permissions)
    if description is not None:
        role.description = description.strip()[:300]
    role.save(update_fields=["permissions", "description", "changed_at"])
    added, removed = sorted(set(role.permissions) - before), sorted(before - set(role.permissions))
    audit.record("role.change", role, detail={"added": added, "removed": removed})
    return role


def delete_role(grant: Grant, role: CustomRole) -> None:
    """Forget a role that nobody has. Raises `Conflict` while a member, a robot or a usable token has it."""
    members = Membership.objects.filter(role=role.name).count()
    tokens = Token.objects.filter(role=role.name, revoked_at=None, expires_at__gt=timezone.now()).count()
    robots = Robot.objects.filter(role=role.name, deleted_at=None).count()
    if members or tokens or robots:
        raise Conflict(
            "role.in_use",
            _(
                "“%(name)s” is the role of %(members)d members, %(robots)d robots and %(tokens)d tokens. "
                "Give them another one first."
            )
            % {"name": role.name, "members": members, "robots": robots, "tokens": tokens},
        )
    audit.record("role.delete", role, detail={"permissions": role.permissions})
    role.delete()
