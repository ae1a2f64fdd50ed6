"""Roles in projects that groups of a provider give; registered with `accounts.groups`."""

import structlog

from accounts import audit
from accounts.errors import PortalError
from accounts.models import Account, User
from accounts.tenancy import scope
from projects.actions.members import keep_an_owner
from projects.actions.robots import tell_of_leaver
from projects.holdings import check_role
from projects.lookups import account_of_slug
from projects.models import Membership
from projects.permissions import Role

log = structlog.get_logger(__name__)


def give_roles(user: User, before: dict[str, str], now: dict[str, list[str]]) -> dict[str, str]:
    """Make the person's memberships what their groups say; returns the ones that they now hold because of groups.

    A membership that was given by hand, or changed by hand since, is the project's own affair and stays. The last
    owner stays too: the project would be left to nobody.
    """
    held: dict[str, str] = {}
    for slug in sorted({*before, *now}):
        wanted = _best(now[slug]) if slug in now else None
        account_id = account_of_slug(slug)
        if account_id is None:
            log.warning("group_mapping_names_no_project", project=slug)
            continue
        with scope(account_id):
            role = _settle(user, before.get(slug), wanted)
        if role is not None:
            held[slug] = role
    return held


def _best(roles: list[str]) -> str:
    """The role that may do most; a custom role counts after the built-in ones."""
    order = list(Role.values)
    return min(roles, key=lambda role: order.index(role) if role in order else len(order))


def _settle(user: User, before: str | None, wanted: str | None) -> str | None:
    membership = Membership.objects.select_for_update().filter(user=user).first()
    if not Account.objects.filter(state=Account.State.ACTIVE).exists():
        return before
    try:
        if membership is None:
            return _join(user, wanted) if wanted is not None else None
        if membership.expires_at is not None or membership.role != before:
            return None
        if wanted == before:
            return before
        if before == Role.OWNER:
            keep_an_owner(membership)
        if wanted is None:
            audit.record("member.remove", membership, detail={"role": membership.role, "by": "groups"})
            membership.delete()
            tell_of_leaver(user)
            return None
        check_role(wanted)
        membership.role = wanted
        membership.save(update_fields=["role"])
        audit.record("member.role", membership, detail={"from": before, "to": wanted, "by": "groups"})
    except PortalError as error:
        audit.record(
            "member.role", membership, outcome="failed", detail={"by": "groups", "error": error.code}
        )
        return before
    return wanted


def _join(user: User, role: str) -> str:
    check_role(role)
    membership = Membership(user=user, role=role)
    membership.save(force_insert=True)
    audit.record("member.add", membership, detail={"role": role, "by": "groups"})
    return role
