"""Spectra of the pixels themselves: what a residual loses of a compressed or resized image.

A denoiser takes quantised frequencies for picture, so a residual of a compressed image says little
about them. These two look at the image, do not move with the place of a crop, and see processing
only; they are parts of what judges images as they come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from scipy.fft import dct, dctn

from fp.fingerprint.estimators.compiled_blocks import BLOCK, sum_blocks
from fp.fingerprint.estimators.linear import Linear
from fp.fingerprint.estimators.protocol import Role
from fp.images.jpeg_grid import jpeg_grid, luminance_window
from fp.system.arrays import Floats, Pixels

_CELLS = 128
_STRIDE = 5  # coprime with 8, so that blocks lie at every phase of a JPEG grid alike
_COSINES = dct(np.eye(BLOCK), axis=0, norm="ortho").astype(np.float32)
TO_YCC = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.168736, -0.331264, 0.5],
        [0.5, -0.418688, -0.081312],
    ],
    np.float32,
)


def cosine_spectrum(image_hwc: Pixels) -> Floats:
    """Return log10 of the mean squared DCT-II coefficients of the grey image, in cells.

    The shape is (1, min(128, H), min(128, W)).

    References
    ----------
    J. Frank et al., "Leveraging Frequency Analysis for Deep Fake Image Recognition", ICML 2020,
    arXiv 2003.08685.
    """
    power = dctn(image_hwc.astype(np.float32).mean(axis=2), norm="ortho") ** 2
    for axis in (0, 1):
        block = max(1, power.shape[axis] // _CELLS)
        whole = power.shape[axis] // block
        power = np.take(power, np.arange(whole * block), axis)
        shape = (whole, block, -1) if axis == 0 else (power.shape[0], whole, block)
        power = power.reshape(shape).mean(axis=1 if axis == 0 else 2)
    # A grey level squared is far above it; flat images have zeros.
    return np.asarray(np.log10(power + 1e-6), dtype=np.float32)[None]


def block_statistics(image_hwc: Pixels) -> Floats:
    """Return statistics of 8 x 8 cosine transforms at all phases of the grid, shape (12, 8, 8).

    For the absolute coefficients a of luminance and the two chrominances, in grey levels: log10 of
    their mean, the mean of log10(a + 1/2), the share below 1/2, and the mean of min(a, 2).
    """
    planes = np.ascontiguousarray((image_hwc.astype(np.float32) @ TO_YCC.T).transpose(2, 0, 1))
    sums = np.zeros((len(planes), 4, BLOCK * BLOCK))
    for plane, of_plane in zip(planes, sums, strict=True):
        blocks = sum_blocks(plane, _COSINES, _STRIDE, of_plane)
        of_plane /= blocks
    sums[:, 0] = np.log10(sums[:, 0] + 1e-3)
    return sums.transpose(1, 0, 2).reshape(-1, BLOCK, BLOCK).astype(np.float32)


CODING_NUMBERS = 12 * BLOCK**2 + 1
"""How many numbers `coding_statistics` gives."""


def coding_statistics(image_hwc: Pixels) -> Floats:
    """Compute the numbers that a lossy coding or a resampling changes, shape (769,).

    These are `block_statistics`, which a resampling changes, and the strength of the grid of 8 x 8
    blocks, which JPEG and its like leave wherever the grid lies. The image is the examined part, at
    least 8 x 8 pixels.
    """
    grid = jpeg_grid(luminance_window(image_hwc))
    return np.append(block_statistics(image_hwc).ravel(), np.float32(grid.strength))


class OfPixels(Linear):
    """Shrunk linear discriminant of what the pixels say; a subclass says what."""

    role: ClassVar[Role] = "processing"
    sees: ClassVar[Literal["residual", "pixels"]] = "pixels"
    in_windows: ClassVar[bool] = False


@dataclass(frozen=True)
class Cosine(OfPixels):
    """Shrunk linear discriminant of the image's log cosine spectrum."""

    name: ClassVar[str] = "cosine"

    def pixel_features(self, image_hwc: Pixels) -> Floats:
        """Return the log cosine spectrum; see `cosine_spectrum`."""
        return cosine_spectrum(image_hwc)


@dataclass(frozen=True)
class Blocks(OfPixels):
    """Shrunk linear discriminant of statistics of 8 x 8 cosine transforms."""

    name: ClassVar[str] = "blocks"

    def pixel_features(self, image_hwc: Pixels) -> Floats:
        """Return the statistics; see `block_statistics`."""
        return block_statistics(image_hwc)
