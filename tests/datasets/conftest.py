"""Two projects and their people on a database that commits, and the ASGI application before them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from django.db import connections
from pytest_django.fixtures import Settings

from accounts import audit
from accounts.models import AuditEvent, User
from accounts.tenancy import scope
from projects.models import Operation, Project
from projects.operations import work
from tests.cast import Cast

T = TypeVar("T")


@dataclass(frozen=True)
class Member:
    """A person of a project with a token of their role."""

    user: User
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True)
class Tenant:
    """A project, and one member for each role that the tests need."""

    account_id: UUID
    slug: str
    owner: Member
    scientist: Member
    viewer: Member

    @property
    def api(self) -> str:
        return f"/api/v1/projects/{self.slug}/datasets"

    def events(self, *actions: str) -> list[AuditEvent]:
        """The account's audit events of these actions, oldest first."""
        with scope(self.account_id):
            return list(AuditEvent.objects.filter(action__in=actions).order_by("at", "id"))

    def run_operations(self) -> list[Operation]:
        """Do what a worker does until nothing is left to do; returns all operations."""
        for _attempt in range(50):
            with scope(self.account_id):
                due = list(Operation.objects.filter(state="queued").values_list("pk", flat=True))
            if not due:
                break
            for pk in due:
                work.run(self.account_id, pk)
        with scope(self.account_id):
            return list(Operation.objects.order_by("created_at"))


def _tenant(cast: Cast, project: Project, people: dict[str, str]) -> Tenant:
    members = {}
    for part, name in people.items():
        _token, text = cast.token(name, project=project)
        members[part] = Member(cast.people[name], text)
    return Tenant(project.account_id, project.slug, **members)


@pytest.fixture
def tenants(committed_cast: Cast, settings: Settings, tmp_path: Path) -> Iterator[tuple[Tenant, Tenant]]:
    """Two projects that must not know of each other, and a blob store of the test's own."""
    settings.BLOB_ROOT = tmp_path / "blobs"
    settings.DISK_RESERVE_BYTES = 0
    cast = committed_cast
    acme = _tenant(cast, cast.acme, {"owner": "alice", "scientist": "sam", "viewer": "bob"})
    globex = _tenant(cast, cast.globex, dict.fromkeys(("owner", "scientist", "viewer"), "charlie"))
    with audit.acting_as(audit.SYSTEM, via="command"):
        yield acme, globex


@pytest.fixture
def tenant(tenants: tuple[Tenant, Tenant]) -> Tenant:
    return tenants[0]


@pytest_asyncio.fixture
async def web() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the portal's ASGI application, in this process."""
    from portal.asgi import application

    transport = httpx.ASGITransport(app=application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


async def in_thread(function: Callable[..., T], *args: Any) -> T:
    """Look into the database from an async test, in a thread that leaves no connection behind."""

    def run() -> T:
        try:
            return function(*args)
        finally:
            connections.close_all()

    return await asyncio.to_thread(run)


async def make_dataset(web: httpx.AsyncClient, tenant: Tenant, name: str = "wafers") -> str:
    """Make a dataset and return its address."""
    made = await web.post(tenant.api, json={"name": name}, headers=tenant.scientist.headers)
    assert made.status_code == 201, made.text
    return f"{tenant.api}/{name}"


async def put_file(
    web: httpx.AsyncClient, tenant: Tenant, dataset: str, path: str, content: bytes
) -> httpx.Response:
    """Upload one file as a whole version."""
    return await web.put(
        f"{dataset}/upload", params={"path": path}, content=content, headers=tenant.scientist.headers
    )


def stored_files(folder: Path) -> list[Path]:
    """Every file of a blob store."""
    return [path for path in folder.rglob("*") if path.is_file()]
