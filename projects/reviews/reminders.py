"""Telling auditors that a month's review is late: once a review, whoever has begun it.

Only auditors sign reviews off. About an account's review they find a notice in their inbox; notices belong to accounts,
so that about the platform's own they get mail, where the installation sends any. The record of it is what keeps the
next sweep from telling them again.
"""

from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_noop as noop

from accounts import audit
from accounts.audit import Target
from accounts.models import Account, AuditEvent, PlatformRole, User
from accounts.tenancy import platform_scope, scope
from projects.audit_log import PLATFORM_ITSELF
from projects.letters import mail
from projects.models import AuditReview
from projects.notifications import notify
from projects.reviews.matrix import OVERDUE, Log, matrix, platform_log
from projects.reviews.months import Month

NOTICE = "review.overdue"
SUBJECT = noop("The review of %(log)s for %(month)s is overdue")
SUBJECT_PLATFORM = noop("The review of the platform's own log for %(month)s is overdue")
TEXT = noop("It was to be signed off by %(due)s.")
# What was late before these months stands in the audit room: whoever has just updated is not told of a whole year.
MONTHS = 4
_ABOUT = "reviewmonth"


def remind() -> int:
    """Tell auditors of every review that has become overdue; returns how many those were. By the system's role."""
    auditors = list(User.objects.filter(platform_role=PlatformRole.AUDITOR, is_active=True))
    if not auditors:
        return 0
    with platform_scope("auditor"):
        late = _late()
    told = 0
    with audit.acting_as(audit.SYSTEM, via="task"):
        for account_id, month in late:
            if account_id is None:
                told += _mail(month, auditors)
            else:
                told += _notify(account_id, month, auditors)
    return told


def _late() -> list[tuple[UUID | None, Month]]:
    """The late reviews that nobody was told of, in an auditor's scope; none of an account that is not active."""
    accounts = Account.objects.filter(state=Account.State.ACTIVE).values_list("pk", "name", "created_at")
    logs: list[Log] = [platform_log(""), *accounts]
    rows = matrix(logs, Month.last(MONTHS))
    late = [
        (log[0], cell.month)
        for log, row in zip(logs, rows, strict=True)
        for cell in row.months
        if cell.state == OVERDUE
    ]
    months = {str(month) for _account_id, month in late}
    events = AuditEvent.objects.filter(target_type=_ABOUT, target_id__in=months, action=NOTICE)
    known = set(events.values_list("account_id", "target_id"))
    return [(account_id, month) for account_id, month in late if (account_id, str(month)) not in known]


def _settled(account_id: UUID | None, month: Month) -> bool:
    """Whether somebody was told meanwhile, or has signed."""
    events = AuditEvent.objects.filter(target_type=_ABOUT, target_id=str(month), action=NOTICE)
    reviews = AuditReview.objects.filter(month=month.first, state=AuditReview.State.SIGNED)
    if account_id is None:
        return events.filter(account_id=None).exists() or reviews.filter(account_id=None).exists()
    return events.filter(account_id=account_id).exists() or reviews.filter(account_id=account_id).exists()


def _record(month: Month, auditors: list[User]) -> None:
    detail = {"month": str(month), "due": month.due.isoformat(), "told": [user.username for user in auditors]}
    audit.record(NOTICE, Target(_ABOUT, str(month), str(month)), detail=detail)


def _notify(account_id: UUID, month: Month, auditors: list[User]) -> bool:
    """Put it into the auditors' inboxes; the account's lock lets two sweeps do so once."""
    with scope(account_id):
        account = Account.objects.select_for_update().get(pk=account_id)
        if account.state != Account.State.ACTIVE or _settled(account_id, month):
            return False
        notify(
            account_id,
            NOTICE,
            SUBJECT,
            TEXT,
            values={"log": account.name, "month": str(month), "due": month.due.isoformat()},
            recipients=[user.pk for user in auditors],
            link=f"/audit-room/review/{account_id}/{month}/",
            webhooks=(),  # the auditors' business: a project's own receivers are not told
        )
        _record(month, auditors)
    return True


def _mail(month: Month, auditors: list[User]) -> bool:
    if not settings.EMAIL_ON:
        return False
    with platform_scope("auditor"), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [NOTICE])
        if _settled(None, month):
            return False
        values = {"month": str(month), "due": month.due.isoformat()}
        link = f"/audit-room/review/{PLATFORM_ITSELF}/{month}/"
        mail(auditors, SUBJECT_PLATFORM, TEXT, values=values, link=link)
        _record(month, auditors)
    return True
