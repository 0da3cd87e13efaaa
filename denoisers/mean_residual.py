"""What a denoiser takes for noise in every picture: its mean residual over photographs.

A denoiser leaves a pattern of its own: at the borders, where it has less to see, and, if it works
on a decimated grid, on that grid. The map ships with the denoiser and serves every size by one
rule: near a border the map's own border, inside its periodic middle, counted from the top-left
pixel. It is estimated on crops at random offsets, so that the JPEG grid of the photographs averages
out and only what is tied to the denoiser stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

BORDER = 32
"""Rows and columns at each side that have their own mean; a multiple of `PERIOD`."""

PERIOD = 16
"""Period of the middle: 2^4, the decimation of four wavelet levels."""

MAP_SIDE = 2 * BORDER + PERIOD

FloatArray = NDArray[np.float32]


def map_index(length: int) -> NDArray[np.intp]:
    """Give, for each row (or column) of an image, the row of the map that serves it.

    Row y is served by row y of the map while it is nearer than 32 to the first row and no nearer
    to the last; by the row at the same distance from the map's end while it is nearer than 32 to
    the last; and by row 32 + (y - 32) mod 16 in between.

    Parameters
    ----------
    length : int
        Number of rows of the image, at least 1.

    Returns
    -------
    ndarray of intp, shape (length,)
        Values in [0, 80).
    """
    from_start = np.arange(length)
    from_end = from_start[::-1]
    index = BORDER + (from_start - BORDER) % PERIOD
    index = np.where(from_end < BORDER, MAP_SIDE - 1 - from_end, index)
    return np.where((from_start < BORDER) & (from_start <= from_end), from_start, index)


@dataclass(frozen=True, eq=False)
class MeanResidual:
    """Mean residual of one denoiser, right at any size.

    Parameters
    ----------
    map_chw : ndarray of float32, shape (3, 80, 80)
        The map, in the unit of the image range [0, 1].
    """

    map_chw: FloatArray

    def __post_init__(self) -> None:
        if self.map_chw.shape != (3, MAP_SIDE, MAP_SIDE):
            raise ValueError(
                f"A mean residual has shape (3, {MAP_SIDE}, {MAP_SIDE}), not {self.map_chw.shape}."
            )

    @property
    def sha256(self) -> str:
        """Hash of the values, in hexadecimal."""
        return hashlib.sha256(np.ascontiguousarray(self.map_chw, "<f4").tobytes()).hexdigest()

    def at_size(self, height: int, width: int) -> FloatArray:
        """Bring the map to the size of an image.

        Parameters
        ----------
        height, width : int
            Size of the image in pixels.

        Returns
        -------
        ndarray of float32, shape (3, height, width)
            What to subtract from the noise; shared between calls and read-only.
        """
        return _expanded(self, height, width)

    @classmethod
    def load(cls, path: Path) -> MeanResidual:
        """Read a map that `save` wrote."""
        return cls(np.asarray(load_file(path)["mean_residual"], dtype=np.float32))

    def save(self, path: Path) -> None:
        """Write the map as safetensors."""
        save_file({"mean_residual": np.ascontiguousarray(self.map_chw)}, path)


@lru_cache(maxsize=8)
def _expanded(mean: MeanResidual, height: int, width: int) -> FloatArray:
    full = mean.map_chw[:, map_index(height)[:, None], map_index(width)[None, :]]
    full.setflags(write=False)
    return full


def estimate(
    noise_of: Callable[[FloatArray], FloatArray],
    photographs_hwc: Iterable[NDArray[np.uint8]],
    seed: int = 0,
    crops_per_photograph: int = 2,
) -> MeanResidual:
    """Average a denoiser's noise over random crops of photographs.

    Parameters
    ----------
    noise_of : callable
        Noise of an image, shape (3, H, W) to the same shape, float32 in [0, 1].
    photographs_hwc : iterable of ndarray of uint8, shape (H, W, 3)
        Photographs of at least 128 pixels a side.
    seed : int
        Seed of the offsets.
    crops_per_photograph : int
        Crops of each photograph, at offsets and of sizes drawn at random.

    Returns
    -------
    MeanResidual
        The map.
    """
    rng = np.random.default_rng(seed)
    total = np.zeros((3, MAP_SIDE * MAP_SIDE))
    count = np.zeros(MAP_SIDE * MAP_SIDE)
    for photograph in photographs_hwc:
        for _ in range(crops_per_photograph):
            crop = _random_crop(photograph, rng)
            noise = noise_of(np.ascontiguousarray(crop.transpose(2, 0, 1), np.float32) / np.float32(255))
            rows, columns = map_index(noise.shape[1]), map_index(noise.shape[2])
            place = (rows[:, None] * MAP_SIDE + columns[None, :]).ravel()
            count += np.bincount(place, minlength=count.size)
            for channel in range(3):
                total[channel] += np.bincount(place, noise[channel].ravel(), count.size)
    mean = total / np.maximum(count, 1)
    return MeanResidual(mean.reshape(3, MAP_SIDE, MAP_SIDE).astype(np.float32))


def _random_crop(image_hwc: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Crop to a random multiple of 16 at a random offset: no phase of the photograph survives."""
    sides, offsets = [], []
    for length in image_hwc.shape[:2]:
        side = int(rng.integers(6, (length - PERIOD) // PERIOD + 1)) * PERIOD
        sides.append(side)
        offsets.append(int(rng.integers(0, length - side + 1)))
    (height, width), (top, left) = sides, offsets
    return image_hwc[top : top + height, left : left + width]
