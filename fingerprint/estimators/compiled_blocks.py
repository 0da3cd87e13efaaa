"""The loop that sums up 8 x 8 cosine transforms of a plane, compiled by Numba."""

from __future__ import annotations

import numpy as np

from fp.system.arrays import Doubles, Floats
from fp.system.jit import compiled

BLOCK = 8
_FACTORS = 32  # of a product, before its logarithm: neither end of float64 is near


@compiled
def sum_blocks(plane: Floats, cosines: Floats, stride: int, sums: Doubles) -> int:
    """Sum up the coefficients of all blocks of a plane (H, W). Return the number of blocks.

    Blocks begin at all multiples of `stride`. `cosines` (8, 8) holds a cosine of the orthonormal
    DCT-II in each row. With a the absolute coefficients of a block, the sums of a, of log10(a +
    1/2), of the cases a < 1/2, and of min(a, 2) are added to `sums` (4, 64).
    """
    height, width = plane.shape
    rows, size = np.empty((BLOCK, width), np.float32), BLOCK * BLOCK
    by_place = np.ascontiguousarray(cosines.T)
    found, products = np.empty(size, np.float32), np.ones(size)
    total, small, limited = np.zeros(size), np.zeros(size), np.zeros(size)
    blocks = factors = 0
    for top in range(0, height - BLOCK + 1, stride):
        rows[:] = 0
        for k in range(BLOCK):
            line = rows[k]
            for y in range(BLOCK):
                weight, source = cosines[k, y], plane[top + y]
                for x in range(width):
                    line[x] += weight * source[x]
        for left in range(0, width - BLOCK + 1, stride):
            found[:] = 0
            for k in range(BLOCK):
                for x in range(BLOCK):
                    value = rows[k, left + x]
                    for at in range(BLOCK):
                        found[k * BLOCK + at] += value * by_place[x, at]
            for at in range(size):
                a = abs(found[at])
                total[at] += a
                small[at] += a < np.float32(0.5)
                limited[at] += min(a, np.float32(2))
                products[at] *= a + np.float32(0.5)
            blocks += 1
            factors += 1
            if factors == _FACTORS:
                sums[1] += np.log10(products)
                products[:] = 1
                factors = 0
    sums[0] += total
    sums[1] += np.log10(products)
    sums[2] += small
    sums[3] += limited
    return blocks
