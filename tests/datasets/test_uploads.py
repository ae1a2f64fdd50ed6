"""Uploading through the API: open, send, go on, finish, seal; and everything that must be refused."""

import hashlib

import httpx
import pytest
from pytest_django.fixtures import Settings

from accounts.tenancy import scope
from registry.datasets.manifest import content_hash
from registry.models import Blob, DatasetFile, DatasetVersion
from tests.datasets.conftest import Tenant, in_thread, make_dataset, put_file, stored_files

CSV = b"lot,yield\nA1,0.91\nA2,0.87\n"


async def _open(web: httpx.AsyncClient, tenant: Tenant) -> str:
    dataset = await make_dataset(web, tenant)
    opened = await web.post(f"{dataset}/versions", json={"note": "first"}, headers=tenant.scientist.headers)
    assert opened.status_code == 201, opened.text
    assert (opened.json()["number"], opened.json()["state"]) == (1, "open")
    return f"{dataset}/versions/1"


async def _begin(web: httpx.AsyncClient, tenant: Tenant, version: str, **body: object) -> httpx.Response:
    return await web.post(f"{version}/uploads", json=body, headers=tenant.scientist.headers)


async def _send(web: httpx.AsyncClient, tenant: Tenant, url: str, at: int, data: bytes) -> httpx.Response:
    return await web.put(url, content=data, headers={**tenant.scientist.headers, "Upload-Offset": str(at)})


async def test_a_file_arrives_in_pieces_and_the_version_is_sealed(
    tenant: Tenant, web: httpx.AsyncClient
) -> None:
    headers = tenant.scientist.headers
    content = bytes(range(256)) * 12_000  # three chunks of a mebibyte
    version = await _open(web, tenant)
    begun = await _begin(web, tenant, version, path="raw/a.bin", size=len(content))
    assert begun.status_code == 201
    url = begun.json()["url"]
    for start in range(0, len(content), 1_000_000):
        sent = await _send(web, tenant, url, start, content[start : start + 1_000_000])
        assert sent.status_code == 200
        assert sent.json()["offset"] == min(start + 1_000_000, len(content))
    asked = await web.head(url, headers=headers)
    assert asked.status_code == 200
    assert asked.headers["upload-offset"] == asked.headers["upload-length"] == str(len(content))
    finished = await web.post(f"{url}/finish", headers=headers)
    digest = hashlib.sha256(content).hexdigest()
    assert finished.status_code == 201
    assert (finished.json()["sha256"], finished.json()["size"]) == (digest, len(content))
    sealed = await web.post(f"{version}/seal", json={}, headers=headers)
    assert sealed.status_code == 200, sealed.text
    expected = content_hash([("raw/a.bin", digest, len(content))])
    manifest = f"{digest}  {len(content)}  raw/a.bin\n".encode()
    assert sealed.json()["content_hash"] == expected == hashlib.sha256(manifest).hexdigest()
    assert sealed.json()["identical"] is False
    got = await web.get(finished.json()["url"], headers=headers)
    assert got.content == content
    names = [
        event.action
        for event in await in_thread(
            tenant.events,
            "dataset.create",
            "dataset.version.create",
            "dataset.upload.start",
            "dataset.upload.finish",
            "dataset.seal",
            "dataset.download",
        )
    ]
    assert names == [
        "dataset.create",
        "dataset.version.create",
        "dataset.upload.start",
        "dataset.upload.finish",
        "dataset.seal",
        "dataset.download",
    ]


async def test_a_wrong_offset_is_told_the_right_one(tenant: Tenant, web: httpx.AsyncClient) -> None:
    version = await _open(web, tenant)
    url = (await _begin(web, tenant, version, path="a.csv", size=100)).json()["url"]
    assert (await _send(web, tenant, url, 0, b"x" * 40)).status_code == 200
    wrong = await _send(web, tenant, url, 10, b"x" * 10)
    assert wrong.status_code == 409
    assert wrong.json()["offset"] == 40
    assert wrong.headers["content-type"] == "application/problem+json"
    for header in ("-1", "x", "", "9" * 30):
        answer = await web.put(
            url, content=b"x", headers={**tenant.scientist.headers, "Upload-Offset": header}
        )
        assert answer.status_code == 400
        assert "Upload-Offset" in answer.json()["errors"]


async def test_finishing_too_early_and_sealing_too_early(tenant: Tenant, web: httpx.AsyncClient) -> None:
    headers = tenant.scientist.headers
    version = await _open(web, tenant)
    empty = await web.post(f"{version}/seal", json={}, headers=headers)
    assert (empty.status_code, empty.json()["code"]) == (409, "dataset.version_empty")
    url = (await _begin(web, tenant, version, path="a.csv", size=len(CSV))).json()["url"]
    await _send(web, tenant, url, 0, CSV[:10])
    early = await web.post(f"{url}/finish", headers=headers)
    assert (early.status_code, early.json()["code"], early.json()["offset"]) == (
        409,
        "dataset.upload_incomplete",
        10,
    )
    unfinished = await web.post(f"{version}/seal", json={}, headers=headers)
    assert (unfinished.status_code, unfinished.json()["uploads"]) == (409, ["a.csv"])
    await _send(web, tenant, url, 10, CSV[10:])
    assert (await web.post(f"{url}/finish", headers=headers)).status_code == 201
    again = await web.post(f"{url}/finish", headers=headers)
    assert (again.status_code, again.json()["code"]) == (404, "dataset.upload_not_found")
    assert (await web.post(f"{version}/seal", json={}, headers=headers)).status_code == 200
    twice = await web.post(f"{version}/seal", json={}, headers=headers)
    assert (twice.status_code, twice.json()["code"]) == (409, "dataset.version_sealed")
    late = await _begin(web, tenant, version, path="b.csv")
    assert (late.status_code, late.json()["code"]) == (409, "dataset.version_sealed")
    kept = await web.delete(version, headers=headers)
    assert kept.status_code == 409


async def test_more_than_announced_or_allowed(
    tenant: Tenant, web: httpx.AsyncClient, settings: Settings
) -> None:
    settings.DATASET_MAX_FILE_BYTES = 1000
    version = await _open(web, tenant)
    refused = await _begin(web, tenant, version, path="big.csv", size=1001)
    assert (refused.status_code, refused.json()["limit"]) == (413, 1000)
    url = (await _begin(web, tenant, version, path="a.csv", size=10)).json()["url"]
    assert (await _send(web, tenant, url, 0, b"x" * 11)).status_code == 413
    unannounced = (await _begin(web, tenant, version, path="b.csv")).json()["url"]

    async def endless() -> object:
        for _piece in range(20):
            yield b"x" * 100

    sent = await web.put(
        unannounced, content=endless(), headers={**tenant.scientist.headers, "Upload-Offset": "0"}
    )
    assert sent.status_code == 413
    single = await web.put(
        f"{tenant.api}/wafers/upload?path=c.csv", content=endless(), headers=tenant.scientist.headers
    )
    assert single.status_code == 413

    def stored() -> int:
        with scope(tenant.account_id):
            return Blob.objects.count()

    assert await in_thread(stored) == 2, "the refused single file left nothing; the uploads can go on"


async def test_a_full_disk_is_said_before_it_is_full(
    tenant: Tenant, web: httpx.AsyncClient, settings: Settings
) -> None:
    version = await _open(web, tenant)
    settings.DISK_RESERVE_BYTES = 1 << 60
    refused = await _begin(web, tenant, version, path="a.csv", size=10)
    assert (refused.status_code, refused.json()["code"]) == (507, "dataset.no_room")
    single = await put_file(web, tenant, f"{tenant.api}/wafers", "a.csv", CSV)
    assert single.status_code == 507


@pytest.mark.parametrize(
    "path",
    [
        *("../up.csv", "a/../../b", "/etc/passwd", "C:/x.csv", "a\\b.csv", "", "a/", ".", "..", "a\x00b"),
        *("\u202egpj.csv", "x" * 300, "/".join("a" * 40)),
    ],
)
async def test_paths_that_climb_or_cannot_be(tenant: Tenant, web: httpx.AsyncClient, path: str) -> None:
    version = await _open(web, tenant)
    begun = await _begin(web, tenant, version, path=path)
    assert begun.status_code == 400, begun.text
    assert "path" in begun.json()["errors"]
    single = await put_file(web, tenant, f"{tenant.api}/wafers", path, CSV)
    assert single.status_code == 400
    assert "path" in single.json()["errors"]


async def test_names_that_collide(tenant: Tenant, web: httpx.AsyncClient) -> None:
    headers = tenant.scientist.headers
    version = await _open(web, tenant)
    again = await web.post(tenant.api, json={"name": "wafers"}, headers=headers)
    assert (again.status_code, again.json()["code"]) == (409, "dataset.exists")
    assert (await _begin(web, tenant, version, path="data/a.csv")).status_code == 201
    for path in ("data/a.csv", "DATA/A.csv", "data", "data/a.csv/b"):
        clash = await _begin(web, tenant, version, path=path)
        assert clash.status_code == 409, path
    resumable = {"path": "b.csv", "size": 3, "sha256": "0" * 64}
    first = await _begin(web, tenant, version, **resumable)
    second = await _begin(web, tenant, version, **resumable)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "Wafers"}, "name"),
        ({"name": "new"}, "name"),
        ({"name": "a" * 64}, "name"),
        ({"name": ["x"]}, "name"),
        ({"name": "ok", "description": 0}, "description"),
        ({}, "name"),
        ({"name": "ok", "colour": "red"}, "colour"),
        ({"name": "ok", "format": "excel"}, "format"),
        ({"name": "ok", "description": "\x00"}, "description"),
    ],
)
async def test_bodies_that_make_no_sense(
    tenant: Tenant, web: httpx.AsyncClient, body: dict[str, object], field: str
) -> None:
    refused = await web.post(tenant.api, json=body, headers=tenant.scientist.headers)
    assert refused.status_code == 400
    assert field in refused.json()["errors"]


async def test_content_that_is_not_what_was_announced_is_dropped(
    tenant: Tenant, web: httpx.AsyncClient
) -> None:
    version = await _open(web, tenant)
    url = (await _begin(web, tenant, version, path="a.csv", sha256="0" * 64)).json()["url"]
    await _send(web, tenant, url, 0, CSV)
    finished = await web.post(f"{url}/finish", headers=tenant.scientist.headers)
    assert (finished.status_code, finished.json()["code"]) == (422, "dataset.checksum")
    assert finished.json()["sha256"] == hashlib.sha256(CSV).hexdigest()
    gone = await web.get(url, headers=tenant.scientist.headers)
    assert gone.status_code == 404
    single = await web.put(
        f"{tenant.api}/wafers/upload?path=a.csv&sha256={'0' * 64}",
        content=CSV,
        headers=tenant.scientist.headers,
    )
    assert single.status_code == 422

    def left() -> tuple[int, int, int]:
        with scope(tenant.account_id):
            return Blob.objects.count(), DatasetFile.objects.count(), DatasetVersion.objects.count()

    assert await in_thread(left) == (0, 0, 1)


async def test_one_file_in_one_request_and_the_same_again(
    tenant: Tenant, web: httpx.AsyncClient, settings: Settings
) -> None:
    dataset = await make_dataset(web, tenant)
    first = await put_file(web, tenant, dataset, "wafers.csv", CSV)
    assert (first.status_code, first.json()["number"], first.json()["identical"]) == (201, 1, False)
    same = await put_file(web, tenant, dataset, "wafers.csv", CSV)
    assert (same.status_code, same.json()["number"], same.json()["identical"]) == (200, 1, True)
    other = await put_file(web, tenant, dataset, "wafers.csv", CSV + b"A3,0.9\n")
    assert (other.status_code, other.json()["number"]) == (201, 2)
    back = await put_file(web, tenant, dataset, "wafers.csv", CSV)
    assert (back.status_code, back.json()["number"]) == (201, 3), "only the newest version counts as the same"
    listed = await web.get(f"{dataset}/versions", headers=tenant.viewer.headers)
    assert [each["number"] for each in listed.json()["results"]] == [3, 2, 1]
    assert len(stored_files(settings.BLOB_ROOT)) == 3, (
        "the second upload of the same content left nothing behind"
    )


async def test_an_open_version_can_be_dropped_with_everything_in_it(
    tenant: Tenant, web: httpx.AsyncClient, settings: Settings
) -> None:
    version = await _open(web, tenant)
    url = (await _begin(web, tenant, version, path="a.csv")).json()["url"]
    await _send(web, tenant, url, 0, CSV)
    await web.post(f"{url}/finish", headers=tenant.scientist.headers)
    await _begin(web, tenant, version, path="b.csv")
    assert (await web.delete(version, headers=tenant.viewer.headers)).status_code == 403
    assert (await web.delete(version, headers=tenant.scientist.headers)).status_code == 204
    assert (await web.get(version, headers=tenant.viewer.headers)).status_code == 404
    assert stored_files(settings.BLOB_ROOT) == []


async def test_a_broken_connection_keeps_what_arrived(tenant: Tenant, web: httpx.AsyncClient) -> None:
    """The client vanishes amid a body: the offset says how much is here, and the rest completes it."""
    from portal.asgi import application

    version = await _open(web, tenant)
    content = b"0123456789" * 300_000
    url = (await _begin(web, tenant, version, path="a.bin", size=len(content))).json()["url"]
    messages = [
        {"type": "http.request", "body": content[:1_500_000], "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    sent: list[object] = []

    async def send(message: object) -> None:
        sent.append(message)

    headers = [
        (b"authorization", f"Bearer {tenant.scientist.token}".encode()),
        (b"upload-offset", b"0"),
        (b"content-length", str(len(content)).encode()),
    ]
    scope_ = {
        "type": "http",
        "method": "PUT",
        "path": url,
        "raw_path": url.encode(),
        "query_string": b"",
        "headers": headers,
        "scheme": "http",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    await application(scope_, receive, send)
    assert sent == []
    stands = (await web.get(url, headers=tenant.scientist.headers)).json()["offset"]
    assert stands == 1_500_000
    await _send(web, tenant, url, stands, content[stands:])
    finished = await web.post(f"{url}/finish", headers=tenant.scientist.headers)
    assert finished.json()["sha256"] == hashlib.sha256(content).hexdigest()
