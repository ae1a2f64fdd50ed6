"""Retention: whole months go, each only after every log in it has a signed record of what it loses, and that is sealed.

Two sweeps make one disposal. The first records, per log, how many rows of the month there are and the digest of their
leaves, as a signed row and as an event in that log. Once those events are sealed, the next one asks PostgreSQL to drop
the month; the function that does so checks all of this again, and that the month is more than a year old.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction

from accounts import audit
from accounts.audit import Target
from accounts.audit.keys import sign, signing_key, timestamp
from accounts.audit.rows import PLATFORM_LOG, log_name
from accounts.audit.verify_export import DISPOSAL, statement
from accounts.models.audit_seal import AuditDisposal
from accounts.tenancy import scope

log = structlog.get_logger(__name__)


def month_end(partition: str) -> datetime:
    """Return the first moment after the month that a partition (`accounts_auditevent_2024_01`) holds."""
    year, month = int(partition[-7:-3]), int(partition[-2:])
    return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def outlived(days: int) -> list[str]:
    """Return the partitions whose last row is older than so many days, the oldest first."""
    before = datetime.now(UTC) - timedelta(days=days)
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM audit_months() AS name")
        names = [row[0] for row in cursor.fetchall()]
    return [name for name in names if month_end(name) <= before]


def _logs_without_record(partition: str, start: datetime) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT coalesce(e.account_id, %s) FROM accounts_auditevent e WHERE e.at >= %s AND e.at < %s"
            " EXCEPT SELECT log_id FROM accounts_auditdisposal WHERE partition = %s",
            [PLATFORM_LOG, start, month_end(partition), partition],
        )
        return [row[0] for row in cursor.fetchall()]


def _digest(log_id: UUID, start: datetime, end: datetime) -> tuple[int, str]:
    """Return the number of a log's leaves in a month, and the SHA-256 over their indexes and hashes in order."""
    found, count = hashlib.sha256(), 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT index, hash FROM accounts_auditleaf"
            " WHERE log_id = %s AND event_at >= %s AND event_at < %s ORDER BY index",
            [log_id, start, end],
        )
        while batch := cursor.fetchmany(10_000):
            for index, hashed in batch:
                found.update(index.to_bytes(8, "big") + bytes(hashed))
                count += 1
    return count, found.hexdigest()


def announce(partition: str) -> int:
    """Record what each log loses with a month, signed and as an event in that log; return how many logs were new."""
    end = month_end(partition)
    start = (end - timedelta(days=1)).replace(day=1)
    logs = _logs_without_record(partition, start)
    key = signing_key()
    for log_id in logs:
        with transaction.atomic():
            count, digest = _digest(log_id, start, end)
            detail = {"partition": partition, "rows": count, "digest": digest, "until": timestamp(end)}
            about = Target("auditlog", partition, partition)
            if log_id == PLATFORM_LOG:
                event = audit.record("audit.dispose", about, detail=detail)
            else:
                with scope(log_id):
                    event = audit.record("audit.dispose", about, detail=detail)
            now = datetime.now(UTC)
            body = statement(
                DISPOSAL,
                deployment=settings.DEPLOYMENT_ID,
                log=log_name(log_id),
                partition=partition,
                until=timestamp(end),
                rows=count,
                digest=digest,
                event=str(event.pk),
                time=timestamp(now),
                key=key.fingerprint,
            )
            AuditDisposal.objects.create(
                log_id=log_id,
                partition=partition,
                until=end,
                event_id=event.pk,
                body=body,
                signature=sign(key, body).signature,
                at=now,
            )
    return len(logs)


def sweep(days: int) -> list[str]:
    """Announce and drop what has outlived `days`; return the months that were dropped now."""
    dropped = []
    for partition in outlived(days):
        if announce(partition):
            continue
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                # Dropping locks the whole log for a moment: better another time than behind a long reader.
                cursor.execute("SET LOCAL lock_timeout = '2s'")
                cursor.execute("SELECT audit_drop_partition(%s)", [partition])
        except DatabaseError as error:
            log.warning("audit_month_kept", partition=partition, why=str(error).split("\n")[0])
            continue
        audit.record("audit.disposed", Target("auditlog", partition, partition))
        dropped.append(partition)
    return dropped
