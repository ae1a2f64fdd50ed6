"""Permissions for a time: asked for, granted, ended."""

from datetime import timedelta
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from accounts import audit
from accounts.audit import Target
from accounts.errors import Conflict, Forbidden, Invalid, NotFound
from accounts.models import User
from projects import approvals
from projects.doors.grant import Grant
from projects.holdings import holding_of
from projects.models import ApprovalRequest, Membership, PermissionGrant
from projects.notifications import notify
from projects.permissions import DATA_PERMISSIONS, ROLE_ONLY, Permission

KIND = "access.permission"
GRANTED = "access.granted"
LONGEST_DAYS = 366
DEFAULT_DAYS = 7


def grantable(permission: str) -> bool:
    """Whether a permission can be had for a time, without a role."""
    return permission in set(Permission) - ROLE_ONLY


def check_days(days: int) -> None:
    """Raise `Invalid` for a time that is none."""
    if not 1 <= days <= LONGEST_DAYS:
        message = _("Between 1 and %(days)d days.") % {"days": LONGEST_DAYS}
        raise Invalid("access.days", message, errors={"days": [message]})


def ask_permission(grant: Grant, permission: str, reason: str, days: int = DEFAULT_DAYS) -> ApprovalRequest:
    """Ask for a permission for some days. Raises `Invalid` for one that cannot be had so, `Conflict` for one that is
    held, or asked for.
    """
    check_days(days)
    if not grantable(permission):
        message = _("“%(permission)s” comes with a role only. Ask an owner for another role.") % {
            "permission": permission
        }
        raise Invalid("access.permission", message, errors={"permission": [message]})
    if grant.can(permission):
        raise Conflict("access.held", _("You have “%(permission)s” already.") % {"permission": permission})
    target = Target("permission", permission, permission)
    return approvals.ask(KIND, target, {"permission": permission, "days": days}, reason, grant)


def check_decider(request: ApprovalRequest, grant: Grant) -> None:
    """Nobody grants what they do not hold, except who decides on access to data. Raises `Forbidden`."""
    may_grant(grant, str(request.payload["permission"]))


def may_grant(grant: Grant, permission: str) -> None:
    """Raise `Forbidden` where this person cannot hand out a permission."""
    grant.require(Permission.ACCESS_DECIDE)
    if permission not in DATA_PERMISSIONS:
        grant.require(permission)


def approved(request: ApprovalRequest, grant: Grant) -> None:
    """What approving a request for a permission does."""
    person = request.asked_by
    assert person is not None
    days, permission = int(request.payload["days"]), str(request.payload["permission"])
    _give(grant, person, permission, days=days, reason=request.reason, request_id=request.pk)


def evidence(request: ApprovalRequest) -> list[tuple[str, str]]:
    """Who asks, and what they hold and did before."""
    held = holding_of(request.asked_by_id) if request.asked_by_id else None
    rows = PermissionGrant.objects.filter(
        user_id=request.asked_by_id, permission=request.payload["permission"]
    )
    return [
        (_("Role of who asks"), held.role if held else _("no longer a member")),
        (_("Permission"), str(request.payload["permission"])),
        (_("For"), _("%(days)d days") % {"days": request.payload["days"]}),
        (_("Granted before"), _("%(count)d times") % {"count": rows.count()}),
    ]


def give_permission(grant: Grant, user: User, permission: str, days: int, reason: str) -> PermissionGrant:
    """Grant a permission to a member for some days, without having been asked.

    Raises `Invalid` without a reason or for a permission that comes with roles only, `NotFound` for somebody who is no
    member, `Forbidden` for what the giver does not hold, or to oneself.
    """
    check_days(days)
    reason = reason.strip()
    if not reason:
        message = _("Say why: it stays on record.")
        raise Invalid("access.reason", message, errors={"reason": [message]})
    if not grantable(permission):
        message = _("“%(permission)s” comes with a role only. Change the person's role.") % {
            "permission": permission
        }
        raise Invalid("access.permission", message, errors={"permission": [message]})
    if user.pk == grant.user_id:
        raise Forbidden(
            "access.self", _("Nobody grants themselves a permission. Ask for it: somebody decides.")
        )
    may_grant(grant, permission)
    return _give(grant, user, permission, days=days, reason=reason)


def _give(
    grant: Grant, user: User, permission: str, *, days: int, reason: str, request_id: UUID | None = None
) -> PermissionGrant:
    if not Membership.objects.filter(user=user).exists():
        raise NotFound(
            "member.not_found", _("“%(user)s” is not a member of this project.") % {"user": user.username}
        )
    given = PermissionGrant(
        user=user,
        permission=permission,
        reason=reason[:500],
        granted_by_label=grant.actor.person[:160],
        request_id=request_id,
        expires_at=timezone.now() + timedelta(days=days),
    )
    given.save(force_insert=True)
    until = given.expires_at.isoformat(timespec="minutes")
    audit.record(
        "access.grant",
        given,
        detail={"user": user.username, "permission": permission, "until": until, "reason": reason},
    )
    if request_id is None:
        notify(
            grant.account_id,
            GRANTED,
            noop("You may “%(permission)s” until %(until)s"),
            noop("%(who)s: %(note)s"),
            recipients=[user.pk],
            values={
                "permission": permission,
                "until": until,
                "who": given.granted_by_label,
                "note": reason,
            },
        )
    return given


def find_given(pk: UUID) -> PermissionGrant:
    """Return a grant of the project in scope; raises `NotFound`."""
    found: PermissionGrant | None = PermissionGrant.objects.select_related("user").filter(pk=pk).first()
    if found is None:
        raise NotFound("access.not_found", _("There is no such grant in this project."))
    return found


def end_permission(grant: Grant, given: PermissionGrant, reason: str = "") -> PermissionGrant:
    """End a grant before its time: one's own, or anybody's with `access.decide`. Raises `Conflict` for one that has
    ended.
    """
    if given.user_id != grant.user_id:
        grant.require(Permission.ACCESS_DECIDE)
    now = timezone.now()
    rows = PermissionGrant.objects.filter(pk=given.pk, ended_at=None, expires_at__gt=now)
    if not rows.update(ended_at=now):
        raise Conflict("access.ended", _("This grant has ended already."))
    given.ended_at = now
    audit.record("access.revoke", given, detail={"permission": given.permission, "reason": reason})
    return given


def record_end(given: PermissionGrant) -> None:
    """Write down that a grant's time was up; it has not counted since."""
    if PermissionGrant.objects.filter(pk=given.pk, ended_at=None).update(ended_at=given.expires_at):
        audit.record("access.end", given, detail={"permission": given.permission})
