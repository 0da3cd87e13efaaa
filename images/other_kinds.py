"""Files of kinds that are not examined: what they are, and what to do."""

from __future__ import annotations

import io
import re
from pathlib import Path

from fp.images.formats import NAMES
from fp.system import members
from fp.system.errors import ImageError
from fp.system.paths import container_of, display_path

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


def refusal(content: bytes, path: Path, shown: str) -> ImageError:
    """Return why a file that is of none of the formats is not examined."""
    if members.holds_members(content):
        return _holding(content, path, shown)
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


def _holding(content: bytes, path: Path, shown: str) -> ImageError:
    """Return why an archive or document was not taken apart."""
    if container_of(path) is not None:
        return ImageError(
            "not_an_image",
            f"{shown} is an archive or PDF inside another one; take it out into a folder.",
        )
    try:
        names = members.names_in(io.BytesIO(content), shown)
    except ImageError as error:
        return error
    inside = display_path(path / names[0])
    return ImageError("not_an_image", f"{shown} holds files; name one of them, such as {inside}.")
