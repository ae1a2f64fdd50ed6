"""Verifying the log in the database: rows against leaves, leaves against checkpoints, checkpoints against each other.

The checks themselves are the pure functions of `verify_export`, which an outsider runs on an export. Here are the
queries, and what an export of one log cannot show: rows that were never sealed, and logs that are gone altogether.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.db import connection

from accounts.audit import rows
from accounts.audit.verify_export import (
    CHECKPOINT,
    Finding,
    KeyRing,
    LogCheck,
    Signed,
    check_chain,
    check_receipt,
    disposed_of,
    readable,
)
from accounts.models.audit_seal import (
    AuditCheckpoint,
    AuditDisposal,
)

CHUNK = 50_000
# So many findings of unsealed rows are listed one by one.
LISTED = 100
Progress = Callable[[float], None]


@dataclass(slots=True)
class Report:
    """What was looked at, and what is wrong."""

    rows: int = 0
    checkpoints: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def chain_of(log_id: UUID) -> list[Signed]:
    """Return a log's checkpoints in order."""
    found = rows.everywhere(AuditCheckpoint).filter(log_id=log_id).order_by("sequence")
    columns = found.values_list("body", "signature", "frontier")
    return [Signed(body, bytes(signature), bytes(frontier)) for body, signature, frontier in columns]


def disposals_of(log_id: UUID) -> list[Signed]:
    """Return a log's disposal records."""
    found = rows.everywhere(AuditDisposal).filter(log_id=log_id).order_by("partition")
    return [Signed(body, bytes(signature)) for body, signature in found.values_list("body", "signature")]


def verify_log(
    log_id: UUID,
    ring: KeyRing,
    *,
    receipt: Signed | None = None,
    progress: Progress = lambda _share: None,
) -> Report:
    """Verify one log. `receipt` is a checkpoint of it that somebody kept: today's log must extend it."""
    name = rows.log_name(log_id)
    chain = chain_of(log_id)
    report = Report(checkpoints=len(chain))
    report.findings += check_chain(name, CHECKPOINT, chain, ring, settings.DEPLOYMENT_ID)
    usable = readable(chain) if report.findings else chain
    disposed = disposed_of(name, disposals_of(log_id), ring, report.findings)
    check = LogCheck(name, usable, disposed)
    end = int(usable[-1].fields["size"]) if usable else 0
    for start in range(0, end, CHUNK):
        for index, stored, event, partition, line in rows.leaves(log_id, start, min(start + CHUNK, end)):
            check.leaf(index, stored, event, line, partition)
        progress(min(1.0, (start + CHUNK) / end))
    check.finish()
    report.rows = check.rows
    report.findings += _retimed(check.found)
    if usable is chain:
        report.findings += _beyond(log_id, name)
    report.findings += unsealed(log_id)
    if receipt is not None:
        report.findings += check_receipt(name, CHECKPOINT, chain, receipt, ring)
    return report


def _beyond(log_id: UUID, name: str) -> list[Finding]:
    """Find leaves that no checkpoint covers; one statement, so that sealing meanwhile makes no false alarm."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT max(index) + 1 FROM accounts_auditleaf WHERE log_id = %s),"
            " (SELECT max(size) FROM accounts_auditcheckpoint WHERE log_id = %s)",
            [log_id, log_id],
        )
        there, signed = cursor.fetchone()
    if (there or 0) <= (signed or 0):
        return []
    if signed is None:
        return [Finding("dropped", f"{name}: the log has {there} rows and not one checkpoint")]
    return [Finding("inserted", f"{name}: rows from number {signed} on are in no checkpoint", signed)]


def _retimed(found: list[Finding]) -> list[Finding]:
    """A row whose time was edited lies in another place of the table: call it edited, not deleted."""
    gone = [one.event for one in found if one.kind == "deleted" and one.event][:LISTED]
    if not gone:
        return found
    with connection.cursor() as cursor:
        cursor.execute("SELECT id::text FROM accounts_auditevent WHERE id = ANY(%s::uuid[])", [gone])
        there = {row[0] for row in cursor.fetchall()}
    return [
        Finding(
            "edited", one.text.replace("was deleted", "was edited: its time is another"), one.index, one.event
        )
        if one.event in there
        else one
        for one in found
    ]


_UNSEALED = """
    SELECT e.id::text, coalesce(e.account_id, %(nil)s) FROM accounts_auditevent e
    WHERE NOT EXISTS (SELECT FROM accounts_auditleaf l
                      WHERE l.event_id = e.id AND l.event_at = e.at AND l.log_id = coalesce(e.account_id, %(nil)s))
      AND NOT EXISTS (SELECT FROM accounts_auditleaf l WHERE l.event_id = e.id AND l.event_at <> e.at)
      AND NOT EXISTS (SELECT FROM accounts_auditpending p WHERE p.event_id = e.id)
      AND (%(log)s::uuid IS NULL OR coalesce(e.account_id, %(nil)s) = %(log)s)
    LIMIT %(limit)s
"""
_VANISHED = """
    SELECT p.event_id::text, p.log_id FROM accounts_auditpending p
    WHERE NOT EXISTS (SELECT FROM accounts_auditevent e WHERE e.id = p.event_id AND e.at = p.event_at)
      AND (%(log)s::uuid IS NULL OR p.log_id = %(log)s)
    LIMIT %(limit)s
"""


def unsealed(log_id: UUID | None) -> list[Finding]:
    """Find rows that are neither sealed nor waiting to be, and waiting entries whose row is gone; None: in all logs."""
    values = {"nil": rows.PLATFORM_LOG, "log": log_id, "limit": LISTED}
    with connection.cursor() as cursor:
        cursor.execute(_UNSEALED, values)
        inserted = [
            Finding("inserted", f"{rows.log_name(of)}: row {pk} was inserted: it is not sealed", None, pk)
            for pk, of in cursor.fetchall()
        ]
        cursor.execute(_VANISHED, values)
        gone = [
            Finding("deleted", f"{rows.log_name(of)}: row {pk} was deleted before it was sealed", None, pk)
            for pk, of in cursor.fetchall()
        ]
    return inserted + gone
