"""The door for plain ASGI: uploads, downloads, streams and the gateways, in front of Django.

Resolve, audit and commit come first; bytes flow afterwards, outside every transaction. `in_scope` reopens the
tenant's scope for one short piece of synchronous work in a thread.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, ClassVar, ParamSpec, TypeVar
from urllib.parse import parse_qs

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user
from django.db import close_old_connections, connection
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import translation
from django.utils.translation import gettext as _

from accounts import audit
from accounts.errors import Forbidden, Invalid, MethodNotAllowed, PortalError, TooLarge
from accounts.ids import uuid7
from accounts.problems import CONTENT_TYPE, DATABASE_AWAY, database_away, problem
from accounts.problems import headers as problem_headers
from accounts.sessions import SessionStore
from accounts.tenancy import scope
from projects.doors.door import SAFE_METHODS, open_door
from projects.doors.grant import Grant
from projects.doors.identity import Identity, Origin, by_header, by_session, first_things_first

P = ParamSpec("P")
T = TypeVar("T")
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = structlog.get_logger(__name__)


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

    def origin(self, via: str) -> Origin:
        """From where it came; behind a trusted proxy the server has put the client's own address here."""
        client = self.scope.get("client") or ("", 0)
        return Origin(via, self.request_id, client[0] or "", self.headers.get("user-agent", ""))

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
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            more = message.get("more_body", False)
            if chunk := message.get("body", b""):
                yield chunk

    async def read(self, limit: int) -> bytes:
        """Read a whole body of at most `limit` bytes; raises `TooLarge`."""
        parts = bytearray()
        async for chunk in self.body():
            parts += chunk
            if len(parts) > limit:
                raise TooLarge(
                    "request.too_large", _("The body is larger than %(limit)s bytes.") % {"limit": limit}
                )
        return bytes(parts)

    async def disconnected(self) -> None:
        """Return once the client has gone; for answers that wait, after the body has been read."""
        while (await self._receive())["type"] != "http.disconnect":
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
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})

    async def send_chunk(self, chunk: bytes) -> None:
        """Send a piece of the body."""
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self) -> None:
        """Finish the response."""
        self.finished = True
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

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
        """Answer with the problem document of an error."""
        document = json.dumps(
            problem(error, request_id=self.request_id), default=str, ensure_ascii=False
        ).encode()
        await self.respond(error.status, {"content-type": CONTENT_TYPE, **problem_headers(error)}, document)


def _cookies(request: AsgiRequest) -> dict[str, str]:
    jar: SimpleCookie = SimpleCookie()
    try:
        jar.load(request.headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _nothing(_request: HttpRequest) -> HttpResponse:
    """Stands where Django's middleware expects the view behind it."""
    return HttpResponse()


def identify(request: AsgiRequest) -> Identity:
    """Find out who asks, by token or by session; a session's unsafe request needs Django's CSRF token too."""
    found = by_header(request.headers.get("authorization", ""), request.origin("api"))
    if found is not None:
        return found
    cookies = _cookies(request)
    key = cookies.get(settings.SESSION_COOKIE_NAME)
    if not key:
        return Identity()
    django_request = HttpRequest()
    django_request.method = request.method
    django_request.COOKIES = cookies
    django_request.session = SessionStore(key)
    host = request.headers.get("host", "")
    django_request.META = {
        "HTTP_HOST": host,
        "HTTP_COOKIE": request.headers.get("cookie", ""),
        "HTTP_ORIGIN": request.headers.get("origin", ""),
        "HTTP_REFERER": request.headers.get("referer", ""),
        "HTTP_X_CSRFTOKEN": request.headers.get("x-csrftoken", ""),
        "SERVER_NAME": host,
        "SERVER_PORT": "",
        "wsgi.url_scheme": request.scope.get("scheme", "http"),
    }
    if not django_request.META["HTTP_ORIGIN"]:
        del django_request.META["HTTP_ORIGIN"]
    identity = by_session(get_user(django_request))
    first_things_first(identity)
    if not identity.anonymous and request.method not in SAFE_METHODS:
        check = CsrfViewMiddleware(_nothing)
        check.process_request(django_request)
        if check.process_view(django_request, _nothing, (), {}) is not None:
            raise Forbidden(
                "csrf.failed",
                _("The form's security token is missing or old. Reload the page, and try again."),
            )
    return identity


def _tidy() -> None:
    """Give back connections that are old or broken; one in the middle of a transaction is somebody's."""
    if not connection.in_atomic_block:
        close_old_connections()


def _in_thread(function: Callable[..., T]) -> Callable[..., Awaitable[T]]:
    def run(*args: Any, **kwargs: Any) -> T:
        _tidy()
        try:
            return function(*args, **kwargs)
        finally:
            _tidy()

    return sync_to_async(run, thread_sensitive=True)


class ProjectApp:
    """A plain ASGI application inside a project. `actions` maps each HTTP method to its permission.

    The door has opened and closed, and what `admit` recorded is committed, before `handle` is called; `handle` runs
    outside every transaction.
    """

    actions: ClassVar[dict[str, str]] = {}
    via: ClassVar[str] = "api"
    # OpenAPI operation objects by method; `projects.doors.schema.document_asgi` adds what every door does.
    documentation: ClassVar[dict[str, dict[str, Any]]] = {}

    async def __call__(self, scope_: Scope, receive: Receive, send: Send) -> None:
        request = AsgiRequest(scope_, receive, send)
        kwargs: dict[str, str] = dict(scope_.get("path_params", {}))
        slug = kwargs.pop("slug")
        language = translation.get_language_from_request(_language_request(request))
        with (
            translation.override(language),
            structlog.contextvars.bound_contextvars(request_id=request.request_id),
        ):
            try:
                permission = self.permission(request, **kwargs)
                grant = await _in_thread(self._authorize)(request, slug, permission, kwargs)
                await self.handle(request, grant, **kwargs)
            except ClientGone:
                log.info("client_gone", path=request.path)
            except PortalError as error:
                await self._refuse(request, error)
            except DATABASE_AWAY as error:
                log.warning("database_away", path=request.path, error=type(error).__name__)
                await self._refuse(request, database_away())
            except Exception:
                log.exception("unexpected_error", path=request.path)
                await self._refuse(
                    request,
                    _Unexpected(
                        "server.error", _("Something went wrong here. The log has the request's id.")
                    ),
                )

    async def _refuse(self, request: AsgiRequest, error: PortalError) -> None:
        if request.started:
            # Half an answer is out: closing without the end tells the client that it is broken.
            log.warning("response_broken_off", path=request.path, code=error.code)
            raise ClientGone from error
        await request.respond_problem(error)

    def permission(self, request: AsgiRequest, **kwargs: str) -> str:
        """Return the permission of this request; raises `MethodNotAllowed` where none is declared."""
        found = self.actions.get("GET" if request.method == "HEAD" else request.method)
        if found is None:
            raise MethodNotAllowed(
                "method.not_allowed", _("This address does not take %(method)s.") % {"method": request.method}
            )
        return found

    def _origin(self, request: AsgiRequest) -> Origin:
        return request.origin(self.via)

    def _authorize(self, request: AsgiRequest, slug: str, permission: str, kwargs: dict[str, str]) -> Grant:
        # The body has not been read yet: what comes after is recorded by `admit` or by the action itself.
        with open_door(identify(request), slug, permission, origin=self._origin(request)) as grant:
            self.admit(request, grant, **kwargs)
            return grant

    def admit(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        """Look at the request in the tenant's scope, record what it is about to release, or raise. Default: nothing."""

    async def handle(self, request: AsgiRequest, grant: Grant, **kwargs: str) -> None:
        """Answer the request. Outside every transaction: use `in_scope` for database work."""
        raise MethodNotAllowed("method.not_allowed", _("Nothing answers here."))

    async def in_scope(
        self, request: AsgiRequest, grant: Grant, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a synchronous function in a thread, in the tenant's scope and transaction, as the grant's actor."""
        origin = self._origin(request)

        def run() -> T:
            with (
                audit.acting_as(
                    grant.actor,
                    via=origin.via,
                    request_id=origin.request_id,
                    ip=origin.ip,
                    user_agent=origin.user_agent,
                ),
                scope(grant.account_id),
            ):
                return function(*args, **kwargs)

        return await _in_thread(run)()


class _Unexpected(PortalError):
    status = 500


def _language_request(request: AsgiRequest) -> HttpRequest:
    django_request = HttpRequest()
    django_request.path_info = request.path
    django_request.COOKIES = _cookies(request)
    django_request.META = {"HTTP_ACCEPT_LANGUAGE": request.headers.get("accept-language", "")}
    return django_request
