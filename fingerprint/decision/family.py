"""The largest evidence over a bank: a bank claims where one fingerprint does.

Fingerprints that were made with the same reference images are calibrated together: how large the
largest evidence over the bank becomes on those images is known (Westfall and Young's single step).
Others share the rate (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fp.fingerprint.decision.judge import Judge
from fp.fingerprint.decision.likelihood import certified_rate
from fp.fingerprint.model.calibration import Calibration
from fp.system.arrays import Doubles
from fp.system.errors import UsageError


@dataclass(frozen=True, eq=False)
class Family:
    """Null distribution of a bank.

    Parameters
    ----------
    members : int
        Number K of fingerprints.
    references : int
        Number n of reference images that a p-value of the bank rests on.
    largest : ndarray of float64, shape (n k,), or None
        Largest held-out evidence over the bank of each shared reference image, in k versions of
        each, ascending; None where the fingerprints do not share enough of them. Evidence is what
        `Judge.evidence_of_references` says: log10 LR without bounds, of one version.
    """

    members: int
    references: int
    largest: Doubles | None

    def p(self, p_real: float, evidence: float) -> float:
        """Return the p-value under h1 of one fingerprint's evidence, corrected over the bank.

        (1 + shared reference images whose largest evidence is as large) / (n + 1), where versions
        of an image share its one vote; or min(1, K p_real); p_real itself for a single fingerprint.
        """
        return float(self.p_many(np.array([p_real]), np.array([evidence]))[0])

    def p_many(self, p_real: Doubles, evidence: Doubles) -> Doubles:
        """Return what `p` gives, of many fingerprints at once, shape (K,)."""
        if self.members == 1:
            return p_real
        if self.largest is None:
            return np.minimum(1.0, self.members * p_real)
        beyond = self.largest.size - np.searchsorted(self.largest, evidence, "left")
        votes = beyond * (self.references / self.largest.size)
        return np.asarray((1 + votes) / (1 + self.references))

    @property
    def smallest_p(self) -> float:
        """The smallest p-value that the bank can give."""
        share = 1 / (self.references + 1)
        return share if self.largest is not None else min(1.0, self.members * share)

    def certified(self, fpr: float) -> float | None:
        """Return the rate of false claims that the calibration certifies with 95 % confidence.

        Clopper-Pearson's bound; with Bonferroni the sum over the bank, as if each fingerprint had
        as few reference images as the poorest; None where nothing can be claimed.
        """
        if self.smallest_p > fpr:
            return None
        if self.largest is not None or self.members == 1:
            return certified_rate(fpr, self.references)
        return min(1.0, self.members * certified_rate(fpr / self.members, self.references))


def family_of(judges: Sequence[Judge]) -> Family:
    """Calibrate a bank as a whole, by the judges of its fingerprints, at least one.

    By the reference images that all fingerprints were calibrated with, where these are at least
    half of each one's; by Bonferroni otherwise, and where one judges by the coding of an image and
    another does not.
    """
    gathered = Gathering()
    for judge in judges:
        gathered.add(judge.calibration, judge.evidence_of_references, judge.votes)
    if len({type(judge) for judge in judges}) > 1:
        return replace(gathered.family(), largest=None)
    return gathered.family()


class Gathering:
    """The family of a bank whose fingerprints come one by one and need not stay."""

    def __init__(self) -> None:
        self._members = 0
        self._fewest = 0
        self._most = 0
        self._largest: dict[str, Doubles] = {}

    def add(self, calibration: Calibration, evidence: Doubles, votes: int | None = None) -> None:
        """Take in the held-out evidence (n, k) of a fingerprint in k versions of each reference.

        `votes` is the number of references that its p-values count; by default that of images.
        """
        first = self._members == 0
        self._members += 1
        votes = calibration.real.size if votes is None else votes
        self._fewest = min(self._fewest or votes, votes)
        own: dict[str, Doubles] = {}
        for digest, row in zip(calibration.real_sha256, evidence, strict=True):
            held = self._largest.get(digest)
            if row.size and (first or (held is not None and held.size == row.size)):
                own[digest] = np.maximum(own.get(digest, -np.inf), row)
        self._most = max(self._most, len(set(calibration.real_sha256)))
        # What one fingerprint lacks is not shared, so only what all have had is kept.
        self._largest = {
            digest: np.maximum(self._largest.get(digest, -np.inf), row)
            for digest, row in own.items()
        }

    def family(self) -> Family:
        """Return the family of all that were taken in, at least one."""
        if self._members == 1 or 2 * len(self._largest) < self._most:
            return Family(self._members, self._fewest, None)
        values = np.sort(np.concatenate(list(self._largest.values())))
        return Family(self._members, min(len(self._largest), self._fewest), values)


def check_rate(fpr: float, family: Family) -> None:
    """Refuse a false-positive rate in (0, 0.5] that a bank's reference images cannot support.

    UsageError, with the arithmetic, if no p-value of the bank can reach the rate.
    """
    if not 0 < fpr <= 0.5:
        raise UsageError(f"A false-positive rate of {fpr} is not possible; use 0 < rate <= 0.5.")
    if family.smallest_p <= fpr:
        return
    n, k = family.references, family.members
    remedy = "raise --fpr or extract with more reference images"
    if family.largest is None and k > 1:
        needed = int(np.ceil(k / fpr - 1e-9)) - 1
        raise UsageError(
            f"A false-positive rate of {fpr:g} over {k} fingerprints of different reference images "
            f"needs at least {needed} of them each: with {n} the smallest p-value is "
            f"{k} / ({n} + 1) = {family.smallest_p:.4g}; {remedy}, the same for all."
        )
    needed = int(np.ceil(1 / fpr - 1e-9)) - 1
    raise UsageError(
        f"A false-positive rate of {fpr:g} needs at least {needed} reference images: with {n} the "
        f"smallest conformal p-value is 1 / ({n} + 1) = {family.smallest_p:.4g}; {remedy}."
    )
