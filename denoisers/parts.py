"""The residual of a part of an image, as it is in the whole.

A picture of 100 megapixels does not fit into memory as a residual. A denoiser looks at a bounded
neighbourhood of each pixel, so a part with enough of its surroundings has, inside, the values that
the whole would have.
"""

from __future__ import annotations

from fp.denoisers.mean_residual import map_index
from fp.denoisers.residual import Residual
from fp.system.arrays import Floats, Pixels

GRID = 64
"""Parts with their surroundings begin at multiples of this, so that decimated grids keep their
phase."""

DEFAULT_REACH = 64


def reach_of(residual: Residual) -> int:
    """Return how far a denoiser looks: its ``reach``, or 64 pixels, in whole cells."""
    reach = int(getattr(residual.denoiser, "reach", DEFAULT_REACH))
    return -(-reach // GRID) * GRID


def residual_of_part(
    residual: Residual,
    image_hwc: Pixels,
    rows: tuple[int, int],
    columns: tuple[int, int],
) -> Floats:
    """Return the residual of a part of an image, float32 (3, rows, columns).

    ``residual(image_hwc)`` there, up to the rounding of running sums. The image is the whole one;
    `rows` and `columns` are the first of the part and the one behind the last.
    """
    reach = reach_of(residual)
    wide = []
    for (first, last), length in zip((rows, columns), image_hwc.shape[:2], strict=True):
        begin = max(0, (first - reach) // GRID * GRID)
        wide.append((begin, min(length, last + reach)))
    (top, bottom), (left, right) = wide
    # The mean residual belongs to places in the image, not in the part.
    noise = Residual(residual.denoiser)(image_hwc[top:bottom, left:right])
    inner = noise[:, rows[0] - top : rows[1] - top, columns[0] - left : columns[1] - left].copy()
    if residual.mean is not None:
        down, across = (
            map_index(length)[slice(*part)]
            for length, part in zip(image_hwc.shape[:2], (rows, columns), strict=True)
        )
        inner -= residual.mean.map_chw.take(across, axis=2).take(down, axis=1)  # whole rows
    return inner
