"""The DIF fingerprint behind the estimator's protocol: optimise, fix the sign, correlate."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from fp.fingerprint.estimators.dif_options import DifOptions
from fp.fingerprint.estimators.folds import sign_of
from fp.fingerprint.estimators.pattern import Pattern
from fp.fingerprint.estimators.protocol import Course, Fitted, Scheme
from fp.system.arrays import Array, Flags, Indices
from fp.system.workers import usable_cores


@dataclass(frozen=True)
class Dif(Pattern):
    """Pattern of a U-Net with a deep prior. The score is a correlation.

    Parameters
    ----------
    options : DifOptions
        Parameters of the optimisation.
    cross_fit : bool
        Whether it is optimised once a fold, so that every image calibrates; by default a quarter of
        the images is held back.

    Notes
    -----
    The optimisation knows no sign; it is fixed by the scores of the images that it saw, so that
    the held-out scores stay untouched by any choice. torch is loaded to learn, not to score.

    References
    ----------
    S. Sinitsa, O. Fried, "Deep Image Fingerprint: Towards Low Budget Synthetic Image Detection and
    Model Lineage Analysis", arXiv:2303.10762.
    """

    options: DifOptions = field(default_factory=DifOptions)
    cross_fit: bool = False

    name: ClassVar[str] = "dif"
    dear: ClassVar[bool] = True

    @property
    def calibration(self) -> Scheme:
        """How its held-out scores are made."""
        return "cross-fitted" if self.cross_fit else "held-out quarter"

    def parameters(self) -> dict[str, Any]:
        """Return all parameters; JSON types only."""
        # Left out where it is not, so that an older fp reads the file.
        return asdict(self.options) | ({"cross_fit": True} if self.cross_fit else {})

    def seeded(self, seed: int) -> Dif:
        """Return the same with another seed of the optimisation."""
        return replace(self, options=replace(self.options, seed=seed))

    def fit(
        self,
        features: Array,
        labels: Flags,
        groups: Indices,
        course: Course | None = None,
    ) -> Fitted:
        """Optimise the pattern; see `Estimator.fit`."""
        import torch

        from fp.fingerprint.estimators.dif_optimisation import optimise

        course = course or Course()
        report = course.progress
        before = torch.get_num_threads()
        torch.set_num_threads(usable_cores())
        try:
            found = optimise(
                features,
                labels,
                self.options,
                progress=None if report is None else (lambda done, total, _: report(done, total)),
                checkpoint=course.checkpoint,
            )
        finally:
            torch.set_num_threads(before)
        sign = sign_of(self.score(features, found.pattern), labels)
        chosen = {"steps_run": found.steps_run, "stopped_early": found.stopped_early}
        history = {"loss": np.asarray(found.history, dtype=np.float64)}
        return Fitted(sign * found.pattern, chosen=chosen, history=history)


def with_options(*, cross_fit: bool = False, **parameters: Any) -> Dif:
    """Return the estimator with these parameters of its optimisation; see `DifOptions`."""
    return Dif(DifOptions(**parameters), cross_fit)
