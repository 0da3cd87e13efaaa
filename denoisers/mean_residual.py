"""What a denoiser takes for noise in every picture: its mean residual over photographs.

A denoiser leaves a pattern of its own: at the borders, where it has less to see, and, if it works
on a decimated grid, on that grid. The map ships with the denoiser and serves every size by one
rule: near a border the map's own border, inside its periodic middle, counted from the top-left
pixel. It is estimated on crops at random offsets, so that the JPEG grid of the photographs averages
out and only what is tied to the denoiser stays. What two halves of the photographs do not agree on
is chance and is left out: subtracted, it would be a pattern of our own in every residual.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from fp.system.arrays import Doubles, Floats, Indices, Pixels
from fp.system.errors import DenoiserError

BORDER = 32
"""Rows and columns at each side that have their own mean; a multiple of `PERIOD`."""

PERIOD = 16
"""Period of the middle: 2^4, the decimation of four wavelet levels."""

MAP_SIDE = 2 * BORDER + PERIOD

_TENSOR = "mean_residual"
_LEAST_SIDE = 128
_DEPTHS = (0, 1, 2, 4, 8, 16)  # distances from a border at which a new zone begins


def map_index(length: int) -> Indices:
    """Return which row of the map, in [0, 80), serves each row of an image. Columns are alike.

    Row y is served by row y of the map while it is nearer than 32 to the first row and no nearer to
    the last; by the row at the same distance from the map's end while it is nearer than 32 to the
    last; and by row 32 + (y - 32) mod 16 in between.
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
        The map, in the unit of the image range [0, 1]; finite, or a `DenoiserError`.
    """

    map_chw: Floats

    def __post_init__(self) -> None:
        expected = (3, MAP_SIDE, MAP_SIDE)
        if self.map_chw.shape != expected or self.map_chw.dtype != np.float32:
            raise DenoiserError(
                f"A mean residual is float32 of shape {expected}, "
                f"not {self.map_chw.dtype} of shape {self.map_chw.shape}."
            )
        if not np.isfinite(self.map_chw).all():
            raise DenoiserError("A mean residual has values that are not finite.")

    @property
    def sha256(self) -> str:
        """Hash of the values, in hexadecimal."""
        return hashlib.sha256(np.ascontiguousarray(self.map_chw, "<f4").tobytes()).hexdigest()

    def at_size(self, height: int, width: int) -> Floats:
        """Return what to subtract from the noise of an image, float32 (3, height, width).

        It is shared between calls and read-only.
        """
        return _expanded(self, height, width)

    @classmethod
    def load(cls, path: Path) -> MeanResidual:
        """Read a map that `save` wrote; a DenoiserError names a file that holds none."""
        try:
            return cls(load_file(path)[_TENSOR])
        except (OSError, KeyError, SafetensorError, DenoiserError) as error:
            raise DenoiserError(
                f"{path} holds no mean residual ({error}); install fp again."
            ) from None

    def save(self, path: Path) -> None:
        """Write the map as safetensors."""
        path.write_bytes(save({_TENSOR: np.ascontiguousarray(self.map_chw)}))


@lru_cache(maxsize=8)
def _expanded(mean: MeanResidual, height: int, width: int) -> Floats:
    full = mean.map_chw[:, map_index(height)[:, None], map_index(width)[None, :]]
    full.setflags(write=False)
    return full


def estimate(
    noise_of: Callable[[Floats], Floats],
    photographs_hwc: Iterable[Pixels],
    seed: int = 0,
    crops_per_photograph: int = 2,
) -> MeanResidual:
    """Average a denoiser's noise, float32 (3, H, W) in [0, 1], over random crops of photographs.

    Offsets and sizes of the crops are drawn at random. `DenoiserError` if there are fewer than two
    photographs, uint8 (H, W, 3), or one has less than 128 pixels a side.

    The mean over all crops is modelled as a level, an effect of the row, an effect of the column
    and a tile of 16 x 16 that repeats: 417 numbers a channel, each the mean of many pixels, where a
    pixel of the map by itself is mostly chance. With a and b the same part from every other
    photograph, each zone of each part is multiplied by max(0, sum of a b) / sum of ((a + b) / 2)^2,
    the Wiener factor: chance that differs between the halves cancels in its numerator.
    """
    rng = np.random.default_rng(seed)
    total = np.zeros((2, 3, MAP_SIDE * MAP_SIDE))
    count = np.zeros((2, MAP_SIDE * MAP_SIDE))
    number = 0
    for number, photograph in enumerate(photographs_hwc, start=1):
        if min(photograph.shape[:2]) < _LEAST_SIDE:
            height, width = photograph.shape[:2]
            raise DenoiserError(
                f"A photograph of {width} x {height} pixels is too small for a mean residual; "
                f"use photographs of at least {_LEAST_SIDE} pixels a side."
            )
        half = number % 2
        for _ in range(crops_per_photograph):
            crop = _random_crop(photograph, rng).transpose(2, 0, 1)
            noise = noise_of(np.ascontiguousarray(crop, np.float32) / np.float32(255))
            rows, columns = map_index(noise.shape[1]), map_index(noise.shape[2])
            place = (rows[:, None] * MAP_SIDE + columns[None, :]).ravel()
            count[half] += np.bincount(place, minlength=count.shape[1])
            for channel in range(3):
                total[half, channel] += np.bincount(place, noise[channel].ravel(), count.shape[1])
    if number < 2:
        raise DenoiserError(
            "A mean residual needs at least two photographs; name a folder of them."
        )
    shape = (2, 3, MAP_SIDE, MAP_SIDE)
    return MeanResidual(_repeatable(total.reshape(shape), count.reshape(2, 1, *shape[2:])))


def _repeatable(total: Doubles, count: Doubles) -> Floats:
    """Return what two halves agree on: sums and counts (2, ., 80, 80) to a map (3, 80, 80)."""
    level = total.sum((2, 3), keepdims=True) / count.sum((2, 3), keepdims=True)
    row = total.sum(3, keepdims=True) / count.sum(3, keepdims=True) - level
    column = total.sum(2, keepdims=True) / count.sum(2, keepdims=True) - level
    rest = total - count * (level + row + column)
    tile = _folded(rest) / _folded(count)
    zone, whole = _zones(), np.zeros((1, 1), np.intp)
    repeats = MAP_SIDE // PERIOD
    kept = (
        _agreed(level, whole)
        + _agreed(row, zone[:, None])
        + _agreed(column, zone[None, :])
        + np.tile(_agreed(tile, np.zeros((PERIOD, PERIOD), np.intp)), (1, repeats, repeats))
    )
    return kept.astype(np.float32)


def _folded(values: Doubles) -> Doubles:
    blocks = MAP_SIDE // PERIOD
    return np.asarray(values.reshape(*values.shape[:2], blocks, PERIOD, blocks, PERIOD).sum((2, 4)))


def _agreed(part: Doubles, zone: Indices) -> Doubles:
    a, b = part
    mean = (a + b) / 2
    common = np.bincount(zone.ravel(), (a * b).sum(0).ravel())
    power = np.bincount(zone.ravel(), np.square(mean).sum(0).ravel())
    factor = np.clip(common / np.maximum(power, np.finfo(float).tiny), 0, 1)
    return np.asarray(mean * factor[zone])


def _zones() -> Indices:
    """Return the zone of each row of the map: border bands and the middle."""
    depth = np.searchsorted(_DEPTHS, np.arange(BORDER), side="right") - 1
    middle = np.full(PERIOD, len(_DEPTHS))
    return np.concatenate([depth, middle, (2 * len(_DEPTHS) - depth)[::-1]]).astype(np.intp)


def _random_crop(image_hwc: Pixels, rng: np.random.Generator) -> Pixels:
    """Crop to a random multiple of 16; every phase of the photograph is equally probable."""
    sides, offsets = [], []
    for length in image_hwc.shape[:2]:
        side = int(rng.integers(6, (length - PERIOD) // PERIOD + 1)) * PERIOD
        sides.append(side)
        offsets.append(int(rng.integers(0, (length - side) // PERIOD * PERIOD)))
    (height, width), (top, left) = sides, offsets
    return image_hwc[top : top + height, left : left + width]
