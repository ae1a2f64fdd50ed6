"""Verifying the whole portal's logs: the global chain, every head that it names, and each log; asked for, or daily."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

from accounts.audit import rows
from accounts.audit.keys import KeyTrouble, trusted_ring
from accounts.audit.sealing import head_line, heads_root
from accounts.audit.verification import Progress, Report, chain_of, unsealed, verify_log
from accounts.audit.verify_export import (
    CHECKPOINT,
    GLOBAL,
    Finding,
    KeyRing,
    Signed,
    check_chain,
    check_receipt,
    digest,
)
from accounts.ids import uuid7
from accounts.models.audit_seal import AuditCheckpoint, AuditGlobal, AuditVerification

log = structlog.get_logger(__name__)

DAILY = timedelta(hours=24)
LOST = timedelta(minutes=2)


def global_chain(after: int = 0) -> list[Signed]:
    """Return the global checkpoints after number `after`, in order."""
    found = rows.everywhere(AuditGlobal).filter(sequence__gt=after).order_by("sequence")
    return [Signed(body, bytes(signature)) for body, signature in found.values_list("body", "signature")]


Heads = dict[str, tuple[int, int, str, str]]


def heads_after(chain: list[Signed], heads: Heads, found: list[Finding]) -> Heads:
    """Replay which heads the global checkpoints name: log → sequence, size, root, digest. No head ever goes back."""
    for given in chain:
        for line in given.body.splitlines():
            if not line.startswith("head "):
                continue
            _head, name, sequence, size, root, checkpoint = line.split(" ")
            before = heads.get(name)
            if before and (int(sequence) <= before[0] or int(size) < before[1]):
                what = (
                    f"{name}: a global checkpoint names checkpoint {sequence} after {before[0]}:"
                    " the log was cut off or started anew"
                )
                found.append(Finding("dropped", what))
            heads[name] = (int(sequence), int(size), root, checkpoint)
    return heads


def _compare(name: str, head: tuple[int, int, str, str], chain: list[Signed]) -> list[Finding]:
    """Compare a log's checkpoints with the head that the global checkpoints name."""
    sequence, size, _root, checkpoint = head
    if not chain:
        what = f"{name}: the whole log is gone; the global checkpoints show {size} rows in {sequence} checkpoints"
        return [Finding("dropped", what)]
    if len(chain) < sequence:
        what = (
            f"{name}: the end was cut off: the log has {len(chain)} checkpoints, the global ones show {sequence}"
            f" with {size} rows"
        )
        return [Finding("truncated", what, int(chain[-1].fields["size"]))]
    if digest(chain[sequence - 1].body) != checkpoint:
        return [
            Finding(
                "forged", f"{name}: checkpoint {sequence} is not the one that the global checkpoint names"
            )
        ]
    return []


def verify_all(
    ring: KeyRing, *, receipt: Signed | None = None, progress: Progress = lambda _share: None
) -> Report:
    """Verify every log and the global chain. `receipt` is a kept checkpoint, of the portal or of one log."""
    report = Report()
    chain = global_chain()
    report.findings += check_chain("global", GLOBAL, chain, ring, settings.DEPLOYMENT_ID)
    heads = heads_after(chain, {}, report.findings)
    if chain and not report.findings:
        lines = [head_line(name, *head) for name, head in heads.items()]
        last = chain[-1].fields
        if heads_root(lines) != last["root"] or len(lines) != int(last["logs"]):
            what = f"global: checkpoint {last['sequence']} does not cover the heads that the chain names"
            report.findings.append(Finding("chain", what))
    stored = rows.everywhere(AuditCheckpoint).values_list("log_id", flat=True).distinct()
    logs = {rows.log_of(name) for name in heads} | set(stored) | _logs_with_leaves()
    lengths: dict[UUID, int] = {}
    for place, log_id in enumerate(sorted(logs)):
        one = _verify_one(log_id, ring, heads, receipt, partial(_of_many, progress, place, len(logs)))
        lengths[log_id] = one.checkpoints
        report.rows += one.rows
        report.checkpoints += one.checkpoints
        report.findings += one.findings
    # What was sealed meanwhile is named by newer global checkpoints; a checkpoint that none names was slipped in.
    now = heads_after(global_chain(len(chain)), dict(heads), [])
    for name in sorted(now):
        extra = lengths.get(rows.log_of(name), 0) - now[name][0]
        if extra > 0:
            what = f"{name}: its last {extra} checkpoints are in no global checkpoint"
            report.findings.append(Finding("chain", what))
    for log_id in sorted(logs):
        if lengths[log_id] and str(log_id) not in now and rows.log_of("platform") != log_id:
            report.findings.append(Finding("chain", f"{log_id}: no global checkpoint names this log"))
    report.findings += [one for one in unsealed(None) if one not in report.findings]
    if receipt is not None and receipt.body.startswith(GLOBAL):
        report.findings += check_receipt("global", GLOBAL, chain, receipt, ring)
    return report


def _of_many(progress: Progress, place: int, count: int, share: float) -> None:
    progress((place + share) / count)


def _verify_one(
    log_id: UUID, ring: KeyRing, heads: Heads, receipt: Signed | None, progress: Progress
) -> Report:
    name = rows.log_name(log_id)
    own = None
    if receipt is not None and receipt.body.startswith(CHECKPOINT) and receipt.fields.get("log") == name:
        own = receipt
    report = verify_log(log_id, ring, receipt=own, progress=progress)
    if name in heads:
        report.findings += _compare(name, heads[name], chain_of(log_id))
    return report


def _logs_with_leaves() -> set[UUID]:
    """Find the logs that have leaves, by skipping from one to the next along the key."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE logs AS ((SELECT log_id FROM accounts_auditleaf ORDER BY log_id LIMIT 1) UNION ALL"
            " SELECT (SELECT l.log_id FROM accounts_auditleaf l WHERE l.log_id > logs.log_id ORDER BY l.log_id LIMIT 1)"
            " FROM logs WHERE logs.log_id IS NOT NULL) SELECT log_id FROM logs WHERE log_id IS NOT NULL"
        )
        return {row[0] for row in cursor.fetchall()}


# --- verifications that are asked for ---------------------------------------------------------------------------


def ask(requested_by: str, log_id: UUID | None = None) -> AuditVerification:
    """Write down that a verification is wanted; the worker's sweep runs those of the whole portal."""
    found = AuditVerification(
        id=uuid7(), log_id=log_id, requested_by=requested_by[:160], requested_at=datetime.now(UTC)
    )
    found.save(force_insert=True)
    return found


def ask_daily() -> None:
    """Ask for a verification of everything where the last one is a day old."""
    since = datetime.now(UTC) - DAILY
    asked = rows.everywhere(AuditVerification)
    if not asked.filter(log_id__isnull=True, requested_at__gt=since).exists():
        ask("portal")


def note(pk: UUID, **values: Any) -> bool:
    """Write on a verification's row that it goes on; columns are named by this module's callers alone."""
    columns = ", ".join(f"{name} = %s" for name in values)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE accounts_auditverification SET {columns}, heartbeat_at = now() WHERE id = %s",  # noqa: S608
            [*values.values(), pk],
        )
        return bool(cursor.rowcount == 1)


def _share(pk: UUID, share: float) -> None:
    note(pk, progress=share)


def _claim() -> UUID | None:
    """Take a verification that waits, or one whose worker was lost."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_auditverification SET state = 'running', started_at = now(), heartbeat_at = now(),"
            " progress = 0 WHERE id = (SELECT id FROM accounts_auditverification WHERE log_id IS NULL AND"
            " (state = 'queued' OR state = 'running' AND heartbeat_at < %s)"
            " ORDER BY requested_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id",
            [datetime.now(UTC) - LOST],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def run_waiting() -> int:
    """Run the verifications of the whole portal that wait; return how many."""
    done = 0
    while (pk := _claim()) is not None:
        finish(pk, run(partial(_share, pk)))
        done += 1
    return done


def run(progress: Progress) -> Report:
    """Verify everything with the keys of this process; trouble with the key is a finding like any other."""
    try:
        return verify_all(trusted_ring(), progress=progress)
    except KeyTrouble as error:
        return Report(findings=[Finding("forged", str(error))])


def finish(pk: UUID, report: Report) -> None:
    """Keep a verification's result; what is wrong goes to the process's log too."""
    findings = json.dumps([one.document() for one in report.findings[:1000]])
    note(
        pk,
        state="finished",
        progress=1.0,
        finished_at=datetime.now(UTC),
        rows=report.rows,
        checkpoints=report.checkpoints,
        findings=findings,
    )
    for one in report.findings[:20]:
        log.error("audit_log_is_wrong", kind=one.kind, what=one.text)
