"""What separation looks like without a generator: hundreds of label shuffles at once.

Shuffled labels change the class means and nothing else of note, so the eigenvectors of the total
covariance serve all of them, and a fold costs two matrix products more for two hundred shuffles.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fp.fingerprint.estimators.folds import Labelled, separation, shuffle_labels
from fp.fingerprint.estimators.protocol import Estimator
from fp.fingerprint.learning.method import Recipe, Stacks
from fp.fingerprint.model.calibration import NullControl
from fp.system.arrays import Doubles, Flags, Indices
from fp.system.workers import side_by_side

SHUFFLES = 200
_FOLDS = 5


@dataclass(frozen=True)
class Nulls:
    """Null controls of a method.

    Parameters
    ----------
    whole : NullControl
        Of all its parts.
    specific : NullControl or None
        Of the parts that speak of the generator; None where all do, or none.
    """

    whole: NullControl
    specific: NullControl | None


def covers(recipe: Recipe) -> bool:
    """Return whether a method has parts that this control knows how to shuffle."""
    return any(part.shares_shuffles for part in recipe.parts)


def permutation_control(
    recipe: Recipe, stacks: Stacks, known: Labelled, shuffles: int = SHUFFLES, jobs: int = 1
) -> Nulls:
    """Compare the separation of held-out scores with that under shuffled labels.

    The separations d' are of the sum of standardised held-out scores over the parts that are shrunk
    discriminants. The choice of the period is made anew with every shuffle. Labels are shuffled
    inside each fold, source by source, so that every shuffle has the folds' class counts and the
    permutation is exact. The result does not depend on the number of parts that are scored at once.
    """
    labels, groups, seed = known.labels, known.groups, known.seed
    dealt = replace(known, folds=_FOLDS).deal()
    columns = np.empty((labels.size, shuffles + 1), dtype=bool)
    columns[:, 0] = labels
    for index in range(1, shuffles + 1):
        rng = np.random.default_rng([seed, index])
        for fold in np.unique(dealt):
            inside = dealt == fold
            columns[inside, index] = shuffle_labels(labels[inside], groups[inside], rng)
    parts = [part for part in recipe.parts if part.shares_shuffles]

    def standardised(part: Estimator) -> Doubles:
        return _standardised(part, stacks, columns, dealt)

    scores = dict(zip(parts, side_by_side(standardised, parts, jobs), strict=True))
    specific = [part for part in parts if part.role == "generator-specific"]
    whole = _control(sum(scores.values()), columns, seed)
    if not specific or len(specific) == len(parts):
        return Nulls(whole, None)
    return Nulls(whole, _control(sum(scores[part] for part in specific), columns, seed))


def _control(scores: Doubles | int, columns: Flags, seed: int) -> NullControl:
    assert not isinstance(scores, int)
    found = [separation(s, y) for s, y in zip(scores.T, columns.T, strict=True)]
    return NullControl(found[0], np.array(found[1:]), seed)


def _standardised(part: Estimator, stacks: Stacks, columns: Flags, dealt: Indices) -> Doubles:
    """Return held-out scores (N, L) in their pooled within-class deviations."""
    best: Doubles | None = None
    largest = np.full(columns.shape[1], -np.inf)
    for rows in part.shuffled(stacks[part.reads]):
        scores = held_out_scores(rows, columns, dealt)
        found = np.array([separation(s, y) for s, y in zip(scores.T, columns.T, strict=True)])
        spread = [_spread(s, y) for s, y in zip(scores.T, columns.T, strict=True)]
        scores = scores / np.array(spread)
        best = scores if best is None else np.where(found > largest, scores, best)
        largest = np.maximum(largest, found)
    assert best is not None
    return best


def _spread(scores: Doubles, labels: Flags) -> float:
    variance = (scores[labels].var() + scores[~labels].var()) / 2
    return float(np.sqrt(variance)) or 1.0


def held_out_scores(rows: Doubles, columns: Flags, dealt: Indices) -> Doubles:
    """Score N images by discriminants that had not seen their fold. L labellings are done at once.

    The scores (N, L) are projections of rows (N, p) on the unit direction of each labelling, less
    the training mean.

    Notes
    -----
    With the total covariance T = X_c^T X_c / m and the contrast d = X_c^T c of a labelling, the
    within-class covariance is S = T - k d d^T, so by Sherman and Morrison the discriminant
    ((1 - s) S + s mu I)^-1 d is a positive multiple of ((1 - s) T + s mu I)^-1 d. Ledoit and
    Wolf's s follows from norms of the class-centred Gram matrix P G P with P = I - u u^T,
    u = c / |c|.
    """
    scores = np.empty(columns.shape)
    for fold in np.unique(dealt):
        train, test = dealt != fold, dealt == fold
        centre = rows[train].mean(axis=0)
        inside, outside = rows[train] - centre, rows[test] - centre
        gram = inside @ inside.T
        m, p = inside.shape
        counts = columns[train].sum(axis=0)
        contrast = np.where(columns[train], 1.0 / counts, -1.0 / (m - counts))
        unit = contrast / np.linalg.norm(contrast, axis=0)
        moved = gram @ unit
        inner = (unit * moved).sum(axis=0)
        squares = np.diagonal(gram)[:, None] - 2 * unit * moved + inner * unit**2
        norm = (np.square(gram).sum() - 2 * np.square(moved).sum(axis=0) + inner**2) / m**2
        mu = squares.sum(axis=0) / (m * p)
        noise = (np.square(squares).sum(axis=0) / m - norm) / (p * m)
        spread = norm / p - mu**2
        usable = (noise > 0) & (spread > 0)
        shrinkage = np.where(
            usable, np.minimum(noise, spread) / np.where(spread > 0, spread, 1), 0.0
        )
        ridge = np.maximum(shrinkage * mu, 1e-12 * squares.sum(axis=0) / m)
        values, vectors = np.linalg.eigh(gram)
        values = np.maximum(values, 0.0)
        along = vectors.T @ contrast
        solved = along / ((1 - shrinkage) * values[:, None] / m + ridge)
        length = np.sqrt(np.maximum((values[:, None] * solved**2).sum(axis=0), 1e-300))
        scores[test] = (outside @ inside.T) @ (vectors @ solved) / length
    return scores
