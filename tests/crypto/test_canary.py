"""A secret goes through a whole running portal, and is looked for everywhere it must not be."""

import base64
import json
import secrets
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import redis

from examples.portal_client import Document
from portal.engines.account import engine_user
from portal.engines.binaries import postgres_programs
from tests.loop.fixtures import Team
from tests.loop.running import Portal, until, wait_for_operation

pytestmark = pytest.mark.timeout(600)


@contextmanager
def everything_said_to(server: redis.Redis) -> Iterator[list[str]]:
    """Each command that Redis takes meanwhile: what is queued and gone again is in no dump."""
    heard: list[str] = []
    ended = threading.Event()
    ready = threading.Event()

    def listen() -> None:
        with server.monitor() as monitor:
            ready.set()
            while not ended.is_set():
                heard.append(json.dumps(monitor.next_command(), default=str))

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    assert ready.wait(10)
    try:
        yield heard
    finally:
        ended.set()
        server.ping()
        listener.join(10)


def shapes(secret: str) -> list[bytes]:
    """The secret as it may lie about: plain, base64 at any offset, hex as PostgreSQL dumps bytes."""
    raw = secret.encode()
    encoded = [base64.b64encode(b"x" * shift + raw)[shift * 2 : -6] for shift in range(3)]
    return [raw, raw.hex().encode(), *[part for part in encoded if len(part) > 16]]


def dump(portal: Portal) -> bytes:
    """All of the database, as its superuser copies it."""
    command = [
        str(postgres_programs(engine_user()) / "pg_dump"), "--inserts", "-h", f"{portal.home}/run/postgres",
        "-U", "portal_superuser", "portal",
    ]  # fmt: skip
    return subprocess.run(command, check=True, capture_output=True).stdout


def files_below(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_size < 64 << 20:
            yield path, path.read_bytes()


def a_secret(canary: str) -> dict[str, Any]:
    return {
        "endpoint": "https://127.0.0.1:1",
        "bucket": "wafers",
        "access_key_id": "reader",
        "secret_access_key": canary,
    }


def test_a_canary_is_nowhere_but_in_its_sealed_value(portal: Portal, team: Team) -> None:
    canaries = [f"canary{secrets.token_hex(12)}" for _ in range(3)]
    kept, refused, failed = canaries
    answers: list[bytes] = []
    address = f"{portal.url}/api/v1/projects/{team.slug}"
    headers = {"Authorization": f"Bearer {team.tokens['owner']}"}
    server = redis.Redis(unix_socket_path=f"{portal.home}/run/redis/redis.sock")

    def ask(method: str, path: str, body: Document | None = None) -> httpx.Response:
        answer = httpx.request(method, f"{address}/{path}", json=body, headers=headers, timeout=60)
        answers.append(answer.content)
        return answer

    with everything_said_to(server) as heard:
        made = ask("POST", "credentials", {"name": "canary", "kind": "s3", "secret": a_secret(kept)})
        assert made.status_code == 201, made.text
        credential = made.json()["id"]
        wrong = a_secret(refused) | {"colour": refused}
        assert ask("POST", "credentials", {"name": "no", "kind": "s3", "secret": wrong}).status_code == 400
        tested = ask("POST", f"credentials/{credential}/test")
        assert tested.status_code == 202, tested.text
        ended = wait_for_operation(team.owner, tested.json()["id"])
        answers.append(json.dumps(ended).encode())
        # What goes wrong while the secret is at hand: the account's key does not open, the log has the traceback.
        broken = "UPDATE accounts_accountkey SET wrapped = %s WHERE state = 'active' AND account_id = %s"
        account = portal.query("SELECT account_id FROM projects_project WHERE slug = %s", team.slug)[0][0]
        wrapped = portal.query(
            "SELECT wrapped FROM accounts_accountkey WHERE state = 'active' AND account_id = %s", account
        )[0][0]
        with portal.database() as connection:
            connection.execute(broken, [b"\1" + bytes(120), account])
        try:
            seen = ask("POST", "credentials", {"name": "failed", "kind": "s3", "secret": a_secret(failed)})
            assert (seen.status_code, seen.json()["code"]) == (500, "crypto.sealed")
        finally:
            with portal.database() as connection:
                connection.execute(broken, [wrapped, account])
        for path in ("credentials", f"credentials/{credential}", "audit-events", "operations"):
            assert ask("GET", path).status_code == 200
        until(lambda: any(str(tested.json()["id"]) in said for said in heard), 30, "no message of the test")

    assert any("celery" in said or "portal" in said for said in heard)
    places: list[tuple[str, bytes]] = [("an answer of the API", answer) for answer in answers]
    places += [("a command to Redis", said.encode()) for said in heard]
    for key in server.scan_iter():
        places.append((f"Redis {key!r}", server.dump(key) or b""))
    copy = dump(portal)
    assert credential.encode() in copy, "the dump is of another database"
    places.append(("the database's dump", copy))
    for process in [portal.up.process.pid, *[child.pid for child in portal.up.family()]]:
        if psutil.pid_exists(process):
            for what in ("cmdline", "environ"):
                places.append((f"/proc {what}", Path(f"/proc/{process}/{what}").read_bytes()))
    places.append(("what the portal printed", portal.up.output.read_bytes()))
    logged = [(str(path), content) for path, content in files_below(portal.home)]
    assert len(logged) > 20
    places += logged
    for canary in canaries:
        for shape in shapes(canary):
            found = [where for where, content in places if shape in content]
            assert found == [], f"{canary} is in {found}"
    # The other half of the proof: it is there, sealed, and opens for whom it is.
    names = portal.query("SELECT name FROM accounts_credential WHERE name IN ('canary', 'no', 'failed')")
    assert names == [("canary",)]
