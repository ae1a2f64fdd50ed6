"""Break-glass: with a fresh sign-in and a reason, for hours, the owners told, every look on record, no data."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.errors import Conflict, Forbidden, Invalid, NotFound
from accounts.models import AuditEvent
from accounts.recent import CONFIRMED_AT
from accounts.tenancy import scope
from projects import expiry
from projects.actions.break_glass import break_glass
from projects.models import BreakGlass, Membership, NoticeRecipient
from projects.permissions import BREAK_GLASS_LOOK, BREAK_GLASS_REPAIR, Permission
from tests.cast import Cast

WHY = "The owner's laptop was stolen; jobs hang since."


def enter(cast: Cast, **options: Any) -> BreakGlass:
    from accounts import audit

    with audit.acting_as(audit.Actor("user", str(cast.root.pk), "root"), via="page"):
        return break_glass(cast.root, cast.acme.slug, reason=WHY, **{"hours": 1, **options})


def signed_in(cast: Cast, seconds_ago: float) -> Client:
    """root's browser, where root proved who they are that long ago."""
    client = cast.client("root")
    session = client.session
    session[CONFIRMED_AT] = time.time() - seconds_ago
    session.save()
    return client


def test_an_admin_is_no_member_until_the_glass_is_broken(cast: Cast) -> None:
    assert cast.client("root").get(cast.url).status_code == 404
    enter(cast)
    root = cast.client("root")
    shown = root.get(cast.url).json()
    assert (shown["role"], shown["permissions"]) == ("break-glass", sorted(map(str, BREAK_GLASS_LOOK)))
    page = root.get(f"/projects/{cast.acme.slug}/").content.decode()
    assert "Break-glass access." in page
    assert cast.client("root").get(f"/api/v1/projects/{cast.globex.slug}").status_code == 404


def test_the_page_asks_for_a_fresh_sign_in_and_a_reason(cast: Cast) -> None:
    form = {"project": cast.acme.slug, "reason": WHY, "hours": "1"}
    stale = signed_in(cast, 3600).post("/platform/break-glass/", form)
    assert stale.status_code in (302, 403)
    with scope(cast.acme.account_id):
        assert not BreakGlass.objects.exists()
    root = signed_in(cast, 1)
    assert root.post("/platform/break-glass/", {**form, "reason": "x"}).status_code == 400
    assert root.post("/platform/break-glass/", form).headers["location"] == f"/projects/{cast.acme.slug}/"
    assert "Acme" in root.get("/platform/break-glass/").content.decode()


def test_the_api_takes_a_fresh_session_and_no_token(cast: Cast) -> None:
    body = {"project": cast.acme.slug, "reason": WHY, "hours": 1}
    url = "/api/v1/platform/break-glass"
    assert signed_in(cast, 3600).post(url, body, "application/json").status_code == 403
    assert cast.client("audrey").post(url, body, "application/json").status_code == 404
    made = signed_in(cast, 1).post(url, body, "application/json")
    assert (made.status_code, made.json()["live"]) == (201, True), made.content


def test_owners_and_auditors_are_told_at_once(cast: Cast) -> None:
    enter(cast)
    with scope(cast.acme.account_id):
        told = set(NoticeRecipient.objects.values_list("user__username", flat=True))
    assert told == {"alice", "audrey"}
    notice = cast.client("alice").get("/api/v1/notifications").json()["results"][0]
    assert "root" in notice["subject"]
    assert WHY in notice["text"]


def test_every_look_is_on_record_as_such(cast: Cast) -> None:
    entered = enter(cast)
    root = cast.client("root")
    root.get(f"{cast.url}/members")
    root.get(f"/projects/{cast.acme.slug}/datasets/")
    with scope(cast.acme.account_id):
        looks = list(AuditEvent.objects.filter(action="breakglass.look").order_by("at"))
        assert AuditEvent.objects.get(action="breakglass.enter").detail["reason"] == WHY
    assert [look.detail["permission"] for look in looks] == ["member.read", "dataset.read"]
    assert {(look.via, look.detail["break_glass"]) for look in looks} == {("break-glass", str(entered.pk))}


def test_what_is_refused_is_on_record_as_such_too(cast: Cast) -> None:
    enter(cast)
    answer = cast.client("root").post(
        f"{cast.url}/members", {"username": "charlie", "role": "viewer"}, "application/json"
    )
    assert answer.status_code == 403
    with scope(cast.acme.account_id):
        denied = AuditEvent.objects.filter(action="member.manage", outcome="denied").get()
    assert denied.via == "break-glass"


def test_no_data_no_secrets_no_predictions_even_to_repair() -> None:
    never = {
        Permission.DATASET_PREVIEW,
        Permission.DATASET_DOWNLOAD,
        Permission.CREDENTIAL_MANAGE,
        Permission.CREDENTIAL_REVEAL,
        Permission.ENDPOINT_INVOKE,
        Permission.TOKEN_USE,
        Permission.ACCESS_DECIDE,
    }
    assert not never & (BREAK_GLASS_LOOK | BREAK_GLASS_REPAIR)


def test_repair_puts_an_ownerless_project_back_but_not_into_the_admins_hands(cast: Cast) -> None:
    enter(cast, repair=True)
    root = cast.client("root")
    made = root.post(f"{cast.url}/members", {"username": "charlie", "role": "owner"}, "application/json")
    assert made.status_code == 201, made.content
    own = root.post(f"{cast.url}/members", {"username": "root", "role": "owner"}, "application/json")
    assert own.status_code == 403
    with scope(cast.acme.account_id):
        assert not Membership.objects.filter(user=cast.root).exists()


def test_it_ends_by_itself_at_once_everywhere_and_on_record(cast: Cast, system_role: None) -> None:
    entered = enter(cast)
    with scope(cast.acme.account_id):
        BreakGlass.objects.filter(pk=entered.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert cast.client("root").get(cast.url).status_code == 404
    assert (expiry.sweep(), expiry.sweep()) == (1, 0)
    enter(cast)  # a way that is over does not stand in the way of the next one


def test_an_owner_ends_it_and_a_viewer_does_not(cast: Cast) -> None:
    entered = enter(cast)
    url = f"{cast.url}/break-glass/{entered.pk}/end"
    assert cast.client("bob").post(url).status_code == 403
    assert cast.client("alice").post(url).status_code == 200
    assert cast.client("root").get(cast.url).status_code == 404
    assert cast.client("alice").post(url).status_code == 409
    assert "was ended" in cast.client("root").get("/api/v1/notifications").json()["results"][0]["subject"]


def test_the_admin_leaves(cast: Cast) -> None:
    entered = enter(cast)
    left = cast.client("root").post(f"/projects/{cast.acme.slug}/settings/break-glass/{entered.pk}/")
    assert left.headers["location"] == "/"
    assert cast.client("root").get(cast.url).status_code == 404


def test_who_may_not(cast: Cast) -> None:
    from accounts import audit

    enter(cast)
    with pytest.raises(Conflict):
        enter(cast)
    with audit.acting_as(audit.Actor("user", "x", "x"), via="page"):
        with pytest.raises(Forbidden):
            break_glass(cast.audrey, cast.acme.slug, reason=WHY, hours=1)
        with pytest.raises(NotFound):
            break_glass(cast.root, "no-such-project", reason=WHY, hours=1)
        with pytest.raises(Invalid):
            break_glass(cast.root, cast.globex.slug, reason=WHY, hours=1000)
