"""The loops of windows give the sums of a plain calculation, at every border."""

from __future__ import annotations

import numpy as np
import pytest

from fp.fingerprint.estimators.compiled_cells import add_products, add_weighted_products

LAGS = np.array([[0, 1], [1, 0], [1, -1], [2, -3], [0, 3]])
LIMIT = 1.5
CELL = 16


def limited(planes, y, x, lag):
    """Return the limited product at a pixel of each plane."""
    here, there = planes[:, y, x], planes[:, y + lag[0], x + lag[1]]
    return np.clip(here.astype(np.float64) * there, -LIMIT, LIMIT)


@pytest.fixture
def planes():
    return np.random.default_rng(0).normal(size=(2, 72, 83)).astype(np.float32)


@pytest.mark.parametrize(
    ("inside", "core"),
    [
        ((3, 69, 3, 80), (0, 64, 0, 80)),  # a corner of the image
        ((3, 69, 3, 80), (32, 64, 16, 64)),  # cells in its middle
        ((3, 69, 13, 30), (0, 64, 0, 80)),  # few columns, from within a cell
        ((40, 40, 3, 80), (0, 64, 0, 80)),  # no row
    ],
)
def test_sums_over_cells_and_phases_are_those_of_every_pixel(planes, inside, core):
    weights = np.random.default_rng(1).normal(size=(2, len(LAGS) * 2, 8, 8)).astype(np.float32)
    rows, columns = (core[1] - core[0]) // CELL, (core[3] - core[2]) // CELL
    expected, counted = np.zeros((2, rows, columns)), np.zeros((rows, columns))
    by_phase = np.zeros((len(LAGS) * 2, 8, core[3] - core[2]))
    for y in range(max(inside[0], core[0]), min(inside[1], core[1])):
        for x in range(max(inside[2], core[2]), min(inside[3], core[3])):
            found = np.concatenate([limited(planes, y, x, lag) for lag in LAGS])
            cell = (y - core[0]) // CELL, (x - core[2]) // CELL
            expected[:, *cell] += weights[:, :, y % 8, x % 8] @ found
            counted[cell] += 1
            by_phase[:, y % 8, x - core[2]] += found
    sums, count = np.zeros_like(expected), np.zeros_like(counted)
    spans = np.array([inside, core])
    add_weighted_products(planes, LAGS, weights, spans, CELL, np.float32(LIMIT), sums, count)
    assert np.array_equal(count, counted)
    assert sums == pytest.approx(expected, abs=1e-3)
    lines = np.zeros(by_phase.shape, np.float32)
    add_products(planes, LAGS, spans[0], core[0], core[1], core[2], np.float32(LIMIT), lines)
    assert lines == pytest.approx(by_phase, abs=1e-4)
