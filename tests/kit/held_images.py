"""Formats and containers that people have in hand beside those of `bad_images`, made from scratch.

They join `bad_images.KINDS`, with the treatment that docs/images.md states. `zipped`, `gif` and
`pdf` make containers for other tests.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from bad_images import (
    ALPHA,
    COLOURS,
    HEIGHT,
    INDEX,
    KINDS,
    PALETTE,
    RGB,
    WIDTH,
    Kind,
    Pixels,
    content,
    picture,
    png,
    png_chunk,
    saved,
)
from PIL import Image

_BEFORE = set(KINDS)
PNG = png((HEIGHT, WIDTH), 8, 2, RGB)
"""A PNG of `RGB`."""

_LZW_LEAST = 8  # so that every code has nine bits, as long as the table is cleared in time
_CLEAR, _END = 256, 257


# --- GIF, without compression ---


def _blocks(data: bytes) -> bytes:
    pieces = (data[at : at + 255] for at in range(0, len(data), 255))
    return b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\0"


def _codes(indexes: Iterable[int]) -> bytes:
    codes = []
    for place, index in enumerate(indexes):
        codes += [_CLEAR, index] if place % 100 == 0 else [index]
    bits = "".join(f"{code:09b}"[::-1] for code in [*codes, _END])
    return int(bits[::-1], 2).to_bytes(-(-len(bits) // 8), "little")


def gif(
    frames: Sequence[Pixels], screen: tuple[int, int] | None = None, before: bytes = b""
) -> bytes:
    """Encode frames of palette indexes, (H, W) each, in the colours `COLOURS`."""
    height, width = screen or frames[0].shape
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(COLOURS)] = COLOURS
    found = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + colours.tobytes()
    for frame in frames:
        place = struct.pack("<HHHHB", 0, 0, frame.shape[1], frame.shape[0], 0)
        data = bytes([_LZW_LEAST]) + _blocks(_codes(frame.ravel().tolist()))
        found += before + b"," + place + data
    return found + b";"


_GIF = gif([INDEX])
_SECOND: Pixels = INDEX[::-1].copy()
_CONTROL = b"!\xf9\x04\x01\0\0\x03\0"  # colour 3 is transparent


def _gif_kind(name: str, data: bytes, *converted: str, reason: str | None = None) -> None:
    if reason is not None:
        content(name, data, "a.gif", reason=reason)
        return
    content(name, data, "a.gif", format="GIF", converted=(PALETTE, *converted), rgb=COLOURS[INDEX])


_gif_kind("GIF", _GIF)
_gif_kind("GIF of two frames", gif([INDEX, _SECOND]), "first of 2 frames")
_gif_kind("GIF that loops, of one frame", gif([INDEX], before=_CONTROL[:3] + b"\0" + _CONTROL[4:]))
_gif_kind("GIF with a transparent colour", gif([INDEX], before=_CONTROL), ALPHA)
_gif_kind("truncated GIF", _GIF[: len(_GIF) // 2], reason="damaged")
_gif_kind(
    "GIF whose pixels end early", gif([INDEX[: HEIGHT // 2]], (HEIGHT, WIDTH)), reason="incomplete"
)
_gif_kind(
    "GIF whose coded data end early",
    _GIF.replace(
        _blocks(_codes(INDEX.ravel().tolist())), _blocks(_codes(INDEX.ravel().tolist()[:99]))
    ),
    reason="damaged",
)

# --- animations of one frame in other formats ---

_ONE = png_chunk(b"acTL", struct.pack(">II", 1, 0)) + png_chunk(
    b"fcTL", struct.pack(">IIIIIHHBB", 0, WIDTH, HEIGHT, 0, 0, 1, 1, 0, 0)
)
content(
    "animated PNG of one frame", png((HEIGHT, WIDTH), 8, 2, RGB, before=_ONE), format="PNG", rgb=RGB
)
content(
    "animated WebP of one frame",
    saved(picture(), "WEBP", lossless=True, save_all=True, append_images=[picture()]),
    "a.webp",
    format="WEBP",
    rgb=RGB,
)

# --- AVIF: no encoder at hand is without loss, so the pictures are smooth ---

_ROWS, _COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
SMOOTH: Pixels = np.stack([40 + 3 * _ROWS, 60 + 2 * _COLUMNS, 90 + _ROWS + _COLUMNS], 2).astype(
    "u1"
)
_CLOSE = 4  # the most that codecs at their best quality are off
_BEST = {"quality": 100, "subsampling": "4:4:4"}


def _turned(code: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = code
    return exif


def _coded(
    name: str, data: bytes, file: str, kind: str, *converted: str, **treatment: object
) -> None:
    treatment = {"rgb": SMOOTH, "tolerance": _CLOSE, **treatment}
    content(name, data, file, format=kind, converted=converted, **treatment)


_AVIF = saved(picture(SMOOTH), "AVIF", **_BEST)
_SHEER: Pixels = np.concatenate([SMOOTH, np.full((HEIGHT, WIDTH, 1), 200, "u1")], 2)
_coded("AVIF", _AVIF, "a.avif", "AVIF")
_coded("AVIF with alpha", saved(picture(_SHEER), "AVIF", **_BEST), "a.avif", "AVIF", ALPHA)
_coded(
    "animated AVIF",
    saved(picture(SMOOTH), "AVIF", **_BEST, save_all=True, append_images=[picture(RGB)]),
    "a.avif",
    "AVIF",
    "first of 2 frames",
)
_coded(
    "AVIF turned by its boxes",
    saved(picture(SMOOTH), "AVIF", **_BEST, exif=_turned(6)),
    "a.avif",
    "AVIF",
    orientation=6,
)
content("truncated AVIF", _AVIF[:-40], "a.avif", reason="damaged")
content("AVIF of its head alone", _AVIF[:200], "a.avif", reason="damaged")

# --- HEIC and JPEG XL, where the packages are installed ---

HEIF = find_spec("pillow_heif") is not None
"""Whether HEIC can be read here."""

JXL = find_spec("pillow_jxl") is not None
"""Whether JPEG XL can be read here."""

PDF = find_spec("pypdf") is not None
"""Whether PDF can be read here."""

if HEIF:
    from pillow_heif import HeifImagePlugin as _

    _HEIC = saved(picture(SMOOTH), "HEIF", quality=100, chroma=444)
    _coded("HEIC", _HEIC, "a.heic", "HEIF")
    _coded(
        "HEIC of two pictures",
        saved(
            picture(SMOOTH),
            "HEIF",
            quality=100,
            chroma=444,
            save_all=True,
            append_images=[picture(RGB)],
        ),
        "a.heic",
        "HEIF",
        "first of 2 frames",
    )
    _coded(
        "HEIC that shows its second picture",
        saved(
            picture(RGB),
            "HEIF",
            quality=100,
            chroma=444,
            save_all=True,
            append_images=[picture(SMOOTH)],
            primary_index=1,
        ),
        "a.heic",
        "HEIF",
        "number 2 of 2 frames",
    )
    _coded(
        "HEIC turned by its boxes",
        saved(picture(SMOOTH), "HEIF", quality=100, chroma=444, exif=_turned(6).tobytes()),
        "a.heic",
        "HEIF",
        "turned by the decoder",
        orientation=6,
        rgb=np.rot90(SMOOTH, -1),
    )
    _coded(
        "HEIC of 10 bits",
        saved(Image.fromarray(SMOOTH[..., 0].astype(np.uint16) * 256), "HEIF", quality=100),
        "a.heic",
        "HEIF",
        "10-bit to 8-bit by the decoder",
        "grayscale to RGB",
        rgb=np.repeat(SMOOTH[..., :1], 3, 2),
    )
    content("truncated HEIC", _HEIC[:-40], "a.heic", reason="damaged")
content(
    "HEIC of its head alone",
    b"\0\0\0\x18ftypheic" + bytes(99),
    "a.heic",
    reason="damaged" if HEIF else "needs_package",
)

if JXL:
    import pillow_jxl as _  # noqa: F401 - teaches Pillow to write JPEG XL

    _JXL = saved(picture(), "JXL", lossless=True)
    content("JPEG XL", _JXL, "a.jxl", format="JXL", rgb=RGB)
    content(
        "JPEG XL in boxes",
        saved(picture(), "JXL", lossless=True, exif=_turned(6).tobytes()),
        "a.jxl",
        format="JXL",
        rgb=RGB,
        orientation=6,
    )
    content(
        "JPEG XL of 16 bits",
        saved(Image.fromarray(RGB[..., 0].astype(np.uint16) * 256), "JXL", lossless=True),
        "a.jxl",
        reason="unsupported_mode",
    )
    content("truncated JPEG XL", _JXL[:-40], "a.jxl", reason="damaged")
# 2^30 x 2^30 pixels, which its decoder would make room for before it tells the size.
content(
    "JPEG XL of an exapixel",
    b"\xff\x0a" + (6 | 2**33 - 8 | 1 << 33).to_bytes(99, "little"),
    "a.jxl",
    reason="too_many_pixels",
)
content(
    "JPEG XL without a picture", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(9), "a.jxl", reason="damaged"
)

# --- raw files that are no TIFF, and other files that are not pictures ---

_RAW = {
    "Canon CR3": b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom",
    "Fujifilm": b"FUJIFILMCCD-RAW 0201FF383501X-T3",
    "Panasonic": b"IIU\0\x18\0\0\0",
    "Olympus": b"IIRO\x08\0\0\0",
    "Sigma": b"FOVb\0\0\x02\0",
}
_JPEG = saved(picture(), "JPEG")
for _maker, _head in _RAW.items():
    content(f"raw file of {_maker}", _head + _JPEG, "a.raw", reason="unsupported_mode")


# --- ZIP ---


def zipped(members: dict[str | bytes, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a ZIP archive; a name in bytes is stored as it is, and not said to be UTF-8."""
    stream = io.BytesIO()
    stand_in = {}
    with zipfile.ZipFile(stream, "w", method) as archive:
        for number, (name, data) in enumerate(members.items()):
            if isinstance(name, bytes):
                stand_in[f"{number:0{len(name)}d}".encode()] = name
                name = f"{number:0{len(name)}d}"
            archive.writestr(zipfile.ZipInfo(name), data, method)
    found = stream.getvalue()
    for asked, name in stand_in.items():
        found = found.replace(asked, name)
    return found


def locked(archive: bytes) -> bytes:
    """Return an archive of which every member says that it is encrypted."""
    found = bytearray(archive)
    for start, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = archive.find(start)
        while place >= 0:
            found[place + flags] |= 1
            place = archive.find(start, place + 4)
    return bytes(found)


def _inside(file: str, data: bytes, member: str):
    def make(folder: Path, outside: Path) -> Path:
        (folder / file).write_bytes(data)
        return folder / file / member

    return make


_ZIP = zipped({"a.png": PNG})
KINDS["member under lock"] = Kind(_inside("a.zip", locked(_ZIP), "a.png"), reason="encrypted")
KINDS["archive in an archive"] = Kind(
    _inside("a.zip", zipped({"b.zip": _ZIP}), "b.zip"), reason="not_an_image"
)
content("archive without a file", zipped({}), "a.zip", reason="not_an_image")
content("archive of empty folders", zipped({"a/": b""}), "a.zip", reason="not_an_image")
content("archive without its directory", _ZIP[:-40], "a.zip", reason="damaged")
content("archive of another kind", b"7z\xbc\xaf\x27\x1c" + bytes(99), "a.7z", reason="not_an_image")


# --- PDF ---


def pdf(pictures: Sequence[tuple[bytes, bytes]], text: bytes = b"", tail: bytes = b"") -> bytes:
    """Return a PDF with a page for each picture, its dictionary and its stream."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>"]
    pages = [3 + 2 * number for number in range(len(pictures))] or [3]
    kids = b" ".join(b"%d 0 R" % page for page in pages)
    objects.append(b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(pages), kids))
    for page, (told, data) in zip(pages, pictures, strict=False):
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Resources<</XObject<</Im0 %d 0 R>>>>>>"
            % (page + 1)
        )
        told = b"<</Type/XObject/Subtype/Image%s/Length %d>>" % (told, len(data))
        objects.append(told + b"stream\n" + data + b"\nendstream")
    if not pictures:
        objects.append(b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>")
    found, places = b"%PDF-1.7\n", []
    for number, told in enumerate(objects, start=1):
        places.append(len(found))
        found += b"%d 0 obj%s\nendobj\n" % (number, told)
    start = len(found)
    found += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    found += b"".join(b"%010d 00000 n \n" % place for place in places)
    told = b"trailer<</Size %d/Root 1 0 R%s>>\n" % (len(objects) + 1, tail)
    return found + told + b"startxref\n%d\n%%%%EOF" % start


def pdf_picture(filters: bytes, space: bytes = b"/DeviceRGB", bits: int = 8) -> bytes:
    """Return the entries of a picture of `RGB`'s size in a PDF."""
    told = b"/Width %d/Height %d/BitsPerComponent %d/ColorSpace%s/Filter%s"
    return told % (WIDTH, HEIGHT, bits, space, filters)


if PDF:
    content("PDF without a picture", pdf([]), "a.pdf", reason="not_an_image")
    content("damaged PDF", b"%PDF-1.7\n" + bytes(500), "a.pdf", reason="damaged")

HELD = tuple(name for name in KINDS if name not in _BEFORE)
"""Names of the kinds that this module adds."""
