"""The grid of 8 x 8 blocks that JPEG leaves in decoded pixels.

It is looked for in one window of the luminance that begins at multiples of 64 pixels, so that a
phase found in it is a phase counted from the picture's first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import dct

from fp.images.compiled_jpeg_grid import count_vanishing
from fp.system.arrays import Floats, Pixels

WINDOW = 256
"""Longest side of the window, in pixels: enough for a grid, in milliseconds."""

GRID_STRENGTH = 0.03
"""Least strength of a grid. Of the lossless pictures that this was set on, none passed 0.01; of
JPEGs of quality 98, nineteen in twenty had more than 0.05."""

BLOCK = 8
"""Side of a block, in pixels."""

_ROWS = (1, 3, 5, 7)  # vertical frequencies that are looked at: half of them, in half the time


@dataclass(frozen=True)
class Grid:
    """Where a JPEG grid would lie.

    Parameters
    ----------
    strength : float
        How much larger the share of vanishing DCT coefficients is at the best of the 64 phases
        than at the second best, in [0, 1].
    row, column : int
        Phase: the first row and column at which a block begins, 0 to 7.
    present : bool
        Whether the strength is more than chance and picture content give.
    """

    strength: float
    row: int
    column: int
    present: bool


def window_of(image_hwc: Pixels) -> Pixels:
    """Return a view of a picture's middle, beginning at multiples of 64.

    Shape (H, W, 3) becomes (min(H, 256), min(W, 256), 3).
    """
    top, left = (max(0, side - WINDOW) // 128 * 64 for side in image_hwc.shape[:2])
    return image_hwc[top : top + WINDOW, left : left + WINDOW]


def luminance_window(image_hwc: Pixels) -> Floats:
    """Return 0.299 R + 0.587 G + 0.114 B of the examined window, as JPEG computes it.

    Of a picture (H, W, 3) float32 in [0, 255], shape (min(H, 256), min(W, 256)).
    """
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return window_of(image_hwc).astype(np.float32) @ weights


def jpeg_grid(luminance: Floats) -> Grid:
    """Look for the grid of 8 x 8 blocks that JPEG leaves in decoded pixels.

    The luminance is float32 (H, W) in [0, 255]; strength 0 where it is smaller than 4 blocks. JPEG
    rounds most coefficients of a block to zero, and only blocks cut at the same places show it. For
    each phase the share of coefficients with |c| < 1/2 is counted over all blocks, as in ZERO
    (Nikoukhah, Anger, Colom, Morel and Grompone von Gioi, 2021, doi 10.5201/ipol.2021.390).
    """
    height, width = luminance.shape
    if min(height, width) < 4 * BLOCK:
        return Grid(0.0, 0, 0, False)
    basis = dct(np.eye(BLOCK, dtype=np.float32), norm="ortho", axis=0)
    counts = np.empty((BLOCK, BLOCK), dtype=np.int64)
    count_vanishing(np.ascontiguousarray(luminance), basis, np.array(_ROWS), counts)
    # Blocks that begin at each phase, of all that fit.
    down, across = ((side - BLOCK - np.arange(BLOCK)) // BLOCK + 1 for side in luminance.shape)
    shares = counts / np.outer(down, across) / (len(_ROWS) * BLOCK)
    second, best = np.sort(shares, axis=None)[-2:]
    row, column = divmod(int(shares.argmax()), BLOCK)
    blocks = (height // BLOCK - 1) * (width // BLOCK - 1)
    # Few blocks differ by chance; the bound is what 64 x 64 pixels of noise stay below.
    least = max(GRID_STRENGTH, 0.35 / np.sqrt(blocks))
    return Grid(float(best - second), row, column, bool(best - second > least))
