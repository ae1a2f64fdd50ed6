"""The fixtures every other test stands on."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from tests.engines.fixtures import CommittedDatabase, Engines


def _who() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return str(cursor.fetchone()[0])


def test_a_test_works_as_the_webs_role(db: None) -> None:
    assert _who() == "portal_app"


def test_a_worker_sees_the_same_transaction(
    db: None, as_role: Callable[[str], AbstractContextManager[None]]
) -> None:
    with as_role("system"):
        assert _who() == "portal_system"
        assert settings.DATABASE_ROLE == "system"
    assert _who() == "portal_app"


def test_a_committed_database_is_seen_by_other_connections(committed_database: CommittedDatabase) -> None:
    assert not connection.in_atomic_block
    assert _who() == "portal_app"
    url = committed_database.environment()["DATABASE_SYSTEM_URL"]
    with psycopg.connect(url) as other:
        row = other.execute("SELECT current_user, current_database()").fetchone()
    assert row == ("portal_system", committed_database.name)


@pytest.mark.parametrize("role", ["portal_app", "portal_system", "portal_owner", "portal_mlflow"])
def test_no_role_can_bypass_row_level_security(engines: Engines, role: str) -> None:
    with engines.postgres.connect(user=role) as session:
        row = session.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row == (False, False, False, False)


@pytest.mark.parametrize("role", ["portal_app", "portal_system"])
def test_the_portals_users_make_no_tables(engines: Engines, role: str) -> None:
    with engines.postgres.connect(user=role) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("CREATE TABLE portal.sneaked (id int)")


def test_redis_answers(engines: Engines) -> None:
    assert engines.redis.is_ready()
