"""Workers are killed with SIGKILL in the middle of delivering: nothing is missing, and repeats are known as such."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings

from projects.actions.forwarding import add_forward
from tests.cast import Cast
from tests.engines.fixtures import CommittedDatabase, Engines
from tests.forwarding.conftest import again, now, webhook, work, write
from tests.forwarding.receivers import SyslogReceiver, WebReceiver

Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(committed_database: CommittedDatabase) -> Any:
    """Start forwarding workers; what still runs at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []

    def one() -> "subprocess.Popen[bytes]":
        environment = {
            **os.environ,
            **committed_database.environment(),
            "PORTAL_HOME": str(settings.HOME),
            "PORTAL_OUTBOUND_ALLOW": "127.0.0.1",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.forwarding.worker", "60"], env=environment, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    yield one
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def wait_for(what: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until it is so."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)


def test_a_worker_killed_while_it_delivers_leaves_no_gap(
    committed_cast: Cast, web: WebReceiver, start: Start
) -> None:
    cast = committed_cast
    made = webhook(cast, web, begin="beginning")
    write(cast.acme.account_id, 900)
    dice = random.Random(7)
    taken_late = 0
    for _round in range(4):
        before = web.asked

        def slow() -> int:
            time.sleep(dice.uniform(0.3, 0.6))
            return 204

        web.answers[:] = [slow] * 8
        again(cast)  # what a killed worker had leased would be free in thirty seconds
        worker = start()
        wait_for(lambda before=before: web.asked > before)  # type: ignore[misc]
        worker.send_signal(signal.SIGKILL)
        worker.wait(10)
        cursor, got = now(cast, made.pk).next_index, len(web.events)
        time.sleep(1.0)  # the receiver takes what it was sent, though nobody hears of it
        taken_late += len(web.events) - got
        assert cursor <= len(set(web.indexes())), "the cursor is never ahead of the receiver"
        write(cast.acme.account_id, 20)
    web.answers.clear()
    again(cast)
    start()
    wait_for(lambda: now(cast, made.pk).next_index >= 980 + 1)
    end = now(cast, made.pk).next_index
    assert sorted(set(web.indexes())) == list(range(end)), "no gap"
    firsts = list(dict.fromkeys(web.indexes()))
    assert firsts == sorted(firsts), "in the order of sealing"
    assert taken_late > 0, "at least one delivery was cut in the middle"
    names: dict[str, int] = {}
    for event in web.events:
        assert names.setdefault(event["id"], event["data"]["index"]) == event["data"]["index"]
    assert len(names) == end, "a repeated event has the id it had"


def test_syslog_too(committed_cast: Cast, start: Start) -> None:
    cast = committed_cast
    server = SyslogReceiver()
    server.start()
    with cast.inside("alice") as grant:
        made = add_forward(
            grant,
            name="log server",
            kind="syslog-tcp",
            address=f"127.0.0.1:{server.port}",
            begin="beginning",
        )
    write(cast.acme.account_id, 600)
    for _round in range(3):
        before = server.connections
        server.plan[:] = ["slow"] * 8
        again(cast)
        worker = start()
        wait_for(lambda before=before: server.connections > before)  # type: ignore[misc]
        worker.send_signal(signal.SIGKILL)
        worker.wait(10)
        time.sleep(0.6)
        taken = {message["data"]["index"] for message in server.messages}
        assert now(cast, made.pk).next_index <= len(taken), "the cursor is never ahead of the receiver"
    server.plan.clear()
    again(cast)
    start()
    wait_for(lambda: now(cast, made.pk).next_index > 600)
    end = now(cast, made.pk).next_index
    assert {message["data"]["index"] for message in server.messages} == set(range(end))
    server.stop()


def test_a_turn_that_was_overtaken_moves_nothing(
    committed_cast: Cast, web: WebReceiver, committed_database: CommittedDatabase, engines: Engines
) -> None:
    """A process that stood still for longer than its lease lasts comes back: another one has gone on meanwhile."""
    cast = committed_cast
    made = webhook(cast, web, begin="beginning")
    write(cast.acme.account_id, 5)

    def while_another_goes_on() -> int:
        with engines.postgres.connect(committed_database.name) as session:
            session.execute(
                "UPDATE portal.projects_auditforward SET lease = lease + 1, next_index = 3 WHERE id = %s",
                [made.pk],
            )
        return 204

    web.answers.append(while_another_goes_on)
    assert work() == 0
    assert now(cast, made.pk).next_index == 3, "what the other has written stands"
    again(cast)
    work()
    assert set(web.indexes()) == set(range(now(cast, made.pk).next_index))
