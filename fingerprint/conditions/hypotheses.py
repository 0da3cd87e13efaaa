"""What may have happened to an image's size on its way: nothing, a crop, or a change of scale."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fp.denoisers.residual import Residual
from fp.images.crop import SIDE, CropRule
from fp.images.jpeg_grid import BLOCK, Grid, jpeg_grid, luminance_window
from fp.system.arrays import Floats, Pixels
from fp.system.errors import ImageError

FACTORS = (2 / 3, 0.75, 0.8, 0.9, 1.1, 1.25, 4 / 3, 1.5)
"""Resampling factors that are tried where the size of an image says nothing."""

LOWEST, HIGHEST = 0.6, 1.7
"""Factors that a size may speak for."""

_MARGIN = 16


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One account of how an image came to its size, with the part to examine.

    Parameters
    ----------
    factor : float
        Factor by which it was resampled; 1.0 for none.
    searched : bool
        Whether the phase of its lattice is unknown.
    part : ndarray of uint8, shape (height, width, 3)
        The examined part at the native scale.
    grid : tuple of int, optional
        First row and column of the image at which a block of its JPEG grid begins, 0 to 7, where
        it has one and may be a crop; the part begins at such a place.
    filled : tuple of int
        Rows at the bottom and columns at the right of the part that the image did not have.
    chained : bool
        Whether the image was resampled and compressed after that: no expert has learned both.
    """

    factor: float
    searched: bool
    part: Pixels
    grid: tuple[int, int] | None = None
    filled: tuple[int, int] = (0, 0)
    chained: bool = False

    def residual(self, residual: Residual) -> Floats:
        """Give the residual of the part, shape (3, height, width).

        What was filled in has none of the generator's lattice: the residual goes on there as it was
        a period before.
        """
        found = residual(self.part)
        for axis, filled in zip((1, 2), self.filled, strict=True):
            if filled:
                side = found.shape[axis]
                period = SIDE if side >= 2 * SIDE else BLOCK
                places = np.arange(side)
                places[side - filled :] -= period
                found = np.take(found, places, axis)
        return found


def hypotheses(
    image_hwc: Pixels, crop: CropRule, native_sizes: Iterable[str]
) -> Iterator[Hypothesis]:
    """Give the accounts that the size of an image leaves open.

    Parameters
    ----------
    image_hwc : ndarray of uint8, shape (H, W, 3)
        The image.
    crop : CropRule
        The examined part at the native scale.
    native_sizes : iterable of str
        Sizes ``"WIDTHxHEIGHT"`` at which the generator draws.

    Yields
    ------
    Hypothesis
        For an image of a native size one: nothing happened. For others: a crop, of unknown phase;
        the whole image in another scale, where its sides say so; and else the factors of the list,
        with unknown phase. What is too small for the crop is left out.
    """
    height, width = image_hwc.shape[:2]
    sizes = [tuple(map(int, size.split("x"))) for size in native_sizes]
    if (width, height) in sizes:
        yield Hypothesis(1.0, False, crop.apply(image_hwc))
        return
    grid = jpeg_grid(luminance_window(image_hwc))
    if crop.height <= height and crop.width <= width:
        yield _cropped(image_hwc, crop, grid)
    whole = False
    for native_width, native_height in sizes:
        factor = width / native_width
        fits = abs(height - native_height * factor) <= 1 and LOWEST <= factor <= HIGHEST
        if fits and crop.height <= native_height and crop.width <= native_width:
            whole = True
            part = crop.apply(_resized(image_hwc, native_height, native_width))
            yield Hypothesis(factor, False, part, chained=grid.present)
    for factor in FACTORS if not whole else ():
        # No more than the crop needs, so that the size of an image costs nothing.
        seen = [
            min(side, int(np.ceil(wanted * factor)) + _MARGIN)
            for side, wanted in ((height, crop.height), (width, crop.width))
        ]
        back = [round(side / factor) for side in seen]
        if back[0] >= crop.height and back[1] >= crop.width:
            picture = _resized(image_hwc[: seen[0], : seen[1]], *back)
            part = picture[: crop.height, : crop.width]
            yield Hypothesis(factor, True, np.ascontiguousarray(part), chained=grid.present)


def _cropped(image_hwc: Pixels, crop: CropRule, grid: Grid) -> Hypothesis:
    """Give the account of a crop; its part begins where the JPEG grid does, if there is one.

    Denoisers and cosine transforms work on blocks themselves. What has been learned was compressed
    from the first pixel on, so a grid at another place makes other features of the same image.
    """
    if not grid.present:
        return Hypothesis(1.0, True, crop.apply(image_hwc))
    phase = (grid.row, grid.column)
    behind = image_hwc[grid.row :, grid.column :]
    filled = [0, 0]
    for axis, side in enumerate((crop.height, crop.width)):
        if behind.shape[axis] < side:
            whole = behind.shape[axis] // BLOCK * BLOCK
            filled[axis] = side - whole
            # Mirrored in whole blocks: the picture goes on without an edge, and so does the grid.
            widths = [(0, 0)] * 3
            widths[axis] = (0, filled[axis])
            behind = np.pad(np.take(behind, range(whole), axis), widths, "symmetric")
    part = np.ascontiguousarray(crop.apply(behind))
    return Hypothesis(1.0, True, part, phase, (filled[0], filled[1]))


def _resized(image_hwc: Pixels, height: int, width: int) -> Pixels:
    picture = Image.fromarray(np.ascontiguousarray(image_hwc))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


def check_any(found: list[Hypothesis], image_hwc: Pixels, crop: CropRule) -> None:
    """Raise `ImageError` where an image is too small under every account."""
    if found:
        return
    height, width = image_hwc.shape[:2]
    raise ImageError(
        "too_small",
        f"The image has {width} x {height} pixels and the fingerprint needs {crop.width} x "
        f"{crop.height}, or {FACTORS[0]:.2f} of that; it is not padded.",
    )
