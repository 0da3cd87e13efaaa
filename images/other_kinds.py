"""Files of kinds that are not examined: what they are, and what to do."""

from __future__ import annotations

import re

from fp.images.formats import NAMES
from fp.system.errors import ImageError

_RAW = re.compile(
    rb"....ftypcrx |FUJIFILMCCD-RAW|IIU\0|IIR[OS]\x08\0|MMOR\0|FOVb|\0MRM|II\x1a\0\0\0HEAPCCDR",
    re.DOTALL,
)
"""Raw files of cameras that are no TIFF: of Canon, Fujifilm, Panasonic, Olympus, Sigma, Minolta."""

_OTHERS = (
    (rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "a JPEG 2000 image; save it as 8-bit PNG"),
    (rb"8BPS", "a Photoshop document; save it as 8-bit PNG"),
    (rb"\xc5\xd0\xd3\xc6|%!PS", "a PostScript file; save the picture in it as a file"),
    (rb"P[1-7]\s", "a PNM image; save it as PNG"),
    (rb"Rar!|7z\xbc\xaf|\x1f\x8b|BZh|\xfd7zXZ|.{257}ustar", "an archive other than ZIP; unpack it"),
    (rb"....(?:ftyp|moov)|\x1a\x45\xdf\xa3|RIFF....AVI ", "a video; export frames as PNG"),
    (rb"\s*(?:<!DOCTYPE|<html)", "a web page; save the picture in it as a file"),
    (rb"\s*(?:<\?xml[^>]*>)?\s*<svg", "an SVG drawing, which has no pixels of its own"),
)
_KINDS = [(re.compile(start, re.DOTALL | re.IGNORECASE), told) for start, told in _OTHERS]


def refusal(content: bytes, shown: str) -> ImageError:
    """Return why a file that is of none of the formats is not examined."""
    if _RAW.match(content):
        return ImageError(
            "unsupported_mode",
            f"{shown} is a raw file of a camera, and its preview is not the picture; develop it, "
            "note with what program and settings, and save it as 8-bit RGB.",
        )
    for start, told in _KINDS:
        if start.match(content):
            return ImageError("not_an_image", f"{shown} is {told}.")
    return ImageError("not_an_image", f"{shown} is no image of a kind that is known ({NAMES}).")
