"""Every kind of odd or bad input, made from scratch, with the treatment that docs/images.md states.

`KINDS` maps a name to a `Kind`: how the input is made in a folder, and what has to become of it.
Expected pixels are computed here by hand and never by the decoder under test.
"""

from __future__ import annotations

import io
import os
import socket
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Pixels = NDArray[np.uint8]
Maker = Callable[[Path, Path], Path]

HEIGHT, WIDTH = 40, 48
HIGH_BYTE = "16-bit to 8-bit (high byte)"
LOW_BYTE = "16-bit to 8-bit (low byte)"
GRAY = "grayscale to RGB"
PALETTE = "palette to RGB"
ALPHA = "alpha dropped"
CMYK = "CMYK to RGB without colour management"
EXTRA = "extra channel dropped"

_RNG = np.random.default_rng(20)
RGB: Pixels = _RNG.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
ALPHA_8: Pixels = _RNG.integers(0, 256, (HEIGHT, WIDTH, 1), dtype=np.uint8)
ALPHA_8[:8] = 0
RGBA: Pixels = np.concatenate([RGB, ALPHA_8], axis=2)
RGB_16 = _RNG.integers(0, 2**16, (HEIGHT, WIDTH, 3)).astype(np.uint16)
INDEX: Pixels = _RNG.integers(0, 7, (HEIGHT, WIDTH), dtype=np.uint8)
COLOURS: Pixels = _RNG.integers(0, 256, (7, 3), dtype=np.uint8)
BITS: Pixels = _RNG.integers(0, 2, (HEIGHT, WIDTH), dtype=np.uint8)


def gray(channel: NDArray[np.integer]) -> Pixels:
    """Repeat one channel three times."""
    return np.repeat(channel[..., None].astype(np.uint8), 3, axis=2)


@dataclass(frozen=True)
class Kind:
    """One kind of input and its treatment.

    Parameters
    ----------
    make : callable
        Takes an empty folder and a place outside the input folder (not yet there), writes the
        input, and gives the path to examine.
    reason : str or None
        Reason code where it is refused.
    converted : tuple of str
        Notes where it is examined.
    format : str
        Format by content where it is examined.
    rgb : ndarray of uint8, optional
        The pixels that have to come out.
    tolerance : int
        Largest difference from ``rgb``.
    orientation : int or None
        EXIF orientation that has to be recorded.
    listed : bool
        Whether a search of the folder lists it.
    too_small : bool
        Whether a crop of 32 x 32 refuses it.
    as_nobody : bool
        Whether it takes an unprivileged user to be refused.
    """

    make: Maker
    reason: str | None = None
    converted: tuple[str, ...] = ()
    format: str = ""
    rgb: Pixels | None = None
    tolerance: int = 0
    orientation: int | None = None
    listed: bool = True
    too_small: bool = False
    as_nobody: bool = False


# --- encoders by hand: what no library writes on purpose ---


def png_chunk(name: bytes, data: bytes) -> bytes:
    """Return a PNG chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(
    size: tuple[int, int],
    depth: int,
    colour: int,
    rows: NDArray[np.generic] | bytes,
    before: bytes = b"",
    after: bytes = b"",
) -> bytes:
    """Encode a PNG of (height, width); rows as they are stored, unfiltered."""
    if not isinstance(rows, bytes):
        rows = _rows(rows)
    head = struct.pack(">IIBBBBB", size[1], size[0], depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", head)
        + before
        + png_chunk(b"IDAT", zlib.compress(rows))
        + after
        + png_chunk(b"IEND", b"")
    )


def _rows(pixels: NDArray[np.generic]) -> bytes:
    """Return rows as PNG stores them before compression, each with filter 0."""
    return b"".join(b"\0" + np.ascontiguousarray(row).tobytes() for row in pixels)


def interlaced_png(pixels: Pixels, passes: int = 7) -> bytes:
    """Encode an RGB PNG in the seven passes of Adam7, or the first of them."""
    starts = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    parts = [pixels[y::down, x::right] for y, x, down, right in [*starts, (1, 0, 2, 1)]]
    data = zlib.compress(b"".join(_rows(part) for part in parts[:passes]))
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 1)
    chunks = ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def tiff(
    strips: list[bytes],
    bits: tuple[int, ...] = (8, 8, 8),
    photometric: int = 2,
    order: str = "<",
    tags: dict[int, tuple[int, tuple[int, ...]]] | None = None,
) -> bytes:
    """Encode an uncompressed TIFF of the usual size; tags as {number: (type, values)}."""
    starts = np.cumsum([8, *(len(strip) for strip in strips)])[:-1]
    entries = {
        256: (4, (WIDTH,)),
        257: (4, (HEIGHT,)),
        258: (3, bits),
        259: (3, (1,)),
        262: (3, (photometric,)),
        273: (4, tuple(int(start) for start in starts)),
        277: (3, (len(bits),)),
        278: (4, (HEIGHT,)),
        279: (4, tuple(len(strip) for strip in strips)),
        **(tags or {}),
    }
    body = b"".join(strips)
    body += b"\0" * (len(body) % 2)
    at = 8 + len(body) + 2 + 12 * len(entries) + 4
    directory, values = struct.pack(order + "H", len(entries)), b""
    for tag, (kind, numbers) in sorted(entries.items()):
        data = struct.pack(f"{order}{len(numbers)}{'..BsHI'[kind + 1]}", *numbers)
        if len(data) > 4:
            place, values = struct.pack(order + "I", at + len(values)), values + data
            values += b"\0" * (len(values) % 2)
        else:
            place = data.ljust(4, b"\0")
        directory += struct.pack(order + "HHI", tag, kind, len(numbers)) + place
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8 + len(body))
    return head + body + directory + b"\0\0\0\0" + values


def bmp(rows: bytes, bits: int, compression: int = 0, colours: Pixels | None = None) -> bytes:
    """Encode a BMP of the usual size; rows bottom up and padded."""
    table = b"" if colours is None else b"".join(bytes([b, g, r, 0]) for r, g, b in colours)
    start = 14 + 40 + len(table)
    count = 0 if colours is None else len(colours)
    head = struct.pack(
        "<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, bits, compression, len(rows), 0, 0, count, 0
    )
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head + table + rows


def saved(image: Image.Image, format: str, **options: object) -> bytes:
    """Encode with Pillow."""
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def picture(pixels: Pixels = RGB) -> Image.Image:
    """Return the usual picture."""
    return Image.fromarray(pixels)


def changed(content: bytes, at: int, new: bytes) -> bytes:
    """Overwrite bytes."""
    return content[:at] + new + content[at + len(new) :]


# --- pieces used by several kinds ---

_JPEG = saved(picture(), "JPEG", quality=95)
_JPEG_FRAME = _JPEG.index(b"\xff\xc0")
_JPEG_SCAN = _JPEG.index(b"\xff\xda")
_PNG = png((HEIGHT, WIDTH), 8, 2, RGB)
_PNG_IDAT = _PNG.index(b"IDAT")
_WEBP = saved(picture(), "WEBP", lossless=True)
_TIFF = tiff([RGB.tobytes()])
_BMP = saved(picture(), "BMP")


def _exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _decoded_jpeg(content: bytes) -> Pixels:
    # The one decoder there is: what is tested is that the door leaves its values alone.
    return np.array(Image.open(io.BytesIO(content)).convert("RGB"))


def _palette_png(transparency: bytes = b"", colours: Pixels = COLOURS) -> bytes:
    before = png_chunk(b"PLTE", colours.tobytes())
    if transparency:
        before += png_chunk(b"tRNS", transparency)
    return png((HEIGHT, WIDTH), 8, 3, INDEX, before)


def _apng(frame: Pixels, more: bytes = b"") -> bytes:
    control = struct.pack(">IIIIIHHBB", 0, frame.shape[1], frame.shape[0], 0, 0, 1, 10, 0, 0)
    before = png_chunk(b"acTL", struct.pack(">II", 2 if more else 1, 0))
    return png((HEIGHT, WIDTH), 8, 2, frame, before + png_chunk(b"fcTL", control), more)


def _second_frame() -> bytes:
    control = struct.pack(">IIIIIHHBB", 1, WIDTH, HEIGHT, 0, 0, 1, 10, 0, 0)
    rows = b"".join(b"\0" + row.tobytes() for row in RGB[::-1])
    return png_chunk(b"fcTL", control) + png_chunk(
        b"fdAT", struct.pack(">I", 2) + zlib.compress(rows)
    )


def _webp_partial() -> bytes:
    """A canvas of the usual size whose only frame covers its upper left part."""
    frame = saved(picture(np.ascontiguousarray(RGB[:20, :24])), "WEBP", lossless=True)[12:]
    three = lambda value: struct.pack("<I", value)[:3]  # noqa: E731
    body = three(0) * 2 + three(24 - 1) + three(20 - 1) + three(100) + b"\0" + frame
    chunks = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + three(WIDTH - 1) + three(HEIGHT - 1)
    chunks += b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    chunks += b"ANMF" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def _twelve_bit() -> bytes:
    values = (RGB_16[..., 0] >> 4).reshape(-1, 2)
    high, low = values[:, 0], values[:, 1]
    packed = np.stack([high >> 4, (high & 15) << 4 | low >> 8, low & 255], axis=1)
    return packed.astype(np.uint8).tobytes()


def _cmyk_as_rgb(cmyk: Pixels) -> Pixels:
    ink = 255.0 - cmyk.astype(np.float64)
    return np.round(ink[..., :3] * ink[..., 3:] / 255).astype(np.uint8)


def _undivided() -> Pixels:
    colour, alpha = RGB.astype(np.int64), ALPHA_8.astype(np.int64)
    divided = np.minimum(255, 255 * colour // np.maximum(alpha, 1))
    return np.where(alpha == 0, 0, divided).astype(np.uint8)


def _icc() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


# --- the registry ---

KINDS: dict[str, Kind] = {}


def content(name: str, data: bytes, file: str = "picture.png", **treatment: object) -> None:
    """Register a kind that is one file of the given bytes."""

    def make(folder: Path, outside: Path) -> Path:
        path = folder / file
        path.write_bytes(data)
        return path

    KINDS[name] = Kind(make, **treatment)  # type: ignore[arg-type]


# Not a picture, or of no format that is examined.
content("empty", b"", reason="empty_file")
content("text named .png", b"hello\n" * 50, reason="not_an_image")
content("text that begins with BM", b"BMW makes cars.\n" * 9, "a.bmp", reason="not_an_image")
content("zeros", bytes(1000), reason="not_an_image")
content("JPEG 2000", saved(picture(), "JPEG2000"), "picture.jp2", reason="not_an_image")
content("PPM", saved(picture(), "PPM"), "picture.jpg", reason="not_an_image")
content("SVG", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "a.svg", reason="not_an_image")

# Sound pictures under odd names.
content("PNG named .jpg", _PNG, "picture.jpg", format="PNG", rgb=RGB)
content("no suffix", _PNG, "picture", format="PNG", rgb=RGB)
content("suffix in capitals", _PNG, "PICTURE.PNG", format="PNG", rgb=RGB)
content("name with spaces", _PNG, " a picture .png", format="PNG", rgb=RGB)
content("name with a newline", _PNG, "a\nb.png", format="PNG", rgb=RGB)
content("name with a terminal escape", _PNG, "a\x1b[2Jb.png", format="PNG", rgb=RGB)
content("name that turns the line around", _PNG, "a\u202egnp.exe", format="PNG", rgb=RGB)
content("name with HTML", _PNG, "<script>alert(1)<&quot;.png", format="PNG", rgb=RGB)
content("name with a backslash", _PNG, "a\\x0ab.png", format="PNG", rgb=RGB)
content("name that is not UTF-8", _PNG, os.fsdecode(b"caf\xe9.png"), format="PNG", rgb=RGB)
content("name of 255 bytes", _PNG, "n" * 251 + ".png", format="PNG", rgb=RGB)
content("name with a leading dash", _PNG, "--help", format="PNG", rgb=RGB)
content("hidden file", _PNG, ".picture.png", format="PNG", rgb=RGB)
content("refused under a name with a newline", b"x", "a\nb.png", reason="not_an_image")
content("refused under a name that is not UTF-8", b"x", os.fsdecode(b"\xff"), reason="not_an_image")

# Truncated and damaged.
content("truncated JPEG", _JPEG[: len(_JPEG) // 2], "a.jpg", reason="damaged")
content("JPEG without its end marker", _JPEG[:-2], "a.jpg", reason="damaged")
content("JPEG head only", _JPEG[:100], "a.jpg", reason="damaged")
content("truncated PNG", _PNG[: len(_PNG) // 2], reason="damaged")
content("PNG signature only", _PNG[:8], reason="damaged")
content("truncated WebP", _WEBP[: len(_WEBP) // 2], "a.webp", reason="damaged")
content("truncated TIFF", _TIFF[: len(_TIFF) // 2], "a.tif", reason="damaged")
content("truncated BMP", _BMP[: len(_BMP) // 2], "a.bmp", reason="damaged")
content("BMP head only", _BMP[:20], "a.bmp", reason="damaged")
content("PNG with a wrong head checksum", changed(_PNG, 17, b"\xee"), reason="damaged")
content("PNG with corrupt pixels", changed(_PNG, _PNG_IDAT + 300, b"\x55\xaa"), reason="damaged")
content(
    "PNG with half a row too few", png((HEIGHT, WIDTH), 8, 2, _rows(RGB)[:-70]), reason="damaged"
)
content("JPEG of no height", changed(_JPEG, _JPEG_FRAME + 5, b"\0\0"), "a.jpg", reason="damaged")
_CORRUPT_JPEG = changed(_JPEG, (_JPEG_SCAN + len(_JPEG)) // 2, b"\x12\x34")
content(
    # No checksum and a decoder that recovers: beyond what can be noticed.
    "JPEG with corrupt pixels",
    _CORRUPT_JPEG,
    "a.jpg",
    format="JPEG",
    rgb=_decoded_jpeg(_CORRUPT_JPEG),
)
content("WebP of an unknown kind", changed(_WEBP, 12, b"VP9Z"), "a.webp", reason="damaged")
content(
    "TIFF with corrupt LZW",
    changed(saved(picture(), "TIFF", compression="tiff_lzw"), 400, b"\xff" * 300),
    "a.tif",
    reason="damaged",
)

# Whole to the decoder, with filler where pixels are missing.
content(
    "JPEG that ends early with an end marker",
    _JPEG[: len(_JPEG) // 2] + b"\xff\xd9",
    "a.jpg",
    reason="incomplete",
)
content(
    "JPEG that declares more rows than it has",
    changed(_JPEG, _JPEG_FRAME + 5, struct.pack(">H", 4 * HEIGHT)),
    "a.jpg",
    reason="incomplete",
)
content("PNG whose first frame is smaller", _apng(RGB[:20, :24]), reason="incomplete")
content("PNG with a row too few", png((HEIGHT, WIDTH), 8, 2, RGB[:-1]), reason="incomplete")
content("PNG without its last pass", interlaced_png(RGB, passes=6), reason="incomplete")
content("PNG without its palette", png((HEIGHT, WIDTH), 8, 3, INDEX), reason="incomplete")
content("WebP whose first frame is smaller", _webp_partial(), "a.webp", reason="incomplete")
content(
    "TIFF without its last strip",
    tiff([RGB[:8].tobytes(), RGB[8:16].tobytes()], tags={278: (4, (8,))}),
    "a.tif",
    reason="incomplete",
)
content(
    "TIFF without its last plane",
    tiff([RGB[..., 0].tobytes(), RGB[..., 1].tobytes()], tags={284: (3, (2,))}),
    "a.tif",
    reason="incomplete",
)

# Too large.
content("PNG of 10 gigapixels", png((100_000, 100_000), 8, 2, b""), reason="too_many_pixels")
content("PNG of 148 megapixels", png((12_200, 12_200), 8, 2, b""), reason="too_many_pixels")
content(
    "BMP of 4 gigapixels",
    changed(_BMP, 18, struct.pack("<ii", 65_000, 65_000)),
    "a.bmp",
    reason="too_many_pixels",
)
content("PNG of 64 empty megapixels", png((8_000, 8_000), 8, 2, b""), reason="damaged")
content(
    "JPEG with EXIF in a thousand pieces",
    _JPEG[:2] + (b"\xff\xe1\x00\x10Exif\0\0" + bytes(8)) * 1000 + _JPEG[2:],
    "a.jpg",
    reason="damaged",
)


def _sparse(folder: Path, outside: Path) -> Path:
    path = folder / "large.png"
    path.write_bytes(_PNG)
    os.truncate(path, 2**30 + 1)
    return path


KINDS["file of a gigabyte"] = Kind(_sparse, reason="too_many_bytes")

# PNG pixel types.
_BE_16 = RGB_16.astype(">u2")
_HIGH: Pixels = (RGB_16 >> 8).astype(np.uint8)
_ALPHA_16 = ALPHA_8.astype(np.uint16) * 257
content(
    "16-bit gray PNG",
    png((HEIGHT, WIDTH), 16, 0, _BE_16[..., 0]),
    format="PNG",
    converted=(HIGH_BYTE, GRAY),
    rgb=gray(_HIGH[..., 0]),
)
content(
    "16-bit RGB PNG",
    png((HEIGHT, WIDTH), 16, 2, _BE_16),
    format="PNG",
    converted=(HIGH_BYTE,),
    rgb=_HIGH,
)
content(
    "16-bit RGBA PNG",
    png((HEIGHT, WIDTH), 16, 6, np.concatenate([RGB_16, _ALPHA_16], axis=2).astype(">u2")),
    format="PNG",
    converted=(HIGH_BYTE, ALPHA),
    rgb=_HIGH,
)
content(
    "16-bit gray PNG with alpha",
    png((HEIGHT, WIDTH), 16, 4, np.concatenate([RGB_16[..., :1], _ALPHA_16], 2).astype(">u2")),
    format="PNG",
    converted=(HIGH_BYTE, GRAY, ALPHA),
    rgb=gray(_HIGH[..., 0]),
)
content(
    "16-bit gray PNG with a transparent value",
    png((HEIGHT, WIDTH), 16, 0, _BE_16[..., 0], png_chunk(b"tRNS", b"\0\7")),
    format="PNG",
    converted=(HIGH_BYTE, GRAY, ALPHA),
    rgb=gray(_HIGH[..., 0]),
)
content(
    "gray PNG",
    png((HEIGHT, WIDTH), 8, 0, RGB[..., 0]),
    format="PNG",
    converted=(GRAY,),
    rgb=gray(RGB[..., 0]),
)
content(
    "gray PNG with a transparent value out of range",
    png((HEIGHT, WIDTH), 8, 0, RGB[..., 0], png_chunk(b"tRNS", b"\xff\xff")),
    format="PNG",
    converted=(GRAY, ALPHA),
    rgb=gray(RGB[..., 0]),
)
content(
    "gray PNG with alpha",
    png((HEIGHT, WIDTH), 8, 4, np.concatenate([RGB[..., :1], ALPHA_8], axis=2)),
    format="PNG",
    converted=(GRAY, ALPHA),
    rgb=gray(RGB[..., 0]),
)
content(
    "PNG with alpha",
    png((HEIGHT, WIDTH), 8, 6, RGBA),
    format="PNG",
    converted=(ALPHA,),
    rgb=RGB,
)
content(
    "PNG with a transparent colour",
    png((HEIGHT, WIDTH), 8, 2, RGB, png_chunk(b"tRNS", struct.pack(">HHH", *map(int, RGB[3, 4])))),
    format="PNG",
    converted=(ALPHA,),
    rgb=RGB,
)
content(
    "1-bit PNG",
    png((HEIGHT, WIDTH), 1, 0, np.packbits(BITS, axis=1)),
    format="PNG",
    converted=("bilevel to RGB",),
    rgb=gray(255 * BITS),
)
content("palette PNG", _palette_png(), format="PNG", converted=(PALETTE,), rgb=COLOURS[INDEX])
content(
    "palette PNG with one transparent colour",
    _palette_png(b"\xff\xff\0"),
    format="PNG",
    converted=(PALETTE, ALPHA),
    rgb=COLOURS[INDEX],
)
content(
    "palette PNG with half transparent colours",
    _palette_png(bytes([0, 17, 80, 128, 200, 255, 3])),
    format="PNG",
    converted=(PALETTE, ALPHA),
    rgb=COLOURS[INDEX],
)
content(
    "animated PNG",
    _apng(RGB, _second_frame()),
    format="PNG",
    converted=("first of 2 frames",),
    rgb=RGB,
)
content("interlaced PNG", interlaced_png(RGB), format="PNG", rgb=RGB)
content("black PNG", png((HEIGHT, WIDTH), 8, 2, 0 * RGB), format="PNG", rgb=0 * RGB)
content(
    "PNG with a chunk before its head",
    _PNG[:8] + png_chunk(b"teXt", bytes([16] * 40)) + _PNG[8:],
    format="PNG",
    rgb=RGB,
)

# JPEG pixel types and metadata.
content("JPEG", _JPEG, "a.jpg", format="JPEG", rgb=_decoded_jpeg(_JPEG))
_PROGRESSIVE = saved(picture(), "JPEG", progressive=True)
content("progressive JPEG", _PROGRESSIVE, "a.jpg", format="JPEG", rgb=_decoded_jpeg(_PROGRESSIVE))
content(
    "gray JPEG",
    saved(picture(np.full((HEIGHT, WIDTH), 200, np.uint8)), "JPEG", quality=95),
    "a.jpg",
    format="JPEG",
    converted=(GRAY,),
    rgb=np.full((HEIGHT, WIDTH, 3), 200, np.uint8),
    tolerance=1,
)
content(
    # Looks like what libjpeg paints where data end early, and is a whole picture.
    "JPEG of the decoder's own filler",
    saved(picture(np.full((HEIGHT, WIDTH, 3), 128, np.uint8)), "JPEG"),
    "a.jpg",
    format="JPEG",
    rgb=np.full((HEIGHT, WIDTH, 3), 128, np.uint8),
)
_INK: Pixels = np.broadcast_to(np.uint8([40, 90, 160, 30]), (HEIGHT, WIDTH, 4)).copy()
content(
    "CMYK JPEG",
    saved(Image.fromarray(_INK, "CMYK"), "JPEG", quality=100),
    "a.jpg",
    format="JPEG",
    converted=(CMYK,),
    rgb=_cmyk_as_rgb(_INK),
    tolerance=3,
)
content(
    "12-bit JPEG",
    changed(_JPEG, _JPEG_FRAME + 4, b"\x0c"),
    "a.jpg",
    reason="unsupported_mode",
)
content(
    "JPEG turned by EXIF",
    saved(picture(), "JPEG", quality=95, exif=_exif(6)),
    "a.jpg",
    format="JPEG",
    rgb=_decoded_jpeg(_JPEG),
    orientation=6,
)
content(
    "JPEG with damaged EXIF",
    saved(picture(), "JPEG", quality=95, exif=b"Exif\0\0II*\0\xff\xff\xff\x7f" + bytes(30)),
    "a.jpg",
    format="JPEG",
    rgb=_decoded_jpeg(_JPEG),
)
content(
    "JPEG with a colour profile",
    saved(picture(), "JPEG", quality=95, icc_profile=_icc()),
    "a.jpg",
    format="JPEG",
    rgb=_decoded_jpeg(_JPEG),
)
content(
    "JPEG with rubbish after its end",
    _JPEG + b"rubbish" * 99,
    "a.jpg",
    format="JPEG",
    rgb=_decoded_jpeg(_JPEG),
)
content(
    "JPEG of two pictures",
    saved(picture(), "MPO", quality=95, save_all=True, append_images=[picture(RGB[::-1].copy())]),
    "a.jpg",
    format="MPO",
    converted=("first of 2 frames",),
    rgb=_decoded_jpeg(_JPEG),
)

# WebP.
content("WebP", _WEBP, "a.webp", format="WEBP", rgb=RGB)
content(
    "WebP with alpha",
    saved(picture(RGBA), "WEBP", lossless=True, exact=True),
    "a.webp",
    format="WEBP",
    converted=(ALPHA,),
    rgb=RGB,
)
content(
    "animated WebP",
    saved(
        picture(), "WEBP", lossless=True, save_all=True, append_images=[picture(RGB[::-1].copy())]
    ),
    "a.webp",
    format="WEBP",
    converted=("first of 2 frames",),
    rgb=RGB,
)
content(
    "WebP turned by EXIF",
    saved(picture(), "WEBP", lossless=True, exif=_exif(8)),
    "a.webp",
    format="WEBP",
    rgb=RGB,
    orientation=8,
)


# TIFF.
def _tiff_kind(name: str, data: bytes, **treatment: object) -> None:
    if "reason" not in treatment:
        treatment["format"] = "TIFF"
    content(name, data, "a.tif", **treatment)


_LE_16 = RGB_16.astype("<u2")
_tiff_kind("TIFF", _TIFF, rgb=RGB)
for _turn in range(1, 9):
    _tiff_kind(
        f"TIFF of orientation {_turn}",
        tiff([RGB.tobytes()], tags={274: (3, (_turn,))}),
        rgb=RGB,
        orientation=_turn,
    )
_tiff_kind(
    "compressed TIFF of orientation 6",
    saved(picture(), "TIFF", compression="tiff_lzw", exif=_exif(6)),
    rgb=RGB,
    orientation=6,
)
_tiff_kind(
    "16-bit gray TIFF",
    tiff([_LE_16[..., 0].tobytes()], (16,), 1),
    converted=(HIGH_BYTE, GRAY),
    rgb=gray(_HIGH[..., 0]),
)
_tiff_kind(
    "16-bit gray TIFF, most significant byte first",
    tiff([_BE_16[..., 0].tobytes()], (16,), 1, ">"),
    converted=(HIGH_BYTE, GRAY),
    rgb=gray(_HIGH[..., 0]),
)
_tiff_kind(
    "16-bit RGB TIFF",
    tiff([_LE_16.tobytes()], (16, 16, 16)),
    converted=(HIGH_BYTE,),
    rgb=_HIGH,
)
_tiff_kind(
    "16-bit RGB TIFF, most significant byte first",
    tiff([_BE_16.tobytes()], (16, 16, 16), order=">"),
    converted=(HIGH_BYTE,),
    rgb=_HIGH,
)
_tiff_kind(
    "16-bit TIFF in separate planes",
    tiff([_LE_16[..., i].tobytes() for i in range(3)], (16, 16, 16), tags={284: (3, (2,))}),
    reason="unsupported_mode",
)
_tiff_kind(
    "16-bit gray TIFF with white as zero",
    tiff([_LE_16[..., 0].tobytes()], (16,), 0),
    reason="unsupported_mode",
)
_tiff_kind("12-bit gray TIFF", tiff([_twelve_bit()], (12,), 1), reason="unsupported_mode")
_tiff_kind(
    "gray TIFF with white as zero",
    tiff([(255 - RGB[..., 0]).tobytes()], (8,), 0),
    converted=(GRAY,),
    rgb=gray(RGB[..., 0]),
)
_tiff_kind(
    "signed gray TIFF",
    tiff([RGB[..., 0].tobytes()], (8,), 1, tags={339: (3, (2,))}),
    reason="unsupported_mode",
)
_tiff_kind(
    "32-bit integer TIFF",
    tiff([RGB_16[..., 0].astype("<u4").tobytes()], (32,), 1),
    reason="unsupported_mode",
)
_tiff_kind(
    "floating-point gray TIFF",
    tiff([RGB[..., 0].astype("<f4").tobytes()], (32,), 1, tags={339: (3, (3,))}),
    reason="unsupported_mode",
)
_tiff_kind(
    "floating-point RGB TIFF",
    tiff([RGB.astype("<f4").tobytes()], (32, 32, 32), tags={339: (3, (3, 3, 3))}),
    reason="unsupported_mode",
)
_tiff_kind("LAB TIFF", tiff([RGB.tobytes()], photometric=8), reason="unsupported_mode")
_tiff_kind("YCbCr TIFF", tiff([RGB.tobytes()], photometric=6), reason="unsupported_mode")
_tiff_kind(
    "CMYK TIFF",
    tiff([RGBA.tobytes()], (8,) * 4, 5),
    converted=(CMYK,),
    rgb=_cmyk_as_rgb(RGBA),
    tolerance=1,
)
_tiff_kind(
    "16-bit CMYK TIFF",
    tiff([(RGBA.astype("<u2") * 257).tobytes()], (16,) * 4, 5),
    converted=(HIGH_BYTE, CMYK),
    rgb=_cmyk_as_rgb(RGBA),
    tolerance=1,
)
_tiff_kind(
    "1-bit TIFF",
    tiff([np.packbits(BITS, axis=1).tobytes()], (1,), 1),
    converted=("bilevel to RGB",),
    rgb=gray(255 * BITS),
)
_tiff_kind(
    "TIFF in separate planes",
    tiff([RGB[..., i].tobytes() for i in range(3)], tags={284: (3, (2,))}),
    rgb=RGB,
)
_tiff_kind(
    "TIFF with alpha",
    tiff([RGBA.tobytes()], (8,) * 4, tags={338: (3, (2,))}),
    converted=(ALPHA,),
    rgb=RGB,
)
_tiff_kind(
    "TIFF with premultiplied alpha",
    tiff([RGBA.tobytes()], (8,) * 4, tags={338: (3, (1,))}),
    converted=(ALPHA, "premultiplied alpha divided out"),
    rgb=_undivided(),
)
_tiff_kind(
    "TIFF with an extra channel",
    tiff([RGBA.tobytes()], (8,) * 4, tags={338: (3, (0,))}),
    converted=(EXTRA,),
    rgb=RGB,
)
_tiff_kind(
    "palette TIFF",
    saved(Image.open(io.BytesIO(_palette_png())), "TIFF"),
    converted=(PALETTE,),
    rgb=COLOURS[INDEX],
)
_tiff_kind(
    "TIFF of three pages",
    saved(picture(), "TIFF", save_all=True, append_images=[picture(RGB[::-1].copy())] * 2),
    converted=("first of several frames",),
    rgb=RGB,
)

# BMP.
_PADDED = np.pad(INDEX, ((0, 0), (0, -WIDTH % 4)))[::-1]
_FIVE_BITS = _RNG.integers(0, 32, (HEIGHT, WIDTH, 3)).astype("<u2")
content("BMP", _BMP, "a.bmp", format="BMP", rgb=RGB)
content(
    "palette BMP",
    bmp(_PADDED.tobytes(), 8, colours=COLOURS),
    "a.bmp",
    format="BMP",
    converted=(PALETTE,),
    rgb=COLOURS[INDEX],
)
content(
    "16-bit BMP",
    bmp((_FIVE_BITS[::-1] << np.uint16([10, 5, 0])).sum(2).astype("<u2").tobytes(), 16),
    "a.bmp",
    format="BMP",
    converted=("5-bit channels to 8-bit",),
    rgb=(_FIVE_BITS.astype(np.int64) * 255 // 31).astype(np.uint8),
)
content(
    "run-length BMP",
    bmp(b"\x05\x02" * 400 + b"\0\x01", 8, 1, COLOURS),
    "a.bmp",
    reason="unsupported_mode",
)
content("2-bit BMP", bmp(bytes(800), 2), "a.bmp", reason="unsupported_mode")

# Small pictures: examined by the door, refused by the crop.
for _size in ((1, 1), (1, 300), (300, 1), (31, 31), (31, 400)):
    _small: Pixels = _RNG.integers(0, 256, (*_size, 3), dtype=np.uint8)
    content(
        f"picture of {_size[1]} x {_size[0]}",
        png(_size, 8, 2, _small),
        format="PNG",
        rgb=_small,
        too_small=True,
    )


# Links and special files.
def _link(target: str) -> Maker:
    def make(folder: Path, outside: Path) -> Path:
        (folder / "there.png").write_bytes(_PNG)
        (folder / "sub").mkdir()
        (folder / "sub" / "inside.png").write_bytes(_PNG)
        outside.mkdir(parents=True, exist_ok=True)
        (outside / "secret.png").write_bytes(_PNG)
        path = folder / "link.png"
        path.symlink_to(target.replace("OUTSIDE", os.fspath(outside)))
        return path

    return make


def _behind_link(folder: Path, outside: Path) -> Path:
    outside.mkdir(parents=True, exist_ok=True)
    (outside / "secret.png").write_bytes(_PNG)
    (folder / "link").symlink_to(outside)
    return folder / "link" / "secret.png"


def _pipe(folder: Path, outside: Path) -> Path:
    os.mkfifo(folder / "pipe.png")
    return folder / "pipe.png"


def _socket(folder: Path, outside: Path) -> Path:
    path = folder / "s.png"
    here = Path.cwd()
    os.chdir(folder)  # names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(path.name)
    finally:
        os.chdir(here)
    return path


def _folder(folder: Path, outside: Path) -> Path:
    (folder / "x.png").mkdir()
    return folder / "x.png"


def _gone(folder: Path, outside: Path) -> Path:
    return folder / "gone.png"


def _forbidden(folder: Path, outside: Path) -> Path:
    path = folder / "forbidden.png"
    path.write_bytes(_PNG)
    path.chmod(0)
    return path


def _forbidden_folder(folder: Path, outside: Path) -> Path:
    path = folder / "forbidden"
    path.mkdir()
    (path / "picture.png").write_bytes(_PNG)
    path.chmod(0)
    return path


def _litter(name: str) -> Maker:
    def make(folder: Path, outside: Path) -> Path:
        path = folder / name
        path.write_bytes(b"\0\5\x16\7 not a picture")
        return path

    return make


KINDS.update(
    {
        "link inside": Kind(_link("there.png"), format="PNG", rgb=RGB),
        "link out of the folder": Kind(_link("OUTSIDE/secret.png"), reason="link_outside"),
        "link to a folder": Kind(_link("sub"), reason="not_a_regular_file"),
        "link to a folder outside": Kind(_link("OUTSIDE"), reason="link_outside"),
        "link to nowhere": Kind(_link("nothing"), reason="not_found"),
        "link to itself": Kind(_link("link.png"), reason="not_readable"),
        "file behind a linked folder": Kind(_behind_link, reason="link_outside", listed=False),
        "pipe": Kind(_pipe, reason="not_a_regular_file"),
        "socket": Kind(_socket, reason="not_a_regular_file"),
        "folder named .png": Kind(_folder, reason="not_a_regular_file", listed=False),
        "file that is gone": Kind(_gone, reason="not_found", listed=False),
        "forbidden file": Kind(_forbidden, reason="not_readable", as_nobody=True),
        "forbidden folder": Kind(_forbidden_folder, reason="not_readable", as_nobody=True),
        "litter of macOS": Kind(_litter(".DS_Store"), reason="not_an_image", listed=False),
        "litter of Windows": Kind(_litter("Thumbs.db"), reason="not_an_image", listed=False),
        "resource fork": Kind(_litter("._x.jpg"), reason="not_an_image", listed=False),
    }
)
