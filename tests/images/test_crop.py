"""Crops keep the phase of the generator's lattice and never invent a pixel."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fp.images.crop import GRID, SIDE, CropRule
from fp.system.errors import ImageError, UsageError


def numbered(height: int, width: int) -> NDArray[np.uint8]:
    """Return an image whose pixels tell their place: row, column, and both high parts."""
    rows, columns = np.indices((height, width))
    high = (rows // 256) * 16 + columns // 256
    return np.stack([rows % 256, columns % 256, high], axis=2).astype(np.uint8)


def place(part: NDArray[np.uint8]) -> tuple[int, int]:
    """Read the place of the first pixel."""
    row, column, high = (int(value) for value in part[0, 0])
    return row + 256 * (high // 16), column + 256 * (high % 16)


def test_top_left_starts_at_the_first_pixel() -> None:
    image = numbered(100, 131)
    part = CropRule(64, 96).apply(image)
    assert np.array_equal(part, image[:64, :96])
    assert np.shares_memory(part, image)


@pytest.mark.parametrize("side", [32, 64, 96])
def test_centre_starts_at_the_nearest_multiple_of_the_grid(side: int) -> None:
    rule = CropRule(side, SIDE, "centre")
    for free in range(500):
        part = rule.apply(numbered(side + free, SIDE))
        top, left = place(part)
        assert part.shape == (side, SIDE, 3) and left == 0
        possible = range(0, free + 1, GRID)
        assert top in possible
        assert abs(top - free / 2) == min(abs(other - free / 2) for other in possible)


def test_rows_and_columns_are_placed_alike() -> None:
    rule = CropRule(64, 64, "centre")
    for free in (0, 63, 64, 65, 127, 128, 129, 300):
        assert (
            place(rule.apply(numbered(64 + free, 64)))[0]
            == (place(rule.apply(numbered(64, 64 + free)))[1])
        )


def test_offsets_keep_every_known_period() -> None:
    assert all(GRID % period == 0 and SIDE % period == 0 for period in (2, 4, 8, 16, 32))


@pytest.mark.parametrize("anchor", ["top-left", "centre"])
@pytest.mark.parametrize("size", [(63, 64), (64, 63), (1, 1), (1, 1000), (32, 32)])
def test_too_small_is_refused_and_not_padded(size: tuple[int, int], anchor: str) -> None:
    rule = CropRule(64, 64, anchor)  # type: ignore[arg-type]
    assert not rule.fits(*size)
    with pytest.raises(ImageError, match="not padded") as caught:
        rule.apply(numbered(*size))
    assert caught.value.reason == "too_small"


def test_an_image_of_exactly_the_size_is_taken_whole() -> None:
    image = numbered(64, 96)
    for anchor in ("top-left", "centre"):
        assert np.array_equal(CropRule(64, 96, anchor).apply(image), image)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("height", "width"), [(0, 32), (33, 32), (32, -32), (32, 48 + 1), (-64, 64)]
)
def test_sides_are_positive_multiples_of_32(height: int, width: int) -> None:
    with pytest.raises(UsageError, match="multiples of 32"):
        CropRule(height, width)


def test_an_unknown_anchor_is_refused() -> None:
    with pytest.raises(UsageError, match="'top-left' or 'centre'"):
        CropRule(64, 64, "middle")  # type: ignore[arg-type]


def test_largest_within_is_the_largest_that_fits() -> None:
    for height in range(SIDE, 200):
        rule = CropRule.largest_within(height, 321)
        assert rule.fits(height, 321)
        assert rule.height + SIDE > height and rule.width == 320


@pytest.mark.parametrize("size", [(31, 400), (400, 31), (0, 0)])
def test_nothing_fits_into_an_image_below_32(size: tuple[int, int]) -> None:
    with pytest.raises(UsageError):
        CropRule.largest_within(*size)
