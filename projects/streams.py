"""Waiting for an operation, and following it: plain ASGI, so that nobody who waits holds a transaction or a thread."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.errors import Invalid, NotFound
from projects.api.operations import find_operation
from projects.doors.asgi import AsgiRequest, ProjectApp
from projects.doors.grant import Grant
from projects.doors.limits import open_stream
from projects.operations import log as operation_log
from projects.serializers.operation import described

LONGEST_WAIT = 60.0
POLL_SECONDS = 0.5
HEARTBEAT_SECONDS = 15.0
# A stream ends after this long, and the browser comes back through the door: so nobody who has lost the right to
# look goes on looking.
STREAM_SECONDS = 60.0
_OPERATION = {"application/json": {"schema": {"$ref": "#/components/schemas/Operation"}}}


def _wait_of(request: AsgiRequest) -> float:
    """Read `?wait=` in seconds; raises `Invalid` for anything else."""
    given = dict(request.query)
    text = given.pop("wait", "0")
    errors = {name: [_("There is no such parameter.")] for name in given}
    try:
        wait = float(text)
    except ValueError:
        wait = -1.0
    if not 0 <= wait <= LONGEST_WAIT:
        errors["wait"] = [_("`wait` is a number of seconds between 0 and 60.")]
    if errors:
        raise Invalid(
            "request.query",
            _("These query parameters are not valid: %(names)s.") % {"names": ", ".join(errors)},
            errors=errors,
        )
    return wait


class _Leaving:
    """Notices when the client goes away, so that nobody polls for a reader who has left."""

    def __init__(self, request: AsgiRequest) -> None:
        self._watch = asyncio.ensure_future(request.disconnected())

    async def __aenter__(self) -> "_Leaving":
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._watch.cancel()

    async def within(self, seconds: float) -> bool:
        """Wait so long; return True as soon as the client has gone."""
        done, _pending = await asyncio.wait({self._watch}, timeout=seconds)
        return bool(done)


class OperationWait(ProjectApp):
    """`GET …/operations/{id}?wait=60`: the operation, at once or as soon as it has ended."""

    refreshes = True

    actions: ClassVar[dict[str, str]] = {"GET": "operation.read"}
    documentation: ClassVar[dict[str, dict[str, Any]]] = {
        "GET": {
            "operationId": "operation_read",
            "summary": "An operation; with `wait`, once it has ended or the time is up",
            "parameters": [
                {
                    "in": "query",
                    "name": "wait",
                    "schema": {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT},
                    "description": "Seconds to wait for its end.",
                },
                {
                    "in": "path",
                    "name": "operation_id",
                    "required": True,
                    "schema": {"type": "string", "format": "uuid"},
                },
            ],
            "responses": {"200": {"description": "The operation as it is now", "content": _OPERATION}},
        }
    }

    async def handle(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        """Look every half second, in a short transaction each time."""
        pk = UUID(kwargs["operation_id"])
        deadline = time.monotonic() + _wait_of(request)

        def look() -> tuple[bool, dict[str, Any]]:
            operation = find_operation(pk)
            return operation.finished, described(operation, grant.slug)

        with open_stream(grant) if deadline > time.monotonic() else nullcontext():
            await self._wait(request, grant, look, deadline)

    async def _wait(
        self,
        request: AsgiRequest,
        grant: Grant,
        look: Callable[[], tuple[bool, dict[str, Any]]],
        deadline: float,
    ) -> None:
        async with _Leaving(request) as leaving:
            while True:
                finished, shown = await self.in_scope(request, grant, look)
                left = deadline - time.monotonic()
                if finished or left <= 0:
                    await request.respond_json(200, shown, {"cache-control": "no-store"})
                    return
                if await leaving.within(min(POLL_SECONDS, left)):
                    return


def event(name: str, data: dict[str, Any], event_id: int | None = None) -> bytes:
    """Write one server-sent event."""
    head = f"id: {event_id}\n" if event_id is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


class FollowApp(ProjectApp):
    """Server-sent events about something under way: `log`, `state` and, last, `end`.

    `log` events carry an id: a reader who comes back with `Last-Event-ID` misses nothing and sees nothing twice.
    """

    refreshes = True

    def look(self, after: int, **kwargs: str) -> tuple[bool, dict[str, Any], list[tuple[int, str]]]:
        """Return whether it has ended, its state, and the log's pieces after `after` with their ids; in scope."""
        raise NotFound("stream.nothing", _("Nothing is streamed here."))

    async def handle(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        """Check that it is there, then stream."""
        given = request.headers.get("last-event-id", "0") or "0"
        if not (given.isascii() and given.isdigit() and len(given) <= 15):
            message = _("Last-Event-ID is the number of a log event.")
            raise Invalid("request.last_event_id", message, errors={"Last-Event-ID": [message]})
        first = await self.in_scope(request, grant, self.look, int(given), **kwargs)
        headers = {
            "content-type": "text/event-stream",
            "cache-control": "no-store",
            "x-accel-buffering": "no",
        }
        with open_stream(grant):
            await request.respond(200, headers, self._events(request, grant, first, int(given), kwargs))

    async def _events(
        self,
        request: AsgiRequest,
        grant: Grant,
        found: tuple[bool, dict[str, Any], list[tuple[int, str]]],
        after: int,
        kwargs: dict[str, str],
    ) -> AsyncIterator[bytes]:
        shown: dict[str, Any] = {}
        started = quiet_since = time.monotonic()
        async with _Leaving(request) as leaving:
            while time.monotonic() - started < STREAM_SECONDS:
                finished, state, pieces = found
                for seq, text in pieces:
                    after = seq
                    yield event("log", {"text": text}, seq)
                if state != shown:
                    shown = state
                    yield event("state", state)
                if finished and not pieces:
                    yield event("end", {"state": state["state"]})
                    return
                now = time.monotonic()
                if pieces:
                    quiet_since = now
                elif now - quiet_since > HEARTBEAT_SECONDS:
                    quiet_since = now
                    yield b": still here\n\n"
                if not pieces and await leaving.within(POLL_SECONDS):
                    return
                found = await self.in_scope(request, grant, self.look, after, **kwargs)


FOLLOW_PARAMETER = {
    "in": "header",
    "name": "Last-Event-ID",
    "schema": {"type": "integer", "minimum": 0},
    "description": "The last `log` event that was received.",
}
# OpenAPI 3.1 has no word for streams: the schema is each event's, as its readers agree.
_EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["log", "state", "end"]},
        "id": {"type": "string", "description": "Where to go on from: `Last-Event-ID` of the next request."},
        "data": {"type": "string", "description": "JSON"},
    },
}
FOLLOW_RESPONSE = {
    "200": {"description": "The stream, event by event", "content": {"text/event-stream": {"schema": _EVENT}}}
}


class OperationEvents(FollowApp):
    """`GET …/operations/{id}/events`: stage, progress and log as they come, ending with `end`."""

    actions: ClassVar[dict[str, str]] = {"GET": "operation.read"}
    documentation: ClassVar[dict[str, dict[str, Any]]] = {
        "GET": {
            "operationId": "operation_events",
            "summary": "Follow an operation: server-sent events `log`, `state` and, last, `end`",
            "parameters": [
                FOLLOW_PARAMETER,
                {
                    "in": "path",
                    "name": "operation_id",
                    "required": True,
                    "schema": {"type": "string", "format": "uuid"},
                },
            ],
            "responses": FOLLOW_RESPONSE,
        }
    }

    def look(self, after: int, **kwargs: str) -> tuple[bool, dict[str, Any], list[tuple[int, str]]]:
        """The operation, and its log's pieces by number."""
        operation = find_operation(UUID(kwargs["operation_id"]))
        state = {"state": operation.shown_state, "stage": operation.stage, "progress": operation.progress}
        return operation.finished, state, list(operation_log.read(operation, after))
