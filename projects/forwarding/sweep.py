"""Whose turn it is, asked each second. A target that fails or hangs does not hold up the others.

Those that failed last time get no more than `FAILING` of the worker's threads at once, one each; all turns together no
more than `AT_ONCE`: a receiver that hangs takes neither from healthy targets nor from sealing. One that begins to hang
holds up those behind it in its list once, for seconds.
"""

from uuid import UUID

from django.db import connection, transaction

from projects.forwarding.targets import PLATFORM, PROJECT

AT_ONCE = 4
FAILING = 2

Waiting = tuple[str, UUID | None, UUID]

_BUSY = """
    SELECT count(*), count(*) FILTER (WHERE failures > 0) FROM (
        SELECT failures FROM projects_auditforward WHERE lease_until > now()
        UNION ALL SELECT failures FROM projects_platformforward WHERE lease_until > now()) AS busy
"""
_DUE = """
    SELECT account_id, id, failures FROM (
        SELECT f.account_id, f.id, f.failures, f.delivered_at, f.lease_until, f.test_asked_at, f.state, f.next_at,
            f.receipts, f.receipt_at, f.events AND h.size > f.next_index AS behind
        FROM projects_auditforward f JOIN accounts_account a ON a.id = f.account_id AND a.state = 'active'
        LEFT JOIN accounts_audithead h ON h.log_id = f.account_id
        UNION ALL
        SELECT NULL, f.id, f.failures, f.delivered_at, f.lease_until, f.test_asked_at, f.state, f.next_at,
            f.receipts, f.receipt_at, f.events AND (f.waiting > 0 OR f.begun_at IS NULL)
        FROM projects_platformforward f) AS due
    WHERE (lease_until IS NULL OR lease_until <= now()) AND (test_asked_at IS NOT NULL OR state = 'active'
        AND next_at <= now() AND (receipts <> 'never' AND receipt_at <= now() OR behind))
    ORDER BY failures > 0, delivered_at NULLS FIRST
"""
# How far behind the platform's targets are: their pages are for admins, who read no log's head.
_WAITING = """
    UPDATE projects_platformforward f SET waiting = w.waiting, oldest_at = w.oldest FROM (
        SELECT p.id, coalesce(sum(h.size - coalesce(c.next_index, 0)), 0) AS waiting, min(l.event_at) AS oldest
        FROM projects_platformforward p
        LEFT JOIN accounts_audithead h ON (p.every_log OR h.log_id = '00000000-0000-0000-0000-000000000000')
        LEFT JOIN projects_platformforwardcursor c ON c.forward_id = p.id AND c.log_id = h.log_id
        LEFT JOIN accounts_auditleaf l ON l.log_id = h.log_id AND l.index = coalesce(c.next_index, 0)
        WHERE p.begun_at IS NOT NULL AND p.events AND (h.log_id IS NULL OR h.size > coalesce(c.next_index, 0))
        GROUP BY p.id) w
    WHERE w.id = f.id AND (f.waiting <> w.waiting OR f.oldest_at IS DISTINCT FROM w.oldest)
"""
_NONE_WAITING = """
    UPDATE projects_platformforward f SET waiting = 0, oldest_at = NULL WHERE f.waiting > 0 AND NOT EXISTS (
        SELECT FROM accounts_audithead h
        LEFT JOIN projects_platformforwardcursor c ON c.forward_id = f.id AND c.log_id = h.log_id
        WHERE (f.every_log OR h.log_id = '00000000-0000-0000-0000-000000000000')
        AND h.size > coalesce(c.next_index, 0))
"""


def lanes() -> list[list[Waiting]]:
    """Return who should have a turn now, in lists that are worked off beside each other, each by one task.

    Whoever failed last time has a list alone. By the system's role, without a scope.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_WAITING)
        cursor.execute(_NONE_WAITING)
        cursor.execute(_BUSY)
        busy, failing = cursor.fetchone()
        cursor.execute(_DUE)
        found = [
            ((PROJECT if account_id else PLATFORM, account_id, pk), bool(failures))
            for account_id, pk, failures in cursor.fetchall()
        ]
    room = max(0, AT_ONCE - busy)
    alone = [[one] for one, fails in found if fails][: max(0, min(room, FAILING - failing))]
    healthy = [one for one, fails in found if not fails]
    if healthy and len(alone) == room:
        alone = alone[:-1]  # the healthy come first
    beside = min(len(healthy), room - len(alone))
    return [healthy[start::beside] for start in range(beside)] + alone
