"""The whole loop through the public API, on the real engines: data, training, model, endpoint, prediction, record."""

import secrets
import time
from urllib.parse import parse_qsl, urlsplit

import httpx
import psutil
import pytest

from examples.portal_client import Document, Refused
from tests.loop.fixtures import MEASUREMENTS, Team
from tests.loop.running import (
    Portal,
    processes_of,
    project_archive,
    until,
    wait_for_job,
    wait_for_operation,
    whole_log,
    zipped,
)

GOOD = {"dataframe_split": {"columns": ["a", "b"], "data": [[1.0, 2.0], [3.0, 4.5]]}}
WRONG = {"dataframe_split": {"columns": ["a", "c"], "data": [[1.0, 2.0]]}}


def launched(team: Team, **parameters: str) -> Document:
    return dict(
        team.scientist.post(
            "training-jobs", {"project": "loop", "parameters": {"alpha": "0.4", **parameters}}
        )
    )


def workload_of(portal: Portal, number: int) -> str:
    rows = portal.query("SELECT workload_id FROM registry_trainingjob WHERE number = %s", number)
    return str(rows[-1][0])


def run_of(team: Team, job: Document) -> Document:
    return dict(team.viewer.get(f"runs/{job['run_id']}"))


def closed_run(team: Team, job: Document) -> Document:
    """The run of an ended job, once the sweep has seen it too."""
    return until(lambda: (run := run_of(team, job))["status"] != "RUNNING" and run, 30, "the run is open")


def actions_on_record(team: Team) -> list[str]:
    found: list[str] = []
    query: dict[str, str] = {"page_size": "100"}
    while query:
        page = team.owner.get("audit-events", **query)
        found += [event["action"] for event in page["results"]]
        query = dict(parse_qsl(urlsplit(page["next"] or "").query))
    return found


class TestTraining:
    def test_a_dataset_becomes_a_run(self, portal: Portal, team: Team) -> None:
        asked = {
            "project": "loop",
            "parameters": {"alpha": "0.4", "lines": "20"},
            "inputs": {"data": "wafers@1"},
            "experiment": "first light",
        }
        job = team.scientist.post("training-jobs", asked)
        assert job["state"] in ("queued", "running")
        ended = wait_for_job(team.scientist, job["number"])
        assert (ended["state"], ended["error"]) == ("succeeded", "")
        assert ended["inputs"]["data"]["version"] == 1
        run = run_of(team, ended)
        assert run["status"] == "FINISHED"
        assert run["params"]["alpha"] == "0.4"
        assert run["metrics"]["rows"]["value"] == MEASUREMENTS.count(b"\n") - 1
        losses = team.viewer.get(f"runs/{ended['run_id']}/metrics/loss")
        assert [round(metric["value"], 4) for metric in losses] == [round(0.4 / n, 4) for n in range(1, 21)]
        lines = [
            line for line in whole_log(team.viewer, job["number"]).splitlines() if line.startswith("line ")
        ]
        assert lines == [f"line {n:04d} of 20" for n in range(1, 21)]
        workload = workload_of(portal, job["number"])
        assert processes_of({workload}) == []
        assert portal.query("SELECT count(*) FROM projects_token WHERE workload_id = %s", workload) == [(1,)]
        alive = "SELECT count(*) FROM projects_token WHERE workload_id = %s AND revoked_at IS NULL"
        assert portal.query(alive, workload) == [(0,)]

    def test_a_program_that_fails_says_so(self, team: Team) -> None:
        ended = wait_for_job(team.scientist, launched(team, exit_code="3")["number"])
        assert ended["state"] == "failed"
        assert "3" in ended["error"]
        assert closed_run(team, ended)["status"] == "FAILED"

    def test_cancelling_ends_the_program_and_the_run(self, portal: Portal, team: Team) -> None:
        job = launched(team, seconds="300", lines="3000")
        until(lambda: "line 0003" in whole_log(team.viewer, job["number"]), 60, "the program has not begun")
        workload = workload_of(portal, job["number"])
        assert processes_of({workload})
        team.scientist.post(f"training-jobs/{job['number']}/cancel")
        ended = wait_for_job(team.scientist, job["number"])
        assert ended["state"] == "cancelled"
        assert closed_run(team, ended)["status"] == "KILLED"
        assert processes_of({workload}) == []
        with pytest.raises(Refused) as refused:
            team.scientist.post(f"training-jobs/{job['number']}/cancel")
        assert refused.value.status == 409

    def test_retry_launches_the_same_again(self, team: Team) -> None:
        first = wait_for_job(team.scientist, launched(team, exit_code="3")["number"])
        again = team.scientist.post(f"training-jobs/{first['number']}/retry")
        assert again["number"] != first["number"]
        assert again["retry_of"] == first["number"]
        ended = wait_for_job(team.scientist, again["number"])
        assert ended["parameters"] == first["parameters"]
        assert ended["run_id"] != first["run_id"]

    def test_a_key_makes_asking_twice_asking_once(self, team: Team) -> None:
        key = secrets.token_hex(8)
        asked = {"project": "loop", "parameters": {"alpha": "0.1", "seconds": "0"}}
        first = team.scientist.post("training-jobs", asked, key=key)
        second = team.scientist.post("training-jobs", asked, key=key)
        assert second["number"] == first["number"]
        with pytest.raises(Refused) as refused:
            team.scientist.post("training-jobs", {**asked, "parameters": {"alpha": "0.2"}}, key=key)
        assert refused.value.status == 422
        wait_for_job(team.scientist, first["number"])

    def test_a_viewer_launches_nothing(self, team: Team) -> None:
        with pytest.raises(Refused) as refused:
            team.viewer.post("training-jobs", {"project": "loop", "parameters": {"alpha": "0.1"}})
        assert refused.value.status == 403
        assert "training.launch" in str(refused.value.problem)


class TestBadInput:
    """Each is a 4xx problem document that says what and why, and leaves nothing behind."""

    @pytest.mark.parametrize(
        ("body", "status", "says"),
        [
            ({"project": "loop", "entry_point": "absent", "parameters": {"alpha": "1"}}, 422, "absent"),
            ({"project": "loop"}, 400, "alpha"),
            ({"project": "loop", "parameters": {"alpha": "much"}}, 400, "alpha"),
            ({"project": "loop", "parameters": {"alpha": "1", "beta": "2"}}, 400, "beta"),
            (
                {"project": "loop", "parameters": {"alpha": "1"}, "inputs": {"data": "nothing"}},
                400,
                "nothing",
            ),
            ({"project": "loop", "parameters": {"alpha": "1"}, "inputs": {"data": "wafers@77"}}, 400, "data"),
            ({"project": "loop", "parameters": {"alpha": "1"}, "inputs": {"lines": "wafers"}}, 400, "lines"),
            (
                {"project": "loop", "parameters": {"alpha": "1"}, "register_as": "Ünfit name"},
                400,
                "register_as",
            ),
            ({"project": "loop", "parameters": {"alpha": "1"}, "limits": {"cpus": 4096}}, 400, "cpus"),
            ({"project": "loop", "parameters": {"alpha": "1"}, "colour": "red"}, 400, "colour"),
            ({"project": "absent", "parameters": {"alpha": "1"}}, 404, "absent"),
            ({"project": "loop", "source": 99, "parameters": {"alpha": "1"}}, 409, "99"),
        ],
    )
    def test_a_launch_that_cannot_be(self, team: Team, body: Document, status: int, says: str) -> None:
        before = team.viewer.get("training-jobs")["results"][:1]
        with pytest.raises(Refused) as refused:
            team.scientist.post("training-jobs", body)
        assert refused.value.status == status, refused.value.problem
        assert says in str(refused.value.problem)
        assert team.viewer.get("training-jobs")["results"][:1] == before

    @pytest.mark.parametrize(
        ("archive", "says"),
        [
            (zipped({"train.py": b"print()"}), "MLproject"),
            (zipped({"MLproject": b"name: x\n", "../outside.py": b"print()"}), ".."),
            (zipped({"MLproject": b"name: x\n", "/etc/outside": b"x"}), "/etc/outside"),
            (zipped({"MLproject": b"name: x\n", "zeros": bytes(400 << 20)}), "zip bomb"),
            (zipped({"MLproject": b"entry_points: [\n"}), "MLproject"),
            (b"PK\x03\x04 but no archive", "archive"),
            (b"", "empty"),
        ],
        ids=["no MLproject", "climbs", "absolute", "bomb", "no YAML", "no zip", "empty"],
    )
    def test_an_archive_that_cannot_be(self, team: Team, archive: bytes, says: str) -> None:
        before = team.viewer.get("training-projects/loop/sources")["results"]
        with pytest.raises(Refused) as refused:
            team.scientist.put_bytes("training-projects/loop/archive", archive)
        assert 400 <= refused.value.status < 500, refused.value.problem
        assert says in refused.value.problem["detail"]
        assert team.viewer.get("training-projects/loop/sources")["results"] == before

    def test_a_stranger_finds_nothing(self, team: Team, other_team: Team) -> None:
        for path in ("training-jobs/9999", "datasets/wafers", "training-projects/loop", "models/tiny"):
            with pytest.raises(Refused) as refused:
                other_team.owner.get(path)
            assert refused.value.status == 404

    def test_registering_what_logged_no_model_fails_with_a_sentence(self, team: Team) -> None:
        asked = {
            "project": "loop",
            "parameters": {"alpha": "1", "seconds": "0"},
            "register_as": "nothing-here",
        }
        ended = wait_for_job(team.scientist, team.scientist.post("training-jobs", asked)["number"])
        assert ended["state"] == "failed"
        assert "logged no model" in ended["error"]


@pytest.fixture(scope="module")
def endpoint(team: Team, tiny_model: Document) -> str:
    """An endpoint that answers with the model's first version, deployed by its alias."""
    version = tiny_model["result"]["model"]["version"]
    team.owner.call("PUT", "models/tiny/aliases/champion", {"version": version})
    team.owner.post("endpoints", {"name": "sum"})
    deployed = team.owner.post("endpoints/sum/deploy", {"model": "tiny", "alias": "champion"})
    ended = wait_for_operation(team.owner, deployed["operation"])
    assert ended["state"] == "succeeded", (ended, team.owner.get("endpoints/sum/log", offset=0))
    return "sum"


class TestServing:
    """In order: each test goes on with the endpoint that the one before left."""

    def answers(self, team: Team, endpoint: str) -> list[float] | None:
        try:
            found: list[float] = team.scientist.post(f"endpoints/{endpoint}/invocations", GOOD)["predictions"]
        except Refused as refused:
            if refused.status != 503:
                raise
            return None
        return found

    def server(self, portal: Portal, endpoint: str) -> set[str]:
        rows = portal.query(
            "SELECT r.workload_id FROM registry_revision r JOIN registry_endpoint e ON e.active_id = r.id"
            " WHERE e.name = %s",
            endpoint,
        )
        return {str(rows[0][0])}

    def test_a_version_has_its_run_and_alias(self, team: Team, tiny_model: Document) -> None:
        version = tiny_model["result"]["model"]["version"]
        team.owner.call("PUT", "models/tiny/aliases/challenger", {"version": version})
        found = team.viewer.get(f"models/tiny/versions/{version}")
        assert found["run_id"] == tiny_model["run_id"]
        assert "challenger" in str(team.viewer.get("models/tiny"))
        assert team.viewer.get(f"models/tiny/versions/{version}/input-example")["columns"] == ["a", "b"]

    def test_it_predicts(self, team: Team, endpoint: str) -> None:
        assert self.answers(team, endpoint) == [3.0, 7.5]

    def test_wrong_columns_are_named(self, team: Team, endpoint: str) -> None:
        with pytest.raises(Refused) as refused:
            team.scientist.post(f"endpoints/{endpoint}/invocations", WRONG)
        assert refused.value.status == 422
        assert "missing inputs ['b']" in refused.value.problem["detail"]

    def test_other_types_and_nonsense_are_refused(self, portal: Portal, team: Team, endpoint: str) -> None:
        address = f"{portal.url}/api/v1/projects/{team.slug}/endpoints/{endpoint}/invocations"
        bearer = {"Authorization": f"Bearer {team.tokens['scientist']}"}
        for kind, content, status in (("image/png", b"x", 415), ("application/json", b"{", 422)):
            answer = httpx.post(
                address, content=content, headers={**bearer, "Content-Type": kind}, timeout=60
            )
            assert answer.status_code == status
            assert answer.headers["content-type"].startswith("application/problem+json")

    def test_a_killed_server_comes_back(self, portal: Portal, team: Team, endpoint: str) -> None:
        before = processes_of(self.server(portal, endpoint))
        assert before
        for process in before:
            process.kill()
        psutil.wait_procs(before, timeout=10)
        assert until(lambda: self.answers(team, endpoint), 120, "the endpoint does not answer again") == [
            3.0,
            7.5,
        ]
        assert not {process.pid for process in before} & {
            process.pid for process in processes_of(self.server(portal, endpoint))
        }

    def test_a_model_that_does_not_load_replaces_nothing(self, team: Team, endpoint: str) -> None:
        asked = {
            "project": "loop",
            "entry_point": "model",
            "parameters": {"broken": "1"},
            "register_as": "tiny",
        }
        job = wait_for_job(team.scientist, team.scientist.post("training-jobs", asked)["number"])
        version = job["result"]["model"]["version"]
        deployed = team.owner.post(f"endpoints/{endpoint}/deploy", {"model": "tiny", "version": version})
        with pytest.raises(Refused) as busy:
            team.owner.post(f"endpoints/{endpoint}/deploy", {"model": "tiny", "version": version})
        assert busy.value.status == 409
        ended = wait_for_operation(team.owner, deployed["operation"])
        assert ended["state"] == "failed"
        assert "broken on purpose" in ended["error"]
        revisions = team.viewer.get(f"endpoints/{endpoint}/revisions")["results"]
        assert [revision["state"] for revision in revisions] == ["failed", "ready"]
        assert "broken on purpose" in revisions[0]["reason"]
        assert self.answers(team, endpoint) == [3.0, 7.5]

    def test_a_deployment_given_up_blocks_nothing(self, portal: Portal, team: Team, endpoint: str) -> None:
        portal.manage("createuser", "mover", "--name", "Mover")
        member = team.owner.post("members", {"username": "mover", "role": "maintainer"})
        mover = portal.client(team.slug, portal.token("mover", team.slug))
        deployed = mover.post(f"endpoints/{endpoint}/deploy", {"model": "tiny", "version": 1})
        team.owner.call("DELETE", f"members/{member['id']}")
        ended = wait_for_operation(team.owner, deployed["operation"])
        assert ended["state"] == "failed"
        newest = team.viewer.get(f"endpoints/{endpoint}/revisions")["results"][0]
        assert newest["state"] == "failed"
        assert "may no longer do this here" in newest["reason"]
        again = team.owner.post(f"endpoints/{endpoint}/deploy", {"model": "tiny", "version": 1})
        team.owner.post(f"operations/{again['operation']}/cancel")
        assert wait_for_operation(team.owner, again["operation"])["state"] == "cancelled"
        assert self.answers(team, endpoint) == [3.0, 7.5]

    def test_a_new_version_takes_over_without_a_gap(self, portal: Portal, team: Team, endpoint: str) -> None:
        asked = {
            "project": "loop",
            "entry_point": "model",
            "parameters": {"offset": "10"},
            "register_as": "tiny",
        }
        job = wait_for_job(team.scientist, team.scientist.post("training-jobs", asked)["number"])
        old = self.server(portal, endpoint)
        version = job["result"]["model"]["version"]
        deployed = team.owner.post(f"endpoints/{endpoint}/deploy", {"model": "tiny", "version": version})
        seen: list[list[float] | None] = []
        while team.owner.get(f"operations/{deployed['operation']}")["state"] in ("queued", "running"):
            seen.append(self.answers(team, endpoint))
            time.sleep(0.5)
        assert None not in seen
        assert self.answers(team, endpoint) == [13.0, 17.5]
        until(lambda: not processes_of(old), 60, "the old server still runs")

    def test_stopped_it_says_so_and_started_it_answers(
        self, portal: Portal, team: Team, endpoint: str
    ) -> None:
        server = self.server(portal, endpoint)
        team.owner.post(f"endpoints/{endpoint}/stop")
        with pytest.raises(Refused) as refused:
            team.scientist.post(f"endpoints/{endpoint}/invocations", GOOD)
        assert refused.value.status == 409
        until(lambda: not processes_of(server), 60, "the server still runs")
        until(lambda: team.viewer.get(f"endpoints/{endpoint}")["state"] == "stopped", 30, "not stopped")
        team.owner.post(f"endpoints/{endpoint}/start")
        assert until(lambda: self.answers(team, endpoint), 120, "it does not answer again") == [13.0, 17.5]

    def test_all_of_it_is_on_record(self, team: Team, endpoint: str) -> None:
        recorded = set(actions_on_record(team))
        expected = {
            "dataset.create",
            "training.project",
            "training.source",
            "training.launch",
            "training.run.succeeded",
            "workload.start",
            "model.register",
            "model.alias",
            "endpoint.create",
            "endpoint.deploy",
            "endpoint.switch",
            "endpoint.invoke",
            "endpoint.stop",
            "endpoint.start",
            "member.add",
        }
        assert expected <= recorded, expected - recorded

    def test_each_prediction_is_on_record_with_its_model(self, team: Team, endpoint: str) -> None:
        found = team.owner.get("audit-events", action="endpoint.invoke", page_size=50)["results"]
        newest = next(
            event for event in found if event["outcome"] == "ok" and event["target"]["label"] == endpoint
        )
        assert newest["detail"]["model"].startswith("tiny/")
        failed = team.owner.get("audit-events", action="endpoint.invoke", outcome="failed", page_size=200)
        assert "endpoint.input_refused" in {event["detail"].get("error") for event in failed["results"]}


def test_sources_are_numbered(team: Team) -> None:
    source = team.scientist.put_bytes("training-projects/loop/archive", project_archive())
    assert source["number"] >= 2
    assert team.viewer.get("training-projects/loop")["source"]["number"] == source["number"]
