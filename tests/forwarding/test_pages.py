"""Who may set up and see targets, on pages and through the API."""

from dataclasses import replace
from uuid import uuid4

import pytest

from accounts.errors import Forbidden
from accounts.models import AuditEvent
from accounts.tenancy import scope
from projects.actions.forwarding import add_forward
from projects.models import AuditForward, PlatformForward
from tests.cast import Cast

SECRET = "0123456789abcdef-siem"
BODY = {"name": "siem", "kind": "webhook", "address": "https://192.0.2.7/in", "secret": SECRET}


@pytest.fixture(autouse=True)
def outside(settings: object) -> None:
    """Addresses for documentation stand for receivers outside."""
    settings.OUTBOUND_ALLOW = ["192.0.2.0/24"]  # type: ignore[attr-defined]


def test_a_maintainer_sets_up_a_target_and_the_secret_is_never_shown(cast: Cast) -> None:
    mia = cast.client("mia")
    made = mia.post(f"{cast.url}/audit-forwards", BODY, "application/json")
    assert made.status_code == 201, made.content
    one = f"{cast.url}/audit-forwards/{made.json()['id']}"
    page = f"/projects/{cast.acme.slug}/audit/forwarding/"
    stella = cast.client("stella")
    for answer in (made, mia.get(one), stella.get(one), stella.get(page), mia.get(page)):
        assert answer.status_code in (200, 201)
        assert SECRET not in answer.content.decode()
        assert "siem" in answer.content.decode()
    assert stella.post(f"{one}/pause").status_code == 403
    assert cast.client("sam").get(one).status_code == 403
    assert cast.client("charlie").get(one).status_code == 404
    assert mia.post(f"{one}/pause").json()["condition"] == "paused"
    assert mia.post(f"{one}/resume").json()["condition"] == "active"
    assert mia.post(f"{one}/test").status_code == 202
    assert mia.delete(one).status_code == 204
    with scope(cast.acme.account_id):
        seen = AuditEvent.objects.filter(action__startswith="audit.forward.").order_by("id")
        assert [event.action.rpartition(".")[2] for event in seen] == [
            "add",
            "pause",
            "resume",
            "test",
            "remove",
        ]
        assert SECRET not in str([event.detail for event in seen])


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"secret": "short"}, 400, "secret"),
        ({"kind": "pigeon"}, 400, "kind"),
        ({"address": "http://example.com/x"}, 422, ""),
        ({"address": "https://127.0.0.1/x"}, 422, ""),
        ({"kind": "syslog-tls", "secret": "", "address": "192.0.2.7"}, 400, "address"),
        ({"kind": "syslog-tls", "secret": "", "address": "127.0.0.1:6514"}, 422, ""),
        ({"kind": "syslog-tcp", "secret": "", "address": "1.1.1.1:514"}, 422, ""),
        ({"kind": "syslog-tls", "address": "192.0.2.7:6514"}, 400, "secret"),
        ({"authority": "nothing"}, 400, "authority"),
        ({"kind": "mail", "secret": "", "address": "nobody", "receipts": "daily"}, 400, "address"),
        ({"kind": "mail", "secret": "", "address": "a@fab.example"}, 400, "receipts"),
        ({"events": False}, 400, "receipts"),
    ],
)
def test_what_makes_no_sense_is_refused(cast: Cast, change: dict[str, object], code: int, field: str) -> None:
    answer = cast.client("alice").post(f"{cast.url}/audit-forwards", {**BODY, **change}, "application/json")
    assert answer.status_code == code, answer.content
    if field:
        assert field in answer.json()["errors"]
    with scope(cast.acme.account_id):
        assert not AuditForward.objects.exists()


def test_a_name_is_one_line_so_that_a_trial_by_mail_can_be_sent(cast: Cast) -> None:
    body = {"name": "to\nBcc: x@example.com", "kind": "mail", "address": "a@example.com", "receipts": "daily"}
    answer = cast.client("mia").post(f"{cast.url}/audit-forwards", body, "application/json")
    assert (answer.status_code, answer.json()["name"]) == (201, "to Bcc: x@example.com"), answer.content


def test_whoever_may_not_read_the_log_cannot_have_it_sent(cast: Cast) -> None:
    with cast.inside("alice"):
        from projects.models import CustomRole, Membership

        CustomRole.objects.create(name="poster", permissions=["webhook.manage", "webhook.read"])
        Membership.objects.filter(user=cast.sam).update(role="poster")
    answer = cast.client("sam").post(f"{cast.url}/audit-forwards", BODY, "application/json")
    assert answer.status_code == 403
    assert answer.json()["permission"] == "audit.read"


def test_the_page_adds_tries_pauses_and_removes(cast: Cast) -> None:
    alice = cast.client("alice")
    page = f"/projects/{cast.acme.slug}/audit/forwarding/"
    assert page in alice.get(f"/projects/{cast.acme.slug}/audit/").content.decode(), "linked from the log"
    shown = alice.post(page, {**BODY, "secret": "short", "begin": "now", "receipts": "never", "events": "on"})
    assert shown.status_code == 400
    form = {**BODY, "begin": "now", "receipts": "daily", "events": "on"}
    assert alice.post(page, form).status_code == 302
    with scope(cast.acme.account_id):
        row = AuditForward.objects.get()
    for do in ("test", "pause", "resume"):
        assert alice.post(f"{page}{row.pk}/", {"do": do}).status_code == 302
    assert "trial under way" in alice.get(page).content.decode()
    assert alice.post(page, form).status_code == 400, "a name once"
    assert alice.post(f"{page}{row.pk}/", {"do": "remove"}).status_code == 302
    assert "The log goes nowhere yet" in alice.get(page).content.decode()


def test_admins_set_up_the_platforms_targets_and_auditors_see_them(cast: Cast) -> None:
    root, audrey = cast.client("root"), cast.client("audrey")
    page, api = "/platform/forwarding/", "/api/v1/platform/audit-forwards"
    form = {**BODY, "begin": "now", "receipts": "weekly", "events": "on", "every_log": "on"}
    assert root.post(page, {**form, "address": "https://127.0.0.1/"}).status_code == 400
    assert root.post(page, form).status_code == 302
    row = PlatformForward.objects.get()
    assert row.every_log
    assert "siem" in root.get(page).content.decode()
    seen = audrey.get("/audit-room/forwarding/").content.decode()
    assert "siem" in seen
    assert f"/platform/forwarding/{row.pk}/" not in seen
    assert audrey.get(f"{api}/{row.pk}").json()["every_log"] is True
    for answer in (audrey.post(f"{api}/{row.pk}/pause"), audrey.get(page), cast.client("alice").get(api)):
        assert answer.status_code == 404
    assert root.post(f"{page}{row.pk}/", {"do": "pause"}).status_code == 302
    assert root.get(f"{api}/{row.pk}").json()["condition"] == "paused"
    assert root.post(api, {**BODY, "name": "other"}, "application/json").status_code == 201
    assert root.delete(f"{api}/{row.pk}").status_code == 204


def test_an_admin_who_broke_in_leaves_no_target_behind(cast: Cast) -> None:
    with cast.inside("alice") as grant:
        visitor = replace(grant, break_glass_id=uuid4())
        with pytest.raises(Forbidden) as refused:
            add_forward(visitor, **BODY)
        assert refused.value.code == "audit_forward.break_glass"
        assert not AuditForward.objects.exists()
