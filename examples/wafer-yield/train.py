"""Learn which dies of a wafer fail, held to account on blocks of the wafer that were held out. See
README.md.

Run by MLflow (`mlflow run . -P alpha=0.4`) or by hand (`python train.py --alpha 0.4`); it logs to the run
that MLFLOW_RUN_ID names, or to a new one.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from blocks import SPLITS, TEST, TRAIN, Bools, Floats, Grid, Ints, mark_split, split_by_blocks
from die_model import DieFailureModel
from mlflow.entities import Metric
from mlflow.models import infer_signature
from scores import Scores, confusion, prefixed, scores, yields
from sklearn.metrics import average_precision_score, log_loss
from wafer_data import BIN, MEASUREMENTS, PASS_BIN, POSITION, DataProblem, Wafer, read_wafer

HERE = Path(__file__).resolve().parent
FOLDS = 4
SPLIT_NOTE = (
    "Whole blocks of the wafer are held out, with a guard band around them: neighbouring dies fail together, "
    "and a random split would put the neighbours of every test die into the training set. "
    "Headline scores are those of the held-out blocks."
)


def arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", default=".", help="a CSV file, or a folder with one; without one, the wfmap wafer"
    )
    parser.add_argument(
        "--alpha", type=float, default=0.4, help="cost of a missed failing die: (pass/fail)^alpha, 0 to 1"
    )
    parser.add_argument("--blocks", type=int, default=12, help="the wafer is cut into blocks × blocks")
    parser.add_argument(
        "--test-fraction", type=float, default=0.3, help="share of the blocks that is held out"
    )
    parser.add_argument(
        "--guard", type=float, default=0.02, help="guard band around held-out blocks, in half-widths"
    )
    parser.add_argument("--threshold", type=float, default=0.5, help="cut of the weighted probability")
    parser.add_argument("--iterations", type=int, default=120, help="trees to boost")
    parser.add_argument("--learning-rate", type=float, default=0.06)
    parser.add_argument("--seed", type=int, default=7, help="draws the held-out blocks")
    args = parser.parse_args(argv)
    bounds = {"alpha": (0, 1), "test_fraction": (0.05, 0.8), "guard": (0, 0.2), "threshold": (0.01, 0.99),
              "iterations": (5, 1000), "learning_rate": (0.001, 1)}  # fmt: skip
    for name, (low, high) in bounds.items():
        if not low <= getattr(args, name) <= high:
            parser.error(f"{name} must lie between {low} and {high}, not {getattr(args, name)}")
    return args


def new_model(args: argparse.Namespace, **changes: Any) -> DieFailureModel:
    chosen = {name: getattr(args, name) for name in
              ("alpha", "blocks", "guard", "threshold", "iterations", "learning_rate", "seed")}  # fmt: skip
    return DieFailureModel(**{**chosen, **changes})


def cross_fitted(
    args: argparse.Namespace, wafer: Wafer, grid: Grid, split: Ints, probability: Floats
) -> None:
    """Fill in the probability of each die outside the test blocks, from a model that never saw its block."""
    row, col = grid.cells(wafer.dies)
    block = grid.block_of(row, col)
    learnable = np.random.default_rng(args.seed + 1).permutation(np.unique(block[split != TEST]))
    for fold in range(FOLDS):
        held = np.isin(block, learnable[fold::FOLDS]) & (split != TEST)
        seen = (mark_split(grid, row, col, held, args.guard) == TRAIN) & (split == TRAIN)
        model = new_model(args).fit(wafer.dies[seen], wafer.fails[seen], wafer=wafer.dies)
        probability[held] = model.predict_proba(wafer.dies[held])[:, 1]


def staged_metrics(model: DieFailureModel, wafer: Wafer, parts: dict[str, Bools]) -> list[Metric]:
    """Log loss of each part after every tree, and the test part's average precision after every fifth."""
    now = int(time.time() * 1000)
    found = []
    for name, part in parts.items():
        fails = wafer.fails[part]
        for step, probability in enumerate(model.staged_predict_proba(wafer.dies[part]), start=1):
            found.append(Metric(f"{name}_log_loss", float(log_loss(fails, probability[:, 1])), now, step))
            if name == "test" and step % 5 == 0:
                ranked = float(average_precision_score(fails, probability[:, 1]))
                found.append(Metric("test_average_precision", ranked, now, step))
    return found


def baselines(wafer: Wafer, train: Bools, test: Bools) -> Scores:
    """What costs nothing: the majority class, and the rows along the seams of shots that fail in training
    every time.
    """
    fails = wafer.fails.to_numpy()
    majority = np.full(int(test.sum()), bool(fails[train].mean() > 0.5))
    seams = seam_rows(wafer, train)
    rule = wafer.dies["WIF_ROW"][test].isin(seams).to_numpy()
    return prefixed("baseline_majority", scores(fails[test], majority)) | prefixed(
        "baseline_seam_rule", scores(fails[test], rule)
    )


def seam_rows(wafer: Wafer, train: Bools) -> list[int]:
    """Rows within the shot of which every training die fails."""
    rate = wafer.fails[train].groupby(wafer.dies["WIF_ROW"][train]).mean()
    return [int(row) for row in rate.index[rate == 1.0]]


def comparisons(args: argparse.Namespace, wafer: Wafer, split: Ints) -> Scores:
    """Scores that look better than they are, logged to be compared with.

    One splits dies at random; one adds each die's own measurements to its features.
    """
    train, test = split == TRAIN, split == TEST
    random_test = np.random.default_rng(args.seed + 2).random(len(split)) < args.test_fraction
    cases = {
        "random_split": (new_model(args), ~random_test, random_test),
        "own_measurements": (new_model(args, extra=MEASUREMENTS), train, test),
    }
    found: Scores = {}
    for name, (model, seen, held) in cases.items():
        model.fit(wafer.dies[seen], wafer.fails[seen], wafer=wafer.dies)
        probability = model.predict_proba(wafer.dies[held])[:, 1]
        found |= prefixed(name, scores(wafer.fails[held].to_numpy(), model.decide(probability), probability))
    return found


def die_table(wafer: Wafer, grid: Grid, split: Ints, probability: Floats, predicted: Bools) -> pd.DataFrame:
    """One row per die: position, bin, verdict, and which part it was in."""
    table = wafer.dies[[*POSITION, "FF_ROW", "FF_COL", BIN]].copy()
    table["block"] = grid.block_of(*grid.cells(wafer.dies))
    table["split"] = [SPLITS[part] for part in split]
    table["fails"] = wafer.fails.astype(int)
    table["predicted_fails"] = predicted.astype(int)
    table["fail_probability"] = probability.round(5)
    return table


def wafer_map(table: pd.DataFrame, grid: Grid, summary: dict[str, Scores]) -> dict[str, Any]:
    """The dies as columns of numbers, for drawing: `split` and `bin` index the lists of names beside them."""
    bins = [PASS_BIN, *(name for name in table[BIN].value_counts().index if name != PASS_BIN)]
    return {
        "format": "wafer-map/1",
        "first_row": grid.first_row, "first_col": grid.first_col, "rows": grid.rows, "cols": grid.cols,
        "positive": "fail", "blocks": grid.blocks, "splits": SPLITS, "bins": bins, "yields": summary,
        "x": table["MAP_COL"].tolist(), "y": table["MAP_ROW"].tolist(),
        "actual": table["fails"].tolist(), "predicted": table["predicted_fails"].tolist(),
        "probability": table["fail_probability"].round(3).tolist(),
        "block": table["block"].tolist(), "split": [SPLITS.index(name) for name in table["split"]],
        "bin": [bins.index(name) for name in table[BIN]],
    }  # fmt: skip


def log_files(table: pd.DataFrame, documents: dict[str, dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        table.to_csv(Path(folder) / "predictions.csv.gz", index=False)
        for name, document in documents.items():
            (Path(folder) / name).write_text(json.dumps(document, separators=(",", ":")))
        mlflow.log_artifacts(folder)


def pinned_requirements() -> list[str]:
    lines = (HERE / "requirements.in").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def log_the_model(model: DieFailureModel, example: pd.DataFrame) -> str:
    info = mlflow.sklearn.log_model(
        model,
        name="model",
        signature=infer_signature(example, model.predict(example)),
        input_example=example,
        pip_requirements=pinned_requirements(),
        code_paths=[str(HERE / "die_model.py"), str(HERE / "blocks.py")],
        serialization_format="skops",  # loads the types listed here and no others: a pickle runs anything
        skops_trusted_types=[
            "die_model.DieFailureModel",
            "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        ],
    )
    return str(info.model_id)


def train(args: argparse.Namespace) -> None:
    started = time.monotonic()
    wafer = read_wafer(args.data)
    grid = Grid.of(wafer.dies, args.blocks)
    split = split_by_blocks(grid, wafer.dies, args.test_fraction, args.guard, args.seed)
    parts = {"train": split == TRAIN, "test": split == TEST}
    fails = wafer.fails.to_numpy()
    if fails[parts["test"]].sum() == 0 or fails[parts["train"]].sum() == 0:
        raise DataProblem("With this seed one part has no failing die. Choose another seed, or more blocks.")
    sizes = {f"{name}_dies": int((split == index).sum()) for index, name in enumerate(SPLITS)}
    print(f"{wafer.source}: {len(fails)} dies, {fails.sum()} fail; {sizes}", flush=True)

    mlflow.log_params(
        {k: v for k, v in vars(args).items() if k != "data"} | sizes | {"split": "blocks", "folds": FOLDS}
    )
    tags = {"split": "blocks", "split_note": SPLIT_NOTE, "target": "die fails", "pass_bin": PASS_BIN}
    mlflow.set_tags(tags | {"data_sha256": wafer.sha256, "mlflow.note.content": SPLIT_NOTE})
    inputs = wafer.dies[[*POSITION, BIN]]
    dataset = mlflow.data.from_pandas(
        inputs, source=wafer.source, targets=BIN, name="wafer", digest=wafer.sha256[:16]
    )
    mlflow.log_input(dataset, context="training")

    model = new_model(args).fit(wafer.dies[parts["train"]], wafer.fails[parts["train"]], wafer=wafer.dies)
    print(f"fitted {args.iterations} trees, cost ratio {model.cost_ratio_:.2f}", flush=True)
    run = mlflow.active_run()
    assert run is not None
    mlflow.MlflowClient().log_batch(run.info.run_id, metrics=staged_metrics(model, wafer, parts))

    probability = np.zeros(len(fails))
    probability[parts["test"]] = model.predict_proba(wafer.dies[parts["test"]])[:, 1]
    cross_fitted(args, wafer, grid, split, probability)
    predicted = model.decide(probability)
    print(f"cross-fitted {FOLDS} folds of the training blocks", flush=True)

    model_id = log_the_model(model, wafer.dies[POSITION].head(5).reset_index(drop=True))
    headline = scores(fails[parts["test"]], predicted[parts["test"]], probability[parts["test"]])
    mlflow.log_metrics(headline, model_id=model_id, dataset=dataset)

    inner = parts["test"] & ~wafer.dies["WIF_ROW"].isin(seam_rows(wafer, parts["train"])).to_numpy()
    everything = {"whole": np.ones(len(fails), dtype=bool), **parts}
    summary = {
        name: yields(fails[part], predicted[part], probability[part]) for name, part in everything.items()
    }
    extra = prefixed("inner", scores(fails[inner], predicted[inner], probability[inner]))
    extra |= prefixed(
        "crossfit", scores(fails[~parts["test"]], predicted[~parts["test"]], probability[~parts["test"]])
    )
    extra |= baselines(wafer, parts["train"], parts["test"]) | comparisons(args, wafer, split)
    for name, values in summary.items():
        extra |= prefixed(name, values)
    mlflow.log_metrics(extra)

    table = die_table(wafer, grid, split, probability, predicted)
    matrix = confusion(fails[parts["test"]], predicted[parts["test"]], "test")
    log_files(table, {"confusion_matrix.json": matrix, "wafer.json": wafer_map(table, grid, summary)})
    mlflow.log_metric("seconds", time.monotonic() - started)
    for name, value in sorted((headline | extra).items()):
        print(f"  {name:40s} {value:.4f}")


def main(argv: list[str]) -> int:
    args = arguments(argv)
    # MLflow's hints on whole-number columns do not apply: a position is never blank
    warnings.filterwarnings("ignore", module="mlflow", category=UserWarning)
    with mlflow.start_run():
        train(args)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (DataProblem, ValueError) as problem:
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
