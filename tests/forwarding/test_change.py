"""A target is given another name, address or secret, is paused and resumed, and keeps its place in the log."""

import base64
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from accounts.errors import Forbidden
from accounts.models import AuditEvent
from accounts.tenancy import platform_scope, scope
from projects.actions.forwarding import change_forward
from projects.forwarding import targets
from projects.models import AuditForward, CustomRole, Membership, PlatformForward, PlatformForwardCursor
from tests.audit.conftest import seal
from tests.cast import Cast
from tests.engines.fixtures import become
from tests.forwarding.conftest import SECRET, now, webhook, work, write
from tests.forwarding.receivers import WebReceiver
from tests.forwarding.test_platform import target

NEW = "fedcba9876543210-siem"


@pytest.fixture
def other() -> Iterator[WebReceiver]:
    """Where the target leads afterwards."""
    found = WebReceiver()
    server = found.start()
    yield found
    server.shutdown()
    server.server_close()


def _patch(cast: Cast, row: AuditForward, body: dict[str, Any], who: str = "alice") -> Any:
    url = f"{cast.url}/audit-forwards/{row.pk}"
    return cast.client(who).patch(url, body, content_type="application/json")


def _signed_by(receiver: WebReceiver, secret: str) -> bool:
    headers, body = receiver.headers[-1], receiver.bodies[-1]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256)).decode()
    return bool(headers["webhook-signature"] == f"v1,{wanted}")


def test_another_address_gets_what_the_first_has_not_and_nothing_twice(
    committed_cast: Cast, web: WebReceiver, other: WebReceiver
) -> None:
    cast = committed_cast
    row = webhook(cast, web, begin="beginning")
    write(cast.acme.account_id, 3)
    work()
    had = web.indexes()
    assert _patch(cast, row, {"state": "paused"}).json()["condition"] == "paused"
    write(cast.acme.account_id, 4)
    assert work() == 0
    body = {"name": "siem two", "address": other.url, "secret": NEW, "state": "active"}
    answer = _patch(cast, row, body)
    assert answer.status_code == 200, answer.content
    assert (answer.json()["name"], answer.json()["last_index"]) == ("siem two", had[-1])
    seal()
    sent = work()
    assert web.indexes() == had, "nothing more goes to the first"
    assert other.indexes() == list(range(len(had), len(had) + sent)), "no gap, and none of what it had"
    assert sent >= 4
    assert _signed_by(other, NEW)
    with scope(cast.acme.account_id):
        event = AuditEvent.objects.get(action="audit.forward.change")
        assert event.detail == {
            "name": {"from": "siem", "to": "siem two"},
            "address": {"from": web.url, "to": other.url},
            "secret": "replaced",
        }
    told = str([event["data"] for event in other.events])
    assert NEW not in told
    assert SECRET not in told


def test_a_batch_on_its_way_to_the_old_address_is_sent_again_to_the_new_one(
    committed_cast: Cast, web: WebReceiver, other: WebReceiver
) -> None:
    cast = committed_cast
    row = webhook(cast, web, begin="beginning")
    write(cast.acme.account_id, 3)
    with become("system"), targets.held("project", cast.acme.account_id, row.pk) as turn:
        assert turn is not None
        batch = turn.take()
        turn.receiver.send(batch)
        with become("app"), cast.inside("alice") as grant:
            change_forward(grant, row, address=other.url)
        with pytest.raises(targets.Overtaken):
            turn.acknowledged(batch)
    assert now(cast, row.pk).next_index == 0
    seal()
    work()
    assert set(web.indexes()) <= set(other.indexes()), "at least once, where it leads now"
    assert other.indexes()[0] == 0


def test_what_is_not_given_stays_and_a_name_alone_disturbs_nothing(
    committed_cast: Cast, web: WebReceiver
) -> None:
    cast = committed_cast
    row = webhook(cast, web, begin="beginning")
    before = now(cast, row.pk)
    assert _patch(cast, row, {"name": "renamed"}).status_code == 200
    after = now(cast, row.pk)
    assert (after.name, after.address, after.lease) == ("renamed", before.address, before.lease)
    assert _patch(cast, row, {}).status_code == 200
    write(cast.acme.account_id, 2)
    assert work()
    assert _signed_by(web, SECRET)
    with scope(cast.acme.account_id):
        assert AuditEvent.objects.filter(action="audit.forward.change").count() == 1


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"secret": "short"}, 400, "secret"),
        ({"secret": ""}, 400, "secret"),
        ({"name": " "}, 400, "name"),
        ({"name": "taken"}, 409, "name"),
        ({"address": "http://example.com/x"}, 422, ""),
        ({"authority": "nothing"}, 400, "authority"),
        ({"kind": "mail"}, 400, "kind"),
        ({"next_index": 0}, 400, "next_index"),
        ({"state": "gone"}, 400, "state"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    cast: Cast, web: WebReceiver, change: dict[str, Any], code: int, field: str
) -> None:
    with cast.inside("alice") as grant:
        from projects.actions.forwarding import add_forward

        row = add_forward(grant, name="siem", kind="webhook", address=web.url, secret=SECRET)
        add_forward(grant, name="taken", kind="webhook", address=web.url, secret=SECRET)
    answer = _patch(cast, row, {"address": f"{web.url}/else", **change})
    assert answer.status_code == code, answer.content
    assert not field or field in answer.json()["errors"]
    assert now(cast, row.pk).address == web.url


def test_who_may_not_say_where_the_log_goes_changes_no_target(cast: Cast, web: WebReceiver) -> None:
    with cast.inside("alice") as grant:
        from projects.actions.forwarding import add_forward

        row = add_forward(grant, name="siem", kind="webhook", address=web.url, secret=SECRET)
        CustomRole.objects.create(name="poster", permissions=["webhook.manage", "webhook.read"])
        Membership.objects.filter(user=cast.sam).update(role="poster")
        with pytest.raises(Forbidden) as refused:
            change_forward(replace(grant, break_glass_id=uuid4()), row, name="mine")
        assert refused.value.code == "audit_forward.break_glass"
    assert _patch(cast, row, {"name": "mine"}, "sam").json()["permission"] == "audit.read"
    assert _patch(cast, row, {"name": "mine"}, "stella").status_code == 403
    assert _patch(cast, row, {"name": "mine"}, "charlie").status_code == 404
    assert now(cast, row.pk).name == "siem"


def test_the_page_changes_pauses_and_resumes(cast: Cast, web: WebReceiver, other: WebReceiver) -> None:
    with cast.inside("alice") as grant:
        from projects.actions.forwarding import add_forward

        row = add_forward(grant, name="siem", kind="webhook", address=web.url, secret=SECRET)
    alice, listed = cast.client("alice"), f"/projects/{cast.acme.slug}/audit/forwarding/"
    page = f"{listed}{row.pk}/"
    assert page in alice.get(listed).content.decode(), "linked from the list"
    shown = alice.get(page).content.decode()
    assert web.url in shown
    assert SECRET not in shown
    form = {"do": "change", "name": "siem", "address": other.url, "secret": "short", "authority": ""}
    refused = alice.post(page, form)
    assert refused.status_code == 400
    assert "short" not in refused.content.decode().split("<form")[-1]
    assert alice.post(page, {**form, "secret": ""}).status_code == 302
    assert (now(cast, row.pk).address, now(cast, row.pk).lease) == (other.url, 1)
    for do, state in (("pause", "paused"), ("resume", "active")):
        assert alice.post(page, {"do": do}).status_code == 302
        assert now(cast, row.pk).state == state
    assert cast.client("stella").get(page).status_code == 403


def test_the_platforms_target_keeps_its_cursors(
    committed_cast: Cast, web: WebReceiver, other: WebReceiver
) -> None:
    cast = committed_cast
    made = target(web, begin="beginning", every_log=True)
    write(cast.acme.account_id, 3)
    work(3)
    had = {(event["data"]["log"], event["data"]["index"]) for event in web.events}
    cursors = dict(PlatformForwardCursor.objects.values_list("log_id", "next_index"))
    root, page = cast.client("root"), f"/platform/forwarding/{made.pk}/"
    assert root.get(page).status_code == 200
    form = {"do": "change", "name": "all", "address": "no address", "secret": "", "authority": ""}
    assert root.post(page, form).status_code == 400
    assert root.post(page, {**form, "address": other.url, "secret": NEW}).status_code == 302
    assert cursors.items() <= dict(PlatformForwardCursor.objects.values_list("log_id", "next_index")).items()
    body = {"name": "every log", "state": "paused"}
    api = f"/api/v1/platform/audit-forwards/{made.pk}"
    answer = root.patch(api, body, content_type="application/json")
    assert (answer.json()["name"], answer.json()["condition"]) == ("every log", "paused")
    assert cast.client("audrey").patch(api, body, content_type="application/json").status_code == 404
    assert root.patch(api, {"state": "active"}, content_type="application/json").status_code == 200
    write(cast.acme.account_id, 2)
    work(3)
    now_there = {(event["data"]["log"], event["data"]["index"]) for event in other.events}
    assert len(now_there) == len(other.events), "nothing twice"
    assert not now_there & had
    for log in {log for log, _index in now_there}:
        seen = sorted(index for name, index in had | now_there if name == log)
        assert seen == list(range(len(seen))), "and no gap"
    assert _signed_by(other, NEW)
    with platform_scope("auditor"):
        event = AuditEvent.objects.filter(action="audit.forward.change").order_by("at").first()
        assert event is not None
        assert (event.account_id, event.detail["secret"]) == (None, "replaced")
    assert PlatformForward.objects.get().name == "every log"
