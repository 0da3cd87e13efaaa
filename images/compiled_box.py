"""Means over square windows of every pixel, with the bits of SciPy's ``uniform_filter``."""

from __future__ import annotations

import numpy as np

from fp.system.arrays import Floats
from fp.system.jit import compiled


@compiled
def mirrored(index: int, length: int) -> int:
    """Return the place in a row that a mirror at its edge shows."""
    while index < 0 or index >= length:
        index = -1 - index if index < 0 else 2 * length - 1 - index
    return index


@compiled
def transposed(plane: Floats) -> Floats:
    """Return the transposed copy of a plane."""
    height, width = plane.shape
    turned = np.empty((width, height), np.float32)
    for top in range(0, height, 16):
        for x in range(width):
            for y in range(top, min(top + 16, height)):
                turned[x, y] = plane[y, x]
    return turned


@compiled
def _line_mean(plane: Floats, size: int) -> Floats:
    """Average along the first axis over a window, as a running sum in float64."""
    length, width = plane.shape
    half, divisor = size // 2, np.float64(size)
    found = np.empty((length, width), np.float32)
    total = np.zeros(width)
    for y in range(-half, half + 1):
        line = plane[mirrored(y, length)]
        for x in range(width):
            total[x] += line[x]
    for y in range(length):
        if y > 0:
            new = plane[mirrored(y + half, length)]
            old = plane[mirrored(y - half - 1, length)]
            for x in range(width):
                total[x] += np.float64(new[x]) - np.float64(old[x])
        line = found[y]
        for x in range(width):
            line[x] = total[x] / divisor
    return found


@compiled
def box_mean(plane: Floats, size: int) -> Floats:
    """Return the mean of each pixel's window, mirrored at the edges: a plane (H, W) to (W, H).

    The plane is float32 and C-contiguous, the side of the window odd, the result transposed.
    """
    return _line_mean(transposed(_line_mean(plane, size)), size)
