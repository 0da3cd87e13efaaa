"""The loop of `jpeg_grid`: block coefficients counted at every place of a block."""

from __future__ import annotations

import numpy as np

from fp.system.arrays import Counts, Floats
from fp.system.jit import compiled


@compiled
def count_vanishing(luminance: Floats, basis: Floats, rows: Counts, counts: Counts) -> None:
    """Count the block coefficients below one half in magnitude, for all places of a block.

    `luminance`, float32 (H, W), has at least 8 x 8 values and is C-contiguous; ``basis[k, n]``,
    float32 (8, 8), is cosine k at place n: even ones are symmetric, odd ones antisymmetric. `rows`
    are the vertical frequencies that are looked at; of the horizontal ones, all are. `counts`, int
    (8, 8), receives the sum over all blocks that begin at each row and column modulo 8.
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
