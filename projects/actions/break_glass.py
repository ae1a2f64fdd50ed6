"""Break-glass: a platform admin enters a project that they are no member of.

With a reason and a fresh sign-in, for at most a day, owners told at once, every step on record under `break-glass`.
Looking only, unless repairing was asked for; never rows or files of datasets, secrets or predictions. It ends by
itself, by the admin, or by anybody who manages the project's members.
"""

from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop as noop

from accounts import audit
from accounts.errors import Conflict, Forbidden, Invalid, NotFound
from accounts.models import PlatformRole, User
from accounts.tenancy import scope
from projects.doors.grant import Grant
from projects.holdings import holders_of
from projects.lookups import account_of_slug
from projects.models import BreakGlass, Membership, Project
from projects.notifications import notify
from projects.permissions import Permission

ENTERED, ENDED = "breakglass.entered", "breakglass.ended"
HOURS = (1, 4, 8, 24)
_SHORTEST = 10


def break_glass(admin: User, slug: str, *, reason: str, hours: int, repair: bool = False) -> BreakGlass:
    """Open a project to a platform admin. The caller has asked for a fresh sign-in, and nobody's scope is open.

    Raises `Forbidden` for who is no admin, `NotFound` for no such project, `Invalid` for a missing reason or another
    time, `Conflict` for a member, or where a way is open already.
    """
    if admin.platform_role != PlatformRole.ADMIN:
        raise Forbidden("platform.admin", _("Only a platform admin may do this."))
    reason = " ".join(reason.split())
    if len(reason) < _SHORTEST:
        message = _("Say in a sentence why: the owners read it at once.")
        raise Invalid("breakglass.reason", message, errors={"reason": [message]})
    if hours not in HOURS:
        message = _("Choose 1, 4, 8 or 24 hours.")
        raise Invalid("breakglass.hours", message, errors={"hours": [message]})
    account_id = account_of_slug(slug)
    if account_id is None:
        message = _("There is no project “%(slug)s”.") % {"slug": slug[:48]}
        raise NotFound("project.not_found", message, errors={"project": [message]})
    with scope(account_id):
        return _enter(admin, reason, hours, repair)


def _enter(admin: User, reason: str, hours: int, repair: bool) -> BreakGlass:
    if Membership.objects.filter(user=admin).exists():
        raise Conflict("breakglass.member", _("You are a member of this project: enter it as that."))
    now, project = timezone.now(), Project.objects.get()
    BreakGlass.objects.filter(user=admin, ended_at=None, expires_at__lte=now).update(ended_at=now)
    entered = BreakGlass(
        user=admin,
        user_label=admin.label[:160],
        slug=project.slug,
        name=project.name,
        reason=reason[:500],
        repair=repair,
        expires_at=now + timedelta(hours=hours),
    )
    try:
        with transaction.atomic():
            entered.save(force_insert=True)
    except IntegrityError:
        raise Conflict("breakglass.open", _("You have a way into this project already.")) from None
    detail = {"reason": entered.reason, "hours": hours, "repair": repair, "break_glass": str(entered.pk)}
    audit.record("breakglass.enter", entered, detail=detail)
    auditors = User.objects.filter(platform_role=PlatformRole.AUDITOR, is_active=True)
    notify(
        project.account_id,
        ENTERED,
        noop("%(who)s, a platform admin, has entered “%(project)s” by break-glass"),
        noop("For %(hours)d hours. Reason given: “%(reason)s”. End it under Permissions."),
        recipients=holders_of(Permission.MEMBER_MANAGE) | set(auditors.values_list("pk", flat=True)),
        values={"who": entered.user_label, "project": project.name, "hours": hours, "reason": entered.reason},
        link=f"/projects/{project.slug}/settings/permissions/",
    )
    return entered


def find_break_glass(pk: UUID) -> BreakGlass:
    """Return a way in of the project in scope; raises `NotFound`."""
    found: BreakGlass | None = BreakGlass.objects.filter(pk=pk).first()
    if found is None:
        raise NotFound("breakglass.not_found", _("There is no such break-glass access in this project."))
    return found


def end_break_glass(grant: Grant, entered: BreakGlass) -> BreakGlass:
    """End a way in: the admin their own, anybody with `member.manage` everyone's. Raises `Conflict` once it is over."""
    if entered.user_id != grant.user_id:
        grant.require(Permission.MEMBER_MANAGE)
    now, who = timezone.now(), grant.actor.person[:160]
    rows = BreakGlass.objects.filter(pk=entered.pk, ended_at=None, expires_at__gt=now)
    if not rows.update(ended_at=now, ended_by_label=who):
        raise Conflict("breakglass.over", _("This break-glass access is over already."))
    entered.ended_at, entered.ended_by_label = now, who
    audit.record("breakglass.end", entered, detail={"break_glass": str(entered.pk)})
    if entered.user_id != grant.user_id:
        notify(
            grant.account_id,
            ENDED,
            noop("Your break-glass access to “%(project)s” was ended"),
            noop("By %(who)s."),
            recipients=[entered.user_id],
            values={"project": entered.name, "who": who},
        )
    return entered


def record_end(entered: BreakGlass) -> None:
    """Write down that the time was up; the door has not opened since."""
    if BreakGlass.objects.filter(pk=entered.pk, ended_at=None).update(ended_at=entered.expires_at):
        audit.record("breakglass.end", entered, detail={"break_glass": str(entered.pk), "expired": True})
