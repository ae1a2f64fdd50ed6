"""Registering, suspending, reopening and closing accounts; one project per account, whatever races."""

import hashlib
import json
import threading
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test import Client

from accounts import audit
from accounts.actions.credentials import create_credential
from accounts.crypto import Place, SealError, unseal
from accounts.crypto.signing import verifies
from accounts.errors import Conflict, Invalid, NotFound, Unavailable
from accounts.ids import uuid7
from accounts.models import Account, AuditEvent, Credential, Disposal, TrustLink
from accounts.models.audit_seal import AuditKey
from accounts.recent import CONFIRMED_AT
from accounts.tenancy import platform_scope, scope
from clusters.actions import Owner, start_workload
from clusters.models import Workload
from clusters.plans import Plan
from projects import lifecycle as hooks
from projects.actions import lifecycle, links
from projects.actions.accounts import make_slug, open_account
from projects.credential_tests import submit_test
from projects.lifecycle import still_busy
from projects.models import Operation, Project
from projects.operations import work
from registry.blobs.configured import blob_store
from registry.blobs.writer import BlobWriter
from registry.datasets.actions.datasets import create_dataset
from registry.endpoints.actions import create_endpoint
from registry.models import Blob, Dataset, Endpoint, Revision
from tests.accounts_credentials.material import secrets
from tests.accounts_links.test_links import active
from tests.cast import Cast, events
from tests.engines.fixtures import become
from tests.identity.test_api import patch, post

WHY = "the contract has ended"


def admin(cast: Cast, age: float = 0) -> Client:
    client = cast.client("root")
    session = client.session
    session[CONFIRMED_AT] = time.time() - age
    session.save()
    return client


def url(project: Project, do: str = "") -> str:
    return f"/api/v1/platform/accounts/{project.pk}" + (f"/{do}" if do else "")


# Registering.


@pytest.mark.parametrize("start", ["own", "borrowed", "none"])
def test_registering_offers_three_choices_that_can_be_changed_later(cast: Cast, start: str) -> None:
    body = {"name": "Fab 9", "kind": "general", "owner": "alice", "start": start}
    made = post(admin(cast), "/api/v1/platform/accounts", body)
    assert made.status_code == 201, made.content
    account = made.json()["account"]
    assert account["start"] == start
    own = f"/api/v1/projects/{account['project']}/account"
    assert cast.client("alice").get(own).json()["start"] == start
    assert patch(cast.client("alice"), own, {"start": "borrowed"}).json()["start"] == "borrowed"
    assert patch(cast.client("alice"), own, {"start": "stolen"}).status_code == 400
    page = f"/projects/{account['project']}/settings/account/"
    assert cast.client("alice").post(page, {"start": "own"}).status_code == 302
    assert cast.client("alice").get(own).json()["start"] == "own"


def test_registering_with_a_code_asks_for_the_link_at_once(cast: Cast) -> None:
    with cast.inside("charlie", cast.globex) as grant:
        _link, code = links.invite(grant, {"note": "two GPUs"})
    form = {"name": "Fab 9", "kind": "general", "owner": "alice", "start": "borrowed", "code": code}
    assert admin(cast).post("/platform/accounts/", {**form, "code": "mll_x"}).status_code == 400
    assert admin(cast).post("/platform/accounts/", form).status_code == 200
    with scope(cast.globex.pk):
        link = TrustLink.objects.get()
        assert (link.state, link.borrower_label) == ("requested", "Fab 9")
    with platform_scope("admin"):
        assert Project.objects.filter(name="Fab 9").count() == 1, "the refused one left nothing"


def test_the_command_registers_with_a_choice(cast: Cast) -> None:
    out = StringIO()
    call_command("createaccount", "Fab 9", kind="general", owner="alice", start="own", stdout=out)
    made = json.loads(out.getvalue())
    with scope(made["id"]):
        assert Account.objects.get(pk=made["id"]).start == "own"


# Suspending.


def test_a_suspended_accounts_sessions_and_tokens_stop_at_once_and_come_back(cast: Cast) -> None:
    token = cast.bearer("alice")
    assert Client().get(cast.url, **token).status_code == 200
    stale = admin(cast, age=3600)
    assert post(stale, url(cast.acme, "suspend"), {"reason": WHY}).json()["code"] == "sign_in.stale"
    assert post(admin(cast), url(cast.acme, "suspend"), {"reason": " "}).status_code == 400
    assert post(admin(cast), url(cast.acme, "suspend"), {"reason": WHY}).json()["state"] == "suspended"
    for answer in (Client().get(cast.url, **token), cast.client("alice").get(cast.url)):
        assert (answer.status_code, answer.json()["code"]) == (403, "account.suspended")
    assert post(admin(cast), url(cast.acme, "suspend"), {"reason": WHY}).status_code == 409
    assert post(admin(cast), url(cast.acme, "reopen"), {"reason": WHY}).json()["state"] == "active"
    assert Client().get(cast.url, **token).status_code == 200
    with scope(cast.acme.pk):
        event = AuditEvent.objects.get(action="account.suspend", outcome="ok")
    assert (event.actor_label, event.detail) == ("root", {"reason": WHY})


def test_only_a_platform_admin_may_and_to_others_nothing_is_there(cast: Cast) -> None:
    for who in ("alice", "audrey", "charlie"):
        for do in ("suspend", "reopen", "close"):
            assert (
                post(cast.client(who), url(cast.acme, do), {"reason": WHY, "confirm": "x"}).status_code == 404
            )
        assert cast.client(who).get(f"/platform/accounts/{cast.acme.pk}/").status_code == 404


def test_an_account_that_is_not_there_is_not_found(cast: Cast) -> None:
    nothing = f"/api/v1/platform/accounts/{cast.alice.pk}"
    assert admin(cast).get(nothing).status_code == 404
    assert post(admin(cast), f"{nothing}/suspend", {"reason": WHY}).status_code == 404
    with audit.acting_as(audit.SYSTEM, via="command"), pytest.raises(NotFound):
        lifecycle.suspend(cast.alice.pk, WHY)


def test_what_runs_is_asked_to_end_and_endpoints_start_again(cast: Cast) -> None:
    with cast.inside("alice") as grant, become("system"):
        endpoint = create_endpoint(grant, "die-model")
        revision = Revision(
            endpoint=endpoint, number=1, model_name="m", model_version=1, run_id="r", user_id=grant.user_id,
            created_by_label="alice",
        )  # fmt: skip
        revision.save(force_insert=True)
        Endpoint.objects.filter(pk=endpoint.pk).update(active=revision)
        owners = [
            ("service", Owner("revision", revision.pk, "die-model")),
            ("job", Owner("job", uuid7(), "job")),
        ]
        for kind, owner in owners:
            start_workload(kind=kind, owner=owner, plan=Plan(argv=("true",)))
    with audit.acting_as(audit.SYSTEM, via="command"):
        lifecycle.suspend(cast.acme.pk, WHY)
        with scope(cast.acme.pk):
            assert set(Workload.objects.values_list("desired", flat=True)) == {"stopped"}
            assert still_busy()
        lifecycle.reopen(cast.acme.pk, WHY)
    with scope(cast.acme.pk):
        assert dict(Workload.objects.values_list("kind", "desired")) == {
            "service": "running",
            "job": "stopped",
        }


def test_work_under_way_is_no_longer_permitted(committed_cast: Cast) -> None:
    cast = committed_cast
    with cast.inside("alice") as grant:
        credential = create_credential("git", "git", secrets()["git"], by="alice")
        asked = submit_test(grant, credential)
    with audit.acting_as(audit.SYSTEM, via="command"):
        lifecycle.suspend(cast.acme.pk, WHY)
    with become("system"):
        work.run(cast.acme.pk, asked.pk)
    with scope(cast.acme.pk):
        assert Operation.objects.get(pk=asked.pk).state == "failed"


# Closing.


def closing(cast: Cast) -> Any:
    assert post(admin(cast), url(cast.acme, "suspend"), {"reason": WHY}).status_code == 200
    return post(admin(cast), url(cast.acme, "close"), {"reason": WHY, "confirm": cast.acme.slug})


def run_to_end(cast: Cast, operation_id: Any) -> Operation:
    with become("system"):
        for _step in range(30):
            work.run(cast.acme.pk, operation_id)
            with scope(cast.acme.pk):
                operation: Operation = Operation.objects.get(pk=operation_id)
                if operation.finished:
                    return operation
                Operation.objects.filter(pk=operation_id, state="queued").update(
                    run_after=operation.created_at
                )
    raise AssertionError(f"{operation.stage}: {operation.error}")


def test_closing_asks_for_a_suspended_account_and_its_name(cast: Cast) -> None:
    body = {"reason": WHY, "confirm": cast.acme.slug}
    assert post(admin(cast), url(cast.acme, "close"), body).json()["code"] == "account.state"
    assert post(admin(cast), url(cast.acme, "suspend"), {"reason": WHY}).status_code == 200
    assert post(admin(cast), url(cast.acme, "close"), {**body, "confirm": "Acme"}).status_code == 400
    assert post(admin(cast, age=3600), url(cast.acme, "close"), body).json()["code"] == "sign_in.stale"
    assert post(admin(cast), url(cast.acme, "close"), body).status_code == 202
    assert post(admin(cast), url(cast.acme, "reopen"), {"reason": WHY}).status_code == 409


def test_a_lender_with_active_links_is_not_closed(cast: Cast) -> None:
    active(cast)
    with audit.acting_as(audit.SYSTEM, via="command"):
        lifecycle.suspend(cast.globex.pk, WHY)
        with pytest.raises(Conflict) as refused:
            lifecycle.close(
                cast.globex.pk, confirm=cast.globex.slug, reason=WHY, actor=audit.SYSTEM, user_id=cast.root.pk,
                via="command",
            )  # fmt: skip
    assert refused.value.code == "account.lends"


def test_closing_destroys_everything_and_proves_it(
    committed_cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow is not running here: its part is taken out, and shown by itself against the real server."""
    cast = committed_cast
    monkeypatch.delitem(hooks._disposals, "mlflow")
    link = active(cast)
    with cast.inside("alice") as grant:
        create_credential("git", "git", secrets()["git"], by="alice")
        create_dataset(grant, "wafers")
        with BlobWriter.open(grant.account_id) as writer:
            writer.append(b"canary-bytes")
            blob = writer.finish()
        sealed = bytes(Credential.objects.get().secret._held.sealed)
    with scope(cast.globex.pk):
        before = list(events(cast.globex.pk))
    asked = closing(cast)
    assert asked.status_code == 202, asked.content
    ended = run_to_end(cast, asked.json()["operation"])
    assert ended.state == "succeeded", ended.error
    shown = admin(cast).get(url(cast.acme)).json()
    assert shown["state"] == "closed"
    proof = admin(cast).get(url(cast.acme, "disposal")).json()
    assert hashlib.sha256(proof["body"].encode()).hexdigest() == proof["sha256"] == ended.result["proof"]
    with become("system"):
        public = AuditKey.objects.get(fingerprint=proof["key"])
    raw = bytes(public.public)
    assert verifies(raw, bytes.fromhex(proof["signature"]), proof["body"].encode())
    assert not verifies(raw, bytes.fromhex(proof["signature"]), proof["body"].encode() + b" ")
    body = json.loads(proof["body"])
    assert body["destroyed"]["files"] == {"blobs": 1, "bytes": len(b"canary-bytes")}
    assert body["destroyed"]["keys"]["versions"] == [1]
    assert body["destroyed"]["links"] == {"ended": 1}
    rows = body["destroyed"]["rows"]
    assert (rows["accounts.Credential"], rows["registry.Dataset"], rows["projects.Membership"]) == (1, 1, 6)
    assert body["kept"]["audit_events"] > 0
    assert "Backups" in body["backups"]
    with pytest.raises(Unavailable, match="missing"):
        blob_store().open(blob.pk)
    with scope(cast.acme.pk):
        assert not any(model.objects.exists() for model in (Credential, Dataset, Blob))
        assert TrustLink.objects.get(pk=link.pk).state == "revoked"
        with pytest.raises(SealError):
            unseal(sealed, Place(cast.acme.pk, "accounts.Credential", cast.acme.pk, "secret", 1))
    assert ("account.closed", "ok", "root") in events(cast.acme.pk)
    assert events(cast.globex.pk)[len(before) :] == [("link.revoke", "ok", "Acme")]
    assert cast.client("alice").get(cast.url).status_code == 404
    assert b"Proof of disposal" in admin(cast).get(f"/platform/accounts/{cast.acme.pk}/").content
    with pytest.raises(ProgrammingError), scope(cast.acme.pk):
        Disposal.objects.update(body="another")


# One project per account.


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE projects_project SET account_id = %s WHERE account_id = %s",
        "DELETE FROM projects_project WHERE account_id IN (%s, %s)",
    ],
)
def test_a_project_never_changes_or_leaves_its_account(cast: Cast, statement: str) -> None:
    def attempt() -> None:
        with transaction.atomic(), scope(cast.acme.pk), connection.cursor() as cursor:
            cursor.execute(statement, [cast.globex.pk, cast.acme.pk])
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(IntegrityError):
        attempt()


def test_renaming_changes_a_name_and_nothing_else(cast: Cast) -> None:
    slug = cast.acme.slug
    assert patch(cast.client("alice"), cast.url, {"name": "Globex"}).status_code == 200
    shown = cast.client("alice").get(cast.url).json()
    assert (shown["slug"], shown["name"]) == (slug, "Globex")
    with scope(cast.acme.pk):
        assert Project.objects.get().pk == cast.acme.pk


def test_two_projects_for_one_account_at_the_same_moment(committed_cast: Cast) -> None:
    """Whoever comes second is refused, and an account without a project does not commit."""
    cast = committed_cast
    made: list[str] = []
    barrier = threading.Barrier(4, timeout=20)

    def another(index: int) -> None:
        try:
            barrier.wait()
            with scope(cast.acme.pk):
                Project(account_id=cast.acme.pk, slug=make_slug(f"x{index}"), name="x").save(
                    force_insert=True
                )
            made.append("project")
        except IntegrityError:
            made.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=another, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert made == ["refused"] * 4
    lonely = Account(name="lonely", kind="general")
    with pytest.raises(IntegrityError), scope(lonely.pk):
        lonely.save(force_insert=True)


def test_many_accounts_opened_at_once_have_a_project_each(committed_cast: Cast) -> None:
    cast = committed_cast
    results: list[Any] = []

    def open_one() -> None:
        try:
            with audit.acting_as(audit.SYSTEM, via="command"):
                results.append(open_account("Same name", "general", cast.alice))
        finally:
            connection.close()

    threads = [threading.Thread(target=open_one) for _index in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({project.slug for _account, project in results}) == 5
    assert all(account.pk == project.pk for account, project in results)


def test_a_reason_is_asked_for(cast: Cast) -> None:
    with audit.acting_as(audit.SYSTEM, via="command"), pytest.raises(Invalid):
        lifecycle.suspend(cast.acme.pk, " ")
