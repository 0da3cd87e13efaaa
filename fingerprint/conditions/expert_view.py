"""A fingerprint as one of its experts sees it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fp.fingerprint.model.fingerprint import Fingerprint
    from fp.fingerprint.model.joined import Joined


def view(fingerprint: Fingerprint, index: int, searched: bool) -> Fingerprint:
    """Give an expert as a fingerprint of its own, so that it judges as any other does.

    Parameters
    ----------
    fingerprint : Fingerprint
        A fingerprint with conditions.
    index : int
        Number of the expert.
    searched : bool
        Whether its score is the largest over all phases.

    Returns
    -------
    Fingerprint
        With the expert's parts and calibration.
    """
    assert fingerprint.conditions is not None
    expert = fingerprint.conditions.experts[index]
    joined: Joined | None = expert.joined
    real, generated = expert.real, expert.generated
    pattern, offset = expert.pattern, expert.offset
    if searched:
        found = expert.searched
        real, generated = found.real, found.generated
        pattern, offset = found.pattern, found.offset
        joined = replace(
            expert.joined,
            specific_real=found.specific_real,
            specific_generated=found.specific_generated,
        )
    if fingerprint.joined is None:  # one estimator, which stands alone here too
        (part,) = expert.joined.parts
        pattern, offset, joined = part.pattern, part.offset, None
    return replace(
        fingerprint,
        pattern=pattern,
        offset=offset,
        calibration=replace(fingerprint.calibration, real=real, generated=generated),
        null=None,
        joined=joined,
        conditions=None,
    )
