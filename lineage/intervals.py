"""95 % intervals of shares, balanced accuracies and areas under the curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from fp.system.arrays import Doubles

_Z = float(norm.ppf(0.5 + 0.95 / 2))  # deviations at either end of an interval


@dataclass(frozen=True, eq=False)
class Estimate:
    """Figures with their 95 % intervals.

    Parameters
    ----------
    value, low, high : ndarray of float64, all of one shape
        Estimates and ends of the intervals; NaN where there was nothing to measure.
    """

    value: Doubles
    low: Doubles
    high: Doubles


def share(hits: Doubles, n: Doubles) -> Estimate:
    """Return hits of n with Wilson's score interval (JASA 22, 1927), in [0, 1].

    `n` counts independent trials: sources, not images.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        p = hits / n
        centre = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z * np.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
    # Rounding must not put 0 or 1 outside of their own interval.
    return Estimate(p, np.minimum(p, centre - half), np.maximum(p, centre + half))


def balanced(sensitivity: Estimate, specificity: Estimate) -> Estimate:
    """Return the average of two independent shares, with the interval made of theirs, in [0, 1].

    Method of variance estimates recovery: the distances from the estimates to the ends of their own
    intervals are added in squares (Newcombe, Statistics in Medicine 17, 1998).
    """
    value = (sensitivity.value + specificity.value) / 2
    below = np.hypot(sensitivity.value - sensitivity.low, specificity.value - specificity.low) / 2
    above = np.hypot(sensitivity.high - sensitivity.value, specificity.high - specificity.value) / 2
    return Estimate(value, value - below, value + above)


def auc(generated: Doubles, real: Doubles, n: int, m: int) -> Estimate:
    """Return the area under the ROC curve with DeLong's interval, in arrays of shape ().

    Scores of `generated` come from `n` sources, those of `real` from `m`; ties count one half.
    DeLong's variance (E. R. DeLong et al., Biometrics 44, 1988), on the scale of the logit. The
    variance does not fall below Hanley and McNeil's (Radiology 143, 1982) at an area half an image
    away from 0 and 1: without that, classes that do not overlap would give an interval without
    extent.
    """
    ordered_real, ordered_generated = np.sort(real), np.sort(generated)
    above = _placements(generated, ordered_real)
    below = 1 - _placements(real, ordered_generated)
    area = float(above.mean())
    fewest = min(n, m)
    inside = (area * fewest + 0.5) / (fewest + 1)
    variance = above.var() / max(n - 1, 1) + below.var() / max(m - 1, 1)
    q1, q2 = inside / (2 - inside), 2 * inside**2 / (1 + inside)
    floor = inside * (1 - inside) + (n - 1) * (q1 - inside**2) + (m - 1) * (q2 - inside**2)
    if area in (0.0, 1.0):
        variance = max(float(variance), floor / (n * m))
    spread = _Z * np.sqrt(variance) / (inside * (1 - inside))
    low, high = expit(logit(inside) - spread), expit(logit(inside) + spread)
    return Estimate(np.array(area), np.array(min(area, low)), np.array(max(area, high)))


def _placements(scores: Doubles, ordered: Doubles) -> Doubles:
    """Return for each score the share of `ordered` below it, ties one half."""
    left = np.searchsorted(ordered, scores, "left")
    right = np.searchsorted(ordered, scores, "right")
    return np.asarray((left + right) / (2 * ordered.size))
