"""A robot is let at confidential and restricted data by name, as a person is, and by nobody who gets more by it."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.errors import Conflict, Forbidden, Invalid, NotFound
from accounts.models import AuditEvent
from accounts.tenancy import scope
from projects.actions.robots import change_robot, delete_robot, disable_robot, make_robot
from projects.models import Membership, NoticeRecipient, Robot
from projects.reviews.findings import Period, gathered
from projects.reviews.months import Month
from projects.reviews.words import sentence
from registry.datasets.actions import sensitivity as actions
from registry.models import Dataset, DatasetGrant
from registry.training.launch import _inputs
from tests.cast import Cast, events
from tests.identity.test_robots import made, token_of
from tests.roles.test_sensitivity import download, make

REASON = "reason=the+nightly+training"


def _let(cast: Cast, who: str = "stella", robot: str = "ci-train", **more: Any) -> DatasetGrant:
    with cast.inside(who) as grant:
        return actions.give_access(
            grant, Dataset.objects.get(), robot=robot, reason="Trains nightly.", **more
        )


def _read(cast: Cast, header: dict[str, str]) -> int:
    token = header["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    status: int = download(cast, None, token=token, query=REASON).status
    return status


def test_a_robot_reads_guarded_data_while_its_grant_lives(cast: Cast) -> None:
    make(cast, "restricted")
    robot = made(cast)
    _token, header = token_of(cast, robot)
    url = f"{cast.url}/datasets/wafers"
    assert Client().get(url, **header).status_code == 404  # type: ignore[arg-type]
    assert _read(cast, header) == 404
    let = _let(cast)
    assert _read(cast, header) == 200
    listed = Client().get(f"{cast.url}/datasets", **header).json()["results"]  # type: ignore[arg-type]
    assert [row["name"] for row in listed] == ["wafers"]
    other = made(cast, name="other")
    assert _read(cast, token_of(cast, other)[1]) == 404, "the grant is that robot's alone"
    with cast.inside("stella") as grant:
        actions.end_access(grant, let)
    assert _read(cast, header) == 404
    with scope(cast.acme.pk):
        given = AuditEvent.objects.get(action="dataset.access_grant", detail__bearer="robot")
        assert (given.detail["to"], given.detail["reason"]) == ("ci-train", "Trains nightly.")
        read = AuditEvent.objects.get(action="dataset.download", outcome="ok")
        assert (read.actor_kind, read.actor_label) == ("robot", "ci-train")
        told = NoticeRecipient.objects.filter(notice__kind=actions.GRANTED)
        assert [row.user.username for row in told.select_related("user")] == ["alice"], "who is responsible"


def test_what_it_launches_trains_on_that_data(cast: Cast) -> None:
    make(cast)
    robot = made(cast)
    from projects.doors.door import resolve
    from projects.doors.identity import by_header
    from registry.datasets.sensitivity import holder_may_have
    from tests.identity.test_robots import _origin

    _token, header = token_of(cast, robot)
    identity = by_header(header["HTTP_AUTHORIZATION"], _origin())
    assert identity is not None
    grant, types = resolve(identity, cast.acme.slug, "api"), {"data": {"type": "path"}}
    with scope(cast.acme.pk):
        with pytest.raises(Invalid):
            _inputs(grant, {"data": "wafers"}, types)
        assert not holder_may_have(robot.pk, Dataset.objects.get())
    _let(cast)
    with scope(cast.acme.pk):
        mounts, _values, made_from = _inputs(grant, {"data": "wafers"}, types)
        assert (mounts["data"]["version"], made_from) == (1, "confidential")
        assert holder_may_have(robot.pk, Dataset.objects.get()), "as the job starts, and as it reads"


def test_a_grant_ends_with_its_robot_and_on_record(cast: Cast) -> None:
    make(cast)
    robot = made(cast)
    let = _let(cast)
    with cast.inside("alice") as grant:
        delete_robot(grant, robot, "not needed")
    with scope(cast.acme.pk):
        ended = DatasetGrant.objects.get(pk=let.pk)
        assert ended.ended_at is not None
        event = AuditEvent.objects.get(action="dataset.access_end")
        assert (event.detail["to"], event.detail["grant"]) == ("ci-train", str(let.pk))
        assert AuditEvent.objects.get(action="robot.delete").detail["grants"] == 1
    again = made(cast)
    assert _read(cast, token_of(cast, again)[1]) == 403, "a robot of the same name is another one"
    with pytest.raises(NotFound):
        _let(cast, robot="gone")


def test_a_robot_that_does_not_work_is_let_at_nothing(cast: Cast) -> None:
    make(cast)
    robot = made(cast)
    with cast.inside("alice") as grant:
        disable_robot(grant, robot, "a leak")
    with pytest.raises(Conflict, match="Disabled"):
        _let(cast)


@pytest.mark.parametrize(
    "named", [{}, {"username": "sam", "robot": "ci-train"}, {"role": "viewer", "robot": "ci-train"}]
)
def test_exactly_one_is_named(cast: Cast, named: dict[str, str]) -> None:
    make(cast)
    made(cast)
    with cast.inside("stella") as grant, pytest.raises(Invalid):
        actions.give_access(grant, Dataset.objects.get(), reason="two at once", **named)


def _save_at_once(row: DatasetGrant) -> None:
    """Save as a commit would: deferred constraints are looked at now."""
    with transaction.atomic(), connection.cursor() as cursor:
        row.save(force_insert=True)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_postgresql_refuses_two_bearers_none_and_a_robot_of_elsewhere(cast: Cast) -> None:
    make(cast)
    robot = made(cast)
    with cast.inside("charlie", cast.globex) as grant:
        stranger = make_robot(grant, name="theirs", role="viewer")
    common = {"reason": "straight into the table", "granted_by_label": "x"}
    with scope(cast.acme.pk):
        dataset = Dataset.objects.get()
        for bearers in (
            {"robot": robot, "user": cast.sam},
            {"robot": robot, "role": "viewer"},
            {},
        ):
            with pytest.raises(IntegrityError, match="registry_datasetgrant_bearer"), transaction.atomic():
                DatasetGrant(dataset=dataset, **bearers, **common).save(force_insert=True)
        for unknown in (stranger.pk, uuid4()):
            row = DatasetGrant(dataset=dataset, robot_id=unknown, **common)
            with pytest.raises(IntegrityError, match="robot_id_tenant"):
                _save_at_once(row)


def test_nobody_lets_a_robot_of_theirs_at_what_they_may_not_have(cast: Cast) -> None:
    make(cast)
    robot = made(cast, "mia", role="maintainer")
    with scope(cast.acme.pk):
        Membership(user=cast.charlie, role="owner").save(force_insert=True)
    with pytest.raises(Forbidden, match="somebody else"):
        _let(cast, "charlie")
    _let(cast)
    for who in ("charlie", "mia"):
        with pytest.raises(Forbidden, match="let at data"):
            token_of(cast, robot, who)
        with cast.inside(who) as grant, pytest.raises(Forbidden, match="let at data"):
            change_robot(
                grant,
                Robot.objects.get(),
                description="",
                role="maintainer",
                responsible=who,
                expires_at=None,
            )
    page = cast.client("mia").get(f"/projects/{cast.acme.slug}/settings/robots/ci-train/").content.decode()
    assert 'value="token"' not in page, "no button that would refuse"
    token_of(cast, robot, "alice")  # may have the data herself
    with cast.inside("mia") as grant:
        disable_robot(grant, Robot.objects.get(), "stopping takes no more than the permission")


def test_pages_and_api_say_who_may_have_what(cast: Cast) -> None:
    make(cast)
    made(cast)
    stella = cast.client("stella")
    page = f"/projects/{cast.acme.slug}/datasets/wafers/access/"
    assert 'value="b:ci-train"' in stella.get(page).content.decode()
    given = stella.post(page, {"do": "give", "bearer": "b:ci-train", "days": "7", "reason": "Nightly."})
    assert given.status_code == 302, given.content
    shown = stella.get(page).content.decode()
    assert f"/projects/{cast.acme.slug}/settings/robots/ci-train/" in shown
    listed = stella.get(f"{cast.url}/datasets/wafers/grants").json()["results"]
    assert ("ci-train", "", "") in [(row["robot"], row["username"], row["role"]) for row in listed]
    robot = cast.client("bob").get(f"/projects/{cast.acme.slug}/settings/robots/ci-train/").content.decode()
    assert "let at it by stella: Nightly." in robot
    reach = cast.client("bob").get(f"{cast.url}/robots/ci-train/reach").json()
    assert (reach["name"], reach["state"]) == ("ci-train", "active")
    assert [(one["name"], one["allowed"]) for one in reach["things"]] == [("wafers", True)]
    held = {one["permission"] for one in reach["permissions"]}
    assert "dataset.download" in held
    assert "approval.ask" not in held, "what no robot may is not said of it"
    body = json.dumps({"robot": "ci-train", "reason": "Once more.", "days": 3})
    again = stella.post(f"{cast.url}/datasets/wafers/grants", body, content_type="application/json")
    assert (again.status_code, again.json()["robot"]) == (201, "ci-train")
    for let in (row["id"] for row in listed if row["robot"]):
        assert stella.post(f"{page}{let}/").status_code == 302
    assert stella.delete(f"{cast.url}/datasets/wafers/grants/{again.json()['id']}").status_code == 204
    with cast.inside("alice") as grant:
        disable_robot(grant, Robot.objects.get(), "a leak")
    reach = cast.client("bob").get(f"{cast.url}/robots/ci-train/reach").json()
    assert (reach["state"], reach["permissions"], reach["things"]) == ("disabled", [], [])
    assert len(events(cast.acme.account_id, action="dataset.access_end")) == 2


def _findings(cast: Cast) -> dict[str, list[dict[str, Any]]]:
    with scope(cast.acme.pk):
        found, _left_out = gathered(Period(cast.acme.account_id, Month.current()))
    return {
        kind: [one for one in found if one["kind"] == kind and one["about"] == "ci-train"]
        for kind in ("leaver", "dormant", "grant")
    }


def test_a_review_names_grants_of_robots_that_do_nothing_or_are_stopped(cast: Cast) -> None:
    make(cast)
    robot = made(cast)
    _let(cast)
    found = _findings(cast)
    assert [len(found[kind]) for kind in ("leaver", "dormant", "grant")] == [0, 0, 1]
    assert found["grant"][0]["facts"]["bearer"] == "robot"
    with scope(cast.acme.pk):
        Robot.objects.update(created_at=timezone.now() - timedelta(days=200))
    found = _findings(cast)
    assert [len(found[kind]) for kind in ("leaver", "dormant", "grant")] == [0, 1, 1]
    assert "ci-train: no record for 90 days. Was let at wafers" in sentence(found["dormant"][0])
    _token, header = token_of(cast, robot)
    assert _read(cast, header) == 200
    assert not _findings(cast)["dormant"], "it has read since"
    with cast.inside("alice") as grant:
        disable_robot(grant, robot, "a leak")
    found = _findings(cast)
    assert [len(found[kind]) for kind in ("leaver", "dormant", "grant")] == [1, 0, 0]
    assert "The robot ci-train does not work" in sentence(found["leaver"][0])
    assert found["leaver"][0]["notable"]
