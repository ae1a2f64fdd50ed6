"""Robots: what works in a project without being a person, by tokens, within its role, until it is stopped."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from accounts import audit
from accounts.audit import Target
from accounts.errors import Forbidden
from accounts.models import Account, AuditEvent, User
from accounts.origin import Origin
from accounts.tenancy import scope
from projects.actions.members import remove_member
from projects.actions.robots import disable_robot, make_robot, make_robot_token
from projects.actions.roles import change_role_permissions, find_role, make_role
from projects.actions.tokens import mint_run_token
from projects.disposal import _tables
from projects.doors.door import resolve
from projects.doors.identity import by_header
from projects.models import Membership, NoticeRecipient, Operation, Robot, Token
from projects.operations import submit
from projects.operations.registry import Done, register
from projects.operations.work import Work, run
from projects.permissions import ROBOT_NEVER, Permission
from projects.token_text import read
from registry.datasets.actions.sensitivity import give_access
from registry.models import Dataset, DatasetGrant
from tests.cast import PASSWORD, Cast

NEVER = sorted(map(str, ROBOT_NEVER))


def made(
    cast: Cast, who: str = "alice", *, name: str = "ci-train", role: str = "scientist", **more: Any
) -> Robot:
    """A robot of acme's."""
    with cast.inside(who) as grant:
        return make_robot(grant, name=name, role=role, **more)


def token_of(cast: Cast, robot: Robot, who: str = "alice", **more: Any) -> tuple[Token, dict[str, str]]:
    """A token of its, and the header."""
    with cast.inside(who) as grant:
        token, text = make_robot_token(grant, robot, name=more.pop("name", "main"), **more)
    return token, {"HTTP_AUTHORIZATION": f"Bearer {text}"}


def status(url: str, header: dict[str, str]) -> int:
    """What a read is answered."""
    return Client().get(url, **header).status_code


def test_a_robot_is_made_over_the_api_given_tokens_and_works_on_record_as_itself(cast: Cast) -> None:
    client = cast.client("alice")
    answer = client.post(
        f"{cast.url}/robots",
        json.dumps({"name": "ci-train", "role": "scientist", "description": "Trains each night."}),
        content_type="application/json",
    )
    assert answer.status_code == 201, answer.content
    assert (answer.json()["responsible"], answer.json()["state"]) == ("alice", "active")
    answer = client.post(
        f"{cast.url}/robots/ci-train/tokens",
        json.dumps({"name": "gitlab", "addresses": ["127.0.0.0/8"]}),
        content_type="application/json",
    )
    assert answer.status_code == 201, answer.content
    text = answer.json()["token"]
    written = read(text)
    assert written is not None
    assert (written.type, str(written.id)) == ("robot", answer.json()["id"])
    header = {"HTTP_AUTHORIZATION": f"Bearer {text}"}
    body = json.dumps({"name": "by-robot"})
    answer = Client().post(f"{cast.url}/datasets", body, content_type="application/json", **header)  # type: ignore[arg-type]
    assert answer.status_code == 201, answer.content
    with scope(cast.acme.pk):
        event = AuditEvent.objects.get(action="dataset.create")
        assert (event.actor_kind, event.actor_label, event.on_behalf_of) == ("robot", "ci-train", "")
        assert event.detail["token"].startswith("gitlab (…"), "which of its tokens it was"
        assert text not in json.dumps(event.detail)
        robot, token = Robot.objects.get(), Token.objects.get(name="gitlab")
        assert event.actor_id == str(robot.pk)
        assert token.last_used_ip == "127.0.0.1"
        assert token.last_used_at is not None
        assert text.encode() not in bytes(token.digest)
        assert Dataset.objects.get().created_by_label == "ci-train"
    shown = client.get(f"{cast.url}/robots").json()["results"][0]
    assert shown["tokens"] == 1
    assert shown["last_used_at"] is not None
    listed = client.get(f"{cast.url}/tokens?all=1").json()["results"]
    assert [(row["purpose"], row["robot"], row["username"], row["leaver"]) for row in listed] == [
        ("robot", "ci-train", None, False)
    ]


def test_a_robot_is_no_person(cast: Cast) -> None:
    people = User.objects.count()
    robot = made(cast)
    _token, header = token_of(cast, robot)
    assert User.objects.count() == people
    assert not Client().login(username="ci-train", password=PASSWORD)
    members = cast.client("alice").get(f"{cast.url}/members").json()["results"]
    assert "ci-train" not in json.dumps(members)
    for own in ("/api/v1/me", "/api/v1/me/projects"):
        answer = Client().get(own, **header)  # type: ignore[arg-type]
        assert answer.status_code in (403, 404), f"{own} is for people"
    page = Client().get(f"/projects/{cast.acme.slug}/", **header)  # type: ignore[arg-type]
    assert page.status_code == 302, "pages know no tokens"


def test_scopes_cut_a_token_and_a_change_of_role_counts_with_the_next_call(cast: Cast) -> None:
    robot = made(cast)
    _token, narrow = token_of(cast, robot, scopes=["project.read", "dataset.read"])
    _token, wide = token_of(cast, robot, name="wide")
    assert status(f"{cast.url}/datasets", narrow) == 200
    assert status(f"{cast.url}/operations", narrow) == 403
    assert status(f"{cast.url}/operations", wide) == 200
    body = json.dumps({"role": "viewer"})
    answer = cast.client("alice").patch(f"{cast.url}/robots/ci-train", body, content_type="application/json")
    assert answer.status_code == 200, answer.content
    write = Client().post(
        f"{cast.url}/datasets",
        json.dumps({"name": "x"}),
        content_type="application/json",
        **wide,  # type: ignore[arg-type]
    )
    assert write.status_code == 403


def test_what_a_robot_never_may_is_taken_away_when_it_calls(cast: Cast) -> None:
    with cast.inside("alice") as grant:
        make_role(grant, name="builder", permissions=["member.read"])
        robot = make_robot(grant, name="ci", role="builder")
        change_role_permissions(grant, find_role("builder"), permissions=["member.read", *NEVER])
    _token, header = token_of(cast, robot)
    identity = by_header(header["HTTP_AUTHORIZATION"], _origin())
    assert identity is not None
    held = resolve(identity, cast.acme.slug, "api").permissions
    assert held == {"project.read", "member.read"}
    body = json.dumps({"username": "charlie", "role": "owner"})
    answer = Client().post(f"{cast.url}/members", body, content_type="application/json", **header)  # type: ignore[arg-type]
    assert answer.status_code == 403
    answer = Client().post(f"{cast.url}/robots/ci/tokens", "{}", content_type="application/json", **header)  # type: ignore[arg-type]
    assert answer.status_code == 403


def _origin() -> Origin:
    return Origin(via="api", ip="127.0.0.1", user_agent="", request_id="")


def test_a_robot_asks_for_no_decision(cast: Cast) -> None:
    robot = made(cast)
    _token, header = token_of(cast, robot)
    with cast.inside("alice"):
        Dataset(name="lots", sensitivity="restricted").save(force_insert=True)
        Dataset(name="logs", sensitivity="internal").save(force_insert=True)
    assert _set(cast, header, "lots", "public").status_code == 404, "nobody let it at this one"
    refused = _set(cast, header, "logs", "public")
    assert (refused.status_code, refused.json()["code"]) == (403, "approval.robot")
    assert _set(cast, header, "logs", "confidential").status_code == 200, (
        "it may raise, which gives it nothing"
    )
    with scope(cast.acme.pk):
        assert not DatasetGrant.objects.exists()


def _set(cast: Cast, header: dict[str, str], name: str, level: str) -> Any:
    body = json.dumps({"sensitivity": level, "reason": "I say so"})
    url = f"{cast.url}/datasets/{name}/sensitivity"
    return Client().post(url, body, content_type="application/json", **header)  # type: ignore[arg-type]


def test_nobody_gets_more_by_a_robot_than_they_have(cast: Cast) -> None:
    with pytest.raises(Forbidden, match="may do more than you"):
        made(cast, "mia", role="owner")
    strong = made(cast, role="owner", name="strong")
    with pytest.raises(Forbidden, match="may do more than you"):
        token_of(cast, strong, "mia")
    with cast.inside("mia") as grant:
        disable_robot(grant, strong, "stopping is safe")
    with cast.inside("sam") as grant, pytest.raises(Forbidden):
        make_robot(grant, name="mine", role="viewer")
    with cast.inside("alice") as grant:
        lots = Dataset(name="lots", sensitivity="restricted")
        lots.save(force_insert=True)
        give_access(grant, lots, role="scientist", reason="their work")
    with pytest.raises(Forbidden, match=r"access\.decide"):
        made(cast, "mia", role="scientist")
    assert made(cast, "mia", role="operator", name="deployer").name == "deployer"


def test_a_token_of_a_role_makes_no_robot_of_the_people_of_that_role(cast: Cast) -> None:
    with cast.inside("alice") as grant:
        make_role(grant, name="builder", permissions=["token.use", "token.manage", "dataset.download"])
        lots = Dataset(name="lots", sensitivity="restricted")
        lots.save(force_insert=True)
        give_access(grant, lots, role="builder", reason="their work")
    header = cast.bearer("mia", role="builder")
    answer = Client().post(
        f"{cast.url}/robots", {"name": "mine", "role": "builder"}, content_type="application/json", **header
    )
    assert (answer.status_code, answer.json()["permission"]) == (403, "access.decide"), answer.content


def test_a_token_that_makes_a_robots_token_gives_it_no_longer_life(cast: Cast) -> None:
    made(cast)
    header = cast.bearer("alice", lifetime=timedelta(minutes=10), addresses=["127.0.0.0/8"])
    answer = Client().post(
        f"{cast.url}/robots/ci-train/tokens",
        json.dumps({"name": "child", "expires_in": 86400}),
        content_type="application/json",
        **header,  # type: ignore[arg-type]
    )
    assert answer.status_code == 201, answer.content
    with scope(cast.acme.pk):
        child = Token.objects.get(name="child")
        assert child.expires_at <= timezone.now() + timedelta(minutes=10)
        assert child.addresses == ["127.0.0.0/8"]


def test_disabled_it_opens_nothing_and_deleted_its_tokens_have_ended(cast: Cast) -> None:
    robot, client = made(cast), cast.client("alice")
    _old, old = token_of(cast, robot, name="old")
    new_row, new = token_of(cast, robot, name="new")
    assert client.delete(f"{cast.url}/tokens/{_old.pk}").status_code == 204
    assert (status(cast.url, old), status(cast.url, new)) == (401, 200), "exchanged without a break"
    reason = json.dumps({"reason": "a leak"})
    for path, code, after in (("disable", 200, 401), ("enable", 200, 200), ("end", 204, 401)):
        body = reason if path != "enable" else ""
        answer = client.post(f"{cast.url}/robots/ci-train/{path}", body, content_type="application/json")
        assert answer.status_code == code, answer.content
        assert status(cast.url, new) == after, path
    assert client.get(f"{cast.url}/robots/ci-train").status_code == 404
    with scope(cast.acme.pk):
        assert Token.objects.get(pk=new_row.pk).revoked_at is not None
        told = AuditEvent.objects.filter(action__in=["robot.disable", "robot.delete"])
        assert all(event.detail["reason"] == "a leak" for event in told)
        assert told.count() == 2
    again = made(cast)
    assert again.pk != robot.pk, "the name is free again, the tokens are not"
    assert status(cast.url, new) == 401


def test_its_end_ends_it(cast: Cast) -> None:
    robot = made(cast, expires_at=timezone.now() + timedelta(hours=1))
    _token, header = token_of(cast, robot)
    assert status(cast.url, header) == 200
    with scope(cast.acme.pk):
        Robot.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert status(cast.url, header) == 401


def test_it_outlives_who_made_it_and_owners_are_told(cast: Cast) -> None:
    robot = made(cast, "mia")
    _token, header = token_of(cast, robot, "mia")
    with cast.inside("alice") as grant:
        remove_member(grant, Membership.objects.get(user=cast.mia))
    assert status(f"{cast.url}/datasets", header) == 200
    shown = cast.client("alice").get(f"{cast.url}/robots/ci-train").json()
    assert shown["responsible_left"] is True
    with scope(cast.acme.pk):
        told = NoticeRecipient.objects.filter(notice__kind="robot.left").values_list(
            "user__username", flat=True
        )
        assert list(told) == ["alice"]
        assert AuditEvent.objects.filter(action="robot.left", target_label="ci-train").exists()
    body = json.dumps({"responsible": "sam"})
    answer = cast.client("alice").patch(f"{cast.url}/robots/ci-train", body, content_type="application/json")
    assert answer.json()["responsible_left"] is False


def test_it_stops_with_its_account_and_goes_with_it(cast: Cast) -> None:
    robot = made(cast)
    _token, header = token_of(cast, robot)
    with scope(cast.acme.pk):
        Account.objects.filter(pk=cast.acme.pk).update(state=Account.State.SUSPENDED)
    assert status(cast.url, header) == 403
    assert {Robot, Token} <= set(_tables())


def test_another_account_knows_nothing_of_it(cast: Cast) -> None:
    robot = made(cast)
    _token, header = token_of(cast, robot)
    other = cast.url.replace(cast.acme.slug, cast.globex.slug)
    nothing = cast.url.replace(cast.acme.slug, "globex-nothing")
    assert status(f"{other}/datasets", header) == status(f"{nothing}/datasets", header) == 404
    charlie = cast.client("charlie")
    assert charlie.get(f"{other}/robots/ci-train").status_code == 404
    with cast.inside("charlie", cast.globex) as grant:
        make_robot(grant, name="ci-train", role="viewer")  # each account has its own names


def advance(work: Work) -> Done:
    """An operation that succeeds at once."""
    return Done({})


register("test.robot", advance)


def _submitted(cast: Cast, header: dict[str, str]) -> Operation:
    identity = by_header(header["HTTP_AUTHORIZATION"], _origin())
    assert identity is not None
    grant = resolve(identity, cast.acme.slug, "api")
    with audit.acting_as(grant.actor, via="api"), scope(cast.acme.pk):
        return submit(
            "test.robot",
            target=Target("thing", "1", "it"),
            payload={},
            grant=grant,
            permission=Permission.DATASET_WRITE,
        )


@pytest.mark.parametrize("stopped", [False, True])
def test_its_work_is_done_as_long_as_it_may(cast: Cast, stopped: bool) -> None:
    robot = made(cast)
    _token, header = token_of(cast, robot)
    operation = _submitted(cast, header)
    if stopped:
        with cast.inside("alice") as grant:
            disable_robot(grant, robot, "a leak")
    run(cast.acme.pk, operation.pk)
    with scope(cast.acme.pk):
        operation = Operation.objects.get(pk=operation.pk)
        assert (operation.state, operation.who) == ("failed" if stopped else "succeeded", "ci-train")
        event = AuditEvent.objects.get(action=f"test.robot.{operation.state}")
        assert (event.actor_kind, event.actor_label) == ("robot", "ci-train")


def test_a_jobs_token_works_for_the_robot_and_stops_with_it(cast: Cast) -> None:
    robot = made(cast)
    with cast.inside("alice"):
        text = mint_run_token(
            user_id=robot.pk,
            purpose=Token.Purpose.RUN,
            name="job #1",
            workload_id=uuid4(),
            lifetime=timedelta(hours=1),
        )
    header = {"HTTP_AUTHORIZATION": f"Bearer {text}"}
    assert status(f"{cast.url}/datasets", header) == 200
    assert status(f"{cast.url}/members", header) == 403
    with cast.inside("alice") as grant:
        disable_robot(grant, robot, "a leak")
    assert status(f"{cast.url}/datasets", header) == 401


def test_the_pages_make_show_and_stop_it(cast: Cast) -> None:
    client = cast.client("alice")
    url = f"/projects/{cast.acme.slug}/settings/robots/"
    form = {"name": "ci-train", "role": "scientist", "responsible": "alice", "description": "Nightly"}
    answer = client.post(url, form)
    assert answer.status_code == 302, answer.content
    form = {"do": "token", "name": "gitlab", "lifetime": str(90 * 24 * 3600)}
    shown = client.post(f"{url}ci-train/", form)
    assert b"mlp_robot_" in shown.content
    assert b"mlp_robot_" not in client.get(f"{url}ci-train/").content.replace(b'title="mlp_robot_', b"")
    assert b"ci-train" in client.get(f"/projects/{cast.acme.slug}/settings/permissions/").content
    assert b"ci-train" in client.get(f"/projects/{cast.acme.slug}/settings/tokens/?show=all").content
    assert client.post(f"{url}ci-train/", {"do": "disable", "reason": ""}).status_code == 400
    assert client.post(f"{url}ci-train/", {"do": "disable", "reason": "leak"}).status_code == 302
    with scope(cast.acme.pk):
        assert Robot.objects.get().disabled_at is not None
    viewer = cast.client("bob").get(f"{url}ci-train/")
    assert viewer.status_code == 200
    assert b"gitlab" not in viewer.content, "its tokens are for who manages tokens"
    assert client.post(f"{url}ci-train/", {"do": "enable"}).status_code == 302
    assert client.post(f"{url}ci-train/", {"do": "delete", "reason": "over"}).status_code == 302
    assert client.get(f"{url}ci-train/").status_code == 404
