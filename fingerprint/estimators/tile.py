"""Residuals folded to one period of the generator's lattice, and the direction that separates them.

A generator that upsamples by strides repeats itself every P pixels. The mean over all P x P blocks
of a residual keeps that and averages the picture away; what is left is so small that a shrunk
discriminant in closed form finds the fingerprint in milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np

from fp.fingerprint.correlation.kernels import fold, moments
from fp.fingerprint.estimators.discriminant import (
    discriminant_coefficients,
    scaled_coefficients,
)
from fp.fingerprint.estimators.folds import deal, separation
from fp.fingerprint.estimators.linear import flat
from fp.fingerprint.estimators.protocol import (
    Course,
    CrossFit,
    Estimator,
    Fitted,
    cross_fitted,
)
from fp.fingerprint.estimators.repeated import RepeatedCells, repeat
from fp.fingerprint.estimators.templates import Template
from fp.system.arrays import Array, Doubles, Flags, Floats, Indices
from fp.system.errors import UsageError

LARGEST = 32


@dataclass(frozen=True)
class Tile(Estimator):
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
    sum(T w) / (sqrt(3) P |w|) equals rho between the residual and w repeated over the image: over B
    blocks w repeated has the norm sqrt(B) |w| and the inner product B sum(T w), and the residual
    the norm sqrt(3 B) P.
    """

    periods: tuple[int, ...] = (4, 8, 16, 32)
    inner_folds: int = 5
    covariance: Literal["shrunk", "diagonal"] = "shrunk"
    separations: tuple[tuple[int, float], ...] = ()

    name: ClassVar[str] = "tile"
    reads: ClassVar[str] = "tile"
    correlates: ClassVar[bool] = True
    moves: ClassVar[bool] = True
    in_large_banks: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "periods", tuple(self.periods))  # JSON knows lists only
        if self.covariance not in ("shrunk", "diagonal"):
            raise UsageError(f"A covariance is shrunk or diagonal, not {self.covariance!r}.")
        if not self.periods or any(p < 2 or LARGEST % p for p in self.periods):
            raise UsageError(f"Periods of a tile must divide {LARGEST}, not {self.periods}.")

    def parameters(self) -> dict[str, Any]:
        """Return all parameters; JSON types only."""
        given = {"periods": list(self.periods), "inner_folds": self.inner_folds}
        return given | {"covariance": self.covariance}

    def features(self, residual_chw: Floats) -> Doubles:
        """Standardise a residual and fold it to the largest period, shape (3, 32, 32)."""
        found = moments(residual_chw)
        deviation = float(found.norm[0]) / np.sqrt(residual_chw.size)
        tile: Doubles = fold(residual_chw, LARGEST)[0]
        # A flat image has no residual: all its correlations are 0 by definition.
        return (tile - found.mean[0]) / deviation if deviation > 0 else np.zeros_like(tile)

    def refold(self, features: Array, period: int) -> Array:
        """Return tiles (N, 3, Q, Q) folded to a divisor of their period; see `refold`."""
        return refold(features, period)

    def settle(self, features: Array, labels: Flags, groups: Indices) -> Tile:
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
        features: Array,
        labels: Flags,
        groups: Indices,
        course: Course | None = None,
    ) -> Fitted:
        """Learn the weights at the settled period; see `Estimator.fit`."""
        settled = self.settle(features, labels, groups)
        rows = refold(features, settled.periods[0]).reshape(len(features), -1)
        if self.covariance == "diagonal":
            weights = _diagonal_discriminant(rows, labels)
        else:
            weights = rows.T @ discriminant_coefficients(rows @ rows.T, labels, rows.shape[1])
        return settled._fitted(_of_unit_length(weights))

    def _fitted(self, weights: Doubles) -> Fitted:
        period = self.periods[0]
        chosen = {
            "period": period,
            "separation_by_period": {str(p): float(d) for p, d in self.separations},
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

    def score(self, features: Array, pattern: Floats, offset: float = 0.0) -> Doubles:
        """Correlate images, given as folded residuals, with the weights repeated over them."""
        found = self.template(pattern)
        rows = refold(features, pattern.shape[-1]).reshape(len(features), -1)
        # Inner products one by one: the bits must not depend on how many are scored together.
        return np.asarray(np.vecdot(rows, found.weights.ravel())) / found.norm - offset

    def template(self, pattern: Floats) -> Template:
        """Return the template of weights (3, P, P): of zero mean, with the norm sqrt(3) P |w|."""
        weights = pattern.astype(np.float64)
        weights -= weights.ravel().mean()
        norm = float(np.linalg.norm(weights.ravel())) * pattern.shape[-1] * np.sqrt(3.0)
        return Template(weights, float(norm) or 1.0)

    def score_at_phases(self, features: Array, pattern: Floats, offset: float = 0.0) -> Doubles:
        """Correlate images with the weights at all phases; see `Estimator.score_at_phases`."""
        rows = refold(features, pattern.shape[-1])
        return self.template(pattern).score_at_phases(rows) - offset

    @property
    def shares_shuffles(self) -> bool:
        """Whether it is the shrunk discriminant, whose shuffles share their work."""
        return self.covariance == "shrunk"

    def shuffled(self, features: Array) -> list[Doubles]:
        """Return the tiles at each candidate period; see `Estimator.shuffled`."""
        if not self.shares_shuffles:
            return []
        tiles = np.asarray(features, np.float64)
        return [flat(refold(tiles, period)) for period in sorted(set(self.periods))]

    def cross(self, features: Array, labels: Flags, groups: Indices, folds: Indices) -> CrossFit:
        """Learn all folds at one period, from one Gram matrix; see `Estimator.cross`."""
        settled = self.settle(features, labels, groups)
        period = settled.periods[0]
        rows = flat(refold(features, period))
        centred = rows - rows.mean(axis=0)  # keeps the Gram matrix small beside its differences
        gram = centred @ centred.T
        norm = period * float(np.sqrt(3.0))  # the weights have norm 1

        def weights(mask: Flags) -> Doubles:
            taught, inside = labels[mask], gram[np.ix_(mask, mask)]
            if self.covariance == "diagonal":
                tiles = rows[mask].reshape(-1, 3, period, period)
                found = settled.fit(tiles, taught, np.arange(taught.size))
                return found.pattern.astype(np.float64).ravel()
            coefficients = scaled_coefficients(inside, taught, rows.shape[1], groups[mask])
            return _of_unit_length(rows[mask].T @ coefficients)

        def without(mask: Flags) -> Template:
            return Template(weights(mask).reshape(3, period, period), norm)

        def scores_without(mask: Flags) -> Doubles:
            return np.asarray(rows @ weights(mask) / norm)

        whole = settled._fitted(weights(np.ones(labels.size, bool)))
        return cross_fitted(settled, whole, folds, without, scores_without)

    @classmethod
    def cells(cls, parts: Sequence[tuple[Self, Fitted]]) -> RepeatedCells:
        """Prepare weights for cells; see `Estimator.cells`."""
        return RepeatedCells.of(tuple(fitted.pattern for _, fitted in parts))

    def picture(self, pattern: Floats, side: int) -> Floats | None:
        """Return the tile repeated."""
        return repeat(pattern, side)


def refold(tiles: Array, period: int) -> Doubles:
    """Return tiles (N, 3, Q, Q) as means over their blocks, folded to a divisor P of Q."""
    n, channels, side = tiles.shape[:3]
    blocks = side // period
    return np.asarray(tiles.reshape(n, channels, blocks, period, blocks, period).mean(axis=(2, 4)))


def _diagonal_discriminant(rows: Doubles, labels: Flags) -> Doubles:
    means = [rows[label].mean(axis=0) for label in (labels, ~labels)]
    variance = (rows[labels].var(axis=0) + rows[~labels].var(axis=0)) / 2
    ridge = 0.1 * variance.mean()
    return np.asarray((means[0] - means[1]) / np.maximum(variance + ridge, 1e-300))


def _of_unit_length(weights: Doubles) -> Doubles:
    centred = weights - weights.mean()
    return np.asarray(centred / (np.linalg.norm(centred) or 1.0))
