"""How large a part of the images of several folders is examined."""

import numpy as np
import pytest
from PIL import Image

from fp.denoisers.population import most_common_crop
from fp.images.crop import CropRule
from fp.images.loading import Limits
from fp.system.folders import ImageFolder


def folder(root, sizes):
    """Write pictures of given widths and heights, and a file that is none between them."""
    root.mkdir()
    for number, size in enumerate(sizes):
        Image.fromarray(np.zeros((*size[::-1], 3), np.uint8)).save(root / f"a picture {number}.png")
    (root / f"a picture {len(sizes) // 2}b.png").write_bytes(b"no picture")
    return ImageFolder.at(root)


@pytest.fixture
def drawn(tmp_path):
    return folder(tmp_path / "drawn by one", [(512, 512)] * 4)


def crop_of(drawn, *others):
    return most_common_crop(drawn, Limits(), "top-left", others)


def test_of_photographs_that_are_smaller_at_most_a_tenth_is_lost(tmp_path, drawn):
    # Some are too low for the size of the others, some too narrow: together more than a tenth.
    sizes = [(500, 375)] * 34 + [(500, 180)] * 3 + [(256, 500)] * 3
    photographs = folder(tmp_path / "photographs", sizes)
    crop = crop_of(drawn, photographs)
    held = [size for size in sizes if size[0] >= crop.width and size[1] >= crop.height]
    assert len(held) >= 36
    assert crop == CropRule(352, 256)


def test_of_two_ways_to_keep_nine_tenths_the_larger_part_is_taken(tmp_path, drawn):
    sizes = [(500, 375)] * 20 + [(375, 500)] * 20
    assert crop_of(drawn, folder(tmp_path / "upright and not", sizes)) == CropRule(352, 352)
    wide = [(500, 300)] * 9 + [(320, 500)]
    assert crop_of(drawn, folder(tmp_path / "wide", wide)) == CropRule(288, 480)


def test_every_folder_keeps_nine_tenths(tmp_path, drawn):
    low, narrow = (
        folder(tmp_path / name, [size] * 10)
        for name, size in (("low ones", (600, 300)), ("narrow ones", (200, 600)))
    )
    assert crop_of(drawn, low, narrow) == CropRule(288, 192)
    assert crop_of(drawn) == CropRule(512, 512)


def test_real_photographs_beside_large_pictures_are_not_lost(corpus):
    drawn, web = (ImageFolder.at(corpus / "t2i" / name) for name in ("generated/sd_v1", "real/web"))
    crop = crop_of(drawn, web)
    lost = 0
    for path in web.paths:
        with Image.open(path) as image:
            lost += image.width < crop.width or image.height < crop.height
    assert lost <= 10
    assert min(crop.height, crop.width) >= 320
