"""What a file says about how it was stored, beside its pixels: compression, depth, metadata."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, JpegImagePlugin

from fp.images import metadata_blocks
from fp.images.boxes import stored_bits
from fp.images.claims import Claim, read_claims, whole_texts
from fp.images.png_chunks import chunks
from fp.images.requests import Request, read_request
from fp.images.vp8 import webp_quality
from fp.system.arrays import Doubles

_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Example luminance table of ITU-T T.81, K.1, in rows of vertical frequency."""

BY_FORMAT = {"AVIF": "AVIF", "HEIF": "HEIC", "JXL": "JPEG XL"}
"""Formats, as Pillow names them, whose files with and without loss are not told apart."""

COMPRESSIONS = ("lossless", "JPEG", "lossy WebP", *BY_FORMAT.values())
"""What a coding can have done to pixels; for the last three see `BY_FORMAT`."""

_SUBSAMPLING = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}
_SCREENSHOT = re.compile(r"\bscreen ?shot\b", re.IGNORECASE)
_SAYS_WHAT = ("usercomment", "software", "description", "imagedescription", "title", "comment")
_PNG_DEPTH = 24  # offset of the bit depth in the file: signature, length, name, width, height


@dataclass(frozen=True)
class Container:
    """How a picture is stored.

    Parameters
    ----------
    compression : str
        What the coding did to the pixels, of `COMPRESSIONS`.
    quality : int or None
        JPEG quality in 1 to 100: that of the standard luminance table, scaled as libjpeg does,
        which comes nearest to the file's; None for other files.
    webp_quality : int or None
        Quality of a lossy WebP in 0 to 100, see `fp.images.vp8.webp_quality`; about 3 off.
    subsampling : str or None
        Chroma subsampling of a JPEG, such as ``"4:2:0"``, ``"grey"`` where there is no chroma.
    bits : int
        Bits a sample.
    alpha, palette, icc, exif : bool
        Whether there is an alpha channel, a palette, a colour profile, EXIF metadata.
    standard_tables : bool
        Whether the luminance table of a JPEG is exactly that of its quality.
    progressive : bool
        Whether a JPEG is progressive.
    screenshot : bool
        Whether the metadata call the picture a screenshot.
    seed, prompt : str or None
        What the file says that its generator was asked for; see `fp.images.requests.Request`.
    """

    compression: str
    quality: int | None
    webp_quality: int | None
    subsampling: str | None
    bits: int
    alpha: bool
    palette: bool
    icc: bool
    exif: bool
    standard_tables: bool = False
    progressive: bool = False
    screenshot: bool = False
    seed: str | None = None
    prompt: str | None = None


@dataclass(frozen=True)
class Metadata:
    """What a file holds beside its pixels.

    Parameters
    ----------
    container : Container
        How the picture is stored.
    claims : tuple of Claim
        What the file says of its own origin.
    request : Request
        What it says that a generator was asked for.
    """

    container: Container
    claims: tuple[Claim, ...]
    request: Request


def metadata_of(image: Image.Image, content: bytes) -> Metadata:
    """Return all that an opened and not yet loaded image's file holds beside its pixels."""
    texts = _texts(content)
    request = read_request(texts)
    return Metadata(_described(image, content, texts, request), read_claims(content), request)


def describe(image: Image.Image, content: bytes) -> Container:
    """Return how an opened and not yet loaded image is stored, by its content."""
    texts = _texts(content)
    return _described(image, content, texts, read_request(texts))


def _texts(content: bytes) -> tuple[Claim, ...]:
    return tuple(whole_texts(metadata_blocks.read(content)))


def _described(
    image: Image.Image, content: bytes, texts: Sequence[Claim], request: Request
) -> Container:
    kind = compression(image, content)
    quality = subsampling = None
    standard = False
    tables = getattr(image, "quantization", None)
    parts = {chunk.name for chunk in chunks(content)} if image.format == "PNG" else set()
    if kind == "JPEG":
        if tables:
            table = list(tables[min(tables)])
            quality = jpeg_quality(table)
            standard = bool(np.array_equal(np.log(table), _standard_tables()[quality - 1]))
        subsampling = _subsampling(image)
    return Container(
        compression=kind,
        quality=quality,
        webp_quality=_webp_quality(content) if kind == "lossy WebP" else None,
        subsampling=subsampling,
        bits=_bits(image, content),
        alpha=image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info,
        palette=image.mode in ("P", "PA"),
        icc=bool(image.info.get("icc_profile")) or b"iCCP" in parts,
        exif=bool(image.info.get("exif")) or b"eXIf" in parts,
        standard_tables=standard,
        progressive=kind == "JPEG" and bool(image.info.get("progressive")),
        screenshot=_is_screenshot(texts),
        seed=request.seed,
        prompt=request.prompt,
    )


def compression(image: Image.Image, content: bytes) -> str:
    """Return what the coding did to the pixels of an opened image; see `Container`."""
    if image.format == "JPEG" or (
        image.format == "TIFF" and image.info.get("compression") in ("jpeg", "tiff_jpeg")
    ):
        return "JPEG"
    if image.format == "WEBP" and any(name == b"VP8 " for name, _ in _webp_chunks(content)):
        return "lossy WebP"
    return BY_FORMAT.get(str(image.format), "lossless")


def jpeg_quality(table: list[int]) -> int:
    """Return the quality in 1 to 100 that a luminance table of JPEG was written with.

    The table's 64 steps are in rows of vertical frequency, as Pillow gives them. Its quality is the
    one whose table is nearest by the mean absolute difference of logarithms; of equally near ones
    the highest.
    """
    found = np.log(np.maximum(np.asarray(table, dtype=np.float64), 1.0))
    distances = np.abs(_standard_tables() - found).mean(axis=1)
    return int(100 - np.argmin(distances[::-1]))


@lru_cache(maxsize=1)
def _standard_tables() -> Doubles:
    base = np.array(_LUMINANCE, dtype=np.int64).ravel()
    rows = []
    for quality in range(1, 101):
        # The rule of libjpeg's jpeg_quality_scaling.
        scale = 5000 // quality if quality < 50 else 200 - 2 * quality
        rows.append(np.log(np.clip((base * scale + 50) // 100, 1, 255)))
    return np.array(rows)


def _is_screenshot(texts: Iterable[Claim]) -> bool:
    return any(_SCREENSHOT.search(told.text) for told in texts if told.name.lower() in _SAYS_WHAT)


def _subsampling(image: Image.Image) -> str | None:
    layers = getattr(image, "layer", None)
    if not layers:
        return None
    if len(layers) < 3:
        return "grey"
    known = JpegImagePlugin.get_sampling(image)
    if known in _SUBSAMPLING:
        return _SUBSAMPLING[known]
    return "/".join(f"{layer[1]}x{layer[2]}" for layer in layers)


def _webp_quality(content: bytes) -> int | None:
    frames = (at for name, at in _webp_chunks(content) if name == b"VP8 ")
    at = next(frames, None)
    return None if at is None else webp_quality(content[at : at + 2048])


def _webp_chunks(content: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield name and place of a WebP's chunks; the pictures of an animation among them."""
    start = 12
    while start + 8 <= len(content):
        name = content[start : start + 4]
        size = int.from_bytes(content[start + 4 : start + 8], "little")
        yield name, start + 8
        # A frame of an animation: 16 bytes of its own, then the chunks of its picture.
        start += 8 + 16 if name == b"ANMF" else 8 + size + size % 2


def _bits(image: Image.Image, content: bytes) -> int:
    if image.format == "PNG":
        return content[_PNG_DEPTH] if len(content) > _PNG_DEPTH else 8
    if image.format in ("AVIF", "HEIF"):
        return stored_bits(image, content)
    if image.format == "TIFF":
        return int(max(getattr(image, "tag_v2", {}).get(258, (1,))))
    return 1 if image.mode == "1" else 8
