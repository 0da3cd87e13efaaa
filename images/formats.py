"""The formats that are examined: how each begins, and how one is opened.

HEIC and JPEG XL take packages that are loaded at the first file of their kind.
"""

from __future__ import annotations

import importlib
import io
import re

from PIL import Image, ImageFile, UnidentifiedImageError

from fp.images import png_chunks
from fp.images.jpeg_xl import read_head
from fp.system.errors import ImageError

_SIGNATURES = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "WEBP": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "TIFF": re.compile(rb"II[*+]\0|MM\0[*+]|MM\*\0|II\0\*"),
    # Two letters alone begin many a text; the size of the second header does not.
    "BMP": re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL),
    "GIF": re.compile(rb"GIF8[79]a"),
    # Where the first brand is a general one, those that follow tell.
    "AVIF": re.compile(rb"\0\0..ftyp(?:m[is]f1.{4}(?:.{4}){0,8}?)?avi[fs]", re.DOTALL),
    "HEIF": re.compile(rb"\0\0..ftyp(?:he[iv][cmsx]|m[is]f[1-3])", re.DOTALL),
    "JXL": re.compile(rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"),
}

FORMATS = tuple(_SIGNATURES)
"""Pillow's names of the formats that are examined."""

NAMES = "JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, HEIC, JPEG XL"
"""The same for people."""

# Module that teaches Pillow a format, its package, and what people call the format.
_TAUGHT = {
    "HEIF": ("pillow_heif.HeifImagePlugin", "pillow-heif", "HEIC"),
    "JXL": ("pillow_jxl", "pillow-jxl-plugin", "JPEG XL"),
}


def kind_of(content: bytes) -> str | None:
    """Return the format of a file by its beginning. None where it is none that is examined."""
    return next((kind for kind, start in _SIGNATURES.items() if start.match(content)), None)


def declared_size(kind: str, content: bytes) -> tuple[int, int] | None:
    """Return width and height, where an image must not be opened to learn them. Else None."""
    if kind != "JXL":
        return None
    head = read_head(content)
    return head.width, head.height


def open_image(kind: str, content: bytes, shown: str) -> ImageFile.ImageFile:
    """Open an image of a kind, not yet loaded.

    A PNG is opened without what is beside its picture.
    """
    if kind == "PNG":
        content = _picture_of_png(content, shown)
    elif kind in _TAUGHT:
        _teach(kind, shown)
        if kind == "JXL" and not read_head(content).plain:
            raise ImageError(
                "unsupported_mode",
                f"{shown} is a JPEG XL image with frames, a turn, or samples that have not 8 bits; "
                "save its picture as 8-bit RGB.",
            )
    try:
        return Image.open(io.BytesIO(content), formats=(kind,))
    except UnidentifiedImageError:
        # Pillow has swallowed the reason; its own reader still tells it.
        return Image.OPEN[kind][0](io.BytesIO(content), "")


def _teach(kind: str, shown: str) -> None:
    module, package, name = _TAUGHT[kind]
    try:
        importlib.import_module(module)
    except ImportError:
        raise ImageError(
            "needs_package",
            f"{shown} is a {name} image; install the package {package} to examine it.",
        ) from None


def _picture_of_png(content: bytes, shown: str) -> bytes:
    if png_chunks.is_of_apple(content):
        raise ImageError(
            "unsupported_mode",
            f"{shown} is a PNG in a form of Apple's own, as in packages of apps; save it as an "
            "ordinary PNG.",
        )
    if png_chunks.wrong_checksum(content):
        raise ImageError("damaged", f"{shown} is damaged: a checksum of its pixels is wrong.")
    return png_chunks.of_the_picture(content)
