"""Uploads against the real web process: killed in the middle, measured, and read back with pandas."""

import hashlib
import http.client
from collections.abc import Iterator
from pathlib import Path

import httpx
import pandas as pd
import pytest
from django.conf import settings as django_settings
from pytest_django.fixtures import Settings

from tests.datasets.conftest import Tenant
from tests.datasets.web import NO_TLS, WebProcess
from tests.engines.fixtures import CommittedDatabase

MEBIBYTE = 1 << 20


@pytest.fixture
def server(
    tenants: tuple[Tenant, Tenant], committed_database: CommittedDatabase, settings: Settings, tmp_path: Path
) -> Iterator[WebProcess]:
    # The process has the deployment's own store; what this process does afterwards has to find it.
    settings.BLOB_ROOT = django_settings.HOME / "blobs"
    process = WebProcess(committed_database.environment(), tmp_path / "web.log")
    process.start()
    try:
        yield process
    finally:
        process.stop()


@pytest.fixture
def client(server: WebProcess, tenant: Tenant) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=server.url, headers=tenant.scientist.headers, verify=NO_TLS, trust_env=False, timeout=120
    ) as client:
        yield client


def _pieces(count: int) -> Iterator[bytes]:
    """`count` mebibytes, no two alike."""
    block = bytes(range(256)) * 4096
    for index in range(count):
        yield index.to_bytes(8, "big") + block[8:]


def _begin(client: httpx.Client, tenant: Tenant, size: int) -> str:
    assert client.post(tenant.api, json={"name": "wafers"}).status_code == 201
    version = f"{tenant.api}/wafers/versions"
    assert client.post(version, json={}).status_code == 201
    begun = client.post(f"{version}/1/uploads", json={"path": "big.bin", "size": size})
    assert begun.status_code == 201, begun.text
    url: str = begun.json()["url"]
    return url


def test_an_upload_goes_on_after_the_web_process_was_killed(
    server: WebProcess, client: httpx.Client, tenant: Tenant
) -> None:
    """SIGKILL, twice, amid a body: no byte that was acknowledged by the offset is lost, none is doubled."""
    count = 24
    content = b"".join(_pieces(count))
    url = _begin(client, tenant, len(content))
    offset = 0
    for sent in (7 * MEBIBYTE + 12_345, 9 * MEBIBYTE + 1):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.putrequest("PUT", url)
        for name, value in {**tenant.scientist.headers, "Upload-Offset": str(offset)}.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(content) - offset))
        connection.endheaders()
        connection.send(content[offset : offset + sent])
        server.kill()
        connection.close()
        server.start()
        stands = int(client.head(url).headers["upload-offset"])
        assert offset <= stands <= offset + sent
        offset = stands
    assert offset > 0, "nothing survived the first kill"
    rest = client.put(url, content=content[offset:], headers={"Upload-Offset": str(offset)})
    assert rest.json()["offset"] == len(content)
    finished = client.post(f"{url}/finish")
    assert finished.status_code == 201, finished.text
    assert finished.json()["sha256"] == hashlib.sha256(content).hexdigest()
    assert client.get(finished.json()["url"]).content == content


def test_memory_does_not_grow_with_the_file(server: WebProcess, client: httpx.Client, tenant: Tenant) -> None:
    """256 MiB up and down; `benchmarks/upload_memory.py` does 2 GiB."""
    count = 256
    assert client.post(tenant.api, json={"name": "wafers"}).status_code == 201
    small = client.put(f"{tenant.api}/wafers/upload?path=a.bin", content=b"warm")
    assert small.status_code == 201
    client.get(f"{tenant.api}/wafers/versions/1/files/a.bin")
    server.forget_peak()
    before = server.rss()
    made = client.put(f"{tenant.api}/wafers/upload?path=big.bin", content=_pieces(count))
    assert (made.status_code, made.json()["size"]) == (201, count * MEBIBYTE)
    digest = hashlib.sha256()
    with client.stream("GET", f"{tenant.api}/wafers/versions/2/files/big.bin") as answer:
        for piece in answer.iter_bytes():
            digest.update(piece)
    expected = hashlib.sha256()
    for piece in _pieces(count):
        expected.update(piece)
    assert digest.hexdigest() == expected.hexdigest()
    assert server.peak() - before < 64 * MEBIBYTE


def test_pandas_reads_by_url(server: WebProcess, client: httpx.Client, tenant: Tenant) -> None:
    frame = pd.DataFrame({"lot": ["A1", "A2"], "yield": [0.9, None]})
    client.post(tenant.api, json={"name": "wafers"})
    client.put(f"{tenant.api}/wafers/upload?path=a.csv", content=frame.to_csv(index=False).encode())
    read = pd.read_csv(
        f"{server.url}{tenant.api}/wafers/versions/1/files/a.csv", storage_options=tenant.scientist.headers
    )
    pd.testing.assert_frame_equal(read, frame, check_dtype=False)
    (event,) = tenant.events("dataset.download")
    assert event.ip == "127.0.0.1"
