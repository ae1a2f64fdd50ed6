"""HTTP to MLflow over its Unix socket: one pool of connections per process (and per event loop)."""

import asyncio
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import httpx
from django.conf import settings

from accounts.errors import NotFound
from registry.mlflow.failures import error_of, starting
from registry.mlflow.server import HOST
from registry.mlflow.workspaces import CREATE, HEADER, known, workspace_of

BASE = f"http://{HOST}"
# Seconds. Reading covers MLflow's slowest search and the pauses of a multi-gigabyte upload's disk.
_TIMEOUT = httpx.Timeout(connect=3, read=300, write=300, pool=30)
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=30)

# Nothing is encrypted on a Unix socket; an empty context spares each client the loading of every authority.
_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

_lock = Lock()
_clients: dict[int, httpx.Client] = {}
_async_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()


def client() -> httpx.Client:
    """This process's client; a forked child gets its own, for connections must not be shared."""
    with _lock:
        found = _clients.get(os.getpid())
        if found is None:
            _clients.clear()
            transport = httpx.HTTPTransport(verify=_NO_TLS, uds=str(settings.MLFLOW_SOCKET), limits=_LIMITS)
            found = _clients[os.getpid()] = httpx.Client(
                transport=transport, base_url=BASE, timeout=_TIMEOUT, trust_env=False
            )
        return found


def async_client() -> httpx.AsyncClient:
    """This event loop's client."""
    loop = asyncio.get_running_loop()
    found = _async_clients.get(loop)
    if found is None:
        transport = httpx.AsyncHTTPTransport(verify=_NO_TLS, uds=str(settings.MLFLOW_SOCKET), limits=_LIMITS)
        found = _async_clients[loop] = httpx.AsyncClient(
            transport=transport, base_url=BASE, timeout=_TIMEOUT, trust_env=False
        )
    return found


@contextmanager
def reachable() -> Iterator[None]:
    """Turn the failures of a connection into `Unavailable`: MLflow is starting, or has gone."""
    try:
        yield
    except (httpx.TransportError, httpx.StreamError) as error:
        raise starting() from error


def _made(response: httpx.Response, workspace: str) -> None:
    """Check MLflow's answer to the creation of a workspace; that it exists already is as good."""
    if response.status_code >= 400:
        exists = response.status_code < 500 and '"RESOURCE_ALREADY_EXISTS"' in response.text
        if not exists:
            raise error_of(response)
    known.add(workspace)


def ensure_workspace(account_id: UUID) -> str:
    """Make the account's workspace if there is none, and return its name. One request per process and
    account.
    """
    workspace = workspace_of(account_id)
    if workspace not in known:
        with reachable():
            response = client().post(CREATE, json={"name": workspace})
        _made(response, workspace)
    return workspace


async def ensure_workspace_async(account_id: UUID) -> str:
    """`ensure_workspace` for code that runs in an event loop."""
    workspace = workspace_of(account_id)
    if workspace not in known:
        with reachable():
            response = await async_client().post(CREATE, json={"name": workspace})
        _made(response, workspace)
    return workspace


async def get_json(account_id: UUID, path: str, **params: str) -> Any | None:
    """Read one thing of an account's workspace; None where there is none. Raises the portal's errors for the
    rest.
    """
    with reachable():
        response = await async_client().get(path, params=params, headers={HEADER: workspace_of(account_id)})
    if response.status_code < 400:
        return response.json()
    error = error_of(response)
    if isinstance(error, NotFound):
        return None
    raise error


def call(account_id: UUID, method: str, path: str, **kwargs: Any) -> Any:
    """Send one request in an account's workspace and return the parsed answer; raises the portal's errors."""
    workspace = ensure_workspace(account_id)
    with reachable():
        response = client().request(method, path, headers={HEADER: workspace}, **kwargs)
    if response.status_code >= 400:
        if response.status_code == 404 and f"Workspace '{workspace}' not found" in response.text:
            known.discard(workspace)
        raise error_of(response)
    return response.json() if response.content else {}
