"""Held-out scores of windows, and how the windows of one image depend on each other."""

from __future__ import annotations

import numpy as np

from fp.fingerprint.model.windows import ALIKE, SIZES, Dependence
from fp.system.arrays import Doubles

_REACHES = np.geomspace(0.25, 16.0, 25)


def sizes_within(height: int, width: int) -> tuple[int, ...]:
    """Return the sizes of which two windows fit beside each other either way."""
    return tuple(size for size in SIZES if 2 * size <= min(height, width))


def fit_dependence(scores: Doubles) -> Dependence:
    """Fit the dependence of windows side by side, from scores (n, rows, columns) of one class.

    By least squares over all shifts, each weighted by its number of pairs; `ALIKE` where an image
    has one window only, or no score varies.
    """
    from scipy.optimize import nnls  # only who learns waits for it

    rows, columns = scores.shape[1:]
    centred = scores - scores.mean()
    variance = float(np.square(centred).mean())
    if rows * columns < 2 or variance <= 0:
        return ALIKE
    distance, correlation, weight = [], [], []
    for down in range(rows):
        for across in range(-columns + 1, columns):
            if down == 0 and across <= 0:
                continue
            left, right = max(0, -across), max(0, across)
            first = centred[:, : rows - down, left : columns - right]
            second = centred[:, down:, right : columns - left]
            distance.append(np.hypot(down, across))
            correlation.append(float((first * second).mean()) / variance)
            weight.append(np.sqrt(first[0].size))
    lags, found, root = map(np.array, (distance, correlation, weight))
    best, least = ALIKE, np.inf
    for reach in _REACHES:
        design = np.column_stack([np.ones(lags.size), np.exp((1 - lags) / reach)])
        (floor, near), rest = nnls(design * root[:, None], found * root)
        if rest < least * (1 - 1e-9):
            total = max(floor + near, 1.0)
            best = Dependence(float(floor / total), float(near / total), float(reach))
            least = rest
    return best
