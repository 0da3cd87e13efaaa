"""The out-of-distribution test, learned from the calibration images of both classes together."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fp.fingerprint.learning.typicality import shape_of
from fp.fingerprint.model.distribution import OutOfDistribution
from fp.fingerprint.model.typicality import View
from fp.system.arrays import Doubles, Floats, Indices

# In log10 units, shares and grey levels: a number that varies by less says nothing.
_LEAST_DEVIATION = 1e-4


def learn(rows: Floats, folds: Indices, codings: Iterable[str]) -> OutOfDistribution:
    """Learn what is ordinary for the calibration images: shape and held-out distances.

    `rows` (N, p) are `fp.fingerprint.estimators.pixels.coding_statistics` of the images of both
    classes, `codings` how each was stored. The distance of an image comes from images of other
    `folds` (N,).
    """
    distances = np.empty(len(rows))
    for fold in np.unique(folds):
        scale, view = _shape(rows[folds != fold])
        distances[folds == fold] = view.distance(_in_units(rows[folds == fold], scale))
    scale, view = _shape(rows)
    return OutOfDistribution(scale, view, distances, tuple(sorted(set(codings))))


def _in_units(rows: Floats, scale: Floats) -> Doubles:
    return np.asarray(rows / scale, dtype=np.float64)


def _shape(rows: Floats) -> tuple[Floats, View]:
    deviations = np.maximum(rows.std(axis=0, dtype=np.float64), _LEAST_DEVIATION)
    scale = deviations.astype(np.float32)
    standard = _in_units(rows, scale)
    mean = standard.mean(axis=0)
    return scale, shape_of(standard - mean, mean)
