"""Folds that never split a source, and how far two classes lie apart."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fp.system.arrays import Doubles, Flags, Indices
from fp.system.errors import InputError
from fp.system.joining import join_names

FEWEST_SOURCES = 8
"""Fewest sources of a class from which a fingerprint is made."""


def group(sources: Sequence[str], sha256: Sequence[str]) -> Indices:
    """Number the groups that must stay together: same source, or same bytes, however chained.

    Numbers follow the hash of the group's smallest source name, so that they do not depend on the
    order of the images.
    """
    roots = join_names(sources, sha256)
    ranked = sorted(
        set(roots), key=lambda name: hashlib.sha256(name.encode("utf-8", "replace")).digest()
    )
    number = {name: index for index, name in enumerate(ranked)}
    return np.array([number[name] for name in roots], dtype=np.intp)


def deal(groups: Indices, labels: Flags, folds: int, seed: int = 0) -> Indices:
    """Deal groups into folds, each class spread evenly; return the fold of each image, shape (N,).

    A group never falls into two folds; there are no more folds than groups of the rarer class.
    InputError if a class has fewer than two groups.
    """
    fewest = min(np.unique(groups[labels]).size, np.unique(groups[~labels]).size)
    if fewest < 2:
        raise InputError(
            "Held-out scores need at least two source images in each class; "
            f"one class has {fewest}."
        )
    folds = min(folds, fewest)
    unique = np.unique(groups)
    order = np.random.default_rng(seed).permutation(unique.size)
    # Groups of one class, of both, and of the other are dealt one after the other. So those with
    # images of a class follow each other, and never lie all in one fold.
    has = np.array([[labels[groups == g].any(), (~labels[groups == g]).any()] for g in unique])
    kind = has[:, 1].astype(int) + ~has[:, 0]
    fold_of = np.empty(unique.size, dtype=np.intp)
    fold_of[np.lexsort((order, kind))] = np.arange(unique.size) % folds
    return fold_of[np.searchsorted(unique, groups)]


@dataclass(frozen=True, eq=False)
class Labelled:
    """What is known of training images, and how they are dealt into folds.

    Parameters
    ----------
    labels : ndarray of bool, shape (N,)
        True for the generator's images.
    groups : ndarray of int, shape (N,)
        Source group of each image; a group lies in one fold.
    folds : int
        Number of folds.
    seed : int
        Seed of the folds and of whatever else is drawn.
    """

    labels: Flags
    groups: Indices
    folds: int = 10
    seed: int = 0

    def deal(self) -> Indices:
        """Return the fold of each image; see `deal`."""
        return deal(self.groups, self.labels, self.folds, self.seed)

    def of(self, index: Indices) -> Labelled:
        """Return what is known of some of the images."""
        return replace(self, labels=self.labels[index], groups=self.groups[index])


def separation(scores: Doubles, labels: Flags) -> float:
    """Return d' of held-out scores: (mean_g - mean_r) / sqrt((var_g + var_r) / 2).

    It is 0.0 where nothing varies.
    """
    generated, real = scores[labels], scores[~labels]
    spread = float(np.sqrt((generated.var() + real.var()) / 2))
    return float(generated.mean() - real.mean()) / spread if spread > 0 else 0.0


def sign_of(scores: Doubles, labels: Flags) -> np.float32:
    """Return the sign by which a pattern with these scores gives the generator's images more."""
    return np.float32(1.0 if separation(scores, labels) >= 0 else -1.0)


def area(generated: Doubles, real: Doubles) -> float:
    """Return the area under the ROC curve of two classes; ties count half."""
    higher, equal = generated[:, None] > real, generated[:, None] == real
    return float(higher.mean() + equal.mean() / 2)


def shuffle_labels(labels: Flags, groups: Indices, rng: np.random.Generator) -> Flags:
    """Shuffle labels as if no generator left anything behind.

    Whole groups of one class trade places; in a group with both classes its own labels do.
    """
    shuffled = labels.copy()
    _, counts = np.unique(groups, return_counts=True)
    members = np.split(np.argsort(groups, kind="stable"), np.cumsum(counts)[:-1])
    pure = [m for m in members if labels[m].all() or not labels[m].any()]
    for place, origin in zip(pure, rng.permutation(len(pure)), strict=True):
        shuffled[place] = labels[pure[int(origin)][0]]
    for mixed in members:
        if labels[mixed].any() and not labels[mixed].all():
            shuffled[mixed] = rng.permutation(labels[mixed])
    return shuffled
