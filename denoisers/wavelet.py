"""The noise extraction of the camera-PRNU pipeline: wavelets with Mihcak-Wiener shrinkage."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np
import pywt

from fp.denoisers.compiled_wavelet import noise_of_channel
from fp.denoisers.residual import DenoiserIdentity
from fp.system.arrays import Floats
from fp.system.errors import DenoiserError


@dataclass(frozen=True)
class Wavelet:
    """Wavelet denoiser after Mihcak et al.; a `DenoiserError` refuses parameters out of range.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise, in units of the full range [0, 1].
    wavelet : str
        Name of an orthogonal wavelet in PyWavelets.
    levels : int
        Depth of the decomposition.
    windows : tuple of int
        Sides of the box windows, in coefficients, odd.

    Notes
    -----
    In every detail band each coefficient w becomes w s^2 / (v + s^2), where s is ``sigma`` and
    v = min over windows of max(0, mean of w^2 in the window - s^2) estimates the local variance of
    the picture; the approximation band becomes 0. The inverse transform of that is the noise.
    The later steps of the camera pipeline (zero-mean rows and columns, Wiener filter in the DFT)
    are left out: they delete a generator's lattice.

    References
    ----------
    M. K. Mihcak, I. Kozintsev, K. Ramchandran, "Spatially adaptive statistical modeling of wavelet
    image coefficients and its application to denoising", ICASSP 1999,
    doi:10.1109/ICASSP.1999.757535.
    """

    sigma: float = 2 / 255
    wavelet: str = "db4"
    levels: int = 4
    windows: tuple[int, ...] = (3, 5, 7, 9)

    name: ClassVar[str] = "wavelet"

    def __post_init__(self) -> None:
        if not 0 < self.sigma < 1:
            raise DenoiserError(f"sigma must lie between 0 and 1, not at {self.sigma}.")
        if self.wavelet not in pywt.wavelist(kind="discrete"):
            raise DenoiserError(f"PyWavelets has no wavelet {self.wavelet!r}; use 'db4'.")
        if self.levels < 1:
            raise DenoiserError(f"levels must be at least 1, not {self.levels}.")
        if not self.windows or any(window < 1 or window % 2 == 0 for window in self.windows):
            raise DenoiserError(f"windows must be odd and positive, not {self.windows}.")

    @property
    def identity(self) -> DenoiserIdentity:
        """Identity of this denoiser, less the mean residual."""
        return DenoiserIdentity(self.name, 1, {**asdict(self), "windows": list(self.windows)})

    @property
    def reach(self) -> int:
        """How many pixels away a pixel may still change the noise, at a multiple of 64."""
        taps = int(pywt.Wavelet(self.wavelet).dec_len)
        step = 2**self.levels
        # Once down all levels, half of the largest window there, and up again.
        far = 2 * (step - 1) * (taps - 1) + step * (max(self.windows) // 2)
        return int(-(-far // max(64, step)) * max(64, step))

    def noise(self, image_chw: Floats) -> Floats:
        """Return the noise of an image in [0, 1], float32 (3, H, W), of the same shape and unit."""
        filters = pywt.Wavelet(self.wavelet).filter_bank
        low, high, low_back, high_back = (np.array(taps, np.float32) for taps in filters)
        decompose, rebuild = np.stack([low, high]), np.stack([low_back, high_back])
        windows, variance = np.array(self.windows, np.int64), np.float32(self.sigma**2)
        return np.stack(
            [
                noise_of_channel(channel, decompose, rebuild, self.levels, windows, variance)
                for channel in np.ascontiguousarray(image_chw)
            ]
        )
