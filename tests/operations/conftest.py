"""The kind of operation that tests run, and worker processes over the real broker."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings

from tests.engines.fixtures import CommittedDatabase
from tests.operations import workers


@pytest.fixture(autouse=True)
def kind() -> str:
    """The operation kind of these tests."""
    workers.register()
    return workers.KIND


@pytest.fixture
def start_worker(committed_database: CommittedDatabase) -> Iterator[Callable[[], "subprocess.Popen[bytes]"]]:
    """Start Celery worker processes on this test's database; what is still running at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            **committed_database.environment(),
            "PORTAL_HOME": str(settings.HOME),
            "PORTAL_DATABASE_ROLE": "system",
        }
        started.append(subprocess.Popen([sys.executable, "-m", "tests.operations.workers"], env=environment))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait(10)
