"""Images as they come against a fingerprint: an answer for the measured coding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fp.fingerprint.conditions.coding import coding_numbers
from fp.fingerprint.conditions.content import content_numbers
from fp.fingerprint.conditions.versions import described
from fp.fingerprint.decision.decision import Rule, Verdict, not_told_apart, verdict, withheld
from fp.fingerprint.decision.judge import Features, Judge
from fp.fingerprint.decision.likelihood import LikelihoodRatio, fit_to
from fp.fingerprint.decision.rows import Attribution
from fp.fingerprint.learning.method import Recipe
from fp.fingerprint.learning.scoring import recipe_of_parts
from fp.fingerprint.model.conditions import (
    TOLD_APART,
    Conditions,
    allowed,
    compressed,
    conformal,
    evidence,
)
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.model.typicality import LEVEL
from fp.system.arrays import Array, Doubles


def judge_of(fingerprint: Fingerprint) -> Judge:
    """Return what judges images by a fingerprint."""
    return Judge(fingerprint) if fingerprint.conditions is None else CodingJudge(fingerprint)


@dataclass(frozen=True, eq=False)
class CodingJudge(Judge):
    """The judge of a fingerprint with conditions."""

    @property
    def conditions(self) -> Conditions:
        """The conditions."""
        assert self.fingerprint.conditions is not None
        return self.fingerprint.conditions

    @cached_property
    def parts(self) -> Recipe:
        """The parts of the joined score."""
        return recipe_of_parts(self.fingerprint.method, self.conditions.parts)

    @property
    def votes(self) -> int:
        """Number of sources of reference images that a p-value under h1 counts."""
        return self.sources[0]

    @cached_property
    def evidence_of_references(self) -> Doubles:
        """Held-out z of each reference image in all its versions, (n, k); see `Judge`."""
        held, images = self.conditions.score_of_real.held, self.calibration.real.size
        return held.reshape(images, -1) if held.size % images == 0 else np.empty((images, 0))

    @cached_property
    def sources(self) -> tuple[int, int]:
        """Number of source images of the references, and of the generator."""
        held = self.fingerprint.calibration
        return len(set(held.real_source)), len(set(held.generated_source))

    def examine(
        self,
        path: str,
        features: Features,
        compression: str,
        rule: Rule,
        fpr: float,
        corrected: Callable[[float, float], float] | None = None,
    ) -> Attribution:
        """Judge an image by what its score is expected to be at its coding.

        Arguments and row are as in `Judge.examine`, but that `compression` does not matter: the
        pixels are asked. With z_r and z_g the standardised score under h1 and h2, p_real = (1 + n_r
        F_r) / (1 + n_r), where F_r is the share of held-out versions of reference images whose z is
        at least z_r / 1.1, the largest over the kinds of versions (`Conditions.p_of_score`), and
        p_generated the same of the generator's whose z is at most z_g. Here n counts sources:
        neither versions nor pictures of one prompt are independent. The distances, the coding and
        the content are judged alike, with n images, since they can only take a claim back.
        """
        known = self.conditions
        stacks = features.of(self.parts)
        seen = SeenImages.of_one(known, self.parts, features)
        (p,) = seen.p_values(known, self.parts, stacks, self.sources)
        p_bank = p.real if corrected is None else max(p.real, corrected(p.real, p.unusual))
        value = float(seen.evidence[0])
        generated_nearer = abs(value - self.mu_g) < abs(value - self.mu_r)
        found = p.verdict(
            known,
            p_bank,
            rule,
            fpr,
            separates=self.mu_g > self.mu_r,
            generated_nearer=generated_nearer,
            weak=self.weak,
        )
        covered = known.covers(p.condition) and known.shows(p.content)
        rest = self._against_rest(features) if covered else None
        if rest is not None and not rest.told_apart:
            found = not_told_apart(found, rule)
        return Attribution(
            path=path,
            fingerprint=self.fingerprint.name,
            method=self.fingerprint.method,
            score=value,
            mu_r=self.mu_r,
            mu_g=self.mu_g,
            p_real=p.real,
            p_bank=p_bank,
            p_generated=p.generated,
            p_typical=p.typical,
            p_reference=p.reference,
            log10_lr=self.ratio(value),
            at_bound=self.ratio.at_bound(value),
            decision=found.decision,
            nearest_mean="generated" if generated_nearer else "real",
            reasons=found.reasons,
            condition=described(seen.settings[0]),
            p_condition=p.condition,
            p_content=p.content,
            log10_lr_rest=None if rest is None else rest.log10_lr,
            p_rest=None if rest is None else rest.p,
        )

    def _against_rest(self, features: Features) -> _Rest | None:
        rest = self.fingerprint.rest
        if rest is None:
            return None
        parts = self._rest_parts
        seen = SeenImages.of_one(rest, parts, features)
        value = float(seen.evidence[0])
        share = float(np.count_nonzero(rest.real >= value)) / rest.real.size
        p = conformal(share, rest.real.size)
        return _Rest(self._rest_ratio(value), p, self.fingerprint.rivals * p <= TOLD_APART)

    @cached_property
    def _rest_parts(self) -> Recipe:
        assert self.fingerprint.rest is not None
        return recipe_of_parts(self.fingerprint.method, self.fingerprint.rest.parts)

    @cached_property
    def _rest_ratio(self) -> LikelihoodRatio:
        rest = self.fingerprint.rest
        assert rest is not None
        return fit_to(rest.real, rest.generated)


@dataclass(frozen=True)
class _Rest:
    """What is said of a generator against all others of its bank.

    The p-value counts images of these; `told_apart` is whether it is small enough, corrected over
    the bank by Bonferroni.
    """

    log10_lr: float
    p: float
    told_apart: bool


@dataclass(frozen=True)
class PValues:
    """p-values of one image.

    Parameters
    ----------
    real, generated : float
        Of its score under h1 and under h2.
    typical, reference : float
        Of its distance from the generator's images and from the reference images.
    condition, content : float
        Of its coding, and of its content.
    unusual : float
        The standardised score under h1 that was ranked.
    """

    real: float
    generated: float
    typical: float
    reference: float
    condition: float
    content: float
    unusual: float

    def verdict(
        self,
        known: Conditions,
        p_bank: float,
        rule: Rule,
        fpr: float,
        *,
        separates: bool,
        generated_nearer: bool,
        weak: bool,
    ) -> Verdict:
        """Return what follows; see `fp.fingerprint.decision.decision.verdict`."""
        found = verdict(
            rule,
            separates=separates,
            generated_nearer=generated_nearer,
            against_h1=p_bank <= fpr,
            against_h2=self.generated <= fpr,
            weak=weak,
            typical=self.typical > LEVEL,
            like_reference=self.reference > LEVEL,
        )
        if not known.covers(self.condition):
            found = withheld(found, rule, "coding_not_calibrated")
        if not known.shows(self.content):
            found = withheld(found, rule, "content_not_calibrated")
        return found


@dataclass(frozen=True, eq=False)
class SeenImages:
    """What conditions see of N images.

    Parameters
    ----------
    score : ndarray of float64, shape (N,)
        Joined scores.
    numbers : ndarray of float64, shape (N, p)
        Coding numbers.
    content : ndarray of float64, shape (N, k)
        Content numbers, as many as the fingerprint has.
    settings : ndarray of float64, shape (N, 7)
        Estimated settings of what happened to each.
    curved : ndarray of float64, shape (N, 17)
        `curves` of these.
    evidence : ndarray of float64, shape (N,)
        Evidence for the generator at that coding.
    """

    score: Doubles
    numbers: Doubles
    content: Doubles
    settings: Doubles
    curved: Doubles
    evidence: Doubles

    @classmethod
    def of_one(cls, known: Conditions, recipe: Recipe, features: Features) -> SeenImages:
        """Score one image, and measure its coding."""
        measured = coding_numbers(features), content_numbers(features)
        return cls.of(known, recipe, features.of(recipe), *measured)

    @classmethod
    def of(
        cls,
        known: Conditions,
        recipe: Recipe,
        stacks: Mapping[str, Array],
        numbers: Doubles,
        content: Doubles,
    ) -> SeenImages:
        """Score images by the parts, by what these read of them, and measure their coding."""
        scores = np.column_stack(
            [
                estimator.score(stacks[estimator.reads], part.pattern, part.offset)
                for estimator, part in zip(recipe.parts, known.parts, strict=True)
            ]
        )
        content = content[:, : known.content.centre.size]
        settings = known.coding(numbers)
        curved = known.curved(settings)
        score = known.fusion(scores, known.content.bend(content))
        moments = [
            (each.mean(curved)[:, 0], each.deviation(curved))
            for each in (known.score_of_real, known.score_of_generated)
        ]
        found = evidence(score, moments[0], moments[1])
        return cls(score, numbers, content, settings, curved, found)

    def p_values(
        self,
        known: Conditions,
        recipe: Recipe,
        stacks: Mapping[str, Array],
        sources: tuple[int, int],
    ) -> list[PValues]:
        """Return the p-values of each image, with the numbers of source images of both classes."""
        n_real, n_generated = sources
        unusual = [
            allowed(float(z)) for z in known.score_of_real.standardise(self.score, self.curved)
        ]
        low = known.score_of_generated.standardise(self.score, self.curved)
        views = recipe.views(stacks)
        typical, reference = (
            expected.standardise(compressed(each.measure(views).statistic), self.curved)
            for each, expected in (
                (known.generator, known.distance_of_generated),
                (known.reference, known.distance_of_real),
            )
        )
        return [
            PValues(
                real=known.p_of_score(unusual[n], n_real),
                generated=known.score_of_generated.p_below(low[n], n_generated),
                typical=known.distance_of_generated.p_above(typical[n], known.generated.size),
                reference=known.distance_of_real.p_above(reference[n], known.real.size),
                condition=known.p_of_coding(self.numbers[n]),
                content=known.p_of_content(self.content[n]),
                unusual=unusual[n],
            )
            for n in range(len(self.score))
        ]
