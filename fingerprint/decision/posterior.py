"""Which generator of a bank drew an image, where the bank was learned as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fp.fingerprint.decision.rows import Attribution
from fp.fingerprint.model.fingerprint import Fingerprint

NONE = "none of these"
"""Name of what is no generator of the bank."""

CREDIBLE = 0.95
"""Share of the posterior that the candidates of an image have together."""


def is_one_bank(members: Sequence[Fingerprint]) -> bool:
    """Return whether fingerprints are all those that were learned together, and no others."""
    names = sorted(member.name for member in members)
    return len(names) > 1 and all(
        member.rest is not None and sorted(member.parameters.get("peers", ())) == names
        for member in members
    )


def kin_of(members: Iterable[Fingerprint]) -> dict[str, tuple[str, ...]]:
    """Return by name which generators of a bank each is not told from."""
    found = {member.name: tuple(member.parameters.get("kin", ())) for member in members}
    return {name: kin for name, kin in found.items() if kin}


@dataclass(frozen=True)
class Posterior:
    """Rows with the probability of each generator, and the most probable of them.

    Parameters
    ----------
    rows : tuple of Attribution
        The rows, in their order.
    candidates : tuple of str
        Names that share 95 % of the posterior, the most probable first; `NONE` is one of them.
    """

    rows: tuple[Attribution, ...]
    candidates: tuple[str, ...]


def with_posterior(rows: Sequence[Attribution]) -> Posterior:
    """Return the rows of a bank with the probability of each generator.

    A generator has none where no calibration image was coded as this one, or where hardly any
    reference image shows such content. Where no generator has one, nothing is said.

    Notes
    -----
    With the ratios L_k of each generator against the references and R_k against all others of the
    bank and the references, P_k is proportional to L_k R_k / sum_j R_j, and none of these to 1: the
    former say whether a generator of the bank drew the image, the latter which of them. These are
    even odds between the bank, with all its generators alike, and the reference images.
    """
    known = [row for row in rows if row.log10_lr is not None and row.log10_lr_rest is not None]
    if not known:
        return Posterior(tuple(rows), ())
    told = [(row.log10_lr, row.log10_lr_rest) for row in known]
    against_references, against_rest = 10.0 ** np.array(told, dtype=np.float64).T
    odds = np.append(against_references * against_rest / against_rest.sum(), 1.0)
    shares = odds / odds.sum()
    names = [*(row.fingerprint for row in known), NONE]
    order = np.argsort(-shares, kind="stable")
    # As many as it takes, the last of them included.
    count = int(np.searchsorted(np.cumsum(shares[order]), CREDIBLE - 1e-12)) + 1
    posterior = {row.fingerprint: float(share) for row, share in zip(known, shares, strict=False)}
    return Posterior(
        tuple(replace(row, posterior=posterior.get(row.fingerprint)) for row in rows),
        tuple(names[k] for k in order[:count]),
    )
