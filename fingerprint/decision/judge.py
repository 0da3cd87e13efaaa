"""All that a fingerprint needs to judge images, made once: method, ratios, strength."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from fp.fingerprint.decision import likelihood
from fp.fingerprint.decision.decision import Rule, Verdict, decide, p_real, withheld
from fp.fingerprint.decision.likelihood import LikelihoodRatio, Resampled
from fp.fingerprint.decision.rows import Attribution
from fp.fingerprint.estimators import registry as estimators
from fp.fingerprint.estimators.pixels import coding_statistics
from fp.fingerprint.estimators.protocol import Estimator
from fp.fingerprint.learning.method import Recipe
from fp.fingerprint.learning.scoring import recipe_of, score
from fp.fingerprint.learning.strength import is_weak
from fp.fingerprint.model.calibration import Calibration
from fp.fingerprint.model.distribution import OutOfDistribution
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.system.arrays import Array, Floats, Pixels


class Features:
    """Features of one residual (3, H, W), each computed when it is first asked for.

    The image (H, W, 3) that it was made of serves all that looks at pixels.
    """

    def __init__(self, residual_chw: Floats, image_hwc: Pixels | None = None) -> None:
        self._residual = residual_chw
        self._image = image_hwc
        self._found: dict[str, Array] = {}
        self._coding: Floats | None = None

    def of(self, recipe: Recipe) -> dict[str, Array]:
        """Give the features that a method reads, as stacks of one image, by name."""
        return {part.reads: self._of(part) for part in recipe.parts}

    def named(self, part: str) -> Array:
        """Give the features of a part that takes no parameters, as a stack of one image."""
        return self._of(estimators.get(part))

    def p_of_coding(self, test: OutOfDistribution | None) -> float | None:
        """Return the conformal p-value of the image's distance; None without a test or an image."""
        if test is None or self._image is None:
            return None
        if self._coding is None:
            self._coding = coding_statistics(self._image)
        return test.p(self._coding)

    def _of(self, part: Estimator) -> Array:
        if part.reads not in self._found:
            self._found[part.reads] = part.read(self._residual, self._image)[None]
        return self._found[part.reads]


@dataclass(frozen=True, eq=False)
class Judge:
    """A fingerprint with what follows from its calibration.

    Parameters
    ----------
    fingerprint : Fingerprint
        The fingerprint.
    tested : Calibration, optional
        What its p-values come from; by default its calibration, like all else.
    """

    fingerprint: Fingerprint
    tested: Calibration | None = None

    @property
    def calibration_tested(self) -> Calibration:
        """What p-values come from."""
        return self.tested or self.fingerprint.calibration

    def calibrated(
        self, row: Attribution, p: float | None, compression: str, rule: Rule
    ) -> Attribution:
        """Withhold what a row says of an image that no calibration image is like.

        Parameters
        ----------
        row : Attribution
            What the scores say of it.
        p : float or None
            Conformal p-value of its distance from the calibration images; None where the
            fingerprint has no such test.
        compression : {"lossless", "JPEG", "lossy WebP"}
            How it is stored.
        rule : {"conformal", "nearest-mean"}
            Rule of the decision.

        Returns
        -------
        Attribution
            The row with p, and the decision that stands.
        """
        test = self.fingerprint.distribution
        if test is None or p is None:
            return row
        row = replace(row, p_condition=p)
        if test.covers(p, compression):
            return row
        found = withheld(Verdict(row.decision, row.reasons), rule)
        return replace(row, decision=found.decision, reasons=found.reasons)

    @cached_property
    def recipe(self) -> Recipe:
        """The method."""
        return recipe_of(self.fingerprint)

    @cached_property
    def ratio(self) -> LikelihoodRatio:
        """Likelihood ratio of the score."""
        return likelihood.fit(self.fingerprint.calibration)

    @cached_property
    def specific_ratio(self) -> LikelihoodRatio | None:
        """Likelihood ratio of the generator's evidence alone, where parts are joined."""
        joined = self.fingerprint.joined
        if joined is None:
            return None
        return likelihood.fit(
            replace(
                self.fingerprint.calibration,
                real=joined.specific_real,
                generated=joined.specific_generated,
            )
        )

    @cached_property
    def resampled(self) -> Resampled:
        """Likelihood ratios of resampled calibrations."""
        return likelihood.resample(self.fingerprint.calibration)

    @cached_property
    def weak(self) -> bool:
        """Whether the fingerprint separates no better than label shuffles may."""
        return is_weak(self.fingerprint)

    def attribution(
        self,
        path: str,
        stacks: dict[str, Array],
        rule: Rule,
        fpr: float,
        corrected: Callable[[float, float], float] | None = None,
        near: Sequence[dict[str, Array]] = (),
    ) -> Attribution:
        """Judge one image by its features, stacks of shape (1, ...).

        `corrected` takes p_real and the log10 likelihood ratio without bounds to the p-value over
        the bank that the fingerprint belongs to; without it, it stands alone. `near` holds features
        of other readings of the image: it is as typical as the most typical of all.
        """
        found = score(self.fingerprint, stacks, self.recipe)
        value = float(found.score[0])
        p_typical = log10_lr_specific = specific = distance = None
        joined = self.fingerprint.joined
        if joined is not None and found.distances is not None and found.specific is not None:
            nearest = found.distances
            for other in near:
                there = score(self.fingerprint, other, self.recipe).distances
                if there is not None and there.statistic[0] < nearest.statistic[0]:
                    nearest = there
            distance = float(nearest.total[0])
            p_typical = joined.typicality.p(float(nearest.statistic[0]))
            specific = float(found.specific[0])
            assert self.specific_ratio is not None
            log10_lr_specific = self.specific_ratio(specific)
        calibration = self.fingerprint.calibration
        tested = self.calibration_tested
        p_bank = p_real(value, tested)
        if corrected is not None:
            p_bank = corrected(p_bank, self.ratio.free(value))
        answer = decide(value, calibration, rule, fpr, p_typical, self.weak, p_bank, tested)
        return Attribution(
            path=path,
            fingerprint=self.fingerprint.name,
            method=self.fingerprint.method,
            score=value,
            rho=value if self.recipe.correlates else None,
            mu_r=self.fingerprint.mu_r,
            mu_g=self.fingerprint.mu_g,
            p_real=answer.p_real,
            p_bank=p_bank,
            p_generated=answer.p_generated,
            p_typical=p_typical,
            distance=distance,
            log10_lr=self.ratio(value),
            at_bound=self.ratio.at_bound(value),
            specific=specific,
            log10_lr_specific=log10_lr_specific,
            decision=answer.decision,
            nearest_mean=answer.nearest_mean,
            reasons=answer.reasons,
        )
