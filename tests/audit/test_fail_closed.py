"""What cannot be recorded does not leave: the whole portal, its log broken in four ways, asked through every door.

The count that must be 0: successful answers during the breakage whose request id is in no audit record afterwards.
"""

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import psutil
import psycopg
import pytest

from tests.loop.fixtures import Team
from tests.loop.running import Portal

# Longer than any timeout on the way; a request that hangs for ever fails here.
PATIENCE = 25.0
PASSWORD = "correct horse battery staple"


@dataclass
class Asker:
    """Asks through every door, each time under a request id of its own."""

    portal: Portal
    team: Team
    cookies: httpx.Cookies
    answers: list[tuple[str, str, int, bytes]] = field(default_factory=list)

    def ask(self, door: str, method: str, path: str, **options: Any) -> tuple[str, str, int, bytes]:
        request_id = uuid4().hex
        headers = {"X-Request-ID": request_id}
        if door != "page":
            headers["Authorization"] = f"Bearer {self.team.tokens['scientist']}"
        with httpx.Client(
            base_url=self.portal.url,
            timeout=PATIENCE,
            trust_env=False,
            cookies=self.cookies if door == "page" else None,
        ) as client:
            response = client.request(method, path, headers=headers, **options)
        return door, request_id, response.status_code, response.content

    def everywhere(self) -> list[tuple[str, str, int, bytes]]:
        """Ask through all doors at once, so that a slow refusal holds up no other."""
        project = f"/projects/{self.team.slug}"
        api = f"/api/v1/projects/{self.team.slug}"
        asked: list[tuple[Any, ...]] = [
            ("page", "GET", f"{project}/datasets/"),
            ("page", "GET", f"{project}/datasets/wafers/"),
            ("api", "GET", f"{api}/datasets"),
            ("api", "GET", f"{api}/datasets/wafers"),
            ("api", "GET", f"{api}/operations"),
            ("download", "GET", f"{api}/datasets/wafers/versions/1/files/wafers.csv"),
            ("gateway", "GET", f"{api}/mlflow/api/2.0/mlflow/experiments/search?max_results=5"),
            ("gateway", "POST", f"{api}/mlflow/api/2.0/mlflow/experiments/create"),
        ]

        def one(call: tuple[Any, ...]) -> tuple[str, str, int, bytes]:
            options = {"json": {"name": f"e-{uuid4().hex}"}} if call[1] == "POST" else {}
            return self.ask(*call, **options)

        with ThreadPoolExecutor(len(asked)) as pool:
            return list(pool.map(one, asked))

    def unaudited(self, answers: list[tuple[str, str, int, bytes]]) -> list[str]:
        """The doors through which something left that no record knows of."""
        ids = [request_id for _door, request_id, status, _body in answers if status < 400]
        with self.superuser() as session:
            found = session.execute(
                "SELECT request_id FROM portal.accounts_auditevent WHERE request_id = ANY(%s)", [ids]
            ).fetchall()
        known = {row[0] for row in found}
        return [
            door for door, request_id, status, _body in answers if status < 400 and request_id not in known
        ]

    @contextmanager
    def superuser(self) -> Iterator["psycopg.Connection[Any]"]:
        address = f"postgresql://portal_superuser@/portal?host={self.portal.home}/run/postgres&port=5432"
        with psycopg.connect(address, autocommit=True) as session:
            yield session


def signed_in(portal: Portal, team: Team) -> httpx.Cookies:
    """A browser's session of the scientist, who has chosen a password."""
    name = next(name for name in team.passwords if name.endswith("scientist"))
    with httpx.Client(base_url=portal.url, follow_redirects=True, trust_env=False, timeout=60) as browser:

        def post(path: str, **values: str) -> httpx.Response:
            page = browser.get(path).text
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
            assert token is not None
            return browser.post(path, data={**values, "csrfmiddlewaretoken": token[1]})

        post("/sign-in/", username=name, password=team.passwords[name])
        form = browser.get("/password/").text
        names = re.findall(r'<input[^>]*name="(current|password|again)"', form)
        known = team.passwords[name]
        post("/password/", **{each: known if each == "current" else PASSWORD for each in names})
        page = browser.get(f"/projects/{team.slug}/datasets/")
        assert (page.status_code, page.url.path) == (200, f"/projects/{team.slug}/datasets/")
        return browser.cookies


@pytest.fixture(scope="module")
def asker(portal: Portal, team: Team) -> Asker:
    return Asker(portal, team, signed_in(portal, team))


def test_a_healthy_log_has_every_answer(asker: Asker) -> None:
    answers = asker.everywhere()
    assert [(door, status) for door, _id, status, _body in answers if status >= 300] == []
    assert asker.unaudited(answers) == []


@contextmanager
def locked(asker: Asker) -> Iterator[None]:
    """Somebody holds the log's table."""
    with asker.superuser() as session, session.transaction():
        session.execute("LOCK TABLE portal.accounts_auditevent IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def hanging(asker: Asker) -> Iterator[None]:
    """The queue behind the log hangs: the insert begins, and does not end."""
    with asker.superuser() as session, session.transaction():
        session.execute("LOCK TABLE portal.accounts_auditpending IN ACCESS EXCLUSIVE MODE")
        yield


def _new_sessions(session: "psycopg.Connection[Any]") -> None:
    session.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'portal_app'")


@contextmanager
def read_only(asker: Asker) -> Iterator[None]:
    """The database has been made read-only, as after a failover to a standby."""
    with asker.superuser() as session:
        session.execute("ALTER ROLE portal_app SET default_transaction_read_only = on")
        _new_sessions(session)
        try:
            yield
        finally:
            session.execute("ALTER ROLE portal_app RESET default_transaction_read_only")
            _new_sessions(session)


def _limit_files(process: psutil.Process, size: str) -> None:
    """Set how far a file of this process, and of those that it starts, may grow; as the user whose it is."""
    strange = process.uids().real != os.geteuid()
    subprocess.run(
        ["/usr/bin/prlimit", "--pid", str(process.pid), f"--fsize={size}:"],
        user=process.uids().real if strange else None,
        group=process.gids().real if strange else None,
        extra_groups=[] if strange else None,
        cwd="/",
        check=True,
    )


@contextmanager
def full(asker: Asker) -> Iterator[None]:
    """No file of the database can grow: the kernel refuses, as it does on a full disk (RLIMIT_FSIZE)."""
    with asker.superuser() as session:
        row = session.execute("SELECT setting FROM pg_settings WHERE name = 'data_directory'").fetchone()
        assert row is not None
        with open(f"{row[0]}/postmaster.pid", encoding="ascii") as file:
            postmaster = psutil.Process(int(file.readline()))
        # A file beyond the limit first: the limit must leave the write-ahead log's 16 MiB segments alone.
        session.execute("SET search_path = portal")
        name = session.execute(
            "SELECT 'accounts_auditevent_' || to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM')"
        ).fetchone()
        assert name is not None
        while True:
            size = session.execute("SELECT pg_relation_size(%s)", [name[0]]).fetchone()
            assert size is not None
            if size[0] > 17 << 20:
                break
            session.execute(
                "INSERT INTO accounts_auditevent SELECT gen_random_uuid(), now(), NULL, 'system', '', repeat('x', 150),"
                " '', 'filler', '', '', '', 'ok', 'task', '', repeat('y', 250), '', '{}' FROM generate_series(1, 10000)"
            )
        # Room left in the last pages takes a few rows more: fill them, as the next requests would.
        _limit_files(postmaster, str(size[0]))
        _new_sessions(session)
        try:
            with pytest.raises(psycopg.Error), asker.superuser() as filler:  # noqa: PT012  # until it is full
                for _turn in range(20_000):
                    filler.execute(
                        "INSERT INTO portal.accounts_auditevent SELECT gen_random_uuid(), now(), NULL, 'system',"
                        " '', 'x', '', 'filler', '', '', '', 'ok', 'task', '', '', '', '{}'"
                    )
            yield
        finally:
            _limit_files(postmaster, "unlimited")
            _new_sessions(session)


@pytest.mark.parametrize("breakage", [locked, hanging, read_only, full], ids=lambda each: each.__name__)
def test_nothing_leaves_that_is_not_recorded(asker: Asker, breakage: Callable[[Asker], Any]) -> None:
    answers: list[tuple[str, str, int, bytes]] = []
    with breakage(asker):
        started = time.monotonic()
        for _turn in range(2):
            answers += asker.everywhere()
        taken = time.monotonic() - started
    statuses = {(door, status) for door, _id, status, _body in answers}
    assert asker.unaudited(answers) == []
    assert {status for _door, status in statuses} == {503}, statuses
    assert taken < 2 * PATIENCE
    assert not any(b"1,0,1.5" in body for *_x, body in answers), "no line of the data"

    def well() -> bool:
        return all(status < 400 for _door, _id, status, _body in asker.everywhere())

    deadline = time.monotonic() + 60
    while not well():
        assert time.monotonic() < deadline, "the portal did not come back"
        time.sleep(0.5)


def test_readers_under_a_failing_log_see_nothing_unrecorded(asker: Asker) -> None:
    """The log fails and comes back again and again while readers go on: each answer has its record."""
    answers: list[tuple[str, str, int, bytes]] = []
    stop = threading.Event()

    def reader() -> None:
        while not stop.is_set():
            answers.append(asker.ask("api", "GET", f"/api/v1/projects/{asker.team.slug}/datasets"))

    threads = [threading.Thread(target=reader) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _turn in range(3):
        time.sleep(0.7)
        with locked(asker):
            time.sleep(2.5)
        with asker.superuser() as session:
            session.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'portal-audit'"
            )
    time.sleep(0.7)
    stop.set()
    for thread in threads:
        thread.join()
    assert {status for _door, _id, status, _body in answers} >= {200, 503}
    assert asker.unaudited(answers) == []
