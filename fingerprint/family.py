"""A bank claims an image where one of its fingerprints does; so its p-values speak of the largest.

Fingerprints that were made with the same reference images are calibrated together: how large the
largest evidence over the bank becomes on those images is known (Westfall and Young's single step).
Others share the rate (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fp.denoisers.errors import UsageError
from fp.fingerprint.fingerprint import Fingerprint
from fp.fingerprint.judge import judge_of
from fp.fingerprint.likelihood import certified_rate


@dataclass(frozen=True, eq=False)
class Family:
    """Null distribution of a bank.

    Parameters
    ----------
    members : int
        Number K of fingerprints.
    references : int
        Number n of reference images that a p-value of the bank rests on.
    largest : ndarray of float64, shape (n,), or None
        Largest held-out log10 LR (without bounds) over the bank of each shared reference image,
        ascending; None where the fingerprints do not share enough of them.
    """

    members: int
    references: int
    largest: NDArray[np.float64] | None

    def p(self, p_real: float, free_log10_lr: float) -> float:
        """Give the p-value under h1 of one fingerprint's evidence, corrected over the bank.

        Parameters
        ----------
        p_real : float
            Conformal p-value by that fingerprint alone.
        free_log10_lr : float
            Its log10 likelihood ratio without bounds.

        Returns
        -------
        float
            (1 + shared reference images whose largest evidence is as large) / (n + 1), or
            min(1, K p_real); p_real itself for a single fingerprint.
        """
        if self.members == 1:
            return p_real
        if self.largest is None:
            return min(1.0, self.members * p_real)
        beyond = self.largest.size - int(np.searchsorted(self.largest, free_log10_lr, "left"))
        return (1 + beyond) / (1 + self.largest.size)

    @property
    def smallest_p(self) -> float:
        """The smallest p-value that the bank can give."""
        share = 1 / (self.references + 1)
        return share if self.largest is not None else min(1.0, self.members * share)

    def certified(self, fpr: float) -> float | None:
        """Give the rate of false claims that the calibration certifies with 95 % confidence.

        Parameters
        ----------
        fpr : float
            Rate of the rule.

        Returns
        -------
        float or None
            Clopper-Pearson's bound; with Bonferroni the sum over the bank, as if each fingerprint
            had as few reference images as the poorest; None where nothing can be claimed.
        """
        if self.smallest_p > fpr:
            return None
        if self.largest is not None or self.members == 1:
            return certified_rate(fpr, self.references)
        return min(1.0, self.members * certified_rate(fpr / self.members, self.references))


@lru_cache(maxsize=8)
def family_of(bank: tuple[Fingerprint, ...]) -> Family:
    """Calibrate a bank as a whole.

    Parameters
    ----------
    bank : tuple of Fingerprint
        The fingerprints, at least one.

    Returns
    -------
    Family
        By the reference images that all fingerprints were calibrated with, where these are at least
        half of each one's; by Bonferroni otherwise.
    """
    fewest = min(f.calibration.real.size for f in bank)
    if len(bank) == 1:
        return Family(1, fewest, None)
    shared = set.intersection(*(set(f.calibration.real_sha256) for f in bank))
    if any(2 * len(shared) < len(set(f.calibration.real_sha256)) for f in bank):
        return Family(len(bank), fewest, None)
    largest: dict[str, float] = {}
    for fingerprint in bank:
        ratio = judge_of(fingerprint).ratio
        found = fingerprint.calibration
        for digest, score in zip(found.real_sha256, found.real, strict=True):
            if digest in shared:
                largest[digest] = max(largest.get(digest, -np.inf), ratio.free(float(score)))
    values = np.sort(np.array(list(largest.values())))
    return Family(len(bank), values.size, values)


def check_rate(fpr: float, bank: Sequence[Fingerprint]) -> None:
    """Refuse a false-positive rate that a bank's reference images cannot support.

    Parameters
    ----------
    fpr : float
        Wished rate, in (0, 0.5].
    bank : sequence of Fingerprint
        The fingerprints.

    Raises
    ------
    UsageError
        With the arithmetic, if no p-value of the bank can reach the rate.
    """
    if not 0 < fpr <= 0.5:
        raise UsageError(f"A false-positive rate of {fpr} is not possible; use 0 < rate <= 0.5.")
    family = family_of(tuple(bank))
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
