"""The loops that count which levels stand in a row, compiled by Numba."""

from __future__ import annotations

import numpy as np

from fp.system.arrays import Counts, Integers
from fp.system.jit import compiled

LEVELS = 5
RUN = 4


@compiled
def count_runs(differences: Integers, step: int, along: Counts, across: Counts) -> None:
    """Count runs of four neighbours in differences (H, W) by their levels.

    Differences are rounded to the even number `step`, away from zero at a tie, and limited to two
    steps. The counts (625,) of the runs in rows and in columns, read as numbers to the base of
    five, are added to `along` and `across`.
    """
    rows, columns = differences.shape
    near, far = step // 2, 3 * step // 2
    levels = np.empty((rows, columns), np.int32)
    for y in range(rows):
        for x in range(columns):
            d = differences[y, x]
            up = np.int32(d >= near) + np.int32(d >= far)
            levels[y, x] = 2 + up - np.int32(d <= -near) - np.int32(d <= -far)
    # Codes first and counts after: the first loop runs in wide registers.
    codes = np.empty(columns, np.int32)
    for y in range(rows):
        row = levels[y]
        for x in range(columns - 3):
            codes[x] = ((row[x] * 5 + row[x + 1]) * 5 + row[x + 2]) * 5 + row[x + 3]
        for x in range(columns - 3):
            along[codes[x]] += 1
    for y in range(rows - 3):
        first, second, third, fourth = levels[y], levels[y + 1], levels[y + 2], levels[y + 3]
        for x in range(columns):
            codes[x] = ((first[x] * 5 + second[x]) * 5 + third[x]) * 5 + fourth[x]
        for x in range(columns):
            across[codes[x]] += 1
