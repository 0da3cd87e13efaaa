"""Scores at the worst strength of a rung: a rate must hold at every strength, not on average.

A rung of blur or of resizing stands for an interval of strengths, and the score of an image moves
with its strength: photographs that were blurred a little more look more like a generator's. What
the strength was cannot be measured well enough, since pictures differ in sharpness more than that.
So a test reads each calibration score as it would be at the strength that speaks most against its
class.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fp.fingerprint.conditions.experts import Tested
from fp.fingerprint.conditions.ladder import alike, reach
from fp.fingerprint.estimators import Labels

Doubles = NDArray[np.float64]
Indices = NDArray[np.intp]

FEWEST = 8
"""Images with a strength below which no line is fitted."""


class Span:
    """The strengths that an expert is calibrated at.

    Parameters
    ----------
    condition : str
        Its rung.
    conditions : sequence of str
        All rungs.
    drawn : ndarray of int, shape (N,)
        Number of the rung whose version of each image calibrates the expert.
    strength : ndarray of float64, shape (K, N)
        Strength of each version; NaN where it has none.
    """

    def __init__(
        self, condition: str, conditions: Sequence[str], drawn: Indices, strength: Doubles
    ) -> None:
        self._reach = reach(condition, conditions)
        comparable = np.array([alike(condition, other) for other in conditions])
        self._strength = strength[drawn, np.arange(drawn.size)]
        self._strength[~comparable[drawn]] = np.nan

    def tested(self, scores: Doubles, labels: Labels) -> Tested | None:
        """Move scores to the worst strength; None where the rung has no strengths.

        Parameters
        ----------
        scores : ndarray of float64, shape (N,)
            Held-out scores.
        labels : ndarray of bool, shape (N,)
            True for the generator's images.

        Returns
        -------
        Tested
            Of either class.
        """
        if self._reach is None or not np.isfinite(self._strength).any():
            return None
        return Tested(
            moved(scores[~labels], self._strength[~labels], self._reach, 1.0),
            moved(scores[labels], self._strength[labels], self._reach, -1.0),
        )


def moved(scores: Doubles, strength: Doubles, reach: tuple[float, float], sign: float) -> Doubles:
    """Move scores along their line over the strength to its worst end.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        Scores of one class.
    strength : ndarray of float64, shape (n,)
        Strength that each image went through; NaN where it has none.
    reach : tuple of float
        Lowest and highest strength.
    sign : {1.0, -1.0}
        1.0 where high scores are the worst.

    Returns
    -------
    ndarray of float64, shape (n,)
        s_i + max(0, b (t* - t_i)) for the highest and s_i + min(0, b (t* - t_i)) for the lowest,
        with the least-squares slope b of the scores over the strengths and t* the end of the reach
        at which b t is largest, or smallest. Scores without a strength stay.
    """
    known = np.isfinite(strength)
    t = strength[known]
    if t.size < FEWEST or t.std() == 0:
        return scores
    slope = float(((t - t.mean()) * scores[known]).mean() / t.var())
    worst = reach[1] if sign * slope > 0 else reach[0]
    found = scores.copy()
    found[known] += sign * np.maximum(0.0, sign * slope * (worst - t))
    return found
