"""From the pixel types of files to 8-bit RGB, with a note of changes."""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image, ImageFile

from fp.system.arrays import Pixels

TREATMENT = {
    "RGB": (),
    "L": ("grayscale to RGB",),
    "1": ("bilevel to RGB",),
    "P": ("palette to RGB",),
    "RGBA": ("alpha dropped",),
    "RGBX": ("extra channel dropped",),
    "LA": ("grayscale to RGB", "alpha dropped"),
    "PA": ("palette to RGB", "alpha dropped"),
    "CMYK": ("CMYK to RGB without colour management",),
    "I;16": ("grayscale to RGB",),
    "I;16L": ("grayscale to RGB",),
    "I;16B": ("grayscale to RGB",),
}
"""Pillow's pixel types that are examined, with the words that the row carries for each."""

HIGH_BYTE = "16-bit to 8-bit (high byte)"
LOW_BYTE = "16-bit to 8-bit (low byte)"

_BITS, _PHOTOMETRIC, _PLANAR, _SAMPLE_FORMAT = 258, 262, 284, 339  # TIFF tags
_YCBCR = 6
_BAND_BYTES = 2**19  # working memory of the conversion: it stays in the second-level cache


def unsupported(image: Image.Image) -> str | None:
    """Return what has no treatment, such as ``"pixels of type F"``, or None.

    The image is opened and not yet loaded.
    """
    if image.mode not in TREATMENT:
        return f"pixels of type {image.mode}"
    if image.format == "BMP" and _decoder(image) == "bmp_rle":
        # Never what a generator writes, and seconds of interpreted loops on a hostile kilobyte.
        return "run-length compressed pixels"
    return _unsupported_tiff(image) if image.format == "TIFF" else None


def _unsupported_tiff(image: Image.Image) -> str | None:
    """Return the layouts that Pillow opens and then decodes to wrong values without a word."""
    tags = getattr(image, "tag_v2", {})
    bits = max(tags.get(_BITS, (1,)))
    if set(tags.get(_SAMPLE_FORMAT, (1,))) != {1}:
        return "signed samples"
    if bits not in (1, 2, 4, 8, 16):
        return f"{bits}-bit samples"
    if tags.get(_PHOTOMETRIC) == _YCBCR and _decoder(image) == "raw":
        return "uncompressed YCbCr samples"
    if bits == 16 and tags.get(_PHOTOMETRIC) == 0:
        return "16-bit samples with white as zero"
    if bits == 16 and tags.get(_PLANAR) == 2:
        return "16-bit samples in separate planes"
    return None


def conversions(image: Image.Image) -> list[str]:
    """Return notes of what is done to pixels on their way to RGB.

    The image is opened, supported and not yet loaded: loading discards how pixels are stored.
    """
    notes = list(TREATMENT[image.mode])
    stored = _stored_type(image)
    if image.format == "BMP":
        if stored in ("BGR;15", "BGR;16"):
            notes.insert(0, "5-bit channels to 8-bit")
    elif ";16" in stored:
        # Pillow keeps the high byte of most types by itself and does not say so.
        if stored.startswith("LA"):
            notes.insert(0, "grayscale to RGB")
        notes.insert(0, HIGH_BYTE)
    if image.format == "TIFF":
        if "a" in stored:
            notes.append("premultiplied alpha divided out")
        if "X" in stored and getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) != _YCBCR:
            notes.append("extra channel dropped")
    if "transparency" in image.info and "alpha dropped" not in notes:
        notes.append("alpha dropped")
    return notes


def _decoder(image: Image.Image) -> str:
    tiles = getattr(image, "tile", None)
    return str(tiles[0][0]) if tiles else ""


def _stored_type(image: Image.Image) -> str:
    """Return Pillow's raw mode, such as ``RGB;16B``, of which `Image.mode` is the decoded form."""
    tiles = getattr(image, "tile", None)
    return _raw_mode(tiles[0].args) if tiles else ""


def _raw_mode(arguments: object) -> str:
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def swap_bytes(image: ImageFile.ImageFile) -> None:
    """Let an opened image of 16-bit samples give low bytes in place of high ones. It is not yet
    loaded.
    """
    other = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}
    swapped = []
    for tile in image.tile:
        rest = tile.args[1:] if isinstance(tile.args, tuple) else ()
        kind, _, order = _raw_mode(tile.args).partition(";16")
        order = other[order or "L"]
        raw = f"{kind};16" if (kind, order) == ("I", "L") else f"{kind};16{order}"
        swapped.append(tile._replace(args=(raw, *rest)))
    image.tile = swapped


def as_rgb(image: Image.Image) -> Pixels:
    """Return the pixels of a loaded image of a mode in `TREATMENT`: uint8, (H, W, 3), writable.

    Alpha is dropped and never blended; 16-bit samples give their high byte; single-channel images
    are repeated; a palette is looked up.
    """
    width, height = image.size
    rgb_hwc = np.empty((height, width, 3), dtype=np.uint8)
    rows = max(1, _BAND_BYTES // (4 * width))
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        rgb_hwc[top:bottom] = _band_as_rgb(image.crop((0, top, width, bottom)))
    return rgb_hwc


def _band_as_rgb(band: Image.Image) -> Pixels:
    """Return an array that broadcasts to (H, W, 3)."""
    if band.mode in ("RGB", "RGBA", "RGBX"):
        return np.asarray(band)[..., :3]
    if band.mode in ("L", "LA"):
        values: Pixels = np.asarray(band)
        return values.reshape(*values.shape[:2], -1)[..., :1]
    if band.mode.startswith("I;16"):
        return (np.asarray(band) >> 8).astype(np.uint8)[..., None]
    if band.mode == "1":
        return np.asarray(band.convert("L"))[..., None]
    if band.mode == "CMYK":
        return np.asarray(band.convert("RGB"))
    # Palettes through RGBA, so that Pillow does not blend a transparent colour in.
    return np.asarray(band.convert("RGBA"))[..., :3]
