"""Say whether a file can be trained on, and show why the measurements of a die may not predict that die."""

from __future__ import annotations

import argparse
import sys

import mlflow
from wafer_data import BIN, MEASUREMENTS, DataProblem, read_wafer


def validate(data: str) -> None:
    """Log and print counts, yield, and for each measurement how often a blank means a failing die."""
    wafer = read_wafer(data)
    fails = wafer.fails
    found = {"dies": float(len(fails)), "failing_dies": float(fails.sum()), "yield": float(1 - fails.mean())}
    print(f"{wafer.source}: {len(fails)} dies, yield {found['yield']:.4f}, sha256 {wafer.sha256}")
    for name, count in wafer.dies[BIN].value_counts().items():
        print(f"  bin {name:8s} {count:6d}")
    for name in MEASUREMENTS:
        blank = wafer.dies[name].isna()
        found[f"{name}_blank"] = float(blank.sum())
        if blank.any():
            found[f"{name}_blank_and_failing"] = float(fails[blank].mean())
            print(f"  {name}: {blank.sum()} blank, {fails[blank].mean():.1%} of those fail: a blank tells")
    mlflow.log_metrics(found)
    mlflow.set_tag("data_sha256", wafer.sha256)


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=".")
    args = parser.parse_args(argv)
    try:
        with mlflow.start_run():
            validate(args.data)
    except DataProblem as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
