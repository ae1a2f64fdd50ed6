"""/livez, /readyz and /metrics, asked of the ASGI application itself."""

import json
import subprocess
from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from portal import health, liveness
from portal.asgi import application
from portal.boot import refuse_dangerous_role
from portal.engines.binaries import postgres_programs
from portal.engines.roles import script
from portal.models import Heartbeat
from tests.engines.fixtures import CommittedDatabase, Engines


def ask(path: str, *, query: str = "", client: str = "127.0.0.1", **headers: str) -> tuple[int, bytes]:
    """Status and body of a GET."""
    return async_to_sync(_ask)(path, query, client, headers)


async def _ask(path: str, query: str, client: str, headers: dict[str, str]) -> tuple[int, bytes]:
    sent: list[MutableMapping[str, Any]] = []
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "client": (client, 4242),
    }

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await application(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def test_livez_asks_nobody() -> None:
    assert ask("/livez") == (200, b'{"status": "alive"}')


@pytest.mark.usefixtures("no_mlflow")
def test_readyz_reports_each_engine(committed_database: CommittedDatabase) -> None:
    liveness.beat(liveness.WORKER)
    status, body = ask("/readyz")
    found = json.loads(body)
    assert status == 200
    assert found["engines"]["postgres"] == "ready"
    assert found["engines"]["redis"] == "ready"
    assert found["engines"]["worker"] == "ready"
    # No MLflow listens there: pages are served all the same, and who asks for everything is told.
    assert found["engines"]["mlflow"] == "starting"
    assert found["status"] == "degraded"
    assert ask("/readyz", query="all=1")[0] == 503


def test_a_worker_that_consumes_nothing_is_not_ready(committed_database: CommittedDatabase) -> None:
    long_ago = timezone.now() - liveness.STALE_AFTER - timedelta(seconds=30)
    Heartbeat.objects.create(name=liveness.WORKER, seen_at=long_ago)
    assert async_to_sync(health.engine_states)()["worker"].startswith("silent for")


def test_metrics_open_to_the_bearer_of_their_token(
    settings: Any, committed_database: CommittedDatabase
) -> None:
    kept = (settings.HOME / "secrets" / "metrics_token").read_text().strip()
    for token in (kept, "metrics-token-of-this-test"):
        settings.METRICS_TOKEN = token
        status, body = ask("/metrics", client="203.0.113.9", authorization=f"Bearer {token}")
        assert status == 200
        assert b"django_http_requests_total_by_method" in body


def test_metrics_are_for_nobody_else(committed_database: CommittedDatabase) -> None:
    """Jobs of every tenant call from this machine, and must not see how busy the others are."""
    assert ask("/metrics")[0] == 404
    assert ask("/metrics", authorization="Bearer ")[0] == 404
    assert ask("/metrics", authorization="Bearer metrics")[0] == 404


def test_the_portals_own_roles_may_serve(committed_database: CommittedDatabase) -> None:
    assert refuse_dangerous_role() is None


@pytest.mark.parametrize("role", ["owner"])
def test_the_owner_of_the_tables_may_not_serve(
    committed_database: CommittedDatabase, as_role: Any, role: str
) -> None:
    with as_role(role):
        assert "owns the portal's tables" in str(refuse_dangerous_role())


def test_createroles_runs_in_psql_twice(engines: Engines) -> None:
    """The script that an administrator runs, run by PostgreSQL's own client against a server that has it all."""
    psql = postgres_programs(engines.postgres.user) / "psql"
    places = engines.postgres.places
    for _ in range(2):
        done = subprocess.run(
            [
                *(str(psql), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", "portal_app_password=unused-here"),
                *(
                    "-h",
                    str(places.postgres_sockets),
                    "-p",
                    "5432",
                    "-U",
                    "portal_superuser",
                    "-d",
                    "postgres",
                ),
            ],
            input=script(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
