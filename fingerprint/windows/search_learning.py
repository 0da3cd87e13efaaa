"""The calibration of windows whose phase is searched.

Weights of the parts that were learned at the lattice's own phase are too trusting elsewhere: the
largest of 64 scores finds what photographs have of a period. So the weights are learned anew, of
every window at the phase where it speaks loudest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fp.fingerprint.learning.fusion import Fusion, fuse, newton
from fp.fingerprint.model.windows import Search
from fp.fingerprint.windows.fields import Fields
from fp.fingerprint.windows.searching import (
    Mixture,
    Readings,
    chosen,
    mixed,
    mixtures,
    read,
    together,
)
from fp.system.arrays import Doubles, Flags, Indices

_ROUNDS = 3


def learn_search(
    size: int,
    fields: Sequence[Fields],
    start: Fusion,
    starts: Mapping[int, Fusion],
    specific: Flags,
    labels: Flags,
    groups: Indices,
    dealt: Indices,
) -> Search:
    """Learn weights for windows of unknown phase, and calibrate them.

    `fields` are the sums of M images at all phases, by patterns that had not seen them; `start` the
    weights at the lattice's own phase, of which parts of weight 0 have no say here either; `starts`
    the same without the images of each fold of `dealt`. Every score is by weights from other folds.
    """
    used = (start.weights != 0).any(axis=0) | specific
    beside = together([read(each, size, size) for each in fields])
    held: dict[int, tuple[Mixture, Mixture]] = {}
    for fold, begun in starts.items():
        inside = dealt != fold
        known = (chosen(beside, inside), labels[inside], groups[inside])
        found = _weights(*known, begun, used, specific)
        for number in np.flatnonzero(~inside).tolist():
            held[number] = mixtures(
                read(fields[number], size, size // 2), found.weights, found.offsets
            )
    wholes = np.array([[each.whole for each in held[n]] for n in range(labels.size)])
    alone = wholes[:, :, ::2, ::2]
    taught = np.repeat(labels, alone[0, 0].size)
    scale = np.array([_slope(alone[:, row], taught) for row in range(2)])
    whole = _weights(beside, labels, groups, start, used, specific)
    a, b = scale[0]
    alike = np.stack([held[n][0].alike for n in range(labels.size)])
    real, generated = a * wholes[~labels, 0] - b, a * alike[labels] - b
    return Search(whole.weights, whole.offsets, scale, real, generated)


def _weights(
    readings: Readings,
    labels: Flags,
    groups: Indices,
    start: Fusion,
    used: Flags,
    specific: Flags,
) -> Fusion:
    """Learn in turn the phase of each window's largest log odds, and the weights there."""
    found = start
    each = readings.own[0, 0].size
    taught, sources = np.repeat(labels, each), np.repeat(groups, each)
    for _ in range(_ROUNDS):
        loudest = mixed(readings.log_odds(found.weights[0], float(found.offsets[0]))).phase
        columns = readings.at(loudest).reshape(len(readings.own), -1).T
        fitted = fuse(columns[:, used], specific[used], taught, sources, newton)
        weights = np.zeros_like(start.weights)
        weights[:, used] = fitted.weights
        found = _rescaled(readings, Fusion(weights, fitted.offsets), taught)
    return found


def _rescaled(readings: Readings, found: Fusion, taught: Flags) -> Fusion:
    """Return weights at the strength of their mixture: the largest of many scores overstates."""
    scale = [
        _slope(mixture.whole, taught)
        for mixture in mixtures(readings, found.weights, found.offsets)
    ]
    weights = np.stack([w * np.float32(a) for w, (a, _) in zip(found.weights, scale, strict=True)])
    offsets = [a * offset + b for offset, (a, b) in zip(found.offsets, scale, strict=True)]
    return Fusion(weights, np.array(offsets))


def _slope(mixture: Doubles, taught: Flags) -> tuple[float, float]:
    """Calibrate a mixture; a slope that would turn it round is next to none."""
    weights, offset = newton(mixture.reshape(-1, 1), taught)
    if weights[0] > 0:
        return float(weights[0]), offset
    return 1e-9, 0.0
