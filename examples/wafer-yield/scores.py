"""Scores of one set of dies. "Positive" is a failing die throughout."""

from __future__ import annotations

from typing import Any

import numpy as np
from blocks import Bools, Floats
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

Scores = dict[str, float]


def scores(fails: Bools, predicted: Bools, probability: Floats | None = None) -> Scores:
    """Accuracy, precision, recall and F1; with probabilities also ROC AUC and average precision.

    The two rankings are left out where they have no meaning: a set of dies that all pass or all fail.
    """
    result = {
        "accuracy": float(accuracy_score(fails, predicted)),
        "precision": float(precision_score(fails, predicted, zero_division=0)),
        "recall": float(recall_score(fails, predicted, zero_division=0)),
        "f1": float(f1_score(fails, predicted, zero_division=0)),
    }
    if probability is not None and 0 < np.sum(fails) < len(fails):
        result["roc_auc"] = float(roc_auc_score(fails, probability))
        result["average_precision"] = float(average_precision_score(fails, probability))
    return result


def yields(fails: Bools, predicted: Bools, probability: Floats) -> Scores:
    """Shares of passing dies, 0 to 1.

    Actual, predicted (by counting predicted passes) and expected (the mean probability of passing).
    """
    return {
        "actual_yield": float(np.mean(~fails)),
        "predicted_yield": float(np.mean(~predicted)),
        "expected_yield": float(np.mean(1 - probability)),
    }


def confusion(fails: Bools, predicted: Bools, split: str) -> dict[str, Any]:
    """The confusion matrix as the artifact `confusion_matrix.json` holds it.

    Rows are actual classes, columns predicted ones.
    """
    matrix = confusion_matrix(fails, predicted, labels=[False, True])
    return {
        "labels": ["pass", "fail"],
        "positive": "fail",
        "split": split,
        "rows": "actual",
        "columns": "predicted",
        "matrix": matrix.tolist(),
    }


def prefixed(prefix: str, values: Scores) -> Scores:
    """The same values under names that start with `prefix` and an underscore."""
    return {f"{prefix}_{name}": value for name, value in values.items()}
