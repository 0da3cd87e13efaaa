"""Every training image through every condition: an expert for each, and the gate between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fp.fingerprint.conditions import crossed, gate
from fp.fingerprint.conditions.crossed import ALONE, Crossed, Moved, Stacks
from fp.fingerprint.conditions.pixel_parts import with_pixels
from fp.fingerprint.conditions.worst import Worst
from fp.fingerprint.estimators.folds import Labelled
from fp.fingerprint.estimators.recipes import OF_GATE
from fp.fingerprint.learning import typicality
from fp.fingerprint.learning.fusion import newton
from fp.fingerprint.learning.method import Recipe
from fp.fingerprint.model.conditions import Conditions, Expert, Searched
from fp.fingerprint.model.joined import Joined, Part
from fp.fingerprint.model.ladder import Augmentation, alike, ends, log_prior, reach, strengths
from fp.fingerprint.model.typicality import SCORES
from fp.system.arrays import Array, Doubles, Flags, Indices


def learn(
    method: Recipe,
    stacks: Sequence[Stacks],
    known: Labelled,
    keys: Sequence[str],
    augmentation: Augmentation,
    progress: Callable[[int, int], None] | None = None,
    others: Sequence[Stacks] = (),
) -> Conditions:
    """Learn an expert for every condition, and the gate.

    Parameters
    ----------
    method : Recipe
        The method of the fingerprint; the experts may have parts more, see `with_pixels`.
    stacks : sequence of mapping of str to ndarray, shape (N, ...)
        Features of the same images in each condition of the augmentation, by name, with what the
        gate reads.
    known : Labelled
        What is known of the images; all versions of a group lie in one fold.
    keys : sequence of str
        What the versions of each image hang on, see `fp.fingerprint.model.ladder.version`.
    augmentation : Augmentation
        The conditions.
    progress : callable, optional
        Called with the number of experts done and their total.
    others : sequence of mapping of str to ndarray, shape (n_r, ...)
        Features of the reference images at another scale; p-values know of them, nothing else does.

    Returns
    -------
    Conditions
        Experts and gate.

    Notes
    -----
    An image of unknown condition comes to the expert that the gate sends it to, right or wrong. So
    expert k is calibrated with versions that a gate without their source sent to k, and the version
    of condition k of an image of which none was: one of each image, drawn at random, for ratios;
    the one that speaks most against its class for p-values, which are to hold whatever happened to
    an image. The draw is in the proportions of the gate's priors pi_k^(1/T), with its temperature
    T, since its probabilities are proportional to these. Every score is by weights that had not
    seen the source in any condition.
    """
    recipe = with_pixels(method)
    rungs, prior = augmentation.conditions, log_prior(augmentation.conditions)
    labels, groups = known.labels, known.groups
    # What is learned once only calibrates with the quarter that it has not seen.
    dealt = (known if recipe.is_closed_form else replace(known, folds=4)).deal()
    kept = np.arange(labels.size) if recipe.is_closed_form else np.flatnonzero(dealt == 0)
    taught = gate.learn(
        [stack[OF_GATE] for stack in stacks],
        dealt,
        ends(rungs),
        prior,
        [stack[OF_GATE] for stack in others],
        np.flatnonzero(~labels),
    )
    row = np.cumsum(~labels) - 1
    first, second = np.stack(taught.sent)[:, kept], np.stack(taught.likeliest)[:, kept]
    assert taught.gate.temperature is not None
    shares = np.exp(np.array(prior) / taught.gate.temperature)
    strength = np.stack(
        [strengths(rung, rungs, [keys[n] for n in kept.tolist()]) for rung in rungs]
    )
    shown = replace(known, labels=labels[kept], groups=groups[kept])
    experts = []
    for k, condition in enumerate(rungs):
        own = {name: np.asarray(stacks[k][name]) for name in recipe.reads}
        learned = crossed.learn(recipe, own, labels, groups, dealt)
        come = Sent.to(k, first, second, shares, np.random.default_rng([known.seed, k]))
        of_all = replace(come, image=kept[come.image])
        versions = {
            name: of_all.taken(
                [stack[name] for stack in stacks], [stack[name] for stack in others], row
            )
            for name in recipe.reads
        }
        own_strength = np.full(come.image.size, np.nan)
        for rung in range(len(rungs)):
            if alike(condition, rungs[rung]):
                inside = come.condition == rung
                own_strength[inside] = strength[rung, come.image[inside]]
        worst = Worst(come.image, labels[kept], own_strength, reach(condition, rungs))
        learned = replace(learned, held=learned.held[kept])
        views = {name: rows[kept] for name, rows in recipe.views(own).items()}
        again = shown.deal()
        experts.append(expert_of(condition, recipe, learned, views, versions, come, worst, again))
        if progress is not None:
            progress(k + 1, len(rungs))
    # Of fewer than 1 / level - 1 images, what is farther than all of them lies outside.
    level = max(augmentation.outside, 1 / (1 + labels.size))
    return Conditions(tuple(experts), taught.gate, level)


@dataclass(frozen=True, eq=False)
class Sent:
    """The versions of all images that come to one expert.

    Parameters
    ----------
    condition, image : ndarray of int, shape (M,)
        Which version of which image.
    drawn : ndarray of int, shape (N,)
        Place of one version of each image.
    """

    condition: Indices
    image: Indices
    drawn: Indices

    @classmethod
    def to(
        cls,
        k: int,
        where: Indices,
        likeliest: Indices,
        shares: Doubles,
        rng: np.random.Generator,
    ) -> Sent:
        """List what comes to expert k, first or second; where nothing does, the version of k.

        Parameters
        ----------
        k : int
            Number of the expert.
        where, likeliest : ndarray of int, shape (K + E, N)
            Where each version is sent, with the prior of the conditions and without it; from K on
            those that only p-values know of.
        shares : ndarray of float64, shape (K,)
            How probable each condition is beforehand, up to a factor.
        rng : numpy.random.Generator
            Draws one of each image among those that are sent there with the prior, and in its
            proportions.

        Returns
        -------
        Sent
            The versions.
        """
        first = where == k
        first[k] |= ~first[: shares.size].any(axis=0)
        condition, image = np.nonzero(first | (likeliest == k))
        # The first of several waiting times comes from each in proportion to its rate.
        waits = np.full(condition.size, np.inf)
        own = condition < shares.size
        waits[own] = rng.exponential(1.0 / shares[condition[own]])
        waits[~first[condition, image]] = np.inf
        order = np.lexsort((waits, image))
        _, begins = np.unique(image[order], return_index=True)
        return cls(condition, image, order[begins])

    def taken(
        self, stacks: Sequence[Array], others: Sequence[Array] = (), row: Indices | None = None
    ) -> Array:
        """Take these versions from the features of all conditions.

        Parameters
        ----------
        stacks : sequence of ndarray, shape (N, ...)
            Features in each condition.
        others : sequence of ndarray, shape (n_r, ...)
            Features of the reference images in what comes behind the conditions.
        row : ndarray of int, shape (N,)
            Row of each reference image in these.

        Returns
        -------
        ndarray, shape (M, ...)
            The features.
        """
        found = np.empty((self.image.size, *stacks[0].shape[1:]), stacks[0].dtype)
        for k in np.unique(self.condition):
            inside = self.condition == k
            if k < len(stacks):
                found[inside] = stacks[k][self.image[inside]]
            else:
                assert row is not None
                found[inside] = others[k - len(stacks)][row[self.image[inside]]]
        return found


def expert_of(
    condition: str,
    recipe: Recipe,
    learned: Crossed,
    views: Mapping[str, Doubles],
    versions: Stacks,
    come: Sent,
    worst: Worst,
    dealt: Indices,
) -> Expert:
    """Calibrate an expert.

    Parameters
    ----------
    condition : str
        Its condition.
    recipe : Recipe
        Its method.
    learned : Crossed
        What it learned.
    views : mapping of str to ndarray of float64, shape (N, p)
        What is typical of the images in its condition is learned from these.
    versions : mapping of str to ndarray, shape (M, ...)
        Features of all that comes to it.
    come : Sent
        What they are.
    worst : Worst
        What its p-values come from.
    dealt : ndarray of int, shape (N,)
        Fold of each image.

    Returns
    -------
    Expert
        The expert.
    """
    labels = worst.labels
    folds = dealt[come.image] if recipe.is_closed_form else np.zeros_like(come.image)
    by_part = learned.score_parts(versions, folds)
    all_scores = learned.join(by_part, folds)
    scores = all_scores[come.drawn]
    measured = recipe.views({name: rows[come.drawn] for name, rows in versions.items()})
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
        typicality.learn(
            views or {SCORES: learned.held},
            labels,
            dealt,
            measured or {SCORES: by_part[come.drawn]},
        ),
    )
    return Expert(
        condition,
        learned.fusion.weights[None],
        float(learned.fusion.offsets[0]),
        scores[~labels, 0],
        scores[labels, 0],
        joined,
        _search(learned, crossed.moved(learned, versions, folds), come, worst, dealt),
        worst.tested(all_scores[:, 0]),
    )


def _search(learned: Crossed, found: Moved, come: Sent, worst: Worst, dealt: Indices) -> Searched:
    """Weigh the parts that are searched against those that do not move, and hold that out too."""
    labels = worst.labels
    columns = np.column_stack([found.still, found.moving])
    if len(learned.parts) == 1:  # nothing to weigh
        alone = columns.sum(axis=1)
        own = alone[come.drawn]
        halves = own[~labels], own[labels]
        return Searched(ALONE.weights[None], 0.0, *halves, *halves, worst.tested(alone))
    drawn, folds = columns[come.drawn], dealt[come.image]
    scores = np.empty(len(columns))
    for fold in np.unique(dealt):
        inside = dealt != fold
        weights, offset = _rising(drawn[inside], labels[inside])
        scores[folds == fold] = columns[folds == fold] @ weights - offset
    weights, offset = _rising(drawn, labels)
    moving = np.array([part.estimator.moves for part in learned.parts])
    joint = learned.fusion.weights.copy()
    joint[0] *= np.where(moving, weights[1], weights[0])
    own, specific = scores[come.drawn], found.specific[come.drawn]
    return Searched(
        joint[None],
        float(offset + weights[0] * learned.fusion.offsets[0]),
        own[~labels],
        own[labels],
        specific[~labels],
        specific[labels],
        worst.tested(scores),
    )


def _rising(columns: Doubles, labels: Flags) -> tuple[Doubles, float]:
    """Fit a logistic regression in which the second column, a maximum, is never held against."""
    weights, offset = newton(columns, labels)
    if weights[1] > 0:
        return weights, offset
    alone, offset = newton(columns[:, :1], labels)
    return np.array([alone[0], 1e-9]), offset
