"""What AVIF and HEIC files say in their boxes of how their pixels are stored."""

from __future__ import annotations

import re

from PIL import Image

_HEAD = 2**16  # the boxes that describe pictures come first
_AV1 = re.compile(rb"av1C\x81.(.)", re.DOTALL)
_HIGH, _TWELVE = 0x40, 0x20
# A turn by other than nothing, and a mirror.
_TURN = re.compile(rb"\0\0\0\x09(?:irot[\1-\3]|imir)")


def stored_bits(image: Image.Image, content: bytes) -> int:
    """Return bits a sample of an opened AVIF or HEIC; its decoder gives 8 of them."""
    if image.format == "HEIF":
        return int(image.info.get("bit_depth", 8))
    found = _AV1.search(content, 0, _HEAD)
    if found is None or not found[1][0] & _HIGH:
        return 8
    return 12 if found[1][0] & _TWELVE else 10


def conversions(image: Image.Image, content: bytes) -> list[str]:
    """Return notes of what a decoder does to an AVIF or HEIC without being asked."""
    notes = []
    if image.format in ("AVIF", "HEIF"):
        bits = stored_bits(image, content)
        if bits != 8:
            notes.append(f"{bits}-bit to 8-bit by the decoder")
    # That of AVIF leaves pictures as they are stored.
    if image.format == "HEIF" and _TURN.search(content, 0, _HEAD):
        notes.append("turned by the decoder")
    return notes
