"""Cutting the wafer into blocks, and holding whole blocks out.

Neighbouring dies share their causes of failure: a die beside a failing one usually fails too. Splitting
dies at random puts the neighbours of every test die into the training set, and the score then measures
how well a hole of one die is filled. Here whole blocks are held out, and training dies closer to a
held-out block than `guard` are dropped as well.

Distances are in wafer half-widths: the wafer spans -1 to 1 in both directions, however many rows and
columns it has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

TRAIN, TEST, GUARD = 0, 1, 2
SPLITS = ["train", "test", "guard"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Grid:
    """The lattice of die positions, cut into blocks² blocks.

    It has `rows` × `cols` cells, numbered from `first_row`, `first_col`.
    """

    first_row: int
    first_col: int
    rows: int
    cols: int
    blocks: int

    @classmethod
    def of(cls, dies: pd.DataFrame, blocks: int) -> Grid:
        """The smallest grid that holds every die.

        Raises ValueError unless 2 <= blocks <= the wafer's rows and columns.
        """
        row, col = dies["MAP_ROW"], dies["MAP_COL"]
        rows, cols = int(row.max() - row.min()) + 1, int(col.max() - col.min()) + 1
        if not 2 <= blocks <= min(rows, cols):
            most = min(rows, cols)
            raise ValueError(
                f"blocks must lie between 2 and {most} on a wafer of {rows}×{cols}, not {blocks}."
            )
        return cls(int(row.min()), int(col.min()), rows, cols, blocks)

    def cells(self, dies: pd.DataFrame) -> tuple[Ints, Ints]:
        """Row and column of each die, from 0. Raises ValueError for a die that is off this wafer."""
        row = dies["MAP_ROW"].to_numpy(dtype=np.int64) - self.first_row
        col = dies["MAP_COL"].to_numpy(dtype=np.int64) - self.first_col
        off = (row < 0) | (row >= self.rows) | (col < 0) | (col >= self.cols)
        if off.any():
            where = f"row {dies['MAP_ROW'].to_numpy()[off][0]}, column {dies['MAP_COL'].to_numpy()[off][0]}"
            raise ValueError(
                f"{int(off.sum())} die(s) lie off the wafer, the first at {where}. "
                f"Rows run from {self.first_row} to {self.first_row + self.rows - 1}, "
                f"columns from {self.first_col} to {self.first_col + self.cols - 1}."
            )
        return row, col

    def xy(self, row: Ints, col: Ints) -> tuple[Floats, Floats]:
        """Position in half-widths, 0 at the centre; y grows downwards with the row."""
        return (col + 0.5) * 2 / self.cols - 1, (row + 0.5) * 2 / self.rows - 1

    def reach(self, distance: float) -> tuple[int, int]:
        """How many rows and columns a distance in half-widths covers, rounded up."""
        return int(np.ceil(distance * self.rows / 2)), int(np.ceil(distance * self.cols / 2))

    def block_of(self, row: Ints, col: Ints) -> Ints:
        """Block number, row by row from the top left: 0 to blocks²-1."""
        return (row * self.blocks // self.rows) * self.blocks + col * self.blocks // self.cols


def split_by_blocks(grid: Grid, dies: pd.DataFrame, fraction: float, guard: float, seed: int) -> Ints:
    """Give each die TRAIN, TEST or GUARD.

    A random `fraction` of the blocks is held out, drawn without looking at bins.
    """
    row, col = grid.cells(dies)
    block = grid.block_of(row, col)
    present = np.random.default_rng(seed).permutation(np.unique(block))
    held_out = present[: max(1, round(fraction * len(present)))]
    return mark_split(grid, row, col, np.isin(block, held_out), guard)


def mark_split(grid: Grid, row: Ints, col: Ints, test: Bools, guard: float) -> Ints:
    """TRAIN, TEST or GUARD for each die, GUARD where a die that is not in `test` lies within `guard` of
    one that is.
    """
    split = np.where(test, TEST, TRAIN)
    if guard > 0:
        held = np.zeros((grid.rows, grid.cols), dtype=bool)
        held[row[test], col[test]] = True
        up, across = grid.reach(guard)
        near = maximum_filter(held, size=(2 * up + 1, 2 * across + 1), mode="constant")
        split = np.where(near[row, col] & ~test, GUARD, split)
    return split
