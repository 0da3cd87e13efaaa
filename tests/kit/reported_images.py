"""Problem files of the kinds that users of image libraries report, rebuilt from scratch.

`REPORTS` names the public report that a kind follows. The kinds join `bad_images.KINDS`, with the
treatment that docs/images.md states.
"""

from __future__ import annotations

import io
import os
import struct
import zlib

import numpy as np
from bad_images import (
    ALPHA,
    COLOURS,
    GRAY,
    HEIGHT,
    INDEX,
    KINDS,
    LOW_BYTE,
    PALETTE,
    RGB,
    RGB_16,
    RGBA,
    WIDTH,
    changed,
    content,
    gray,
    picture,
    png,
    png_chunk,
    saved,
    tiff,
)
from held_images import gif
from PIL import Image

_BEFORE = set(KINDS)
_SIZE = (HEIGHT, WIDTH)
_PNG = png(_SIZE, 8, 2, RGB)
_JPEG = saved(picture(), "JPEG", quality=95)
_LONG = zlib.compress(os.urandom(600_000).hex().encode())  # unpacks to more than a megabyte


def _wrong(chunk: bytes) -> bytes:
    """Give a chunk a checksum that is not its own."""
    return chunk[:-4] + bytes(byte ^ 255 for byte in chunk[-4:])


def _examined(name: str, data: bytes, *converted: str, file: str = "a.png", rgb=RGB) -> None:
    content(name, data, file, format="PNG", converted=converted, rgb=rgb)


def _beside(name: str, before: bytes, after: bytes = b"") -> None:
    """Register a PNG with whole pixels and something odd before or behind them."""
    _examined(name, png(_SIZE, 8, 2, RGB, before, after))


def _sixteen(values: np.ndarray) -> bytes:
    return b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)


# What is beside the pixels of a PNG: Pillow stops, browsers and ImageMagick show the picture.
_beside("PNG with a text of a megabyte", png_chunk(b"iTXt", b"k\0\1\0\0\0" + _LONG))
_beside("PNG with a packed text of a megabyte", png_chunk(b"zTXt", b"prompt\0\0" + _LONG))
_beside("PNG with a profile of a megabyte", png_chunk(b"iCCP", b"k\0\0" + _LONG))
_beside("PNG with a packed text behind its pixels", b"", png_chunk(b"zTXt", b"k\0\0" + _LONG))
_beside(
    "PNG with a turn in a text of a megabyte",
    png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + _LONG),
)
_beside("PNG with a wrong checksum of a text", _wrong(png_chunk(b"iTXt", b"k\0\0\0\0\0v")))
_beside("PNG with a wrong checksum of EXIF", _wrong(png_chunk(b"eXIf", b"II*\0\x08\0\0\0\0\0")))
_beside("PNG with a wrong checksum of a time", _wrong(png_chunk(b"tIME", bytes(7))))
_beside("PNG with a wrong checksum of credentials", _wrong(png_chunk(b"caBX", b"jumb")))
_beside("PNG with a resolution cut short", png_chunk(b"pHYs", b""))
_beside("PNG with a gamma cut short", png_chunk(b"gAMA", b"\0"))
_beside("PNG with primaries cut short", png_chunk(b"cHRM", b"\0" * 7))
_examined(
    "PNG with a wrong checksum of transparency",
    png(
        _SIZE, 8, 3, INDEX, png_chunk(b"PLTE", COLOURS.tobytes()) + _wrong(png_chunk(b"tRNS", b"a"))
    ),
    PALETTE,
    rgb=COLOURS[INDEX],
)
_beside(
    "PNG with a wrong checksum of its profile",
    _wrong(png_chunk(b"iCCP", b"k\0\0" + zlib.compress(b"profile"))),
)
_beside("PNG with its rendering intent cut short", png_chunk(b"sRGB", b""))
_beside("PNG with a transparent colour cut short", png_chunk(b"tRNS", b"\0\1"))
_beside("PNG with EXIF behind its pixels", b"", png_chunk(b"eXIf", b"II*\0\x08\0\0\0" + bytes(6)))
_DEEP = b"".join(struct.pack("<HHHIII", 1, 34665, 4, 1, 26 + 18 * k, 0) for k in range(20_000))
_beside(
    "PNG with 20,000 directories of EXIF in each other",
    png_chunk(b"eXIf", b"II*\0\x08\0\0\0" + _DEEP),
)
content("PNG of a transparent colour alone", _PNG[:8] + png_chunk(b"tRNS", b""), reason="damaged")
# Its pixels themselves.
_IDAT = _PNG.index(b"IDAT")
_END = _IDAT + 4 + struct.unpack(">I", _PNG[_IDAT - 4 : _IDAT])[0]
content(
    "PNG with a wrong checksum of its pixels", changed(_PNG, _END, b"\0\0\0\0"), reason="damaged"
)
content(
    "PNG with a wrong checksum of its palette",
    png(_SIZE, 8, 3, INDEX, _wrong(png_chunk(b"PLTE", COLOURS.tobytes()))),
    reason="damaged",
)
content(
    "PNG out of an app",
    _PNG[:8] + png_chunk(b"CgBI", b"\x50\0\x20\2") + _PNG[8:],
    reason="unsupported_mode",
)

content(
    "PNG with an empty second head",
    _PNG[: _END + 4] + png_chunk(b"IHDR", b"") + _PNG[_END + 4 :],
    reason="damaged",
)

# A JPEG whose end is odd, or whose EXIF leads back to itself.
content(
    "JPEG with foreign markers for its end",
    _JPEG[:-2] + b"\xff\xc5" * 40,
    "a.jpg",
    reason="damaged",
)
_ROUND = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 34665, 4, 1, 8, 8)
content(
    "JPEG whose EXIF leads in a circle",
    _JPEG[:2] + b"\xff\xe1" + struct.pack(">H", len(_ROUND) + 2) + _ROUND + _JPEG[2:],
    "a.jpg",
    format="JPEG",
    rgb=np.asarray(Image.open(io.BytesIO(_JPEG))),
)

# A GIF and a TIFF after whose picture something odd comes.
content(
    "GIF with a comment behind its picture",
    gif([INDEX])[:-1] + b"!\xfe\x05hello\0;",
    "a.gif",
    format="GIF",
    converted=(PALETTE,),
    rgb=COLOURS[INDEX],
)
_TIFF = tiff([RGB.tobytes()])
_FIRST = struct.unpack("<I", _TIFF[4:8])[0]
_NEXT = _FIRST + 2 + 12 * struct.unpack("<H", _TIFF[_FIRST : _FIRST + 2])[0]
content(
    "TIFF whose directories lead in a circle",
    changed(_TIFF, _NEXT, struct.pack("<I", _FIRST)),
    "a.tif",
    format="TIFF",
    rgb=RGB,
)

# A picture of 8 bits, or of a camera's 10 or 12, at the low end of 16: black, if one takes it so.
_examined("PNG of 8 bits in 16", png(_SIZE, 16, 2, _sixteen(RGB)), LOW_BYTE)
_examined(
    "PNG of 8 bits in 16 that says so",
    png(_SIZE, 16, 6, _sixteen(RGBA), png_chunk(b"sBIT", b"\x08\x08\x08\x08")),
    LOW_BYTE,
    ALPHA,
)
_examined(
    "gray PNG of 8 bits in 16",
    png(_SIZE, 16, 0, _sixteen(RGB[..., 0])),
    LOW_BYTE,
    GRAY,
    rgb=gray(RGB[..., 0]),
)
for _order in "<>":
    content(
        f"TIFF of 8 bits in 16 {_order}",
        tiff([RGB.astype(f"{_order}u2").tobytes()], (16, 16, 16), order=_order),
        "a.tif",
        format="TIFF",
        converted=(LOW_BYTE,),
        rgb=RGB,
    )
content(
    "TIFF of 8 bits in 16 and turned",
    tiff([RGB.astype("<u2").tobytes()], (16, 16, 16), tags={274: (3, (6,))}),
    "a.tif",
    format="TIFF",
    converted=(LOW_BYTE,),
    rgb=RGB,
    orientation=6,
)
content("PNG of 10 bits in 16", png(_SIZE, 16, 2, _sixteen(RGB_16 >> 6)), reason="unsupported_mode")
content(
    "TIFF of 12 bits in 16",
    tiff([(RGB_16 >> 4).astype("<u2").tobytes()], (16, 16, 16)),
    "a.tif",
    reason="unsupported_mode",
)
_examined(
    "PNG of 16 bits that is black",
    png(_SIZE, 16, 2, _sixteen(np.zeros_like(RGB_16))),
    "16-bit to 8-bit (high byte)",
    rgb=np.zeros_like(RGB),
)


# Raw files and others whose first picture is a preview.
def _with_subfile(width: int, height: int, **tags: object) -> bytes:
    """Give a TIFF on whose picture hangs another of this size, as in a DNG."""
    given = {330: (4, (0,)), **{int(name[1:]): value for name, value in tags.items()}}
    place = len(tiff([RGB.tobytes()], tags=given))
    found = tiff([RGB.tobytes()], tags={**given, 330: (4, (place,))})
    entries = b"".join(
        struct.pack("<HHII", tag, 4, 1, v) for tag, v in ((256, width), (257, height))
    )
    return found + struct.pack("<H", 2) + entries + bytes(4)


def _preview(name: str, data: bytes, file: str = "a.dng") -> None:
    content(name, data, file, reason="unsupported_mode")


_preview("DNG with its preview first", _with_subfile(4000, 3000, _254=(4, (1,))))
_preview("raw file with its preview first, unmarked", _with_subfile(4000, 3000), "a.nef")
_preview("TIFF that says it is reduced", tiff([RGB.tobytes()], tags={254: (4, (1,))}), "a.tif")
_preview("TIFF that says it the old way", tiff([RGB.tobytes()], tags={255: (3, (2,))}), "a.tif")
_preview(
    "DNG with all in its first directory", tiff([RGB.tobytes()], tags={50706: (1, (1, 4, 0, 0))})
)
_GRAY = RGB[..., 0].tobytes()
_PLACE = 16 + 2 + 9 * 12 + 4  # behind a head of Canon and a directory of nine entries
_CANON = tiff([_GRAY], (8,), 1, tags={273: (4, (_PLACE,))})[8 + len(_GRAY) :]
_CANON = b"II*\0\x10\0\0\0CR\2\0" + bytes(4) + _CANON + _GRAY
_preview("raw file of Canon", _CANON, "a.cr2")
content(
    "TIFF with reduced copies of its picture",
    _with_subfile(WIDTH // 2, HEIGHT // 2),
    "a.tif",
    format="TIFF",
    rgb=RGB,
)
content(
    "TIFF with a copy that leads nowhere",
    tiff([RGB.tobytes()], tags={330: (4, (2**31,))}),
    "a.tif",
    format="TIFF",
    rgb=RGB,
)

REPORTS = {
    "PNG with a text of a megabyte": "python-pillow/Pillow#8363",
    "PNG with a packed text of a megabyte": "python-pillow/Pillow#1111",
    "PNG with a profile of a megabyte": "python-pillow/Pillow#2445",
    "PNG with a wrong checksum of a text": "python-pillow/Pillow#1991",
    "PNG with a wrong checksum of its profile": "python-pillow/Pillow#4472",
    "PNG with a wrong checksum of its pixels": "python-pillow/Pillow#5800",
    "PNG with a resolution cut short": "python-pillow/Pillow#6253",
    "PNG with a gamma cut short": "python-pillow/Pillow#9880",
    "PNG with its rendering intent cut short": "python-pillow/Pillow#6431",
    "PNG with a transparent colour cut short": "python-pillow/Pillow#9934",
    "PNG with EXIF behind its pixels": "python-pillow/Pillow#3557",
    "PNG with 20,000 directories of EXIF in each other": "LadybirdBrowser/ladybird#11079",
    "PNG with an empty second head": "python-pillow/Pillow#6252",
    "PNG out of an app": "opencv/opencv#27295",
    "PNG of 10 bits in 16": "aiff22/PyNET-PyTorch#6",
    "TIFF of 12 bits in 16": "AcademySoftwareFoundation/OpenImageIO#2964",
    "JPEG without its end marker": "python-pillow/Pillow#2038",
    "truncated JPEG": "python-pillow/Pillow#889",
    "JPEG with foreign markers for its end": "haraldk/TwelveMonkeys#1054",
    "JPEG whose EXIF leads in a circle": "brendan-duncan/image#605",
    "GIF with a comment behind its picture": "python-pillow/Pillow#6219",
    "TIFF whose directories lead in a circle": "SixLabors/ImageSharp#1891",
    "AVIF turned by its boxes": "AOMediaCodec/libavif#2727",
    "DNG with its preview first": "xyb3rt/sxiv#238",
    "raw file with its preview first, unmarked": "RawTherapee/RawTherapee#2790",
    "raw file of Canon": "python-pillow/Pillow#5317",
}
"""The public report, on GitHub, of a kind: what was met there, rebuilt; no file was copied."""

REPORTED = tuple(name for name in KINDS if name not in _BEFORE)
"""Names of the kinds that this module adds."""
