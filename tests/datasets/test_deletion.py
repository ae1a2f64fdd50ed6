"""Deleting sealed data: asked with a reason, nobody reads it from then on, bytes and keys gone, a statement left."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from django.conf import settings as django_settings
from django.db import DatabaseError, connections, transaction
from pytest_django.fixtures import Settings

from accounts import audit
from accounts.audit.keys import signing_key
from accounts.crypto.signing import verifies
from accounts.tenancy import scope
from projects.actions.members import change_role
from projects.models import Membership
from projects.operations import Failed
from projects.operations.work import Work
from registry.blobs import BlobReader, read_range
from registry.datasets.access import open_for_job
from registry.datasets.actions.uploads import add_file
from registry.datasets.actions.versions import open_version, seal_version
from registry.datasets.deletion.asking import ask
from registry.datasets.errors import Gone
from registry.models import (
    Blob,
    Dataset,
    DatasetDeletion,
    DatasetFile,
    DatasetVersion,
    FileProfile,
    TrainingJob,
)
from registry.training.run import _check_inputs
from tests.access_matrix.arguments_registry import make_job
from tests.cast import Cast
from tests.datasets.conftest import Tenant, in_thread, make_dataset, put_file, stored_files
from tests.engines.fixtures import CommittedDatabase, become

CSV = b"lot,yield\nA1,0.91\nA2,\n"
WHY = "The customer asked for it."


@pytest.fixture(autouse=True)
def key_of_the_worker(committed_database: CommittedDatabase) -> None:
    """The key that statements are signed with: the web's role may not announce one, a worker has long done so."""
    with become("system"):
        signing_key()


async def delete(
    web: httpx.AsyncClient, tenant: Tenant, address: str, confirm: str, token: dict[str, str] | None = None
) -> httpx.Response:
    body = {"reason": WHY, "confirm": confirm}
    return await web.post(f"{address}/deletion", json=body, headers=token or tenant.owner.headers)


async def test_a_version_leaves_a_tombstone_and_a_signed_statement(
    tenants: tuple[Tenant, Tenant], web: httpx.AsyncClient, settings: Settings
) -> None:
    tenant, other = tenants
    dataset = await make_dataset(web, tenant)
    await put_file(web, tenant, dataset, "w.csv", CSV)
    await in_thread(tenant.run_operations)
    version = f"{dataset}/versions/1"
    before = (await web.get(version, headers=tenant.viewer.headers)).json()
    depends = (await web.get(f"{version}/deletion", headers=tenant.viewer.headers)).json()
    assert (depends["things"], depends["needs_approval"], depends["deletion"]) == ([], False, None)
    for confirm in ("", "wafers", "wafers@2", "WAFERS@1"):
        assert (await delete(web, tenant, version, confirm)).status_code == 400
    empty = {"reason": "  ", "confirm": "wafers@1"}
    assert (
        await web.post(f"{version}/deletion", json=empty, headers=tenant.owner.headers)
    ).status_code == 400
    denied = await delete(web, tenant, version, "wafers@1", tenant.scientist.headers)
    assert (denied.status_code, "dataset.delete" in denied.text) == (403, True)
    assert (await web.delete(version, headers=tenant.owner.headers)).status_code == 409

    begun = await delete(web, tenant, version, "wafers@1")
    assert (begun.status_code, begun.json()["state"]) == (202, "deleting")
    for address in (f"{version}/files/w.csv", f"{version}/files", f"{version}/preview"):
        gone = await web.get(address, headers=tenant.owner.headers)
        assert (gone.status_code, gone.json()["code"]) == (410, "dataset.deleted"), address
        assert "wafers v1 was deleted for good" in gone.json()["detail"]
        assert WHY in gone.json()["detail"]
    assert (await delete(web, tenant, version, "wafers@1")).status_code == 410
    await in_thread(tenant.run_operations)

    assert await in_thread(stored_files, settings.BLOB_ROOT) == []
    after = (await web.get(version, headers=tenant.viewer.headers)).json()
    kept = ("number", "content_hash", "size", "file_count", "sealed_at", "created_by_label")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert after["state"] == "deleted"
    one = (await web.get(f"{version}/deletion", headers=tenant.viewer.headers)).json()["deletion"]
    root = tenant.api.removesuffix("datasets")
    statement = await web.get(f"{root}dataset-deletions/{one['id']}/statement", headers=tenant.viewer.headers)
    proof = statement.json()
    key = await in_thread(signing_key)
    assert verifies(key.public, bytes.fromhex(proof["signature"]), proof["body"].encode())
    assert (proof["key"], proof["sha256"]) == (key.fingerprint, one["sha256"])
    said = json.loads(proof["body"])
    assert said["destroyed"] == {"contents": 1, "bytes": len(CSV), "shared_contents_kept": 0, "profiles": 1}
    assert said["versions"][0]["content_hash"] == before["content_hash"]
    assert (said["reason"], said["asked_by"]) == (WHY, "alice")

    again = await put_file(web, tenant, dataset, "w.csv", CSV)
    assert (again.status_code, again.json()["number"]) == (201, 2)
    seen = await web.get(f"{version}/seen", headers=tenant.owner.headers)
    assert seen.status_code == 200
    for address in (version, f"{version}/deletion"):
        assert (await web.get(address, headers=other.owner.headers)).status_code == 404
    strange = await web.get(
        f"{other.api.removesuffix('datasets')}dataset-deletions/{one['id']}", headers=other.owner.headers
    )
    assert strange.status_code == 404
    done = await in_thread(tenant.events, "dataset.delete_ask", "dataset.delete", "dataset.deleted")
    done = [event for event in done if event.outcome == "ok"]
    assert [event.action for event in done] == ["dataset.delete_ask", "dataset.delete", "dataset.deleted"]
    assert done[1].detail["reason"] == WHY


async def test_content_that_another_version_names_stays(
    tenant: Tenant, web: httpx.AsyncClient, committed_cast: Cast, settings: Settings
) -> None:
    dataset = await make_dataset(web, tenant)
    await put_file(web, tenant, dataset, "w.csv", CSV)

    def share() -> None:
        with committed_cast.inside("sam") as grant:
            blob = Blob.objects.get()
            version = open_version(grant, Dataset.objects.get())
            add_file(version, "same.csv", blob.pk, blob.size, blob.sha256)
            add_file(version, "twice.csv", blob.pk, blob.size, blob.sha256)
            seal_version(grant, version)

    await in_thread(share)
    assert (await delete(web, tenant, f"{dataset}/versions/1", "wafers@1")).status_code == 202
    await in_thread(tenant.run_operations)
    read = await web.get(f"{dataset}/versions/2/files/same.csv", headers=tenant.owner.headers)
    assert (read.status_code, read.content) == (200, CSV)

    def destroyed(number: int) -> dict[str, int]:
        with scope(tenant.account_id):
            found: dict[str, int] = json.loads(DatasetDeletion.objects.get(version__number=number).body)[
                "destroyed"
            ]
            return found

    said = await in_thread(destroyed, 1)
    assert (said["contents"], said["shared_contents_kept"]) == (0, 1)
    assert (await delete(web, tenant, f"{dataset}/versions/2", "wafers@2")).status_code == 202
    await in_thread(tenant.run_operations)
    assert await in_thread(stored_files, settings.BLOB_ROOT) == []
    assert (await in_thread(destroyed, 2))["contents"] == 1


async def test_a_whole_dataset_goes_and_its_name_stays_taken(
    tenant: Tenant, web: httpx.AsyncClient, settings: Settings
) -> None:
    dataset = await make_dataset(web, tenant)
    for content in (CSV, CSV * 2):
        await put_file(web, tenant, dataset, "w.csv", content)
    headers = tenant.scientist.headers
    assert (await web.post(f"{dataset}/versions", json={}, headers=headers)).status_code == 201
    upload = {"path": "late.bin", "size": 10}
    assert (await web.post(f"{dataset}/versions/3/uploads", json=upload, headers=headers)).status_code == 201
    assert (await delete(web, tenant, dataset, "wafers")).status_code == 202
    await in_thread(tenant.run_operations)
    assert await in_thread(stored_files, settings.BLOB_ROOT) == []
    assert (await web.get(tenant.api, headers=headers)).json()["results"] == []
    assert (await web.post(tenant.api, json={"name": "wafers"}, headers=headers)).status_code == 409
    assert (await web.post(f"{dataset}/versions", json={}, headers=headers)).status_code == 410
    assert (await put_file(web, tenant, dataset, "w.csv", CSV)).status_code == 410
    described = (await web.get(dataset, headers=headers)).json()
    assert described["deleted_at"]
    states = (await web.get(f"{dataset}/versions", headers=headers)).json()["results"]
    assert [(one["number"], one["state"]) for one in states] == [(2, "deleted"), (1, "deleted")]


async def test_sensitive_data_needs_a_second_person(
    tenant: Tenant, web: httpx.AsyncClient, committed_cast: Cast
) -> None:
    dataset = await make_dataset(web, tenant)
    await put_file(web, tenant, dataset, "w.csv", CSV)
    level = {"sensitivity": "confidential", "reason": "A customer's."}
    owner = tenant.owner.headers
    assert (await web.post(f"{dataset}/sensitivity", json=level, headers=owner)).status_code in (200, 204)
    version = f"{dataset}/versions/1"
    asked = (await delete(web, tenant, version, "wafers@1")).json()
    assert (asked["state"], asked["operation"]) == ("waiting", None)
    assert (await web.get(version, headers=owner)).json()["state"] == "ready"
    approvals = f"{tenant.api.removesuffix('datasets')}approvals/{asked['request']}"
    own = await web.post(f"{approvals}/approve", json={"note": "mine"}, headers=owner)
    assert (own.status_code, own.json()["code"]) == (403, "approval.second_person")
    _token, text = await in_thread(committed_cast.token, "mia")
    mia = {"Authorization": f"Bearer {text}"}
    facts = {one["fact"]: one["text"] for one in (await web.get(approvals, headers=mia)).json()["evidence"]}
    assert (facts["Versions"], facts["Files"], facts["Sensitivity"]) == ("v1", "1", "Confidential")
    assert (await web.post(f"{approvals}/approve", json={}, headers=mia)).status_code == 200
    await in_thread(tenant.run_operations)
    deletion = (await web.get(f"{version}/deletion", headers=owner)).json()["deletion"]
    assert (deletion["state"], deletion["decided_by_label"]) == ("deleted", "mia")


async def test_what_was_sealed_since_somebody_asked_is_not_deleted_along(
    tenant: Tenant, web: httpx.AsyncClient, committed_cast: Cast
) -> None:
    """The decider was shown version 1: version 2, which came later, must not go by their word."""
    dataset = await make_dataset(web, tenant)
    await put_file(web, tenant, dataset, "w.csv", CSV)
    level = {"sensitivity": "confidential", "reason": "A customer's."}
    owner = tenant.owner.headers
    await web.post(f"{dataset}/sensitivity", json=level, headers=owner)
    asked = (await delete(web, tenant, dataset, "wafers")).json()
    assert (await put_file(web, tenant, dataset, "w.csv", CSV * 2)).status_code == 201
    approvals = f"{tenant.api.removesuffix('datasets')}approvals/{asked['request']}"
    _token, text = await in_thread(committed_cast.token, "mia")
    mia = {"Authorization": f"Bearer {text}"}
    refused = await web.post(f"{approvals}/approve", json={}, headers=mia)
    assert (refused.status_code, refused.json()["code"]) == (409, "dataset.deletion_changed")
    assert "v1 then, v1, v2 now" in refused.json()["detail"]
    versions = (await web.get(f"{dataset}/versions", headers=owner)).json()["results"]
    assert [one["state"] for one in versions] == ["ready", "ready"]
    assert (await web.post(f"{approvals}/reject", json={}, headers=mia)).status_code == 200
    again = (await delete(web, tenant, dataset, "wafers")).json()
    approvals = approvals.replace(asked["request"], again["request"])
    assert (await web.post(f"{approvals}/approve", json={}, headers=mia)).status_code == 200


def _make_viewer(cast: Cast, name: str) -> None:
    with cast.inside() as grant:
        change_role(grant, Membership.objects.get(user=cast.people[name]), "viewer")


async def test_who_may_delete_no_more_has_nothing_deleted_by_an_old_request(
    tenant: Tenant, web: httpx.AsyncClient, committed_cast: Cast
) -> None:
    dataset = await make_dataset(web, tenant)
    await put_file(web, tenant, dataset, "w.csv", CSV)
    level = {"sensitivity": "confidential", "reason": "A customer's."}
    await web.post(f"{dataset}/sensitivity", json=level, headers=tenant.owner.headers)
    _token, text = await in_thread(committed_cast.token, "mia")
    mia = {"Authorization": f"Bearer {text}"}
    asked = (await delete(web, tenant, f"{dataset}/versions/1", "wafers@1", mia)).json()
    await in_thread(_make_viewer, committed_cast, "mia")
    approvals = f"{tenant.api.removesuffix('datasets')}approvals/{asked['request']}"
    refused = await web.post(f"{approvals}/approve", json={}, headers=tenant.owner.headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "approval.asker"), refused.text
    assert "dataset.delete" in refused.json()["detail"]
    version = (await web.get(f"{dataset}/versions/1", headers=tenant.owner.headers)).json()
    assert version["state"] == "ready"


async def test_who_reads_meanwhile_gets_the_whole_file_or_a_sentence(
    tenant: Tenant, web: httpx.AsyncClient, committed_cast: Cast
) -> None:
    content = bytes(index * 7 % 251 for index in range(3_000_000))
    dataset = await make_dataset(web, tenant)

    def two_files() -> tuple[UUID, bytes]:
        with committed_cast.inside("sam") as grant:
            version = DatasetVersion.objects.get()
            files = list(DatasetFile.objects.filter(version=version).select_related("blob").order_by("path"))
            user_id = grant.user_id
            job = open_for_job(version.pk, user_id=user_id, on_behalf_of="sam", job="#1")
        with scope(tenant.account_id):
            download = read_range(files[0].blob)
        return version.pk, next(download), download, job  # type: ignore[return-value]

    headers = tenant.scientist.headers
    await web.post(f"{dataset}/versions", json={}, headers=headers)
    for path in ("a.bin", "b.bin"):
        body = {"path": path, "size": len(content)}
        url = (await web.post(f"{dataset}/versions/1/uploads", json=body, headers=headers)).json()["url"]
        await web.put(url, content=content, headers={**headers, "Upload-Offset": "0"})
        assert (await web.post(f"{url}/finish", headers=headers)).status_code == 201
    assert (await web.post(f"{dataset}/versions/1/seal", json={}, headers=headers)).status_code == 200
    found: Any = await in_thread(two_files)
    version_id, first, download, job = found
    path, pieces = await in_thread(next, job)
    assert (await delete(web, tenant, f"{dataset}/versions/1", "wafers@1")).status_code == 202
    await in_thread(tenant.run_operations)
    # What was open is read to its end, from the file that nobody finds any more.
    assert first + b"".join(download) == content
    assert (path, b"".join(pieces)) == ("a.bin", content)
    with pytest.raises(Gone, match="wafers v1 was deleted for good"):
        await in_thread(next, job)

    def open_again() -> None:
        with committed_cast.inside("sam") as grant:
            open_for_job(version_id, user_id=grant.user_id, on_behalf_of="sam", job="#2")

    with pytest.raises(Gone):
        await in_thread(open_again)


async def test_a_deletion_that_is_quicker_than_the_opening_of_a_file(
    tenant: Tenant, web: httpx.AsyncClient, committed_cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = await make_dataset(web, tenant)
    await put_file(web, tenant, dataset, "w.csv", CSV)
    await in_thread(tenant.run_operations)
    opened = BlobReader.open.__func__  # type: ignore[attr-defined]

    def deleted() -> None:
        try:
            with committed_cast.inside("alice") as grant:
                version = DatasetVersion.objects.select_related("dataset").get()
                ask(grant, version.dataset, version, WHY)
            tenant.run_operations()
        finally:
            connections.close_all()

    def after_the_worker(cls: type[BlobReader], blob: Blob, **options: Any) -> BlobReader:
        worker = threading.Thread(target=deleted)
        worker.start()
        worker.join()
        found: BlobReader = opened(cls, blob, **options)
        return found

    monkeypatch.setattr(BlobReader, "open", classmethod(after_the_worker))
    gone = await web.get(f"{dataset}/versions/1/files/w.csv", headers=tenant.owner.headers)
    assert (gone.status_code, gone.json()["code"]) == (410, "dataset.deleted")
    read = await in_thread(tenant.events, "dataset.download")
    assert [event.outcome for event in read if event.outcome == "ok"] == []


async def test_a_job_that_was_to_read_it_fails_with_a_sentence(
    tenant: Tenant, web: httpx.AsyncClient, committed_cast: Cast
) -> None:
    dataset = await make_dataset(web, tenant)
    await put_file(web, tenant, dataset, "w.csv", CSV)
    await in_thread(make_job, committed_cast, committed_cast.acme, "queued")
    assert (await delete(web, tenant, f"{dataset}/versions/1", "wafers@1")).status_code == 202

    def start() -> None:
        with scope(tenant.account_id):
            version = DatasetVersion.objects.get()
            job = TrainingJob.objects.select_related("operation").get()
            job.inputs = {"data": {"dataset": "wafers", "version": 1, "id": str(version.pk)}}
            _check_inputs(Work(job.operation), job)

    with pytest.raises(Failed, match=f"wafers v1 was deleted for good.*{WHY}"):
        await in_thread(start)


def test_the_database_lets_a_sealed_version_go_one_way_only(
    cast: Cast, settings: Settings, tmp_path: Path
) -> None:
    settings.BLOB_ROOT = tmp_path / "blobs"
    with cast.inside("sam") as grant:
        from registry.datasets.actions.datasets import create_dataset

        version = open_version(grant, create_dataset(grant, "wafers"))
        rows = DatasetVersion.objects.filter(pk=version.pk)
        add_file(version, "w.csv", _blob(grant.account_id), 3, "0" * 64)
        seal_version(grant, version)

        def refused(**values: Any) -> bool:
            try:
                with transaction.atomic():
                    rows.update(**values)
            except DatabaseError:
                return True
            return False

        assert refused(state="deleted")
        assert refused(state="open", content_hash="", sealed_at=None)
        assert refused(state="deleting", size=0)
        assert not refused(state="deleting")
        assert refused(state="ready")
        assert not refused(state="deleted")
        assert refused(note="other")


def _blob(account_id: UUID) -> UUID:
    from registry.blobs import BlobWriter

    with BlobWriter.open(account_id) as writer:
        writer.append(b"abc")
        return writer.finish().pk


@pytest.mark.parametrize("moment", ["counted", "bytes", "batch", "proof"])
async def test_a_worker_killed_at_any_step_is_gone_on_from(
    tenant: Tenant,
    web: httpx.AsyncClient,
    committed_database: CommittedDatabase,
    settings: Settings,
    moment: str,
) -> None:
    headers = tenant.scientist.headers
    dataset = await make_dataset(web, tenant)
    await web.post(f"{dataset}/versions", json={}, headers=headers)
    for index in range(5):
        body = {"path": f"{index}.csv", "size": len(CSV)}
        url = (await web.post(f"{dataset}/versions/1/uploads", json=body, headers=headers)).json()["url"]
        await web.put(url, content=CSV, headers={**headers, "Upload-Offset": "0"})
        await web.post(f"{url}/finish", headers=headers)
    await web.post(f"{dataset}/versions/1/seal", json={}, headers=headers)
    await in_thread(tenant.run_operations)
    begun = (await delete(web, tenant, f"{dataset}/versions/1", "wafers@1")).json()

    def work(*moments: str) -> int:
        environment = {
            **{
                key: value
                for key, value in os.environ.items()
                if not key.startswith(("PORTAL_", "DATABASE_"))
            },
            **committed_database.environment(),
            "PORTAL_HOME": str(django_settings.HOME),
            "PORTAL_DATABASE_ROLE": "system",
        }
        blobs = str(settings.BLOB_ROOT)
        command = [
            sys.executable,
            "-m",
            "tests.datasets.deleting",
            str(tenant.account_id),
            begun["operation"],
        ]
        return subprocess.run([*command, blobs, *moments], env=environment, check=False).returncode

    assert await in_thread(work, moment) == -signal.SIGKILL
    left = {"counted": 5, "bytes": 3, "batch": 3, "proof": 0}
    assert len(await in_thread(stored_files, settings.BLOB_ROOT)) == left[moment]
    gone = await web.get(f"{dataset}/versions/1/files/0.csv", headers=tenant.owner.headers)
    assert gone.status_code == 410
    assert await in_thread(work) == 0

    def what_is_left() -> tuple[int, int, int, str, dict[str, int]]:
        with audit.acting_as(audit.SYSTEM, via="command"), scope(tenant.account_id):
            deletion = DatasetDeletion.objects.get()
            return (
                Blob.objects.count(),
                DatasetFile.objects.count(),
                FileProfile.objects.count(),
                DatasetVersion.objects.get().state,
                json.loads(deletion.body)["destroyed"],
            )

    assert await in_thread(what_is_left) == (
        0,
        0,
        0,
        "deleted",
        {"contents": 5, "bytes": 5 * len(CSV), "shared_contents_kept": 0, "profiles": 5},
    )
    assert await in_thread(stored_files, settings.BLOB_ROOT) == []
