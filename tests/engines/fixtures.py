"""Fixtures over the real engines. `db` and friends come from pytest-django and use the database made here."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg import sql

from portal.engines.postgres import Postgres
from portal.engines.redis import Redis
from registry.mlflow import transport
from tests.engines import leftovers

TEMPLATE = "portal_template"
# Tests log in as a role that may become any of the portal's: so one transaction can be looked at as the web
# (portal_app) and as a worker (portal_system), and no privilege comes without SET ROLE.
LOGIN = "portal_test"


@dataclass(frozen=True)
class Engines:
    """The running servers of this test session."""

    postgres: Postgres
    redis: Redis


@pytest.fixture(scope="session")
def engines() -> Iterator[Engines]:
    """PostgreSQL and Redis, started for this session, ended with it."""
    with ExitStack() as stack:
        postgres = stack.enter_context(Postgres(settings.LOCATIONS).running())
        redis = stack.enter_context(Redis(settings.LOCATIONS).running())
        with postgres.connect() as superuser:
            superuser.execute(f"CREATE ROLE {LOGIN} LOGIN NOINHERIT")  # type: ignore[arg-type]
            superuser.execute(f"GRANT portal_app, portal_system, portal_owner TO {LOGIN}")  # type: ignore[arg-type]
            superuser.execute(f"GRANT CONNECT ON DATABASE portal TO {LOGIN}")  # type: ignore[arg-type]
            superuser.execute(f"ALTER ROLE {LOGIN} SET search_path = portal")  # type: ignore[arg-type]
        yield Engines(postgres, redis)


def _reconnect(user: str, role: str | None = None, database: str | None = None) -> None:
    """Drop every pooled connection and let the next one come as another user, or to another database."""
    connection.close()
    connection.close_pool()
    entry = connection.settings_dict
    entry["USER"] = user
    entry["NAME"] = database or entry["NAME"]
    entry["OPTIONS"].pop("options", None)
    if role:
        # Django's own `assume_role` waits for itself when connections come from a pool.
        entry["OPTIONS"]["options"] = f"-c role={role}"


@pytest.fixture(scope="session")
def django_db_setup(engines: Engines, django_db_blocker: Any) -> Iterator[None]:
    """Migrate once as the owner, keep a copy as the template for tests that commit, then be the web's role."""
    with django_db_blocker.unblock():
        _reconnect("portal_owner")
        call_command("migrate", verbosity=0, interactive=False)
        connection.close()
        connection.close_pool()
        with engines.postgres.connect("postgres") as superuser:
            superuser.execute(sql.SQL("CREATE DATABASE {} TEMPLATE portal").format(sql.Identifier(TEMPLATE)))
        _reconnect(LOGIN, "portal_app")
    with engines.postgres.connect() as superuser:
        leftovers.connections.append(superuser)
        yield
        leftovers.connections.remove(superuser)
    with django_db_blocker.unblock():
        connection.close()
        connection.close_pool()


@contextmanager
def become(role: str) -> Iterator[None]:
    """Work as portal_app, portal_system or portal_owner for a while, inside the open transaction if there is one."""
    name = f"portal_{role}"
    before_role = settings.DATABASE_ROLE
    before = f"portal_{before_role}"
    settings.DATABASE_ROLE = role
    if not connection.in_atomic_block:
        _reconnect(LOGIN, name)
        try:
            yield
        finally:
            settings.DATABASE_ROLE = before_role
            _reconnect(LOGIN, before)
        return
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {name}")
    try:
        yield
    finally:
        settings.DATABASE_ROLE = before_role
        # In a broken transaction nothing runs; its rollback undoes the SET ROLE as well.
        if not connection.needs_rollback:
            with connection.cursor() as cursor:
                cursor.execute(f"SET ROLE {before}")


@pytest.fixture
def as_role() -> Callable[[str], AbstractContextManager[None]]:
    """`with as_role("system"): …`"""
    return become


@pytest.fixture
def system_role(db: None) -> Iterator[None]:
    """The test works as a worker does: database role portal_system."""
    with become("system"):
        yield


@pytest.fixture
def no_mlflow(settings: Any) -> Iterator[None]:
    """Nothing answers as MLflow here, though another test's server may be running."""
    settings.MLFLOW_SOCKET = settings.HOME / "nobody.sock"
    transport._clients.clear()
    yield
    transport._clients.clear()


@dataclass(frozen=True)
class CommittedDatabase:
    """A database of this test's own, in which commits are real and other processes can take part."""

    name: str

    def environment(self) -> dict[str, str]:
        """Variables that lead a child process (worker, web, agent) to this database, each role as itself."""
        folder = settings.LOCATIONS.postgres_sockets
        roles = {
            "DATABASE_URL": "app",
            "DATABASE_SYSTEM_URL": "system",
            "DATABASE_OWNER_URL": "owner",
            "MLFLOW_DATABASE_URL": "mlflow",
        }
        return {
            variable: f"postgresql://portal_{role}@/{self.name}?host={folder}&port=5432"
            for variable, role in roles.items()
        }


@pytest.fixture
def committed_database(
    django_db_setup: None, engines: Engines, django_db_blocker: Any
) -> Iterator[CommittedDatabase]:
    """A fresh copy of the migrated database (about 30 ms) that this process works in, each statement committed."""
    name = f"portal_{secrets.token_hex(6)}"
    identifier = sql.Identifier(name)
    with engines.postgres.connect("postgres") as superuser:
        superuser.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(identifier, sql.Identifier(TEMPLATE))
        )
        with django_db_blocker.unblock():
            before = connection.settings_dict["NAME"]
            _reconnect(LOGIN, "portal_app", name)
            try:
                yield CommittedDatabase(name)
            finally:
                _reconnect(LOGIN, "portal_app", before)
                superuser.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))
