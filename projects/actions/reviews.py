"""Monthly reviews of the audit log: begun, looked through, signed off. An auditor does this, from outside the account.

    (none) ──gather──▶ in review ──sign──▶ signed
                       ▲      │ gather again, mark
                       └──────┘

The sign-off's record holds the SHA-256 of the text that was signed, and names the checkpoint of the log that covers
the month: with a receipt, or an export, anybody proves later what was reviewed.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit import Target
from accounts.audit.rows import PLATFORM_LOG, log_name
from accounts.audit.sealing import backlog
from accounts.audit.verify_export import Signed
from accounts.errors import Conflict, Invalid, NotFound
from accounts.models import Account, AuditCheckpoint
from accounts.tenancy import platform_scope, scope
from projects.models import AuditReview
from projects.reviews.findings import Period, gathered
from projects.reviews.from_state import verified
from projects.reviews.months import Month, no_such_month

State, Verdict = AuditReview.State, AuditReview.Verdict
FORMAT = "mlops-portal audit review 1"
NOTE_LENGTH = 2000


@contextmanager
def _log_of(account_id: UUID | None) -> Iterator[None]:
    """Open the scope in which a log's reviews are written; raises `NotFound` for no such account."""
    if account_id is None:
        with platform_scope("auditor"):
            yield
        return
    with scope(account_id):
        if not Account.objects.filter(pk=account_id).exists():
            raise NotFound("account.not_found", _("There is no such account."))
        yield


def reviews_of(account_id: UUID | None) -> Any:
    """The reviews of one log, in its scope or an auditor's."""
    rows = AuditReview.objects.get_queryset()
    return rows.filter(account_id=account_id) if account_id else rows.filter(account_id__isnull=True)


def find_review(account_id: UUID | None, month: Month) -> AuditReview:
    """Return a log's review of a month; raises `NotFound` where none was begun."""
    found: AuditReview | None = reviews_of(account_id).filter(month=month.first).first()
    if found is None:
        raise NotFound("review.not_found", _("The review of this month has not been begun."))
    return found


def find_signed(account_id: UUID, month: Month) -> AuditReview:
    """Return an account's review of a month once it is signed off: before, it is the auditors' alone. Raises
    `NotFound`.
    """
    found: AuditReview | None = reviews_of(account_id).filter(month=month.first, state=State.SIGNED).first()
    if found is None:
        raise NotFound("review.not_found", _("This month has no signed review."))
    return found


def _target(review: AuditReview) -> Target:
    return Target("auditreview", str(review.pk), review.label)


def _unsigned(account_id: UUID | None, month: Month) -> AuditReview:
    """The review, locked, to be changed; raises `Conflict` once it is signed."""
    find_review(account_id, month)
    review: AuditReview = reviews_of(account_id).select_for_update().get(month=month.first)
    if review.state == State.SIGNED:
        raise Conflict(
            "review.signed",
            _("The review of %(month)s is signed off: nothing of it changes any more.") % {"month": month},
        )
    return review


def gather(account_id: UUID | None, month: Month, *, who: str) -> AuditReview:
    """Begin the review of a month, or gather its findings again; what was said of those that are still there stays.

    Raises `NotFound` for a month before the account was opened, `Conflict` once it is signed.
    """
    about_log = verified(Period(account_id, month))
    with _log_of(account_id):
        if account_id and Account.objects.get(pk=account_id).created_at >= month.end:
            raise no_such_month()
        period = Period(account_id, month)
        findings, left_out = gathered(period)
        findings.insert(0, about_log.document())
        begun = _begin(account_id, month, period, who)
        review = _unsigned(account_id, month)
        known = {finding["key"] for finding in findings}
        review.findings, review.left_out = findings, left_out
        review.marks = {key: mark for key, mark in review.marks.items() if key in known}
        review.gathered_at, review.gathered_by_label = period.now, who[:160]
        review.save(update_fields=["findings", "left_out", "marks", "gathered_at", "gathered_by_label"])
        detail = {"month": str(month), "findings": len(findings)}
        audit.record("review.begin" if begun else "review.gather", _target(review), detail=detail)
    return review


def _begin(account_id: UUID | None, month: Month, period: Period, who: str) -> bool:
    """Make the row where there is none; whoever comes second finds it there."""
    if reviews_of(account_id).filter(month=month.first).exists():
        return False
    review = AuditReview(
        account_id=account_id, month=month.first, gathered_at=period.now, gathered_by_label=who[:160]
    )
    try:
        with transaction.atomic():
            review.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def mark(
    account_id: UUID | None, month: Month, keys: Sequence[str], verdict: str, note: str = "", *, who: str
) -> AuditReview:
    """Say of findings that they are in order, or need action. Raises `NotFound` for a finding that there is not,
    `Invalid` for one that needs action without a note, `Conflict` once the review is signed.
    """
    note = " ".join(note.split())[:NOTE_LENGTH]
    if verdict not in Verdict.values:
        message = _("A finding is in order (ok) or needs action (action).")
        raise Invalid("review.verdict", message, errors={"verdict": [message]})
    if verdict == Verdict.ACTION and not note:
        message = _("Say what is to be done: it is part of what is signed.")
        raise Invalid("review.note", message, errors={"note": [message]})
    with _log_of(account_id):
        review = _unsigned(account_id, month)
        known = {finding["key"] for finding in review.findings}
        unknown = sorted(set(keys) - known)
        if unknown or not keys:
            raise NotFound(
                "review.finding", _("This review has no such finding: gather them again, and reload.")
            )
        said = {"verdict": verdict, "note": note, "by": who, "at": timezone.now().isoformat()}
        review.marks = {**review.marks, **dict.fromkeys(keys, said)}
        review.save(update_fields=["marks"])
        detail = {"month": str(month), "findings": sorted(set(keys))[:50], "count": len(set(keys))}
        audit.record("review.mark", _target(review), detail={**detail, "verdict": verdict, "note": note})
    return review


def _covering(account_id: UUID | None, month: Month) -> dict[str, Any]:
    """The checkpoint of the log under which the whole month is sealed. Raises `Conflict` while rows of it wait."""
    log_id = account_id or PLATFORM_LOG
    waiting = backlog(log_id)["oldest"]
    last = AuditCheckpoint.objects.filter(log_id=log_id).order_by("-sequence").first()
    if last is None or (waiting is not None and waiting < month.end):
        raise Conflict(
            "review.unsealed",
            _("Records of %(month)s are not sealed yet. Try again in a few seconds.") % {"month": month},
        )
    root = Signed(last.body, b"").fields["root"]
    return {"log": log_name(log_id), "sequence": last.sequence, "size": last.size, "root": root}


def signed_text(review: AuditReview, *, note: str, who: str, at: str, checkpoint: dict[str, Any]) -> str:
    """The text whose SHA-256 a sign-off records: JSON, keys sorted, no spaces, UTF-8."""
    document = {
        "format": FORMAT,
        "deployment": settings.DEPLOYMENT_ID,
        "review": str(review.pk),
        "month": review.label,
        "gathered_at": review.gathered_at.isoformat(),
        "findings": review.findings,
        "left_out": review.left_out,
        "marks": review.marks,
        "note": note,
        "signed_by": who,
        "signed_at": at,
        "checkpoint": checkpoint,
    }
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def sign(account_id: UUID | None, month: Month, note: str, *, who: str) -> AuditReview:
    """Sign a review off; nothing of it changes any more. The caller has asked for a fresh proof of who this is.

    Raises `Invalid` without a note; `Conflict` for a month that runs, findings that were gathered before its end or
    that nobody has looked at, records that are not sealed yet, and a review that is signed.
    """
    note = note.strip()[:NOTE_LENGTH]
    if not note:
        message = _("Say in a sentence what the review came to.")
        raise Invalid("review.note", message, errors={"note": [message]})
    if not month.ended:
        raise Conflict(
            "review.running",
            _("%(month)s is not over: it can be signed off from its end.") % {"month": month},
        )
    with _log_of(account_id):
        review = _unsigned(account_id, month)
        if review.gathered_at < month.end:
            raise Conflict(
                "review.stale", _("The findings were gathered before the month was over. Gather them again.")
            )
        if left := review.open_findings:
            raise Conflict(
                "review.open", _("%(count)d findings have not been looked at.") % {"count": left}, open=left
            )
        checkpoint = _covering(account_id, month)
        now = timezone.now()
        content = signed_text(review, note=note, who=who, at=now.isoformat(), checkpoint=checkpoint)
        digest = hashlib.sha256(content.encode()).hexdigest()
        signed = {"note": note, "signed_at": now, "signed_by_label": who[:160], "content": content}
        rows = reviews_of(account_id).filter(pk=review.pk, state=State.IN_REVIEW)
        rows.update(state=State.SIGNED, sha256=digest, **signed)
        detail = {
            "month": str(month),
            "sha256": digest,
            "checkpoint": checkpoint,
            "findings": len(review.findings),
            "needs_action": review.needing_action,
            "note": note,
        }
        audit.record("review.sign", _target(review), detail=detail)
        review.refresh_from_db()
    return review
