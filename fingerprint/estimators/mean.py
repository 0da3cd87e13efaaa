"""The mean residual of generated images: the first GAN fingerprint, kept as the baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fp.fingerprint.estimators.pattern import Pattern
from fp.fingerprint.estimators.protocol import Course, Fitted, Role
from fp.system.arrays import Array, Flags, Indices


@dataclass(frozen=True)
class Mean(Pattern):
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
    role: ClassVar[Role] = "baseline"

    def fit(
        self,
        features: Array,
        labels: Flags,
        groups: Indices,
        course: Course | None = None,
    ) -> Fitted:
        """Average the generated residuals; see `Estimator.fit`."""
        total = np.zeros(features.shape[1:])
        for index in np.flatnonzero(labels):  # one by one: a selection would copy every image
            total += features[index]
        return Fitted((total / np.count_nonzero(labels)).astype(np.float32))
