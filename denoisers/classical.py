"""Classical denoisers from scikit-image, behind the same protocol."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np
from scipy.ndimage import median_filter
from skimage.restoration import denoise_nl_means

from fp.denoisers.residual import DenoiserIdentity
from fp.system.arrays import Floats
from fp.system.errors import DenoiserError


@dataclass(frozen=True)
class Median:
    """Image less its median filter, channel by channel.

    Parameters
    ----------
    size : int
        Side of the square window in pixels, odd and positive, or a `DenoiserError`.
    """

    size: int = 3

    name: ClassVar[str] = "median"

    def __post_init__(self) -> None:
        _check_side("size", self.size)

    @property
    def identity(self) -> DenoiserIdentity:
        """Identity of this denoiser, less the mean residual."""
        return DenoiserIdentity(self.name, 1, asdict(self))

    def noise(self, image_chw: Floats) -> Floats:
        """Estimate the noise of an image: shape (3, H, W), float32, image in [0, 1]."""
        clean = median_filter(image_chw, size=(1, self.size, self.size), mode="nearest")
        return np.asarray(image_chw - clean, dtype=np.float32)


@dataclass(frozen=True)
class NonLocalMeans:
    """Image less its non-local means (Buades et al. 2005, the fast variant of Darbon et al. 2008).

    A `DenoiserError` refuses parameters out of their range.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise, in units of the full range [0, 1].
    strength : float
        Cut-off of the patch distance, in multiples of ``sigma``.
    patch, distance : int
        Side of a patch, odd, and largest displacement of one, in pixels.
    """

    sigma: float = 3 / 255
    strength: float = 0.8
    patch: int = 5
    distance: int = 6

    name: ClassVar[str] = "nlm"

    def __post_init__(self) -> None:
        _check_side("patch", self.patch)
        if not 0 < self.sigma < 1 or self.strength <= 0 or self.distance < 1:
            raise DenoiserError(
                "sigma must lie between 0 and 1, strength and distance above 0, "
                f"not at {self.sigma}, {self.strength} and {self.distance}."
            )

    @property
    def identity(self) -> DenoiserIdentity:
        """Identity of this denoiser, less the mean residual."""
        return DenoiserIdentity(self.name, 1, asdict(self))

    def noise(self, image_chw: Floats) -> Floats:
        """Estimate the noise of an image: shape (3, H, W), float32, image in [0, 1]."""
        clean = denoise_nl_means(
            image_chw,
            patch_size=self.patch,
            patch_distance=self.distance,
            h=self.strength * self.sigma,
            sigma=self.sigma,
            fast_mode=True,
            channel_axis=0,
        )
        # scikit-image drops sides of a single pixel.
        return np.asarray(image_chw - clean.reshape(image_chw.shape), dtype=np.float32)


def _check_side(name: str, side: int) -> None:
    if side < 1 or side % 2 == 0:
        raise DenoiserError(f"{name} must be odd and positive, not {side}.")
