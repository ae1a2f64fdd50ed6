"""What groups of a provider or a directory give here: platform roles, and roles in projects.

The mapping is the operator's (`PORTAL_OIDC_GROUPS`, `PORTAL_LDAP_GROUPS`):
`{"ml-admins": {"platform_role": "admin"}, "etch-team": [{"project": "etch-7f3k", "role": "scientist"}]}`.
Roles in projects are given by a function that the floor of projects registers.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from accounts.actions.platform_role import change_platform_role
from accounts.models import ExternalIdentity, PlatformRole, User

Roles = dict[str, str]
# Called with the person, the roles by project that groups gave before, and those that they give now, best first.
# Returns the roles that the person now holds because of them.
GiveRoles = Callable[[User, Roles, dict[str, list[str]]], Roles]
_give_roles: list[GiveRoles] = []
_BEST = (PlatformRole.ADMIN, PlatformRole.AUDITOR)


def register_roles(give: GiveRoles) -> None:
    """Say how roles in projects are given."""
    _give_roles[:] = [give]


def apply(
    identity: ExternalIdentity, groups: Iterable[str], mapping: Mapping[str, list[dict[str, Any]]]
) -> None:
    """Give what these groups give, and take back what they gave at the sign-in before and do no more.

    What somebody was given here by hand stays. Each change is on record.
    """
    user, gives = identity.user, [gift for group in groups for gift in mapping.get(group, [])]
    wanted = {gift.get("platform_role") for gift in gives}
    role = next((role for role in _BEST if role in wanted), None)
    held = identity.given.get("platform_role")
    if role is not None and role != user.platform_role:
        change_platform_role(user, role, by="groups")
    elif role is None and held is not None and held == user.platform_role:
        change_platform_role(user, PlatformRole.MEMBER, by="groups")
    projects: dict[str, list[str]] = {}
    for gift in gives:
        if gift.get("project"):
            projects.setdefault(gift["project"], []).append(gift["role"])
    before: Roles = identity.given.get("projects", {})
    for give in _give_roles:
        before = give(user, before, projects)
    identity.given = {"platform_role": role, "projects": before}
    identity.save(update_fields=["given"])
