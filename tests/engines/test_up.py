"""`manage.py up` as a person meets it: started, killed, started twice, started on ruins."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

CODE = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Up:
    """A supervisor in a process of its own, with a home of its own."""

    def __init__(self, home: Path, port: int | None = None) -> None:
        self.home = home
        self.port = port or free_port()
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PORTAL_", "DATABASE_", "DJANGO_")) and name != "REDIS_URL"
        } | {
            "PORTAL_HOME": str(home),
            "PORTAL_PORT": str(self.port),
            "PORTAL_TEST_MARK": secrets.token_hex(8),
        }
        self.output = home.parent / f"{home.name}-{secrets.token_hex(4)}.out"
        with open(self.output, "wb") as out:
            self.started = time.monotonic()
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"], cwd=CODE, env=self.environment, stdout=out, stderr=out
            )

    @property
    def said(self) -> str:
        return self.output.read_text()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_for(self, path: str, status: int = 200, patience: float = PATIENCE) -> float:
        """Seconds from the start until the path answers with the status."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.said
            try:
                if httpx.get(self.url + path, timeout=5).status_code == status:
                    return time.monotonic() - self.started
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"{path} did not answer {status} within {patience} s:\n{self.said}")

    def family(self) -> list[psutil.Process]:
        """Every living process of this home: the supervisor's descendants, and whoever carries its folder or mark."""
        found = set()
        for process in psutil.process_iter():
            try:
                if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                    continue
                words = [*process.cmdline(), *process.environ().values()]
                if (
                    any(str(self.home) in word for word in words)
                    or self.environment["PORTAL_TEST_MARK"] in words
                ):
                    found.add(process)
            except psutil.Error:
                continue
        return sorted(found, key=lambda process: process.pid)

    def children(self, name: str) -> list[psutil.Process]:
        """The living processes of one program, by what their command lines say."""
        found = []
        for process in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.status() != psutil.STATUS_ZOMBIE and name in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def finish(self, number: signal.Signals = signal.SIGINT, patience: float = 20.0) -> float:
        """Send a signal and wait for the supervisor; seconds it took."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(patience)
        return time.monotonic() - began


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home that has been started once; short, because sockets lie in it."""
    folder = Path(tempfile.mkdtemp(prefix="up-", dir="/tmp"))
    first = Up(folder)
    try:
        first.wait_for("/livez")
        assert "one-time password" in wait_until_said(first, "Ctrl-C stops")
    finally:
        first.finish()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def up(home: Path) -> Iterator[Up]:
    """A warm start, answering."""
    running = Up(home)
    try:
        running.wait_for("/livez")
        wait_until_said(running, "Ctrl-C stops")
        yield running
    finally:
        if running.process.poll() is None:
            running.finish()
        for process in running.family():
            process.kill()


def wait_until_said(up: Up, text: str, patience: float = PATIENCE) -> str:
    deadline = time.monotonic() + patience
    while text not in up.said:
        assert time.monotonic() < deadline, up.said
        assert up.process.poll() is None, up.said
        time.sleep(0.05)
    return up.said


def wait_until_alone(up: Up, patience: float = 15.0) -> None:
    deadline = time.monotonic() + patience
    while family := up.family():
        assert time.monotonic() < deadline, [process.cmdline() for process in family]
        time.sleep(0.1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_every_process_within_seconds(up: Up, number: signal.Signals) -> None:
    assert len(up.family()) > 8
    assert up.finish(number) < 15
    assert up.process.returncode == 0
    assert up.family() == []
    assert up.said.rstrip().endswith("Stopped.")


def test_the_first_admin_is_made_once(up: Up) -> None:
    assert "one-time password" not in up.said


def test_a_second_up_says_who_holds_the_home(up: Up, home: Path) -> None:
    second = Up(home)
    assert second.process.wait(20) == 1
    lines = second.said.strip().splitlines()
    assert len(lines) == 1
    assert str(home) in lines[0]
    assert f"process {up.process.pid}" in lines[0]
    assert httpx.get(up.url + "/livez").status_code == 200


def test_a_killed_supervisor_leaves_nothing_and_the_next_start_works(up: Up, home: Path) -> None:
    up.process.kill()
    up.process.wait()
    following = Up(home, up.port)
    try:
        following.wait_for("/livez")
        wait_until_said(following, "Ctrl-C stops")
        old = [
            process
            for process in following.family()
            if following.environment["PORTAL_TEST_MARK"] not in process.environ().values()
        ]
        assert [process for process in old if process.name() not in ("postgres", "redis-server")] == []
    finally:
        following.finish()
    wait_until_alone(up)


def test_children_end_when_the_supervisor_is_killed(up: Up) -> None:
    up.process.kill()
    up.process.wait()
    wait_until_alone(up)


def test_a_taken_port_is_named_in_one_line(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = Up(home, port)
        assert refused.process.wait(20) == 1
    lines = refused.said.strip().splitlines()
    assert len(lines) == 1, lines
    assert str(port) in lines[0]
    assert "PORTAL_PORT" in lines[0]
    assert refused.family() == []


def test_a_stale_pid_file_that_names_a_living_stranger_is_no_obstacle(home: Path) -> None:
    pid_file = home / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{home}/postgres\n0\n5432\n{home}/run/postgres\n\n0 0\nready\n")
    owner = (home / "postgres").stat()
    os.chown(pid_file, owner.st_uid, owner.st_gid)
    started = Up(home)
    try:
        started.wait_for("/livez")
    finally:
        started.finish()


def test_a_wrong_variable_is_named_and_its_value_is_not(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {
        **os.environ,
        "PORTAL_HOME": str(home),
        "PORTAL_PORT": "99999",
        "PORTAL_ROOT_KEY": "c2VjcmV0LXZhbHVl",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=CODE,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "PORTAL_PORT" in done.stderr
    assert "PORTAL_ROOT_KEY" in done.stderr
    assert "c2VjcmV0LXZhbHVl" not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["manage.py web", "manage.py worker", "redis-server", "bin/postgres"])
def test_a_killed_child_comes_back(up: Up, name: str) -> None:
    up.wait_for("/readyz?all=1")
    before = up.children(name)
    before[0].kill()
    assert "ended (signal SIGKILL)" in wait_until_said(up, "starting it again in 0.5 s")
    deadline = time.monotonic() + PATIENCE
    while len(after := up.children(name)) < len(before) or before[0] in after:
        assert time.monotonic() < deadline, up.said
        time.sleep(0.1)
    up.wait_for("/readyz?all=1")


class TestRuins:
    """Homes that an interrupted first start has left behind."""

    @pytest.fixture
    def fresh(self) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(prefix="up-", dir="/tmp"))
        yield folder
        shutil.rmtree(folder, ignore_errors=True)

    def test_an_interrupted_initdb_is_started_over(self, fresh: Path) -> None:
        half = fresh / ".postgres.making-deadbeef"
        half.mkdir()
        (half / "PG_VERSION").write_text("18\n")
        started = Up(fresh)
        try:
            started.wait_for("/livez")
            assert not half.exists()
        finally:
            started.finish()

    def test_a_folder_that_is_no_database_is_named(self, fresh: Path) -> None:
        (fresh / "postgres").mkdir()
        (fresh / "postgres" / "half").write_text("made by somebody else")
        refused = Up(fresh)
        assert refused.process.wait(30) == 1
        lines = refused.said.strip().splitlines()
        assert lines == [f"{fresh}/postgres is not empty and holds no database; move it away"]

    @pytest.mark.parametrize("files", [1, 300, 900])
    def test_a_start_killed_while_initdb_works_is_waited_for_and_repeated(
        self, fresh: Path, files: int
    ) -> None:
        first = Up(fresh)
        while len(list(fresh.glob(".postgres.making-*/**/*"))) < files:
            assert first.process.poll() is None, first.said
        first.process.kill()
        first.process.wait()
        again = Up(fresh)
        try:
            again.wait_for("/livez")
            assert not list(fresh.glob(".postgres.making-*"))
        finally:
            again.finish()
        wait_until_alone(again)

    @pytest.mark.parametrize("after", [0.4, 1.2, 3.0])
    def test_a_first_start_killed_at_any_moment_can_be_repeated(self, fresh: Path, after: float) -> None:
        first = Up(fresh)
        time.sleep(after)
        first.process.kill()
        first.process.wait()
        again = Up(fresh)
        try:
            again.wait_for("/livez")
            assert "one-time password" in wait_until_said(again, "Ctrl-C stops") or "one-time" in first.said
        finally:
            again.finish()
        wait_until_alone(again)
