"""The portal's own client of MLflow, against the real server."""

import math
from uuid import UUID, uuid4

import pytest
from django.conf import settings

from accounts.errors import Conflict, Invalid, NotFound, Unavailable
from registry.mlflow import transport
from registry.mlflow.client import Mlflow
from registry.mlflow.workspaces import account_of, workspace_of


@pytest.fixture
def mlflow(mlflow_server: int) -> Mlflow:
    return Mlflow(uuid4())


def test_workspaces_are_named_after_accounts() -> None:
    account = UUID("01a202f9-86a2-718b-ab3a-13e01a1ac1ef")
    assert workspace_of(account) == "a-01a202f986a2718bab3a13e01a1ac1ef"
    assert account_of(workspace_of(account)) == account
    assert account_of("default") is None


def test_a_run_from_start_to_end(mlflow: Mlflow) -> None:
    experiment = mlflow.ensure_experiment("yield", {"product": "P1"})
    assert mlflow.ensure_experiment("yield") == experiment
    run = mlflow.create_run(experiment.id, "first", tags={"lot": "L-1"}, started_ms=1_000)
    values = [(f"m{step % 2}", float(step), 1_000 + step, step) for step in range(600)]
    mlflow.log_batch(run.id, metrics=values, params={"alpha": "0.4"}, tags={"site": "icheon"})
    mlflow.log_batch(run.id, metrics=[("bad", math.nan, 1, 0)])
    found = mlflow.run(run.id)
    assert (found.status, found.params, found.tags["lot"]) == ("RUNNING", {"alpha": "0.4"}, "L-1")
    assert found.metrics["m1"].value == 599.0
    assert math.isnan(found.metrics["bad"].value)
    history = list(mlflow.metric_history(run.id, "m0"))
    assert [metric.step for metric in history] == list(range(0, 600, 2))
    mlflow.set_terminated(run.id, "FAILED", 5_000)
    mlflow.set_terminated(run.id, "FINISHED", 6_000)
    ended = mlflow.run(run.id)
    assert ended.status == "FAILED"
    assert ended.ended_at is not None
    assert ended.ended_at.timestamp() == 5.0
    mlflow.delete_run(run.id)
    assert mlflow.search_runs([experiment.id]).items == []
    assert [item.id for item in mlflow.search_runs([experiment.id], deleted=True).items] == [run.id]


def test_history_comes_in_pages(mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.mlflow.runs._HISTORY_PAGE", 7)
    run = mlflow.create_run(mlflow.ensure_experiment("e").id, "r")
    mlflow.log_batch(run.id, metrics=[("m", float(step), step + 1, step) for step in range(20)])
    assert [metric.step for metric in mlflow.metric_history(run.id, "m")] == list(range(20))


def test_searches_come_in_pages(mlflow: Mlflow) -> None:
    experiment = mlflow.ensure_experiment("paged")
    made = {mlflow.create_run(experiment.id, f"r{index}", started_ms=index + 1).id for index in range(5)}
    first = mlflow.search_runs([experiment.id], limit=3)
    second = mlflow.search_runs([experiment.id], limit=3, token=first.token)
    assert {run.id for run in (*first.items, *second.items)} == made
    assert (len(first.items), len(second.items), second.token) == (3, 2, "")
    assert mlflow.search_runs([]).items == []
    assert [found.name for found in mlflow.search_experiments("name LIKE 'pag%'").items] == ["paged"]


def test_registry_and_files(mlflow: Mlflow) -> None:
    run = mlflow.create_run(mlflow.ensure_experiment("e").id, "r")
    workspace = mlflow.ensure_workspace()
    base = run.artifact_uri.removeprefix("mlflow-artifacts:")
    for name in ("MLmodel", "data/model.bin"):
        answer = transport.client().put(
            f"/api/2.0/mlflow-artifacts/artifacts{base}/model/{name}",
            content=b"x" * 100,
            headers={"X-MLFLOW-WORKSPACE": workspace},
        )
        assert answer.status_code == 200
    mlflow.ensure_model("die-fail", "predicts failing dies")
    assert mlflow.ensure_model("die-fail").description == "predicts failing dies"
    one = mlflow.create_version("die-fail", f"{run.artifact_uri}/model", run_id=run.id, tags={"stage": "new"})
    two = mlflow.create_version("die-fail", f"{run.artifact_uri}/model", run_id=run.id)
    assert (one.version, two.version, one.tags) == (1, 2, {"stage": "new"})
    mlflow.set_alias("die-fail", "champion", 1)
    mlflow.set_alias("die-fail", "champion", 2)
    mlflow.set_version_tag("die-fail", 2, "checked", "yes")
    assert mlflow.version_by_alias("die-fail", "champion").version == 2
    assert mlflow.model("die-fail").aliases == {"champion": 2}
    assert [version.version for version in mlflow.versions("die-fail")] == [2, 1]
    mlflow.delete_alias("die-fail", "champion")
    with pytest.raises((NotFound, Invalid)):
        mlflow.version_by_alias("die-fail", "champion")
    assert [model.name for model in mlflow.search_models().items] == ["die-fail"]
    root, files = mlflow.files_of(one)
    assert {(file.path, file.size) for file in files} == {("MLmodel", 100), ("data/model.bin", 100)}
    with mlflow.open_artifact(root, "data/model.bin", range="bytes=0-9") as opened:
        assert (opened.status_code, b"".join(opened.iter_bytes())) == (206, b"x" * 10)
    assert [item.path for item in mlflow.artifacts(run.id, "model")] == ["model/MLmodel", "model/data"]


def test_another_accounts_things_are_not_found(mlflow: Mlflow) -> None:
    other = Mlflow(uuid4())
    experiment = other.ensure_experiment("secret")
    run = other.create_run(experiment.id, "r")
    for call in (
        lambda: mlflow.run(run.id),
        lambda: mlflow.experiment(experiment.id),
        lambda: mlflow.artifacts(run.id),
        lambda: list(mlflow.metric_history(run.id, "m")),
        lambda: mlflow.set_tag(run.id, "k", "v"),
        lambda: mlflow.create_run(experiment.id, "n"),
        lambda: mlflow.model("secret"),
        lambda: mlflow.open_artifact(run.artifact_uri, "x").__enter__(),
    ):
        with pytest.raises(NotFound):
            call()
    own = mlflow.create_run(mlflow.ensure_experiment("own").id, "r")
    for path in ("../x", "a/../../x", "", "/etc", "a//b", "%2e%2e/x"):
        with pytest.raises(Invalid), mlflow.open_artifact(own.artifact_uri, path):
            pass
    assert mlflow.find_experiment("secret") is None
    assert mlflow.search_runs([experiment.id]).items == []


def test_refusals_are_of_the_family(mlflow: Mlflow) -> None:
    experiment = mlflow.ensure_experiment("gone")
    transport.call(
        mlflow.account_id, "POST", "/api/2.0/mlflow/experiments/delete", json={"experiment_id": experiment.id}
    )
    with pytest.raises(Conflict, match="gone"):
        mlflow.ensure_experiment("gone")
    with pytest.raises(Invalid):
        mlflow.search_models("nonsense ~ 3")


@pytest.mark.usefixtures("no_mlflow")
def test_mlflow_not_listening_is_said_so() -> None:
    with pytest.raises(Unavailable) as refused:
        Mlflow(uuid4()).experiment("1")
    assert refused.value.code == "mlflow.starting"
    assert refused.value.data["retry_after"] == 5


def test_messages_lose_what_is_the_servers_own() -> None:
    from registry.mlflow.failures import private_folders, redact

    text = (
        "Workspace 'x' already exists. Error: (psycopg.errors.UniqueViolation) duplicate key\n"
        "DETAIL: Key (name)=(x)\n[SQL: INSERT INTO workspaces]\n(Background on this error at: https://sqlalche.me)"
    )
    assert redact(text) == "Workspace 'x' already exists."
    home = str(settings.HOME)
    assert home not in redact(f"No such file: '{home}/artifacts/workspaces/a-1/x'", private_folders())
    assert (
        redact("Run with id=12 not found in /api/2.0/mlflow") == "Run with id=12 not found in /api/2.0/mlflow"
    )
    assert "/usr/lib" not in redact("at /usr/lib/python3/x.py line 3")
