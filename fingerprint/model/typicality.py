"""What is ordinary for a generator: distances from its own images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from fp.system.arrays import Doubles, Floats

LEVEL = 0.04
"""Share of the generator's own images that may count as untypical."""

SCORES = "scores"
"""Name of the view that is made of the scores of the parts; all others are of their features."""


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

    mean: Floats
    basis: Floats
    variance: Doubles
    floor: float
    centre: float = 0.0
    spread: float = 1.0

    def distance(self, rows: Doubles) -> Doubles:
        """Return the squared distance of rows (N, p) from the mean, in shrunk deviations.

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
        Views by the name of the features that they read; `SCORES` for those of the parts' scores.
    calibration : ndarray of float64, shape (n_g,)
        Held-out statistic of each of the generator's images.
    """

    views: Mapping[str, View]
    calibration: Doubles

    def measure(self, rows: Mapping[str, Doubles]) -> Distances:
        """Measure images by the numbers (N, p) of each view, by name."""
        found = {name: view.distance(rows[name]) for name, view in self.views.items()}
        standard = [
            (found[name] - self.views[name].centre) / self.views[name].spread
            for name in tested(self.views)
        ]
        return Distances(np.sum(list(found.values()), axis=0), np.sum(standard, axis=0))

    def p(self, statistic: float) -> float:
        """Return the conformal p-value: small where an image is unlike the generator's own."""
        count = int(np.count_nonzero(self.calibration >= statistic))
        return (1 + count) / (1 + self.calibration.size)


def tested(views: Mapping[str, View]) -> list[str]:
    """Return the names of the views whose distances are summed for the test.

    Those of features, or the scores where there are no others: of all that was tried, these told
    foreign generators apart best (docs/decisions.md).
    """
    return [name for name in views if name != SCORES] or list(views)


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of views in the order in which they are summed: the scores last."""
    return sorted(names, key=lambda name: (name == SCORES, name))
