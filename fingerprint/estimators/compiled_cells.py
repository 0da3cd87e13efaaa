"""The loops behind the cyclic evidence of windows: weighted products of neighbours by cell."""

from __future__ import annotations

import numpy as np

from fp.system.arrays import Counts, Doubles, Floats
from fp.system.jit import compiled_reordered


@compiled_reordered
def add_weighted_products(
    planes: Floats,
    lags: Counts,
    weights: Floats,
    spans: Counts,
    cell: int,
    limit: np.float32,
    sums: Doubles,
    count: Doubles,
) -> None:
    """Sum weighted products of a residual with its shifted self over square cells.

    `planes` (C, H, W) is the normalised residual of a part of an image that begins at a multiple of
    8 in either direction, `lags` (L, 2) are shifts (dy, dx), and `weights` (K, L * C, 8, 8) those
    of each product at each phase. `spans` (2, 4) are first row, row behind the last, first column
    and column behind the last: of the pixels whose neighbours are all there, and of those whose
    cells are asked for, which begin at a cell. The side of a cell is a multiple of 8; products are
    limited to [-limit, limit]. `sums` (K, rows, columns) receives the sums and `count` (rows,
    columns) the number of pixels.
    """
    channels = planes.shape[0]
    inside, core = spans[0], spans[1]
    top, bottom = max(inside[0], core[0]), min(inside[1], core[1])
    left, right = max(inside[2], core[2]), min(inside[3], core[3])
    # From a multiple of 8, so that the phase runs along with the place in a line.
    start = left // 8 * 8
    skip, width = left - start, right - start
    if bottom <= top or right <= left:
        return
    kinds = len(weights)
    tiled = np.empty((kinds, len(lags) * channels, 8, width), np.float32)
    for x in range(width):
        tiled[:, :, :, x] = weights[:, :, :, x % 8]
    line = np.empty((kinds, width), np.float32)
    for y in range(top, bottom):
        line[:] = 0.0
        for lag in range(len(lags)):
            down, across = lags[lag, 0], lags[lag, 1]
            for c in range(channels):
                # Slices, since an index that may be negative keeps a loop from wide registers.
                here, there = planes[c, y, left:right], planes[c, y + down]
                there = there[left + across : right + across]
                for k in range(kinds):
                    weight, total = tiled[k, lag * channels + c, y % 8, skip:], line[k, skip:]
                    for x in range(right - left):
                        product = here[x] * there[x]
                        total[x] += weight[x] * min(max(product, -limit), limit)
        row = (y - core[0]) // cell
        for x in range(skip, width):
            column = (start + x - core[2]) // cell
            count[row, column] += 1.0
            for k in range(kinds):
                sums[k, row, column] += line[k, x]


@compiled_reordered
def add_products(
    planes: Floats,
    lags: Counts,
    inside: Counts,
    top: int,
    bottom: int,
    left: int,
    limit: np.float32,
    lines: Floats,
) -> None:
    """Sum products of a residual with its shifted self over lines of equal phase.

    As in `add_weighted_products`, with `inside` the first of its spans, rows from `top` to before
    `bottom`, and columns from `left` on, a multiple of 8. `lines` (L * C, 8, W) receives the sums:
    row p those of the lines at phase p, column x that of pixel left + x.
    """
    channels, width = planes.shape[0], lines.shape[2]
    first, last = max(inside[2], left), min(inside[3], left + width)
    for y in range(max(inside[0], top), min(inside[1], bottom)):
        for lag in range(len(lags)):
            down, across = lags[lag, 0], lags[lag, 1]
            for c in range(channels):
                here, there = planes[c, y, first:last], planes[c, y + down]
                there = there[first + across : last + across]
                line = lines[lag * channels + c, y % 8, first - left :]
                for x in range(last - first):
                    product = here[x] * there[x]
                    line[x] += min(max(product, -limit), limit)
