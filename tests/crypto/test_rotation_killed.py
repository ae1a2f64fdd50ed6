"""Rotation, killed with SIGKILL at each of its steps while others write: nothing is lost, and it is finished."""

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from tests.cast import Cast
from tests.engines.fixtures import CommittedDatabase

CODE = Path(__file__).resolve().parents[2]


def _python(module: str, *arguments: str, environment: dict[str, str]) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(  # our own modules
        command, cwd=CODE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["root", "accounts"])
def test_a_rotation_survives_being_killed_at_every_step_with_writers_running(
    committed_database: CommittedDatabase, committed_cast: Cast, kind: str
) -> None:
    account: UUID = committed_cast.acme.pk
    environment = os.environ | committed_database.environment()
    environment |= {
        "PORTAL_DATABASE_ROLE": "system",
        "PORTAL_ROOT_KEY_PREVIOUS": base64.b64encode(os.urandom(32)).decode(),
    }
    writers = [_python("tests.crypto.writing", str(account), environment=environment) for _ in range(2)]
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "writing\n", writer.communicate()[1]
        storm = _python("tests.crypto.storm", kind, str(account), environment=environment)
        out, errors = storm.communicate(timeout=800)
        assert storm.returncode == 0, errors
        told = json.loads(out)
        assert told["points"] > 15
        assert kind == "root" or told["destroyed"] > 10
        for writer in writers:
            assert writer.poll() is None, writer.communicate()[1]
            writer.send_signal(signal.SIGTERM)
            out, errors = writer.communicate(timeout=30)
            assert writer.returncode == 0, errors
            assert json.loads(out)["turns"] > 10
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
