"""Is an image ordinary for the generator? Distances from its own images, whatever the direction.

A direction that separates G from photographs says nothing about a third population: another
generator may lie far along it, or beside it. So an image that is given to G must also lie where
G's own images lie, in features that see the lattice and the spectrum alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fp.fingerprint.estimators.discriminant import ledoit_wolf_shrinkage

Array = NDArray[Any]
Doubles = NDArray[np.float64]
Labels = NDArray[np.bool_]

LEVEL = 0.04
"""Share of the generator's own images that may count as untypical."""

_RANK = 64
_NEAR = 28  # planes of the first seven shifts, those of up to two pixels


def _cyclic(stack: Array) -> Doubles:
    stack = stack[:, :_NEAR]
    n, channels, side = stack.shape[:3]
    blocks = stack.reshape(n, channels, side // 2, 2, side // 2, 2)
    return np.asarray(blocks.mean(axis=(2, 4)).reshape(n, -1), dtype=np.float64)


def _spectrum(stack: Array) -> Doubles:
    n, channels, height, width = stack.shape
    blocks = stack.reshape(n, channels, height // 4, 4, width // 3, 3)
    return np.asarray(blocks.mean(axis=(3, 5)).reshape(n, -1), dtype=np.float64)


def _scores(stack: Array) -> Doubles:
    return np.asarray(stack, dtype=np.float64)


VIEWS: Mapping[str, Callable[[Array], Doubles]] = {
    "cyclic": _cyclic,
    "spectrum": _spectrum,
    "scores": _scores,
}
"""How features become a view: covariances of near pixels at 2 x 2 phases, spectral bins of 4 x 3,
and the scores of the parts. Few numbers each, so that a covariance can be learned."""

TESTED = ("cyclic", "spectrum")
"""Views whose distances are summed for the test, or all views where neither is there: of those
tried, these told foreign generators apart best (docs/decisions.md)."""


@dataclass(frozen=True, eq=False)
class View:
    """The generator's images in one view: their mean and the shape of what varies.

    Parameters
    ----------
    mean : ndarray of float32, shape (p,)
        Mean of the generator's images.
    basis : ndarray of float32, shape (r, p)
        Orthonormal directions of the largest within-class variance.
    variance : ndarray of float64, shape (r,)
        Shrunk variance along each.
    floor : float
        Mean shrunk variance along all others.
    centre, spread : float
        Mean and standard deviation of the held-out distances of the generator's images.
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    variance: Doubles
    floor: float
    centre: float = 0.0
    spread: float = 1.0

    def distance(self, rows: Doubles) -> Doubles:
        """Give the squared distance of rows (N, p) from the mean, in shrunk deviations.

        Notes
        -----
        D^2 = sum_i (v_i z)^2 / l_i + (|z|^2 - sum_i (v_i z)^2) / floor with z = x - mean, the
        Mahalanobis distance under the shrunk covariance.
        """
        found = np.empty(len(rows))
        basis = self.basis.astype(np.float64)
        for index, row in enumerate(rows):  # one by one: the same bits alone and together
            z = row - self.mean
            along = np.square(basis @ z)
            across = max(float(z @ z) - float(along.sum()), 0.0)
            found[index] = float((along / self.variance).sum()) + across / self.floor
        return found


def _view(rows: Doubles, labels: Labels) -> View:
    mean = rows[labels].mean(axis=0)
    centred = np.concatenate([rows[labels] - mean, rows[~labels] - rows[~labels].mean(axis=0)])
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


@dataclass(frozen=True, eq=False)
class Distances:
    """How far N images lie from a generator's own.

    Parameters
    ----------
    total : ndarray of float64, shape (N,)
        Sum of the squared distances over the views: what fingerprints of a bank are compared by.
    statistic : ndarray of float64, shape (N,)
        Sum over the tested views of distances standardised by the generator's own held-out images.
    """

    total: Doubles
    statistic: Doubles


@dataclass(frozen=True, eq=False)
class Typicality:
    """Distances from the generator's own images, with those of images that were held out.

    Parameters
    ----------
    views : mapping of str to View
        Views by the name of the features that they read.
    calibration : ndarray of float64, shape (n_g,)
        Held-out statistic of each of the generator's images.
    """

    views: Mapping[str, View]
    calibration: Doubles

    def measure(self, stacks: Mapping[str, Array]) -> Distances:
        """Measure images by their features, by name."""
        found = {name: v.distance(VIEWS[name](stacks[name])) for name, v in self.views.items()}
        standard = [
            (found[name] - self.views[name].centre) / self.views[name].spread
            for name in tested(self.views)
        ]
        return Distances(np.sum(list(found.values()), axis=0), np.sum(standard, axis=0))

    def p(self, statistic: float) -> float:
        """Give the conformal p-value: small where an image is unlike the generator's own."""
        count = int(np.count_nonzero(self.calibration >= statistic))
        return (1 + count) / (1 + self.calibration.size)


def tested(views: Mapping[str, View]) -> list[str]:
    """Give the names of the views that typicality is tested in."""
    return [name for name in TESTED if name in views] or list(views)


def learn(
    stacks: Mapping[str, Array],
    labels: Labels,
    folds: NDArray[np.intp],
    versions: Mapping[str, Array] | None = None,
) -> Typicality:
    """Learn what is ordinary for a generator.

    Parameters
    ----------
    stacks : mapping of str to ndarray, shape (N, ...)
        Features of both classes by the names of `VIEWS`.
    labels : ndarray of bool, shape (N,)
        True for the generator's images.
    folds : ndarray of int, shape (N,)
        Fold of each image; its distance comes from views that had not seen its fold.
    versions : mapping of str to ndarray, shape (N, ...), optional
        The same images as they are measured, where that is not as they are learned.

    Returns
    -------
    Typicality
        Views of all images, and the held-out statistics of the generator's.
    """
    views, held = {}, {}
    for name in stacks:
        rows = VIEWS[name](stacks[name])
        measured = rows if versions is None else VIEWS[name](versions[name])
        distances = np.empty(labels.size)
        for fold in np.unique(folds):
            inside, outside = folds != fold, folds == fold
            distances[outside] = _view(rows[inside], labels[inside]).distance(measured[outside])
        own = distances[labels]
        centre, spread = float(own.mean()), float(own.std()) or 1.0
        found = _view(rows, labels)
        views[name] = View(found.mean, found.basis, found.variance, found.floor, centre, spread)
        held[name] = (own - centre) / spread
    return Typicality(views, np.sum([held[name] for name in tested(views)], axis=0))
