"""A project's own roles, and the page that says who can do what and why."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.errors import Conflict, Forbidden, Invalid
from accounts.tenancy import scope
from projects.actions import access
from projects.actions.members import add_member, change_role
from projects.actions.roles import change_role_permissions, delete_role, make_role
from projects.actions.tokens import make_token
from projects.models import CustomRole, Membership, Token
from tests.cast import Cast, events

LABELLER = ["project.read", "dataset.read", "dataset.preview"]


def labeller(cast: Cast) -> CustomRole:
    with cast.inside("alice") as grant:
        return make_role(grant, name="labeller", permissions=LABELLER, description="Labels defects")


def as_labeller(cast: Cast, name: str = "bob") -> None:
    labeller(cast)
    with cast.inside("alice") as grant:
        change_role(grant, Membership.objects.get(user=cast.people[name]), "labeller")


def test_a_member_with_a_role_of_the_projects_own_may_what_it_says(cast: Cast) -> None:
    as_labeller(cast)
    bob = cast.client("bob")
    shown = bob.get(cast.url).json()
    assert (shown["role"], shown["permissions"]) == ("labeller", sorted(LABELLER))
    assert bob.get(f"{cast.url}/datasets").status_code == 200
    assert bob.get(f"{cast.url}/members").status_code == 403
    assert bob.get(f"/projects/{cast.acme.slug}/datasets/").status_code == 200


def test_a_change_counts_at_once_for_everybody_with_the_role(cast: Cast) -> None:
    as_labeller(cast)
    with cast.inside("alice") as grant:
        role = CustomRole.objects.get()
        change_role_permissions(grant, role, permissions=["project.read", "member.read"])
    bob = cast.client("bob")
    assert bob.get(f"{cast.url}/members").status_code == 200
    assert bob.get(f"{cast.url}/datasets").status_code == 403
    assert events(cast.acme.account_id, action="role.change")


def test_a_token_can_have_such_a_role(cast: Cast) -> None:
    labeller(cast)
    with cast.inside("alice"):
        _token, text = make_token(cast.alice, name="l", role="labeller")
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {text}"}
    client = cast.client("")
    assert client.get(cast.url, **bearer).json()["permissions"] == sorted(LABELLER)
    assert client.get(f"{cast.url}/members", **bearer).status_code == 403


def test_another_projects_role_is_no_role_here(cast: Cast) -> None:
    with cast.inside("charlie", cast.globex) as grant:
        make_role(grant, name="spy", permissions=["project.read", "member.manage"])
    with cast.inside("alice") as grant, pytest.raises(Invalid):
        add_member(grant, "charlie", "spy")
    with scope(cast.acme.account_id):  # written past the check, it may do nothing
        Membership.objects.filter(user=cast.bob).update(role="spy")
    assert cast.client("bob").get(cast.url).status_code == 403


@pytest.mark.parametrize(
    "name", ["owner", "viewer", "admin", "break-glass", "Labeller", "x", "a b", "-a", "a" * 33]
)
def test_names_that_are_taken_or_none(cast: Cast, name: str) -> None:
    with cast.inside("alice") as grant, pytest.raises(Invalid):
        make_role(grant, name=name, permissions=[])


def manager(cast: Cast) -> None:
    """bob makes roles and members, and little else."""
    with cast.inside("alice") as grant:
        make_role(
            grant,
            name="clerk",
            permissions=["project.read", "member.read", "member.manage", "role.manage"],
        )
        change_role(grant, Membership.objects.get(user=cast.bob), "clerk")


def bob_inside(cast: Cast) -> Any:
    from contextlib import contextmanager
    from dataclasses import replace

    from projects.holdings import holding_of

    @contextmanager
    def inside() -> Any:
        with cast.inside("bob") as grant:
            held = holding_of(cast.bob.pk)
            assert held is not None
            yield replace(grant, permissions=held.permissions)

    return inside()


def test_nobody_makes_or_hands_out_more_than_they_hold(cast: Cast) -> None:
    manager(cast)
    labeller(cast)
    with bob_inside(cast) as grant:
        with pytest.raises(Forbidden):
            make_role(grant, name="more", permissions=["audit.read"])
        with pytest.raises(Forbidden):
            change_role_permissions(
                grant, CustomRole.objects.get(name="clerk"), permissions=["dataset.download"]
            )
        with pytest.raises(Forbidden):
            change_role_permissions(grant, CustomRole.objects.get(name="labeller"), permissions=[])
        with pytest.raises(Forbidden):
            add_member(grant, "charlie", "owner")
        for role in ("owner", "maintainer", "labeller"):
            with pytest.raises(Forbidden):
                change_role(grant, Membership.objects.get(user=cast.bob), role)
        with pytest.raises(Forbidden):
            change_role(grant, Membership.objects.get(user=cast.alice), "clerk")
        make_role(grant, name="guest", permissions=["member.read"])
        add_member(grant, "charlie", "guest")


def test_a_role_that_somebody_has_is_not_forgotten(cast: Cast) -> None:
    as_labeller(cast)
    with cast.inside("alice") as grant:
        with pytest.raises(Conflict):
            delete_role(grant, CustomRole.objects.get())
        change_role(grant, Membership.objects.get(user=cast.bob), "viewer")
        token, _text = make_token(cast.alice, name="l", role="labeller")
        with pytest.raises(Conflict):
            delete_role(grant, CustomRole.objects.get())
        Token.objects.filter(pk=token.pk).update(revoked_at=timezone.now())
        delete_role(grant, CustomRole.objects.get())


def test_who_can_do_what_and_why(cast: Cast) -> None:
    with cast.inside("alice") as grant:
        access.give_permission(grant, cast.bob, "dataset.preview", 7, "the review of lot 17")
    stella = cast.client("stella")
    people = {row["username"]: row for row in stella.get(f"{cast.url}/people").json()}
    assert people["bob"]["granted"] == ["dataset.preview"]
    found = stella.get(f"{cast.url}/people/bob").json()
    why = {row["permission"]: row["reasons"] for row in found["permissions"]}
    assert why["dataset.preview"][0]["kind"] == "grant"
    assert "the review of lot 17" in why["dataset.preview"][0]["text"]
    assert why["dataset.read"][0]["text"] == "role Viewer"
    assert "dataset.download" not in why
    page = stella.get(f"/projects/{cast.acme.slug}/settings/permissions/people/bob/").content.decode()
    assert "the review of lot 17" in page


def test_what_a_person_reaches_says_why_data_is_out_of_reach(cast: Cast) -> None:
    from tests.roles.test_sensitivity import make

    make(cast, "confidential", "etch")
    make(cast, "restricted", "dies")
    make(cast, "internal", "recipes")

    def reach(viewer: str, about: str) -> dict[str, tuple[bool, str]]:
        things = cast.client(viewer).get(f"{cast.url}/people/{about}").json()["things"]
        return {thing["name"]: (thing["allowed"], thing["why"]) for thing in things}

    assert reach("stella", "sam")["etch"] == (False, "nobody let them at it")
    assert reach("stella", "sam")["recipes"][0] is True
    assert reach("stella", "alice")["dies"] == (True, "let at it by alice: lots of a customer")
    assert set(reach("bob", "alice")) == {"etch", "recipes"}  # bob may not know of the restricted one


def test_the_pages_work_in_few_queries(cast: Cast) -> None:
    labeller(cast)
    alice, root = cast.client("alice"), f"/projects/{cast.acme.slug}/settings/permissions/"
    alice.get(root)
    for page in (root, f"{root}people/bob/", f"{root}roles/labeller/"):
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert alice.get(page).status_code == 200
        data = [q["sql"] for q in seen if q["sql"].startswith("SELECT") and "set_config" not in q["sql"]]
        assert len(data) <= 15, (page, len(data))
    made = alice.post(root, {"name": "auditor-2", "permissions": ["audit.read"]})
    assert made.status_code == 302
    changed = alice.post(f"{root}roles/auditor-2/", {"permissions": ["audit.read", "member.read"]})
    assert changed.status_code == 302
    with scope(cast.acme.account_id):
        held = CustomRole.objects.get(name="auditor-2").permissions
    assert held == ["audit.read", "member.read", "project.read"]
    assert alice.post(f"{root}roles/auditor-2/", {"do": "delete"}).status_code == 302
    given = alice.post(f"{root}people/bob/", {"permission": "dataset.preview", "days": "7", "reason": "look"})
    assert given.status_code == 302


def test_a_membership_until_a_day_is_made_on_the_page(cast: Cast) -> None:
    tomorrow = (timezone.now() + timedelta(days=1)).date().isoformat()
    answer = cast.client("alice").post(
        f"/projects/{cast.acme.slug}/settings/members/",
        {"username": "charlie", "role": "viewer", "until": tomorrow},
    )
    assert answer.status_code == 302
    with scope(cast.acme.account_id):
        until = Membership.objects.get(user=cast.charlie).expires_at
    assert until is not None
    assert until.date().isoformat() == tomorrow
