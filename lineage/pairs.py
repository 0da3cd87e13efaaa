"""What may be said of two generators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fp.lineage.levels import PairComparison
from fp.system.arrays import Doubles, Flags

OUT_OF_REACH = "no_data_could_decide"
"""Reason of a pair that could not have been shown to be kin, whatever its images."""

Relation = Literal["kin", "undecided", "not_shown"]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two generators; the fields stand as the columns of pairs.csv.

    Parameters
    ----------
    first, second : int
        Their numbers.
    relation : {"kin", "undecided", "not_shown"}
        See `relate`.
    reasons : tuple of str
        Why it is not "kin".
    kinship : float
        Cosine of their patterns, free of noise, in [-1, 1].
    low, high : float
        95 % bootstrap interval of the kinship over sources.
    p_forward, p_backward : float
        Permutation p of fingerprint `first` on images of `second`, and the other way round.
        Counted among `strangers`; NaN where there is nothing to test.
    strangers : int
        Number of patterns that p was counted among, 16 P^2: no p is below 1 / `strangers`.
    q : float
        The larger p, adjusted for the number of tested pairs (Benjamini and Hochberg).
    response_forward, response_backward : float
        What the images of the other raise the fingerprint's score by, its own images' being 1;
        NaN where a generator shows no pattern.
    """

    first: int
    second: int
    relation: Relation
    reasons: tuple[str, ...]
    kinship: float
    low: float
    high: float
    p_forward: float
    p_backward: float
    strangers: int
    q: float
    response_forward: float
    response_backward: float


def relate(
    low: float,
    high: float,
    p: tuple[float, float],
    q: float,
    cut: float,
    rate: float,
    coded: bool = False,
    reach: bool = True,
) -> tuple[Relation, tuple[str, ...]]:
    """Return the relation that the figures of a pair support, and what stands against ``kin``.

    It is ``kin`` where both directions are significant and the interval from `low` to `high` lies
    above the cut; ``not_shown`` where the pair was not tested (`q`, the larger p adjusted, is NaN),
    or where the interval lies below the cut and the pair is not significant or the interval
    contains 0; else ``undecided``. Where both are `coded` with loss, the pattern that they have in
    common may be that of the codec, whose strength depends on the content: they are never ``kin``.
    Where the rate was out of `reach` of any data, the reason says that and not what p was.
    """
    if np.isnan(q):
        return "not_shown", ("no_common_pattern",)
    reasons = []
    if q > rate:
        one = min(p) <= rate < max(p)
        counted = "one_direction_only" if one else "not_beyond_strangers"
        reasons.append(counted if reach else OUT_OF_REACH)
    if high < cut:
        reasons.append("kinship_below_cut")
    elif low < cut:
        reasons.append("interval_contains_cut")
    if coded:
        reasons.append("both_compressed")
    if not reasons:
        return "kin", ()
    if high < cut and (q > rate or low <= 0):
        return "not_shown", tuple(reasons)
    return "undecided", tuple(reasons)


def pair_up(
    compared: PairComparison, q: Doubles, coded: Flags, reach: Flags, cut: float, rate: float
) -> list[Pair]:
    """Return all pairs in the order (0, 1), (0, 2), ...

    q, whether both were `coded` with loss, and whether the rate was within `reach`, shape (K, K),
    are those of pairs.
    """
    kinship, p = compared.kinship, compared.p
    low, high = np.quantile(compared.resampled, (0.025, 0.975), axis=0)
    tables = {
        "kinship": kinship,
        "low": np.minimum(low, kinship),
        "high": np.maximum(high, kinship),
        "p_forward": p,
        "p_backward": p.T,
        "q": q,
        "response_forward": compared.relative,
        "response_backward": compared.relative.T,
    }
    found = []
    for i, j in zip(*np.triu_indices(len(kinship), 1), strict=True):
        at = {name: float(table[i, j]) for name, table in tables.items()}
        both = at["p_forward"], at["p_backward"]
        limits = at["low"], at["high"]
        special = bool(coded[i, j]), bool(reach[i, j])
        relation, reasons = relate(*limits, both, at["q"], cut, rate, *special)
        found.append(
            Pair(
                first=int(i),
                second=int(j),
                relation=relation,
                reasons=reasons,
                strangers=int(compared.strangers[i, j]),
                **at,
            )
        )
    return found
