"""Whether pictures share a pattern at fixed places, as those from one initial noise do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fp.audit.mixture import PERIOD
from fp.system.arrays import Flags, Floats, Pixels

FEWEST = 8
"""Pictures below which the test is not made."""

MOST = 200
"""Pictures beyond which a sample of this size is tested."""

_MARGIN = 16  # a network that pads leaves the same pattern along every edge
_SIDE = 160  # longest side of the window
_FAINT = 0.25 / 255  # a quarter of a grey level: flat areas say nothing
_ALPHA = 0.01  # share of the links that chance may make


@dataclass(frozen=True, eq=False)
class Signs:
    """Where the residual of a picture is above 0 and where below.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the window.
    planes : ndarray of uint8, shape (2, (height * width + 7) // 8)
        A bit a pixel, above and below.
    """

    shape: tuple[int, int]
    planes: Pixels

    def values(self) -> Floats:
        """Return 1, 0 or -1 for each pixel."""
        height, width = self.shape
        above, below = np.unpackbits(self.planes, axis=1, count=height * width)
        return np.asarray(above.astype(np.float32) - below, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Shared:
    """Which pictures share a pattern with which others.

    Parameters
    ----------
    linked : ndarray of bool, shape (N, N)
        Symmetric; no picture is linked with itself.
    """

    linked: Flags

    @property
    def members(self) -> Flags:
        """Return which pictures share a pattern with another one, shape (N,)."""
        return np.asarray(self.linked.any(axis=1))

    @property
    def others(self) -> float:
        """Return the mean number of others that these share it with, or 0."""
        return float(self.linked.sum() / max(1, self.members.sum()))


def signs_of(residual_chw: Floats) -> Signs | None:
    """Return the signs of a residual (3, H, W) in a window at fixed places.

    The window leaves out 16 pixels at every edge, and has at most 160 x 160. None where it has
    fewer than 64 pixels a side, or nothing in it but flat areas.
    """
    height, width = (
        min(_SIDE, (side - 2 * _MARGIN) // PERIOD * PERIOD) for side in residual_chw.shape[1:]
    )
    if min(height, width) < 4 * PERIOD:
        return None
    inside = residual_chw[:, _MARGIN : _MARGIN + height, _MARGIN : _MARGIN + width].mean(axis=0)
    planes = np.stack([inside > _FAINT, inside < -_FAINT])
    if not planes.any():
        return None
    return Signs((height, width), np.packbits(planes.reshape(2, -1), axis=1))


def shared(signs: Sequence[Signs]) -> Shared:
    """Find pictures that share a pattern at fixed places; all windows have one shape.

    Two pictures are linked where their signs correlate more than those of pictures that were
    shifted against each other, by multiples of 16 pixels. A generator's lattice and the grid of a
    JPEG remain under such a shift, and what stands at fixed places does not. Each pair is ranked
    among all shifted pairs, and the ranks are corrected over all pairs (Benjamini and Hochberg).
    So fewer than four pairs are never linked.
    """
    from scipy.stats import false_discovery_control  # takes a second, which no worker needs

    count = len(signs)
    rows = np.stack([each.values() for each in signs])
    rows -= rows.mean(axis=1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    above = np.triu_indices(count, 1)
    chance = np.sort(np.concatenate(list(_shifted(rows, signs[0].shape))))
    own = (rows @ rows.T)[above]
    p = (1 + chance.size - np.searchsorted(chance, own)) / (1 + chance.size)
    linked = np.zeros((count, count), dtype=bool)
    linked[above] = false_discovery_control(p) <= _ALPHA
    return Shared(linked | linked.T)


def _shifted(rows: Floats, shape: tuple[int, int]) -> Iterator[Floats]:
    """Yield the correlations of all pictures with all others, under each of 15 shifts."""
    count = len(rows)
    pictures = rows.reshape(count, *shape)
    down, right = ([side * k // 4 // PERIOD * PERIOD for k in range(4)] for side in shape)
    for y in down:
        for x in right:
            if y or x:
                moved = np.roll(pictures, (y, x), (1, 2)).reshape(count, -1)
                yield np.asarray((rows @ moved.T)[~np.eye(count, dtype=bool)])
