"""Verifying one account's log on demand: an operation, with its progress and result on its page."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.audit import Target, whole
from accounts.audit.keys import KeyTrouble, trusted_ring
from accounts.audit.verification import Report, verify_log
from accounts.audit.verify_export import Finding
from projects import operations
from projects.doors.grant import Grant
from projects.models import Operation
from projects.notifications import notify
from projects.operations import Again, Done, Work

KIND = "audit.verify"
NOTICE = "audit.wrong"
_SHOWN = 50


def ask_verification(grant: Grant, *, idempotency_key: str = "") -> Operation:
    """Ask for a verification of the whole log of the account in scope."""
    return operations.submit(
        KIND,
        target=Target("auditlog", str(grant.account_id), grant.project_name),
        payload={},
        grant=grant,
        permission="audit.read",
        idempotency_key=idempotency_key,
    )


def _verified(work: Work, row: UUID) -> Report:
    def progress(share: float) -> None:
        whole.note(row, progress=share)
        work.stage("verifying", share)

    try:
        return verify_log(work.account_id, trusted_ring(), progress=progress)
    except KeyTrouble as error:
        return Report(findings=[Finding("forged", str(error))])


def advance(work: Work) -> Done | Again:
    """Verify, keep the result, and tell those who may read the log where something is wrong."""
    row = whole.ask(work.operation.who, work.account_id).pk
    whole.note(row, state="running")
    work.stage("verifying", 0.0)
    report = _verified(work, row)
    whole.finish(row, report)
    result: dict[str, Any] = {
        "well": report.well,
        "rows": report.rows,
        "checkpoints": report.checkpoints,
        "findings": [one.document() for one in report.findings[:_SHOWN]],
    }
    for one in report.findings[:_SHOWN]:
        work.log(f"{one.kind}: {one.text}")
    if report.well:
        work.log(_("%(rows)d rows and %(checkpoints)d checkpoints: all is as it was sealed.") % result)
    else:
        notify(
            work.account_id,
            NOTICE,
            gettext_noop("The audit log is not as it was sealed"),
            gettext_noop("Verification of the audit log found %(count)s things wrong. The first: %(first)s."),
            values={"count": len(report.findings), "first": report.findings[0].text},
            link=f"activity/{work.operation.pk}/",
            recipients="audit.read",
        )
    return Done(result)
