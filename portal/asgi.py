"""The ASGI application: plain ASGI routes in front, Django behind, health and metrics beside.

An app offers plain ASGI applications in `<app>/asgi.py` as `routes = [(regex, application)]`; the regex's named
groups arrive in `scope["path_params"]`. An optional `async def shutdown()` there runs when the process ends.
"""

import os
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from importlib import import_module
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
os.environ.setdefault("PORTAL_DATABASE_ROLE", "app")

from asgiref.sync import ThreadSensitiveContext, sync_to_async  # after the environment Django reads
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.utils.module_loading import module_has_submodule

django_application = get_asgi_application()

import structlog  # noqa: E402  # configured by Django's settings
from django.utils.translation import gettext as _  # noqa: E402
from prometheus_client import Histogram  # noqa: E402

from accounts.errors import TooLarge  # noqa: E402
from accounts.rotation import check_root_keys  # noqa: E402
from portal import health  # noqa: E402
from portal.boot import refuse_dangerous_role  # noqa: E402
from portal.celery import FLOORS, celery_app  # noqa: E402
from projects.doors.asgi import AsgiRequest  # noqa: E402

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# Tasks are sent from requests through this app; unused here otherwise.
__all__ = ["application", "celery_app"]

_log = structlog.get_logger("portal.asgi")
_seconds = Histogram(
    "portal_asgi_request_seconds", "Time of requests served in front of Django", ["route", "method", "status"]
)
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def collect_routes() -> list[tuple[re.Pattern[str], str, Application]]:
    """Every app's plain ASGI routes: pattern, a name for the metrics, application (classes are made once)."""
    found: list[tuple[re.Pattern[str], str, Application]] = []
    for name in FLOORS:
        if name == "portal" or not module_has_submodule(import_module(name), "asgi"):
            continue
        for pattern, target in import_module(f"{name}.asgi").routes:
            label = f"{name}.{getattr(target, '__name__', type(target).__name__)}"
            found.append((re.compile(pattern), label, target() if isinstance(target, type) else target))
    return found


_routes = collect_routes()
_own: dict[str, Application] = {"/livez": health.livez, "/readyz": health.readyz, "/metrics": health.metrics}


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Dispatch by path."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
        return
    path = scope["path"]
    if own := _own.get(path):
        await own(scope, receive, send)
        return
    for pattern, label, target in _routes:
        if match := pattern.match(path):
            scope["path_params"] = {
                key: value for key, value in match.groupdict().items() if value is not None
            }
            await _measured(label, target, scope, receive, send)
            return
    await _bounded(scope, receive, send)


async def _bounded(scope: Scope, receive: Receive, send: Send) -> None:
    """Run Django with a body of at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes, else answer 413.

    Django itself spools bodies of any size to disk, from anybody, before it looks at them; its own limit holds for
    forms, not for JSON. What is larger goes through the plain ASGI transfers.
    """
    limit, size, cut = settings.DATA_UPLOAD_MAX_MEMORY_SIZE, 0, False

    async def counted() -> MutableMapping[str, Any]:
        nonlocal size, cut
        message = await receive()
        if message["type"] == "http.request":
            size += len(message.get("body", b""))
            if size > limit:
                # Django takes it for a client that has gone, and answers nothing.
                cut = True
                return {"type": "http.disconnect"}
        return message

    request = AsgiRequest(scope, receive, send)
    announced = request.headers.get("content-length", "")
    # More digits than any size has: int() would refuse them.
    if announced.isascii() and announced.isdigit() and (len(announced) > 18 or int(announced) > limit):
        cut = True
    else:
        await cast(Application, django_application)(scope, counted, send)
    if cut:
        await request.respond_problem(
            TooLarge("request.too_large", _("The body is larger than %(limit)s bytes.") % {"limit": limit})
        )


async def _measured(label: str, target: Application, scope: Scope, receive: Receive, send: Send) -> None:
    """Run a plain ASGI application in a thread context of its own, as Django does for its requests."""
    status, started = 500, time.perf_counter()

    async def watching(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        await send(message)

    try:
        async with ThreadSensitiveContext():
            await target(scope, receive, watching)
    finally:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        _seconds.labels(label, method, status).observe(time.perf_counter() - started)


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            problem = await sync_to_async(refuse_dangerous_role)() or await sync_to_async(check_root_keys)()
            if problem:
                await send({"type": "lifespan.startup.failed", "message": problem})
                return
            await sync_to_async(health.warm)()
            await send({"type": "lifespan.startup.complete"})
        else:
            await _shutdown()
            await send({"type": "lifespan.shutdown.complete"})
            return


async def _shutdown() -> None:
    for name in FLOORS:
        if name != "portal" and module_has_submodule(import_module(name), "asgi"):
            close = getattr(import_module(f"{name}.asgi"), "shutdown", None)
            if close is not None:
                await close()
