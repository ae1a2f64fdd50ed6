"""A run-scoped token, as a training job holds one: its own run, the runs nested in it, and nothing else to
write.
"""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from tests.mlflow.conftest import Tenant
from tests.mlflow.test_walls import FILES, V2, V3, post

JOB = """
import json, os
import numpy as np, mlflow
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

mlflow.sklearn.autolog(max_tuning_runs=2)
rng = np.random.default_rng(7)
x = rng.normal(size=(80, 3)); y = (x[:, 0] > 0).astype(int)
with mlflow.start_run() as run:
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2).fit(x, y)
    info = mlflow.sklearn.log_model(search.best_estimator_, name="classifier", input_example=x[:2])
    mlflow.log_text("1", "note.txt")
    mlflow.log_metric("f1", 0.9, model_id=info.model_id)
children = mlflow.search_runs(
    experiment_ids=[run.info.experiment_id],
    filter_string=f"tags.mlflow.parentRunId = '{run.info.run_id}'",
    output_format="list",
)
print(json.dumps({"run_id": run.info.run_id, "children": len(children), "model_id": info.model_id}))
"""


@dataclass(frozen=True)
class Job:
    experiment: str
    run: str
    other: str
    token: str


@pytest.fixture(scope="module")
def job(a: Tenant) -> Job:
    experiment = post(a, f"{V2}/experiments/create", name=f"jobs-{uuid4().hex[:6]}")["experiment_id"]
    run, other = (
        post(a, f"{V2}/runs/create", experiment_id=experiment)["run"]["info"]["run_id"] for _i in range(2)
    )
    return Job(experiment, run, other, a.run_token(run))


def test_a_job_tracks_its_run_with_the_stock_client(a: Tenant, job: Job) -> None:
    done = a.client(JOB, job.token, MLFLOW_RUN_ID=job.run, MLFLOW_EXPERIMENT_ID=job.experiment)
    assert done["run_id"] == job.run
    assert done["children"] == 2
    run = a.call("GET", f"{V2}/runs/get?run_id={job.run}").json()["run"]
    assert run["info"]["status"] == "FINISHED"


def test_it_writes_to_no_other_run(a: Tenant, job: Job) -> None:
    model = post(a, f"{V2}/logged-models", experiment_id=job.experiment, name="m", source_run_id=job.other)
    model_id = model["model"]["info"]["model_id"]
    nested = {"key": "mlflow.parentRunId", "value": job.other}
    tag = {"key": "k", "value": "v"}
    refused: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", f"{V2}/runs/set-tag", {"run_id": job.other, **tag}),
        ("POST", f"{V2}/runs/set-tag", {"run_id": job.run, "run_uuid": job.other, **tag}),
        ("POST", f"{V2}/runs/set-tag", {"run_uuid": job.other, **tag}),
        ("POST", f"{V2}/runs/set-tag", tag),
        ("POST", f"{V2}/runs/log-batch", {"run_id": job.other, "params": [tag]}),
        ("POST", f"{V2}/runs/create", {"experiment_id": job.experiment}),
        ("POST", f"{V2}/runs/create", {"experiment_id": job.experiment, "tags": [nested]}),
        ("POST", f"{V2}/runs/delete", {"run_id": job.run}),
        ("POST", f"{V2}/experiments/create", {"name": "mine"}),
        ("POST", f"{V2}/logged-models", {"experiment_id": job.experiment, "name": "m"}),
        (
            "POST",
            f"{V2}/logged-models",
            {"experiment_id": job.experiment, "name": "m", "source_run_id": job.other},
        ),
        ("PATCH", f"{V2}/logged-models/{model_id}", {"model_id": model_id, "status": 2}),
        ("PUT", f"{FILES}/{job.experiment}/{job.other}/artifacts/x", {}),
        ("PUT", f"{FILES}/{job.experiment}/models/{model_id}/artifacts/x", {}),
        ("DELETE", f"{FILES}/{job.experiment}/{job.other}/artifacts/x", {}),
        ("POST", f"{V3}/traces", {}),
        ("POST", f"{V3}/traces/delete-traces", {"experiment_id": job.experiment}),
        ("POST", f"{V2}/registered-models/create", {"name": "from-a-job"}),
        ("POST", f"{V2}/registered-models/alias", {"name": "m", "alias": "champion", "version": "1"}),
    ]
    for method, path, body in refused:
        answer = a.call(method, path, job.token, json=body)
        assert answer.status_code == 403, (method, path, body, answer.status_code, answer.text)
        assert answer.json()["error_code"] == "PERMISSION_DENIED"


def test_a_token_without_a_run_writes_nothing(a: Tenant, job: Job) -> None:
    token = a.run_token("")
    body = {"run_id": job.run, "key": "k", "value": "v"}
    assert a.call("POST", f"{V2}/runs/set-tag", token, json=body).status_code == 403
    nested = [{"key": "mlflow.parentRunId", "value": ""}]
    create = {"experiment_id": job.experiment, "tags": nested}
    assert a.call("POST", f"{V2}/runs/create", token, json=create).status_code == 403
    assert a.call("GET", f"{V2}/runs/get?run_id={job.run}", token).status_code == 200


def test_denied_attempts_are_on_record(a: Tenant, job: Job) -> None:
    body = {"run_id": job.other, "key": "k", "value": "v"}
    a.call("POST", f"{V2}/runs/delete-tag", job.token, json=body)
    denied = [event for event in a.events("run.log") if event["outcome"] == "denied"]
    assert any(event["target_id"] == job.other and event["actor_kind"] == "run" for event in denied)
