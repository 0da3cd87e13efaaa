"""Calibration of windows: what a fingerprint holds to examine large images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fp.system.arrays import Doubles, Floats

CELL = 16
"""Side of a cell in pixels: windows begin at its multiples."""

SIZES = (32, 64, 128)
"""Sides of windows in pixels that may be calibrated: multiples of every period of a lattice."""

USUAL = 64
"""The size that is used unless another is asked for: the smallest with a periodogram."""


@dataclass(frozen=True)
class Dependence:
    """Correlation of the scores of two windows of one image.

    rho(d) = floor + near exp(-(d - 1) / reach) for windows that do not overlap, at distance d >= 1
    between their centres in window sides; floor, near >= 0 and floor + near <= 1.

    Parameters
    ----------
    floor : float
        What is left at any distance: what an image has in common.
    near : float
        What neighbours have in common beyond that.
    reach : float
        Distance, in window sides, over which it falls to 1/e.
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
        """Return the correlation at a distance in window sides; 1 at 0."""
        found = self.floor + self.near * np.exp((1 - distance) / self.reach)
        return np.where(distance > 0, found, 1.0)

    def variance_of_mean(self, rows: int, columns: int) -> float:
        """Return the variance of the mean of windows side by side. One window has variance 1.

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


@dataclass(frozen=True, eq=False)
class WindowSize:
    """Windows of one size. A `ValueError` refuses shapes that do not fit and values not finite.

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
    """

    size: int
    weights: Floats
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


@dataclass(frozen=True, eq=False)
class Windows:
    """What a fingerprint knows of windows. A `ValueError` refuses sizes that do not fit, or none.

    Parameters
    ----------
    parts : tuple of int
        Numbers of the fingerprint's parts that windows are scored by; (0,) where nothing is joined.
    sizes : tuple of WindowSize
        Calibration of each size, the smallest first.
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
        """Return the calibration of a size, by default the usual one, or None."""
        if size is None:
            usual = [each for each in self.sizes if each.size <= USUAL]
            return usual[-1] if usual else self.sizes[0]
        return next((each for each in self.sizes if each.size == size), None)


def windows_across(length: int, size: int, step: int) -> int:
    """Return how many windows fit along a side of an image, counted in whole cells."""
    usable = length // CELL * CELL
    return (usable - size) // step + 1 if usable >= size else 0


@dataclass(frozen=True, eq=False)
class Search:
    """Calibration of windows of one size whose phase is searched.

    A `ValueError` refuses shapes that do not fit each other and values that are not finite.

    Parameters
    ----------
    weights, offsets : ndarray of float32, shape (2, K), and of float64, shape (2,)
        As of `WindowSize`, of the scores at one phase.
    scale : ndarray of float64, shape (2, 2)
        Of each row slope a >= 0 and offset b of the logistic regression on the mixture.
    real : ndarray of float64, shape (n, rows, columns)
        Held-out log odds (row 0) of the windows of each reference image of the calibration, half
        overlapping: what is too high is held against them.
    generated : ndarray of float64, shape (n, rows, columns)
        The same of the generator's images with all phases alike: what is too low for the generator
        wherever its lattice lies is held against them.

    Notes
    -----
    With the parts' scores s_k at the lattice's own phase (0) and at each phase p of 8 x 8 pixels,
    L_p = sum_k w_k s_k(p) - o, and the log odds of a window are
    a log(exp(L_0) / 2 + (1 / 128) sum_p exp(L_p)) - b: half of the weight beforehand lies on the
    lattice as the generator draws it, the other half on all phases alike. With all of it alike they
    are a log(sum_p exp(L_p)) - b. `spectrum` does not move. What does not repeat every 8 pixels is
    read at the lattice's own phase alone.
    """

    weights: Floats
    offsets: Doubles
    scale: Doubles
    real: Doubles
    generated: Doubles

    def __post_init__(self) -> None:
        if self.weights.ndim != 2 or len(self.weights) != 2 or self.offsets.shape != (2,):
            raise ValueError("the weights of a search are not (2, K)")
        if self.scale.shape != (2, 2) or (self.scale[:, 0] < 0).any():
            raise ValueError("the scale of a search is not (2, 2) with slopes of at least 0")
        for scores in (self.real, self.generated):
            if scores.ndim != 3 or scores.shape[1:] != self.real.shape[1:]:
                raise ValueError("the searched scores do not fit each other")
        for values in (self.weights, self.offsets, self.scale, self.real, self.generated):
            if not np.isfinite(values).all():
                raise ValueError("a score or weight of a search is not finite")
