"""The model: which dies fail, told from where they lie and how the dies around their block fared.

This file travels inside the logged model (`code_paths`): it needs numpy, scipy, pandas and scikit-learn,
and `blocks.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pandas as pd
from blocks import Bools, Floats, Grid
from scipy.ndimage import gaussian_filter
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.utils.validation import check_is_fitted

WIDTHS = (0.02, 0.05, 0.12)
"""Standard deviations of the neighbourhoods, in wafer half-widths."""

PRIOR = 1e-3
"""Weight of the wafer-wide rate in a neighbourhood's rate, so that an empty neighbourhood has one."""


class DieFailureModel(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Gradient-boosted trees over a die's position and the failure rate of *other blocks* around it.

    `alpha` says how dear a missed failing die is against a false alarm: the cost ratio is (passing /
    failing)^alpha, so 0 treats both alike and 1 makes both classes weigh the same. Training weighs
    failing dies by that ratio; probabilities are brought back to the real rate afterwards (odds divided
    by the ratio), so yields can be summed from them at any alpha. `threshold` cuts the weighted
    probability. `extra` names further numeric columns to use as they are.
    """

    def __init__(
        self,
        alpha: float = 0.4,
        blocks: int = 12,
        guard: float = 0.02,
        threshold: float = 0.5,
        iterations: int = 120,
        learning_rate: float = 0.06,
        extra: list[str] | None = None,
        seed: int = 7,
    ) -> None:
        self.alpha = alpha
        self.blocks = blocks
        self.guard = guard
        self.threshold = threshold
        self.iterations = iterations
        self.learning_rate = learning_rate
        self.extra = extra
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: Bools, wafer: pd.DataFrame | None = None) -> DieFailureModel:
        """Learn from the dies X that fail where y is True.

        `wafer` gives the extent when X is only a part of it.
        """
        fails = np.asarray(y, dtype=bool)
        grid = Grid.of(X if wafer is None else wafer, self.blocks)
        self.grid_ = [grid.first_row, grid.first_col, grid.rows, grid.cols, grid.blocks]
        self.rates_ = neighbourhood_rates(grid, X, fails, self.guard)
        self.cost_ratio_ = float((np.sum(~fails) / np.sum(fails)) ** self.alpha)
        self.trees_ = HistGradientBoostingClassifier(
            max_iter=self.iterations,
            learning_rate=self.learning_rate,
            max_leaf_nodes=15,
            min_samples_leaf=60,
            l2_regularization=5.0,
            early_stopping=False,  # it would hold out single dies at random: the leak that blocks prevent
            random_state=self.seed,
        )
        self.trees_.fit(self.features(X), fails, sample_weight=np.where(fails, self.cost_ratio_, 1.0))
        return self

    @property
    def grid(self) -> Grid:
        """The lattice that the model was fitted on."""
        check_is_fitted(self)
        return Grid(*self.grid_)

    def features(self, X: pd.DataFrame) -> Floats:
        """Radius, angle, position, place in the shot, and the neighbourhood rates."""
        grid = Grid(*self.grid_)
        row, col = grid.cells(X)
        x, y = grid.xy(row, col)
        columns = [np.hypot(x, y), np.arctan2(y, x), x, y]
        columns += [X["WIF_ROW"].to_numpy(dtype=float), X["WIF_COL"].to_numpy(dtype=float)]
        columns += [self.rates_[row, col, k] for k in range(self.rates_.shape[2])]
        columns += [X[name].to_numpy(dtype=float) for name in self.extra or []]
        return np.column_stack(columns)

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """Probabilities of passing and failing, at the training wafer's real rate of failures."""
        return _unweighted(self.trees_.predict_proba(self.features(X))[:, 1], self.cost_ratio_)

    def staged_predict_proba(self, X: pd.DataFrame) -> Iterator[Floats]:
        """Like predict_proba, after each iteration of boosting."""
        for stage in self.trees_.staged_predict_proba(self.features(X)):
            yield _unweighted(stage[:, 1], self.cost_ratio_)

    def decide(self, fail_probability: Floats) -> Bools:
        """Cut probabilities by `threshold`, a missed failing die costing `cost_ratio_` false alarms."""
        odds = self.cost_ratio_ * fail_probability
        decided: Bools = odds / (odds + 1 - fail_probability) >= self.threshold
        return decided

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """What the served model answers for each die: `fail_probability` (0 to 1) and `fails`."""
        probability = self.predict_proba(X)[:, 1]
        return pd.DataFrame({"fail_probability": probability, "fails": self.decide(probability)})


def _unweighted(weighted: Floats, ratio: float) -> Floats:
    fail = weighted / (weighted + ratio * (1 - weighted))
    return np.column_stack([1 - fail, fail])


def neighbourhood_rates(grid: Grid, dies: pd.DataFrame, fails: Bools, guard: float) -> Floats:
    """For every cell of the grid: the failure rate around it among `dies`, leaving out its own block and
    `guard` around that.

    Leaving out the own block makes the feature mean the same for a training die as for a die in a
    held-out block; with single dies left out instead, trees would learn to trust neighbours that a
    held-out die does not have. Returns rows × cols × len(WIDTHS): Gaussian-weighted rates in 0..1.
    """
    row, col = grid.cells(dies)
    tested = np.zeros((grid.rows, grid.cols))
    failed = np.zeros((grid.rows, grid.cols))
    tested[row, col] = 1.0
    failed[row, col] = fails
    overall = float(np.mean(fails))
    up, across = grid.reach(guard)
    rates = np.full((grid.rows, grid.cols, len(WIDTHS)), overall)
    row_edges = [-(-i * grid.rows // grid.blocks) for i in range(grid.blocks + 1)]
    col_edges = [-(-i * grid.cols // grid.blocks) for i in range(grid.blocks + 1)]
    for top, bottom in pairwise(row_edges):
        for left, right in pairwise(col_edges):
            for k, width in enumerate(WIDTHS):
                sigma = (width * grid.rows / 2, width * grid.cols / 2)
                pad = [int(np.ceil(4 * s)) + 1 + g for s, g in zip(sigma, (up, across), strict=True)]
                r0, r1 = max(0, top - pad[0]), min(grid.rows, bottom + pad[0])
                c0, c1 = max(0, left - pad[1]), min(grid.cols, right + pad[1])
                allowed = np.ones((r1 - r0, c1 - c0))
                allowed[
                    max(0, top - up - r0) : bottom + up - r0, max(0, left - across - c0) : right + across - c0
                ] = 0
                count = gaussian_filter(tested[r0:r1, c0:c1] * allowed, sigma, mode="constant")
                bad = gaussian_filter(failed[r0:r1, c0:c1] * allowed, sigma, mode="constant")
                rate = (bad + PRIOR * overall) / (count + PRIOR)
                rates[top:bottom, left:right, k] = rate[top - r0 : bottom - r0, left - c0 : right - c0]
    return rates.astype(np.float32)
