"""The calibrations of a whole bank as columns, to judge an image at once.

The figures are those that `fp.fingerprint.decision.judge` gives one by one, bit for bit, and the
decisions come from the same `verdict`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fp.fingerprint.decision.decision import Rule, Verdict, of_calibration, verdict, withheld
from fp.fingerprint.decision.sorted_scores import SortedScores
from fp.system.arrays import Doubles, Flags, Indices


@dataclass(frozen=True, eq=False)
class Calibrations:
    """What a bank's decisions rest on, a column a property and a row a fingerprint.

    Parameters
    ----------
    names : tuple of str
        Names of the generators.
    real, generated : SortedScores
        Held-out scores of both classes.
    mu_r, mu_g : ndarray of float64, shape (K,)
        Their means.
    slope, intercept : ndarray of float64, shape (K,)
        log10 likelihood ratio without bounds: slope * score + intercept.
    weak : ndarray of bool, shape (K,)
        Which fingerprints are weak.
    """

    names: tuple[str, ...]
    real: SortedScores
    generated: SortedScores
    mu_r: Doubles
    mu_g: Doubles
    slope: Doubles
    intercept: Doubles
    weak: Flags

    @cached_property
    def alphabetical(self) -> Indices:
        """Place of each name among the sorted names."""
        found = np.empty(len(self.names), np.intp)
        found[sorted(range(len(self.names)), key=self.names.__getitem__)] = np.arange(found.size)
        return found

    def judge(
        self,
        scores: Doubles,
        outside: Flags,
        known: Flags,
        rule: Rule,
        fpr: float,
        corrected: Callable[[Doubles, Doubles], Doubles],
    ) -> Judged:
        """Judge one image by all fingerprints, from its scores (K,); NaN where one has none.

        `outside` says whose p-values do not speak of the image, see
        `fp.fingerprint.decision.judge.Judge.calibrated`, and `known` whose calibration has it.
        `corrected` takes p_real and the log10 likelihood ratios without bounds to the p-values over
        the bank, as `fp.fingerprint.decision.family.Family.p_many`.
        """
        p_real = (1 + self.real.sizes - self.real.below(scores)) / (1 + self.real.sizes)
        p_generated = (1 + self.generated.up_to(scores)) / (1 + self.generated.sizes)
        p_bank = corrected(p_real, self.slope * scores + self.intercept)
        span = self.mu_g - self.mu_r
        sides = {
            "separates": span > 0,
            "generated_nearer": np.abs(scores - self.mu_g) < np.abs(scores - self.mu_r),
            "against_h1": p_bank <= fpr,
            "against_h2": p_generated <= fpr,
            "weak": self.weak,
        }
        bits = (*sides.values(), outside, known)
        code = sum(side.astype(np.intp) << bit for bit, side in enumerate(bits))
        told = tuple(
            verdict(rule, **{name: bool(code >> bit & 1) for bit, name in enumerate(sides)})
            for code in range(1 << len(sides))
        )
        told = (*told, *(withheld(found, rule, "coding_not_calibrated") for found in told))
        verdicts = (*told, *(of_calibration(found, rule) for found in told))
        place = (scores - self.mu_r) / np.abs(np.where(span == 0, 1.0, span))
        return Judged(
            scored=~np.isnan(scores),
            p_real=p_real,
            p_generated=p_generated,
            place=place,
            code=np.asarray(code),
            verdicts=verdicts,
            alphabetical=self.alphabetical,
        )


@dataclass(frozen=True, eq=False)
class Judged:
    """What the fingerprints of a bank say of one image, a row each.

    Parameters
    ----------
    scored : ndarray of bool, shape (K,)
        Which have a score; the others' figures mean nothing.
    p_real, p_generated : ndarray of float64, shape (K,)
        Conformal p-values under h1 and h2.
    place : ndarray of float64, shape (K,)
        Score in units of mu_g - mu_r, from mu_r on.
    code : ndarray of int, shape (K,)
        Which of the verdicts.
    verdicts : tuple of Verdict
        All that there can be.
    alphabetical : ndarray of int, shape (K,)
        Place of each name among the sorted names.
    """

    scored: Flags
    p_real: Doubles
    p_generated: Doubles
    place: Doubles
    code: Indices
    verdicts: tuple[Verdict, ...]
    alphabetical: Indices

    @cached_property
    def claims(self) -> Flags:
        """Which fingerprints claim the image."""
        return self._with("supports_generator")

    @cached_property
    def denials(self) -> Flags:
        """Which fingerprints say that their generator did not draw the image."""
        return self._with("supports_reference")

    def _with(self, decision: str) -> Flags:
        found = np.array([verdict.decision == decision for verdict in self.verdicts])
        return np.asarray(self.scored & found[self.code])

    def best(self, count: int) -> Indices:
        """Return the first `count` in the order of `fp.fingerprint.detection.detection.rank`."""
        count = min(count, self.scored.size)
        # p-values lie in (0, 1], so the groups stay apart; only those before the cut are sorted.
        group = np.where(self.claims, 0.0, np.where(self.denials, 4.0, 2.0))
        first = np.where(self.scored, group + self.p_real, 6.0)
        near = np.flatnonzero(first <= np.partition(first, count - 1)[count - 1])
        scored = self.scored[near]
        keys = (
            self.alphabetical[near],
            *(
                np.where(scored, values[near], 0.0)
                for values in (-self.place, -self.p_generated, self.p_real, 1.0 - self.claims)
            ),
            self.denials[near],
            ~scored,
        )
        return np.asarray(near[np.lexsort(keys)][:count])
