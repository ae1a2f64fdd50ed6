"""The example trains for real, and what it reports is honest."""

import gzip
import json
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest

from tests.example.conftest import Trained, run_project


@pytest.fixture
def client(trained: Trained) -> mlflow.MlflowClient:
    return mlflow.MlflowClient(tracking_uri=trained.tracking_uri)


@pytest.fixture
def artifacts(client: mlflow.MlflowClient, trained: Trained, tmp_path: Path) -> Path:
    return Path(client.download_artifacts(trained.run_id, "", str(tmp_path)))


def test_the_run_that_was_handed_over_is_used_and_finished(
    client: mlflow.MlflowClient, trained: Trained
) -> None:
    run = client.get_run(trained.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["alpha"] == "0.4"
    assert run.data.params["split"] == run.data.tags["split"] == "blocks"
    assert "held out" in run.data.tags["split_note"]
    assert run.inputs.dataset_inputs[0].dataset.digest == run.data.tags["data_sha256"][:16]


def test_scores_are_there_and_ordered_as_leaks_demand(client: mlflow.MlflowClient, trained: Trained) -> None:
    found = client.get_run(trained.run_id).data.metrics
    assert {"accuracy", "precision", "recall", "f1", "roc_auc", "average_precision"} <= set(found)
    assert found["average_precision"] < found["random_split_average_precision"], "neighbours leak"
    assert found["average_precision"] < found["own_measurements_average_precision"], (
        "measurements give it away"
    )
    assert found["f1"] > found["baseline_majority_f1"]
    assert found["baseline_seam_rule_precision"] == 1.0


def test_losses_are_logged_for_every_tree(client: mlflow.MlflowClient, trained: Trained) -> None:
    for name in ("train_log_loss", "test_log_loss"):
        assert [point.step for point in client.get_metric_history(trained.run_id, name)] == list(range(1, 31))
    losses = [point.value for point in client.get_metric_history(trained.run_id, "train_log_loss")]
    assert losses[-1] < losses[0]


def test_every_die_has_a_prediction_and_all_files_agree(
    client: mlflow.MlflowClient, trained: Trained, artifacts: Path, wafer_csv: Path
) -> None:
    dies = pd.read_csv(wafer_csv, encoding="utf-8-sig")
    with gzip.open(artifacts / "predictions.csv.gz", "rt") as file:
        table = pd.read_csv(file)
    assert len(table) == len(dies)
    assert (table["fails"] == (dies["DEFECT"] != "OK")).all()
    test = table[table["split"] == "test"]
    metrics = client.get_run(trained.run_id).data.metrics
    assert np.mean(test["fails"] == test["predicted_fails"]) == pytest.approx(metrics["accuracy"])
    assert 1 - table["predicted_fails"].mean() == pytest.approx(metrics["whole_predicted_yield"])
    matrix = json.loads((artifacts / "confusion_matrix.json").read_text())
    (passed, alarm), (missed, hit) = matrix["matrix"]
    assert passed + alarm + missed + hit == len(test)
    assert hit / (hit + missed) == pytest.approx(metrics["recall"])
    wafer = json.loads((artifacts / "wafer.json").read_text())
    for name in ("x", "y", "actual", "predicted", "probability", "block", "split", "bin"):
        assert len(wafer[name]) == len(dies), name
    assert sum(wafer["actual"]) == table["fails"].sum()
    assert wafer["splits"] == ["train", "test", "guard"]


def test_no_block_is_both_learned_from_and_tested(artifacts: Path) -> None:
    table = pd.read_csv(artifacts / "predictions.csv.gz")
    held_out = set(table.loc[table["split"] == "test", "block"])
    assert not held_out & set(table.loc[table["split"] != "test", "block"])
    assert 0.2 < len(held_out) / table["block"].nunique() < 0.4
    test, train = (table[table["split"] == part] for part in ("test", "train"))
    grid = np.zeros((122, 82), dtype=bool)
    grid[test["MAP_ROW"], test["MAP_COL"]] = True
    beside = sum(
        grid[train["MAP_ROW"] + down, train["MAP_COL"] + right].sum()
        for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1), (1, 1), (-1, -1), (1, -1), (-1, 1))
    )
    assert beside == 0, "the guard band keeps training dies away from held-out ones"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--alpha", "2"], "alpha must lie between"),
        (["--blocks", "1"], "blocks must lie between"),
        (["--data", "MLproject"], "MLproject"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_line(
    options: list[str], says: str, trained: Trained, wafer_csv: Path, tmp_path: Path
) -> None:
    data = [] if "--data" in options else ["--data", str(wafer_csv)]
    done = run_project("train.py", *data, *options, tracking_uri=trained.tracking_uri, folder=tmp_path)
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert "error: " in last
    assert says in last


def test_validate_shows_that_blanks_give_the_outcome_away(
    trained: Trained, wafer_csv: Path, tmp_path: Path
) -> None:
    done = run_project(
        "validate.py", "--data", str(wafer_csv), tracking_uri=trained.tracking_uri, folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "100.0% of those fail" in done.stdout
