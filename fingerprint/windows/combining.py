"""From the windows of an image to one answer, with their dependence accounted for.

The evidence is the mean log odds of windows side by side. Its spread over images is known from the
calibration images, which have n0 windows each; for an image of n windows the fitted dependence says
how much narrower it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from fp.fingerprint.decision import likelihood
from fp.fingerprint.decision.decision import Answer, Rule, p_generated, p_real, verdict
from fp.fingerprint.decision.family import Family, Gathering
from fp.fingerprint.decision.judge import Judge
from fp.fingerprint.decision.likelihood import LikelihoodRatio, Resampled
from fp.fingerprint.learning.scoring import fitted_of, recipe_of
from fp.fingerprint.model.calibration import Calibration
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.model.typicality import LEVEL
from fp.fingerprint.model.windows import Dependence, WindowSize
from fp.fingerprint.windows.fields import Fields, Weights, window_odds


@dataclass(frozen=True)
class Whole:
    """What all windows of an image say together.

    Parameters
    ----------
    windows : int
        Number of windows side by side.
    effective : float
        Number of independent windows that are worth as much, n_eff.
    score, specific : float
        Mean log odds of the windows: of all parts, and of those that speak of the generator.
    answer : Answer
        Decision, p-values and reasons.
    p_bank : float
        p-value under h1 corrected over the bank.
    log10_lr, log10_lr_specific : float
        log10 likelihood ratios, within their empirical bounds.
    interval : tuple of float
        95 % interval of the ratio without bounds.
    """

    windows: int
    effective: float
    score: float
    specific: float
    answer: Answer
    p_bank: float
    log10_lr: float
    log10_lr_specific: float
    interval: tuple[float, float]


@dataclass(frozen=True, eq=False)
class WindowJudge:
    """A fingerprint's windows of one size, with what follows from their calibration.

    Parameters
    ----------
    whole : Judge
        That of the fingerprint.
    windows : WindowSize
        The calibration of the size.

    Notes
    -----
    Let L be the mean log odds of n = R C windows side by side, and V_k(R, C) = 1 / n_eff the
    variance of such a mean in variances of one window of class k (`Dependence.variance_of_mean`).
    A calibration image has R0 x C0 windows. Under class k with mean m_k,
    x_k = m_k + (L - m_k) sqrt(V_k(R0, C0) / V_k(R, C)) is spread as the mean of a calibration image
    of that class, so its rank among these is the conformal p-value. The log likelihood ratio of a
    normal model with common variance is proportional to n_eff (L - m), so
    log10 LR = g (a L + b), where a L + b is the logistic ratio of the calibration images and g the
    pooled n_eff of the image in units of theirs.
    """

    whole: Judge
    windows: WindowSize

    @property
    def fingerprint(self) -> Fingerprint:
        """The fingerprint."""
        return self.whole.fingerprint

    @cached_property
    def calibration(self) -> Calibration:
        """Mean log odds of the windows side by side of each calibration image."""
        real, generated = (
            scores[:, ::2, ::2].mean(axis=(1, 2))
            for scores in (self.windows.real, self.windows.generated)
        )
        return replace(self.fingerprint.calibration, real=real, generated=generated)

    @cached_property
    def ratio(self) -> LikelihoodRatio:
        """Likelihood ratio of a calibration image's mean."""
        return likelihood.fit(self.calibration)

    @cached_property
    def specific_ratio(self) -> LikelihoodRatio:
        """The same of the generator's evidence alone."""
        found = self.windows
        return likelihood.fit(
            replace(self.calibration, real=found.specific_real, generated=found.specific_generated)
        )

    @cached_property
    def resampled(self) -> Resampled:
        """Likelihood ratios of resampled calibrations."""
        return likelihood.resample(self.calibration)

    @cached_property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of windows side by side in a calibration image."""
        rows, columns = self.windows.real[0, ::2, ::2].shape
        return rows, columns

    def narrowing(self, rows: int, columns: int) -> tuple[float, float]:
        """Return the standard deviation of a mean, in that of a calibration image.

        For reference images, and for the generator's.
        """
        real, generated = (
            float(np.sqrt(_variance(dependence, rows, columns) / _variance(dependence, *self.grid)))
            for dependence in (self.windows.of_real, self.windows.of_generated)
        )
        return real, generated

    def effective(self, rows: int, columns: int) -> float:
        """Return the number n_eff of independent windows, pooled over the classes."""
        spread = [float(scores.var()) for scores in (self.windows.real, self.windows.generated)]
        total = sum(spread)
        if total <= 0:
            return 1.0
        pooled = sum(
            share * _variance(dependence, rows, columns)
            for share, dependence in zip(
                spread, (self.windows.of_real, self.windows.of_generated), strict=True
            )
        )
        return total / pooled

    def judge(
        self,
        fields: Fields,
        rule: Rule,
        fpr: float,
        *,
        p_typical: float | None = None,
        corrected: Callable[[float, float], float] | None = None,
    ) -> Whole:
        """Judge an image of at least one window by all its windows.

        `p_typical` is as in `fp.fingerprint.decision.decision.decide`, `corrected` as in
        `fp.fingerprint.decision.judge.Judge.attribution`.
        """
        odds = window_odds(self.windows, fields, self.windows.size)
        score, specific = (float(row.mean()) for row in odds)
        rows, columns = odds.shape[1:]
        effective = self.effective(rows, columns)
        gain = effective / self.effective(*self.grid)
        mu_r, mu_g = self.calibration.mu_r, self.calibration.mu_g
        narrow_r, narrow_g = self.narrowing(rows, columns)
        under_h1 = mu_r + (score - mu_r) / narrow_r
        alone = p_real(under_h1, self.calibration)
        under_h2 = p_generated(mu_g + (score - mu_g) / narrow_g, self.calibration)
        free = self.ratio.free(under_h1)
        p_bank = alone if corrected is None else corrected(alone, free)
        near = abs(score - mu_g) < abs(score - mu_r)
        found = verdict(
            rule,
            separates=mu_g > mu_r,
            generated_nearer=near,
            against_h1=p_bank <= fpr,
            against_h2=under_h2 <= fpr,
            weak=self.whole.weak,
            typical=p_typical is None or p_typical > LEVEL,
        )
        low, high = self.resampled.interval(score)
        return Whole(
            rows * columns,
            effective,
            score,
            specific,
            Answer(
                found.decision,
                "generated" if near else "real",
                alone,
                under_h2,
                found.reasons,
            ),
            p_bank,
            _bounded(self.ratio, gain * self.ratio.free(score)),
            _bounded(self.specific_ratio, gain * self.specific_ratio.free(specific)),
            (gain * low, gain * high),
        )


def _variance(dependence: Dependence, rows: int, columns: int) -> float:
    return max(dependence.variance_of_mean(rows, columns), 1e-12)


def _bounded(ratio: LikelihoodRatio, value: float) -> float:
    return float(min(max(value, ratio.lower), ratio.upper))


def weights_of(fingerprint: Fingerprint) -> Weights:
    """Return the patterns by which windows of a fingerprint are scored."""
    windows = fingerprint.windows
    assert windows is not None
    each = list(zip(recipe_of(fingerprint).parts, fitted_of(fingerprint), strict=True))
    return Weights(tuple(each[number] for number in windows.parts))


def window_judge_of(judge: Judge, size: int | None = None) -> WindowJudge | None:
    """Return the judge of a fingerprint's windows, None without any; the usual size by default."""
    held = judge.fingerprint.windows
    windows = None if held is None else held.of(size)
    return None if windows is None else WindowJudge(judge, windows)


@dataclass(frozen=True, eq=False)
class BankWindows:
    """The windows of one size of a bank's fingerprints.

    Parameters
    ----------
    judges : tuple of WindowJudge or None
        A judge of each fingerprint, in their order; None where it has no such windows.
    """

    judges: tuple[WindowJudge | None, ...]

    @classmethod
    def of(cls, judges: Iterable[Judge], size: int | None) -> BankWindows:
        """Return the windows of fingerprints, by their judges; None is the usual size."""
        return cls(tuple(window_judge_of(judge, size) for judge in judges))

    @cached_property
    def by_name(self) -> dict[str, WindowJudge]:
        """Judges by the name of their fingerprint."""
        return {judge.fingerprint.name: judge for judge in self.judges if judge is not None}

    @property
    def complete(self) -> bool:
        """Whether every fingerprint has such windows."""
        return None not in self.judges

    @cached_property
    def family(self) -> Family:
        """Null distribution of the bank by the windows of its calibration images."""
        gathered = Gathering()
        for judge in self.by_name.values():
            gathered.add(judge.calibration, judge.ratio.free_many(judge.calibration.real)[:, None])
        return gathered.family()
