"""Figures that an evaluation quotes, each with what it can carry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.stats import beta
from sklearn.metrics import average_precision_score, roc_auc_score

from fp.evaluation.trials import MeanOverSplits, mean_of
from fp.system.arrays import Doubles, Flags


def auc(labels: Flags, scores: Doubles) -> float:
    """Return the area under the ROC curve, in [0, 1]; 0.5 says nothing."""
    return float(roc_auc_score(labels, scores))


def average_precision(labels: Flags, scores: Doubles) -> float:
    """Return the average precision, in [0, 1]; by chance it is the share of positives."""
    return float(average_precision_score(labels, scores))


def cllr(log10_lr: Doubles, labels: Flags) -> float:
    """Return the log-likelihood-ratio cost in bits; 0 is perfect, 1 is what ratios of 1 cost.

    Cllr = 1/2 (mean over h2 of log2(1 + 1/LR) + mean over h1 of log2(1 + LR)), labels True where h2
    holds; Brummer, du Preez, "Application-independent evaluation of speaker detection" (2006).
    """
    natural = log10_lr * np.log(10.0)
    under_h2 = np.logaddexp(0.0, -natural[labels]).mean()
    under_h1 = np.logaddexp(0.0, natural[~labels]).mean()
    return float((under_h2 + under_h1) / (2 * np.log(2.0)))


def cllr_min(log10_lr: Doubles, labels: Flags) -> float:
    """Return the cost that the best monotone calibration of the same ratios would leave.

    Ratios may be any scores of their order. The calibration pools adjacent violators, both classes
    weighed alike; Cllr less this is what the given calibration loses.
    """
    # Equal scores are one score, whatever their order.
    values, place = np.unique(log10_lr, return_inverse=True)
    weight = np.where(labels, 0.5 / labels.sum(), 0.5 / (~labels).sum())
    total = np.bincount(place, weight, values.size)
    share = np.bincount(place, weight * labels, values.size) / total
    posterior = isotonic_regression(share, weights=total).x[place]
    with np.errstate(divide="ignore"):
        best = np.log10(posterior) - np.log10(1 - posterior)
    return cllr(best, labels)


def upper_bound(count: int, n: int) -> float:
    """Return the one-sided Clopper-Pearson upper bound of a rate, `count` events in n trials.

    It is the rate at which so many events or fewer have a chance of 0.05; 1 without trials.
    """
    if count >= n:
        return 1.0
    return float(beta.ppf(0.95, count + 1, n - count))


def paired(first: Sequence[float], second: Sequence[float]) -> MeanOverSplits:
    """Return the mean of first - second, shares both, with its interval by Student's t."""
    return mean_of([a - b for a, b in zip(first, second, strict=True)], -1.0, 1.0)
