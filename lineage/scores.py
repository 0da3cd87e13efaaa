"""Scores of images by the fingerprints of a bank, each by its own method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from fp.fingerprint.decision.judge import Features
from fp.fingerprint.detection.opening import StoredBank, open_bank
from fp.fingerprint.learning.method import Recipe, Scored
from fp.fingerprint.learning.scoring import recipe_of, score
from fp.fingerprint.model.calibration import Calibration
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.system.arrays import Doubles, Floats
from fp.system.errors import UsageError


def common(members: Sequence[Fingerprint]) -> Fingerprint:
    """Return the first fingerprint of a bank, whose crop and residuals are those of all.

    A `UsageError` says that they are for different crops, residuals or preparations.
    """
    kinds = {(one.crop, one.denoiser.digest, one.preparation) for one in members}
    if len(kinds) > 1:
        raise UsageError(
            "The fingerprints of the bank are for different crops, denoisers or preparations; "
            "give a bank in which all are alike."
        )
    return members[0]


def scores_of(residual_chw: Floats, bank: StoredBank) -> Doubles:
    """Return what each fingerprint of a bank says of a residual (3, H, W), shape (K,)."""
    features = Features(residual_chw)
    scored = [
        score(one, features.of(recipe), recipe)
        for one, recipe in zip(open_bank(bank), _recipes(bank), strict=True)
    ]
    return np.array([_evidence(one)[0] for one in scored])


@lru_cache(maxsize=1)
def _recipes(bank: StoredBank) -> tuple[Recipe, ...]:
    return tuple(recipe_of(fingerprint) for fingerprint in open_bank(bank))


def _evidence(scored: Scored) -> Doubles:
    return scored.score if scored.specific is None else scored.specific


def held_out(fingerprint: Fingerprint) -> Calibration:
    """Return the held-out scores of the kind that `scores_of` gives.

    Where a fingerprint joins parts, those are of the generator's evidence alone: kin by processing
    are no kin.
    """
    joined, own = fingerprint.joined, fingerprint.calibration
    if joined is None:
        return own
    return replace(own, real=joined.specific_real, generated=joined.specific_generated)


def speaks_of_generator(fingerprint: Fingerprint) -> bool:
    """Return whether a high score speaks of the generator, by the role of its method's parts."""
    return any(part.role == "generator-specific" for part in recipe_of(fingerprint).parts)
