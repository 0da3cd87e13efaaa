"""The loops that count which levels stand in a row, compiled by Numba."""

from __future__ import annotations

import numpy as np

from fp.system.arrays import Codes, Counts, Integers
from fp.system.jit import compiled

LEVELS = 5
RUN = 4
_TABLES = 4  # tables of counts: neighbours are often the same run, and would wait for each other


@compiled
def count_runs(differences: Integers, step: int, along: Counts, across: Counts) -> None:
    """Count runs of four neighbours in differences (H, W) by their levels.

    Differences are rounded to the even number `step`, away from zero at a tie, and limited to two
    steps. The counts (625,) of the runs in rows and in columns, read as numbers to the base of
    five, are added to `along` and `across`, which may be one array.
    """
    rows, columns = differences.shape
    near, far = step // 2, 3 * step // 2
    levels = np.empty((rows, columns), np.uint16)
    for y in range(rows):
        for x in range(columns):
            d = differences[y, x]
            up = np.int32(d >= near) + np.int32(d >= far)
            levels[y, x] = 2 + up - np.int32(d <= -near) - np.int32(d <= -far)
    # Codes first and counts after: the first loop runs in wide registers.
    codes = np.empty(columns, np.uint16)
    counts = np.zeros((_TABLES, LEVELS**RUN), np.int64)
    for y in range(rows):
        row = levels[y]
        for x in range(columns - 3):
            codes[x] = ((row[x] * 5 + row[x + 1]) * 5 + row[x + 2]) * 5 + row[x + 3]
        _count(codes, columns - 3, counts)
    _move(counts, along)
    for y in range(rows - 3):
        first, second, third, fourth = levels[y], levels[y + 1], levels[y + 2], levels[y + 3]
        for x in range(columns):
            codes[x] = ((first[x] * 5 + second[x]) * 5 + third[x]) * 5 + fourth[x]
        _count(codes, columns, counts)
    _move(counts, across)


@compiled
def _count(codes: Codes, size: int, counts: Counts) -> None:
    """Count the first codes, each by its place in one of the tables."""
    whole = max(0, size) // _TABLES * _TABLES
    for x in range(0, whole, _TABLES):
        for table in range(_TABLES):
            counts[table, codes[x + table]] += 1
    for x in range(whole, size):
        counts[0, codes[x]] += 1


@compiled
def _move(counts: Counts, total: Counts) -> None:
    """Add all tables to a total, and empty them."""
    for table in range(_TABLES):
        for code in range(len(total)):
            total[code] += counts[table, code]
            counts[table, code] = 0
