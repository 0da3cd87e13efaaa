"""What estimators share whose pattern is as large as the examined part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

import numpy as np

from fp.fingerprint.correlation.kernels import correlate
from fp.fingerprint.estimators.cells import Cells
from fp.fingerprint.estimators.protocol import Estimator, Fitted
from fp.fingerprint.estimators.repeated import RepeatedCells
from fp.fingerprint.estimators.templates import correlate_phases
from fp.system.arrays import Array, Doubles, Floats


class Pattern(Estimator):
    """A pattern (3, H, W) of pixels; the score is the correlation with it.

    Beside the examined part it counts as repeated, with its own size as the period.
    """

    reads: ClassVar[str] = "residual"
    correlates: ClassVar[bool] = True
    moves: ClassVar[bool] = True

    def features(self, residual_chw: Floats) -> Floats:
        """Return the residual itself, shape (3, H, W)."""
        return residual_chw

    def score(self, features: Array, pattern: Floats, offset: float = 0.0) -> Doubles:
        """Correlate residuals (N, 3, H, W) with a pattern (3, H, W)."""
        return correlate(features, pattern)[:, 0] - offset

    def score_at_phases(self, features: Array, pattern: Floats, offset: float = 0.0) -> Doubles:
        """Correlate residuals with the pattern moved; see `Estimator.score_at_phases`."""
        weights = _centred(pattern)
        found = np.empty((len(features), *pattern.shape[1:]))
        for index, residual in enumerate(features):  # one by one: all at once may fill the memory
            row = _centred(residual)
            norm = float(np.linalg.norm(row) * np.linalg.norm(weights)) or 1.0
            found[index] = correlate_phases(row[None], weights)[0] / norm
        return found - offset

    @classmethod
    def cells(cls, parts: Sequence[tuple[Self, Fitted]]) -> Cells:
        """Prepare patterns for cells; see `Estimator.cells`."""
        return RepeatedCells.of(tuple(fitted.pattern for _, fitted in parts))

    def picture(self, pattern: Floats, side: int) -> Floats | None:
        """Return the pattern itself."""
        return pattern


def _centred(values: Floats) -> Doubles:
    found = values.astype(np.float64)
    return np.asarray(found - found.mean())
