"""Request ids: one per request, in the log, in the response, and in the audit trail."""

import re
import uuid
from collections.abc import Awaitable, Callable
from contextvars import ContextVar, Token

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

HEADER = "X-Request-ID"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{8,64}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """The id of the request being served here, or an empty text outside any."""
    return _current.get()


def choose_request_id(offered: str) -> str:
    """The caller's id where it is short and harmless, else a fresh one."""
    return offered if _ACCEPTABLE.fullmatch(offered) else uuid.uuid4().hex


class RequestIdMiddleware:
    """Gives each request an id, in `request.request_id`, in the log and in the response's header."""

    sync_capable = True
    async_capable = True

    def __init__(
        self, get_response: Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]
    ) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if iscoroutinefunction(self):
            return self._call_async(request)
        token = self._enter(request)
        try:
            response = self.get_response(request)
            assert isinstance(response, HttpResponseBase)
            response[HEADER] = _current.get()
            return response
        finally:
            _current.reset(token)

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        token = self._enter(request)
        try:
            answer = self.get_response(request)
            assert isinstance(answer, Awaitable)
            response: HttpResponseBase = await answer
            response[HEADER] = _current.get()
            return response
        finally:
            _current.reset(token)

    @staticmethod
    def _enter(request: HttpRequest) -> Token[str]:
        identifier = choose_request_id(request.headers.get(HEADER, ""))
        request.request_id = identifier  # type: ignore[attr-defined]  # read by the doors for the audit trail
        return _current.set(identifier)
