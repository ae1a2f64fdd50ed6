"""Files through the gateway: streamed both ways, in constant memory, in pieces, and whole or not at all."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from django.conf import settings

from registry.mlflow.workspaces import workspace_of
from tests.mlflow.conftest import NO_TLS, Tenant
from tests.mlflow.test_walls import FILES, V2, post

SIZE = 600 * 1024 * 1024
CHUNK = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture(scope="module")
def folder(a: Tenant) -> str:
    experiment = post(a, f"{V2}/experiments/create", name="transfers")["experiment_id"]
    run = post(a, f"{V2}/runs/create", experiment_id=experiment)["run"]["info"]["run_id"]
    return f"{experiment}/{run}/artifacts"


def chunks(count: int) -> Iterator[bytes]:
    for _index in range(count):
        yield CHUNK


def test_big_files_need_no_memory(a: Tenant, folder: str, mlflow_server: int) -> None:
    processes = {"web": psutil.Process(a.portal.pid), "mlflow": psutil.Process(mlflow_server)}
    before = {name: process.memory_info().rss for name, process in processes.items()}
    peak = dict(before)

    def watch() -> None:
        for name, process in processes.items():
            peak[name] = max(peak[name], process.memory_info().rss)

    def sent() -> Iterator[bytes]:
        for index, chunk in enumerate(chunks(SIZE // len(CHUNK))):
            if index % 32 == 0:
                watch()
            yield chunk

    headers = {"Authorization": f"Bearer {a.owner}"}
    with httpx.Client(trust_env=False, timeout=120, headers=headers, verify=NO_TLS) as client:
        address = f"{a.uri}{FILES}/{folder}/big.bin"
        assert client.put(address, content=sent(), headers={"Content-Length": str(SIZE)}).status_code == 200
        assert client.put(f"{address}.chunked", content=sent()).status_code == 200
        digest, size = hashlib.sha256(), 0
        with client.stream("GET", address) as answer:
            assert answer.headers["content-length"] == str(SIZE)
            for chunk in answer.iter_raw():
                digest.update(chunk)
                size += len(chunk)
                watch()
        part = client.get(address, headers={"Range": f"bytes={SIZE - 10}-"})
    expected = hashlib.sha256()
    for chunk in chunks(SIZE // len(CHUNK)):
        expected.update(chunk)
    assert (size, digest.hexdigest()) == (SIZE, expected.hexdigest())
    assert part.status_code == 206
    assert part.content == CHUNK[-10:]
    assert part.headers["content-range"] == f"bytes {SIZE - 10}-{SIZE - 1}/{SIZE}"
    for name, most in peak.items():
        assert most - before[name] < 64 * 1024 * 1024, (name, most - before[name])


def test_a_broken_upload_leaves_nothing(a: Tenant, folder: str) -> None:
    def breaking() -> Iterator[bytes]:
        yield from chunks(8)
        raise ConnectionAbortedError

    headers = {"Authorization": f"Bearer {a.owner}", "Content-Length": str(64 * len(CHUNK))}
    with httpx.Client(trust_env=False) as client, pytest.raises(ConnectionAbortedError):
        client.put(f"{a.uri}{FILES}/{folder}/half.bin", content=breaking(), headers=headers)
    kept = Path(settings.ARTIFACT_ROOT) / "workspaces" / workspace_of(a.account) / folder
    for _attempt in range(50):
        names = {path.name for path in kept.rglob("*") if path.is_file()}
        if names <= {"big.bin", "big.bin.chunked"}:
            break
        time.sleep(0.1)
    assert names <= {"big.bin", "big.bin.chunked"}


def test_headers_are_chosen(a: Tenant, folder: str) -> None:
    address = f"{FILES}/{folder}/page.html"
    assert a.call("PUT", address, content=b"<script>alert(1)</script>").status_code == 200
    answer = a.call("GET", address, headers={"Cookie": "session=x", "Origin": "http://evil"})
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-store"
    for name in ("set-cookie", "server", "access-control-allow-origin", "vary"):
        assert name not in answer.headers, name
    cached = a.call("GET", address, headers={"If-None-Match": answer.headers["etag"]})
    assert cached.status_code in (200, 304)


def test_multipart_and_presigned_say_that_they_are_not_offered(a: Tenant, folder: str) -> None:
    path = f"/api/2.0/mlflow-artifacts/mpu/create/{folder}"
    assert a.call("POST", path, json={"path": "x", "num_parts": 2}).status_code == 501
    assert a.call("GET", f"/api/2.0/mlflow-artifacts/presigned/{folder}/big.bin").status_code == 501
    assert a.call("POST", f"{V2}/artifacts/presigned-upload-url", json={}).status_code == 501


def test_uploads_are_on_record_once_per_run(a: Tenant, folder: str) -> None:
    for index in range(3):
        assert a.call("PUT", f"{FILES}/{folder}/part-{index}", content=b"x").status_code == 200
    run = folder.removesuffix("/artifacts")
    assert [event["outcome"] for event in a.events("artifact.upload") if event["target_id"] == run] == ["ok"]


def test_each_download_is_on_record_before_its_bytes(a: Tenant, folder: str) -> None:
    address = f"{FILES}/{folder}/record.txt"
    assert a.call("PUT", address, content=b"x").status_code == 200
    before = len(a.events("artifact.download"))
    for _index in range(2):
        assert a.call("GET", address).status_code == 200
    assert a.call("GET", f"{FILES}/{folder}/missing").status_code == 404
    events = a.events("artifact.download")[before:]
    assert [event["outcome"] for event in events] == ["ok", "ok", "failed"]
    assert events[0]["target_id"] == f"{folder}/record.txt"
    assert events[0]["detail"]["bytes"] == 1
    assert events[0]["via"] == "gateway"
    assert events[0]["actor_kind"] == "token"
    assert events[0]["on_behalf_of"] == "alice"
