"""What stands at fixed places of the whole frame, and is on no lattice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from PIL import Image
from scipy import fft

from fp.fingerprint.estimators.mean import Mean
from fp.fingerprint.estimators.protocol import Course, Estimator, Fitted
from fp.images.compiled_box import box_mean
from fp.system.arrays import Array, Doubles, Flags, Floats, Indices

MOST_SIDE = 512
"""Side in pixels of the part that is searched at most: the time grows faster than the area."""

SMALLEST_SCALE = 0.5
"""How much an image may have been reduced."""

NOTHING, SURE = 100.0, 1000.0
"""Peak-to-correlation energies up to which nothing was found, and from which on more says no more.

Noise reaches about 30, photographs and other generators' pictures at most 60 (docs/decisions.md).
"""

_STEP = 2  # in pixels of the longer side: the pattern's edges are then off by half a pixel at most
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
_WINDOW = 9
_FLAT = (0.5 / 255) ** 2  # half a grey level: flat areas are not blown up


@dataclass(frozen=True)
class Frame(Estimator):
    """Mean luminance residual of the generated images, found at any place and reduction.

    Notes
    -----
    With the residual's luminance r and its mean square s^2 over 9 x 9 pixels, q = r / sqrt(s^2 +
    f^2), where f is half a grey level. F is the mean of q over the generated images, F_a the same
    reduced to the scale a, and C_a the cyclic cross-correlation of an image's q with F_a at all
    H x W offsets. The peak-to-correlation energy is taken at the best of all scales from 1 to 1/2,

        P = max_a max(C_a)^2 / mean(C_a^2),

    and the score is log10(P / 100), limited to [0, 1]: 0 where nothing was found, 1 where it was
    found beyond doubt, however much was lost on the way. The same maximum is taken of every image,
    so the calibration is that of a maximum.

    References
    ----------
    F. Marra, D. Gragnaniello, L. Verdoliva, G. Poggi, "Do GANs leave artificial fingerprints?",
    arXiv:1812.11842 (the mean). M. Goljan, J. Fridrich, "Camera identification from cropped and
    scaled images", Proc. SPIE 6819, 2008, doi:10.1117/12.766732 (the search).
    """

    name: ClassVar[str] = "frame"
    in_windows: ClassVar[bool] = False
    any_coding: ClassVar[bool] = True  # the correlation is divided by its own energy

    def features(self, residual_chw: Floats) -> Floats:
        """Return the evened luminance of a residual, of 512 x 512 pixels at most, (1, H, W)."""
        plane = np.tensordot(_LUMINANCE, residual_chw[:, :MOST_SIDE, :MOST_SIDE], 1)
        energy = box_mean(np.square(plane), _WINDOW).T
        return np.asarray(plane / np.sqrt(energy + np.float32(_FLAT)))[None]

    def fit(
        self,
        features: Array,
        labels: Flags,
        groups: Indices,
        course: Course | None = None,
    ) -> Fitted:
        """Average the generated residuals; see `Estimator.fit`."""
        return Mean().fit(features, labels, groups)

    def score(self, features: Array, pattern: Floats, offset: float = 0.0) -> Doubles:
        """Search residuals (N, 1, H, W) for a pattern (1, H, W)."""
        plane = np.ascontiguousarray(pattern[0])
        spectra = _spectra(plane.tobytes(), plane.shape)
        energies = np.array([_search(row[0], spectra) for row in features])
        return np.asarray(np.log10(np.clip(energies, NOTHING, SURE) / NOTHING) - offset)

    def picture(self, pattern: Floats, side: int) -> Floats | None:
        """Return the pattern itself."""
        return pattern


@lru_cache(maxsize=1)
def _spectra(pattern: bytes, shape: tuple[int, int]) -> tuple[Array, ...]:
    """Return the conjugate spectrum of a pattern at each scale. Of one pattern they are kept."""
    plane = np.frombuffer(pattern, np.float32).reshape(shape)
    return tuple(np.conj(fft.rfft2(scaled - scaled.mean(), shape)) for scaled in _scaled(plane))


def _scaled(plane: Floats) -> Iterator[Floats]:
    height, width = plane.shape
    longest = max(plane.shape)
    yield plane
    for length in range(longest - _STEP, int(longest * SMALLEST_SCALE) - 1, -_STEP):
        size = (round(width * length / longest), round(height * length / longest))
        yield np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BICUBIC))


def _search(residual: Floats, spectra: tuple[Array, ...]) -> float:
    """Return the largest peak-to-correlation energy over all scales."""
    found = fft.rfft2(residual - residual.mean())
    best = 0.0
    for spectrum in spectra:
        correlation = fft.irfft2(found * spectrum, residual.shape)
        energy = float(np.square(correlation).mean())
        if energy > 0:
            best = max(best, float(correlation.max()) ** 2 / energy)
    return best
