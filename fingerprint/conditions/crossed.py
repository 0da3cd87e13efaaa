"""A joined method whose folds can be asked: scores of any version of an image that none had seen.

A cross-fit gives each image one held-out score. Here the image is there many times: in other
conditions, at other phases. So the weights of every fold are kept until all are scored. All parts
are linear, and their folds share one Gram matrix, so this costs no more than the plain cross-fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fp.fingerprint.estimators.cyclic import Cyclic
from fp.fingerprint.estimators.cyclic import refold as refold_cyclic
from fp.fingerprint.estimators.discriminant import discriminant_coefficients
from fp.fingerprint.estimators.protocol import Estimator, Fitted
from fp.fingerprint.estimators.tile import Tile
from fp.fingerprint.estimators.tile import refold as refold_tile
from fp.fingerprint.learning.fusion import Fusion, fuse, newton
from fp.fingerprint.learning.method import Recipe
from fp.system.arrays import Array, Doubles, Flags, Indices

Stacks = Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class CrossedPart:
    """One part with the weights of every fold.

    Parameters
    ----------
    estimator : Estimator
        The part, with what its folds share settled.
    fitted : Fitted
        What it learned from all images.
    weights : ndarray of float64, shape (F, p)
        Weights of each fold: learned without its images.
    offsets : ndarray of float64, shape (F,)
        What is subtracted from their inner products.
    nested : ndarray of float64, shape (F, N)
        At [f, i] the score of training image i by weights learned without its own fold and without
        fold f; NaN for the images of fold f.
    """

    estimator: Estimator
    fitted: Fitted
    weights: Doubles
    offsets: Doubles
    nested: Doubles

    @property
    def period(self) -> int:
        """Pixels after which its weights repeat; 1 where they do not move with the image."""
        moves = isinstance(self.estimator, Tile | Cyclic)
        return int(self.fitted.pattern.shape[-1]) if moves else 1

    def rows(self, stacks: Stacks) -> Array:
        """Give what the weights are multiplied with, shape (N, ...)."""
        return rows_of(self.estimator, stacks, self.fitted.pattern.shape[-1])


@dataclass(frozen=True, eq=False)
class Crossed:
    """A joined method with the weights of every fold.

    Parameters
    ----------
    parts : tuple of CrossedPart
        Its parts.
    fusion : Fusion
        Weights of the parts, from all images.
    fusions : tuple of Fusion
        The same without the images of each fold.
    held : ndarray of float64, shape (N, K)
        Held-out score of each image by each part.
    """

    parts: tuple[CrossedPart, ...]
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
        parts = np.column_stack([_scores(part, stacks, folds) for part in self.parts])
        return self._join(parts, folds)

    def _join(self, parts: Doubles, folds: Indices) -> Doubles:
        joined = np.empty((len(parts), 2))
        for fold in np.unique(folds):
            inside = folds == fold
            joined[inside] = self.fusions[fold].apply(parts[inside])
        return joined


def rows_of(estimator: Estimator, stacks: Stacks, period: int) -> Array:
    """Give the features of a part as its weights want them, shape (N, C, H, W)."""
    features = stacks[estimator.reads]
    if isinstance(estimator, Tile):
        return refold_tile(features, period)
    if isinstance(estimator, Cyclic):
        return refold_cyclic(features, period)
    return features


def learn(
    recipe: Recipe,
    stacks: Stacks,
    labels: Flags,
    groups: Indices,
    folds: Indices,
) -> Crossed:
    """Learn a joined method of closed forms, and keep the weights of its folds.

    Parameters
    ----------
    recipe : Recipe
        The method; all parts linear closed forms.
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
    parts = tuple(_cross(part, stacks, labels, groups, folds) for part in recipe.parts)
    held = np.column_stack([_scores(part, stacks, folds) for part in parts])
    specific = np.array([part.role == "generator-specific" for part in recipe.parts])
    fusions = tuple(
        fuse(
            np.column_stack([part.nested[fold] for part in parts])[folds != fold],
            specific,
            labels[folds != fold],
            groups[folds != fold],
            newton,
        )
        for fold in range(int(folds.max()) + 1)
    )
    return Crossed(parts, fuse(held, specific, labels, groups, newton), fusions, held)


def _cross(
    estimator: Estimator,
    stacks: Stacks,
    labels: Flags,
    groups: Indices,
    folds: Indices,
) -> CrossedPart:
    settled = estimator.settle(stacks[estimator.reads], labels, groups)
    period = settled.periods[0] if isinstance(settled, Tile) else getattr(settled, "period", 1)
    shaped = rows_of(settled, stacks, period)
    rows = shaped.reshape(len(shaped), -1).astype(np.float64)
    centred = rows - rows.mean(axis=0)  # keeps the Gram matrix small beside its differences
    gram = centred @ centred.T
    masks = [folds != fold for fold in range(int(folds.max()) + 1)] + [np.ones(len(rows), bool)]
    learned = [_weights(settled, rows, centred, gram, labels, mask) for mask in masks]
    weights = np.stack([w for w, _ in learned])
    offsets = np.array([offset for _, offset in learned])
    chosen: dict[str, Any] = {}
    if isinstance(settled, Tile):
        chosen = {
            "period": period,
            "separation_by_period": {str(p): float(d) for p, d in settled.separations},
        }
    pattern = weights[-1].reshape(shaped.shape[1:]).astype(np.float32)
    return CrossedPart(
        settled,
        Fitted(pattern, float(offsets[-1]), chosen),
        weights[:-1],
        offsets[:-1],
        _nested(settled, rows, centred, gram, labels, folds, _norm(settled, period)),
    )


def _weights(
    estimator: Estimator,
    rows: Doubles,
    centred: Doubles,
    gram: Doubles,
    labels: Flags,
    mask: Flags,
) -> tuple[Doubles, float]:
    """Give weights and offset of a part, learned from some of the rows."""
    taught = labels[mask]
    if isinstance(estimator, Tile) and estimator.covariance == "diagonal":
        tiles = rows[mask].reshape(int(mask.sum()), 3, *_square(rows))
        found = estimator.fit(tiles, taught, np.arange(taught.size))
        return found.pattern.astype(np.float64).ravel(), 0.0
    coefficients = _coefficients(gram, labels, mask, rows.shape[1])
    if isinstance(estimator, Tile):
        weights = rows[mask].T @ coefficients
        weights -= weights.mean()
        return weights / (np.linalg.norm(weights) or 1.0), 0.0
    weights = centred[mask].T @ coefficients
    return weights, float((rows[mask][~taught] @ weights).mean())


def _coefficients(gram: Doubles, labels: Flags, mask: Flags, dimensions: int) -> Doubles:
    """Give the weights as a combination of rows, in within-class deviations of their scores."""
    taught, inside = labels[mask], gram[np.ix_(mask, mask)]
    coefficients = discriminant_coefficients(inside, taught, dimensions)
    difference = np.where(taught, 1.0 / taught.sum(), -1.0 / (~taught).sum())
    scale = np.sqrt(max(float(coefficients @ inside @ difference), 1e-300))
    return np.asarray(coefficients / scale)


def _nested(
    estimator: Estimator,
    rows: Doubles,
    centred: Doubles,
    gram: Doubles,
    labels: Flags,
    folds: Indices,
    norm: float,
) -> Doubles:
    """Score every image by weights without its own fold and another one, for each other one."""
    count = int(folds.max()) + 1
    found = np.full((count, folds.size), np.nan)
    for one in range(count):
        for other in range(one):
            mask = (folds != one) & (folds != other)
            if isinstance(estimator, Tile):
                weights, offset = _weights(estimator, rows, centred, gram, labels, mask)
                scores = (rows @ weights - offset) / norm
            else:
                scores = gram[:, mask] @ _coefficients(gram, labels, mask, rows.shape[1])
                scores -= scores[mask & ~labels].mean()
            found[one, folds == other] = scores[folds == other]
            found[other, folds == one] = scores[folds == one]
    return found


def _square(rows: Doubles) -> tuple[int, int]:
    side = round(float(np.sqrt(rows.shape[1] / 3)))
    return side, side


def _scores(part: CrossedPart, stacks: Stacks, folds: Indices) -> Doubles:
    shaped = part.rows(stacks)
    rows = shaped.reshape(len(shaped), -1)
    scores = np.empty(len(rows))
    for fold in np.unique(folds):
        inside = folds == fold
        scores[inside] = rows[inside] @ part.weights[fold] - part.offsets[fold]
    return scores / _norm(part.estimator, part.period)


def _norm(estimator: Estimator, period: int) -> float:
    """Give what an inner product is divided by: a tile's score is a correlation."""
    if not isinstance(estimator, Tile):
        return 1.0
    return period * float(np.sqrt(3.0))  # the weights have norm 1


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
    moving = [place for place, part in enumerate(crossed.parts) if part.period > 1]
    for fold in np.unique(folds):
        inside = np.flatnonzero(folds == fold)
        mine = {name: stack[inside] for name, stack in stacks.items()}
        fusion = crossed.fusions[fold]
        weights = fusion.weights.astype(np.float64)
        planes: list[Doubles] = []
        for place, part in enumerate(crossed.parts):
            if part.period == 1:
                own = _scores(part, mine, np.full(inside.size, fold))
                found.still[inside] += weights[0, place] * own
                continue
            rows = part.rows(mine)
            shaped = part.weights[fold].reshape(rows.shape[1:])
            norm = _norm(part.estimator, part.period)
            planes.append((correlate_phases(rows, shaped) - part.offsets[fold]) / norm)
        best = best_phase(planes, fusion.weights[:, moving])
        found.still[inside] -= fusion.offsets[0]
        found.moving[inside] = best.whole
        found.specific[inside] = best.specific - fusion.offsets[1]
    return found


def correlate_phases(rows: Array, weights: Array) -> Doubles:
    """Correlate folded features with weights at every phase.

    Parameters
    ----------
    rows : ndarray, shape (N, C, P, P)
        Folded features.
    weights : ndarray, shape (C, P, P)
        Weights.

    Returns
    -------
    ndarray of float64, shape (N, P, P)
        At [n, y, x] the inner product with the features rolled by (-y, -x): the image read as if
        its lattice began at pixel (y, x).
    """
    spectra = np.fft.rfft2(rows.astype(np.float64))
    other = np.fft.rfft2(weights.astype(np.float64))
    product = np.einsum("ncyx,cyx->nyx", spectra, other.conj())
    return np.asarray(np.fft.irfft2(product, s=rows.shape[-2:]))


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
    planes : sequence of ndarray of float64, shape (N, P, P)
        Scores of each part at its phases; each P divides the largest.
    weights : ndarray, shape (2, K)
        Weights of these parts, as those of a `Fusion`.

    Returns
    -------
    BestPhase
        The sums at the best phase of each image.
    """
    period = max(plane.shape[-1] for plane in planes)
    tiled = np.stack(
        [np.tile(p, (1, period // p.shape[-1], period // p.shape[-1])) for p in planes]
    )
    whole, specific = (
        np.tensordot(row, tiled, 1).reshape(tiled.shape[1], -1)
        for row in weights.astype(np.float64)
    )
    best = whole.argmax(axis=1)
    each = np.arange(len(whole))
    phase = np.column_stack(np.unravel_index(best, (period, period))).astype(np.intp)
    return BestPhase(whole[each, best], specific[each, best], phase)
