"""Which of two kin came first, if one of them descends from the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.stats import false_discovery_control, fisher_exact

from fp.lineage.cross_detection import CrossDetection
from fp.lineage.pairs import Direction, Pair


def put_in_order(
    pairs: Sequence[Pair],
    crossed: CrossDetection,
    names: Sequence[str],
    sources: Sequence[int],
    rate: float,
) -> list[Pair]:
    """Name the earlier one of kin where the two directions of cross-detection differ.

    Parameters
    ----------
    pairs : sequence of Pair
        All pairs.
    crossed : CrossDetection
        Fingerprints against folders.
    names : sequence of str
        The K generators.
    sources : sequence of int
        Number of source photographs of each.
    rate : float
        Rate of false discoveries.

    Returns
    -------
    list of Pair
        The same pairs; kin have `p_order`, and a direction where its q is at most `rate`.

    Notes
    -----
    Training that goes on keeps what the earlier network left in its pictures and adds to it, so
    the fingerprint of the later one flags the images of the earlier one more often than the other
    way round. The two shares are compared by Fisher's exact test, counted in source photographs,
    and adjusted over all kin after Benjamini and Hochberg. Siblings differ as well, though neither
    is the parent: the order holds only if one of the two descends from the other.
    """
    kin = [number for number, pair in enumerate(pairs) if pair.relation == "kin"]
    row = {name: place for place, name in enumerate(crossed.fingerprints)}
    column = {name: place for place, name in enumerate(crossed.folders)}
    found = list(pairs)
    tested: dict[int, tuple[float, Direction]] = {}
    for number in kin:
        first, second = names[pairs[number].first], names[pairs[number].second]
        if {first, second} <= row.keys() & column.keys():
            there = crossed.flagged.value[row[first], column[second]]
            back = crossed.flagged.value[row[second], column[first]]
            n, m = sources[pairs[number].second], sources[pairs[number].first]
            hits = round(float(there) * n), round(float(back) * m)
            p = float(fisher_exact([[hits[0], n - hits[0]], [hits[1], m - hits[1]]]).pvalue)
            # The fingerprint of the later one flags more: the one that it flags came first.
            order: Direction = "second_before_first" if there > back else "first_before_second"
            tested[number] = (p, order)
    if not tested:
        return found
    q = false_discovery_control(np.array([p for p, _ in tested.values()]), method="bh")
    for (number, (p, order)), adjusted in zip(tested.items(), q, strict=True):
        direction: Direction = order if adjusted <= rate else "undirected"
        found[number] = replace(found[number], p_order=p, direction=direction)
    return found
