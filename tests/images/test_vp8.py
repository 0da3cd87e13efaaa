"""The quality of a lossy WebP, told by its own header."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic import photograph

from fp.images.container import describe
from fp.images.vp8 import webp_quality


def written(pixels, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", **options)
    content = buffer.getvalue()
    return describe(Image.open(io.BytesIO(content)), content)


@pytest.mark.parametrize("quality", [0, 10, 30, 50, 70, 75, 80, 90, 95, 100])
@pytest.mark.parametrize("method", [0, 4, 6])
def test_the_quality_is_found_within_a_few_steps(quality, method):
    found = [written(photograph(s), quality=quality, method=method) for s in range(6)]
    values = [each.webp_quality for each in found]
    assert abs(np.median(values) - quality) <= (5 if quality > 75 else 12)
    assert {each.compression for each in found} == {"lossy WebP"}
    assert {each.quality for each in found} == {None}


def test_qualities_keep_their_order():
    image = photograph(3)
    found = [written(image, quality=q).webp_quality for q in (10, 40, 60, 80, 95)]
    assert found == sorted(found) and len(set(found)) == 5


def test_a_webp_with_transparency_and_one_without_loss(tmp_path):
    pixels = np.dstack([photograph(1), np.full((64, 64), 100, np.uint8)])
    assert 70 <= written(pixels, quality=80).webp_quality <= 90
    assert written(pixels, lossless=True).webp_quality is None


@pytest.mark.parametrize(
    "frame", [b"", b"\0" * 9, b"\0" * 40, b"\x01" + b"\0" * 40, b"\0\0\0\x9d\x01\x2a\0\0\0\0"]
)
def test_what_is_no_frame_has_no_quality(frame):
    assert webp_quality(frame) is None


def test_no_bytes_after_the_start_code_break_the_reader():
    rng = np.random.default_rng(0)
    for size in (2, 5, 30):
        for _ in range(200):
            frame = b"\0\0\0\x9d\x01\x2a\0\0\0\0" + rng.bytes(size)
            assert 0 <= webp_quality(frame) <= 100


@pytest.mark.corpus
def test_galleries_that_were_stored_at_one_quality_show_it(corpus):
    for name in ("realvisxl_turbo", "flux1dev"):
        found = []
        for path in sorted(Path(corpus / "t2i/generated" / name).glob("*.webp"))[:20]:
            content = path.read_bytes()
            found.append(describe(Image.open(io.BytesIO(content)), content).webp_quality)
        assert abs(np.median(found) - 85) <= 3
