"""Random changes of training images, after Community Forensics.

J. Park, A. Owens, "Community Forensics" (arXiv 2411.04125): a random number of operations in random
order from JPEG compression, resizing with a random interpolation, cropping, flipping, rotation,
translation, shear, padding and cut-out.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageOps

from fp.system.arrays import Pixels

Random = np.random.Generator

_INTERPOLATIONS = (
    Image.Resampling.NEAREST,
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.LANCZOS,
)


def _jpeg(image: Image.Image, rng: Random) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(rng.integers(50, 101)))
    with Image.open(buffer) as decoded:
        return decoded.convert("RGB")


def _resize(image: Image.Image, rng: Random) -> Image.Image:
    factor = rng.uniform(0.5, 1.5)
    size = (max(32, round(image.width * factor)), max(32, round(image.height * factor)))
    return image.resize(size, _INTERPOLATIONS[rng.integers(len(_INTERPOLATIONS))])


def _crop(image: Image.Image, rng: Random) -> Image.Image:
    width, height = (max(32, int(side * rng.uniform(0.6, 1))) for side in image.size)
    left = int(rng.integers(0, max(1, image.width - width + 1)))
    top = int(rng.integers(0, max(1, image.height - height + 1)))
    return image.crop((left, top, left + width, top + height))


def _flip(image: Image.Image, rng: Random) -> Image.Image:
    return ImageOps.mirror(image) if rng.random() < 0.5 else ImageOps.flip(image)


def _rotate(image: Image.Image, rng: Random) -> Image.Image:
    return image.rotate(float(rng.uniform(-30, 30)), Image.Resampling.BILINEAR)


def _affine(image: Image.Image, matrix: tuple[float, ...]) -> Image.Image:
    return image.transform(
        image.size, Image.Transform.AFFINE, matrix, resample=Image.Resampling.BILINEAR
    )


def _translate(image: Image.Image, rng: Random) -> Image.Image:
    across, along = (float(rng.uniform(-0.2, 0.2)) * side for side in image.size)
    return _affine(image, (1, 0, across, 0, 1, along))


def _shear(image: Image.Image, rng: Random) -> Image.Image:
    return _affine(image, (1, float(rng.uniform(-0.2, 0.2)), 0, 0, 1, 0))


def _pad(image: Image.Image, rng: Random) -> Image.Image:
    return ImageOps.expand(image, border=int(rng.integers(1, 17)))


def _cut_out(image: Image.Image, rng: Random) -> Image.Image:
    width, height = (max(1, int(side * rng.uniform(0.1, 0.4))) for side in image.size)
    left = int(rng.integers(0, image.width - width + 1))
    top = int(rng.integers(0, image.height - height + 1))
    changed = image.copy()
    changed.paste((128, 128, 128), (left, top, left + width, top + height))
    return changed


OPERATIONS: tuple[Callable[[Image.Image, Random], Image.Image], ...] = (
    _jpeg,
    _resize,
    _crop,
    _flip,
    _rotate,
    _translate,
    _shear,
    _pad,
    _cut_out,
)
"""Each takes a picture and a source of chance, and gives a picture of any size from 32 pixels."""


def augment(image_hwc: Pixels, rng: Random) -> Pixels:
    """Return an image (H, W, 3), of 32 pixels a side or more, changed at random.

    Zero to all operations, each at most once, in random order.
    """
    image = Image.fromarray(np.ascontiguousarray(image_hwc))
    count = int(rng.integers(0, len(OPERATIONS) + 1))
    for index in rng.permutation(len(OPERATIONS))[:count]:
        image = OPERATIONS[index](image, rng)
    return np.asarray(image)
