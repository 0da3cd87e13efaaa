"""Does a fingerprint separate better than chance? Said with every answer where it does not."""

from __future__ import annotations

import numpy as np

from fp.fingerprint.model.calibration import Calibration, NullControl
from fp.fingerprint.model.fingerprint import Fingerprint

LEVEL = 0.01
"""A fingerprint is weak unless its separation exceeds all but this share of shuffles."""

FEWEST_SHUFFLES = 100
"""Fewest label shuffles of an extraction that can place its separation at that level."""

_SHUFFLES = 999


def is_weak(fingerprint: Fingerprint) -> bool:
    """Return whether a fingerprint separates no better than label shuffles may.

    With at least 100 extractions from shuffled labels in the file: whether the separation is at or
    below their 99th percentile. Without: whether the permutation p of the held-out scores exceeds
    0.01. Where there are conditions it is the evidence that decides, so its permutation p counts.
    """
    if fingerprint.conditions is not None:
        return permutation_p(fingerprint.calibration_in_use) > LEVEL
    null = fingerprint.null
    if null is not None and null.shuffled.size >= FEWEST_SHUFFLES:
        return not_above(null)
    return permutation_p(fingerprint.calibration) > LEVEL


def not_above(null: NullControl) -> bool:
    """Return whether the observed separation is at or below the shuffles' 99th percentile."""
    return bool(null.observed <= np.quantile(null.shuffled, 1 - LEVEL))


def permutation_p(calibration: Calibration, seed: int = 0) -> float:
    """Return the permutation p-value of the held-out scores' difference of means.

    It is at least 1 / 1000, with 999 permutations.
    """
    scores = np.concatenate([calibration.generated, calibration.real])
    n = calibration.generated.size
    observed = scores[:n].mean() - scores[n:].mean()
    rng = np.random.default_rng(seed)
    exceeding = 0
    for _ in range(_SHUFFLES):
        shuffled = rng.permutation(scores)
        exceeding += bool(shuffled[:n].mean() - shuffled[n:].mean() >= observed)
    # The observed labels are one arrangement among those that are possible, so p is never 0.
    return (1 + exceeding) / (1 + _SHUFFLES)
