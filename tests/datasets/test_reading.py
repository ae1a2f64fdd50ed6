"""Downloads, ranges and previews: what comes back, and that each read is on record before it does."""

import io

import httpx
import pandas as pd
import pytest
from pytest_django.fixtures import Settings

from accounts.tenancy import scope
from registry.models import DatasetFile, DatasetVersion
from tests.datasets.conftest import Tenant, in_thread, make_dataset, put_file

CSV = b"lot,yield\nA1,0.91\nA2,\n"


async def _stored(
    web: httpx.AsyncClient, tenant: Tenant, content: bytes = CSV, path: str = "a/w 1.csv"
) -> str:
    dataset = await make_dataset(web, tenant)
    made = await put_file(web, tenant, dataset, path, content)
    assert made.status_code == 201, made.text
    files = await web.get(f"{dataset}/versions/1/files", headers=tenant.viewer.headers)
    url: str = files.json()["results"][0]["url"]
    return url


async def test_a_whole_file_with_its_headers(tenant: Tenant, web: httpx.AsyncClient) -> None:
    url = await _stored(web, tenant)
    assert url.endswith("/files/a/w%201.csv")
    got = await web.get(url, headers={**tenant.scientist.headers, "User-Agent": "pandas"})
    assert (got.status_code, got.content) == (200, CSV)
    assert got.headers["content-type"] == "text/csv"
    assert (
        got.headers["content-disposition"] == "attachment; filename=\"w_1.csv\"; filename*=UTF-8''w%201.csv"
    )
    assert got.headers["x-content-type-options"] == "nosniff"
    assert pd.read_csv(io.BytesIO(got.content)).shape == (2, 2)
    again = await web.get(url, headers={**tenant.scientist.headers, "If-None-Match": got.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = await web.head(url, headers=tenant.scientist.headers)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(CSV)), b"")
    (event,) = await in_thread(tenant.events, "dataset.download")
    assert (event.actor_kind, event.on_behalf_of, event.user_agent) == ("token", "sam", "pandas")
    assert (event.target_label, event.detail["path"]) == ("wafers v1", "a/w 1.csv")


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=1048570-1048585", 1_048_570, 1_048_586),
        ("bytes=-7", 2_999_993, 3_000_000),
        ("bytes=2999999-", 2_999_999, 3_000_000),
        ("bytes=10-99999999", 10, 3_000_000),
    ],
)
async def test_ranges(tenant: Tenant, web: httpx.AsyncClient, asked: str, start: int, end: int) -> None:
    content = bytes(index * 7 % 251 for index in range(3_000_000))
    url = await _stored(web, tenant, content, "a.bin")
    got = await web.get(url, headers={**tenant.scientist.headers, "Range": asked})
    assert (got.status_code, got.content) == (206, content[start:end])
    assert got.headers["content-range"] == f"bytes {start}-{end - 1}/3000000"
    (event,) = await in_thread(tenant.events, "dataset.download")
    assert event.detail["bytes"] == [start, end - 1]


async def test_ranges_that_are_none(tenant: Tenant, web: httpx.AsyncClient) -> None:
    url = await _stored(web, tenant)
    headers = tenant.scientist.headers
    outside = await web.get(url, headers={**headers, "Range": "bytes=1000-"})
    assert (outside.status_code, outside.headers["content-range"]) == (416, f"bytes */{len(CSV)}")
    assert outside.json()["code"] == "dataset.range"
    assert await in_thread(tenant.events, "dataset.download") == []
    old = await web.get(url, headers={**headers, "Range": "bytes=0-1", "If-Range": '"old"'})
    assert (old.status_code, old.content) == (200, CSV)


async def test_what_can_be_opened_in_a_browser_is_never_html(tenant: Tenant, web: httpx.AsyncClient) -> None:
    url = await _stored(web, tenant, b"<script>alert(1)</script>", "evil.html")
    got = await web.get(url, headers=tenant.scientist.headers)
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert got.headers["content-disposition"].startswith("attachment")


async def test_nothing_leaves_without_a_record(
    tenant: Tenant, web: httpx.AsyncClient, settings: Settings
) -> None:
    """The audit log refuses the row: the bytes stay, and the answer says so."""
    from django.db import connection

    url = await _stored(web, tenant)

    def refuse() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET ROLE portal_owner")
            cursor.execute(
                "ALTER TABLE accounts_auditevent ADD CONSTRAINT no_room "
                "CHECK (action <> 'dataset.download') NOT VALID"
            )
            cursor.execute("RESET ROLE")

    await in_thread(refuse)
    got = await web.get(url, headers=tenant.scientist.headers)
    assert (got.status_code, got.json()["code"]) == (503, "audit.unavailable")
    assert b"lot" not in got.content


async def test_who_may_read_what(tenant: Tenant, web: httpx.AsyncClient) -> None:
    url = await _stored(web, tenant)
    await in_thread(tenant.run_operations)
    denied = await web.get(url, headers=tenant.viewer.headers)
    assert (denied.status_code, denied.json()["permission"]) == (403, "dataset.download")
    version = f"{tenant.api}/wafers/versions/1"
    assert (await web.get(f"{version}/preview", headers=tenant.viewer.headers)).status_code == 403
    shape = await web.get(f"{version}/profile", headers=tenant.viewer.headers)
    assert shape.json()["columns"] == [
        {"name": "lot", "type": "text", "missing": 0},
        {"name": "yield", "type": "number", "missing": 1},
    ], "names and types, no values"
    for anonymous in (await web.get(url), await web.put(f"{tenant.api}/wafers/upload?path=x", content=b"")):
        assert anonymous.status_code == 401
    (event,) = await in_thread(tenant.events, "dataset.download")
    assert (event.outcome, event.on_behalf_of) == ("denied", "bob")


async def test_the_other_tenant_finds_nothing(tenants: tuple[Tenant, Tenant], web: httpx.AsyncClient) -> None:
    """Every address of acme's dataset, asked by globex's owner: in acme's project, and in their own."""
    acme, globex = tenants
    await _stored(web, acme, path="a.csv")
    opened = await web.post(f"{acme.api}/wafers/versions", json={}, headers=acme.scientist.headers)
    assert opened.status_code == 201
    upload = (
        await web.post(
            f"{acme.api}/wafers/versions/2/uploads", json={"path": "b"}, headers=acme.scientist.headers
        )
    ).json()
    await in_thread(acme.run_operations)
    tails: list[tuple[str, str]] = [
        ("GET", ""),
        ("GET", "/versions"),
        ("POST", "/versions"),
        ("GET", "/versions/1"),
        ("DELETE", "/versions/2"),
        ("POST", "/versions/2/seal"),
        ("GET", "/versions/1/files"),
        ("GET", "/versions/1/profile"),
        ("GET", "/versions/1/preview"),
        ("GET", "/versions/2/uploads"),
        ("POST", "/versions/2/uploads"),
        ("GET", "/versions/1/files/a.csv"),
        ("HEAD", "/versions/1/files/a.csv"),
        ("PUT", "/upload?path=a.csv"),
        *((method, f"/versions/2/uploads/{upload['id']}") for method in ("GET", "PUT", "PATCH", "DELETE")),
        ("POST", f"/versions/2/uploads/{upload['id']}/finish"),
    ]
    for base in (f"{acme.api}/wafers", f"{globex.api}/wafers"):
        for method, tail in tails:
            body = {"path": "x"} if tail.endswith("/uploads") else {}
            options = {"json": body} if method == "POST" else {"content": b"x"} if method == "PUT" else {}
            got = await web.request(
                method, base + tail, headers={**globex.owner.headers, "Upload-Offset": "0"}, **options
            )
            assert got.status_code == 404, (method, base + tail, got.text)
    listed = await web.get(globex.api, headers=globex.owner.headers)
    assert listed.json()["results"] == []
    # An upload's id in another dataset of one's own leads nowhere either.
    await make_dataset(web, globex)
    await web.post(f"{globex.api}/wafers/versions", json={}, headers=globex.owner.headers)
    stray = await web.get(
        f"{globex.api}/wafers/versions/1/uploads/{upload['id']}", headers=globex.owner.headers
    )
    assert stray.status_code == 404


async def test_a_sealed_version_cannot_be_changed_behind_the_portal(
    tenant: Tenant, web: httpx.AsyncClient
) -> None:
    await _stored(web, tenant)

    def tamper() -> list[str]:
        from django.db import DatabaseError, transaction

        refused = []
        with scope(tenant.account_id):
            version = DatasetVersion.objects.get()
            file = DatasetFile.objects.get()
            attempts = {
                "hash": lambda: DatasetVersion.objects.update(content_hash="0" * 64),
                "reopen": lambda: DatasetVersion.objects.update(
                    state="open", content_hash="", sealed_at=None
                ),
                "file": lambda: DatasetFile.objects.update(sha256="0" * 64),
                "added": lambda: DatasetFile(
                    version=version, path="x", size=1, sha256="0" * 64, blob_id=file.blob_id
                ).save(),
            }
            for name, attempt in attempts.items():
                try:
                    with transaction.atomic():
                        attempt()
                except DatabaseError:
                    refused.append(name)
        return refused

    assert await in_thread(tamper) == ["hash", "reopen", "file", "added"]


@pytest.mark.parametrize(
    "tail",
    [
        "/nothing",
        "/wafers/versions/99",
        "/wafers/versions/999999999999999999999",
        "/wafers/versions/0",
        "/wafers/versions/1/files/none.csv",
        "/wafers/versions/1/files/../a.csv",
        "/%00",
        "/WAFERS",
        "/wafers/versions/x",
    ],
)
async def test_addresses_of_nothing(tenant: Tenant, web: httpx.AsyncClient, tail: str) -> None:
    await _stored(web, tenant, path="a.csv")
    got = await web.get(tenant.api + tail, headers=tenant.scientist.headers)
    assert got.status_code == 404
    assert got.headers["content-type"].startswith("application/problem+json")
