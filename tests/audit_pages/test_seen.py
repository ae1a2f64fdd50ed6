"""Who has seen a dataset version and everything made from it: shown on a whole portal, and on rows alone."""

from typing import Any

import httpx
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import audit
from accounts.audit import Actor, Target
from accounts.ids import uuid7
from accounts.models import AuditEvent
from accounts.tenancy import scope
from examples.portal_client import Document, Refused
from projects.models import State
from registry.models import DatasetVersion, Endpoint, Revision, TrainingJob
from tests.access_matrix.arguments_registry import make_job, make_version
from tests.cast import Cast
from tests.loop.fixtures import Team
from tests.loop.running import Portal, wait_for_job, wait_for_operation

RUN = "c0ffee" * 5 + "00"


@pytest.fixture
def made(cast: Cast) -> dict[str, Any]:
    """A version, a job that read it, its run, and an endpoint that served another model before that run's."""
    version = make_version(cast, cast.acme)
    make_job(cast, cast.acme, State.SUCCEEDED)
    with cast.inside("alice"):
        row = DatasetVersion.objects.get(pk=version["version"])
        inputs = {"data": {"dataset": row.dataset.name, "version": row.number, "id": str(row.pk)}}
        TrainingJob.objects.update(inputs=inputs, run_id=RUN, experiment_id="1")
        endpoint = Endpoint(name="cd", created_by_label="alice")
        endpoint.save(force_insert=True)
        for number, run_id in ((1, "other"), (2, RUN)):
            Revision(
                endpoint=endpoint,
                number=number,
                model_name="etch",
                model_version=number,
                run_id=run_id,
                user_id=cast.alice.pk,
                created_by_label="alice",
            ).save(force_insert=True)
    return {**version, "endpoint": endpoint}


def _read(cast: Cast, who: str, action: str, target: Target, outcome: str = "ok", **detail: Any) -> None:
    actor = Actor("token", str(uuid7()), f"a token of {who}", who)
    with audit.acting_as(actor, via="api"), scope(cast.acme.pk):
        audit.record(action, target, outcome=outcome, detail=detail)


@pytest.mark.usefixtures("no_mlflow")
def test_reads_are_collected_along_the_lineage(cast: Cast, made: dict[str, Any]) -> None:
    version = Target("datasetversion", str(made["version"]), "v")
    endpoint = Target("endpoint", str(made["endpoint"].pk), "cd")
    _read(cast, "sam", "dataset.download", version, path="a.csv")
    _read(cast, "sam", "dataset.download", version, path="b.csv")
    _read(cast, "bob", "dataset.download", version, outcome="denied")
    _read(cast, "oscar", "endpoint.invoke", endpoint, revision=2)
    _read(cast, "bob", "endpoint.invoke", endpoint, revision=1)
    _read(cast, "mia", "artifact.download", Target("artifact", f"1/{RUN}/artifacts/a.txt", "a"))
    _read(cast, "mia", "artifact.download", Target("run", RUN, "r"))
    url = f"{cast.url}/datasets/{made['name']}/versions/{made['number']}/seen"
    seen = cast.client("stella").get(url).json()
    assert {(each["person"], each["thing"]["type"], each["count"]) for each in seen["readers"]} == {
        ("sam", "datasetversion", 2),
        ("oscar", "endpoint", 1),
        ("mia", "run", 2),
    }, "who was refused, and who called another model's revision, has seen nothing of it"
    assert seen["complete"] is False, "no MLflow answers here, and the answer says so"
    assert [thing["type"] for thing in seen["things"]] == [
        "datasetversion",
        "trainingjob",
        "run",
        "modelversion",
        "endpoint",
    ]
    events = cast.client("stella").get(f"{url}/events").json()["results"]
    assert len(events) == 5
    stella = cast.client("stella")
    with CaptureQueriesContext(connection) as queries:
        page = stella.get(f"/projects/{cast.acme.slug}/audit/seen/{made['version']}/")
    assert page.context["people"] == ["mia", "oscar", "sam"]
    plain = [q for q in queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE", "SELECT set_config"))]
    assert len(plain) <= 15, "\n".join(q["sql"] for q in plain)
    with scope(cast.acme.pk):
        asked = AuditEvent.objects.filter(action="audit.read", target_id=str(made["version"]))
        assert asked.count() == 3, "asking is on record"


def test_a_version_that_nobody_read_says_so(cast: Cast) -> None:
    version = make_version(cast, cast.acme)
    seen = cast.client("stella").get(
        f"{cast.url}/datasets/{version['name']}/versions/{version['number']}/seen"
    )
    assert (seen.json()["readers"], seen.json()["complete"]) == ([], True)
    page = cast.client("stella").get(f"/projects/{cast.acme.slug}/audit/seen/{version['version']}/")
    assert "Nobody has read it" in page.content.decode()
    assert cast.client("bob").get(page.request["PATH_INFO"]).status_code == 403
    assert cast.client("charlie").get(page.request["PATH_INFO"]).status_code == 404


def test_a_whole_portal_knows_who_saw_what_was_trained_on_it(portal: Portal, team: Team) -> None:
    job: Document = team.scientist.post(
        "training-jobs",
        {
            "project": "loop",
            "parameters": {"alpha": "0.4", "log_model": "1"},
            "inputs": {"data": "wafers@1"},
            "register_as": "seen",
        },
    )
    ended = wait_for_job(team.scientist, job["number"])
    assert ended["state"] == "succeeded", ended
    team.owner.post("endpoints", {"name": "seen"})
    deployed = team.owner.post("endpoints/seen/deploy", {"model": "seen", "version": 1})
    assert wait_for_operation(team.owner, deployed["operation"])["state"] == "succeeded"
    good = {"dataframe_split": {"columns": ["a", "b"], "data": [[1.0, 2.0]]}}
    team.scientist.post("endpoints/seen/invocations", good)
    address = f"{portal.url}/api/v1/projects/{team.slug}/datasets/wafers/versions/1/files/wafers.csv"
    token = {"Authorization": f"Bearer {team.tokens['owner']}"}
    assert httpx.get(address, headers=token).status_code == 200
    seen = team.owner.get("datasets/wafers/versions/1/seen")
    assert seen["complete"] is True
    kinds = {thing["type"] for thing in seen["things"]}
    assert kinds == {"datasetversion", "trainingjob", "run", "modelversion", "endpoint"}
    assert ended["run_id"] in {thing["id"] for thing in seen["things"]}
    read = {
        (each["person"], each["thing"]["type"], action)
        for each in seen["readers"]
        for action in each["actions"]
    }
    assert ("etch-scientist", "datasetversion", "dataset.read") in read, "the job read it for who launched it"
    assert ("etch-owner", "datasetversion", "dataset.download") in read
    assert ("etch-scientist", "endpoint", "endpoint.invoke") in read
    with pytest.raises(Refused) as refused:
        team.scientist.get("datasets/wafers/versions/1/seen")
    assert refused.value.status == 403
