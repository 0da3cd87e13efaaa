"""Traces in decoded pixels of what a picture went through: a JPEG grid, and resampling.

Both are looked for in one window of the luminance that begins at multiples of 8 pixels, so that a
phase found in it is a phase counted from the picture's first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct, rfft
from scipy.ndimage import median_filter

from fp.fingerprint.audit.compiled import count_vanishing

Luminance = NDArray[np.float32]

WINDOW = 256
"""Longest side of the window, in pixels: enough for both traces, in milliseconds."""

GRID_STRENGTH = 0.03
"""Least strength of a grid. Of the lossless pictures that this was set on, none passed 0.01; of
JPEGs of quality 98, nineteen in twenty had more than 0.05."""

RESAMPLING_STRENGTH = 30.0
"""Least strength of a periodic trace; see `resampling_trace`."""

_BLOCK = 8
_ROWS = (1, 3, 5, 7)  # vertical frequencies that are looked at: half of them, in half the time
_BINS = 512
_LOWEST = 0.06  # below it the picture itself has periods
_BESIDE = 0.012  # bins this near to a multiple of 1/8 may be a JPEG grid or a generator's lattice


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


@dataclass(frozen=True)
class Periodicity:
    """The strongest period in how predictable pixels are.

    Parameters
    ----------
    strength : float
        Power of the peak over the median of its surroundings.
    frequency : float
        Cycles a pixel, in (0, 1/2).
    present : bool
        Whether the strength is more than picture content gives.
    """

    strength: float
    frequency: float
    present: bool


def window_of(image_hwc: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut the examined window out of a picture.

    Parameters
    ----------
    image_hwc : ndarray of uint8, shape (H, W, 3)
        The picture.

    Returns
    -------
    ndarray of uint8, shape (min(H, 256), min(W, 256), 3)
        A view of its middle, beginning at multiples of 64.
    """
    top, left = (max(0, side - WINDOW) // 128 * 64 for side in image_hwc.shape[:2])
    return image_hwc[top : top + WINDOW, left : left + WINDOW]


def luminance_window(image_hwc: NDArray[np.uint8]) -> Luminance:
    """Give the luminance of the examined window.

    Parameters
    ----------
    image_hwc : ndarray of uint8, shape (H, W, 3)
        The picture.

    Returns
    -------
    ndarray of float32, shape (min(H, 256), min(W, 256))
        0.299 R + 0.587 G + 0.114 B in [0, 255], as JPEG computes it.
    """
    weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
    return window_of(image_hwc).astype(np.float32) @ weights


def jpeg_grid(luminance: Luminance) -> Grid:
    """Look for the grid of 8 x 8 blocks that JPEG leaves in decoded pixels.

    Parameters
    ----------
    luminance : ndarray of float32, shape (H, W)
        In [0, 255].

    Returns
    -------
    Grid
        The best phase and its strength; strength 0 where the picture is smaller than 4 blocks.

    Notes
    -----
    JPEG rounds most coefficients of a block to zero, and only blocks cut at the same places show
    it. For each phase the share of coefficients with |c| < 1/2 is counted over all blocks, as in
    ZERO (Nikoukhah, Anger, Colom, Morel and Grompone von Gioi, 2021, doi 10.5201/ipol.2021.390).
    """
    height, width = luminance.shape
    if min(height, width) < 4 * _BLOCK:
        return Grid(0.0, 0, 0, False)
    basis = dct(np.eye(_BLOCK, dtype=np.float32), norm="ortho", axis=0)
    counts = np.empty((_BLOCK, _BLOCK), dtype=np.int64)
    count_vanishing(np.ascontiguousarray(luminance), basis, np.array(_ROWS), counts)
    # Blocks that begin at each phase, of all that fit.
    down, across = ((side - _BLOCK - np.arange(_BLOCK)) // _BLOCK + 1 for side in luminance.shape)
    shares = counts / np.outer(down, across) / (len(_ROWS) * _BLOCK)
    second, best = np.sort(shares, axis=None)[-2:]
    row, column = divmod(int(shares.argmax()), _BLOCK)
    blocks = (height // _BLOCK - 1) * (width // _BLOCK - 1)
    # Few blocks differ by chance; the bound is what 64 x 64 pixels of noise stay below.
    least = max(GRID_STRENGTH, 0.35 / np.sqrt(blocks))
    return Grid(float(best - second), row, column, bool(best - second > least))


def resampling_trace(luminance: Luminance) -> Periodicity:
    """Look for the periodic predictability that interpolation leaves.

    Parameters
    ----------
    luminance : ndarray of float32, shape (H, W)
        In [0, 255].

    Returns
    -------
    Periodicity
        The strongest period that is neither a JPEG grid nor a generator's lattice of 2, 4 or 8
        pixels; strength 0 where the picture is smaller than 64 x 64 pixels.

    Notes
    -----
    The mean magnitude of second differences along rows and columns has the period of the sampling
    positions (Gallagher 2005, doi 10.1109/CRV.2005.33; Mahdian and Saic 2008,
    doi 10.1109/TIFS.2004.924603): enlarging by f > 1 leaves a peak at the frequency 1/f, folded
    into [0, 1/2].
    """
    if min(luminance.shape) < 64:
        return Periodicity(0.0, 0.0, False)
    power = _profile_power(luminance, 0) + _profile_power(luminance, 1)
    frequency = np.arange(power.size) / _BINS
    surroundings = median_filter(power, size=41, mode="reflect")
    off_lattice = np.abs(frequency * 8 - np.round(frequency * 8)) / 8 >= _BESIDE
    usable = (frequency > _LOWEST) & off_lattice
    ratio = np.where(usable, power / np.maximum(surroundings, 1e-12), 0.0)
    peak = int(ratio.argmax())
    strength = float(ratio[peak])
    return Periodicity(strength, float(frequency[peak]), strength > RESAMPLING_STRENGTH)


def _profile_power(luminance: Luminance, axis: int) -> NDArray[np.float64]:
    change = np.abs(np.diff(luminance, 2, axis=axis)).astype(np.float64)
    # Edges of the picture are large and not periodic: what exceeds the ninth decile is cut.
    change = np.minimum(change, np.quantile(change, 0.9))
    profile = np.log(change.mean(axis=1 - axis) + 0.05)
    smooth = np.convolve(np.pad(profile, 8, mode="reflect"), np.full(17, 1 / 17), mode="valid")
    taper = np.hanning(profile.size)
    power = np.square(np.abs(rfft((profile - smooth) * taper, _BINS)))
    return np.asarray(power / np.square(taper).sum())
