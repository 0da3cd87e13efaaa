"""Scores of windows that no pattern had seen, and how windows of one image depend on each other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fp.fingerprint.windows.fields import CELL, Fields
from fp.fingerprint.windows.searching import Search

Doubles = NDArray[np.float64]

SIZES = (32, 64, 128)
"""Sides of windows in pixels that may be calibrated: multiples of every period of a lattice."""

USUAL = 64
"""The size that is used unless another is asked for: the smallest with a periodogram."""

_REACHES = np.geomspace(0.25, 16.0, 25)


def sizes_within(height: int, width: int) -> tuple[int, ...]:
    """Give the sizes of which two windows fit beside each other either way."""
    return tuple(size for size in SIZES if 2 * size <= min(height, width))


@dataclass(frozen=True)
class Dependence:
    """Correlation of the scores of two windows of one image.

    Parameters
    ----------
    floor : float
        What is left at any distance: what an image has in common.
    near : float
        What neighbours have in common beyond that.
    reach : float
        Distance, in window sides, over which it falls to 1/e.

    Notes
    -----
    rho(d) = floor + near exp(-(d - 1) / reach) for windows that do not overlap, at distance d >= 1
    between their centres in window sides; floor, near >= 0 and floor + near <= 1.
    """

    floor: float
    near: float
    reach: float

    def __post_init__(self) -> None:
        values = (self.floor, self.near, self.reach)
        if not np.isfinite(values).all() or min(self.floor, self.near) < 0 or self.reach <= 0:
            raise ValueError(f"a dependence cannot have the parameters {values}")
        if self.floor + self.near > 1 + 1e-9:
            raise ValueError(f"a correlation cannot exceed 1: {values}")

    def at(self, distance: Doubles) -> Doubles:
        """Give the correlation at a distance in window sides; 1 at 0."""
        found = self.floor + self.near * np.exp((1 - distance) / self.reach)
        return np.where(distance > 0, found, 1.0)

    def variance_of_mean(self, rows: int, columns: int) -> float:
        """Give the variance of the mean of windows side by side, in variances of one window.

        Parameters
        ----------
        rows, columns : int
            Number of windows down and across.

        Returns
        -------
        float
            (1 + (n - 1) rho_bar) / n = 1 / n_eff, with n = rows columns and rho_bar the mean
            correlation over all pairs of them.
        """
        return _variance_of_mean(self, rows, columns)


@lru_cache(maxsize=256)
def _variance_of_mean(dependence: Dependence, rows: int, columns: int) -> float:
    down, across = np.arange(rows), np.arange(columns)
    # A shift by (dy, dx) and its mirror images occur (R - dy) (C - dx) times each.
    pairs = np.outer(
        np.where(down > 0, 2, 1) * (rows - down), np.where(across > 0, 2, 1) * (columns - across)
    )
    correlations = dependence.at(np.hypot(down[:, None], across[None, :]))
    return float((pairs * correlations).sum() / (rows * columns) ** 2)


ALIKE = Dependence(1.0, 0.0, 1.0)
"""Windows that all say the same: what is assumed where nothing is known."""


def fit_dependence(scores: Doubles) -> Dependence:
    """Fit the dependence of windows that do not overlap.

    Parameters
    ----------
    scores : ndarray of float64, shape (n, rows, columns)
        Scores of the windows of n images of one class, side by side.

    Returns
    -------
    Dependence
        By least squares over all shifts, each weighted by its number of pairs; `ALIKE` where an
        image has one window only, or no score varies.
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


@dataclass(frozen=True, eq=False)
class WindowSize:
    """Windows of one size.

    Parameters
    ----------
    size : int
        Side in pixels.
    weights : ndarray of float32, shape (2, K)
        Joins the scores of the parts to log odds: row 0 all of them, row 1 those that speak of the
        generator alone.
    offsets : ndarray of float64, shape (2,)
        What is subtracted.
    real, generated : ndarray of float64, shape (n, rows, columns)
        Held-out log odds (row 0) of the windows of each calibration image, half overlapping, in
        the order of the fingerprint's calibration.
    specific_real, specific_generated : ndarray of float64, shape (n,)
        Mean held-out log odds of the generator's evidence alone (row 1) over the windows side by
        side of each image.
    of_real, of_generated : Dependence
        Dependence of windows side by side in either class.
    search : Search, optional
        The same of windows whose phase is searched, for maps; older files have none.

    Raises
    ------
    ValueError
        If shapes do not fit each other or a value is not finite.
    """

    size: int
    weights: NDArray[np.float32]
    offsets: Doubles
    real: Doubles
    generated: Doubles
    specific_real: Doubles
    specific_generated: Doubles
    of_real: Dependence
    of_generated: Dependence
    search: Search | None = None

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ValueError(f"windows have sides of {SIZES} pixels, not {self.size}")
        if self.weights.ndim != 2 or len(self.weights) != 2 or self.offsets.shape != (2,):
            raise ValueError(f"the weights of windows of {self.size} pixels are not (2, K)")
        for label in ("real", "generated"):
            scores, specific = getattr(self, label), getattr(self, f"specific_{label}")
            if scores.ndim != 3 or 0 in scores.shape or specific.shape != scores.shape[:1]:
                raise ValueError(f"the scores of class {label} do not fit each other")
            if scores.shape[1:] != self.real.shape[1:]:
                raise ValueError("the two classes have another number of windows")
        for values in (self.weights, self.offsets, self.real, self.generated):
            if not np.isfinite(values).all():
                raise ValueError("a score or weight of windows is not finite")
        if self.search is not None and (
            self.search.weights.shape != self.weights.shape
            or self.search.real.shape != self.real.shape
            or self.search.generated.shape != self.generated.shape
        ):
            raise ValueError("the search does not fit the windows")

    @property
    def step(self) -> int:
        """Distance in pixels of the windows whose scores are kept."""
        return self.size // 2

    def odds(self, fields: Fields, step: int) -> Doubles:
        """Give the log odds of an image's windows, shape (2, rows, columns); row 0 all parts."""
        parts = fields.scores(self.size, step)
        found = np.zeros((2, *parts.shape[1:]))
        # Part by part: the bits must not depend on how many windows there are.
        for row in range(2):
            for weight, values in zip(self.weights[row].astype(np.float64), parts, strict=True):
                found[row] += weight * values
            found[row] -= self.offsets[row]
        return found


@dataclass(frozen=True, eq=False)
class Windows:
    """What a fingerprint knows of windows.

    Parameters
    ----------
    parts : tuple of int
        Numbers of the fingerprint's parts that windows are scored by; (0,) where nothing is joined.
    sizes : tuple of WindowSize
        Calibration of each size, the smallest first.

    Raises
    ------
    ValueError
        If there is no size, or they do not fit each other.
    """

    parts: tuple[int, ...]
    sizes: tuple[WindowSize, ...]

    def __post_init__(self) -> None:
        found = [each.size for each in self.sizes]
        if not found or found != sorted(set(found)):
            raise ValueError(f"windows of the sizes {found} are not possible")
        if not self.parts or list(self.parts) != sorted(set(self.parts)) or self.parts[0] < 0:
            raise ValueError(f"windows cannot be scored by the parts {self.parts}")
        for each in self.sizes:
            if each.weights.shape[1] != len(self.parts):
                raise ValueError(f"windows of {each.size} pixels have weights of other parts")

    def of(self, size: int | None = None) -> WindowSize | None:
        """Give the calibration of a size, None where there is none; by default the usual size."""
        if size is None:
            usual = [each for each in self.sizes if each.size <= USUAL]
            return usual[-1] if usual else self.sizes[0]
        return next((each for each in self.sizes if each.size == size), None)


def windows_across(length: int, size: int, step: int) -> int:
    """Give how many windows fit along a side of an image, counted in whole cells."""
    usable = length // CELL * CELL
    return (usable - size) // step + 1 if usable >= size else 0
