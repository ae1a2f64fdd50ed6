"""What auditors and a project's people see of sealing, on pages and over the API."""

import json
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator

from accounts.audit import whole
from accounts.audit.verify_export import check_export
from accounts.models import AuditEvent, AuditVerification
from accounts.tenancy import platform_scope, scope
from projects.models import Operation
from projects.operations import work
from tests.audit.conftest import SealedLogs, seal
from tests.engines.fixtures import become


def test_the_project_sees_its_seal(logs: SealedLogs) -> None:
    client = logs.cast.client("stella")
    page = client.get(f"/projects/{logs.cast.acme.slug}/audit/").content.decode()
    for text in ("Seal", "Verify now", "Download receipt", "Export as CSV"):
        assert text in page
    assert str(logs.globex) not in page
    status = client.get(f"{logs.cast.url}/audit-log").json()
    assert (status["sequence"], status["state"]) == (3, "sealed")
    assert status["size"] >= 21
    assert status["verification"] is None


def test_a_receipt_is_a_file_and_on_record(logs: SealedLogs) -> None:
    response = logs.cast.client("stella").get(f"{logs.cast.url}/audit-log/receipt")
    assert "attachment" in response["Content-Disposition"]
    receipt = response.json()
    assert (receipt["log"], receipt["sequence"]) == (str(logs.acme), 3)
    assert str(logs.globex) not in response.content.decode(), "a tenant's receipt names no other"
    with scope(logs.acme):
        assert AuditEvent.objects.get(action="audit.receipt").detail["sequence"] == 3
    from accounts.audit.receipts import read_receipt

    assert logs.findings(read_receipt(receipt)) == []


def test_nothing_to_receive_before_the_first_seal(committed_cast: Any) -> None:
    response = committed_cast.client("stella").get(f"{committed_cast.url}/audit-log/receipt")
    assert (response.status_code, response.json()["code"]) == (404, "audit.nothing_sealed")


@pytest.mark.parametrize("tampered", [False, True])
def test_verify_now_is_an_operation(logs: SealedLogs, tampered: bool) -> None:
    client = logs.cast.client("stella")
    if tampered:
        with logs.tampering() as session:
            session.execute("UPDATE accounts_auditevent SET ip = 'x' WHERE account_id = %s", [logs.acme])
    answer = client.post(f"{logs.cast.url}/audit-log/verify", content_type="application/json")
    assert answer.status_code == 202
    pk = answer.json()["id"]
    with become("system"):
        work.run(logs.acme, pk)
    with scope(logs.acme):
        operation = Operation.objects.get(pk=pk)
        row = AuditVerification.objects.get(log_id=logs.acme)
    assert (operation.state, operation.error) == ("succeeded", "")
    assert operation.result["well"] is not tampered
    assert row.well is not tampered
    assert row.requested_by == "stella"
    page = client.get(f"/projects/{logs.cast.acme.slug}/audit/").content.decode()
    assert ("not as it was sealed" in page) is tampered
    assert (client.get(f"{logs.cast.url}/audit-log").json()["state"] == "wrong") is tampered
    with scope(logs.globex):
        assert not AuditVerification.objects.exists(), "what one tenant's verification found is nobody else's"


def test_the_page_asks_too(logs: SealedLogs) -> None:
    response = logs.cast.client("stella").post(f"/projects/{logs.cast.acme.slug}/audit/verify/")
    assert response.status_code == 302
    assert "/activity/" in response["Location"]
    assert logs.cast.client("bob").post(f"/projects/{logs.cast.acme.slug}/audit/verify/").status_code == 403


async def exported(logs: SealedLogs, query: str = "") -> tuple[int, bytes]:
    """Read the export through the plain ASGI application, as charlie's or stella's browser would."""
    from portal.asgi import application

    client = await sync_to_async(logs.cast.client)("stella")
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    path = f"{logs.cast.url}/audit-log/export"
    communicator = ApplicationCommunicator(
        application,
        {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(b"host", b"localhost"), (b"cookie", cookie.encode())],
            "client": ("127.0.0.1", 1),
        },
    )
    await communicator.send_input({"type": "http.request", "body": b"", "more_body": False})
    status, body = 0, b""
    while True:
        message = await communicator.receive_output(timeout=30)
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            body += message.get("body", b"")
            if not message.get("more_body"):
                await communicator.wait()
                return status, body


async def test_the_export_streams_and_is_on_record(logs: SealedLogs, tmp_path: Path) -> None:
    from accounts.audit import keys

    status, body = await exported(logs)
    assert status == 200
    path = tmp_path / "export.jsonl"
    path.write_bytes(body)

    def key() -> str:
        with become("system"):
            return keys.signing_key().fingerprint

    fingerprint = await sync_to_async(key)()
    found, what = check_export(str(path), [fingerprint], None)
    assert found == [], what
    assert json.loads(body.splitlines()[-1])["type"] == "end"
    status, body = await exported(logs, "format=csv")
    assert (status, body[:8]) == (200, b"\xef\xbb\xbfindex")

    def recorded() -> list[dict[str, Any]]:
        with scope(logs.acme):
            rows = AuditEvent.objects.filter(action="audit.export").order_by("at")
            return list(rows.values_list("detail", flat=True))

    assert await sync_to_async(recorded)() == [{"format": "jsonl"}, {"format": "csv"}]
    assert (await exported(logs, "format=pdf"))[0] == 400


def test_the_auditor_sees_the_chain_and_asks(logs: SealedLogs) -> None:
    client = logs.cast.client("audrey")
    page = client.get("/audit-room/verification/").content.decode()
    for text in ("Acme", "Globex", "The platform itself", "Chain of global checkpoints", "Verify now"):
        assert text in page
    assert client.get("/api/v1/platform/audit-log").json()["sequence"] == 3
    receipt = client.get("/api/v1/platform/audit-log/receipt").json()
    assert receipt["kind"] == "global"
    asked = client.post("/api/v1/platform/audit-log/verify", content_type="application/json")
    assert asked.status_code == 202
    assert client.post("/audit-room/verification/").status_code == 302
    with become("system"):
        assert whole.run_waiting() == 1, "one that is under way is the answer to the second"
    with platform_scope("auditor"):
        assert AuditVerification.objects.get(log_id__isnull=True).well
    assert "Intact" in client.get("/audit-room/verification/").content.decode()
    assert logs.cast.client("root").get("/audit-room/verification/").status_code == 404


def test_a_day_without_anybody_asking(logs: SealedLogs) -> None:
    with become("system"):
        whole.ask_daily()
        whole.ask_daily()
        assert whole.run_waiting() == 1
        whole.ask_daily()
        assert whole.run_waiting() == 0


def test_a_verification_whose_worker_was_lost_is_run_again(logs: SealedLogs) -> None:
    with become("system"):
        asked = whole.ask("audrey")
        assert whole._claim() == asked.pk
        assert whole.run_waiting() == 0, "it runs"
    with logs.engines.postgres.connect(logs.database.name) as session:
        session.execute(
            "UPDATE portal.accounts_auditverification SET heartbeat_at = now() - interval '5 minutes'"
        )
    with become("system"):
        assert whole.run_waiting() == 1
    seal()
