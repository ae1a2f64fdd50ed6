"""How far behind a project's targets are, in its own scope."""

from django.db import connection

from projects.forwarding.targets import sealed_size
from projects.models import AuditForward


def with_lag(targets: list[AuditForward]) -> list[AuditForward]:
    """Put `waiting` (sealed events not acknowledged) and `oldest_at` (when the first of them happened) on targets."""
    if not targets:
        return targets
    log_id = targets[0].account_id
    size = sealed_size(log_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT index, event_at FROM accounts_auditleaf WHERE log_id = %s AND index = ANY(%s)",
            [log_id, sorted({row.next_index for row in targets if row.events})],
        )
        times = dict(cursor.fetchall())
    for row in targets:
        row.waiting = max(0, size - row.next_index) if row.events else 0  # type: ignore[attr-defined]
        row.oldest_at = times.get(row.next_index) if row.events else None  # type: ignore[attr-defined]
    return targets
