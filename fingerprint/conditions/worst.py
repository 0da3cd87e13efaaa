"""Scores in the worst case: a rate must hold whatever happened to an image, not on average.

Several versions of an image come to an expert: of other conditions, since the gate errs, and of
other strengths, since a rung of blur or of resizing stands for an interval of them. Scores move
with both: a photograph that was blurred a little more looks more like a generator's, and what
happened to it cannot be read from it well enough, since pictures differ in sharpness by more than
that. So a test reads each calibration image by the version that speaks most against its class, at
the strength that does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fp.fingerprint.model.conditions import Tested
from fp.system.arrays import Doubles, Flags, Indices

FEWEST = 8
"""Versions with a strength below which no line is fitted."""


@dataclass(frozen=True, eq=False)
class Worst:
    """The versions of all images that come to one expert.

    Parameters
    ----------
    image : ndarray of int, shape (M,)
        Number of the image of each version; every image has one at least.
    labels : ndarray of bool, shape (N,)
        True for the generator's images.
    strength : ndarray of float64, shape (M,)
        Strength of each version; NaN where it has none, or none that compares.
    reach : tuple of float, or None
        Strengths that the expert stands for; None where it has none.
    """

    image: Indices
    labels: Flags
    strength: Doubles
    reach: tuple[float, float] | None

    def tested(self, scores: Doubles) -> Tested:
        """Give the worst score of every image.

        Parameters
        ----------
        scores : ndarray of float64, shape (M,)
            Held-out score of each version.

        Returns
        -------
        Tested
            The highest of each reference image and the lowest of each of the generator's.
        """
        found = []
        for label, sign in ((False, 1.0), (True, -1.0)):
            mine = self.labels[self.image] == label
            values = scores[mine]
            if self.reach is not None:
                values = moved(values, self.strength[mine], self.reach, sign)
            worst = np.full(self.labels.size, -np.inf)
            np.maximum.at(worst, self.image[mine], sign * values)
            found.append(sign * worst[self.labels == label])
        return Tested(*found)


def moved(scores: Doubles, strength: Doubles, reach: tuple[float, float], sign: float) -> Doubles:
    """Move scores along their line over the strength to its worst end.

    Parameters
    ----------
    scores : ndarray of float64, shape (n,)
        Scores of one class.
    strength : ndarray of float64, shape (n,)
        Strength that each version went through; NaN where it has none.
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
