"""Closing an account against the real MLflow: its workspace and artifacts are gone, another account's are not."""

from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings

from accounts.errors import NotFound
from registry.lifecycle import delete_mlflow
from registry.mlflow.client import Mlflow
from registry.mlflow.workspaces import workspace_of


def test_a_workspace_is_deleted_with_all_that_is_in_it_and_no_others(mlflow_server: int) -> None:
    mine, other = Mlflow(uuid4()), Mlflow(uuid4())
    runs = {}
    for mlflow in (mine, other):
        experiment = mlflow.ensure_experiment("yield")
        run = mlflow.create_run(experiment.id, "first", tags={}, started_ms=1_000)
        mlflow.log_batch(run.id, params={"alpha": "0.4"})
        runs[mlflow] = run.id
        folder = Path(settings.ARTIFACT_ROOT) / "workspaces" / workspace_of(mlflow.account_id) / "1" / run.id
        folder.mkdir(parents=True)
        (folder / "model.pkl").write_bytes(b"12345")
    assert delete_mlflow(mine.account_id) == {
        "workspace": workspace_of(mine.account_id),
        "artifact_files": 1,
        "artifact_bytes": 5,
    }
    assert not (Path(settings.ARTIFACT_ROOT) / "workspaces" / workspace_of(mine.account_id)).exists()
    with pytest.raises(NotFound):
        mine.run(runs[mine])
    assert other.run(runs[other]).params == {"alpha": "0.4"}
    again = delete_mlflow(mine.account_id)
    assert (again["workspace"], again["artifact_files"]) in (("", 0), (workspace_of(mine.account_id), 0))
    assert delete_mlflow(uuid4())["workspace"] == ""
