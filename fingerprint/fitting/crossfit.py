"""Scores that a pattern gives to images it has not seen.

A pattern that contains an image correlates with it for that reason alone (SPEC 3.3), so centres,
calibration scores and null controls all come from here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from fp.denoisers.errors import InputError
from fp.fingerprint.estimators import Array, Course, Estimator, Fitted, Labels, Scores
from fp.fingerprint.fingerprint import NullControl

Groups = NDArray[np.intp]

FEWEST_SOURCES = 8
"""Fewest sources of a class from which a fingerprint is made."""


def sources_of(paths: Sequence[PurePath]) -> list[str]:
    """Name the source of each image of one class: the stem of its file name.

    Where stems say nothing, because fewer than half of the files have one of their own
    (``0001/image.png``, ``0002/image.png``), the path without its suffix serves instead.

    Parameters
    ----------
    paths : sequence of PurePath
        Paths below the folder of the class.

    Returns
    -------
    list of str
        Source of each path.
    """
    stems = [path.stem for path in paths]
    if 2 * len(set(stems)) >= len(stems):
        return stems
    return [path.with_suffix("").as_posix() for path in paths]


def group(sources: Sequence[str], sha256: Sequence[str]) -> Groups:
    """Number the groups that must stay together: same source, or same bytes, however chained.

    Parameters
    ----------
    sources, sha256 : sequence of str
        Source and hash of each image.

    Returns
    -------
    ndarray of int, shape (N,)
        Group of each image; numbers follow the hash of the group's smallest source name, so that
        they do not depend on the order of the images.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    owner: dict[str, str] = {}
    for source, digest in zip(sources, sha256, strict=True):
        first = root(owner.setdefault(digest, source))
        second = root(source)
        low, high = min(first, second), max(first, second)
        parent[high] = low
    roots = [root(source) for source in sources]
    ranked = sorted(
        set(roots), key=lambda name: hashlib.sha256(name.encode("utf-8", "replace")).digest()
    )
    number = {name: index for index, name in enumerate(ranked)}
    return np.array([number[name] for name in roots], dtype=np.intp)


def deal(groups: Groups, labels: Labels, folds: int, seed: int = 0) -> Groups:
    """Deal groups into folds, each class spread evenly.

    Parameters
    ----------
    groups : ndarray of int, shape (N,)
        Group of each image; a group never falls into two folds.
    labels : ndarray of bool, shape (N,)
        Class of each image.
    folds : int
        Wished number of folds; no more than the groups of the rarer class.
    seed : int
        Seed of the order.

    Returns
    -------
    ndarray of int, shape (N,)
        Fold of each image.

    Raises
    ------
    InputError
        If a class has fewer than two groups.
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
    # Groups of one class, of the other, and of both are dealt one after the other, each evenly.
    has = np.array([[labels[groups == g].any(), (~labels[groups == g]).any()] for g in unique])
    kind = has[:, 0] + 2 * has[:, 1]
    fold_of = np.empty(unique.size, dtype=np.intp)
    fold_of[np.lexsort((order, kind))] = np.arange(unique.size) % folds
    return fold_of[np.searchsorted(unique, groups)]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Scores of images by patterns that had not seen them.

    Parameters
    ----------
    scores : ndarray of float64, shape (M,)
        Held-out scores.
    index : ndarray of int, shape (M,)
        The images they belong to.
    fitted : Fitted
        The pattern that goes into the fingerprint.
    scheme : str
        How the scores were held out, in words.
    """

    scores: Scores
    index: NDArray[np.intp]
    fitted: Fitted
    scheme: str


def learn_and_hold_out(
    estimator: Estimator,
    features: Array,
    labels: Labels,
    groups: Groups,
    folds: int,
    seed: int,
    course: Course | None = None,
) -> HeldOut:
    """Learn a pattern, and score images that it, or its like, has not seen.

    A cross-fitted estimator settles on all images what its folds must share, learns once without
    each fold, to score that fold, and once from all images for the pattern. A dear one learns once,
    from three quarters, and scores the fourth.

    Parameters
    ----------
    estimator : Estimator
        What learns and scores.
    features : ndarray, shape (N, ...)
        Features of each image.
    labels : ndarray of bool, shape (N,)
        True for the generator's images.
    groups : ndarray of int, shape (N,)
        Source group of each image; a group is never on both sides.
    folds : int
        Number of folds of a cross-fitted estimator.
    seed : int
        Seed of the folds.
    course : Course, optional
        Progress and checkpoint of a long fit.

    Returns
    -------
    HeldOut
        Scores and pattern.

    Notes
    -----
    What is settled has seen the images that are scored: one choice among a few (four periods), and
    never a direction. A null control repeats it with every shuffle, so it is part of the null.
    """
    if estimator.calibration == "held-out quarter":
        dealt = deal(groups, labels, 4, seed)
        train, test = np.flatnonzero(dealt != 0), np.flatnonzero(dealt == 0)
        fitted = estimator.fit(features[train], labels[train], groups[train], course)
        scores = estimator.score(features[test], fitted.pattern, fitted.offset)
        return HeldOut(scores, test, fitted, estimator.calibration)
    estimator = estimator.settle(features, labels, groups)
    dealt = deal(groups, labels, folds, seed)
    scores = np.empty(labels.size)
    for held in np.unique(dealt):
        inside, outside = dealt != held, dealt == held
        part = estimator.fit(features[inside], labels[inside], groups[inside])
        scores[outside] = estimator.score(features[outside], part.pattern, part.offset)
    fitted = estimator.fit(features, labels, groups, course)
    scheme = f"{estimator.calibration}, {dealt.max() + 1} folds"
    return HeldOut(scores, np.arange(labels.size), fitted, scheme)


def separation(scores: Scores, labels: Labels) -> float:
    """Give d', the distance of the class means in pooled standard deviations.

    Parameters
    ----------
    scores : ndarray of float64, shape (N,)
        Held-out scores.
    labels : ndarray of bool, shape (N,)
        True for the generator's images.

    Returns
    -------
    float
        (mean_g - mean_r) / sqrt((var_g + var_r) / 2); 0.0 where nothing varies.
    """
    generated, real = scores[labels], scores[~labels]
    spread = float(np.sqrt((generated.var() + real.var()) / 2))
    return float(generated.mean() - real.mean()) / spread if spread > 0 else 0.0


def shuffle_labels(labels: Labels, groups: Groups, rng: np.random.Generator) -> Labels:
    """Shuffle labels as if no generator left anything behind.

    Whole groups of one class trade places; in a group with both classes its own labels do.

    Parameters
    ----------
    labels : ndarray of bool, shape (N,)
        True for the generator's images.
    groups : ndarray of int, shape (N,)
        Source group of each image.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    ndarray of bool, shape (N,)
        Shuffled labels.
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


def null_control(
    estimator: Estimator,
    features: Array,
    labels: Labels,
    groups: Groups,
    folds: int,
    observed: float,
    shuffles: int,
    seed: int,
) -> NullControl:
    """Repeat the extraction with shuffled labels.

    Parameters
    ----------
    estimator : Estimator
        What learns and scores.
    features : ndarray, shape (N, ...)
        Features of each image.
    labels : ndarray of bool, shape (N,)
        True labels.
    groups : ndarray of int, shape (N,)
        Source group of each image.
    folds : int
        Number of folds of each extraction.
    observed : float
        Held-out separation with the true labels.
    shuffles : int
        Number of extractions with shuffled labels.
    seed : int
        Seed of the shuffles.

    Returns
    -------
    NullControl
        Separations of the shuffled extractions beside the observed one.
    """
    separations = []
    for index in range(shuffles):
        rng = np.random.default_rng([seed, index])
        shuffled = shuffle_labels(labels, groups, rng)
        held = learn_and_hold_out(estimator, features, shuffled, groups, folds, seed)
        separations.append(separation(held.scores, shuffled[held.index]))
    return NullControl(observed, np.array(separations), seed)
