"""Small folders of pictures with a planted fingerprint.

Photographs are smooth random colour fields with grain. A generator takes every eighth pixel of such
a field and brings it back by a strided upsampling with fixed uneven taps, others for each seed, so
that a lattice remains that no photograph has.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

SIDE = 64

_STRIDE = 8

LOSSLESS = ("png", "bmp", "tif", "webp")

ODD_NAMES = (
    "with space.png",
    "naïve – ≠ 東京.png",
    "=1+2.png",
    "-leading.png",
    "a,b;c.png",
    'with "quotes".png',
    "new\nline.png",
    "carriage\rreturn.png",
    "back\\slash.png",
    b"not utf-8 \xff\xfe.png",
    "'; drop.png",
    "<b>.png",
)
"""Names of files that break careless tables; the bytes are no valid UTF-8."""


def photograph(seed: int, side: int = SIDE) -> Pixels:
    """Draw a smooth random field with grain, shape (side, side, 3)."""
    rng = np.random.default_rng([7, seed])
    field = _smooth(rng, side) + rng.normal(0, 2.0, (side, side, 3))
    return _to_pixels(field)


@dataclass(frozen=True)
class Generator:
    """A strided upsampling with random taps that are the same for each of its pictures.

    Parameters
    ----------
    seed : int
        Which generator.
    strength : float
        Size of the taps' irregularity; at 0 there is no fingerprint.
    """

    seed: int = 0
    strength: float = 0.004

    def draw(self, picture: int, side: int = SIDE) -> Pixels:
        """Draw a picture, shape (side, side, 3); `side` is a multiple of 8."""
        rng = np.random.default_rng([11, self.seed, picture])
        coarse = _smooth(rng, side)[::_STRIDE, ::_STRIDE]
        up = np.kron(coarse, np.ones((_STRIDE, _STRIDE, 1)))
        for _ in range(_STRIDE):
            up = _blur(up)
        taps = np.random.default_rng([13, self.seed]).normal(size=(_STRIDE, _STRIDE, 3))
        lattice = np.tile(taps - taps.mean((0, 1)), (side // _STRIDE, side // _STRIDE, 1))
        return _to_pixels(up * (1 + self.strength * lattice) + rng.normal(0, 2.0, up.shape))


def write_photographs(folder: Path, count: int, *, first: int = 0, side: int = SIDE) -> list[Path]:
    """Write photographs into a folder, in turn of every lossless format and some in subfolders."""
    return _write(folder, [photograph(first + i, side) for i in range(count)], "photo", first)


def write_generated(
    folder: Path,
    count: int,
    generator: Generator | None = None,
    *,
    first: int = 0,
    side: int = SIDE,
) -> list[Path]:
    """Write a generator's pictures into a folder, like `write_photographs`."""
    generator = generator or Generator()
    pictures = [generator.draw(first + i, side) for i in range(count)]
    return _write(folder, pictures, f"made{generator.seed}", first)


def save(pixels: Pixels, path: Path | bytes) -> None:
    """Write pixels without loss, in the format that the suffix names, also under odd names."""
    suffix = Path(os.fsdecode(path)).suffix.lower()
    kind = {".png": "PNG", ".bmp": "BMP", ".tif": "TIFF", ".webp": "WEBP"}[suffix]
    options = {"lossless": True} if kind == "WEBP" else {}
    with open(path, "wb") as file:  # noqa: PTH123 - a path of bytes
        Image.fromarray(pixels).save(file, kind, **options)


def _write(folder: Path, pictures: list[Pixels], stem: str, first: int) -> list[Path]:
    paths = []
    for index, pixels in enumerate(pictures):
        # Cycles of different lengths, so that every format occurs in every place.
        suffix = LOSSLESS[index % len(LOSSLESS)]
        place = folder / ("", "sub folder", "sub folder/deeper")[index % 3]
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"{stem} {first + index:04d}.{suffix}"
        save(pixels, path)
        paths.append(path)
    return paths


def _smooth(rng: np.random.Generator, side: int) -> NDArray[np.float64]:
    """Draw a smooth field in [40, 215]: a few waves of random direction in each channel."""
    place = np.arange(side) / 64
    field = np.zeros((side, side, 3))
    for channel in range(3):
        for across, along, phase in rng.uniform((-3, -3, 0), (3, 3, 6.3), (4, 3)):
            wave = np.outer(np.exp(1j * (across * place + phase)), np.exp(1j * along * place))
            field[..., channel] += wave.imag
    return 127.5 + 87.5 * field / 4


def _blur(field: NDArray[np.float64]) -> NDArray[np.float64]:
    for axis in (0, 1):
        field = (np.roll(field, 1, axis) + 2 * field + np.roll(field, -1, axis)) / 4
    return field


def _to_pixels(field: NDArray[np.float64]) -> Pixels:
    return np.clip(np.rint(field), 0, 255).astype(np.uint8)
