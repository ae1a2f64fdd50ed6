"""SIGKILL of engines and processes in the midst of training jobs. `benchmarks/faults.py` does the same many times."""

import time

import pytest

from tests.faults.storm import VICTIMS, Storm
from tests.loop.fixtures import Team
from tests.loop.running import Portal, processes_of, until, wait_for_job, whole_log


@pytest.mark.timeout(1200)
def test_jobs_end_exactly_once_whatever_is_killed(portal: Portal, team: Team) -> None:
    storm = Storm(portal, team, seed=2, say=print)
    for victim in (*VICTIMS, "worker"):
        storm.strike(victim)
    storm.calm()
    verdicts = storm.verdicts()
    assert len(verdicts) == len(storm.jobs)
    assert [(v.number, v.state, v.problems) for v in verdicts if v.problems] == [], storm.table(verdicts)
    # Nothing that was killed is a reason for a job of its own to fail.
    assert {verdict.state for verdict in verdicts} == {"succeeded"}, storm.table(verdicts)


def test_a_job_of_somebody_who_had_to_leave_ends_whole(portal: Portal, team: Team) -> None:
    """Its handler has no say then: the program is stopped, the token revoked and the run closed all the same."""
    portal.manage("createuser", "leaver", "--name", "Leaver")
    member = team.owner.post("members", {"username": "leaver", "role": "scientist"})
    leaver = portal.client(team.slug, portal.token("leaver", team.slug))
    asked = {"project": "loop", "parameters": {"alpha": "1", "lines": "3000", "seconds": "300"}}
    job = leaver.post("training-jobs", asked)
    until(lambda: "line 0002" in whole_log(team.viewer, job["number"]), 90, "the program has not begun")
    team.owner.call("DELETE", f"members/{member['id']}")
    ended = wait_for_job(team.viewer, job["number"])
    assert ended["state"] == "failed"
    assert "may no longer do this here" in ended["error"]
    facts = "SELECT workload_id, settled_at FROM registry_trainingjob WHERE number = %s AND run_id = %s"
    until(lambda: portal.query(facts, job["number"], ended["run_id"])[0][1], 60, "the job is not settled")
    workload = portal.query(facts, job["number"], ended["run_id"])[0][0]
    assert processes_of({str(workload)}) == []
    assert team.viewer.get(f"runs/{ended['run_id']}")["status"] == "FAILED"
    alive = "SELECT count(*) FROM projects_token WHERE workload_id = %s AND revoked_at IS NULL"
    assert portal.query(alive, workload) == [(0,)]


def test_a_run_that_was_made_but_never_remembered_is_closed(portal: Portal, team: Team) -> None:
    """A worker may die between MLflow's answer and its own note of it, and the job end before another looks."""
    asked = {"project": "loop", "parameters": {"alpha": "1", "seconds": "0"}, "experiment": "forgotten"}
    job = wait_for_job(team.scientist, team.scientist.post("training-jobs", asked)["number"])
    facts = "SELECT id, settled_at FROM registry_trainingjob WHERE run_id = %s"
    until(lambda: portal.query(facts, job["run_id"])[0][1], 60, "the job is not settled")
    job_id = str(portal.query(facts, job["run_id"])[0][0])
    mlflow = portal.client(f"{team.slug}/mlflow/api/2.0/mlflow", team.tokens["owner"])
    tags = [{"key": "portal.job", "value": job_id}]
    made = mlflow.post(
        "runs/create", {"experiment_id": job["experiment_id"], "run_name": "stray", "tags": tags}
    )
    stray = made["run"]["info"]["run_id"]
    with portal.database() as database:
        database.execute("UPDATE registry_trainingjob SET settled_at = NULL WHERE id = %s", (job_id,))
    until(lambda: team.viewer.get(f"runs/{stray}")["status"] != "RUNNING", 60, "the stray run is open")
    assert team.viewer.get(f"runs/{job['run_id']}")["status"] == "FINISHED"


def test_a_long_absence_of_mlflow_fails_no_job(portal: Portal, team: Team) -> None:
    """Longer than five attempts with growing pauses last: waiting for an engine is no failed attempt."""
    deadline = time.monotonic() + 40
    asked = {"project": "loop", "parameters": {"alpha": "1", "seconds": "0"}, "experiment": "absence"}
    job = None
    while time.monotonic() < deadline:
        for process in portal.up.children(VICTIMS["mlflow"]):
            process.kill()
        job = job or team.scientist.post("training-jobs", asked)
        time.sleep(0.5)
    assert job is not None
    waiting = team.viewer.get(f"training-jobs/{job['number']}")
    assert (waiting["state"], waiting["stage"]) == ("running", "Preparing the run")
    ended = wait_for_job(team.viewer, job["number"], patience=180)
    assert (ended["state"], ended["error"]) == ("succeeded", "")
    assert "MLflow is starting" in str(team.owner.get(f"operations/{job['operation']}/log"))
