"""The door for plain ASGI: uploads, downloads, streams and the gateways, in front of Django.

Resolve, audit and commit come first; bytes flow afterwards, outside every transaction. `in_scope` reopens the
tenant's scope for one short piece of synchronous work in a thread.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http.cookies import CookieError, SimpleCookie
from typing import Any, ClassVar, ParamSpec, TypeVar

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
from accounts.audit import Target
from accounts.audit.batch import record_read
from accounts.errors import Forbidden, MethodNotAllowed, NotFound, PortalError, Unauthenticated
from accounts.problems import DATABASE_AWAY, database_away
from accounts.sessions import SessionStore
from accounts.tenancy import scope
from projects.doors.door import SAFE_METHODS, open_door, resolve
from projects.doors.exchange import AsgiRequest, ClientGone, Receive, Scope, Send
from projects.doors.grant import Grant
from projects.doors.identity import Identity, Origin, by_header, by_session, first_things_first

P = ParamSpec("P")
T = TypeVar("T")
# How long somebody who has lost the right to an exchange that is under way may go on with it.
RECHECK_SECONDS = 0.5

log = structlog.get_logger(__name__)


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
    outside every transaction. While it runs, the door asks again and again whether the caller may still be here: a
    revoked token, an ended session, a lost role cut the exchange off within a second, in every process.
    """

    actions: ClassVar[dict[str, str]] = {}
    via: ClassVar[str] = "api"
    # Whether the door puts each read on record; False where `handle` does it itself.
    records_reads: ClassVar[bool] = True
    # Whether a request goes on with what an open page shows: one record a minute will do.
    refreshes: ClassVar[bool] = False
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
            permission, failure = "", None
            try:
                permission = self.permission(request, **kwargs)
                grant = await _in_thread(self._authorize)(request, slug, permission, kwargs)
                async with self._on_leash(request, slug, permission):
                    await self.handle(request, grant, **kwargs)
                if request.cut is None:
                    return
                failure = request.cut
            except ClientGone:
                failure = request.cut
                log.info("client_gone" if failure is None else "cut_off", path=request.path)
            except PortalError as error:
                failure = error
            except DATABASE_AWAY as error:
                log.warning("database_away", path=request.path, error=type(error).__name__)
                failure = database_away()
            except Exception:
                log.exception("unexpected_error", path=request.path)
                failure = _Unexpected(
                    "server.error", _("Something went wrong here. The log has the request's id.")
                )
            finally:
                request.release()
            await self._put_on_record(request, permission, failure)
            if failure is not None:
                await self._refuse(request, failure)

    @asynccontextmanager
    async def _on_leash(self, request: AsgiRequest, slug: str, permission: str) -> AsyncIterator[None]:
        """Keep asking whether who called may still do so, and cut the exchange off as soon as they may not."""
        watch = asyncio.create_task(self._watch(request, slug, permission))
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def _watch(self, request: AsgiRequest, slug: str, permission: str) -> None:
        def look() -> None:
            resolve(identify(request), slug, self.via).require(permission)

        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            try:
                await _in_thread(look)()
            except (Unauthenticated, Forbidden, NotFound) as error:
                request.cut_off(error)
                return
            except (PortalError, *DATABASE_AWAY) as error:
                # Without the database nobody's right can change; what needs it fails by itself.
                log.warning("recheck_failed", path=request.path, error=type(error).__name__)

    def changes(self, request: AsgiRequest, **kwargs: str) -> bool:
        """Whether this request would change something, so that its failure belongs on record."""
        return request.method not in SAFE_METHODS

    async def _put_on_record(
        self, request: AsgiRequest, permission: str, failure: PortalError | None
    ) -> None:
        """Record that a change came to nothing, in a transaction of its own, unless somebody has done so already."""
        grant = request.grant
        kwargs: dict[str, str] = dict(request.scope.get("path_params", {}))
        kwargs.pop("slug", None)
        if grant is None or request.failure_recorded or not self.changes(request, **kwargs):
            return
        outcome = audit.outcome_of(failure)
        detail = {"error": failure.code if failure else "client.gone", "path": request.path[:300]}
        target = Target("project", str(grant.account_id), grant.slug)
        try:
            await self.in_scope(
                request, grant, audit.record, permission, target, outcome=outcome, detail=detail
            )
        except (PortalError, *DATABASE_AWAY) as error:
            log.error("failure_not_recorded", path=request.path, error=type(error).__name__)

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
        return request.origin(self.via, refresh=self.refreshes)

    def _authorize(self, request: AsgiRequest, slug: str, permission: str, kwargs: dict[str, str]) -> Grant:
        # The body has not been read yet: what comes after is recorded by `admit` or by the action itself.
        reads = self.records_reads and request.method in SAFE_METHODS
        origin = self._origin(request)
        try:
            with open_door(identify(request), slug, permission, origin=origin, reads=reads) as grant:
                request.grant = grant
                self.admit(request, grant, **kwargs)
                return grant
        except (Forbidden, NotFound):
            request.failure_recorded = True  # by the door
            raise

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
                    via=grant.via if grant.break_glass_id else origin.via,
                    request_id=origin.request_id,
                    ip=origin.ip,
                    user_agent=origin.user_agent,
                ),
                scope(grant.account_id),
            ):
                return function(*args, **kwargs)

        return await _in_thread(run)()

    async def record_read(
        self, request: AsgiRequest, grant: Grant, action: str, target: Target, detail: dict[str, Any]
    ) -> None:
        """Put a reading on record, committed, before it is answered; raises `Unavailable`."""

        def run() -> None:
            with self._origin(request).acting(grant.actor):
                record_read(action, grant.account_id, target, path=request.path, detail=detail)

        await _in_thread(run)()


class _Unexpected(PortalError):
    status = 500


def _language_request(request: AsgiRequest) -> HttpRequest:
    django_request = HttpRequest()
    django_request.path_info = request.path
    django_request.COOKIES = _cookies(request)
    django_request.META = {"HTTP_ACCEPT_LANGUAGE": request.headers.get("accept-language", "")}
    return django_request


__all__ = ["AsgiRequest", "ClientGone", "ProjectApp", "identify"]
