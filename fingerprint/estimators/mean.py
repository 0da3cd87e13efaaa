"""The mean residual of generated images: the first GAN fingerprint, kept as the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fp.fingerprint.correlation.kernels import correlate
from fp.fingerprint.estimators.protocol import Course, Fitted, Role, Scheme
from fp.system.arrays import Doubles, Flags, Floats, Indices


@dataclass(frozen=True)
class Mean:
    """Mean residual of the generated images; the score is the correlation with it.

    Notes
    -----
    F = mean of R_i over the generated images; score = rho(R, F). The reference images play no part
    in the pattern, only in its calibration.

    References
    ----------
    F. Marra, D. Gragnaniello, L. Verdoliva, G. Poggi, "Do GANs leave artificial fingerprints?",
    arXiv:1812.11842.
    """

    name: ClassVar[str] = "mean"
    reads: ClassVar[str] = "residual"
    role: ClassVar[Role] = "baseline"
    calibration: ClassVar[Scheme] = "cross-fitted"
    correlates: ClassVar[bool] = True

    def parameters(self) -> dict[str, Any]:
        """Give all parameters; JSON types only."""
        return {}

    def features(self, residual_chw: Floats) -> Floats:
        """Give the residual itself, shape (3, H, W)."""
        return residual_chw

    def settle(self, features: Floats, labels: Flags, groups: Indices) -> Mean:
        """Give itself; see `Estimator.settle`."""
        return self

    def fit(
        self,
        features: Floats,
        labels: Flags,
        groups: Indices,
        course: Course | None = None,
    ) -> Fitted:
        """Average the generated residuals; see `Estimator.fit`."""
        total = np.zeros(features.shape[1:])
        for index in np.flatnonzero(labels):  # one by one: a selection would copy every image
            total += features[index]
        return Fitted((total / np.count_nonzero(labels)).astype(np.float32))

    def score(self, features: Floats, pattern: Floats, offset: float = 0.0) -> Doubles:
        """Correlate residuals (N, 3, H, W) with a pattern (3, H, W); see SPEC 3.2."""
        return correlate(features, pattern)[:, 0] - offset
