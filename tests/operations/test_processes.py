"""Operations with real commits, real Celery workers on the real broker, and workers that die."""

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.tenancy import scope
from projects.models import Operation, State
from projects.operations import work as working
from projects.tasks import run_operation
from tests.cast import Cast
from tests.operations.test_work import ask, change, log_of, now

Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def celery() -> Iterator[None]:
    """Messages go to this session's Redis."""
    from portal.celery import app

    app.set_default()
    yield
    app.control.purge()


def until(condition: Callable[[], Any], seconds: float = 120) -> Any:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return found


def traces(folder: Path, operation: Operation) -> list[list[str]]:
    path = folder / str(operation.pk)
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def test_of_many_workers_that_race_one_claims(committed_cast: Cast) -> None:
    operations = [ask(committed_cast) for _index in range(5)]
    barrier = Barrier(6)

    def race(operation: Operation) -> bool:
        try:
            barrier.wait(20)
            return working.claim(operation.account_id, operation.pk) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        for operation in operations:
            assert list(pool.map(race, [operation] * 6)).count(True) == 1
            assert now(operation).fence == 1


def test_one_key_at_the_same_moment_makes_one_operation(committed_cast: Cast) -> None:
    barrier = Barrier(6)

    def race(_index: int) -> Any:
        try:
            barrier.wait(20)
            return ask(committed_cast, key="one").pk
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(race, range(6)))) == 1


def test_a_worker_process_is_woken_and_does_the_work(
    committed_cast: Cast, start_worker: Start, celery: None
) -> None:
    start_worker()
    operation = ask(committed_cast, steps=3)
    until(lambda: now(operation).state == State.SUCCEEDED)
    assert log_of(operation) == "step 0 done\nstep 1 done\nstep 2 done\n"


def test_a_worker_killed_in_mid_step_is_replaced_and_the_work_ends_once(
    committed_cast: Cast, start_worker: Start, celery: None, tmp_path: Path
) -> None:
    victim = start_worker()
    operation = ask(committed_cast, steps=2, dwell=3, traces=str(tmp_path))
    until(lambda: traces(tmp_path, operation))
    victim.kill()
    victim.wait(10)
    found = now(operation)
    assert found.state == State.RUNNING
    assert found.lease_expires_at is not None
    assert found.lease_expires_at > timezone.now()
    # As if the rest of its lease had passed; nobody would wait a minute for it here.
    change(operation, lease_expires_at=timezone.now())
    start_worker()
    run_operation.apply_async((str(operation.account_id), str(operation.pk)))
    ended = until(lambda: now(operation) if now(operation).finished else None)
    assert ended.state == State.SUCCEEDED
    assert log_of(operation).count("step 1 done") == 1
    assert "was lost" in log_of(operation)
    ends = [line for line in traces(tmp_path, operation) if line[2] == "end"]
    assert all(pid != str(victim.pid) for pid, *_rest in ends)
    with scope(operation.account_id):
        from accounts.models import AuditEvent

        ended_events = AuditEvent.objects.filter(action="test.work.succeeded")
        assert ended_events.count() == 1


def test_a_lost_message_loses_nothing(committed_cast: Cast, start_worker: Start, celery: None) -> None:
    from portal.celery import app

    operation = ask(committed_cast)
    app.control.purge()
    start_worker()
    time.sleep(1)
    from projects.tasks import sweep_operations

    sweep_operations.apply_async()
    until(lambda: now(operation).state == State.SUCCEEDED)
