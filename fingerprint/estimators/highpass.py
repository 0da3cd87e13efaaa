"""The image itself, less its surroundings, folded to the lattice: what a denoiser takes along.

Compression leaves of the lattice what is in large coefficients, and a denoiser takes large
coefficients for picture. A plain high-pass keeps them; where it is large it is content, so it
counts the less the farther it goes beyond a limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from fp.fingerprint.estimators.cyclic import LARGEST, Cyclic
from fp.fingerprint.estimators.pixels import TO_YCC
from fp.fingerprint.estimators.protocol import Estimator
from fp.images.compiled_box import box_mean
from fp.system.arrays import Array, Floats, Pixels

_WINDOW = 9
_LIMIT = 48.0


def folded_highpass(image_hwc: Pixels) -> Floats:
    """Fold the limited high-pass of an image to 8 x 8 phases, shape (3, 8, 8).

    For luminance and the two chrominances it is the mean at each phase, in grey levels; what does
    not fill a period at the right and at the bottom is left out. With h the plane less its mean
    over 9 x 9 pixels, what is averaged is h / (1 + (h / T)^2) at T = 48: Cauchy's influence
    function.
    """
    planes = np.ascontiguousarray((image_hwc.astype(np.float32) @ TO_YCC.T).transpose(2, 0, 1))
    found = np.stack([plane - box_mean(plane, _WINDOW).T for plane in planes])
    found /= 1 + np.square(found / np.float32(_LIMIT))
    blocks = [side // LARGEST for side in found.shape[1:]]
    whole = found[:, : blocks[0] * LARGEST, : blocks[1] * LARGEST]
    folded = whole.reshape(3, blocks[0], LARGEST, blocks[1], LARGEST).mean(axis=(1, 3))
    return np.asarray(folded, dtype=np.float32)


@dataclass(frozen=True)
class HighPass(Cyclic):
    """Shrunk linear discriminant of a folded high-pass; it learns, scores and moves as `Cyclic`."""

    name: ClassVar[str] = "highpass"
    reads: ClassVar[str] = "highpass"
    sees: ClassVar[Literal["residual", "pixels"]] = "pixels"
    in_windows: ClassVar[bool] = False

    features = Estimator.features

    def pixel_features(self, image_hwc: Pixels) -> Floats:
        """Return the folded high-pass; see `folded_highpass`."""
        return folded_highpass(image_hwc)

    def view(self, features: Array) -> None:
        """Return None: what is typical is read from covariances of residuals."""
