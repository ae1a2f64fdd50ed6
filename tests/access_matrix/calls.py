"""Calling a route as somebody of the cast."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from asgiref.sync import async_to_sync
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts import audit
from accounts.tenancy import scope
from projects.actions.platform_tokens import make_platform_token
from projects.actions.robots import make_robot, make_robot_token
from projects.actions.tokens import mint_run_token
from projects.models import Token
from projects.permissions import ROBOT_NEVER, RUN_PERMISSIONS, permissions_of
from tests.access_matrix.registry import Entry
from tests.access_matrix.routes import Route
from tests.cast import MEMBERS, Cast

_CSRF = "c" * 32
# How many calls of which kind this test session has made; `conftest` says so at its end.
TRIED: Counter[str] = Counter()
_PATIENCE = 20.0


@dataclass
class Caller:
    """Somebody who calls: by session or by token; `held` are their permissions in acme's project, None outside it."""

    label: str
    client: Client | None = None
    token: str = ""
    held: frozenset[str] | None = None
    broken_token: bool = False
    platform_role: str = ""

    @property
    def type(self) -> str:
        """What the token's text calls itself."""
        return self.token.split("_")[1]

    @property
    def signed_in(self) -> bool:
        """Whether a page knows who this is: pages do not read tokens."""
        return self.client is not None

    @property
    def known(self) -> bool:
        """Whether the API knows who this is."""
        return self.signed_in or bool(self.token and not self.broken_token)


def everybody(cast: Cast) -> list[Caller]:
    """The whole cast, ready to call."""
    callers = [Caller("anonymous")]
    for name in ("alice", *MEMBERS, "charlie", "root", "audrey"):
        role = "owner" if name == "alice" else str(MEMBERS.get(name, ""))
        held = frozenset(map(str, permissions_of(role))) if role else None
        platform = cast.people[name].platform_role
        callers.append(Caller(name, client=cast.client(name), held=held, platform_role=platform))
    with cast.inside("alice"):
        run = mint_run_token(
            user_id=cast.alice.pk,
            purpose=Token.Purpose.RUN,
            name="run",
            workload_id=uuid4(),
            lifetime=timedelta(hours=1),
        )
    callers.append(Caller("run token", token=run, held=frozenset(map(str, RUN_PERMISSIONS))))
    with cast.inside("alice") as grant:
        robot = make_robot(grant, name=f"robot-{uuid4().hex[:8]}", role="owner")
        text = make_robot_token(grant, robot, name="the robot's")[1]
    held = frozenset(map(str, permissions_of("owner") - ROBOT_NEVER))
    callers.append(Caller("robot with an owner's role", token=text, held=held))
    for label, change in (
        ("expired token", {"expires_at": timezone.now() - timedelta(seconds=1)}),
        ("revoked token", {"revoked_at": timezone.now()}),
    ):
        made, text = cast.token("alice")
        with scope(cast.acme.account_id):
            Token.objects.filter(pk=made.pk).update(**change)
        callers.append(Caller(label, token=text, broken_token=True))
    elsewhere = cast.token("charlie", project=cast.globex)[1]
    callers.append(Caller("token of another account", token=elsewhere))
    for name in ("root", "audrey"):
        with audit.acting_as(audit.SYSTEM, via="command"):
            _row, text = make_platform_token(cast.people[name], name=f"{name}'s")
        role = cast.people[name].platform_role
        callers.append(Caller(f"platform token of an {role}", token=text, platform_role=role))
    return callers


@dataclass
class Answer:
    """What came back."""

    status: int
    body: bytes
    location: str = ""

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document, without what differs from request to request."""
        document: dict[str, Any] = json.loads(self.body)
        document.pop("request_id", None)
        return document


def call(route: Route, method: str, values: dict[str, Any], caller: Caller, entry: Entry | None) -> Answer:
    """Send one request."""
    TRIED["calls in all (route × method × caller or id)"] += 1
    body = json.dumps((entry.body if entry else None) or {}).encode() if method != "GET" else b""
    query = f"?{entry.query}" if entry and entry.query else ""
    if route.door == "asgi":
        return async_to_sync(_asgi)(route, method, values, caller, query, body)
    client = caller.client or Client()
    extra: dict[str, Any] = {"HTTP_AUTHORIZATION": f"Bearer {caller.token}"} if caller.token else {}
    kind = (
        "application/json"
        if route.door in ("api", "me", "own", "platform api")
        else "application/x-www-form-urlencoded"
    )
    response = client.generic(
        method, route.path(values) + query, b"" if "form" in kind else body, content_type=kind, **extra
    )
    content = b"" if response.streaming else response.content
    return Answer(response.status_code, content, response.headers.get("Location", ""))


async def _asgi(
    route: Route, method: str, values: dict[str, Any], caller: Caller, query: str, body: bytes
) -> Answer:
    headers = [(b"host", b"localhost"), (b"content-length", str(len(body)).encode())]
    if caller.token:
        headers.append((b"authorization", f"Bearer {caller.token}".encode()))
    if caller.client is not None:
        session = caller.client.cookies[settings.SESSION_COOKIE_NAME].value
        cookie = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={_CSRF}"
        headers += [(b"cookie", cookie.encode()), (b"x-csrftoken", _CSRF.encode())]
    path = route.path(values)
    scope_ = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.removeprefix("?").encode(),
        "headers": headers,
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "path_params": {name: str(value) for name, value in values.items()},
    }
    sent, gone = [{"type": "http.request", "body": body}], asyncio.Event()
    status, parts = 0, bytearray()

    async def receive() -> dict[str, Any]:
        if sent:
            return sent.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            parts.extend(message.get("body", b""))

    await asyncio.wait_for(route.view()(scope_, receive, send), _PATIENCE)
    return Answer(status, bytes(parts))
