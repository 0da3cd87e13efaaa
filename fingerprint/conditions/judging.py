"""An image as it comes against a fingerprint: its coding is measured, then the answer for that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fp.fingerprint.conditions.coding import coding_numbers
from fp.fingerprint.conditions.versions import described
from fp.fingerprint.decision.decision import Rule, verdict, withheld
from fp.fingerprint.decision.judge import Features, Judge
from fp.fingerprint.decision.likelihood import LikelihoodRatio, fit_to
from fp.fingerprint.decision.rows import Attribution
from fp.fingerprint.learning.method import Recipe
from fp.fingerprint.learning.scoring import recipe_of_parts
from fp.fingerprint.model.conditions import Conditions, allowed, compressed, evidence
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.model.typicality import LEVEL
from fp.system.arrays import Doubles


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

        Parameters
        ----------
        path : str
            The image.
        features : Features
            Those of its examined part.
        compression : str
            How it is stored, which does not matter: the pixels are asked.
        rule, fpr, corrected
            As in `Judge.attribution`.

        Returns
        -------
        Attribution
            The row.

        Notes
        -----
        With z_r and z_g the standardised score under h1 and h2, p_real = (1 + n_r F_r) / (1 + n_r),
        where F_r is the share of held-out versions of reference images whose z is at least z_r /
        1.1, and p_generated the same of the generator's whose z is at most z_g. Here n counts
        sources: neither versions nor pictures of one prompt are independent. The distances and the
        coding are judged alike, with n images, since they can only take a claim back.
        """
        known = self.conditions
        seen = Seen.of(known, self.parts, features)
        curved, score = seen.curved, seen.score
        of_real, of_generated = known.score_of_real, known.score_of_generated
        z = float(of_real.standardise(score, curved)[0])
        unusual = allowed(z)
        p_real = of_real.p_above(unusual, self.sources[0])
        p_bank = p_real if corrected is None else max(p_real, corrected(p_real, unusual))
        z = float(of_generated.standardise(score, curved)[0])
        p_generated = of_generated.p_below(z, self.sources[1])

        views = self.parts.views(features.of(self.parts))
        likeness = []
        for typical, expected, count in (
            (known.generator, known.distance_of_generated, known.generated.size),
            (known.reference, known.distance_of_real, known.real.size),
        ):
            distance = compressed(typical.measure(views).statistic)
            far = float(expected.standardise(distance, curved)[0])
            likeness.append(expected.p_above(far, count))
        p_condition = known.p_of_coding(seen.numbers)

        value = seen.evidence
        generated_nearer = abs(value - self.mu_g) < abs(value - self.mu_r)
        found = verdict(
            rule,
            separates=self.mu_g > self.mu_r,
            generated_nearer=generated_nearer,
            against_h1=p_bank <= fpr,
            against_h2=p_generated <= fpr,
            weak=self.weak,
            typical=likeness[0] > LEVEL,
            like_reference=likeness[1] > LEVEL,
        )
        is_calibrated = known.covers(p_condition)
        if not is_calibrated:
            found = withheld(found, rule)
        return Attribution(
            path=path,
            fingerprint=self.fingerprint.name,
            method=self.fingerprint.method,
            score=value,
            mu_r=self.mu_r,
            mu_g=self.mu_g,
            p_real=p_real,
            p_bank=p_bank,
            p_generated=p_generated,
            p_typical=likeness[0],
            p_reference=likeness[1],
            log10_lr=self.ratio(value),
            at_bound=self.ratio.at_bound(value),
            decision=found.decision,
            nearest_mean="generated" if generated_nearer else "real",
            reasons=found.reasons,
            condition=described(seen.settings),
            p_condition=p_condition,
            log10_lr_rest=self._against_rest(features) if is_calibrated else None,
        )

    def _against_rest(self, features: Features) -> float | None:
        rest = self.fingerprint.rest
        if rest is None:
            return None
        return self._rest_ratio(Seen.of(rest, self._rest_parts, features).evidence)

    @cached_property
    def _rest_parts(self) -> Recipe:
        assert self.fingerprint.rest is not None
        return recipe_of_parts(self.fingerprint.method, self.fingerprint.rest.parts)

    @cached_property
    def _rest_ratio(self) -> LikelihoodRatio:
        rest = self.fingerprint.rest
        assert rest is not None
        return fit_to(rest.real, rest.generated)


@dataclass(frozen=True, eq=False)
class Seen:
    """What conditions see of an image.

    Parameters
    ----------
    score : ndarray of float64, shape (1,)
        Joined score.
    numbers : ndarray of float64, shape (p,)
        Coding numbers.
    settings : ndarray of float64, shape (7,)
        Estimated settings of what happened to it.
    curved : ndarray of float64, shape (1, 17)
        `curves` of these.
    evidence : float
        Evidence for the generator at that coding.
    """

    score: Doubles
    numbers: Doubles
    settings: Doubles
    curved: Doubles
    evidence: float

    @classmethod
    def of(cls, known: Conditions, recipe: Recipe, features: Features) -> Seen:
        """Score an image by the parts, and measure its coding."""
        stacks = features.of(recipe)
        scores = np.column_stack(
            [
                estimator.score(stacks[estimator.reads], part.pattern, part.offset)
                for estimator, part in zip(recipe.parts, known.parts, strict=True)
            ]
        )
        numbers = coding_numbers(features)
        settings = known.coding(numbers)
        curved = known.curved(settings)
        score = known.fusion(scores)
        moments = [
            (each.mean(curved)[:, 0], each.deviation(curved))
            for each in (known.score_of_real, known.score_of_generated)
        ]
        found = float(evidence(score, moments[0], moments[1])[0])
        return cls(score, numbers[0], settings[0], curved, found)
