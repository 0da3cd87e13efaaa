"""Every training image through every condition: an expert for each, and the gate between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from fp.fingerprint.conditions import crossed, gate
from fp.fingerprint.conditions.crossed import Array, Crossed, Stacks
from fp.fingerprint.conditions.experts import Conditions, Expert, Searched
from fp.fingerprint.conditions.ladder import (
    Augmentation,
    ends,
    log_prior,
    strengths,
    with_pixels,
)
from fp.fingerprint.conditions.strengths import Span
from fp.fingerprint.estimators import Labels
from fp.fingerprint.fingerprint import Joined, Part
from fp.fingerprint.fitting import typicality
from fp.fingerprint.fitting.crossfit import Groups, deal
from fp.fingerprint.fitting.fusion import Columns, newton
from fp.fingerprint.fitting.learning import Recipe

Indices = NDArray[np.intp]


def learn(
    method: Recipe,
    stacks: Sequence[Stacks],
    labels: Labels,
    groups: Groups,
    augmentation: Augmentation,
    folds: int = 10,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    keys: Sequence[str] = (),
) -> Conditions:
    """Learn an expert for every condition, and the gate.

    Parameters
    ----------
    method : Recipe
        The method of the fingerprint; the experts have parts more, see `with_pixels`.
    stacks : sequence of mapping of str to ndarray, shape (N, ...)
        Features of the same images in each condition of the augmentation, by name.
    labels : ndarray of bool, shape (N,)
        True for the generator's images.
    groups : ndarray of int, shape (N,)
        Source group of each image; all versions of a group lie in one fold.
    augmentation : Augmentation
        The conditions.
    folds : int
        Number of folds.
    seed : int
        Seed of folds and of what calibrates.
    progress : callable, optional
        Called with the number of experts done and their total.
    keys : sequence of str
        What each image's versions hang on, see `fp.fingerprint.conditions.ladder.version`; none
        where every image went through the rungs themselves.

    Returns
    -------
    Conditions
        Experts and gate.

    Notes
    -----
    An image of unknown condition comes to the expert that the gate sends it to, right or wrong. So
    expert k is calibrated with versions that a gate without their source sent to k: one a source
    image, drawn at random where several were sent, and its version of condition k where none was.
    Every score is by weights that had not seen the source in any condition.
    """
    recipe = with_pixels(method)
    dealt = deal(groups, labels, folds, seed)
    found, sent, _ = gate.learn(
        [stack[gate.READS] for stack in stacks],
        dealt,
        ends(augmentation.conditions),
        log_prior(augmentation.conditions),
    )
    where = np.stack(sent)
    rungs = augmentation.conditions
    strength = (
        np.stack([strengths(rung, rungs, keys) for rung in rungs])
        if keys
        else np.full(where.shape, np.nan)
    )
    experts = []
    for k, condition in enumerate(augmentation.conditions):
        own = {name: np.asarray(stacks[k][name]) for name in recipe.reads}
        learned = crossed.learn(recipe, own, labels, groups, dealt)
        drawn = _drawn(where, k, np.random.default_rng([seed, k]))
        versions = {name: _versions(stacks, name, drawn) for name in recipe.reads}
        span = Span(condition, rungs, drawn, strength)
        experts.append(_expert(condition, recipe, learned, own, versions, labels, dealt, span))
        if progress is not None:
            progress(k + 1, len(augmentation.conditions))
    # Of fewer than 1 / level - 1 images, what is farther than all of them lies outside.
    level = max(augmentation.outside, 1 / (1 + labels.size))
    return Conditions(tuple(experts), found, level)


def _drawn(where: Indices, k: int, rng: np.random.Generator) -> Indices:
    """Draw for each image one of the conditions in which the gate sends it to expert k."""
    chance = rng.random(where.shape)
    chance[where != k] = -1.0
    return np.where((where == k).any(axis=0), chance.argmax(axis=0), k)


def _versions(stacks: Sequence[Stacks], name: str, drawn: Indices) -> Array:
    found = np.array(stacks[0][name])
    for k in np.unique(drawn):
        inside = np.flatnonzero(drawn == k)
        found[inside] = stacks[k][name][inside]
    return found


def _expert(
    condition: str,
    recipe: Recipe,
    learned: Crossed,
    own: Stacks,
    versions: Stacks,
    labels: Labels,
    dealt: Indices,
    span: Span,
) -> Expert:
    scores = learned.score(versions, dealt)
    views, measured = (
        {name: stacks[name] for name in typicality.VIEWS if name in stacks}
        for stacks in (own, versions)
    )
    parts = tuple(
        Part(
            estimator.name,
            part.fitted.pattern,
            part.fitted.offset,
            learned.held[~labels, index],
            learned.held[labels, index],
            {"method": estimator.parameters()} | part.fitted.chosen,
        )
        for index, (estimator, part) in enumerate(zip(recipe.parts, learned.parts, strict=True))
    )
    joined = Joined(
        parts,
        float(learned.fusion.offsets[1]),
        scores[~labels, 1],
        scores[labels, 1],
        typicality.learn(views, labels, dealt, measured),
    )
    return Expert(
        condition,
        learned.fusion.weights[None],
        float(learned.fusion.offsets[0]),
        scores[~labels, 0],
        scores[labels, 0],
        joined,
        _search(learned, versions, labels, dealt, span),
        span.tested(scores[:, 0], labels),
    )


def _search(
    learned: Crossed, versions: Stacks, labels: Labels, dealt: Indices, span: Span
) -> Searched:
    """Weigh the parts that are searched against those that do not move, and hold that out too."""
    found = crossed.moved(learned, versions, dealt)
    columns = np.column_stack([found.still, found.moving])
    scores = np.empty(labels.size)
    for fold in np.unique(dealt):
        inside, outside = dealt != fold, dealt == fold
        weights, offset = _rising(columns[inside], labels[inside])
        scores[outside] = columns[outside] @ weights - offset
    weights, offset = _rising(columns, labels)
    moving = np.array([part.period > 1 for part in learned.parts])
    joint = learned.fusion.weights.copy()
    joint[0] *= np.where(moving, weights[1], weights[0])
    return Searched(
        joint[None],
        float(offset + weights[0] * learned.fusion.offsets[0]),
        scores[~labels],
        scores[labels],
        found.specific[~labels],
        found.specific[labels],
        span.tested(scores, labels),
    )


def _rising(columns: Columns, labels: Labels) -> tuple[Columns, float]:
    """Fit a logistic regression in which the second column, a maximum, is never held against."""
    weights, offset = newton(columns, labels)
    if weights[1] > 0:
        return weights, offset
    alone, offset = newton(columns[:, :1], labels)
    return np.array([alone[0], 1e-9]), offset
