"""Asking for a permission, deciding, and what it changes: at once, everywhere, until its time is up."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.audit import Target
from accounts.errors import Conflict, Forbidden, Invalid
from accounts.models import AuditEvent, User
from accounts.tenancy import scope
from projects import approvals, expiry, operations
from projects.actions import access, links
from projects.actions.members import add_member, change_role, remove_member
from projects.actions.tokens import make_token
from projects.models import ApprovalRequest, Membership, NoticeRecipient, Operation, PermissionGrant, State
from projects.operations import work
from tests.cast import Cast, events


def asked(cast: Cast, name: str = "bob", permission: str = "dataset.preview", days: int = 7) -> Any:
    with cast.inside(name) as grant:
        return access.ask_permission(grant, permission, "to find the drift", days)


def told(cast: Cast) -> set[str]:
    with scope(cast.acme.account_id):
        return set(NoticeRecipient.objects.values_list("user__username", flat=True))


def test_a_refused_page_offers_to_ask(cast: Cast) -> None:
    bob = cast.client("bob")
    refused = bob.get(f"/projects/{cast.acme.slug}/audit/")
    assert refused.status_code == 403
    url = f"/projects/{cast.acme.slug}/approvals/new/?permission=audit.read"
    assert url in refused.content.decode()
    assert 'value="audit.read" selected' in bob.get(url).content.decode()


def test_asking_deciding_and_having(cast: Cast) -> None:
    bob, stella = cast.client("bob"), cast.client("stella")
    body = {"permission": "dataset.preview", "reason": "to find the drift", "days": 1}
    made = bob.post(f"{cast.url}/approvals", body, "application/json")
    assert made.status_code == 201, made.content
    assert told(cast) == {"alice", "stella"}
    page = f"/projects/{cast.acme.slug}/approvals/{made.json()['id']}/"
    assert "to find the drift" in stella.get(page).content.decode()
    assert "dataset.preview" not in cast.grant("bob").permissions
    assert stella.post(page, {"do": "approve", "note": "fine"}).status_code == 302
    held = bob.get(cast.url).json()["permissions"]
    assert "dataset.preview" in held
    assert "bob" in told(cast)
    assert bob.get("/approvals/").status_code == 200
    things = ("approvalrequest", "permissiongrant")
    assert [action for action, _o, _w in events(cast.acme.account_id, target_type__in=things)] == [
        "approval.ask",
        "access.grant",
        "approval.approve",
    ]


def test_the_inbox_of_all_projects_shows_what_i_may_decide(cast: Cast) -> None:
    asked(cast)
    for name, seen in (("stella", True), ("alice", True), ("sam", False), ("charlie", False)):
        page = cast.client(name).get("/approvals/").content.decode()
        assert ("to find the drift" in page) is seen, name
    assert "1 decision waits for you" in cast.client("stella").get("/notifications/badge/").content.decode()


def test_who_asks_does_not_decide(cast: Cast) -> None:
    request = asked(cast, "stella", "dataset.download")
    with cast.inside("stella") as grant, pytest.raises(Forbidden) as refused:
        approvals.decide(grant, request, approve=True, note="I may")
    assert refused.value.code == "approval.second_person"
    with scope(cast.acme.account_id):
        assert ApprovalRequest.objects.get().state == "waiting"


def alone(cast: Cast) -> None:
    """Leave alice as the only one who decides in acme."""
    with scope(cast.acme.account_id):
        Membership.objects.filter(user=cast.stella).delete()


def own_request(cast: Cast) -> ApprovalRequest:
    with cast.inside("alice") as grant:
        payload = {"permission": "dataset.preview", "days": 1}
        target = Target("permission", "dataset.preview", "dataset.preview")
        return approvals.ask(access.KIND, target, payload, "nobody else is here", grant)


def test_a_team_of_one_decides_with_a_reason_and_auditors_hear_of_it(cast: Cast) -> None:
    request = own_request(cast)
    with cast.inside("alice") as grant, pytest.raises(Forbidden):
        approvals.decide(grant, request, approve=True, note="there is stella")
    alone(cast)
    with cast.inside("alice") as grant:
        with pytest.raises(Invalid):
            approvals.decide(grant, request, approve=True)
        approvals.decide(grant, request, approve=True, note="nobody else works here")
    with scope(cast.acme.account_id):
        event = AuditEvent.objects.get(action="approval.approve")
        assert event.detail["self_approved"] == "yes"
        assert event.detail["note"] == "nobody else works here"
        assert ApprovalRequest.objects.get().self_approved
    assert "audrey" in told(cast)
    shown = cast.client("audrey").get("/api/v1/notifications").json()["results"]
    assert "approved their own request" in shown[0]["subject"]


def test_a_maintainer_alone_does_not_decide_for_themselves(cast: Cast) -> None:
    """The rule is for owners: whoever else is alone asks an owner."""
    with cast.inside("mia") as grant:
        target = Target("x", "1", "x")
        request = approvals.ask(links.APPROVAL, target, {}, "why", grant)
        assert not approvals.alone(request, grant)


def test_nobody_grants_what_they_do_not_hold_but_access_to_data(cast: Cast) -> None:
    data, other = asked(cast, "bob", "dataset.download"), asked(cast, "bob", "endpoint.manage")
    with cast.inside("stella") as grant:
        approvals.decide(grant, data, approve=True)
        with pytest.raises(Forbidden) as refused:
            approvals.decide(grant, other, approve=True)
    assert refused.value.data["permission"] == "endpoint.manage"


@pytest.mark.parametrize("permission", ["member.manage", "role.manage", "access.decide", "approval.decide"])
def test_what_would_let_its_bearer_grant_the_rest_comes_with_roles_alone(cast: Cast, permission: str) -> None:
    with cast.inside("bob") as grant, pytest.raises(Invalid):
        access.ask_permission(grant, permission, "please", 1)
    with cast.inside("alice") as grant, pytest.raises(Invalid):
        access.give_permission(grant, cast.bob, permission, 1, "please")


def test_a_request_is_decided_once(cast: Cast) -> None:
    request = asked(cast)
    with cast.inside("stella") as grant:
        approvals.decide(grant, request, approve=False, note="no")
    with cast.inside("alice") as grant, pytest.raises(Conflict):
        approvals.decide(grant, ApprovalRequest.objects.get(), approve=True)
    with scope(cast.acme.account_id):
        assert not PermissionGrant.objects.exists()


def test_what_a_leaver_asked_is_rejected_and_not_approved(cast: Cast) -> None:
    request = asked(cast)
    with cast.inside() as grant:
        remove_member(grant, Membership.objects.get(user=cast.bob))
    with cast.inside("stella") as grant:
        with pytest.raises(Conflict, match="may no longer ask"):
            approvals.decide(grant, request, approve=True)
        assert ApprovalRequest.objects.get().state == "waiting"
        assert approvals.decide(grant, request, approve=False).state == "rejected"


def test_the_same_is_asked_once_at_a_time(cast: Cast) -> None:
    request = asked(cast)
    with pytest.raises(Conflict):
        asked(cast)
    with cast.inside("bob") as grant:
        approvals.withdraw(grant, request)
    asked(cast)


def test_only_who_asked_withdraws(cast: Cast) -> None:
    request = asked(cast)
    with cast.inside("alice") as grant, pytest.raises(Forbidden):
        approvals.withdraw(grant, request)


def test_what_nobody_decides_expires(cast: Cast, system_role: None) -> None:
    request = asked(cast)
    with scope(cast.acme.account_id):
        ApprovalRequest.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with cast.inside("alice") as grant, pytest.raises(Conflict):
        approvals.decide(grant, request, approve=True)
    assert expiry.sweep() == 1
    with scope(cast.acme.account_id):
        assert ApprovalRequest.objects.get().state == "expired"
    assert "bob" in told(cast)


def give(cast: Cast, permission: str = "dataset.preview") -> PermissionGrant:
    with cast.inside("alice") as grant:
        return access.give_permission(grant, cast.bob, permission, 1, "for the review")


def test_a_grant_counts_at_once_and_ends_at_its_moment_everywhere(cast: Cast) -> None:
    bob = cast.client("bob")
    _token, text = cast.token("bob")
    given = give(cast, "webhook.read")
    assert bob.get(f"{cast.url}/webhooks").status_code == 200
    with scope(cast.acme.account_id):
        PermissionGrant.objects.filter(pk=given.pk).update(expires_at=timezone.now())
    assert bob.get(f"{cast.url}/webhooks").status_code == 403
    assert bob.get(f"/projects/{cast.acme.slug}/settings/webhooks/").status_code == 403
    answer = cast.client("").get(f"{cast.url}/webhooks", HTTP_AUTHORIZATION=f"Bearer {text}")
    assert answer.status_code == 403


def test_the_end_goes_on_record_once(cast: Cast, system_role: None) -> None:
    given = give(cast)
    with scope(cast.acme.account_id):
        PermissionGrant.objects.filter(pk=given.pk).update(expires_at=timezone.now())
    assert (expiry.sweep(), expiry.sweep()) == (1, 0)
    assert len(events(cast.acme.account_id, action="access.end")) == 1


def test_an_operation_stops_when_its_persons_grant_has_ended(cast: Cast) -> None:
    from tests.operations import workers

    workers.register()
    given = give(cast, "dataset.write")
    with cast.inside("bob") as grant:
        operation = operations.submit(
            "test.work",
            target=Target("t", "1", "t"),
            payload={"steps": 2},
            grant=grant,
            permission="dataset.write",
        )
    work.run(cast.acme.account_id, operation.pk)
    with cast.inside("alice") as grant:
        access.end_permission(grant, given)
        Operation.objects.update(run_after=timezone.now())
    work.run(cast.acme.account_id, operation.pk)
    with scope(cast.acme.account_id):
        assert Operation.objects.get(pk=operation.pk).state == State.FAILED


def test_nobody_grants_themselves(cast: Cast) -> None:
    with cast.inside("stella") as grant, pytest.raises(Forbidden):
        access.give_permission(grant, cast.stella, "dataset.download", 1, "I would like to")


def test_a_membership_ends_at_its_moment_and_the_last_owner_has_none(cast: Cast, system_role: None) -> None:
    guest = User(username="guest")
    guest.save(force_insert=True)
    with cast.inside("alice") as grant:
        made = add_member(grant, "guest", "viewer", expires_at=timezone.now() + timedelta(hours=1))
        _token, text = make_token(guest, name="g", role="viewer")
    cast.people["guest"] = guest
    assert cast.client("guest").get(cast.url).status_code == 200
    with scope(cast.acme.account_id):
        Membership.objects.filter(pk=made.pk).update(expires_at=timezone.now())
    assert cast.client("guest").get(cast.url).status_code == 404
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {text}"}
    assert cast.client("").get(cast.url, **bearer).status_code == 403
    assert expiry.sweep() == 1
    assert events(cast.acme.account_id, action="member.end")
    with cast.inside("alice") as grant:
        add_member(grant, "guest", "owner", expires_at=timezone.now() + timedelta(hours=1))
        with pytest.raises(Conflict):
            change_role(grant, Membership.objects.get(user=cast.alice), "viewer")


def test_a_link_waits_in_the_lenders_inbox(committed_cast: Cast) -> None:
    cast = committed_cast
    with cast.inside("charlie", cast.globex) as lender:
        _link, code = links.invite(lender, {"note": "two GPUs"})
    with cast.inside("alice") as borrower:
        links.claim(borrower, code)
    with scope(cast.globex.account_id):
        request = ApprovalRequest.objects.get()
        assert (request.asked_by_label, request.kind) == ("Acme", "link")
    page = f"/projects/{cast.globex.slug}/approvals/{request.pk}/"
    assert "two GPUs" in cast.client("charlie").get(page).content.decode()
    assert cast.client("charlie").post(page, {"do": "approve"}).status_code == 302
    link = cast.client("alice").get(f"{cast.url}/links").json()["results"][0]
    assert link["state"] == "active"


def test_a_link_approved_at_its_own_page_leaves_the_inbox(committed_cast: Cast) -> None:
    cast = committed_cast
    with cast.inside("charlie", cast.globex) as lender:
        link, code = links.invite(lender)
    with cast.inside("alice") as borrower:
        links.claim(borrower, code)
    answer = cast.client("charlie").post(
        f"/projects/{cast.globex.slug}/settings/account/links/{link.pk}/",
        {"do": "approve", "namespace": "*", "days": "30"},
    )
    assert answer.status_code == 302
    with scope(cast.globex.account_id):
        assert ApprovalRequest.objects.get().state == "approved"
