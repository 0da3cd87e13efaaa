"""What the estimators share that weigh a spectrum linearly: they see processing, not the maker."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from fp.fingerprint.estimators.discriminant import linear_score
from fp.fingerprint.estimators.protocol import Course, Fitted, Role, Scheme
from fp.system.arrays import Array, Doubles, Flags, Floats, Indices


class Processing:
    """Shrunk linear discriminant of spectra (N, C, H, W); a subclass says of which."""

    role: ClassVar[Role] = "processing"
    calibration: ClassVar[Scheme] = "cross-fitted"
    correlates: ClassVar[bool] = False

    def settle(self, features: Array, labels: Flags, groups: Indices) -> Self:
        """Give itself; see `Estimator.settle`."""
        return self

    def fit(
        self,
        features: Array,
        labels: Flags,
        groups: Indices,
        course: Course | None = None,
    ) -> Fitted:
        """Learn the weights; see `Estimator.fit`."""
        found = linear_score(features, labels)
        return Fitted(found.weights, offset=found.offset)

    def score(self, features: Array, pattern: Floats, offset: float = 0.0) -> Doubles:
        """Apply the weights to spectra (N, C, H, W)."""
        weights = pattern.astype(np.float64).ravel()
        # One image at a time: the bits must not depend on how many are scored together.
        return np.array([float(row.ravel() @ weights) for row in features]) - offset
