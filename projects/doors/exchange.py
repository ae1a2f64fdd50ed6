"""One HTTP exchange of a plain ASGI application: the request's head, its body as a stream, and a way to answer.

An exchange can be cut off from outside (`cut_off`), by whoever finds that its caller has lost the right to it. The
application then sees what it sees when a client goes away: whatever it waits for or sends next ends it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from django.utils.translation import gettext as _

from accounts.errors import Invalid, PortalError, TooLarge
from accounts.ids import uuid7
from accounts.origin import Origin
from accounts.problems import CONTENT_TYPE, problem
from accounts.problems import headers as problem_headers
from projects.doors.grant import Grant
from projects.doors.limits import BodyBudget

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
_GONE: MutableMapping[str, Any] = {"type": "http.disconnect"}


class ClientGone(Exception):
    """The client closed the connection; there is nobody left to answer."""


def _pairs(headers: Mapping[str, str] | list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    if isinstance(headers, list):
        return headers
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


class AsgiRequest:
    """One HTTP exchange: the request's head, its body as a stream, and a way to answer."""

    def __init__(self, scope_: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.scope = scope_
        self.method: str = scope_["method"]
        self.path: str = scope_["path"]
        self.raw_path: bytes = scope_.get("raw_path") or self.path.encode()
        self.query_string: bytes = scope_.get("query_string", b"")
        self.headers: dict[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope_["headers"]
        }
        given = self.headers.get("x-request-id", "")
        self.request_id = (
            given
            if given.isascii() and given.replace("-", "").isalnum() and len(given) <= 64
            else uuid7().hex
        )
        self.started = False
        self.finished = False
        # Who calls, once the door has opened; whether what went wrong is on record already; why it was cut off.
        self.grant: Grant | None = None
        self.failure_recorded = False
        self.cut: PortalError | None = None
        self._waiting: asyncio.Task[Any] | None = None
        self._budget: BodyBudget | None = None

    def cut_off(self, error: PortalError) -> None:
        """End this exchange for `error`: nothing more is received, nothing more is sent but the error itself."""
        self.cut = error
        if self._waiting is not None:
            self._waiting.cancel()

    def is_cut(self) -> bool:
        """Whether it was cut off."""
        return self.cut is not None

    def release(self) -> None:
        """Give back what the body took of its account's memory."""
        if self._budget is not None:
            self._budget.release()

    async def _next(self) -> MutableMapping[str, Any]:
        """The next message; a disconnect once the exchange is cut off, also for who is waiting at that moment."""
        if self.is_cut():
            return _GONE
        task = self._waiting = asyncio.current_task()
        try:
            return await self._receive()
        except asyncio.CancelledError:
            if not self.is_cut() or task is None:
                raise
            task.uncancel()
            return _GONE
        finally:
            self._waiting = None

    async def _deliver(self, message: MutableMapping[str, Any]) -> None:
        if self.cut is not None:
            raise ClientGone
        await self._send(message)

    def origin(self, via: str, *, refresh: bool = False) -> Origin:
        """From where it came (`refresh`: to keep an open page up to date).

        Behind a trusted proxy the server has put the client's own address here.
        """
        client = self.scope.get("client") or ("", 0)
        program = self.headers.get("user-agent", "")
        return Origin(via, self.request_id, client[0] or "", program, self.path, refresh)

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; the last value of a repeated one."""
        return {name: values[-1] for name, values in parse_qs(self.query_string.decode("latin-1")).items()}

    @property
    def content_length(self) -> int | None:
        """The declared size of the body in bytes; raises `Invalid` for nonsense."""
        text = self.headers.get("content-length")
        if text is None:
            return None
        if not text.isdigit():
            raise Invalid("request.content_length", _("Content-Length is not a number."))
        return int(text)

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; raises `ClientGone` where it breaks off."""
        more = True
        while more:
            message = await self._next()
            if message["type"] == "http.disconnect":
                raise ClientGone
            more = message.get("more_body", False)
            if chunk := message.get("body", b""):
                yield chunk

    async def read(self, limit: int) -> bytes:
        """Read a whole body of at most `limit` bytes; raises `TooLarge`, and `TooManyRequests` where the account's
        bodies fill their share of this process's memory.
        """
        parts = bytearray()
        if self.grant is not None and self._budget is None:
            self._budget = BodyBudget(self.grant.account_id)
        async for chunk in self.body():
            if self._budget is not None:
                self._budget.take(len(chunk))
            parts += chunk
            if len(parts) > limit:
                raise TooLarge(
                    "request.too_large", _("The body is larger than %(limit)s bytes.") % {"limit": limit}
                )
        return bytes(parts)

    async def disconnected(self) -> None:
        """Return once the client has gone; for answers that wait, after the body has been read."""
        while (await self._next())["type"] != "http.disconnect":
            continue

    async def json(self, limit: int = 1 << 20) -> Any:
        """Read a JSON body; raises `Invalid` where it does not parse."""
        try:
            return json.loads(await self.read(limit) or b"null")
        except ValueError as error:
            raise Invalid("request.json", _("The body is not valid JSON: %(why)s") % {"why": error}) from None

    async def start(self, status: int, headers: Mapping[str, str] | list[tuple[bytes, bytes]]) -> None:
        """Send the response's head."""
        own = [(b"x-request-id", self.request_id.encode()), (b"x-content-type-options", b"nosniff")]
        pairs = [*_pairs(headers), *own]
        self.started = True
        await self._deliver({"type": "http.response.start", "status": status, "headers": pairs})

    async def send_chunk(self, chunk: bytes) -> None:
        """Send a piece of the body."""
        await self._deliver({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self) -> None:
        """Finish the response."""
        self.finished = True
        await self._deliver({"type": "http.response.body", "body": b"", "more_body": False})

    async def respond(
        self,
        status: int,
        headers: Mapping[str, str] | list[tuple[bytes, bytes]] | None = None,
        body: bytes | AsyncIterator[bytes] = b"",
    ) -> None:
        """Answer with bytes, or stream an async iterator."""
        if isinstance(body, bytes):
            length = (b"content-length", str(len(body)).encode())
            await self.start(status, [*_pairs(headers or {}), length])
            if self.method != "HEAD":
                await self.send_chunk(body)
        else:
            await self.start(status, headers or {})
            async for chunk in body:
                await self.send_chunk(chunk)
        await self.end()

    async def respond_json(self, status: int, data: Any, headers: Mapping[str, str] | None = None) -> None:
        """Answer with a JSON document."""
        body = json.dumps(data, default=str, ensure_ascii=False).encode()
        await self.respond(status, {"content-type": "application/json", **(headers or {})}, body)

    async def respond_problem(self, error: PortalError) -> None:
        """Answer with the problem document of an error, also after the exchange was cut off."""
        self.cut = None
        document = json.dumps(
            problem(error, request_id=self.request_id), default=str, ensure_ascii=False
        ).encode()
        await self.respond(error.status, {"content-type": CONTENT_TYPE, **problem_headers(error)}, document)


__all__ = ["AsgiRequest", "ClientGone", "Receive", "Scope", "Send"]
