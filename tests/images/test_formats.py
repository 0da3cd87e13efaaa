"""Formats beside the common ones: how they are coded, and files that are no picture."""

from __future__ import annotations

from pathlib import Path

import held_images
import pytest
from bad_images import KINDS, picture, saved
from PIL import Image

from fp.images.boxes import stored_bits
from fp.images.container import COMPRESSIONS
from fp.images.jpeg_xl import Head, read_head
from fp.images.loading import load_image, read_container
from fp.system.errors import ImageError


@pytest.mark.parametrize(
    ("kind", "compression"),
    [("GIF", "lossless"), ("AVIF", "AVIF"), ("HEIC", "HEIC"), ("JPEG XL", "JPEG XL")],
)
def test_the_coding_of_a_format_is_told(kind: str, compression: str, tmp_path: Path) -> None:
    if kind not in KINDS:
        pytest.skip("its package is not installed")
    path = KINDS[kind].make(tmp_path, tmp_path)
    assert load_image(path).compression == read_container(path).compression == compression
    assert compression in COMPRESSIONS
    assert read_container(path).bits == 8 and read_container(path).palette == (kind == "GIF")


@pytest.mark.skipif(not held_images.HEIF, reason="pillow-heif is not installed")
def test_a_heic_tells_its_bits(tmp_path: Path) -> None:
    assert read_container(KINDS["HEIC of 10 bits"].make(tmp_path, tmp_path)).bits == 10


@pytest.mark.parametrize(("flags", "bits"), [(0x00, 8), (0x40, 10), (0x60, 12)])
def test_an_avif_tells_its_bits(flags: int, bits: int, tmp_path: Path) -> None:
    content = KINDS["AVIF"].make(tmp_path, tmp_path).read_bytes()
    place = content.index(b"av1C\x81") + 6
    changed = content[:place] + bytes([content[place] & 0x9F | flags]) + content[place + 1 :]
    with Image.open(tmp_path / "a.avif") as image:
        assert stored_bits(image, changed) == bits


def _bits(*fields: tuple[int, int]) -> bytes:
    """Return a JPEG XL's beginning: values with their numbers of bits, the lowest bit first."""
    found = place = 0
    for value, count in fields:
        found |= value << place
        place += count
    return b"\xff\x0a" + found.to_bytes(40, "little")


_SMALL = (1, 1), (4, 5), (1, 3)  # 8 x 5 pixels high, as wide
_WIDE = (0, 1), (1, 2), (999, 13), (0, 3), (3, 2), (2**20, 30)


@pytest.mark.parametrize(
    ("fields", "head"),
    [
        ((*_SMALL, (1, 1)), Head(40, 40, True)),
        ((*_WIDE, (1, 1)), Head(2**20 + 1, 1000, True)),
        (((1, 1), (4, 5), (5, 3), (1, 1)), Head(71, 40, True)),  # 16 : 9
        (((1, 1), (4, 5), (0, 3), (5, 5), (1, 1)), Head(48, 40, True)),
        ((*_SMALL, (0, 1), (0, 1), (0, 3)), Head(40, 40, True)),
        ((*_SMALL, (0, 1), (1, 1), (0, 3), (0, 3), (0, 3)), Head(40, 40, True)),
        ((*_SMALL, (0, 1), (1, 1), (0, 3), (1, 1), *_WIDE, (0, 2), (0, 3)), Head(40, 40, True)),
        ((*_SMALL, (0, 1), (1, 1), (5, 3), (0, 3), (0, 3)), Head(40, 40, False)),  # turned
        ((*_SMALL, (0, 1), (1, 1), (0, 3), (0, 1), (1, 1)), Head(40, 40, False)),  # preview
        ((*_SMALL, (0, 1), (1, 1), (0, 3), (0, 2), (1, 1)), Head(40, 40, False)),  # frames
        ((*_SMALL, (0, 1), (0, 1), (1, 1)), Head(40, 40, False)),  # floating point
        ((*_SMALL, (0, 1), (0, 1), (0, 1), (1, 2)), Head(40, 40, False)),  # 10 bits
    ],
)
def test_the_head_of_a_jpeg_xl_is_read(fields: tuple[tuple[int, int], ...], head: Head) -> None:
    assert read_head(_bits(*fields)) == head


def test_a_jpeg_xl_without_a_head_has_none() -> None:
    for content in (b"\xff\x0a", b"\xff\x0a\0", b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\4free"):
        with pytest.raises(ValueError):
            read_head(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (saved(picture(), "JPEG2000"), "JPEG 2000 image; save it as 8-bit PNG"),
        (saved(picture(), "PPM"), "PNM image; save it as PNG"),
        (b"8BPS\0\1" + bytes(20), "Photoshop document"),
        (b"\0\0\0\x20ftypisom" + bytes(20), "a video; export frames"),
        (b"\x1a\x45\xdf\xa3" + bytes(20), "a video; export frames"),
        (b"\n<!doctype html><img>", "a web page; save the picture in it"),
        (b'<?xml version="1.0"?>\n<svg/>', "an SVG drawing"),
        (b"Rar!\x1a\7\1\0", "an archive other than ZIP; unpack it"),
        (b"\x1f\x8b\x08\0", "an archive other than ZIP; unpack it"),
        (b"a/b.png" + bytes(250) + b"ustar\0", "an archive other than ZIP; unpack it"),
        (b"%!PS-Adobe-3.0", "a PostScript file"),
        (b"FUJIFILMCCD-RAW ", "a raw file of a camera, and its preview is not the picture"),
        (b"hello", "no image of a kind that is known"),
    ],
)
def test_a_file_that_is_no_picture_is_called_what_it_is(
    content: bytes, words: str, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(ImageError) as caught:
        load_image(tmp_path / "a.jpg")
    assert words in str(caught.value) and str(caught.value).endswith(".")
    raw = content.startswith(b"FUJI")
    assert caught.value.reason == ("unsupported_mode" if raw else "not_an_image")
