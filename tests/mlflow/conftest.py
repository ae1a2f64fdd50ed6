"""The real MLflow server, the real web process in front of it, and two tenants; all shared by the tests of
this folder.
"""

import json
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import httpx
import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from portal.locations import make_private
from registry.mlflow.server import launch_spec
from tests.engines.fixtures import TEMPLATE, CommittedDatabase, Engines

# Loading the certificate authorities takes longer than any of these requests.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running(
    command: list[str], environment: dict[str, str], log: Path, ready: Callable[[], bool]
) -> Iterator[int]:
    """Run a server until the block ends; fails with its log where it does not become ready in time."""
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        until = time.monotonic() + 180
        while not ready():
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"{command} did not become ready:\n{log.read_text()[-4000:]}")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def healthy(url: str, transport: httpx.HTTPTransport | None = None) -> bool:
    try:
        with httpx.Client(transport=transport, trust_env=False, verify=NO_TLS) as client:
            return client.get(url, timeout=1).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def mlflow_server(engines: Engines, django_db_setup: None) -> Iterator[int]:
    """The process id of an MLflow server on `settings.MLFLOW_SOCKET`, started as the supervisor starts it."""
    make_private(Path(settings.ARTIFACT_ROOT))
    command, environment = launch_spec()
    log = Path(settings.HOME) / "mlflow-test.log"
    address = str(settings.MLFLOW_SOCKET)
    with running(
        command,
        environment,
        log,
        lambda: healthy("http://mlflow/health", httpx.HTTPTransport(verify=NO_TLS, uds=address)),
    ) as pid:
        yield pid


@pytest.fixture(scope="session")
def mlflow_log(mlflow_server: int) -> Path:
    """What the MLflow server wrote."""
    return Path(settings.HOME) / "mlflow-test.log"


@dataclass(frozen=True)
class Portal:
    """The running web process, and the database that it works in."""

    url: str
    pid: int
    environment: dict[str, str]
    database: str

    def events(self, account: str, action: str = "") -> list[dict[str, Any]]:
        """An account's audit events, oldest first, read past the walls."""
        return [event for event in self.every_event(account) if not action or event["action"] == action]

    @property
    def address(self) -> str:
        """The database, past the walls."""
        return f"postgresql://portal_superuser@/{self.database}?host={settings.LOCATIONS.postgres_sockets}&port=5432"

    def query(self, statement: LiteralString) -> list[tuple[Any, ...]]:
        """Rows of a statement, read past the walls."""
        with psycopg.connect(self.address) as superuser:
            return superuser.execute(statement).fetchall()

    def every_event(self, account: str) -> list[dict[str, Any]]:
        with psycopg.connect(self.address, row_factory=psycopg.rows.dict_row) as superuser:
            rows = superuser.execute(
                "SELECT * FROM portal.accounts_auditevent WHERE account_id = %s ORDER BY at, id", [account]
            )
            return rows.fetchall()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def portal(
    mlflow_server: int, engines: Engines, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Portal]:
    """The web process on a free port, in a database of its own where commits are real."""
    name = f"portal_{secrets.token_hex(6)}"
    with engines.postgres.connect("postgres") as superuser:
        superuser.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(TEMPLATE))
        )
    port = free_port()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("PORTAL_", "DATABASE_"))},
        **CommittedDatabase(name).environment(),
        "PORTAL_HOME": str(settings.HOME),
        "PORTAL_PORT": str(port),
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "manage.py", "web"]
    log = tmp_path_factory.mktemp("web") / "web.log"
    url = f"http://127.0.0.1:{port}"
    with running(
        command, {**environment, "PORTAL_DATABASE_ROLE": "app"}, log, lambda: healthy(f"{url}/livez")
    ) as pid:
        yield Portal(url, pid, environment, name)
    with engines.postgres.connect("postgres") as superuser:
        superuser.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _script(portal: Portal, *arguments: str) -> Any:
    made = subprocess.run(
        [sys.executable, "-m", "tests.mlflow.cast", *arguments],
        env={**portal.environment, "PORTAL_DATABASE_ROLE": "system"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout.splitlines()[-1])


def steps(portal: Portal, account: str, operation: str, killed_after: str) -> Any:
    """Run `tests.mlflow.steps`; what it prints, None where it was killed."""
    made = subprocess.run(
        [sys.executable, "-m", "tests.mlflow.steps", account, operation, killed_after],
        env={**portal.environment, "PORTAL_DATABASE_ROLE": "system"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if killed_after:
        assert made.returncode == -signal.SIGKILL, made.stderr
        return None
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout.splitlines()[-1])


@dataclass(frozen=True)
class Tenant:
    """One account as its people's clients see it."""

    portal: Portal
    account: UUID
    slug: str
    owner: str
    viewer: str
    second: str
    owner_id: str

    @property
    def uri(self) -> str:
        """What goes into MLFLOW_TRACKING_URI."""
        return f"{self.portal.url}/api/v1/projects/{self.slug}/mlflow"

    def call(self, method: str, path: str, token: str = "", **kwargs: Any) -> httpx.Response:
        """One request below the gateway, as the owner unless a token is given."""
        headers = {"Authorization": f"Bearer {token or self.owner}", **kwargs.pop("headers", {})}
        with httpx.Client(trust_env=False, timeout=60, verify=NO_TLS) as client:
            return client.request(method, f"{self.uri}{path}", headers=headers, **kwargs)

    def api(self, method: str, path: str, token: str = "", **kwargs: Any) -> httpx.Response:
        """One request to the project's own API, as the owner unless a token is given."""
        headers = {"Authorization": f"Bearer {token or self.owner}"}
        with httpx.Client(trust_env=False, timeout=60, verify=NO_TLS) as client:
            url = f"{self.portal.url}/api/v1/projects/{self.slug}/{path}"
            return client.request(method, url, headers=headers, **kwargs)

    def work(self, operation: str, killed_after: str = "") -> Any:
        """Take an operation's steps to its end, in a process of its own: its state and sentence. `killed_after` names
        the step of `tests.mlflow.steps` after which that process ends by SIGKILL; then None.
        """
        return steps(self.portal, str(self.account), operation, killed_after)

    def run_token(self, run_id: str) -> str:
        """A token as a training job gets it, bound to one run."""
        return str(_script(self.portal, str(self.account), self.owner_id, run_id)["token"])

    def events(self, action: str = "") -> list[dict[str, Any]]:
        """This account's audit events."""
        return self.portal.events(str(self.account), action)

    def client(self, script: str, token: str = "", **variables: str) -> Any:
        """Run a script with the stock client in a process of its own; what it prints last is JSON."""
        environment = {
            **{key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ},
            "MLFLOW_TRACKING_URI": self.uri,
            "MLFLOW_TRACKING_TOKEN": token or self.owner,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            **variables,
        }
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script],
            env=environment,
            cwd="/tmp",
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def cast(portal: Portal) -> dict[str, Tenant]:
    """Both tenants by letter."""
    return {
        letter: Tenant(
            portal,
            UUID(found["account"]),
            found["slug"],
            found["owner"],
            found["viewer"],
            found["second"],
            found["owner_id"],
        )
        for letter, found in _script(portal).items()
    }


@pytest.fixture(scope="session")
def a(cast: dict[str, Tenant]) -> Tenant:
    """Fab A."""
    return cast["a"]


@pytest.fixture(scope="session")
def b(cast: dict[str, Tenant]) -> Tenant:
    """Fab B."""
    return cast["b"]
