"""A process with a wrong root key does not start, and says so in one line."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from accounts.rotation import adopt_roots
from tests.cast import Cast
from tests.engines.fixtures import CommittedDatabase, become

CODE = Path(__file__).resolve().parents[2]
OTHER = base64.b64encode(bytes(32)).decode()


def run(
    database: CommittedDatabase, role: str, *command: str, **variables: str
) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | database.environment() | {"PORTAL_DATABASE_ROLE": role} | variables
    return subprocess.run(  # our own command
        [sys.executable, "manage.py", *command],
        cwd=CODE, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("role", "command"), [("app", "web"), ("system", "worker"), ("system", "agent"), ("owner", "prepare")]
)
def test_no_process_starts_with_a_wrong_root_key(
    committed_database: CommittedDatabase, committed_cast: Cast, role: str, command: str
) -> None:
    assert committed_cast.acme
    with become("system"):
        adopt_roots()
    done = run(committed_database, role, command, PORTAL_ROOT_KEY=OTHER)
    assert done.returncode != 0, done.stdout
    said = [line for line in (done.stdout + done.stderr).splitlines() if "root key is wrong" in line]
    assert len(said) == 1, done.stderr
    assert "PORTAL_ROOT_KEY_PREVIOUS" in said[0]
    assert OTHER not in done.stdout + done.stderr


def test_the_check_says_it_and_takes_the_key_before_beside_the_new_one(
    committed_database: CommittedDatabase, committed_cast: Cast
) -> None:
    assert committed_cast.acme
    with become("system"):
        adopt_roots()
    assert "right one" in run(committed_database, "system", "keys", "check").stdout
    wrong = run(committed_database, "system", "keys", "check", PORTAL_ROOT_KEY=OTHER)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1)

    old = base64.b64encode(settings.ROOT_KEY).decode()
    both = run(
        committed_database, "system", "keys", "check", PORTAL_ROOT_KEY=OTHER, PORTAL_ROOT_KEY_PREVIOUS=old
    )
    assert both.returncode == 0, both.stderr
    away = run(
        committed_database, "system", "keys", "check", PORTAL_ROOT_KEY_PROVIDER="transit", PORTAL_ROOT_KEY=old,
        PORTAL_TRANSIT_URL="http://127.0.0.1:1", PORTAL_TRANSIT_KEY="portal", PORTAL_TRANSIT_TOKEN="s.secret",
    )  # fmt: skip
    assert "does not answer" in away.stderr
    assert "s.secret" not in away.stderr
    unfinished = run(committed_database, "system", "keys", "check", PORTAL_ROOT_KEY_PROVIDER="transit")
    assert "PORTAL_TRANSIT_URL" in unfinished.stderr
