"""Scores that a pattern gives to images it has not seen.

A pattern that contains an image correlates with it for that reason alone, so centres,
calibration scores and null controls all come from here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fp.fingerprint.estimators.folds import Labelled, separation, shuffle_labels
from fp.fingerprint.estimators.protocol import Course, Estimator, Fitted
from fp.fingerprint.model.calibration import NullControl
from fp.system.arrays import Array, Doubles, Indices


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

    scores: Doubles
    index: Indices
    fitted: Fitted
    scheme: str


def learn_and_hold_out(
    estimator: Estimator, features: Array, known: Labelled, course: Course | None = None
) -> HeldOut:
    """Learn a pattern, and score images that it, or its like, has not seen.

    A cross-fitted estimator settles on all images what its folds must share, learns once without
    each fold, to score that fold, and once from all images for the pattern. A dear one learns once,
    from three quarters, and scores the fourth, unless it is to be cross-fitted too: once a fold,
    and once more. A source group is never on both sides.

    What is settled has seen the images that are scored: one choice among a few (four periods), and
    never a direction. A null control repeats it with every shuffle, so it is part of the null.
    """
    labels, groups = known.labels, known.groups
    if estimator.calibration == "held-out quarter":
        dealt = replace(known, folds=4).deal()
        train, test = np.flatnonzero(dealt != 0), np.flatnonzero(dealt == 0)
        fitted = estimator.fit(features[train], labels[train], groups[train], course)
        scores = estimator.score(features[test], fitted.pattern, fitted.offset)
        return HeldOut(scores, test, fitted, estimator.calibration)
    estimator = estimator.settle(features, labels, groups)
    dealt = known.deal()
    count = int(dealt.max()) + 1
    courses = [course and course.part(number, count + 1) for number in range(count + 1)]
    scores = np.empty(labels.size)
    for held in range(count):
        inside, outside = dealt != held, dealt == held
        part = estimator.fit(features[inside], labels[inside], groups[inside], courses[held])
        scores[outside] = estimator.score(features[outside], part.pattern, part.offset)
    fitted = estimator.fit(features, labels, groups, courses[count])
    scheme = f"{estimator.calibration}, {count} folds"
    return HeldOut(scores, np.arange(labels.size), fitted, scheme)


def null_control(
    estimator: Estimator, features: Array, known: Labelled, observed: float, shuffles: int
) -> NullControl:
    """Repeat the extraction with shuffled labels, beside the separation that was observed."""
    separations = []
    for index in range(shuffles):
        rng = np.random.default_rng([known.seed, index])
        shuffled = shuffle_labels(known.labels, known.groups, rng)
        held = learn_and_hold_out(estimator, features, replace(known, labels=shuffled))
        separations.append(separation(held.scores, shuffled[held.index]))
    return NullControl(observed, np.array(separations), known.seed)
