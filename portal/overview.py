"""What a platform admin sees of accounts: who owns them, how many links, when something last happened. No data."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection


@dataclass(frozen=True, slots=True)
class Overview:
    """An account from outside."""

    owners: list[str]
    links: int
    last_activity: datetime | None


NOTHING = Overview([], 0, None)


def overviews(account_id: UUID | None = None) -> dict[UUID, Overview]:
    """Return every account's overview, or one's; empty unless a platform admin's scope is open."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT account, owners, links, last_activity FROM account_overview(%s)", [account_id])
        return {row[0]: Overview(list(row[1]), row[2], row[3]) for row in cursor.fetchall()}


def links_of(account_id: UUID) -> list[dict[str, Any]]:
    """Return an account's links by the parties' names; empty unless a platform admin's scope is open."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT lender, borrower, state, ends_at FROM account_links(%s)", [account_id])
        names = ("lender", "borrower", "state", "ends_at")
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
