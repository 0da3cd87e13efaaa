"""Scores of images by the fingerprints of a bank, each by its own method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True, eq=False)
class BankMember:
    """What an analysis needs to know of a stored fingerprint.

    Parameters
    ----------
    name : str
        Its name.
    held : Calibration
        Held-out scores of the kind that `scores_of` gives. Where it joins parts, those are of the
        generator's evidence alone: kin by processing are no kin.
    joins : bool
        Whether it joins parts.
    names_all : bool
        Whether the calibration names all images that it learned from. A dear method may hold a
        quarter back.
    speaks_of_generator : bool
        Whether a high score speaks of the generator, by the role of its method's parts.
    """

    name: str
    held: Calibration
    joins: bool
    names_all: bool
    speaks_of_generator: bool

    @classmethod
    def of(cls, fingerprint: Fingerprint) -> BankMember:
        """Return what is to be known of a fingerprint."""
        joined, held, recipe = fingerprint.joined, fingerprint.calibration, recipe_of(fingerprint)
        if joined is not None:
            held = replace(held, real=joined.specific_real, generated=joined.specific_generated)
        specific = any(part.role == "generator-specific" for part in recipe.parts)
        return cls(fingerprint.name, held, joined is not None, recipe.scores_all, specific)
