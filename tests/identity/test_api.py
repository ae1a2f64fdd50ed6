"""The API of a project's people, tokens and settings."""

import json
from typing import Any

import pytest
from django.test import Client

from accounts.models import AuditEvent
from accounts.tenancy import scope
from projects.models import Project, Token
from tests.cast import Cast, events


def post(client: Client, url: str, body: Any, **extra: Any) -> Any:
    return client.post(url, json.dumps(body), content_type="application/json", **extra)


def patch(client: Client, url: str, body: Any, **extra: Any) -> Any:
    return client.patch(url, json.dumps(body), content_type="application/json", **extra)


def test_me_names_the_person_behind_a_session_and_behind_a_token(cast: Cast) -> None:
    assert cast.client("bob").get("/api/v1/me").json()["username"] == "bob"
    shown = Client().get("/api/v1/me", **cast.bearer("bob")).json()
    assert shown["username"] == "bob"
    assert shown["token"]
    assert Client().get("/api/v1/me").status_code == 401


def test_my_projects_are_those_i_may_enter(cast: Cast) -> None:
    assert [p["slug"] for p in cast.client("bob").get("/api/v1/projects").json()] == [cast.acme.slug]
    assert cast.client("root").get("/api/v1/projects").json() == []
    shown = Client().get("/api/v1/projects", **cast.bearer("charlie", project=cast.globex)).json()
    assert [p["slug"] for p in shown] == [cast.globex.slug]


def test_a_project_shows_the_callers_role_and_permissions(cast: Cast) -> None:
    shown = cast.client("bob").get(cast.url).json()
    assert (shown["slug"], shown["role"], shown["account_kind"]) == (cast.acme.slug, "viewer", "general")
    assert "dataset.read" in shown["permissions"]
    assert "dataset.download" not in shown["permissions"]


def test_another_tenants_project_is_the_same_404_as_none(cast: Cast) -> None:
    client = cast.client("charlie")
    theirs = client.get(cast.url)
    nobody = client.get("/api/v1/projects/nobody-abcdef")
    assert theirs.status_code == nobody.status_code == 404
    mine, other = theirs.json(), nobody.json()
    assert mine.pop("request_id") != other.pop("request_id")
    assert json.dumps(mine).replace(cast.acme.slug, "?") == json.dumps(other).replace("nobody-abcdef", "?")


def test_a_project_is_renamed_by_who_may(cast: Cast) -> None:
    denied = patch(cast.client("sam"), cast.url, {"name": "Mine"})
    assert denied.status_code == 403
    assert denied.json()["permission"] == "project.update"
    assert patch(cast.client("mia"), cast.url, {"name": " Acme fab 2 "}).json()["name"] == "Acme fab 2"
    assert ("project.update", "denied", "sam") in events(cast.acme.account_id)
    assert ("project.update", "ok", "mia") in events(cast.acme.account_id)
    assert patch(cast.client("mia"), cast.url, {"name": "  "}).status_code == 400


@pytest.mark.parametrize("body", [{"slug": "x"}, {"name": "x", "account": "y"}, {"role": "owner"}])
def test_unknown_fields_are_refused_by_name(cast: Cast, body: dict[str, str]) -> None:
    answer = patch(cast.client("alice"), cast.url, body)
    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert set(answer.json()["errors"]) == set(body) - {"name"}


@pytest.mark.parametrize("query", ["limit=3", "cursor=nonsense", "page_size=0", "page_size=5&page_size=6"])
def test_unknown_and_wrong_parameters_are_refused_by_name(cast: Cast, query: str) -> None:
    answer = cast.client("alice").get(f"{cast.url}/members?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [query.partition("=")[0]]


def test_a_forged_cursor_is_a_400(cast: Cast) -> None:
    # base64 of "p=garbage": a position that is no UUID and no time
    for name in ("members", "audit-events"):
        assert cast.client("alice").get(f"{cast.url}/{name}?cursor=cD1nYXJiYWdl").status_code == 400


def test_lists_come_in_pages(cast: Cast) -> None:
    client, seen, url = cast.client("bob"), [], f"{cast.url}/members?page_size=4"
    while url:
        page = client.get(url).json()
        seen += [member["username"] for member in page["results"]]
        url = page["next"]
    assert sorted(seen) == ["alice", "bob", "mia", "oscar", "sam", "stella"]


def test_members_are_added_changed_and_removed(cast: Cast) -> None:
    client = cast.client("alice")
    made = post(client, f"{cast.url}/members", {"username": "charlie", "role": "viewer"})
    assert made.status_code == 201
    url = f"{cast.url}/members/{made.json()['id']}"
    assert patch(client, url, {"role": "steward"}).json()["role"] == "steward"
    assert cast.client("charlie").get(cast.url).json()["role"] == "steward"
    assert client.delete(url).status_code == 204
    assert cast.client("charlie").get(cast.url).status_code == 404
    done = [action for action, _outcome, actor in events(cast.acme.account_id) if actor == "alice"]
    assert done == ["member.add", "member.role", "member.remove"]


def test_who_is_a_member_is_not_added_twice_and_nobody_is_not_added(cast: Cast) -> None:
    client = cast.client("alice")
    assert post(client, f"{cast.url}/members", {"username": "bob", "role": "viewer"}).status_code == 409
    assert post(client, f"{cast.url}/members", {"username": "nobody", "role": "viewer"}).status_code == 404
    assert post(client, f"{cast.url}/members", {"username": "charlie", "role": "king"}).status_code == 400


def test_the_last_owner_stays(cast: Cast) -> None:
    client = cast.client("alice")
    members = client.get(f"{cast.url}/members").json()["results"]
    alice = next(member["id"] for member in members if member["username"] == "alice")
    answer = client.delete(f"{cast.url}/members/{alice}")
    assert (answer.status_code, answer.json()["code"]) == (409, "member.last_owner")
    assert patch(client, f"{cast.url}/members/{alice}", {"role": "viewer"}).status_code == 409


def test_the_role_table_says_who_may_what(cast: Cast) -> None:
    table = cast.client("bob").get(f"{cast.url}/roles").json()
    assert table["permissions"]["member.manage"] == ["owner"]
    assert "viewer" in table["permissions"]["dataset.read"]


def test_a_token_is_shown_once_and_works_until_it_is_revoked(cast: Cast) -> None:
    client = cast.client("sam")
    made = post(client, f"{cast.url}/tokens", {"name": "laptop", "role": "viewer"})
    assert made.status_code == 201
    text = made.json()["token"]
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {text}"}
    assert Client().get(cast.url, **bearer).json()["role"] == "viewer"
    listed = client.get(f"{cast.url}/tokens").json()["results"]
    assert [token["name"] for token in listed] == ["laptop"]
    assert text not in json.dumps(listed)
    assert listed[0]["last_used_at"]
    assert client.delete(f"{cast.url}/tokens/{made.json()['id']}").status_code == 204
    refused = Client().get(cast.url, **bearer)
    assert (refused.status_code, refused.json()["code"]) == (401, "token.invalid")
    with scope(cast.acme.account_id):
        assert text.encode() not in bytes(Token.objects.get().digest)
        details = AuditEvent.objects.filter(account_id=cast.acme.account_id).values_list("detail", flat=True)
        assert all(text not in json.dumps(detail) for detail in details)


def test_a_token_never_does_more_than_its_person_does_now(cast: Cast) -> None:
    bearer = cast.bearer("sam")
    assert "dataset.write" in Client().get(cast.url, **bearer).json()["permissions"]
    with cast.inside("alice") as grant:
        from projects.actions.members import change_role
        from projects.models import Membership

        change_role(grant, Membership.objects.get(user=cast.sam), "viewer")
    assert "dataset.write" not in Client().get(cast.url, **bearer).json()["permissions"]


def test_a_role_above_ones_own_is_refused(cast: Cast) -> None:
    answer = post(cast.client("sam"), f"{cast.url}/tokens", {"name": "x", "role": "owner"})
    assert (answer.status_code, answer.json()["code"]) == (400, "token.role")


def test_a_token_cannot_make_a_stronger_token(cast: Cast) -> None:
    weak = cast.bearer("alice", role="viewer")
    answer = post(Client(), f"{cast.url}/tokens", {"name": "x", "role": "owner"}, **weak)
    assert (answer.status_code, answer.json()["code"]) == (403, "token.more")
    scoped = cast.bearer("alice", scopes=["token.use"])
    assert post(Client(), f"{cast.url}/tokens", {"name": "x"}, **scoped).status_code == 403
    same = post(Client(), f"{cast.url}/tokens", {"name": "x", "scopes": ["token.use"]}, **scoped)
    assert same.status_code == 201


def test_others_tokens_are_for_who_manages_tokens(cast: Cast) -> None:
    token, _text = cast.token("sam")
    assert cast.client("bob").get(f"{cast.url}/tokens/{token.pk}").status_code == 404
    assert cast.client("bob").delete(f"{cast.url}/tokens/{token.pk}").status_code == 404
    assert cast.client("bob").get(f"{cast.url}/tokens?all=true").status_code == 403
    listed = cast.client("mia").get(f"{cast.url}/tokens?all=true").json()["results"]
    assert [token["username"] for token in listed] == ["sam"]
    assert cast.client("mia").delete(f"{cast.url}/tokens/{token.pk}").status_code == 204


def test_a_session_with_a_one_time_password_has_no_api(cast: Cast) -> None:
    client = cast.client("bob")
    type(cast.bob).objects.filter(pk=cast.bob.pk).update(must_change_password=True)
    answer = client.get(cast.url)
    assert (answer.status_code, answer.json()["code"]) == (403, "password.change_first")


def test_unsafe_session_requests_need_the_csrf_token(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice)
    assert patch(client, cast.url, {"name": "x"}).status_code == 403
    with scope(cast.acme.account_id):
        assert Project.objects.get().name == "Acme"
