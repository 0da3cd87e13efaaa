"""A method whose folds can be asked: scores of any version of an image that none had seen.

A cross-fit gives each image one held-out score. Here the image is there many times: in other
conditions, at other phases. So what every fold learned is kept until all are scored; where the
folds of an estimator share their work, this costs no more than the plain cross-fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fp.fingerprint.estimators.protocol import CrossFit
from fp.fingerprint.learning.fusion import Fusion, fuse, newton
from fp.fingerprint.learning.method import Recipe
from fp.system.arrays import Array, Doubles, Flags, Indices

Stacks = Mapping[str, Array]

ALONE = Fusion(np.ones((2, 1), np.float32), np.zeros(2))
"""What joins a part that stands alone: its score is the score."""


@dataclass(frozen=True, eq=False)
class Crossed:
    """A method with what every fold learned.

    Parameters
    ----------
    parts : tuple of CrossFit
        Its parts.
    fusion : Fusion
        Weights of the parts, from all images.
    fusions : tuple of Fusion
        The same without the images of each fold.
    held : ndarray of float64, shape (N, K)
        Held-out score of each image by each part.
    """

    parts: tuple[CrossFit, ...]
    fusion: Fusion
    fusions: tuple[Fusion, ...]
    held: Doubles

    def score(self, stacks: Stacks, folds: Indices) -> Doubles:
        """Score versions of images by what had not seen them.

        Parameters
        ----------
        stacks : mapping of str to ndarray, shape (M, ...)
            Features of the versions.
        folds : ndarray of int, shape (M,)
            Fold that the source of each lies in.

        Returns
        -------
        ndarray of float64, shape (M, 2)
            Joined scores: all parts, and the generator's evidence alone.
        """
        return self.join(self.score_parts(stacks, folds), folds)

    def score_parts(self, stacks: Stacks, folds: Indices) -> Doubles:
        """Return the score (M, K) of each by each part."""
        return np.column_stack([_scores(part, stacks, folds) for part in self.parts])

    def join(self, parts: Doubles, folds: Indices) -> Doubles:
        """Join scores of parts (M, K), by weights that had not seen them."""
        joined = np.empty((len(parts), 2))
        for fold in np.unique(folds):
            inside = folds == fold
            joined[inside] = self.fusions[fold].apply(parts[inside])
        return joined


def learn(
    recipe: Recipe,
    stacks: Stacks,
    labels: Flags,
    groups: Indices,
    folds: Indices,
) -> Crossed:
    """Learn a method, and keep what its folds learned.

    Parameters
    ----------
    recipe : Recipe
        The method; all its parts are closed forms, or it is one part.
    stacks : mapping of str to ndarray, shape (N, ...)
        Features of each image, by name.
    labels : ndarray of bool, shape (N,)
        True for the generator's images.
    groups : ndarray of int, shape (N,)
        Source group of each image.
    folds : ndarray of int, shape (N,)
        Fold of each image, from 0; no group in two.

    Returns
    -------
    Crossed
        The method; its parts are those that `Recipe.learn` gives, up to rounding.

    Notes
    -----
    The weights that join the parts for a fold come from scores that know nothing of it. With plain
    held-out scores they would: those of the other folds are by patterns learned from it, so what
    its images have by chance in common with their labels finds its way into the weights, and every
    fingerprint seems to separate a little: by a quarter of a deviation where there is nothing.
    """
    parts = tuple(
        part.cross(stacks[part.reads], labels, groups, folds, recipe.joins) for part in recipe.parts
    )
    held = np.column_stack([_scores(part, stacks, folds) for part in parts])
    if not recipe.joins:
        return Crossed(parts, ALONE, (ALONE,) * len(parts[0].folds), held)
    specific = recipe.specific
    fusions = tuple(
        fuse(
            np.column_stack([_nested(part)[fold] for part in parts])[folds != fold],
            specific,
            labels[folds != fold],
            groups[folds != fold],
            newton,
        )
        for fold in range(int(folds.max()) + 1)
    )
    return Crossed(parts, fuse(held, specific, labels, groups, newton), fusions, held)


def _nested(part: CrossFit) -> Doubles:
    assert part.nested is not None
    return part.nested


def _scores(part: CrossFit, stacks: Stacks, folds: Indices) -> Doubles:
    """Score images by what had not seen them; NaN where everything has."""
    rows = part.rows(stacks[part.estimator.reads])
    scores = np.full(len(rows), np.nan)
    for fold, scorer in enumerate(part.folds):
        inside = folds == fold
        if inside.any():
            scores[inside] = scorer.score(rows[inside])
    return scores


@dataclass(frozen=True, eq=False)
class Moved:
    """Scores of M images whose phase is unknown, by what had not seen them.

    Parameters
    ----------
    still : ndarray of float64, shape (M,)
        Joined score of the parts that do not move with the image.
    moving : ndarray of float64, shape (M,)
        That of the others, the largest over all phases.
    specific : ndarray of float64, shape (M,)
        The generator's evidence alone at that phase.
    """

    still: Doubles
    moving: Doubles
    specific: Doubles


def moved(crossed: Crossed, stacks: Stacks, folds: Indices) -> Moved:
    """Score images at all phases of the lattice, by what had not seen them.

    Parameters
    ----------
    crossed : Crossed
        The method.
    stacks : mapping of str to ndarray, shape (M, ...)
        Features of the images.
    folds : ndarray of int, shape (M,)
        Fold that the source of each lies in.

    Returns
    -------
    Moved
        The scores at the best phase of each image.
    """
    found = Moved(*np.zeros((3, folds.size)))
    moving = [place for place, part in enumerate(crossed.parts) if part.estimator.moves]
    for fold in np.unique(folds):
        inside = np.flatnonzero(folds == fold)
        mine = {name: stack[inside] for name, stack in stacks.items()}
        fusion = crossed.fusions[fold]
        weights = fusion.weights.astype(np.float64)
        planes: list[Doubles] = []
        for place, part in enumerate(crossed.parts):
            rows, scorer = part.rows(mine[part.estimator.reads]), part.folds[fold]
            if part.estimator.moves:
                planes.append(scorer.score_at_phases(rows))
                continue
            own = scorer.score(rows)
            found.still[inside] += weights[0, place] * own
            found.specific[inside] += weights[1, place] * own
        found.still[inside] -= fusion.offsets[0]
        if planes:
            best = best_phase(planes, fusion.weights[:, moving])
            found.moving[inside] = best.whole
            found.specific[inside] += best.specific
        found.specific[inside] -= fusion.offsets[1]
    return found


@dataclass(frozen=True, eq=False)
class BestPhase:
    """Where the joined score of N images is largest.

    Parameters
    ----------
    whole, specific : ndarray of float64, shape (N,)
        Weighted sums of all moving parts and of those that speak of the generator, less offsets.
    phase : ndarray of int, shape (N, 2)
        Row and column of that phase, the first of equals.
    """

    whole: Doubles
    specific: Doubles
    phase: Indices


def best_phase(planes: Sequence[Doubles], weights: Array) -> BestPhase:
    """Join the moving parts' scores at every phase, and take the largest.

    Parameters
    ----------
    planes : sequence of ndarray of float64, shape (N, P, Q)
        Scores of each part at its phases; each period divides the largest.
    weights : ndarray, shape (2, K)
        Weights of these parts, as those of a `Fusion`.

    Returns
    -------
    BestPhase
        The sums at the best phase of each image.
    """
    rows, columns = np.max([plane.shape[1:] for plane in planes], axis=0)
    tiled = np.stack([np.tile(p, (1, rows // p.shape[1], columns // p.shape[2])) for p in planes])
    whole, specific = (
        np.tensordot(row, tiled, 1).reshape(tiled.shape[1], -1)
        for row in weights.astype(np.float64)
    )
    best = whole.argmax(axis=1)
    each = np.arange(len(whole))
    phase = np.column_stack(np.unravel_index(best, (rows, columns))).astype(np.intp)
    return BestPhase(whole[each, best], specific[each, best], phase)
