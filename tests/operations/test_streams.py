"""Waiting for operations and following them, through the door and in the way that clients do."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection

from accounts.ids import uuid7
from projects.models import Operation, State
from projects.streams import OperationEvents, OperationWait
from tests.cast import Cast
from tests.operations.test_work import ask, change, run


async def _get(
    app: Callable[..., Any],
    cast: Cast,
    token: str,
    pk: Any,
    query: str,
    headers: dict[str, str],
    leave: float,
) -> tuple[int, bytes, float]:
    gone, sent, status, body = asyncio.Event(), [{"type": "http.request", "body": b""}], 0, bytearray()

    async def receive() -> dict[str, Any]:
        if sent:
            return sent.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)
        body.extend(message.get("body", b""))

    path = f"/api/v1/projects/{cast.acme.slug}/operations/{pk}"
    given = {"authorization": f"Bearer {token}", **headers}
    scope_ = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "path_params": {"slug": cast.acme.slug, "operation_id": str(pk)},
    }
    started = time.monotonic()
    if leave:
        asyncio.get_running_loop().call_later(leave, gone.set)
    await asyncio.wait_for(app(scope_, receive, send), 90)
    return status, bytes(body), time.monotonic() - started


def get(
    app: type, cast: Cast, token: str, pk: Any, query: str = "", leave: float = 0, **headers: str
) -> tuple[int, bytes, float]:
    """Send one request; `leave` is after how many seconds the client goes away."""
    return async_to_sync(_get)(app(), cast, token, pk, query, headers, leave)


def parsed(body: bytes) -> list[tuple[str, str, Any]]:
    """Server-sent events as (event, id, data)."""
    found = []
    for block in body.decode().strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
    return found


@pytest.fixture
def token(committed_cast: Cast) -> str:
    return committed_cast.token("bob")[1]


def later(seconds: float, act: Callable[[], Any]) -> threading.Thread:
    """Do something in another thread, with a connection of its own."""

    def work() -> None:
        time.sleep(seconds)
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_a_finished_operation_answers_at_once(committed_cast: Cast, token: str) -> None:
    operation = run(ask(committed_cast))
    status, body, seconds = get(OperationWait, committed_cast, token, operation.pk, "wait=60")
    assert (status, json.loads(body)["state"]) == (200, "succeeded")
    assert seconds < 10


def test_waiting_ends_when_the_operation_does(committed_cast: Cast, token: str) -> None:
    operation = ask(committed_cast)
    thread = later(1.5, lambda: run(operation))
    status, body, seconds = get(OperationWait, committed_cast, token, operation.pk, "wait=60")
    thread.join()
    assert (status, json.loads(body)["state"]) == (200, "succeeded")
    assert 1 < seconds < 30


def test_waiting_ends_when_its_time_is_up(committed_cast: Cast, token: str) -> None:
    operation = ask(committed_cast)
    status, body, seconds = get(OperationWait, committed_cast, token, operation.pk, "wait=1")
    assert (status, json.loads(body)["state"]) == (200, "queued")
    assert seconds >= 1


@pytest.mark.parametrize("query", ["wait=61", "wait=-1", "wait=nan", "wait=soon", "colour=red"])
def test_waiting_for_nonsense_is_a_400(committed_cast: Cast, token: str, query: str) -> None:
    status, body, _seconds = get(OperationWait, committed_cast, token, ask(committed_cast).pk, query)
    assert status == 400
    assert query.partition("=")[0] in json.loads(body)["errors"]


def test_who_leaves_is_waited_for_by_nobody(committed_cast: Cast, token: str) -> None:
    operation = ask(committed_cast)
    assert get(OperationWait, committed_cast, token, operation.pk, "wait=60", leave=0.5)[2] < 20
    assert get(OperationEvents, committed_cast, token, operation.pk, leave=0.5)[2] < 20


def test_a_stream_gives_the_log_the_state_and_the_end(committed_cast: Cast, token: str) -> None:
    operation = ask(committed_cast, steps=2)
    run(operation)
    thread = later(1, lambda: run(operation))
    status, body, _seconds = get(OperationEvents, committed_cast, token, operation.pk)
    thread.join()
    events = parsed(body)
    assert status == 200
    assert [data["text"] for name, _id, data in events if name == "log"] == ["step 0 done\n", "step 1 done\n"]
    assert [data["state"] for name, _id, data in events if name == "state"][-1] == "succeeded"
    assert events[-1] == ("end", "", {"state": "succeeded"})


def test_a_reader_who_comes_back_misses_nothing_and_sees_nothing_twice(
    committed_cast: Cast, token: str
) -> None:
    operation = ask(committed_cast, steps=3)
    for _step in range(3):
        run(operation)
    first = parsed(get(OperationEvents, committed_cast, token, operation.pk)[1])
    ids = [event_id for name, event_id, _data in first if name == "log"]
    assert len(ids) == 3
    rest = parsed(get(OperationEvents, committed_cast, token, operation.pk, **{"last-event-id": ids[0]})[1])
    assert [event_id for name, event_id, _data in rest if name == "log"] == ids[1:]
    assert get(OperationEvents, committed_cast, token, operation.pk, **{"last-event-id": "x"})[0] == 400


def test_what_is_not_there_is_a_404(committed_cast: Cast, token: str) -> None:
    for app in (OperationWait, OperationEvents):
        assert get(app, committed_cast, token, uuid7())[0] == 404


def test_the_api_cancels_and_retries_with_a_key(cast: Cast) -> None:
    operation = ask(cast)
    client, root = cast.client("sam"), f"{cast.url}/operations"
    assert cast.client("bob").post(f"{root}/{operation.pk}/cancel").status_code == 403
    asked = client.post(f"{root}/{operation.pk}/cancel")
    assert (asked.status_code, asked.json()["cancel_requested"]) == (202, True)
    assert client.post(f"{root}/{operation.pk}/retry").status_code == 409
    assert run(operation).state == State.CANCELLED
    again = client.post(f"{root}/{operation.pk}/retry", HTTP_IDEMPOTENCY_KEY="k")
    assert again.status_code == 202
    assert again["Location"].endswith(again.json()["id"])
    same = client.post(f"{root}/{operation.pk}/retry", HTTP_IDEMPOTENCY_KEY="k")
    assert same.json()["id"] == again.json()["id"]
    assert client.post(f"{root}/{operation.pk}/retry", HTTP_IDEMPOTENCY_KEY="k" * 200).status_code == 400


def test_lists_are_filtered_and_logs_are_read_from_a_place_on(cast: Cast) -> None:
    first, second = ask(cast, steps=2), ask(cast)
    run(first)
    change(second, state=State.FAILED)
    client = cast.client("bob")
    listed = client.get(f"{cast.url}/operations?state=failed").json()["results"]
    assert [operation["id"] for operation in listed] == [str(second.pk)]
    assert "payload" not in listed[0]
    log = client.get(f"{cast.url}/operations/{first.pk}/log").json()
    assert log["text"] == "step 0 done\n"
    run(first)
    rest = client.get(f"{cast.url}/operations/{first.pk}/log?after={log['last']}").json()
    assert rest["text"] == "step 1 done\n"
    assert client.get(f"{cast.url}/operations?state=done").status_code == 400
    with cast.inside("bob"):
        assert Operation.objects.count() == 2
