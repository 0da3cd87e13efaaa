"""Is an image ordinary for the generator? Distances from its own images, whatever the direction.

A direction that separates G from photographs says nothing about a third population: another
generator may lie far along it, or beside it. So an image that is given to G must also lie where
G's own images lie, in features that see the lattice and the spectrum alike.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fp.fingerprint.estimators.discriminant import ledoit_wolf_shrinkage
from fp.fingerprint.model.typicality import Typicality, View, tested
from fp.system.arrays import Doubles, Flags, Indices

_RANK = 64


def _view(rows: Doubles, labels: Flags) -> View:
    mean = rows[labels].mean(axis=0)
    return shape_of(
        np.concatenate([rows[labels] - mean, rows[~labels] - rows[~labels].mean(axis=0)]), mean
    )


def shape_of(centred: Doubles, mean: Doubles) -> View:
    """Learn mean, leading directions and shrunk variances of what varies.

    `centred` (N, p) are numbers of images less the mean of their class; distances are measured from
    `mean` (p,).
    """
    n, p = centred.shape
    gram = centred @ centred.T
    shrinkage = ledoit_wolf_shrinkage(gram, p)
    total = float(np.trace(gram)) / n
    # The smaller of X X^T and X^T X: the eigenvalues are the same, and the time is cubic.
    by_rows = n <= p
    values, vectors = np.linalg.eigh(gram if by_rows else centred.T @ centred)
    # Directions in which nothing varies have no eigenvector worth the name.
    usable = int(np.count_nonzero(values > 1e-10 * max(float(values.max()), 1e-290)))
    rank = min(_RANK, n - 2, p - 1, usable)
    leading = np.argsort(values)[::-1][:rank]
    largest = values[leading]
    basis = vectors[:, leading].T
    if by_rows:
        basis = (centred.T @ vectors[:, leading] / np.sqrt(largest)).T
    isotropic = shrinkage * total / p
    rest = max(total - float(largest.sum()) / n, 0.0) / (p - rank)
    floor = max((1 - shrinkage) * rest + isotropic, 1e-300)
    variance = (1 - shrinkage) * largest / n + isotropic
    return View(mean.astype(np.float32), basis.astype(np.float32), variance, floor)


def learn(
    views: Mapping[str, Doubles],
    labels: Flags,
    folds: Indices,
    versions: Mapping[str, Doubles] | None = None,
) -> Typicality:
    """Learn what is ordinary for a generator, from numbers (N, p) of both classes in each view.

    The held-out statistics of the generator's images come from views that had not seen their fold.
    `versions` holds the same images as they are measured, where that is not as they are learned.
    """
    learned, held = {}, {}
    for name, rows in views.items():
        measured = rows if versions is None else versions[name]
        distances = np.empty(labels.size)
        for fold in np.unique(folds):
            inside, outside = folds != fold, folds == fold
            distances[outside] = _view(rows[inside], labels[inside]).distance(measured[outside])
        own = distances[labels]
        centre, spread = float(own.mean()), float(own.std()) or 1.0
        found = _view(rows, labels)
        learned[name] = View(found.mean, found.basis, found.variance, found.floor, centre, spread)
        held[name] = (own - centre) / spread
    return Typicality(learned, np.sum([held[name] for name in tested(learned)], axis=0))
