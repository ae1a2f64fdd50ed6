"""Looking into a test's database while an event loop keeps Django from it (`tests.browser`)."""

from typing import Any

import psycopg
from django.conf import settings


def rows(database: str, query: str) -> list[tuple[Any, ...]]:
    """What a query finds, as the owner of the tables."""
    with psycopg.connect(
        host=str(settings.LOCATIONS.postgres_sockets), port=5432, user="portal_owner", dbname=database
    ) as connection:
        connection.execute("SET search_path = portal")
        return connection.execute(query).fetchall()  # type: ignore[arg-type]
