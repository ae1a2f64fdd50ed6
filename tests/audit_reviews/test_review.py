"""The auditors' monthly review: gathered from log and state, looked through, signed off, and then for good."""

import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import audit
from accounts.audit import Actor, sealing
from accounts.models import AuditCheckpoint, AuditEvent
from accounts.tenancy import platform_scope, scope
from projects.actions.access import give_permission
from projects.actions.members import add_member
from projects.models import AuditReview, Membership
from projects.reviews.months import Month
from tests.cast import Cast
from tests.engines.fixtures import become

ROOM = "/api/v1/platform/audit-reviews"
NOW = Month.current()


def _url(cast: Cast, month: Month = NOW, log: Any = None) -> str:
    return f"{ROOM}/{log or cast.acme.pk}/{month}"


def _post(client: Client, url: str, body: Any = None) -> Any:
    return client.post(url, body or {}, content_type="application/json")


def _kind(review: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [finding for finding in review["findings"] if finding["kind"] == kind]


@pytest.fixture
def busy(cast: Cast) -> Cast:
    """A month in which everything happened that a review looks for."""
    with cast.inside() as grant:
        add_member(grant, "charlie", "scientist")
        give_permission(grant, cast.oscar, "dataset.download", 20, "The maps of lot 7.")
    cast.token("sam")
    bob = Actor("user", str(cast.bob.pk), "bob")
    for _attempt in range(6):
        with audit.acting_as(bob, via="api"), scope(cast.acme.pk):
            audit.record("dataset.download", outcome="denied")
    target = audit.Target("datasetversion", "v-1", "recipes v1")
    for reason in ("Yield of lot 7", "Yield of lot 7", "For the customer"):
        with cast.inside("sam"):
            audit.record("dataset.download", target, detail={"sensitivity": "restricted", "reason": reason})
    with scope(cast.acme.pk):
        Membership.objects.filter(user=cast.sam).delete()
    cast.oscar.is_active = False
    cast.oscar.save(update_fields=["is_active"])
    root = cast.client("root")
    entered = _post(
        root,
        "/api/v1/platform/break-glass",
        {"project": cast.acme.slug, "reason": "The endpoint does not start.", "hours": 1},
    )
    assert entered.status_code == 201
    assert root.get(f"{cast.url}/members").status_code == 200
    return cast


def test_what_is_worth_a_look_is_found_with_its_evidence(busy: Cast) -> None:
    audrey = busy.client("audrey")
    response = _post(audrey, _url(busy))
    assert response.status_code == 200, response.content
    review = response.json()
    bob = next(one for one in _kind(review, "refused") if one["about"] == "bob")
    assert (bob["facts"]["denied"], bob["facts"]["most_in_an_hour"], bob["notable"]) == (6, 6, True)
    (glass,) = _kind(review, "break_glass")
    assert glass["facts"]["reason"] == "The endpoint does not start."
    assert glass["facts"]["done"]["breakglass.look"] >= 1
    (data,) = _kind(review, "data")
    assert data["about"] == "sam"
    assert (data["facts"]["count"], data["facts"]["sensitivity"]) == (3, "restricted")
    assert sorted(data["facts"]["reasons"]) == ["For the customer", "Yield of lot 7"]
    left = {(one["about"], one["facts"]["what"]) for one in _kind(review, "leaver")}
    assert left == {("sam", "token"), ("oscar", "grant"), ("oscar", "membership")}
    assert {one["facts"]["action"] for one in _kind(review, "change")} == {"member.add", "access.grant"}
    assert [one["about"] for one in _kind(review, "grant")] == ["oscar"]
    assert _kind(review, "log")[0]["notable"], "nobody has verified this log yet"
    for finding in review["findings"]:
        query = {**finding["search"], "account": str(busy.acme.pk)}
        for name in ("since", "until"):
            if name in query:
                query[name] += "T00:00:00Z" if name == "since" else "T23:59:59.999999Z"
        found = audrey.get("/api/v1/platform/audit-events", query)
        assert found.status_code == 200, found.content
        if finding["kind"] not in ("log", "leaver", "dormant"):
            assert found.json()["results"], f"the evidence of {finding['text']}"


def test_who_has_no_record_for_ninety_days_is_dormant(cast: Cast) -> None:
    long_ago = timezone.now() - timedelta(days=200)
    with scope(cast.acme.pk):
        Membership.objects.filter(user__username__in=["bob", "mia", "stella"]).update(created_at=long_ago)
    with cast.inside("mia"):
        audit.record("project.read")
    token = Actor("token", "t-1", "nightly", "stella")
    with audit.acting_as(token, via="api"), scope(cast.acme.pk):
        audit.record("project.read")
    review = _post(cast.client("audrey"), _url(cast)).json()
    assert [one["about"] for one in _kind(review, "dormant")] == ["bob"]


def _looked_at(client: Client, cast: Cast, month: Month) -> dict[str, Any]:
    review: dict[str, Any] = _post(client, _url(cast, month)).json()
    keys = [finding["key"] for finding in review["findings"]]
    said = _post(client, f"{_url(cast, month)}/marks", {"keys": keys, "verdict": "ok"})
    assert said.status_code == 200, said.content
    action = {"keys": keys[:1], "verdict": "action", "note": "Verify the log every day."}
    done: dict[str, Any] = _post(client, f"{_url(cast, month)}/marks", action).json()
    return done


@pytest.fixture
def last_month(cast: Cast) -> Month:
    """The month before, in which the account was there already."""
    month = NOW.before
    with become("owner"), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_account SET created_at = %s", [month.start])
    return month


def _seal() -> None:
    with become("system"):
        sealing.seal_all()


def test_a_sign_off_proves_what_was_reviewed(cast: Cast, last_month: Month) -> None:
    audrey = cast.client("audrey")
    review = _looked_at(audrey, cast, last_month)
    assert (review["open_findings"], review["needing_action"]) == (0, 1)
    _seal()
    answer = _post(audrey, f"{_url(cast, last_month)}/sign-off", {"note": "All in order but one thing."})
    assert answer.status_code == 200, answer.content
    signed = answer.json()
    assert (signed["state"], signed["signed_by"]) == ("signed", "audrey")
    assert hashlib.sha256(signed["content"].encode()).hexdigest() == signed["sha256"]
    content = json.loads(signed["content"])
    assert content["note"] == "All in order but one thing."
    assert {one["key"] for one in content["findings"]} == {one["key"] for one in signed["findings"]}
    assert [mark["verdict"] for mark in content["marks"].values()].count("action") == 1
    with scope(cast.acme.pk):
        (event,) = AuditEvent.objects.filter(account_id=cast.acme.pk, action="review.sign")
        last = AuditCheckpoint.objects.filter(log_id=cast.acme.pk).order_by("-sequence").first()
    assert last is not None
    assert event.detail["sha256"] == signed["sha256"]
    assert event.detail["checkpoint"]["sequence"] == last.sequence
    assert event.detail["checkpoint"]["size"] == last.size
    assert f"root {event.detail['checkpoint']['root']}" in last.body
    for again in (
        _post(audrey, _url(cast, last_month)),
        _post(audrey, f"{_url(cast, last_month)}/marks", {"keys": ["log:verification"], "verdict": "ok"}),
        _post(audrey, f"{_url(cast, last_month)}/sign-off", {"note": "Once more."}),
    ):
        assert (again.status_code, again.json()["code"]) == (409, "review.signed")


@pytest.mark.parametrize(
    "change", ["UPDATE projects_auditreview SET note = 'x'", "DELETE FROM projects_auditreview"]
)
@pytest.mark.parametrize("role", ["app", "system", "owner"])
def test_postgresql_refuses_to_change_what_is_signed(
    cast: Cast,
    last_month: Month,
    as_role: Callable[[str], AbstractContextManager[None]],
    change: str,
    role: str,
) -> None:
    audrey = cast.client("audrey")
    _looked_at(audrey, cast, last_month)
    _seal()
    assert _post(audrey, f"{_url(cast, last_month)}/sign-off", {"note": "Fine."}).status_code == 200
    refused = pytest.raises(DatabaseError, match=r"for good|permission denied")
    with as_role(role), refused, transaction.atomic(), scope(cast.acme.pk), connection.cursor() as cursor:
        cursor.execute(change)


def test_what_cannot_be_signed_says_why(cast: Cast, last_month: Month) -> None:
    audrey = cast.client("audrey")
    sign = f"{_url(cast, last_month)}/sign-off"
    assert _post(audrey, sign, {"note": "Early."}).status_code == 404, "nothing was gathered"
    review = _post(audrey, _url(cast, last_month)).json()
    assert _post(audrey, sign, {"note": ""}).status_code == 400
    unseen = _post(audrey, sign, {"note": "Unseen."}).json()
    assert (unseen["code"], unseen["status"]) == ("review.open", 409)
    keys = [finding["key"] for finding in review["findings"]]
    assert (
        _post(audrey, f"{_url(cast, last_month)}/marks", {"keys": keys, "verdict": "ok"}).status_code == 200
    )
    assert _post(audrey, sign, {"note": "Unsealed."}).json()["code"] == "review.unsealed"
    _seal()
    _post(audrey, _url(cast))
    assert _post(audrey, f"{_url(cast)}/sign-off", {"note": "Running."}).json()["code"] == "review.running"
    stale = cast.client("audrey", signed_in=3600)
    assert _post(stale, sign, {"note": "Stale."}).json()["code"] == "sign_in.stale"
    assert _post(audrey, sign, {"note": "Now."}).status_code == 200


def test_findings_gathered_before_the_month_was_over_are_gathered_again(
    cast: Cast, last_month: Month
) -> None:
    audrey = cast.client("audrey")
    _looked_at(audrey, cast, last_month)
    with scope(cast.acme.pk):
        AuditReview.objects.filter(month=last_month.first).update(
            gathered_at=last_month.end - timedelta(seconds=1)
        )
    _seal()
    sign = f"{_url(cast, last_month)}/sign-off"
    assert _post(audrey, sign, {"note": "Stale."}).json()["code"] == "review.stale"
    kept = _post(audrey, _url(cast, last_month)).json()
    assert kept["open_findings"] == 0, "what was said of findings that are still there stays"


def test_marks_need_a_finding_and_a_note(cast: Cast) -> None:
    audrey = cast.client("audrey")
    _post(audrey, _url(cast))
    marks = f"{_url(cast)}/marks"
    for body, status in (
        ({"keys": ["log:nothing"], "verdict": "ok"}, 404),
        ({"keys": [], "verdict": "ok"}, 400),
        ({"keys": ["log:verification"], "verdict": "fine"}, 400),
        ({"keys": ["log:verification"], "verdict": "action"}, 400),
        ({"keys": ["log:verification"], "verdict": "action", "note": "Verify it."}, 200),
    ):
        assert _post(audrey, marks, body).status_code == status, body


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "1999-12", "9999-01", "x", "2026-11-01"])
def test_no_such_month(cast: Cast, month: str) -> None:
    answer = _post(cast.client("audrey"), f"{ROOM}/{cast.acme.pk}/{month}")
    assert (answer.status_code, answer.json()["code"]) == (404, "review.month")


def test_a_month_before_the_account_is_none(cast: Cast) -> None:
    answer = _post(cast.client("audrey"), _url(cast, NOW.before.before))
    assert (answer.status_code, answer.json()["code"]) == (404, "review.month")


def test_the_platforms_own_log_is_reviewed_too(cast: Cast, last_month: Month) -> None:
    Client().post("/sign-in/", {"username": "alice", "password": "wrong"})
    audrey = cast.client("audrey")
    review = _post(audrey, _url(cast, NOW, "platform")).json()
    assert "alice" in {one["about"] for one in _kind(review, "refused")}
    _looked_at_url = _url(cast, last_month, "platform")
    keys = [one["key"] for one in _post(audrey, _looked_at_url).json()["findings"]]
    _post(audrey, f"{_looked_at_url}/marks", {"keys": keys, "verdict": "ok"})
    _seal()
    assert _post(audrey, f"{_looked_at_url}/sign-off", {"note": "Quiet."}).status_code == 200
    with platform_scope("auditor"):
        event = AuditEvent.objects.get(action="review.sign")
    assert (event.account_id, event.detail["checkpoint"]["log"]) == (None, "platform")


def test_months_are_open_overdue_in_review_or_signed(cast: Cast, last_month: Month) -> None:
    audrey = cast.client("audrey")

    def states() -> dict[str, str]:
        row = audrey.get(f"{ROOM}/{cast.acme.pk}").json()
        return {cell["month"]: cell["state"] for cell in row["months"]}

    before = states()
    assert before[str(NOW)] == "current_month"
    assert before[str(last_month)] == ("overdue" if last_month.overdue else "to_review")
    assert before[str(last_month.before)] == "none"
    _looked_at(audrey, cast, last_month)
    _seal()
    _post(audrey, f"{_url(cast, last_month)}/sign-off", {"note": "Fine."})
    assert states()[str(last_month)] == "signed"
    listed = audrey.get(ROOM).json()["results"]
    assert {row["name"] for row in listed} == {"Acme", "Globex"}


def test_a_project_reads_its_own_reviews_once_they_are_signed(cast: Cast, last_month: Month) -> None:
    audrey, stella = cast.client("audrey"), cast.client("stella")
    _looked_at(audrey, cast, last_month)
    one = f"{cast.url}/audit-reviews/{last_month}"
    assert stella.get(one).status_code == 404
    assert stella.get(f"{cast.url}/audit-reviews").json()["results"] == []
    _seal()
    _post(audrey, f"{_url(cast, last_month)}/sign-off", {"note": "Fine."})
    assert stella.get(one).json()["note"] == "Fine."
    assert len(stella.get(f"{cast.url}/audit-reviews").json()["results"]) == 1
    assert cast.client("bob").get(one).status_code == 403
    theirs = f"/api/v1/projects/{cast.globex.slug}/audit-reviews"
    assert cast.client("charlie").get(theirs).json()["results"] == []
    assert cast.client("charlie").get(f"{theirs}/{last_month}").status_code == 404


def test_the_wall_keeps_an_accounts_reviews_from_others(cast: Cast) -> None:
    _post(cast.client("audrey"), _url(cast))
    with scope(cast.globex.pk):
        assert not AuditReview.objects.exists()
    with scope(cast.acme.pk):
        assert AuditReview.objects.count() == 1
    with platform_scope("admin"):
        assert not AuditReview.objects.exists()
    with platform_scope("auditor"):
        row = AuditReview.objects.get()
        assert AuditReview.objects.filter(pk=row.pk).update(note="x") == 0
