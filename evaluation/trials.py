"""How well a method does on unseen images, over one random split or many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score

from fp.fingerprint.estimators.folds import Labelled, shuffle_labels
from fp.fingerprint.learning.method import Recipe, Stacks
from fp.system.arrays import Flags, Indices
from fp.system.errors import UsageError


@dataclass(frozen=True)
class Trial:
    """Result of one split.

    Parameters
    ----------
    accuracy, auc : float
        Balanced accuracy of the nearest-mean rule and area under the ROC curve, on the test images,
        in [0, 1].
    null_accuracy : float or None
        Balanced accuracy, against the true labels, of a fingerprint learned from the same training
        images with shuffled labels; None where it was not asked for.
    """

    accuracy: float
    auc: float
    null_accuracy: float | None


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


def trial(
    recipe: Recipe,
    stacks: Stacks,
    labels: Flags,
    groups: Indices,
    training: int,
    seed: int,
    folds: int = 10,
    null: bool = True,
) -> Trial:
    """Learn from one random split and score the rest of the images.

    Stacks hold the features of all images by name, (N, ...); `training` counts images of each
    class; the seed is that of split, folds and shuffle. `null` repeats it with shuffled labels.
    """
    inside = split(labels, groups, training, seed)
    known, unknown = np.flatnonzero(inside), np.flatnonzero(~inside)
    given = labels[known]

    def learned_from(taught: Flags) -> tuple[float, float]:
        inner = {name: stack[known] for name, stack in stacks.items()}
        learned = recipe.learn(inner, Labelled(taught, groups[known], folds, seed))
        held = learned.held
        mu_r, mu_g = (
            float(held.scores[taught[held.index] == label].mean()) for label in (False, True)
        )
        scores = learned.score({name: stack[unknown] for name, stack in stacks.items()})
        called = np.abs(scores - mu_g) < np.abs(scores - mu_r)
        truth = labels[unknown]
        return balanced_accuracy(truth, called), float(roc_auc_score(truth, scores))

    accuracy, auc = learned_from(given)
    shuffled = shuffle_labels(given, groups[known], np.random.default_rng([seed, 1]))
    return Trial(accuracy, auc, learned_from(shuffled)[0] if null else None)


def balanced_accuracy(labels: Flags, called: Flags) -> float:
    """Return the mean of both classes' shares of right calls, in [0, 1]; True is generated."""
    return float((called[labels].mean() + (~called[~labels]).mean()) / 2)
