"""Confidential and restricted data leave by no way without a grant by name: list, page, profile, preview, file, job."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.errors import Conflict, Forbidden, Invalid
from accounts.models import AuditEvent
from accounts.tenancy import scope
from projects import approvals
from projects.actions.members import change_role
from projects.actions.roles import make_role
from projects.actions.tokens import mint_run_token
from projects.models import ApprovalRequest, Membership, Token
from projects.operations import Failed, Work
from projects.permissions import permissions_of
from registry.blobs.writer import BlobWriter
from registry.datasets import sweep
from registry.datasets.access import open_for_job
from registry.datasets.actions import sensitivity as actions
from registry.datasets.actions.datasets import create_dataset
from registry.datasets.actions.versions import add_single_file_version
from registry.models import Dataset, DatasetGrant, DatasetVersion, TrainingJob
from registry.training.run import _check_inputs
from tests.access_matrix.arguments_registry import make_job
from tests.access_matrix.calls import Caller, call
from tests.access_matrix.routes import asgi_routes
from tests.cast import Cast, events

CONTENT = b"lot,value\n17,4\n"


def make(cast: Cast, level: str = "confidential", name: str = "wafers") -> Dataset:
    """A sealed dataset of alice's, of this sensitivity."""
    with cast.inside("alice") as grant:
        dataset = create_dataset(grant, name)
        with BlobWriter.open(grant.account_id) as writer:
            writer.append(CONTENT)
            writer.complete()
            add_single_file_version(grant, dataset, "a.csv", writer)
        if level != "internal":
            actions.set_sensitivity(grant, dataset, level, "lots of a customer")
        return dataset


DOWNLOAD = next(r for r in asgi_routes() if r.template.endswith("/files/{path}"))


def download(cast: Cast, who: str | None, *, token: str = "", query: str = "", name: str = "wafers") -> Any:
    """Read the file through the ASGI door, as a person's session or a token."""
    from tests.access_matrix.registry import Entry

    caller = Caller("x", client=cast.client(who) if who else None, token=token)
    values = {"slug": cast.acme.slug, "name": name, "number": 1, "path": "a.csv"}
    return call(DOWNLOAD, "GET", values, caller, Entry(lambda *_: {}, query=query))


def ways(cast: Cast, who: str, name: str = "wafers") -> dict[str, int]:
    """The answers to each way in which data leaves, with a reason given."""
    client = cast.client(who)
    version = f"{cast.url}/datasets/{name}/versions/1"
    pages = f"/projects/{cast.acme.slug}/datasets/{name}"
    return {
        "profile": client.get(f"{version}/profile").status_code,
        "preview": client.get(f"{version}/preview").status_code,
        "preview page": client.get(f"{pages}/versions/1/preview/?path=a.csv").status_code,
        "download page": client.get(f"{pages}/versions/1/download/?path=a.csv").status_code,
        "file": download(cast, who, query="reason=the+monthly+review", name=name).status,
    }


def test_confidential_data_leaves_by_no_way_without_a_grant(cast: Cast) -> None:
    make(cast)
    assert ways(cast, "sam") == dict.fromkeys(ways(cast, "sam"), 403)
    assert ways(cast, "mia") == dict.fromkeys(ways(cast, "mia"), 403)
    listed = cast.client("sam").get(f"{cast.url}/datasets").json()["results"]
    assert [(row["name"], row["sensitivity"]) for row in listed] == [("wafers", "confidential")]
    page = cast.client("sam").get(f"/projects/{cast.acme.slug}/datasets/wafers/").content.decode()
    assert "This data needs a grant by name." in page
    assert "lot" not in page.split("<main")[1].lower().replace("lots", "")


def test_who_raised_it_keeps_it_and_is_asked_why(cast: Cast) -> None:
    make(cast)
    assert download(cast, "alice").status == 400
    answer = download(cast, "alice", query="reason=the+monthly+review")
    assert (answer.status, answer.body) == (200, CONTENT)
    with scope(cast.acme.account_id):
        event = AuditEvent.objects.filter(action="dataset.download", outcome="ok").latest("at")
        assert event.detail["reason"] == "the monthly review"
        assert event.detail["sensitivity"] == "confidential"


def test_internal_data_asks_nothing(cast: Cast) -> None:
    make(cast, "internal")
    assert download(cast, "sam").status == 200


def test_restricted_data_is_not_even_listed(cast: Cast) -> None:
    make(cast, "restricted", "dies")
    sam = cast.client("sam")
    assert sam.get(f"{cast.url}/datasets").json()["results"] == []
    assert set(ways(cast, "sam", "dies").values()) == {404}
    missing, hidden = sam.get(f"{cast.url}/datasets/nothing"), sam.get(f"{cast.url}/datasets/dies")
    assert missing.status_code == hidden.status_code == 404
    assert missing.json()["code"] == hidden.json()["code"]
    pages = f"/projects/{cast.acme.slug}/datasets/"
    assert f"{pages}dies/" not in sam.get(pages).content.decode()
    assert f"{pages}dies/" in cast.client("alice").get(pages).content.decode()
    stella = cast.client("stella")  # decides on access: sees the name, not the data
    assert len(stella.get(f"{cast.url}/datasets").json()["results"]) == 1
    assert stella.get(f"{cast.url}/datasets/dies/versions/1/preview").status_code == 403


def test_asking_and_being_let_at_it(cast: Cast) -> None:
    make(cast)
    asked = cast.client("sam").post(
        f"{cast.url}/datasets/wafers/access-requests", {"reason": "drift of lot 17"}, "application/json"
    )
    assert asked.status_code == 201, asked.content
    with cast.inside("stella") as grant:
        approvals.decide(grant, ApprovalRequest.objects.get(), approve=True)
    assert download(cast, "sam", query="reason=drift").status == 200
    with scope(cast.acme.account_id):
        DatasetGrant.objects.filter(user=cast.sam).update(expires_at=timezone.now())
    assert download(cast, "sam", query="reason=drift").status == 403


def test_a_role_can_be_let_at_it(cast: Cast) -> None:
    make(cast)
    with cast.inside("stella") as grant:
        dataset = Dataset.objects.get()
        let = actions.give_access(grant, dataset, role="scientist", reason="all of the yield team")
    assert download(cast, "sam", query="reason=drift").status == 200
    assert download(cast, "mia", query="reason=drift").status == 403
    with cast.inside("stella") as grant:
        actions.end_access(grant, let)
    assert download(cast, "sam", query="reason=drift").status == 403


def test_a_token_that_names_a_role_is_not_let_at_what_that_role_may_have(cast: Cast) -> None:
    """mia and alice make themselves tokens of a scientist's role; sam is one."""
    make(cast, "restricted")
    with cast.inside("alice") as grant:
        actions.give_access(grant, Dataset.objects.get(), role="scientist", reason="all of the yield team")
    text = cast.token("mia", role="scientist")[1]
    listed = cast.client("").get(f"{cast.url}/datasets", HTTP_AUTHORIZATION=f"Bearer {text}").json()
    assert (download(cast, None, token=text, query="reason=drift").status, listed["results"]) == (404, [])
    with scope(cast.acme.account_id):
        DatasetGrant.objects.filter(user=cast.alice).update(ended_at=timezone.now())
    own, as_another = cast.token("alice")[1], cast.token("alice", role="scientist")[1]
    assert download(cast, None, token=own, query="reason=drift").status == 403
    assert download(cast, None, token=as_another, query="reason=drift").status == 404
    assert download(cast, None, token=cast.token("sam")[1], query="reason=drift").status == 200
    assert download(cast, None, token=cast.token("sam", role="viewer")[1]).status == 403


def test_a_token_of_a_lesser_role_does_not_let_its_own_person_at_data(cast: Cast) -> None:
    make(cast)
    body = {"role": "owner", "reason": "curious"}
    for role in ("owner", "steward"):
        answer = cast.client("").post(
            f"{cast.url}/datasets/wafers/grants", body, "application/json", **cast.bearer("alice", role=role)
        )
        assert (answer.status_code, answer.json()["code"]) == (403, "access.self"), answer.content


def test_nobody_lets_themselves_at_data(cast: Cast) -> None:
    dataset = make(cast)
    with cast.inside("stella") as grant:
        with pytest.raises(Forbidden):
            actions.give_access(grant, dataset, username="stella", reason="curious")
        with pytest.raises(Forbidden):
            actions.give_access(grant, dataset, role="steward", reason="curious")


def test_nobody_takes_a_role_for_the_data_that_was_given_to_it(cast: Cast) -> None:
    """An owner who makes themselves a scientist for an hour; a manager of members who makes a friend one."""
    make(cast, "restricted")
    with cast.inside("stella") as grant:
        actions.give_access(grant, Dataset.objects.get(), role="scientist", reason="all of the yield team")
    with cast.inside() as grant:
        change_role(grant, Membership.objects.get(user=cast.mia), "owner")
        make_role(grant, name="staff", permissions=[*permissions_of("maintainer"), "member.manage"])
        change_role(grant, Membership.objects.get(user=cast.bob), "staff")
        with pytest.raises(Forbidden, match="lets themselves"):
            change_role(grant, Membership.objects.get(user=cast.alice), "scientist")
    members, people = f"{cast.url}/members", {"charlie": "scientist", "oscar": "scientist"}
    bob = cast.client("bob")
    for name, role in people.items():
        body = {"username": name, "role": role}
        if name == "charlie":
            answer = bob.post(members, body, "application/json")
        else:
            with scope(cast.acme.account_id):
                pk = Membership.objects.get(user=cast.oscar).pk
            answer = bob.patch(f"{members}/{pk}", {"role": role}, "application/json")
        assert (answer.status_code, answer.json()["permission"]) == (403, "access.decide"), answer.content
    with cast.inside("mia") as grant:
        change_role(grant, Membership.objects.get(user=cast.oscar), "scientist")  # an owner decides on access


def test_nobody_lowers_the_sensitivity_of_what_they_may_not_have_by_their_own_word(cast: Cast) -> None:
    """An owner who opens restricted data to everybody opens it to themselves."""
    make(cast, "restricted")
    with scope(cast.acme.account_id):
        DatasetGrant.objects.filter(user=cast.alice).update(ended_at=timezone.now())
    answer = cast.client("alice").post(
        f"{cast.url}/datasets/wafers/sensitivity",
        {"sensitivity": "internal", "reason": "to look into it"},
        "application/json",
    )
    assert (answer.status_code, answer.json()["applied"]) == (202, False), answer.content
    with cast.inside() as grant, pytest.raises(Forbidden):
        approvals.decide(grant, ApprovalRequest.objects.get(), approve=True)
    assert download(cast, "alice", query="reason=xxxx").status == 403
    with cast.inside("stella") as grant:
        assert (
            actions.set_sensitivity(grant, Dataset.objects.get(), "confidential", "it opens nothing") is None
        )
        request = ApprovalRequest.objects.get()
        with pytest.raises(Conflict, match="by now"):  # asked when it was restricted
            approvals.decide(grant, request, approve=True)
        assert Dataset.objects.get().sensitivity == "confidential"


def test_the_end_of_a_grant_goes_on_record_once(cast: Cast, system_role: None) -> None:
    dataset = make(cast)
    with cast.inside("stella") as grant:
        let = actions.give_access(grant, dataset, username="sam", days=1, reason="drift")
        DatasetGrant.objects.filter(pk=let.pk).update(expires_at=timezone.now())
    assert (sweep.record_ends(), sweep.record_ends()) == (1, 0)
    assert len(events(cast.acme.account_id, action="dataset.access_end")) == 1


def test_lower_is_asked_for_and_higher_counts_at_once(cast: Cast) -> None:
    make(cast)
    sam = cast.client("sam")
    url = f"{cast.url}/datasets/wafers/sensitivity"
    lower = sam.post(url, {"sensitivity": "internal", "reason": "all public now"}, "application/json")
    assert (lower.status_code, lower.json()["applied"]) == (202, False)
    assert download(cast, "sam", query="reason=x").status == 403
    with cast.inside("stella") as grant:
        approvals.decide(grant, ApprovalRequest.objects.get(), approve=True)
    assert download(cast, "sam").status == 200
    higher = sam.post(url, {"sensitivity": "restricted", "reason": "a customer asks"}, "application/json")
    assert (higher.status_code, higher.json()["applied"]) == (200, True)
    assert download(cast, "mia", query="reason=xxxx").status == 404
    with cast.inside("alice") as grant, pytest.raises(Invalid):
        actions.set_sensitivity(grant, Dataset.objects.get(), "internal", "  ")
    with cast.inside("alice") as grant, pytest.raises(Conflict):
        actions.set_sensitivity(grant, Dataset.objects.get(), "restricted", "again")


def job_of(cast: Cast, dataset: Dataset) -> TrainingJob:
    """A job of sam's, with this dataset's version as its input."""
    make_job(cast, cast.acme, "queued")
    with scope(cast.acme.account_id):
        version = DatasetVersion.objects.get(dataset=dataset)
        job: TrainingJob = TrainingJob.objects.select_related("operation").get()
        job.inputs = {"data": {"dataset": dataset.name, "version": 1, "id": str(version.pk)}}
        job.workload_id = uuid4()
        job.save()
        job.operation.user_id = cast.sam.pk
        job.operation.save(update_fields=["user_id"])
        return job


def test_a_job_is_looked_at_again_when_it_starts_and_when_it_reads(cast: Cast) -> None:
    dataset = make(cast)
    job = job_of(cast, dataset)
    with scope(cast.acme.account_id):
        version = DatasetVersion.objects.get(dataset=dataset)
    with cast.inside("sam"), pytest.raises(Failed, match="may no longer"):
        _check_inputs(Work(job.operation), job)
    with cast.inside("sam"), pytest.raises(Forbidden):
        open_for_job(version.pk, user_id=cast.sam.pk, on_behalf_of="sam", job="#1")
    with cast.inside("stella") as grant:
        let = actions.give_access(grant, dataset, username="sam", reason="drift")
    with cast.inside("sam"):
        _check_inputs(Work(job.operation), job)
        files = open_for_job(version.pk, user_id=cast.sam.pk, on_behalf_of="sam", job="#1")
        assert [(path, b"".join(pieces)) for path, pieces in files] == [("a.csv", CONTENT)]
    with cast.inside("stella") as grant:
        actions.end_access(grant, let)
    with cast.inside("sam"), pytest.raises(Failed):
        _check_inputs(Work(job.operation), job)


def test_a_jobs_token_reaches_what_its_launch_named_and_nothing_else(cast: Cast) -> None:
    named, other = make(cast, "internal"), make(cast, "internal", "recipes")
    job = job_of(cast, named)
    assert job.workload_id is not None
    with cast.inside("sam"):
        text = mint_run_token(
            user_id=cast.sam.pk,
            purpose=Token.Purpose.RUN,
            name="job",
            workload_id=job.workload_id,
            lifetime=timedelta(hours=1),
        )
    assert download(cast, None, token=text).status == 200
    with cast.inside("alice") as grant:
        actions.set_sensitivity(grant, named, "restricted", "lots of a customer")
    assert download(cast, None, token=text).status == 403
    with cast.inside("stella") as grant:
        actions.give_access(grant, named, role="scientist", reason="all of the yield team")
    assert download(cast, None, token=text).status == 200
    assert download(cast, None, token=text, name=other.name).status == 404
    client, bearer = cast.client(""), {"HTTP_AUTHORIZATION": f"Bearer {text}"}
    listed = client.get(f"{cast.url}/datasets", **bearer).json()["results"]
    assert [row["name"] for row in listed] == ["wafers"]


def test_training_on_it_needs_the_grant(cast: Cast) -> None:
    from registry.training.launch import _inputs

    make(cast)
    types = {"data": {"type": "path"}}
    with cast.inside("sam") as grant, pytest.raises(Invalid) as refused:
        _inputs(grant, {"data": "wafers@1"}, types)
    assert "inputs.data" in refused.value.data["errors"]
    with cast.inside("alice") as grant:
        mounts, _values, made_from = _inputs(grant, {"data": "wafers"}, types)
    assert (mounts["data"]["version"], made_from) == (1, "confidential")


def test_a_reason_may_be_korean(cast: Cast) -> None:
    from registry.datasets.sensitivity import reason_for

    dataset = make(cast)
    assert reason_for(cast.grant("alice"), dataset, "17번 로트 드리프트 확인") == "17번 로트 드리프트 확인"
    for short in ("", "  ", "x"):
        with pytest.raises(Invalid):
            reason_for(cast.grant("alice"), dataset, short)


def test_pages_of_access_work(cast: Cast) -> None:
    make(cast)
    page = f"/projects/{cast.acme.slug}/datasets/wafers/access/"
    stella, sam = cast.client("stella"), cast.client("sam")
    given = stella.post(page, {"do": "give", "bearer": "u:sam", "days": "7", "reason": "drift"})
    assert given.status_code == 302, given.content
    with scope(cast.acme.account_id):
        let = DatasetGrant.objects.get(user=cast.sam)
    assert "sam" in sam.get(page).content.decode()
    assert stella.post(f"{page}{let.pk}/").status_code == 302
    assert sam.post(page, {"do": "ask", "days": "7", "reason": "again please"}).status_code == 302
    assert sam.post(page, {"do": "level", "sensitivity": "internal", "reason": "why not"}).status_code == 302
    assert (
        cast.client("bob").post(page, {"do": "level", "sensitivity": "public", "reason": "x"}).status_code
        == 403
    )
