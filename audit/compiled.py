"""The loops of the audit: the dip of a sample."""

from __future__ import annotations

import numpy as np

from fp.system.arrays import Doubles
from fp.system.jit import compiled


@compiled
def dip(ordered: Doubles) -> float:
    """Return what `fp.audit.mixture.dip_statistic` does, of a sample in ascending order."""
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
    gap = np.inf
    for mode in (low, high):
        before, after = _gap(ordered[: mode + 1], size), _gap(mirrored[: size - mode], size)
        gap = min(gap, max(before, after))
    return gap


@compiled
def _gap(ordered: Doubles, total: int) -> float:
    """Return half the gap between steps of 1/total at ordered places and their convex minorant."""
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
