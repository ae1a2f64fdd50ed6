"""/livez, /readyz and /metrics: plain ASGI, so that a probe by bare address passes and costs no session."""

import asyncio
import hmac
import json
import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from importlib import import_module
from typing import Any
from urllib.parse import parse_qs

import httpx
import redis.asyncio
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.conf import settings
from django.db import close_old_connections, connection
from django.urls import get_resolver
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from portal.liveness import STALE_AFTER, WORKER, age

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_PATIENCE = 3.0


def warm() -> None:
    """Load what the first request would otherwise wait for."""
    get_resolver().url_patterns  # noqa: B018  # imports every view
    import_module("django.template.loader").engines.all()


async def _answer(send: Send, status: int, content_type: str, body: bytes) -> None:
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def livez(scope: Scope, receive: Receive, send: Send) -> None:
    """The process serves requests. Nothing behind it is asked."""
    await _answer(send, 200, "application/json", b'{"status": "alive"}')


def _postgres() -> str:
    close_old_connections()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    finally:
        connection.close()
    return "ready"


def _worker() -> str:
    close_old_connections()
    try:
        silence = age(WORKER)
    finally:
        connection.close()
    if silence is None:
        return "starting"
    return "ready" if silence < STALE_AFTER else f"silent for {silence.total_seconds():.0f} s"


def _agent() -> str:
    """The agent touches a file at every turn of its loop."""
    try:
        silence = time.time() - (settings.LOCAL_STATE / "heartbeat").stat().st_mtime
    except FileNotFoundError:
        return "starting"
    return "ready" if silence < STALE_AFTER.total_seconds() else f"silent for {silence:.0f} s"


async def _redis() -> str:
    async with redis.asyncio.Redis.from_url(settings.REDIS_URL, socket_timeout=_PATIENCE) as client:
        await client.ping()
    return "ready"


async def _mlflow() -> str:
    if not settings.MLFLOW_SOCKET.exists():
        return "starting"
    transport = httpx.AsyncHTTPTransport(uds=str(settings.MLFLOW_SOCKET))
    async with httpx.AsyncClient(transport=transport, timeout=_PATIENCE) as client:
        answer = await client.get("http://mlflow/health")
    return "ready" if answer.status_code == 200 else f"answers {answer.status_code}"


async def _state(check: Callable[[], Awaitable[str]]) -> str:
    """The check's answer, or that it has none: what exactly went wrong is for the log of that engine."""
    try:
        return await asyncio.wait_for(check(), _PATIENCE)
    except Exception:  # a probe reports, whatever broke
        return "down"


async def engine_states() -> dict[str, str]:
    """Each engine's state in a word: ready, starting, down, or since when it is silent."""
    async with ThreadSensitiveContext():
        checks: dict[str, Callable[[], Awaitable[str]]] = {
            "postgres": sync_to_async(_postgres),
            "redis": _redis,
            "mlflow": _mlflow,
            "worker": sync_to_async(_worker),
        }
        # Only where an agent has ever run: elsewhere the local cluster does not exist.
        if settings.LOCAL_STATE.exists():
            checks["agent"] = sync_to_async(_agent)
        states = await asyncio.gather(*(_state(check) for check in checks.values()))
    return dict(zip(checks, states, strict=True))


async def readyz(scope: Scope, receive: Receive, send: Send) -> None:
    """200 while this process can serve pages, which takes PostgreSQL; with `?all=1`, while every engine is ready."""
    states = await engine_states()
    everything = all(state == "ready" for state in states.values())
    able = (
        everything
        if "all" in parse_qs(scope["query_string"].decode("latin-1"))
        else states["postgres"] == "ready"
    )
    status = "ready" if everything else "degraded" if able else "unavailable"
    body = json.dumps({"status": status, "engines": states}).encode()
    await _answer(send, 200 if able else 503, "application/json", body)


def _may_read_metrics(scope: Scope) -> bool:
    """Metrics say how busy everybody is, so they are for the bearer of the token alone: an address proves nothing
    where tenants' jobs share the machine's.
    """
    offered = dict(scope["headers"]).get(b"authorization", b"")
    return hmac.compare_digest(offered, b"Bearer " + settings.METRICS_TOKEN.encode())


async def metrics(scope: Scope, receive: Receive, send: Send) -> None:
    """Prometheus' text format, over all web processes of this machine."""
    if not _may_read_metrics(scope):
        await _answer(send, 404, "text/plain; charset=utf-8", b"Not Found\n")
        return
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    body = await asyncio.to_thread(generate_latest, registry)
    await _answer(send, 200, CONTENT_TYPE_LATEST, body)
