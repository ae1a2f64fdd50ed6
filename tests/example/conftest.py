"""A made-up wafer with the real one's traits, and one real training run on it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

PROJECT = Path(__file__).parents[2] / "examples" / "wafer-yield"


@pytest.fixture(scope="session")
def wafer_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """About 7,000 dies: two clusters of failures, scattered ones, a failing row per shot."""
    random = np.random.default_rng(3)
    row, col = (part.ravel() for part in np.mgrid[0:120, 0:80])
    x, y = (col + 0.5) / 40 - 1, (row + 0.5) / 60 - 1
    round_ = np.hypot(x, y) <= 1
    row, col, x, y = row[round_], col[round_], x[round_], y[round_]
    cluster = np.exp(-((x - 0.3) ** 2 + (y - 0.5) ** 2) / 0.03) + np.exp(
        -((x + 0.5) ** 2 + (y + 0.1) ** 2) / 0.02
    )
    fails = (random.random(len(x)) < 0.9 * cluster + 0.02) | (row % 20 == 0)
    dies = pd.DataFrame(
        {
            "MAP_ROW": row + 1,
            "MAP_COL": col + 1,
            "FF_ROW": row // 20 + 1,
            "FF_COL": col // 20 + 1,
            "WIF_COL": col % 20 + 1,
            "WIF_ROW": row % 20 + 1,
            "DEFECT": np.where(fails, np.where(cluster > 0.3, "S48", "S26"), "OK"),
        }
    )
    for name in ("MR", "HR", "HDI", "MR2"):
        dies[name] = np.where(
            fails & (name in ("MR", "HDI")), np.nan, random.normal(100, 5, len(x)) - 60 * fails
        )
    path = tmp_path_factory.mktemp("wafer") / "wafer.csv"
    path.write_text("\ufeff" + dies.to_csv(index=False), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Trained:
    tracking_uri: str
    run_id: str
    output: str


def run_project(
    script: str, *arguments: str, tracking_uri: str, folder: Path, run_id: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run one of the project's programs as the portal would: another process, few variables."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "MLFLOW_TRACKING_URI": tracking_uri,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",  # tests share the machine; idle threads would spin
    } | ({"MLFLOW_RUN_ID": run_id} if run_id else {})
    return subprocess.run(
        [sys.executable, script, *arguments],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="session")
def trained(wafer_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """One run of train.py, logged to a tracking database of its own."""
    import mlflow

    folder = tmp_path_factory.mktemp("tracking")
    uri = f"sqlite:///{folder}/mlflow.db"
    client = mlflow.MlflowClient(tracking_uri=uri)
    experiment = client.create_experiment("wafer", artifact_location=str(folder / "artifacts"))
    run = client.create_run(experiment)
    options = ["--data", str(wafer_csv), "--alpha", "0.4", "--blocks", "8", "--iterations", "30"]
    done = run_project("train.py", *options, tracking_uri=uri, folder=folder, run_id=run.info.run_id)
    assert done.returncode == 0, done.stderr
    return Trained(uri, run.info.run_id, done.stdout)
