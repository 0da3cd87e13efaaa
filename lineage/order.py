"""Which of two kin came first, if one of them descends from the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.stats import false_discovery_control

from fp.lineage.pairs import Direction, Pair

_MORE = 1.2  # times: by what one direction answers more, at least


def put_in_order(pairs: Sequence[Pair], rate: float) -> list[Pair]:
    """Return the pairs, kin with the earlier one named where the two directions answer differently.

    That is where one of them answers a fifth more than the other at least, and the q of their
    `p_symmetry` is at most `rate`.

    Training that goes on at a falling rate leaves a network a weaker pattern than it had. So the
    images of the earlier one answer to the fingerprint of the later one more strongly, measured by
    what its own images answer, than the other way round. The bootstrap p of "both answer alike" is
    adjusted over all kin after Benjamini and Hochberg. Enough images show any difference beyond
    chance, that of two patterns of one strength as well, so it has to have a size too. Siblings can
    differ by as much, though neither is the parent: the order holds only if one of the two descends
    from the other, by training that went on from it.
    """
    kin = [number for number, pair in enumerate(pairs) if pair.relation == "kin"]
    found = list(pairs)
    if not kin:
        return found
    q = false_discovery_control(np.array([pairs[number].p_symmetry for number in kin]), method="bh")
    for number, adjusted in zip(kin, q, strict=True):
        pair = pairs[number]
        there, back = pair.response_forward, pair.response_backward
        if adjusted <= rate and max(there, back) >= _MORE * min(there, back):
            # The fingerprint of the later one answers more: what it answers to came first.
            order: Direction = "second_before_first" if there > back else "first_before_second"
            found[number] = replace(pair, direction=order)
    return found
