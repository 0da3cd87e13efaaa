"""The shrunk linear discriminant as an estimator; what it weighs, a subclass says."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from fp.fingerprint.estimators.discriminant import scaled_coefficients
from fp.fingerprint.estimators.protocol import Course, CrossFit, Estimator, Fitted, cross_fitted
from fp.fingerprint.estimators.templates import Template
from fp.system.arrays import Array, Doubles, Flags, Floats, Indices


class Linear(Estimator):
    """Shrunk linear discriminant of features (N, C, H, W).

    Its folds, and those of hundreds of label shuffles, share one Gram matrix.

    Notes
    -----
    With features x, weights w and the mean m_r of the reference images, the score is <w, x - m_r>,
    scaled so that the shrunk within-class deviation is 1.
    """

    shares_shuffles: ClassVar[bool] = True

    @property
    def side(self) -> int:
        """Period that features are folded to; of no matter where they do not move."""
        return 1

    def fit(
        self,
        features: Array,
        labels: Flags,
        groups: Indices,
        course: Course | None = None,
    ) -> Fitted:
        """Learn the weights; see `Estimator.fit`."""
        shaped = self.refold(features, self.side)
        rows = flat(shaped)
        centred = rows - rows.mean(axis=0)  # keeps the Gram matrix small beside its differences
        coefficients = scaled_coefficients(centred @ centred.T, labels, rows.shape[1])
        weights = (centred.T @ coefficients).astype(np.float32)
        offset = float((rows[~labels] @ weights.astype(np.float64)).mean())
        return Fitted(weights.reshape(shaped.shape[1:]), offset)

    def score(self, features: Array, pattern: Floats, offset: float = 0.0) -> Doubles:
        """Apply the weights to features."""
        weights = pattern.astype(np.float64).ravel()
        # One image at a time: the bits must not depend on how many are scored together.
        rows = self.refold(features, pattern.shape[-1])
        return np.array([float(row.ravel() @ weights) for row in rows]) - offset

    def score_at_phases(self, features: Array, pattern: Floats, offset: float = 0.0) -> Doubles:
        """Apply the weights at all phases; see `Estimator.score_at_phases`."""
        rows = self.refold(features, pattern.shape[-1])
        return Template(pattern.astype(np.float64), 1.0, offset).score_at_phases(rows)

    def shuffled(self, features: Array) -> list[Doubles]:
        """Return the folded features as rows; see `Estimator.shuffled`."""
        return [flat(self.refold(features, self.side))]

    def cross(self, features: Array, labels: Flags, groups: Indices, folds: Indices) -> CrossFit:
        """Learn all folds from one Gram matrix; see `Estimator.cross`."""
        shaped = self.refold(features, self.side)
        rows = flat(shaped)
        centred = rows - rows.mean(axis=0)  # keeps the Gram matrix small beside its differences
        gram = centred @ centred.T

        def coefficients(mask: Flags) -> Doubles:
            inside = gram[np.ix_(mask, mask)]
            return scaled_coefficients(inside, labels[mask], rows.shape[1], groups[mask])

        def without(mask: Flags) -> Template:
            weights = centred[mask].T @ coefficients(mask)
            offset = float((rows[mask][~labels[mask]] @ weights).mean())
            return Template(weights.reshape(shaped.shape[1:]), offset=offset)

        def scores_without(mask: Flags) -> Doubles:
            scores = gram[:, mask] @ coefficients(mask)
            return np.asarray(scores - scores[mask & ~labels].mean())

        whole = without(np.ones(labels.size, bool))
        fitted = Fitted(whole.weights.astype(np.float32), whole.offset)
        return cross_fitted(self, fitted, folds, without, scores_without)


def flat(features: Array) -> Doubles:
    """Return features as rows (N, p) of float64."""
    return np.asarray(features.reshape(len(features), -1), np.float64)
