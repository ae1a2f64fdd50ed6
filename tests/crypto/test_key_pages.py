"""One account's key: rotated by its owner or an admin, destroyed by two admins."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts.crypto import Place, SealError, seal, unseal
from accounts.models import Account, AccountKey, AuditEvent, KeyDestruction, User
from accounts.recent import CONFIRMED_AT
from accounts.rotation import advance, count_values
from accounts.tenancy import scope
from projects.models import NoticeRecipient, Operation
from projects.operations.work import run
from tests.cast import Cast
from tests.engines.fixtures import become

REASON = "the account is over"


def place_of(account_id: Any) -> Place:
    return Place(account_id, "accounts.Credential", account_id, "secret")


def key_page(cast: Cast) -> str:
    return f"/platform/keys/accounts/{cast.acme.pk}/"


@pytest.fixture
def second(cast: Cast) -> Client:
    """Another admin, present at a browser."""
    User.objects.filter(pk=cast.alice.pk).update(platform_role="admin")
    return cast.client("alice")


def suspended(cast: Cast) -> None:
    with scope(cast.acme.pk):
        Account.objects.filter(pk=cast.acme.pk).update(state="suspended")


def work(cast: Cast, kind: str) -> Operation:
    """Let a worker do what is asked for, to its end."""
    with become("system"):
        with scope(cast.acme.pk):
            operation = Operation.objects.filter(kind=kind).latest("created_at")
        for _step in range(10):
            run(cast.acme.pk, operation.pk)
            with scope(cast.acme.pk):
                operation.refresh_from_db()
            if operation.finished:
                return operation
    raise AssertionError(f"{kind} goes on: {operation.stage}")


def test_an_owner_rotates_their_own_key_and_sees_how_it_goes(cast: Cast) -> None:
    client, url = cast.client("alice"), f"/projects/{cast.acme.slug}/settings/account/key/"
    place = place_of(cast.acme.pk)
    with scope(cast.acme.pk):
        sealed = seal(b"s3cr3t", place)
    shown = client.get(url).content.decode()
    assert "Rotate this key" in shown
    assert client.post(url, {"reason": ""}).status_code == 400
    assert client.post(url, {"reason": "yearly"}).status_code == 302
    assert "every 2s" in client.get(url).content.decode()
    twice = client.post(url, {"reason": "again"})
    assert (twice.status_code, "under way" in twice.content.decode()) == (400, True)
    operation = work(cast, "key.rotate")
    assert (operation.state, operation.error, operation.result["version"]) == ("succeeded", "", 2)
    answer = client.get(f"{cast.url}/protection-key").json()
    assert answer["version"] == 2
    assert [(row["version"], row["state"]) for row in answer["versions"]] == [(2, "active"), (1, "retired")]
    with scope(cast.acme.pk):
        assert unseal(sealed, place) == b"s3cr3t", "what the old version sealed still opens"
        event = AuditEvent.objects.get(action="key.rotate", outcome="ok")
        assert (event.actor_label, event.detail["reason"]) == ("alice", "yearly")
    log = client.get(f"{cast.url}/operations/{operation.pk}/log")
    assert "Version 2 seals from now on." in b"".join(log).decode() if log.streaming else log.content.decode()


def test_it_takes_the_permission_and_a_key(cast: Cast) -> None:
    body = json.dumps({"reason": "yearly"})
    url = f"{cast.url}/protection-key/rotate"
    refused = cast.client("mia").post(url, body, content_type="application/json")
    assert (refused.status_code, refused.json()["permission"]) == (403, "key.rotate")
    asked = cast.client("alice").post(url, body, content_type="application/json")
    assert asked.status_code == 202, asked.content
    with scope(cast.acme.pk):
        Operation.objects.all().update(state="cancelled")
    suspended(cast)
    with become("system"), scope(cast.acme.pk):
        AccountKey.objects.update(state="destroyed", wrapped=b"")
        Account.objects.update(state="active")
    gone = cast.client("alice").post(url, body, content_type="application/json")
    assert (gone.status_code, gone.json()["code"]) == (404, "key.shredded")


def test_an_admin_rotates_one_accounts_key_and_reads_the_log(cast: Cast) -> None:
    client = cast.client("root")
    assert client.post(key_page(cast), {"do": "rotate", "reason": "a leak"}).status_code == 302
    with become("system"):
        rotation = advance()
        assert rotation is not None
        assert rotation.state == "succeeded"
        count_values(cast.globex.pk)
    with scope(cast.globex.pk):
        assert AccountKey.objects.get().version == 1, "the other account's is as it was"
    shown = client.get(key_page(cast)).content.decode()
    assert "Acme: version 2 seals from now on" in shown
    told = client.get("/api/v1/platform/keys/rotations").json()["results"][0]
    assert told["log"][0].endswith("Acme: version 2 seals from now on")


def test_keys_are_destroyed_by_two_admins_who_type_the_name(cast: Cast, second: Client) -> None:
    first, page = cast.client("root"), key_page(cast)
    asked = {"do": "shred", "reason": REASON, "confirm": cast.acme.slug}
    in_use = first.post(page, asked)
    assert (in_use.status_code, "in use" in in_use.content.decode()) == (400, True)
    suspended(cast)
    assert first.post(page, {**asked, "confirm": "acme"}).status_code == 400
    assert first.post(page, {**asked, "reason": ""}).status_code == 400
    assert not KeyDestruction.objects.exists()
    assert first.post(page, asked).status_code == 302
    assert first.post(page, asked).status_code == 400, "asked for already"
    row = KeyDestruction.objects.get()
    approve = {"do": "approve", "destruction": row.pk, "confirm": cast.acme.slug}
    assert first.post(page, approve).status_code == 403, "who asked does not decide"
    assert "Destroy the keys for good" not in first.get(page).content.decode()
    assert "Destroy the keys for good" in second.get(page).content.decode()
    assert second.post(page, {**approve, "confirm": "acme"}).status_code == 400
    assert second.post(page, approve).status_code == 302
    place = place_of(cast.acme.pk)
    with scope(cast.acme.pk):
        sealed = seal(b"s3cr3t", place)
    operation = work(cast, "key.shred")
    assert (operation.state, operation.result["versions"]) == ("succeeded", [1])
    row.refresh_from_db()
    assert (row.state, row.decided_by_label, row.self_approved) == ("done", "alice", False)
    with scope(cast.acme.pk), pytest.raises(SealError):
        unseal(sealed, place)
    with scope(cast.acme.pk):
        events = AuditEvent.objects.filter(action__startswith="key.shred")
        assert {"key.shred_ask", "key.shred_approve", "key.shred"} <= {event.action for event in events}
        assert events.get(action="key.shred").detail["reason"] == REASON
        told = NoticeRecipient.objects.filter(notice__kind="key.destruction").values_list(
            "user__username", flat=True
        )
        assert "alice" in told
    assert second.post(page, approve).status_code == 400, "decided already"


def test_a_stale_session_and_a_token_do_neither(cast: Cast) -> None:
    suspended(cast)
    client = cast.client("root")
    session = client.session
    session[CONFIRMED_AT] = 0
    session.save()
    asked = {"do": "shred", "reason": REASON, "confirm": cast.acme.slug}
    answer = client.post(key_page(cast), asked)
    assert (answer.status_code, "/sign-in/again/" in answer["Location"]) == (302, True)
    url = f"/api/v1/platform/keys/accounts/{cast.acme.pk}/destruction"
    body = json.dumps({"reason": REASON, "confirm": cast.acme.slug})
    stale = client.post(url, body, content_type="application/json")
    assert (stale.status_code, stale.json()["code"]) == (403, "sign_in.stale")
    assert not KeyDestruction.objects.exists()


def test_one_admin_alone_decides_with_a_note_and_auditors_are_told(cast: Cast) -> None:
    suspended(cast)
    client = cast.client("root")
    url = "/api/v1/platform/keys"
    body = json.dumps({"reason": REASON, "confirm": cast.acme.slug})
    made = client.post(f"{url}/accounts/{cast.acme.pk}/destruction", body, content_type="application/json")
    assert made.status_code == 201, made.content
    one = f"{url}/destructions/{made.json()['id']}"
    confirm = json.dumps({"confirm": cast.acme.slug})
    assert client.post(f"{one}/approve", confirm, content_type="application/json").status_code == 400
    with_note = json.dumps({"confirm": cast.acme.slug, "note": "nobody else is there"})
    answer = client.post(f"{one}/approve", with_note, content_type="application/json")
    assert (answer.status_code, answer.json()["self_approved"]) == (202, True)
    with scope(cast.acme.pk):
        told = NoticeRecipient.objects.filter(notice__kind="key.destruction").values_list(
            "user__username", flat=True
        )
        assert {"audrey", "alice"} <= set(told)
        assert AuditEvent.objects.get(action="key.shred_approve").detail["self_approved"] == "yes"


def test_an_account_that_is_in_use_again_keeps_its_keys(cast: Cast, second: Client) -> None:
    suspended(cast)
    page, first = key_page(cast), cast.client("root")
    first.post(page, {"do": "shred", "reason": REASON, "confirm": cast.acme.slug})
    row = KeyDestruction.objects.get()
    second.post(page, {"do": "approve", "destruction": row.pk, "confirm": cast.acme.slug})
    with scope(cast.acme.pk):
        Account.objects.filter(pk=cast.acme.pk).update(state="active")
    operation = work(cast, "key.shred")
    row.refresh_from_db()
    assert (operation.state, row.state) == ("failed", "failed")
    with scope(cast.acme.pk):
        assert AccountKey.objects.get().state == "active"


def test_who_asked_takes_it_back(cast: Cast) -> None:
    suspended(cast)
    page, client = key_page(cast), cast.client("root")
    client.post(page, {"do": "shred", "reason": REASON, "confirm": cast.acme.slug})
    row = KeyDestruction.objects.get()
    assert client.post(page, {"do": "reject", "destruction": row.pk}).status_code == 302
    row.refresh_from_db()
    assert row.state == "withdrawn"


def test_what_nobody_decided_in_a_week_is_decided_no_more_and_can_be_asked_again(
    cast: Cast, second: Client
) -> None:
    suspended(cast)
    page, client = key_page(cast), cast.client("root")
    asked = {"do": "shred", "reason": REASON, "confirm": cast.acme.slug}
    client.post(page, asked)
    row = KeyDestruction.objects.get()
    KeyDestruction.objects.update(created_at=row.created_at - KeyDestruction.LIFETIME)
    approve = {"do": "approve", "destruction": row.pk, "confirm": cast.acme.slug}
    assert second.post(page, approve).status_code == 400
    assert "Destroy the keys for good" not in second.get(page).content.decode()
    assert client.post(page, asked).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.error) == ("withdrawn", "Nobody decided within a week.")
