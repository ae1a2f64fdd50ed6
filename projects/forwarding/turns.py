"""One turn of one target: a trial that was asked for, a receipt that is due, then events until none is left.

The cursor moves only after the other side has acknowledged. A process that is killed in between leaves the cursor where
it was: what may have arrived is sent again, and whoever receives it knows it by its id.
"""

import time
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts import audit
from accounts.audit import Target
from accounts.errors import NotFound
from accounts.ids import uuid7
from projects.forwarding import entries
from projects.forwarding.alarms import raise_alarm
from projects.forwarding.receivers import NotTaken
from projects.forwarding.targets import Held, Overtaken, held
from projects.models import ForwardTarget

log = structlog.get_logger(__name__)

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)
ALARM_AFTER = timedelta(hours=1)
# A target with much to send gives its worker back after so long; the next sweep goes on.
SLICE = 5.0
_EVERY = {ForwardTarget.Every.DAILY: timedelta(days=1), ForwardTarget.Every.WEEKLY: timedelta(days=7)}


def turn(kind: str, account_id: UUID | None, pk: UUID) -> int:
    """Take a target's turn; returns how many entries were acknowledged. Nothing where somebody else is at it."""
    sent = 0
    with audit.acting_as(audit.SYSTEM, via="task"), held(kind, account_id, pk) as target:
        if target is None:
            return 0
        try:
            with translation.override(target.row.language):
                if target.row.test_asked_at is not None:
                    _try(target)
                if target.row.state == ForwardTarget.State.ACTIVE and target.row.next_at <= timezone.now():
                    sent = _work(target)
        except Overtaken:
            log.warning("audit_forward_overtaken", target=str(pk))
    return sent


def _work(target: Held) -> int:
    sent, until = 0, time.monotonic() + SLICE
    try:
        if due(target.row):
            _send_receipt(target)
        while target.row.events and time.monotonic() < until:
            batch = target.take()
            if not batch:
                break
            target.receiver.send(batch)
            target.acknowledged(batch)
            sent += len(batch)
    except NotTaken as refused:
        _failed(target, str(refused))
    else:
        _well(target)
    return sent


def due(row: ForwardTarget) -> bool:
    """Whether a receipt is to be sent now."""
    if row.receipts == ForwardTarget.Every.NEVER or row.receipt_at is None:
        return False
    return row.receipt_at <= timezone.now()


def next_receipt(every: str, after: datetime) -> datetime | None:
    """When the next receipt is due; None for never."""
    pause = _EVERY.get(ForwardTarget.Every(every))
    return after + pause if pause else None


def _send_receipt(target: Held) -> None:
    try:
        receipt = target.receipt()
    except NotFound:  # nothing has been sealed yet: tomorrow's will show something
        return
    subject = _("Receipt of the audit log %(log)s, checkpoint %(sequence)d") % {
        "log": receipt["log"],
        "sequence": receipt["sequence"],
    }
    text = _(
        "The attached file is a signed receipt of the audit log. Keep it outside the portal: with it, anybody can prove"
        " later that today's log is still the beginning of the log of that day.\n\nCheck: manage.py audit verify"
        " --since FILE, or verify_export.py EXPORT --key FINGERPRINT --since FILE."
    )
    target.receiver.send_event(entries.receipt_event(receipt), subject, text)
    now = timezone.now()
    with target.opened():
        target.note(receipt_sent_at=now, receipt_at=next_receipt(target.row.receipts, now))
        about = Target.of(target.row)
        audit.record(
            "audit.receipt.sent", about, detail={"log": receipt["log"], "sequence": receipt["sequence"]}
        )


def _try(target: Held) -> None:
    """Send what nobody mistakes for an event; how it went is on the row."""
    event = entries.trial_event(str(uuid7()), target.log, target.row.name)
    problem = ""
    try:
        target.receiver.send_event(
            event,
            _("A trial of “%(name)s”") % {"name": target.row.name},
            _("Receipts of the audit log will come to this address. Nothing else has happened."),
        )
    except NotTaken as refused:
        problem = str(refused)[:300]
    target.note(test_asked_at=None, tested_at=timezone.now(), test_problem=problem)


def _failed(target: Held, why: str) -> None:
    row, now = target.row, timezone.now()
    pause = min(FIRST_PAUSE * 2 ** min(row.failures, 10), LONGEST_PAUSE)
    since = row.failing_since or now
    target.note(failures=row.failures + 1, failing_since=since, problem=why[:300], next_at=now + pause)
    log.warning("audit_not_forwarded", target=str(row.pk), failures=row.failures)
    if row.alarmed_at is None and now - since >= ALARM_AFTER:
        with target.opened():
            target.note(alarmed_at=now)
            audit.record(
                "audit.forward.failing",
                row,
                outcome="failed",
                detail={"since": since.isoformat(), "problem": row.problem},
            )
            raise_alarm(target)


def _well(target: Held) -> None:
    row = target.row
    if row.alarmed_at is not None:
        with target.opened():
            audit.record("audit.forward.recovered", row)
    if row.alarmed_at is not None or row.failures:
        target.note(alarmed_at=None, failures=0, failing_since=None, problem="")
