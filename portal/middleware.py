"""Request ids: one per request, in the log, in the response, and in the audit trail. And one log line for each."""

import re
import time
import uuid
from collections.abc import Awaitable, Callable

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

HEADER = "X-Request-ID"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{8,64}")
_log = structlog.get_logger("portal.request")


def choose_request_id(offered: str) -> str:
    """The caller's id where it is short and harmless, else a fresh one."""
    return offered if _ACCEPTABLE.fullmatch(offered) else uuid.uuid4().hex


class RequestIdMiddleware:
    """Gives each request an id, in `request.request_id`, in every log line under it and in the response's header."""

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]
    ) -> None:
        self.get_response = get_response
        self._asynchronous = iscoroutinefunction(get_response)
        if self._asynchronous:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._asynchronous:
            return self._asynchronously(request)
        started, identifier = time.perf_counter(), self._identify(request)
        with structlog.contextvars.bound_contextvars(request_id=identifier):
            response = self.get_response(request)
            assert isinstance(response, HttpResponseBase)
            return self._finish(request, response, identifier, started)

    async def _asynchronously(self, request: HttpRequest) -> HttpResponseBase:
        started, identifier = time.perf_counter(), self._identify(request)
        with structlog.contextvars.bound_contextvars(request_id=identifier):
            answer = self.get_response(request)
            assert isinstance(answer, Awaitable)
            return self._finish(request, await answer, identifier, started)

    @staticmethod
    def _identify(request: HttpRequest) -> str:
        identifier = choose_request_id(request.headers.get(HEADER, ""))
        request.request_id = identifier  # type: ignore[attr-defined]  # the doors read it for the audit trail
        return identifier

    @staticmethod
    def _finish(
        request: HttpRequest, response: HttpResponseBase, identifier: str, started: float
    ) -> HttpResponseBase:
        response[HEADER] = identifier
        match = request.resolver_match
        # The route and not the path: paths carry tenants' names.
        _log.info(
            "request",
            method=request.method,
            route=match.route if match else None,
            status=response.status_code,
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
        )
        return response
