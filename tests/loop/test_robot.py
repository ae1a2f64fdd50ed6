"""A robot's whole day: it uploads, trains by a job, and logs with a stock MLflow client; then it is stopped."""

import os
import subprocess
import sys

import pytest

from examples.portal_client import Refused
from tests.loop.fixtures import Team
from tests.loop.running import Portal, project_archive, wait_for_job

LOG = """
import mlflow
mlflow.set_experiment("by-robot")
with mlflow.start_run() as run:
    mlflow.log_param("alpha", 0.4)
    mlflow.log_metric("loss", 0.1)
print(run.info.run_id)
"""


def log_with_mlflow(url: str, token: str) -> subprocess.CompletedProcess[str]:
    """Log a run by MLflow's own client, in a process of its own."""
    environment = {
        "MLFLOW_TRACKING_URI": url,
        "MLFLOW_TRACKING_TOKEN": token,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    }
    return subprocess.run(
        [sys.executable, "-c", LOG],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_robot_trains_and_logs_until_it_is_disabled(portal: Portal, team: Team) -> None:
    team.owner.post("robots", {"name": "ci-train", "role": "scientist", "description": "Each night"})
    token = str(team.owner.post("robots/ci-train/tokens", {"name": "gitlab"})["token"])
    robot = portal.client(team.slug, token)
    robot.post("training-projects", {"name": "by-robot"})
    robot.put_bytes("training-projects/by-robot/archive", project_archive())
    asked = {
        "project": "by-robot",
        "parameters": {"alpha": "0.4", "lines": "3"},
        "inputs": {"data": "wafers@1"},
    }
    ended = wait_for_job(robot, robot.post("training-jobs", asked)["number"])
    assert (ended["state"], ended["error"]) == ("succeeded", "")
    assert robot.get(f"runs/{ended['run_id']}")["status"] == "FINISHED"
    minted = (
        "SELECT purpose, user_id, r.name, t.revoked_at IS NULL FROM projects_token t "
        "JOIN projects_robot r ON r.id = t.robot_id"
    )
    assert portal.query(f"{minted} WHERE purpose = 'run'") == [("run", None, "ci-train", False)]
    acted = "SELECT DISTINCT actor_kind, actor_label, on_behalf_of FROM accounts_auditevent WHERE action = %s"
    assert portal.query(f"{acted} AND actor_label = 'ci-train'", "training.launch") == [
        ("robot", "ci-train", "")
    ]
    assert ("run", f"#{ended['number']} by-robot", "ci-train") in portal.query(acted, "token.mint")
    url = f"{portal.url}/api/v1/projects/{team.slug}/mlflow"
    done = log_with_mlflow(url, token)
    assert done.returncode == 0, done.stderr
    assert robot.get(f"runs/{done.stdout.split()[-1]}")["status"] == "FINISHED"
    robot.get("datasets")
    read = (
        "SELECT DISTINCT actor_label, detail->>'token' FROM accounts_auditevent WHERE action = 'dataset.read'"
    )
    by_robot = [told for who, told in portal.query(f"{read} AND actor_kind = 'robot'") if who == "ci-train"]
    assert [told.partition(" (…")[0] for told in by_robot] == ["gitlab"], (
        "each read says by which of its tokens"
    )
    team.owner.post("robots/ci-train/disable", {"reason": "the end of the test"})
    with pytest.raises(Refused) as refused:
        robot.get("datasets")
    assert refused.value.status == 401
    assert log_with_mlflow(url, token).returncode != 0
