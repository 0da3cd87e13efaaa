"""Scores of images by the fingerprints of a bank, each by its own method."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from fp.fingerprint.decision.judge import Features
from fp.fingerprint.detection.opening import BankIdentity, bank_identity, open_bank
from fp.fingerprint.learning.method import Recipe, Scored
from fp.fingerprint.learning.scoring import recipe_of, score
from fp.fingerprint.model.calibration import Calibration
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.system.arrays import Doubles, Floats
from fp.system.errors import UsageError


@dataclass(frozen=True)
class StoredBank:
    """A bank by its place, so that it travels to workers; each process reads it once.

    The place is a bank or a folder of banks; the identity is name and SHA-256 of its files when the
    run began.
    """

    path: Path
    identity: BankIdentity

    @classmethod
    def at(cls, path: Path) -> StoredBank:
        """Return the bank at a path, as it is now."""
        return cls(path, bank_identity(path))

    @property
    def members(self) -> tuple[Fingerprint, ...]:
        """All its fingerprints."""
        return open_bank(self.path, self.identity)

    def common(self) -> Fingerprint:
        """Return the first fingerprint, whose crop and residuals are those of all.

        A `UsageError` says that they are for different crops, residuals or preparations.
        """
        kinds = {(one.crop, one.denoiser.digest, one.preparation) for one in self.members}
        if len(kinds) > 1:
            raise UsageError(
                "The fingerprints of the bank are for different crops, denoisers or preparations; "
                "give a bank in which all are alike."
            )
        return self.members[0]

    def score(self, residual_chw: Floats) -> Doubles:
        """Return what each fingerprint says of a residual (3, H, W), shape (K,)."""
        features = Features(residual_chw)
        scored = [
            score(one, features.of(recipe), recipe)
            for one, recipe in zip(self.members, _recipes(self), strict=True)
        ]
        return np.array([_evidence(one)[0] for one in scored])


@lru_cache(maxsize=1)
def _recipes(bank: StoredBank) -> tuple[Recipe, ...]:
    return tuple(recipe_of(fingerprint) for fingerprint in bank.members)


def _evidence(scored: Scored) -> Doubles:
    return scored.score if scored.specific is None else scored.specific


def held_out(fingerprint: Fingerprint) -> Calibration:
    """Return the held-out scores of the kind that `StoredBank.score` gives.

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
