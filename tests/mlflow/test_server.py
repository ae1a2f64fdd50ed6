"""How the MLflow process is launched: nothing secret on its command line, a private socket, a schema that
heals.
"""

import contextlib
import secrets
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from django.conf import settings
from psycopg import sql
from sqlalchemy import make_url

from registry.mlflow.server import launch_spec, sqlalchemy_url
from tests.engines.fixtures import CommittedDatabase, Engines
from tests.mlflow.conftest import NO_TLS, ROOT, healthy, running


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://portal_mlflow@/portal?host=/run/a%20b&port=5432",
            {"user": "portal_mlflow", "dbname": "portal", "host": "/run/a b", "port": 5432},
        ),
        (
            "postgres://m:p%40ss%2F%3Aword@%2Frun%2Fpg/portal",
            {"user": "m", "password": "p@ss/:word", "host": "/run/pg", "dbname": "portal"},
        ),
        (
            "postgresql://m:pw@db.example:6432/portal?sslmode=verify-full&sslrootcert=/ca.pem",
            {
                "host": "db.example",
                "port": 6432,
                "sslmode": "verify-full",
                "sslrootcert": "/ca.pem",
                "password": "pw",
            },
        ),
        ("postgresql://m@one:1,two:2/portal", {"host": "one,two", "port": "1,2", "user": "m"}),
    ],
)
def test_addresses_survive_the_translation(url: str, expected: dict[str, Any]) -> None:
    translated = make_url(sqlalchemy_url(url))
    assert translated.drivername == "postgresql+psycopg"
    dialect = translated.get_dialect()()
    _arguments, given = dialect.create_connect_args(translated)
    assert {name: str(given.get(name)) for name in expected} == {k: str(v) for k, v in expected.items()}


def test_an_unreadable_address_is_refused() -> None:
    with pytest.raises(psycopg.ProgrammingError):
        sqlalchemy_url("postgresql://m@/portal?nonsense=1")


def test_the_command_line_and_environment_hold_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "MLFLOW_DATABASE_URL", "postgresql://m:s3cret-word@db/portal")
    monkeypatch.setenv("PORTAL_ROOT_KEY", "root-key-of-the-portal")
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://owner:owner-word@db/portal")
    command, environment = launch_spec()
    assert "s3cret-word" not in " ".join(command)
    assert "s3cret-word" in environment["_MLFLOW_SERVER_FILE_STORE"]
    everything = " ".join(environment.values())
    assert "root-key-of-the-portal" not in everything
    assert "owner-word" not in everything
    assert settings.SECRET_KEY not in everything


def test_only_its_owner_may_open_the_socket(mlflow_server: int) -> None:
    mode = Path(settings.MLFLOW_SOCKET).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


def test_a_second_server_says_so(mlflow_server: int) -> None:
    command, environment = launch_spec()
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "Another server is listening" in done.stderr
    assert healthy(
        "http://mlflow/health", httpx.HTTPTransport(verify=NO_TLS, uds=str(settings.MLFLOW_SOCKET))
    )


def test_it_answers_to_no_other_host_name(mlflow_server: int) -> None:
    with httpx.Client(
        transport=httpx.HTTPTransport(verify=NO_TLS, uds=str(settings.MLFLOW_SOCKET))
    ) as client:
        assert client.get("http://evil/api/2.0/mlflow/experiments/search?max_results=1").status_code == 403
        assert client.get("http://mlflow/api/2.0/mlflow/experiments/search?max_results=1").status_code == 200


def test_memory(mlflow_server: int) -> None:
    used = psutil.Process(mlflow_server).memory_full_info().pss
    assert used < 320 * 1024 * 1024, used


@pytest.fixture
def empty_database(engines: Engines, django_db_setup: None) -> Iterator[str]:
    """The address of a database with an empty `mlflow` schema."""
    name = f"mlflow_{secrets.token_hex(4)}"
    with engines.postgres.connect("postgres") as superuser:
        superuser.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        with engines.postgres.connect(name) as inside:
            inside.execute("CREATE SCHEMA mlflow AUTHORIZATION portal_mlflow")
        try:
            yield CommittedDatabase(name).environment()["MLFLOW_DATABASE_URL"]
        finally:
            superuser.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def spec_for(monkeypatch: pytest.MonkeyPatch, url: str, place: Path) -> tuple[list[str], dict[str, str], str]:
    address = f"/tmp/ml-{secrets.token_hex(4)}.sock"
    monkeypatch.setattr(settings, "MLFLOW_DATABASE_URL", url)
    monkeypatch.setattr(settings, "ARTIFACT_ROOT", place / "artifacts")
    monkeypatch.setattr(settings, "MLFLOW_SOCKET", Path(address))
    return *launch_spec(), address


def tables(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'mlflow'").fetchone()
    return int(row[0]) if row else 0


@pytest.mark.parametrize("least", [1, 12])
def test_a_killed_first_start_is_taken_up_again(
    empty_database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, least: int
) -> None:
    command, environment, address = spec_for(monkeypatch, empty_database, tmp_path)
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
    with psycopg.connect(empty_database, autocommit=True) as connection:
        try:
            until = time.monotonic() + 120
            while tables(connection) < least and time.monotonic() < until:
                time.sleep(0.01)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert tables(connection) >= least
    log = tmp_path / "log"
    with running(
        command,
        environment,
        log,
        lambda: healthy("http://mlflow/health", httpx.HTTPTransport(verify=NO_TLS, uds=address)),
    ):
        client = httpx.Client(transport=httpx.HTTPTransport(verify=NO_TLS, uds=address))
        with contextlib.closing(client):
            made = client.post("http://mlflow/api/3.0/mlflow/workspaces", json={"name": "a-1"})
            assert made.status_code == 201, made.text


def test_two_first_starts_take_turns(
    empty_database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = spec_for(monkeypatch, empty_database, tmp_path)
    second = spec_for(monkeypatch, empty_database, tmp_path)

    def ready(address: str) -> bool:
        return healthy("http://mlflow/health", httpx.HTTPTransport(verify=NO_TLS, uds=address))

    with (
        running(first[0], first[1], tmp_path / "one", lambda: True),
        running(second[0], second[1], tmp_path / "two", lambda: ready(first[2]) and ready(second[2])),
        psycopg.connect(empty_database) as connection,
    ):
        assert connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
