"""Whether a file holds pixels for the whole of its declared area.

Decoders fill what is missing with black or grey and say nothing. A picture that is partly filler
would be examined as if it were whole, so it is refused. Damage that decodes to plausible pixels
(a flipped bit in a format without checksums) is beyond this module.
"""

from __future__ import annotations

import io
import zlib

import numpy as np
from PIL import Image, ImageChops

from fp.images.png_chunks import chunks

_PLANAR = 284  # TIFF tag: 2 where each channel is stored by itself
_ANIMATED = 0x02  # flag of the WebP header
_MOST_WEBP_CHUNKS = 64  # looked at in search of the first frame; honest files have it third
_JPEG_END = b"\xff\xd9"
_JPEG_BLOCK = 8
# What libjpeg paints where data are missing: 128 in every channel, inverted in Adobe's CMYK.
_JPEG_FILL = (127, 128)
_MORE_CODED_DATA = bytes(range(1, 255)) * 4
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
# Adam7: first row and column of each pass, and the steps between its rows and columns.
_PNG_PASSES = (
    (0, 0, 8, 8),
    (0, 4, 8, 8),
    (4, 0, 8, 4),
    (0, 2, 4, 4),
    (2, 0, 4, 2),
    (0, 1, 2, 2),
    (1, 0, 2, 1),
)
_INFLATED_AT_ONCE = 2**20
_ROWS = 256  # compared at once


def missing_before_decoding(image: Image.Image, content: bytes) -> str | None:
    """Return in words which part an opened image's file lacks, or None. It is not yet loaded."""
    tiles = getattr(image, "tile", None) or []
    if image.format in ("PNG", "GIF") and tiles and tuple(tiles[0][1]) != (0, 0, *image.size):
        return "its first frame covers only a part of the picture"
    if image.mode == "P" and image.palette is None:
        return "its palette is missing"
    if image.format == "TIFF" and tiles and tiles[0][0] == "raw":
        planes = len(image.getbands()) if getattr(image, "tag_v2", {}).get(_PLANAR) == 2 else 1
        boxes = [tile[1] for tile in tiles]
        held = sum((right - left) * (lower - upper) for left, upper, right, lower in boxes)
        if held < planes * image.width * image.height:
            return "strips or tiles are missing"
    if image.format == "WEBP" and not _webp_frame_covers(content):
        return "its first frame covers only a part of the picture"
    return None


def _webp_frame_covers(content: bytes) -> bool:
    if content[12:16] != b"VP8X" or not content[20] & _ANIMATED:
        return True

    def three(at: int) -> int:
        return int.from_bytes(content[at : at + 3], "little")

    canvas = three(24), three(27)
    at = 12
    for _ in range(_MOST_WEBP_CHUNKS):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        if name == b"ANMF":
            return (three(at + 8), three(at + 11)) == (0, 0) and (
                (three(at + 14), three(at + 17)) == canvas
            )
        at += 8 + size + size % 2
    return False


def ends_early(image: Image.Image, content: bytes) -> bool:
    """Return whether the coded pixels of a loaded image end in filler.

    Decoders report success there.
    """
    if image.format in ("JPEG", "MPO"):
        return _jpeg_ends_early(image, content)
    return image.format == "PNG" and _png_ends_early(image, content)


def _png_ends_early(image: Image.Image, content: bytes) -> bool:
    """Return whether a PNG ends before its last row, which Pillow leaves black."""
    interlaced = bool(image.info.get("interlace"))
    last_row = image.crop((0, image.height - 1, image.width, image.height))
    if np.asarray(last_row).any() and not interlaced:
        return False
    head, unpacked = b"", 0
    inflate = zlib.decompressobj()
    for chunk in chunks(content):
        if chunk.name == b"IHDR":
            head = content[chunk.start : chunk.end]
        elif chunk.name == b"IDAT":
            data = content[chunk.start : chunk.end]
            while data and not inflate.eof:
                unpacked += len(inflate.decompress(data, _INFLATED_AT_ONCE))
                data = inflate.unconsumed_tail
    bits = head[8] * _PNG_CHANNELS[head[9]]
    needed = 0
    for top, left, down, right in _PNG_PASSES if interlaced else ((0, 0, 1, 1),):
        rows, columns = -(-(image.height - top) // down), -(-(image.width - left) // right)
        if columns > 0:
            needed += max(rows, 0) * (1 + -(-columns * bits // 8))
    return unpacked < needed


def _jpeg_ends_early(image: Image.Image, content: bytes) -> bool:
    """Decode a JPEG again whose last block is what libjpeg paints where data are missing.

    More coded data before the end marker stay unread where the picture is whole, and change it
    where it is not.
    """
    width, height = image.size
    left, upper = ((side - 1) // _JPEG_BLOCK * _JPEG_BLOCK for side in (width, height))
    last = image.crop((left, upper, width, height))
    if any(band.getextrema() not in [(v, v) for v in _JPEG_FILL] for band in last.split()):
        return False
    end = content.find(_JPEG_END, _jpeg_scan(content))
    if end < 0:
        return False
    longer = content[:end] + _MORE_CODED_DATA + content[end:]
    with Image.open(io.BytesIO(longer), formats=("JPEG",)) as again:
        again.load()
        bands = [(0, top, width, min(height, top + _ROWS)) for top in range(0, height, _ROWS)]
        differences = (ImageChops.difference(again.crop(b), image.crop(b)) for b in bands)
        return any(difference.getbbox() is not None for difference in differences)


def _jpeg_scan(content: bytes) -> int:
    """Find the coded data. A thumbnail in the metadata has an end marker of its own."""
    at = 2
    while content[at : at + 1] == b"\xff" and content[at + 1 : at + 2] != b"\xda":
        fill = content[at + 1 : at + 2] == b"\xff"
        at += 1 if fill else 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return at
