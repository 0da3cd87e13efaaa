"""Residuals folded to one period of the generator's lattice, and the direction that separates them.

A generator that upsamples by strides repeats itself every P pixels. The mean over all P x P blocks
of a residual keeps that and averages the picture away; what is left is so small that a shrunk
discriminant in closed form finds the fingerprint in milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from fp.fingerprint.correlation.kernels import fold, moments
from fp.fingerprint.estimators.discriminant import discriminant_coefficients
from fp.fingerprint.estimators.folds import deal, separation
from fp.fingerprint.estimators.protocol import Course, Fitted, Role, Scheme
from fp.system.arrays import Doubles, Flags, Floats, Indices
from fp.system.errors import UsageError

LARGEST = 32


@dataclass(frozen=True)
class Tile:
    """Shrunk linear discriminant of folded residuals; the score is a correlation.

    Parameters
    ----------
    periods : tuple of int
        Candidates for the period P in pixels, divisors of 32; with more than one, the period of
        the largest cross-validated separation is taken, the smaller one in a tie.
    inner_folds : int
        Number of folds of that cross-validation.
    covariance : {"shrunk", "diagonal"}
        Within-class covariance that the discriminant divides by: Ledoit and Wolf's, or variances
        alone, each with a tenth of their mean added. The second learns less and needs less.
    separations : tuple of (int, float)
        What the candidates reached, once the choice is made; empty before, and no parameter.

    Notes
    -----
    Each residual is standardised over all of (3, H, W) and folded: T[c, y, x] is its mean over all
    blocks at phase (y, x). With weights w (3, P, P) of zero mean, the score
    sum(T w) / (sqrt(3) P |w|) equals rho between the residual and w repeated over the image.
    """

    periods: tuple[int, ...] = (4, 8, 16, 32)
    inner_folds: int = 5
    covariance: Literal["shrunk", "diagonal"] = "shrunk"
    separations: tuple[tuple[int, float], ...] = ()

    name: ClassVar[str] = "tile"
    reads: ClassVar[str] = "tile"
    role: ClassVar[Role] = "generator-specific"
    calibration: ClassVar[Scheme] = "cross-fitted"
    correlates: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "periods", tuple(self.periods))  # JSON knows lists only
        if self.covariance not in ("shrunk", "diagonal"):
            raise UsageError(f"A covariance is shrunk or diagonal, not {self.covariance!r}.")
        if not self.periods or any(p < 2 or LARGEST % p for p in self.periods):
            raise UsageError(f"Periods of a tile must divide {LARGEST}, not {self.periods}.")

    def parameters(self) -> dict[str, Any]:
        """Give all parameters; JSON types only."""
        given = {"periods": list(self.periods), "inner_folds": self.inner_folds}
        return given | {"covariance": self.covariance}

    def features(self, residual_chw: Floats) -> Doubles:
        """Standardise a residual and fold it to the largest period, shape (3, 32, 32)."""
        found = moments(residual_chw)
        deviation = float(found.norm[0]) / np.sqrt(residual_chw.size)
        tile: Doubles = fold(residual_chw, LARGEST)[0]
        # A flat image has no residual: all its correlations are 0 by definition (SPEC 3.2).
        return (tile - found.mean[0]) / deviation if deviation > 0 else np.zeros_like(tile)

    def settle(self, features: Doubles, labels: Flags, groups: Indices) -> Tile:
        """Choose the period by cross-validated separation; see `Estimator.settle`."""
        if self.separations or len(set(self.periods)) == 1:
            return self
        folds = deal(groups, labels, self.inner_folds)
        found = {}
        for period in sorted(set(self.periods)):
            rows = refold(features, period).reshape(len(features), -1)
            found[period] = separation(self._held_out(rows, labels, folds), labels)
        # max() keeps the first of equals: the smaller period.
        best = max(found, key=lambda period: found[period])
        return replace(self, periods=(best,), separations=tuple(found.items()))

    def fit(
        self,
        features: Doubles,
        labels: Flags,
        groups: Indices,
        course: Course | None = None,
    ) -> Fitted:
        """Learn the weights at the settled period; see `Estimator.fit`."""
        settled = self.settle(features, labels, groups)
        period = settled.periods[0]
        rows = refold(features, period).reshape(len(features), -1)
        if self.covariance == "diagonal":
            weights = _diagonal_discriminant(rows, labels)
        else:
            weights = rows.T @ discriminant_coefficients(rows @ rows.T, labels, rows.shape[1])
        weights -= weights.mean()
        weights /= np.linalg.norm(weights) or 1.0
        chosen = {
            "period": period,
            "separation_by_period": {str(p): float(d) for p, d in settled.separations},
        }
        return Fitted(weights.reshape(3, period, period).astype(np.float32), chosen=chosen)

    def _held_out(self, rows: Doubles, labels: Flags, folds: Indices) -> Doubles:
        """Score every image by the direction learned without its fold."""
        scores = np.zeros(labels.size)
        gram = rows @ rows.T if self.covariance == "shrunk" else None
        for held in np.unique(folds):
            train, test = np.flatnonzero(folds != held), np.flatnonzero(folds == held)
            if gram is None:
                weights = _diagonal_discriminant(rows[train], labels[train])
                scores[test] = rows[test] @ weights / (np.linalg.norm(weights) or 1.0)
                continue
            inside = gram[np.ix_(train, train)]
            found = discriminant_coefficients(inside, labels[train], rows.shape[1])
            length = np.sqrt(max(float(found @ inside @ found), 1e-300))
            scores[test] = gram[np.ix_(test, train)] @ found / length
        return scores

    def score(self, features: Doubles, pattern: Floats, offset: float = 0.0) -> Doubles:
        """Correlate images, given as folded residuals, with the weights repeated over them."""
        found = template(pattern)
        rows = refold(features, pattern.shape[-1]).reshape(len(features), -1)
        # Inner products one by one: the bits must not depend on how many are scored together.
        return np.asarray(np.vecdot(rows, found.weights)) / found.norm - offset


@dataclass(frozen=True, eq=False)
class Template:
    """What folded residuals are multiplied with.

    Parameters
    ----------
    weights : ndarray of float64, shape (3 P P,)
        Weights of zero mean.
    norm : float
        What the inner product is divided by: sqrt(3) P |w|; 1.0 where that is 0.
    """

    weights: Doubles
    norm: float


def template(pattern: Floats) -> Template:
    """Make the template of weights (3, P, P)."""
    weights = pattern.astype(np.float64).ravel()
    weights -= weights.mean()
    norm = float(np.linalg.norm(weights)) * pattern.shape[-1] * np.sqrt(3.0)
    return Template(weights, float(norm) or 1.0)


def refold(tiles: Doubles, period: int) -> Doubles:
    """Fold tiles to a smaller period.

    Parameters
    ----------
    tiles : ndarray of float64, shape (N, 3, Q, Q)
        Tiles of period Q.
    period : int
        A divisor P of Q.

    Returns
    -------
    ndarray of float64, shape (N, 3, P, P)
        Means over the blocks of each tile.
    """
    n, channels, side = tiles.shape[:3]
    blocks = side // period
    return np.asarray(tiles.reshape(n, channels, blocks, period, blocks, period).mean(axis=(2, 4)))


def _diagonal_discriminant(rows: Doubles, labels: Flags) -> Doubles:
    means = [rows[label].mean(axis=0) for label in (labels, ~labels)]
    variance = (rows[labels].var(axis=0) + rows[~labels].var(axis=0)) / 2
    ridge = 0.1 * variance.mean()
    return np.asarray((means[0] - means[1]) / np.maximum(variance + ridge, 1e-300))
