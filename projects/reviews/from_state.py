"""What stands now that is worth a look: what leavers left behind, what nobody uses, what ends soon."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db.models import CharField, Exists, F, OuterRef, Q
from django.db.models.functions import Cast

from accounts.audit.rows import PLATFORM_LOG
from accounts.models import AuditEvent, AuditVerification, PlatformRole, User
from accounts.tenancy import platform_scope
from projects.models import Membership, PermissionGrant, PlatformToken, Robot, Token
from projects.reviews.findings import SOON, Finding, Period

# Whoever has no record for so long counts as dormant.
DORMANT = timedelta(days=90)


def _left(period: Period) -> Q:
    """What belongs to a person who is deactivated, or no member any more."""
    current = Membership.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=period.now), user_id=OuterRef("user_id")
    )
    return Q(user__is_active=False) | ~Q(Exists(current))


def _leaver(kind: str, row: Any, until: Any, period: Period, what: str) -> Finding:
    facts = {
        "what": kind,
        "thing": what,
        "active": row.user.is_active,
        "until": until.isoformat() if until else None,
    }
    return Finding("leaver", f"{kind}:{row.pk}", row.user.username, facts, True, {"person": str(row.user_id)})


def leavers(period: Period) -> Iterator[Finding]:
    """Tokens, grants and memberships that are still alive of people who have left."""
    gone = _left(period)
    tokens = Token.objects.filter(
        gone, revoked_at=None, expires_at__gt=period.now, purpose=Token.Purpose.USER
    )
    for token in tokens.select_related("user").order_by("user__username", "pk"):
        yield _leaver("token", token, token.expires_at, period, token.label)
    given = PermissionGrant.objects.filter(gone, ended_at=None, expires_at__gt=period.now)
    for row in given.select_related("user").order_by("user__username", "pk"):
        yield _leaver("grant", row, row.expires_at, period, row.permission)
    yield from _robots(period)
    members = Membership.objects.filter(user__is_active=False).select_related("user")
    for member in members.order_by("user__username"):
        yield _leaver("membership", member, member.expires_at, period, member.role)


def _robots(period: Period) -> Iterator[Finding]:
    """Robots that work on while the person to ask about them has left."""
    member = Membership.objects.filter(
        Q(expires_at=None) | Q(expires_at__gt=period.now), user_id=OuterRef("responsible_id")
    )
    rows = Robot.objects.filter(
        Q(responsible__is_active=False) | ~Q(Exists(member)), deleted_at=None, disabled_at=None
    )
    for robot in rows.select_related("responsible").order_by("name"):
        if robot.works:
            user = robot.responsible
            until = robot.expires_at.isoformat() if robot.expires_at else None
            facts = {"what": "robot", "thing": robot.name, "active": user.is_active, "until": until}
            yield Finding(
                "leaver", f"robot:{robot.pk}", user.username, facts, True, {"thing": f"robot:{robot.pk}"}
            )


def platform_leavers(period: Period) -> Iterator[Finding]:
    """Platform tokens of people who are deactivated or have lost the role that they made them in, and roles of the
    deactivated."""
    gone = Q(user__is_active=False) | ~Q(user__platform_role=F("role"))
    rows = PlatformToken.objects.filter(gone, revoked_at=None, expires_at__gt=period.now)
    for token in rows.select_related("user").order_by("user__username", "pk"):
        yield _leaver("token", token, token.expires_at, period, token.label)
    for user in User.objects.filter(is_active=False).exclude(platform_role=PlatformRole.MEMBER):
        facts = {"what": "role", "thing": user.platform_role, "active": False, "until": None}
        yield Finding("leaver", f"role:{user.pk}", user.username, facts, True, {"person": str(user.pk)})


def dormant(period: Period) -> Iterator[Finding]:
    """Members of whom the log has had nothing for 90 days, and what they hold beside their role."""
    since = period.until - DORMANT
    seen = AuditEvent.objects.filter(account_id=period.account_id, at__gte=since)
    own = seen.filter(actor_id=Cast(OuterRef("user_id"), CharField()))
    behalf = seen.filter(on_behalf_of=OuterRef("user__username"))
    rows = Membership.objects.filter(~Exists(own), ~Exists(behalf), created_at__lt=since)
    people = {row.user_id: row for row in rows.select_related("user").order_by("user__username")}
    held: dict[Any, list[str]] = {}
    given = PermissionGrant.objects.filter(user_id__in=people, ended_at=None, expires_at__gt=period.now)
    for user_id, permission in given.values_list("user_id", "permission"):
        held.setdefault(user_id, []).append(permission)
    for user_id, row in people.items():
        facts = {
            "role": row.role,
            "member_since": row.created_at.isoformat(),
            "days": DORMANT.days,
            "grants": sorted(held.get(user_id, [])),
        }
        yield Finding(
            "dormant",
            str(row.pk),
            row.user.username,
            facts,
            bool(held.get(user_id)),
            {"person": str(user_id)},
        )


def ending(period: Period) -> Iterator[Finding]:
    """Memberships and permissions for a time that end within the month after."""
    soon = Q(expires_at__gt=period.now, expires_at__lte=period.until + SOON)
    for member in Membership.objects.filter(soon).select_related("user").order_by("expires_at"):
        facts = {"what": "membership", "thing": member.role, "until": member.expires_at.isoformat()}
        search = {"thing": f"membership:{member.pk}"}
        yield Finding("grant", f"membership:{member.pk}", member.user.username, facts, False, search)
    rows = PermissionGrant.objects.filter(soon, ended_at=None).select_related("user")
    for given in rows.order_by("expires_at"):
        facts = {
            "what": "grant",
            "thing": given.permission,
            "until": given.expires_at.isoformat(),
            "reason": given.reason,
        }
        search = {"thing": f"permissiongrant:{given.pk}"}
        yield Finding("grant", f"grant:{given.pk}", given.user.username, facts, False, search)


def verified(period: Period) -> Finding:
    """Whether this log was verified in the month, or since, and what was found; outside any scope."""
    log_id = period.account_id or PLATFORM_LOG
    with platform_scope("auditor"):
        rows = AuditVerification.objects.filter(
            Q(log_id=log_id) | Q(log_id__isnull=True),
            state=AuditVerification.State.FINISHED,
            finished_at__gte=period.month.start,
        )
        within = rows.filter(finished_at__lt=period.month.end).order_by("finished_at")
        found = list(within.values_list("finished_at", "findings"))
        last = rows.order_by("-finished_at").first()
    wrong = sum(1 for _at, findings in found if findings)
    facts = {
        "times": len(found),
        "wrong": wrong,
        "last_at": last.finished_at.isoformat() if last and last.finished_at else None,
        "findings": [one.get("text", "") for one in last.findings[:5]] if last else [],
    }
    notable = bool(wrong or not found or facts["findings"])
    return Finding("log", "verification", "", facts, notable, {"action": "audit.*"})
