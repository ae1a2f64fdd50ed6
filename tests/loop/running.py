"""The whole portal, started as a person starts it, and what tests ask of it from outside."""

import io
import json
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psutil
import psycopg

from examples.portal_client import Document, Project
from tests.engines.test_up import CODE, Up, wait_until_said

PROJECT = Path(__file__).parent / "project"
T = TypeVar("T")
ENDED = {"succeeded", "failed", "cancelled"}


def until(look: Callable[[], T], patience: float, what: str, every: float = 0.25) -> T:
    """Return the first true answer; fail with the last one when patience (seconds) runs out."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what}: not within {patience:.0f} s, last seen {found!r}"
        time.sleep(every)
    return found


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip in memory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def project_archive() -> bytes:
    """The training project beside this file as a zip."""
    paths = sorted(path for path in PROJECT.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return zipped({path.relative_to(PROJECT).as_posix(): path.read_bytes() for path in paths})


class Portal:
    """A running portal of a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.up = Up(home)
        self.url = self.up.url

    def wait_until_ready(self, patience: float = 180.0) -> None:
        """Until every engine answers, MLflow included."""
        self.up.wait_for("/livez", patience=patience)
        wait_until_said(self.up, "Ctrl-C stops", patience)
        self.up.wait_for("/readyz?all=1", patience=patience)

    def manage(self, *arguments: str) -> Document:
        """Run an operator's command; its JSON."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=CODE,
            env=self.up.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        printed: Document = json.loads(done.stdout)
        return printed

    def token(self, username: str, slug: str, *options: str) -> str:
        """A new token of a person in a project."""
        return str(self.manage("createtoken", "--user", username, "--project", slug, *options)["token"])

    def client(self, slug: str, token: str) -> Project:
        """The API of one project."""
        return Project(self.url, slug, token)

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[Any]]:
        """The portal's database, as its owner, who sees every row."""
        address = f"postgresql://portal_owner@/portal?host={self.home}/run/postgres&port=5432"
        with psycopg.connect(address, autocommit=True, options="-c search_path=portal") as connection:
            yield connection

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a statement."""
        with self.database() as connection:
            return connection.execute(statement, values).fetchall()  # type: ignore[arg-type]

    def child(self, name: str) -> psutil.Process:
        """The process of one of the supervisor's programs, by what its command line says."""
        return until(lambda: self.up.children(name), 30, f"no process of {name}")[0]

    def stop(self) -> None:
        """End everything."""
        if self.up.process.poll() is None:
            self.up.finish(patience=60)
        for process in self.up.family():
            process.kill()


def wait_for_job(project: Project, number: int, patience: float = 120.0) -> Document:
    """Follow a training job to its end."""

    def look() -> Document | None:
        job: Document = project.get(f"training-jobs/{number}")
        return job if job["state"] in ENDED else None

    found = until(look, patience, f"job #{number} has not ended")
    assert found is not None
    return found


def whole_log(project: Project, number: int) -> str:
    """A training job's log from its first byte to its last."""
    text, offset = "", 0
    while True:
        piece = project.get(f"training-jobs/{number}/log", offset=offset)
        text += piece["text"]
        if piece["next"] == offset:
            return text
        offset = piece["next"]


def wait_for_operation(project: Project, operation: str, patience: float = 240.0) -> Document:
    """Follow an operation to its end."""

    def look() -> Document | None:
        found: Document = project.get(f"operations/{operation}")
        return found if found["state"] in ENDED else None

    found = until(look, patience, f"operation {operation} has not ended", every=0.5)
    assert found is not None
    return found


def processes_of(workloads: set[str]) -> list[psutil.Process]:
    """The living processes that carry one of these workloads' ids in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if (
                process.status() != psutil.STATUS_ZOMBIE
                and process.environ().get("PORTAL_WORKLOAD") in workloads
            ):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found
