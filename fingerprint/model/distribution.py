"""Whether an image's coding is that of the calibration images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fp.fingerprint.model.typicality import View
from fp.system.arrays import Doubles, Floats

LEVEL = 0.02
"""Share of images like the calibration images that may count as coded otherwise."""


@dataclass(frozen=True, eq=False)
class OutOfDistribution:
    """Distances from the calibration images of both classes, with those that were held out.

    Parameters
    ----------
    scale : ndarray of float32, shape (p,)
        What each number is divided by, its deviation over the calibration images.
    view : View
        Mean of the calibration images and the shape of what varies, in these units.
    calibration : ndarray of float64, shape (n,)
        Held-out squared distance of each calibration image.
    codings : tuple of str
        How the calibration images were stored or prepared, sorted: of
        `fp.images.container.COMPRESSIONS`.

    Notes
    -----
    The numbers are those of `fp.fingerprint.estimators.pixels.coding_statistics`. p(D) =
    (1 + n at least as far) / (1 + n), the conformal p-value of a distance D. An image lies outside
    where p <= max(0.02, 1 / (1 + n)): of few images, where it is farther than all of them.
    """

    scale: Floats
    view: View
    calibration: Doubles
    codings: tuple[str, ...]

    @property
    def nbytes(self) -> int:
        """Bytes that its arrays hold in memory."""
        view = self.view
        held = (self.scale, self.calibration, view.mean, view.basis, view.variance)
        return sum(each.nbytes for each in held)

    def p(self, statistics: Floats) -> float:
        """Return the conformal p-value of one image's distance, by its numbers, shape (p,)."""
        rows = (statistics / self.scale).astype(np.float64)[None]
        farther = int(np.count_nonzero(self.calibration >= self.view.distance(rows)[0]))
        return (1 + farther) / (1 + self.calibration.size)

    def covers(self, p: float, compression: str) -> bool:
        """Return whether the p-values of a fingerprint speak of an image.

        They do not where `p`, the conformal p-value of its distance, is too small, or where it is
        stored with a loss that no calibration image had: `compression` says how.
        """
        if compression != "lossless" and compression not in self.codings:
            return False
        return p > max(LEVEL, 1 / (1 + self.calibration.size))
