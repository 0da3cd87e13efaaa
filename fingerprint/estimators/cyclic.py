"""Covariances of the residual with itself, folded to the lattice: what interpolation leaves behind.

An upsampling layer gives every pixel of a period another mixture of the coarse values, so the
covariance of neighbours depends on the phase: the picture is cyclostationary. Unlike the mean tile
this does not ask for an additive pattern, and it outlives JPEG compression far better.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from fp.fingerprint.correlation.compiled import fold_products
from fp.fingerprint.estimators.discriminant import linear_score
from fp.fingerprint.estimators.protocol import Course, Fitted, Role, Scheme
from fp.images.compiled_box import box_mean
from fp.system.arrays import Doubles, Flags, Floats, Indices
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


def cyclic_covariance(residual_chw: Floats) -> Floats:
    """Fold the products of a residual with its shifted self to 8 x 8 phases.

    Parameters
    ----------
    residual_chw : ndarray of float32, shape (3, H, W)
        The residual; sides are multiples of 32.

    Returns
    -------
    ndarray of float32, shape (68, 8, 8)
        For each of 17 shifts and each of red, green, blue and their mean, the mean product at each
        phase, less its mean over the phases.

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
    planes = np.concatenate([residual_chw, residual_chw.mean(axis=0, keepdims=True)])
    for plane in planes:
        energy = box_mean(plane * plane, _WINDOW).T
        plane /= np.sqrt(np.maximum(energy, 0) + np.float32(1e-10))
    folded = np.empty((len(LAGS) * len(planes), LARGEST, LARGEST))
    fold_products(planes, np.array(LAGS), _MARGIN, _LIMIT, folded)
    folded -= folded.mean(axis=(1, 2), keepdims=True)
    return folded.astype(np.float32)


@dataclass(frozen=True)
class Cyclic:
    """Shrunk linear discriminant of cyclic covariances.

    Parameters
    ----------
    period : int
        Phases on each side, a divisor of 8 from 2 on: 2 sees an upsampling by two alone, with far
        fewer numbers to learn.

    Notes
    -----
    With the covariances c, weights w and the mean m_r of the reference images, the score is
    <w, c - m_r>, scaled so that the shrunk within-class deviation is 1.
    """

    period: int = LARGEST

    name: ClassVar[str] = "cyclic"
    reads: ClassVar[str] = "cyclic"
    role: ClassVar[Role] = "generator-specific"
    calibration: ClassVar[Scheme] = "cross-fitted"
    correlates: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.period not in (2, 4, 8):
            raise UsageError(f"The period of cyclic covariances is 2, 4 or 8, not {self.period}.")

    def parameters(self) -> dict[str, Any]:
        """Give all parameters; JSON types only."""
        return asdict(self)

    def features(self, residual_chw: Floats) -> Floats:
        """Give the cyclic covariances at all phases, shape (68, 8, 8)."""
        return cyclic_covariance(residual_chw)

    def settle(self, features: Floats, labels: Flags, groups: Indices) -> Cyclic:
        """Give itself; see `Estimator.settle`."""
        return self

    def fit(
        self,
        features: Floats,
        labels: Flags,
        groups: Indices,
        course: Course | None = None,
    ) -> Fitted:
        """Learn the weights; see `Estimator.fit`."""
        found = linear_score(refold(features, self.period), labels)
        return Fitted(found.weights, offset=found.offset)

    def score(self, features: Floats, pattern: Floats, offset: float = 0.0) -> Doubles:
        """Apply the weights to covariances (N, 68, 8, 8)."""
        weights = pattern.astype(np.float64).ravel()
        # One image at a time: the bits must not depend on how many are scored together.
        return (
            np.array([float(row.ravel() @ weights) for row in refold(features, pattern.shape[-1])])
            - offset
        )


def refold(planes: Floats, period: int) -> Floats:
    """Fold planes of 8 x 8 phases to a divisor of 8.

    Parameters
    ----------
    planes : ndarray of float32, shape (N, C, 8, 8)
        Means at each phase.
    period : int
        The divisor P.

    Returns
    -------
    ndarray of float32, shape (N, C, P, P)
        Means at the phases that remain.
    """
    n, channels, side = planes.shape[:3]
    blocks = side // period
    folded = planes.reshape(n, channels, blocks, period, blocks, period).mean(axis=(2, 4))
    return np.asarray(folded, dtype=np.float32)
