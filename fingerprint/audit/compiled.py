"""The loops of the audit: block coefficients at every phase, and the dip of a sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fp.denoisers.jit import compiled

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]


@compiled
def count_vanishing(
    luminance: Floats, basis: Floats, rows: NDArray[np.int64], counts: NDArray[np.int64]
) -> None:
    """Count the block coefficients below one half in magnitude, for all places of a block.

    Parameters
    ----------
    luminance : ndarray of float32, shape (H, W)
        At least 8 x 8 values, C-contiguous.
    basis : ndarray of float32, shape (8, 8)
        Cosine k at place n in ``basis[k, n]``; even cosines are symmetric, odd ones antisymmetric.
    rows : ndarray of int, shape (R,)
        Vertical frequencies that are looked at; of the horizontal ones, all are.
    counts : ndarray of int, shape (8, 8)
        Receives the sum over all blocks that begin at each row and column modulo 8.
    """
    height, width = luminance.shape
    places = width - 7
    line = np.empty(width, np.float32)
    total = np.empty(places, np.int32)
    half = np.float32(0.5)
    counts[:] = 0
    for top in range(height - 7):
        total[:] = 0
        for row in rows:
            for x in range(width):
                value = basis[row, 0] * luminance[top, x]
                for k in range(1, 8):
                    value += basis[row, k] * luminance[top + k, x]
                line[x] = value
            for even in range(0, 8, 2):
                a, b, c, d = basis[even, 0], basis[even, 1], basis[even, 2], basis[even, 3]
                e, f = basis[even + 1, 0], basis[even + 1, 1]
                g, h = basis[even + 1, 2], basis[even + 1, 3]
                for x in range(places):
                    p, q = line[x], line[x + 7]
                    r, s = line[x + 1], line[x + 6]
                    t, u = line[x + 2], line[x + 5]
                    v, w = line[x + 3], line[x + 4]
                    symmetric = a * (p + q) + b * (r + s) + c * (t + u) + d * (v + w)
                    odd = e * (p - q) + f * (r - s) + g * (t - u) + h * (v - w)
                    total[x] += np.int32(abs(symmetric) < half) + np.int32(abs(odd) < half)
        for x in range(places):
            counts[top % 8, x % 8] += total[x]


@compiled
def dip(ordered: Doubles) -> float:
    """Give the distance of a sample from unimodality.

    Parameters
    ----------
    ordered : ndarray of float64, shape (N,)
        The sample in ascending order.

    Returns
    -------
    float
        See `fp.fingerprint.audit.mixture.dip_statistic`.
    """
    mirrored = -ordered[::-1]
    size = ordered.size
    low, high = 0, size - 1
    # The gap before the mode grows with the mode, the gap after it falls.
    while high - low > 1:
        middle = (low + high) // 2
        if _gap(ordered[: middle + 1], size) >= _gap(mirrored[: size - middle], size):
            high = middle
        else:
            low = middle
    found = np.inf
    for mode in (low, high):
        before, after = _gap(ordered[: mode + 1], size), _gap(mirrored[: size - mode], size)
        found = min(found, max(before, after))
    return found


@compiled
def _gap(ordered: Doubles, total: int) -> float:
    """Give half the gap between steps of 1/total at ordered places and their convex minorant."""
    hull = np.empty(ordered.size, np.int64)
    hull[0], top = 0, 0
    for place in range(1, ordered.size):
        while top > 0:
            a, b = hull[top - 1], hull[top]
            run, rise = ordered[place] - ordered[a], place - a
            if (b - a) * run < rise * (ordered[b] - ordered[a]):
                break
            top -= 1
        top += 1
        hull[top] = place
    largest = 0.0
    for corner in range(top):
        a, b = hull[corner], hull[corner + 1]
        width = ordered[b] - ordered[a]
        if width <= 0:  # equal values are one step
            continue
        slope = (b - a) / width
        for place in range(a, b):
            largest = max(largest, place - a - slope * (ordered[place] - ordered[a]))
    return (largest + 1) / total / 2
