"""Plain ASGI applications: what fails there is on record, and nobody takes more than their share."""

import asyncio
import json
from contextlib import ExitStack
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from accounts.errors import TooManyRequests
from accounts.models import AuditEvent
from accounts.tenancy import scope
from projects.doors import limits
from projects.doors.limits import BodyBudget, open_stream
from projects.models import State
from projects.streams import OperationEvents, OperationWait
from registry.training.transfers import ArchiveUpload
from tests.access_matrix.arguments import make_operation
from tests.access_matrix.arguments_registry import make_source
from tests.cast import Cast

Messages = list[dict[str, Any]]
LEAVES: dict[str, Any] = {"type": "http.disconnect"}


def ask(
    app: type, method: str, cast: Cast, token: str, messages: Messages, query: str = "", **path: Any
) -> tuple[int, dict[str, str], bytes]:
    """Send one request whose body arrives as these messages; (status, headers, body), status 0 for no answer."""
    status, headers, body = 0, {}, bytearray()

    async def exchange() -> None:
        waiting = list(messages)

        async def receive() -> dict[str, Any]:
            if waiting:
                return waiting.pop(0)
            await asyncio.Event().wait()
            return LEAVES

        async def send(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers.update({name.decode(): value.decode() for name, value in message["headers"]})
            body.extend(message.get("body", b""))

        scope_ = {
            "type": "http",
            "method": method,
            "path": "/api/v1/it",
            "query_string": query.encode(),
            "headers": [(b"authorization", f"Bearer {token}".encode())],
            "client": ("198.51.100.7", 1),
            "path_params": {"slug": cast.acme.slug, **{name: str(value) for name, value in path.items()}},
        }
        await asyncio.wait_for(app()(scope_, receive, send), 30)

    async_to_sync(exchange)()
    return status, headers, bytes(body)


def whole(body: bytes) -> Messages:
    return [{"type": "http.request", "body": body, "more_body": False}]


def recorded(cast: Cast, action: str) -> list[tuple[str, str, str]]:
    with scope(cast.acme.account_id):
        rows = AuditEvent.objects.filter(account_id=cast.acme.pk, action=action).order_by("at", "id")
        return [(row.outcome, row.detail.get("error", ""), row.on_behalf_of) for row in rows]


@pytest.fixture
def training(cast: Cast) -> str:
    return str(make_source(cast, cast.acme).project.name)


def test_a_refused_archive_is_on_record(cast: Cast, training: str) -> None:
    token = cast.token("sam")[1]
    status, _headers, body = ask(ArchiveUpload, "PUT", cast, token, whole(b"no archive"), name=training)
    assert 400 <= status < 500
    failed = [event for event in recorded(cast, "training.write") if event[0] == "failed"]
    assert failed == [("failed", json.loads(body)["code"], "sam")]


def test_an_archive_that_is_cut_is_on_record(cast: Cast, training: str) -> None:
    token = cast.token("sam")[1]
    cut: Messages = [{"type": "http.request", "body": b"PK", "more_body": True}, LEAVES]
    status, _headers, _body = ask(ArchiveUpload, "PUT", cast, token, cut, name=training)
    assert status == 0, "nobody is left to be answered"
    assert ("failed", "client.gone", "sam") in recorded(cast, "training.write")


def test_a_denied_upload_is_on_record_once(cast: Cast, training: str) -> None:
    token = cast.token("bob")[1]
    assert ask(ArchiveUpload, "PUT", cast, token, whole(b""), name=training)[0] == 403
    assert recorded(cast, "training.write") == [("denied", "permission.missing", "bob")]


def test_a_read_is_on_record_before_it_is_looked_at_further(cast: Cast) -> None:
    token = cast.token("bob")[1]
    operation = make_operation(cast, cast.acme, State.QUEUED)
    before = recorded(cast, "operation.read")
    status, _headers, _body = ask(
        OperationWait, "GET", cast, token, whole(b""), "wait=x", operation_id=operation.pk
    )
    assert status == 400
    assert recorded(cast, "operation.read") == [*before, ("ok", "", "bob")], "once, as asked for"


@pytest.mark.parametrize(
    ("app", "query"), [(OperationEvents, ""), (OperationWait, "wait=1")], ids=["stream", "wait"]
)
def test_a_token_has_so_many_streams_and_waits_and_no_more(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, app: type, query: str
) -> None:
    monkeypatch.setattr(limits, "STREAMS_OF_TOKEN", 2)
    row, token = cast.token("bob")
    finished = make_operation(cast, cast.acme, State.SUCCEEDED)
    grant = cast.grant("bob")
    from dataclasses import replace

    with ExitStack() as others:
        for _index in range(2):
            others.enter_context(open_stream(replace(grant, token_id=row.pk)))
        status, headers, body = ask(app, "GET", cast, token, whole(b""), query, operation_id=finished.pk)
        assert (status, json.loads(body)["code"]) == (429, "streams.limit")
        assert int(headers["retry-after"]) == limits.STREAMS_RETRY_SECONDS
        other = cast.token("bob")[1]
        assert ask(app, "GET", cast, other, whole(b""), query, operation_id=finished.pk)[0] == 200
    assert ask(app, "GET", cast, token, whole(b""), query, operation_id=finished.pk)[0] == 200
    assert not limits._open_streams, "what has ended counts no more"


def test_a_persons_tokens_and_sessions_share_one_limit(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STREAMS_OF_PERSON", 2)
    with ExitStack() as others:
        for _index in range(2):
            others.enter_context(open_stream(cast.grant("bob")))
        with pytest.raises(TooManyRequests), open_stream(cast.grant("bob")):
            pass
        with open_stream(cast.grant("sam")):
            pass


def test_an_account_has_so_much_memory_for_bodies(
    cast: Cast, training: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "BODIES_OF_ACCOUNT", 10_000)
    token = cast.token("sam")[1]
    held = BodyBudget(cast.acme.account_id)
    held.take(9_000)
    status, headers, body = ask(ArchiveUpload, "PUT", cast, token, whole(b"x" * 2_000), name=training)
    assert (status, json.loads(body)["code"]) == (429, "bodies.limit")
    assert int(headers["retry-after"]) == limits.BODIES_RETRY_SECONDS
    held.release()
    status, _headers, body = ask(ArchiveUpload, "PUT", cast, token, whole(b"x" * 2_000), name=training)
    assert json.loads(body)["code"] != "bodies.limit"
    assert not limits._body_bytes, "what a request has taken it gives back, refused or not"
