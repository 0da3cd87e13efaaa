"""All that a fingerprint needs to judge images, made once: method, ratios, strength."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from fp.fingerprint.decision import likelihood
from fp.fingerprint.decision.cautions import cautions_of, known_images
from fp.fingerprint.decision.decision import Rule, Verdict, decide, p_real, withheld
from fp.fingerprint.decision.likelihood import LikelihoodRatio, Resampled
from fp.fingerprint.decision.rows import Attribution
from fp.fingerprint.estimators.pixels import coding_statistics
from fp.fingerprint.estimators.protocol import Estimator
from fp.fingerprint.learning.method import Recipe
from fp.fingerprint.learning.scoring import recipe_of, score
from fp.fingerprint.learning.strength import is_weak
from fp.fingerprint.model.calibration import Calibration
from fp.fingerprint.model.distribution import OutOfDistribution
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.images.jpeg_grid import jpeg_grid, luminance_window
from fp.system.arrays import Array, Doubles, Floats, Pixels


class Features:
    """Features of one residual (3, H, W), each computed when it is first asked for.

    The image (H, W, 3) that it was made of serves all that looks at pixels.
    """

    def __init__(self, residual_chw: Floats, image_hwc: Pixels | None = None) -> None:
        self._residual = residual_chw
        self._image = image_hwc
        self._found: dict[str, Array] = {}

    def of(self, recipe: Recipe) -> dict[str, Array]:
        """Return the features that a method reads, as stacks of one image, by name."""
        return {part.reads: self.of_part(part) for part in recipe.parts}

    @property
    def image_hwc(self) -> Pixels:
        """The image that the residual was made of."""
        assert self._image is not None
        return self._image

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the residual."""
        height, width = self._residual.shape[1:]
        return height, width

    @cached_property
    def grid_strength(self) -> float:
        """The strength of the JPEG grid; see `fp.images.jpeg_grid.jpeg_grid`."""
        return jpeg_grid(luminance_window(self.image_hwc)).strength

    def p_of_coding(self, test: OutOfDistribution | None) -> float | None:
        """Return the conformal p-value of the image's distance; None without a test or an image."""
        image = self._image
        if test is None or image is None:
            return None
        return test.p(self.once("coding statistics", lambda: coding_statistics(image)))

    def of_part(self, part: Estimator) -> Array:
        """Return what an estimator reads, as a stack of one image."""
        return self.once(part.reads, lambda: part.read(self._residual, self._image)[None])

    def once(self, name: str, make: Callable[[], Array]) -> Array:
        """Return an array of this name, made when it is first asked for."""
        if name not in self._found:
            self._found[name] = make()
        return self._found[name]


@dataclass(frozen=True, eq=False)
class Judge:
    """A fingerprint with what follows from its calibration.

    Parameters
    ----------
    fingerprint : Fingerprint
        The fingerprint.
    """

    fingerprint: Fingerprint

    @property
    def calibration(self) -> Calibration:
        """Held-out scores that its scores are compared with."""
        return self.fingerprint.calibration_in_use

    @property
    def mu_r(self) -> float:
        """Mean held-out score of the reference images."""
        return self.fingerprint.mu_r

    @property
    def mu_g(self) -> float:
        """Mean held-out score of the generator's images."""
        return self.fingerprint.mu_g

    def examine(
        self,
        path: str,
        features: Features,
        compression: str,
        rule: Rule,
        fpr: float,
        corrected: Callable[[float, float], float] | None = None,
    ) -> Attribution:
        """Return the row of an image by the features of its examined part.

        It makes no claim where the p-values do not speak of the image. `compression` says how it is
        stored, as `fp.images.container.COMPRESSIONS` names it. The rest is as in `attribution`.
        """
        row = self.attribution(path, features.of(self.recipe), rule, fpr, corrected)
        p = features.p_of_coding(self.fingerprint.distribution)
        return self.calibrated(row, p, compression, rule)

    def calibrated(
        self, row: Attribution, p: float | None, compression: str, rule: Rule
    ) -> Attribution:
        """Return a row with `p`, and the decision that stands for so unlike an image.

        `p` is the conformal p-value of its distance from the calibration images; None where the
        fingerprint has no such test. `compression` says how it is stored.
        """
        test = self.fingerprint.distribution
        if test is None or p is None:
            return row
        row = replace(row, p_condition=p)
        claims = row.decision == "supports_generator"
        if test.covers(p, compression) or (claims and self.recipe.any_coding):
            return row
        found = withheld(Verdict(row.decision, row.reasons), rule, "coding_not_calibrated")
        return replace(row, decision=found.decision, reasons=found.reasons)

    @cached_property
    def evidence_of_references(self) -> Doubles:
        """Held-out evidence of each reference image in k versions, (n, k), to compare with.

        It is what `corrected` of `attribution` is asked about: log10 LR without bounds.
        """
        return self.ratio.free_many(self.calibration.real)[:, None]

    @property
    def votes(self) -> int:
        """Number of reference images that a p-value under h1 counts."""
        return self.calibration.real.size

    @cached_property
    def cautions(self) -> tuple[str, ...]:
        """Reason codes that stand beside every answer."""
        return cautions_of(self.fingerprint)

    @cached_property
    def known_images(self) -> frozenset[str]:
        """Hashes of the files that it was learned from or calibrated with."""
        return known_images(self.fingerprint)

    @cached_property
    def recipe(self) -> Recipe:
        """The method."""
        return recipe_of(self.fingerprint)

    @cached_property
    def ratio(self) -> LikelihoodRatio:
        """Likelihood ratio of the score."""
        return likelihood.fit(self.calibration)

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
        return likelihood.resample(self.calibration)

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
    ) -> Attribution:
        """Judge one image by its features, stacks of shape (1, ...).

        `corrected` takes p_real and the log10 likelihood ratio without bounds to the p-value over
        the bank that the fingerprint belongs to; without it, it stands alone.
        """
        found = score(self.fingerprint, stacks, self.recipe)
        value = float(found.score[0])
        p_typical = log10_lr_specific = specific = distance = None
        joined = self.fingerprint.joined
        if joined is not None and found.distances is not None and found.specific is not None:
            distance = float(found.distances.total[0])
            p_typical = joined.typicality.p(float(found.distances.statistic[0]))
            specific = float(found.specific[0])
            assert self.specific_ratio is not None
            log10_lr_specific = self.specific_ratio(specific)
        calibration = self.fingerprint.calibration
        p_bank = p_real(value, calibration)
        if corrected is not None:
            p_bank = corrected(p_bank, self.ratio.free(value))
        answer = decide(value, calibration, rule, fpr, p_typical, self.weak, p_bank)
        return Attribution(
            path=path,
            fingerprint=self.fingerprint.name,
            method=self.fingerprint.method,
            score=value,
            rho=value if self.recipe.correlates else None,
            mu_r=self.mu_r,
            mu_g=self.mu_g,
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
