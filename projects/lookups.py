"""What has to be found before a tenant is known, through functions of the database that return ids only."""

from uuid import UUID

from django.db import connection


def account_of_slug(slug: str) -> UUID | None:
    """Return the account whose project has this slug. For operators' commands: doors go by membership or token."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT find_project(%s)", [slug])
        row = cursor.fetchone()
    found: UUID | None = row[0] if row else None
    return found


def previous_secrets_due() -> list[tuple[UUID, UUID]]:
    """Return `(account, credential)` where a grace period is over. For the system role alone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT account_id, id FROM previous_secrets_due()")
        rows: list[tuple[UUID, UUID]] = cursor.fetchall()
    return rows


def ended_memberships(most: int) -> list[tuple[UUID, UUID]]:
    """Return `(account, membership)` of memberships whose time is up, the longest over first. For the system's role."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT account_id, id FROM ended_memberships(%s)", [most])
        return [(row[0], row[1]) for row in cursor.fetchall()]


def links_ended() -> list[tuple[UUID, UUID]]:
    """Return `(lender, link)` for active links whose time is over. For the system role alone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT account_id, id FROM links_ended()")
        rows: list[tuple[UUID, UUID]] = cursor.fetchall()
    return rows


def links_waiting() -> list[tuple[UUID, UUID]]:
    """Return `(lender, link)` for links that wait for their lender's decision. For the system role alone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT account_id, id FROM links_waiting()")
        rows: list[tuple[UUID, UUID]] = cursor.fetchall()
    return rows
