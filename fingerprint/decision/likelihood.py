"""Likelihood ratios from calibration scores, with the bounds that the data can carry.

log10 LR(s) = log10 p(s | h2) / p(s | h1), by logistic regression of the class on the score with
both classes weighed alike. Beyond its empirical bounds a ratio would be extrapolation, so it stops
there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, expit

from fp.fingerprint.model.calibration import Calibration
from fp.system.arrays import Doubles, Flags

_FOLDS = 10
_RESAMPLES = 200
_NEWTON_STEPS = 50
_LN10 = float(np.log(10.0))


@dataclass(frozen=True)
class LikelihoodRatio:
    """The function from a score to a bounded log10 likelihood ratio.

    Parameters
    ----------
    slope, intercept : float
        log10 LR = slope * score + intercept, before the bounds.
    lower, upper : float
        Empirical lower and upper bound of log10 LR (ELUB); lower <= 0 <= upper.

    References
    ----------
    P. Vergeer, A. van Es, A. de Jongh, I. Alberink, R. Stoel, "Numerical likelihood ratios
    outputted by LR systems are often based on extrapolation: When to stop extrapolating?", Science
    & Justice 56 (2016), doi:10.1016/j.scijus.2016.06.003.
    """

    slope: float
    intercept: float
    lower: float
    upper: float

    def __call__(self, score: float) -> float:
        """Compute log10 LR of a score, within the bounds."""
        return float(min(max(self.free(score), self.lower), self.upper))

    def free(self, score: float) -> float:
        """Compute log10 LR of a score without the bounds; its sign is the forced decision."""
        return self.slope * score + self.intercept

    def free_many(self, scores: Doubles) -> Doubles:
        """Compute what `free` returns, of many scores at once."""
        return np.asarray(self.slope * scores + self.intercept)

    def at_bound(self, score: float) -> bool:
        """Return whether the bounds cut the ratio of a score off."""
        return stands_at_bound(self.free(score), self.lower, self.upper)


def stands_at_bound(log10_lr: float, lower: float, upper: float) -> bool:
    """Return whether a log10 likelihood ratio is not inside its bounds."""
    return not lower < log10_lr < upper


def fit(calibration: Calibration) -> LikelihoodRatio:
    """Fit the likelihood ratio of a fingerprint to all its held-out scores; see `fit_to`."""
    return fit_to(calibration.real, calibration.generated)


def fit_to(real: Doubles, generated: Doubles) -> LikelihoodRatio:
    """Fit the likelihood ratio of two classes to held-out scores, at least one of each.

    Its bounds come from ratios that were fitted without the score they belong to (up to ten folds).
    """
    scores = np.concatenate([real, generated])
    labels = np.arange(scores.size) >= real.size
    ratios = np.empty(scores.size)
    # Dealt by rank within each class: the folds follow from the scores alone.
    fold = np.empty(scores.size, dtype=np.intp)
    fewest = int(min(labels.sum(), (~labels).sum()))
    for label in (False, True):
        members = np.flatnonzero(labels == label)
        fold[members[np.argsort(scores[members], kind="stable")]] = np.arange(members.size)
    fold %= max(2, min(_FOLDS, fewest))
    for held in np.unique(fold):
        inside, outside = fold != held, fold == held
        if labels[inside].all() or not labels[inside].any():  # one image a class: nothing to hold
            inside = np.ones_like(inside)
        slope, intercept = _logistic(scores[inside], labels[inside])
        ratios[outside] = slope * scores[outside] + intercept
    return LikelihoodRatio(
        *_logistic(scores, labels), *empirical_bounds(ratios[~labels], ratios[labels])
    )


def fit_without_bounds(calibration: Calibration) -> LikelihoodRatio:
    """Fit without bounds, ten times as fast, for those who only ask for `free`."""
    scores = np.concatenate([calibration.real, calibration.generated])
    labels = np.arange(scores.size) >= calibration.real.size
    return LikelihoodRatio(*_logistic(scores, labels), -np.inf, np.inf)


def _logistic(scores: Doubles, labels: Flags) -> tuple[float, float]:
    """Fit log10 LR = slope * score + intercept; standardised, so that the unit does not matter."""
    found = _logistics(scores, labels, np.ones((1, scores.size)))
    return float(found[0, 0]), float(found[0, 1])


def _logistics(scores: Doubles, labels: Flags, counts: Doubles) -> Doubles:
    """Fit it for many resamples at once, by Newton's method.

    `counts` (B, N) says how often each resample has each image. The penalty 1 / (2 C) w^2 with
    C = 100 keeps separable classes finite; both classes weigh alike.
    """
    centre, spread = float(scores.mean()), float(scores.std()) or 1.0
    x = (scores - centre) / spread
    weigh = np.empty_like(counts)
    size = counts.sum(axis=1, keepdims=True)
    # Each class weighs half of all images: a ratio must not depend on how many there are of each.
    for label in (False, True):
        inside = labels == label
        share = counts[:, inside].sum(axis=1, keepdims=True)
        weigh[:, inside] = counts[:, inside] * size / (2 * np.maximum(share, 1e-300))
    slope, intercept = np.zeros(len(counts)), np.zeros(len(counts))
    for _ in range(_NEWTON_STEPS):
        p = expit(slope[:, None] * x + intercept[:, None])
        # The gradient of the penalised loss, and a, b, c of its symmetric 2 x 2 Hessian, whose
        # inverse is written out for all resamples at once.
        error, curve = weigh * (p - labels), weigh * p * (1 - p)
        gradient = (error @ x + slope / 100, error.sum(axis=1))
        a, b, c = curve @ x**2 + 1 / 100, curve @ x, curve.sum(axis=1) + 1e-9
        determinant = np.maximum(a * c - b**2, 1e-300)
        step = np.array(
            [
                (c * gradient[0] - b * gradient[1]) / determinant,
                (a * gradient[1] - b * gradient[0]) / determinant,
            ]
        )
        # Far from the optimum a full step of nearly separable classes may overshoot.
        step *= np.minimum(1.0, 2.0 / np.maximum(np.abs(step).max(axis=0), 1e-300))
        slope, intercept = slope - step[0], intercept - step[1]
        if np.abs(step).max() < 1e-10:
            break
    # Back from standardised to given scores, and from natural to decadic logarithms.
    slope = slope / spread / _LN10
    return np.column_stack([slope, intercept / _LN10 - slope * centre])


@dataclass(frozen=True, eq=False)
class Resampled:
    """Likelihood ratios fitted to resampled calibrations.

    Parameters
    ----------
    coefficients : ndarray of float64, shape (B, 2)
        Slope and intercept of each resample.
    """

    coefficients: Doubles

    def interval(self, score: float) -> tuple[float, float]:
        """Estimate the 95 % percentile interval of the unbounded log10 LR of a score."""
        low, high = np.quantile(self.ratios(score), [0.025, 0.975])
        return float(low), float(high)

    def ratios(self, score: float) -> Doubles:
        """Compute the unbounded log10 LR of a score by every resample, shape (B,)."""
        return np.asarray(self.coefficients[:, 0] * score + self.coefficients[:, 1])


def resample(calibration: Calibration, seed: int = 0) -> Resampled:
    """Fit the likelihood ratio to 200 bootstrap samples of the calibration's source images."""
    scores = np.concatenate([calibration.real, calibration.generated])
    labels = np.arange(scores.size) >= calibration.real.size
    rng = np.random.default_rng(seed)
    counts = np.concatenate(
        [
            _resampled_counts(calibration.real_source, rng),
            _resampled_counts(calibration.generated_source, rng),
        ],
        axis=1,
    )
    return Resampled(_logistics(scores, labels, counts))


def _resampled_counts(sources: Sequence[str], rng: np.random.Generator) -> Doubles:
    # Sources are drawn, not images: those of one source come or stay away together.
    names, number = np.unique(np.array(sources, dtype=object).astype(str), return_inverse=True)
    drawn = rng.multinomial(names.size, np.full(names.size, 1 / names.size), size=_RESAMPLES)
    return np.asarray(drawn[:, number], dtype=np.float64)


def empirical_bounds(real: Doubles, generated: Doubles) -> tuple[float, float]:
    """Return the range in which log10 likelihood ratios are useful (ELUB): lower <= 0 <= upper.

    One misleading ratio is added to each class, as large as one likes. Deciding by LR > t at prior
    odds 1 / t costs less than never looking at the evidence where the share of h2 ratios above t is
    at least t times the share of h1 ratios above t. The upper bound is the first t >= 1 at which
    that fails, so it cannot exceed n_r + 1; the lower bound is the same with the classes exchanged.
    """
    return -_upper_bound(-generated, -real), _upper_bound(real, generated)


def _upper_bound(against: Doubles, supporting: Doubles) -> float:
    # Each class has one misleading ratio more: it never supports, and is above every threshold.
    n_against, n_supporting = against.size + 1, supporting.size + 1
    # Between two ratios the shares stay, so on each such step the limit is one number.
    ratios = np.unique(np.concatenate([against, supporting, [0.0]]))
    starts = ratios[ratios >= 0.0]
    for start, end in zip(starts, [*starts[1:], np.inf], strict=True):
        hits = np.count_nonzero(supporting > start) / n_supporting
        alarms = (1 + np.count_nonzero(against > start)) / n_against
        limit = np.log10(hits / alarms) if hits > 0 else -np.inf
        if limit < end:
            return float(max(start, limit))
    raise AssertionError("beyond the largest ratio there are no hits")


def certified_rate(rate: float, n: int, confidence: float = 0.95) -> float:
    """Return the false-positive rate that n reference images certify at a conformal threshold.

    It is the upper bound, with this one-sided confidence, of the chance that a new reference image
    reaches the threshold. The rule claims where p <= rate, that is beyond the j-th largest
    reference score with j = floor(rate (n + 1)). The chance of exceeding it is distributed as
    Beta(j, n + 1 - j) over calibration sets; the bound is its quantile, Clopper-Pearson's for j - 1
    exceedances.
    """
    # In floating point 0.29 * 100 is less than 29; the floor must not lose one for that.
    exceedances = int(np.floor(rate * (n + 1) + 1e-9))
    if exceedances < 1:
        return 0.0
    # What `scipy.stats.beta.ppf` gives, without the second that its package takes to import.
    return float(betaincinv(exceedances, n + 1 - exceedances, confidence))
