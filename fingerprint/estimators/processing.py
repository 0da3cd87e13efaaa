"""What the estimators share that weigh a spectrum linearly: they see processing, not the maker."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from fp.fingerprint.estimators import Array, Course, Fitted, Labels, Role, Scheme, Scores
from fp.fingerprint.estimators.discriminant import linear_score


class Processing:
    """Shrunk linear discriminant of spectra (N, C, H, W); a subclass says of which."""

    role: ClassVar[Role] = "processing"
    calibration: ClassVar[Scheme] = "cross-fitted"
    correlates: ClassVar[bool] = False

    def settle(self, features: Array, labels: Labels, groups: NDArray[np.intp]) -> Self:
        """Give itself; see `Estimator.settle`."""
        return self

    def fit(
        self,
        features: Array,
        labels: Labels,
        groups: NDArray[np.intp],
        course: Course | None = None,
    ) -> Fitted:
        """Learn the weights; see `Estimator.fit`."""
        found = linear_score(features, labels)
        return Fitted(found.weights, offset=found.offset)

    def score(self, features: Array, pattern: NDArray[np.float32], offset: float = 0.0) -> Scores:
        """Apply the weights to spectra (N, C, H, W)."""
        weights = pattern.astype(np.float64).ravel()
        # One image at a time: the bits must not depend on how many are scored together.
        return np.array([float(row.ravel() @ weights) for row in features]) - offset
