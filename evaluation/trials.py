"""Random splits of images, and figures over them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from fp.system.arrays import Flags, Indices
from fp.system.errors import UsageError


@dataclass(frozen=True)
class MeanOverSplits:
    """Mean over splits with the interval between them.

    Parameters
    ----------
    value : float
        The mean.
    low, high : float or None
        95 % interval of the mean by Student's t over splits, within what the figure can be; None
        for a single split, which has no interval. Splits share images, so it speaks about the
        choice of the training images, not about other corpora.
    n : int
        Number of splits.
    """

    value: float
    low: float | None
    high: float | None
    n: int

    def text(self, digits: int, scale: float = 1.0, sign: str = "") -> str:
        """Return figure and interval in so many digits; `sign` is ``+`` for differences."""
        form = f"{sign}.{digits}f"
        value = format(scale * self.value, form)
        if self.low is None or self.high is None:
            return f"{value} (one split)"
        return f"{value} ({scale * self.low:{form}} to {scale * self.high:{form}})"


def mean_of(
    values: Sequence[float], least: float = -math.inf, most: float = math.inf
) -> MeanOverSplits:
    """Average a figure over splits, at least one. It cannot be below `least` nor above `most`."""
    n, mean = len(values), float(np.mean(values))
    if n == 1:
        return MeanOverSplits(mean, None, None, n)
    half = float(student.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    # Student's t does not know that rates end.
    return MeanOverSplits(mean, max(mean - half, least), min(mean + half, most), n)


def split(labels: Flags, groups: Indices, training: int, seed: int, exact: bool = True) -> Flags:
    """Return which images train, so many of each class. They are chosen at random and by whole
    groups.

    A group is never on both sides. `UsageError` if a class has too few images to train and test on.
    Where large groups do not add up to the number, and it need not be `exact`, fewer train.
    """
    rng = np.random.default_rng(seed)
    chosen = np.zeros(labels.size, dtype=bool)
    for number in rng.permutation(np.unique(groups)):
        members = groups == number
        counts = [(chosen | members)[labels == label].sum() for label in (True, False)]
        if max(counts) <= training:
            chosen |= members
    for label, name in ((True, "generated"), (False, "real")):
        inside = labels == label
        enough = chosen[inside].sum() >= training or not exact
        if not enough or chosen[inside].all():
            raise UsageError(
                f"{training} training images of class {name} and some to test on need more than "
                f"the {inside.sum()} there are."
            )
    return chosen


def balanced_accuracy(labels: Flags, called: Flags) -> float:
    """Return the mean of both classes' shares of right calls, in [0, 1]; True is generated."""
    return float((called[labels].mean() + (~called[~labels]).mean()) / 2)
