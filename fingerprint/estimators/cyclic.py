"""Covariances of the residual with itself, folded to the lattice: what interpolation leaves behind.

An upsampling layer gives every pixel of a period another mixture of the coarse values, so the
covariance of neighbours depends on the phase: the picture is cyclostationary. Unlike the mean tile
this does not ask for an additive pattern, and it outlives JPEG compression far better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from fp.fingerprint.correlation.compiled import fold_products
from fp.fingerprint.estimators.cells import (
    PERIOD,
    Kind,
    PatternCells,
    Piece,
    Summed,
    at_phases_of,
)
from fp.fingerprint.estimators.compiled_cells import add_products, add_weighted_products
from fp.fingerprint.estimators.linear import Linear
from fp.fingerprint.estimators.protocol import Fitted
from fp.fingerprint.model.windows import CELL
from fp.images.compiled_box import box_mean
from fp.system.arrays import Array, Counts, Doubles, Floats
from fp.system.errors import UsageError

LARGEST = 8
LAGS = (
    *((0, 0), (0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0), (2, 2), (2, -2)),
    *((0, 3), (3, 0), (0, 4), (4, 0), (1, 2), (2, 1), (1, -2), (2, -1)),
)
"""Shifts (dy, dx) in pixels; the opposite shifts give the same products."""

_WINDOW = 9
_MARGIN = 8  # wider than the window's half and the longest shift, and whole periods
_LIMIT = 4.0
_REACH = int(np.abs(LAGS).max())
_NEAR = 28  # planes of the first seven shifts, those of up to two pixels


def cyclic_covariance(residual_chw: Floats) -> Floats:
    """Fold the products of a residual with its shifted self to 8 x 8 phases, shape (68, 8, 8).

    For each of 17 shifts and each of red, green, blue and their mean it is the mean product at each
    phase, less its mean over the phases. Sides of the residual are multiples of 32.

    Notes
    -----
    With q = r / s, where s^2 is the mean of r^2 over 9 x 9 pixels (so that no edge outweighs the
    rest), C_d[y, x] is the mean of q(p) q(p + d), limited to [-4, 4], over all pixels p of phase
    (y, x): the cyclic autocovariance of the field's literature on resampling, in the space domain.

    References
    ----------
    D. Vazquez-Padin, C. Mosquera, F. Perez-Gonzalez, "Two-dimensional statistical test for the
    presence of almost cyclostationarity on images", ICIP 2010, doi:10.1109/ICIP.2010.5652282.
    """
    planes = _normalised(residual_chw)
    folded = np.empty((len(LAGS) * len(planes), LARGEST, LARGEST))
    fold_products(planes, np.array(LAGS), _MARGIN, _LIMIT, folded)
    folded -= folded.mean(axis=(1, 2), keepdims=True)
    return folded.astype(np.float32)


def _normalised(residual_chw: Floats) -> Floats:
    planes = np.concatenate([residual_chw, residual_chw.mean(axis=0, keepdims=True)])
    for plane in planes:
        energy = box_mean(plane * plane, _WINDOW).T
        plane /= np.sqrt(np.maximum(energy, 0) + np.float32(1e-10))
    return planes


@dataclass(frozen=True)
class Cyclic(Linear):
    """Shrunk linear discriminant of cyclic covariances.

    Parameters
    ----------
    period : int
        Phases on each side, a divisor of 8 from 2 on: 2 sees an upsampling by two alone, with far
        fewer numbers to learn.
    """

    period: int = LARGEST

    name: ClassVar[str] = "cyclic"
    reads: ClassVar[str] = "cyclic"
    moves: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.period not in (2, 4, 8):
            raise UsageError(f"The period of cyclic covariances is 2, 4 or 8, not {self.period}.")

    @property
    def side(self) -> int:
        """Period that covariances are folded to."""
        return self.period

    def features(self, residual_chw: Floats) -> Floats:
        """Return the cyclic covariances at all phases, shape (68, 8, 8)."""
        return cyclic_covariance(residual_chw)

    def refold(self, features: Array, period: int) -> Floats:
        """Return planes (N, C, 8, 8) folded to a divisor of 8, in float32."""
        n, channels, side = features.shape[:3]
        blocks = side // period
        shape = (n, channels, blocks, period, blocks, period)
        return np.asarray(features.reshape(shape).mean(axis=(2, 4)), dtype=np.float32)

    def view(self, features: Array) -> Doubles | None:
        """Return the covariances of near pixels at 2 x 2 phases."""
        near = features[:, :_NEAR]
        n, channels, side = near.shape[:3]
        blocks = near.reshape(n, channels, side // 2, 2, side // 2, 2)
        return np.asarray(blocks.mean(axis=(2, 4)).reshape(n, -1), dtype=np.float64)

    @classmethod
    def cells(cls, parts: Sequence[tuple[Self, Fitted]]) -> CyclicCells:
        """Prepare weights for cells, where products are summed; see `Estimator.cells`."""
        return CyclicCells(tuple(_over_pixels(fitted.pattern) for _, fitted in parts))


def _over_pixels(pattern: Floats) -> Floats:
    repeats = LARGEST // pattern.shape[-1]
    # The mean over all phases is subtracted from the covariances; here, from their weights.
    weights = np.tile(pattern.astype(np.float64), (1, repeats, repeats)) / repeats**2
    weights -= weights.mean(axis=(1, 2), keepdims=True)
    return np.asarray(LARGEST**2 * weights, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class CyclicCells(PatternCells):
    """Sums of neighbours' products times weights (68, 8, 8), read as the mean over counted pixels.

    The weights have mean 0 over the phases, and are scaled to the mean over pixels.
    """

    kind: ClassVar[Kind] = "mean"

    def sums(self, piece: Piece, searched: bool) -> Summed:
        """Sum the weighted products; at the border of the image some have no neighbours."""
        planes, inside = _normalised(piece.residual_chw), piece.inside(_REACH)
        (first, last), (left, right) = piece.spans
        core = np.array([first, last, left, right])
        sums, count = np.zeros((len(self.patterns), *piece.shape)), np.zeros(piece.shape)
        add_weighted_products(
            planes,
            np.array(LAGS),
            np.stack(self.patterns),
            np.stack([inside, core]),
            CELL,
            np.float32(_LIMIT),
            sums,
            count,
        )
        if not searched:
            return Summed(sums, (), count)

        def summed(columns: Floats) -> Floats:
            return _sums_at_phases(planes, columns, inside, core)

        return Summed(sums, at_phases_of(self.repeating, summed), count)


def _sums_at_phases(planes: Floats, columns: Floats, inside: Counts, core: Counts) -> Floats:
    """Sum products times weights (4352, M) at all phases, shape (M, h, w)."""
    shape = ((core[1] - core[0]) // CELL, (core[3] - core[2]) // CELL)
    found = np.empty((columns.shape[1], *shape), np.float32)
    lags, limit = np.array(LAGS), np.float32(_LIMIT)
    # A row of cells at a time: at once, a piece would take 280 MB.
    lines = np.empty((len(lags) * len(planes), PERIOD, core[3] - core[2]), np.float32)
    for row in range(shape[0]):
        top = core[0] + row * CELL
        lines[:] = 0.0
        add_products(planes, lags, inside, top, top + CELL, core[2], limit, lines)
        blocks = lines.reshape(len(lines), PERIOD, shape[1], 2, PERIOD).sum(axis=3)
        folded = blocks.transpose(2, 0, 1, 3).reshape(shape[1], -1)
        found[:, row] = (folded @ columns).T
    return found
