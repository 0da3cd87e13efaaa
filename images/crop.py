"""The part of an image that is examined; the generator's lattice keeps its phase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fp.system.arrays import Pixels
from fp.system.errors import ImageError, UsageError

Anchor = Literal["top-left", "centre"]

GRID = 64
"""Offsets of a centred crop are multiples of this, so of every known period of a generator."""

SIDE = 32
"""Sides of a crop are multiples of this: of every tile period, and of the U-Net's 16."""


@dataclass(frozen=True)
class CropRule:
    """Size and place of the examined part.

    Parameters
    ----------
    height, width : int
        Sides in pixels, positive multiples of 32.
    anchor : {"top-left", "centre"}
        ``top-left`` starts at pixel (0, 0); ``centre`` starts at the multiple of 64 that is nearest
        to the centred position and keeps the crop inside the image.

    Raises
    ------
    UsageError
        If a side is no positive multiple of 32 or the anchor is unknown.
    """

    height: int
    width: int
    anchor: Anchor = "top-left"

    def __post_init__(self) -> None:
        for side in (self.height, self.width):
            if side < SIDE or side % SIDE:
                raise UsageError(
                    f"A crop of {self.width} x {self.height} is not possible: "
                    f"both sides must be multiples of {SIDE}."
                )
        if self.anchor not in ("top-left", "centre"):
            raise UsageError(f"Unknown anchor {self.anchor!r}; use 'top-left' or 'centre'.")

    @classmethod
    def largest_within(cls, height: int, width: int, anchor: Anchor = "top-left") -> CropRule:
        """Return the largest rule that fits into an image of this size."""
        return cls(height // SIDE * SIDE, width // SIDE * SIDE, anchor)

    def fits(self, height: int, width: int) -> bool:
        """Return whether an image of this size is large enough."""
        return height >= self.height and width >= self.width

    def apply(self, image_hwc: Pixels) -> Pixels:
        """Cut the part out.

        Parameters
        ----------
        image_hwc : ndarray of uint8, shape (H, W, 3)
            At least as large as the rule.

        Returns
        -------
        ndarray of uint8, shape (height, width, 3)
            A view, not a copy.

        Raises
        ------
        ImageError
            With reason ``too_small``; images are never padded.
        """
        height, width = image_hwc.shape[:2]
        if not self.fits(height, width):
            raise ImageError(
                "too_small",
                f"The image has {width} x {height} pixels and the fingerprint needs "
                f"{self.width} x {self.height}; it is not padded.",
            )
        top, left = (self._offset(h, s) for h, s in ((height, self.height), (width, self.width)))
        return image_hwc[top : top + self.height, left : left + self.width]

    def _offset(self, length: int, side: int) -> int:
        if self.anchor == "top-left":
            return 0
        free = length - side
        nearest = round(free / 2 / GRID) * GRID
        return nearest if nearest <= free else nearest - GRID
