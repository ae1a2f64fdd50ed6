"""Reading rows of the log in bulk, as their canonical lines: PostgreSQL's COPY writes them in the very form.

The line is what is hashed (`verify_export.canonical` makes the same one from an export). Every column is cast to text
in the statement itself, so that no setting of the session or the server changes it.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db import connection, models
from psycopg import sql

from accounts.tenancy import current_scope

PLATFORM_LOG = UUID(int=0)

CANONICAL = sql.SQL(
    "e.id::text, to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), e.account_id::text,"
    " e.actor_kind, e.actor_id, e.actor_label, e.on_behalf_of, e.action, e.target_type, e.target_id, e.target_label,"
    " e.outcome, e.via, e.ip, e.user_agent, e.request_id, e.detail::text"
)
# What an absent row's columns begin with.
ABSENT = b"\\N\t"


def log_name(log_id: UUID) -> str:
    """Return how signed texts call a log: the account's id, or `platform`."""
    return "platform" if log_id == PLATFORM_LOG else str(log_id)


def log_of(name: str) -> UUID:
    """Return the id of the log that a signed text names."""
    return PLATFORM_LOG if name == "platform" else UUID(name)


def everywhere(model: type[models.Model]) -> Any:
    """Return a sealing model's rows: what the open scope shows, or all of them where the system has none open."""
    queryset: Any = model._default_manager.get_queryset()
    return queryset if current_scope() else queryset.unscoped()


def copied(query: sql.Composed) -> Iterator[bytes]:
    """Yield each line of a query's result, as COPY writes it, without the line's end."""
    with connection.cursor() as cursor:
        statement = sql.SQL("COPY ({}) TO STDOUT").format(query)
        with cursor.cursor.copy(statement) as copy:
            for block in copy:
                yield bytes(block[:-1])


def waiting(limit: int, without: frozenset[UUID]) -> Iterator[tuple[int, UUID, str, str, bytes]]:
    """Yield rows that wait to be sealed, in the order they were queued in: queue number, log, id, time, line."""
    query = sql.SQL(
        "SELECT p.seq, p.log_id, e.id, e.at, {} FROM accounts_auditpending p"
        " JOIN accounts_auditevent e ON e.id = p.event_id AND e.at = p.event_at"
        " WHERE p.log_id <> ALL({}::uuid[]) ORDER BY p.seq LIMIT {}"
    ).format(CANONICAL, sql.Literal([str(log_id) for log_id in without]), sql.Literal(limit))
    for line in copied(query):
        seq, log_id, pk, at, rest = line.split(b"\t", 4)
        yield int(seq), UUID(log_id.decode()), pk.decode(), at.decode(), rest


def leaves(log_id: UUID, start: int, end: int) -> Iterator[tuple[int, bytes, str, str, bytes | None]]:
    """Yield the leaves [start, end) of a log: index, stored hash, event's id, its month's partition, line or None."""
    query = sql.SQL(
        "SELECT l.index, encode(l.hash, 'hex'), l.event_id,"
        " 'accounts_auditevent_' || to_char(l.event_at AT TIME ZONE 'UTC', 'YYYY_MM'), {}"
        " FROM accounts_auditleaf l LEFT JOIN accounts_auditevent e ON e.id = l.event_id AND e.at = l.event_at"
        " WHERE l.log_id = {} AND l.index >= {} AND l.index < {} ORDER BY l.index"
    ).format(CANONICAL, sql.Literal(str(log_id)), sql.Literal(start), sql.Literal(end))
    for line in copied(query):
        index, stored, pk, partition, rest = line.split(b"\t", 4)
        yield (
            int(index),
            bytes.fromhex(stored.decode()),
            pk.decode(),
            partition.decode(),
            None if rest.startswith(ABSENT) else rest,
        )
