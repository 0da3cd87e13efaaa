"""What a file itself claims about its origin: metadata, taken down and never believed.

Anyone can write these texts, and anyone can remove them, so they stand beside the statistic and no
score sees them. The bytes are as hostile as the pixels: every length is bounded before it is used,
nothing is followed out of the file, and texts come out on one line.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from fp.images import metadata_blocks
from fp.images.c2pa_store import read_store
from fp.images.metadata_blocks import MetadataBlocks

MOST_CLAIMS = 32
"""Claims of one file that are kept."""

MOST_CHARACTERS = 200
"""Characters of one claim that are kept, as they are shown."""

EXIF_TAGS = {
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    0x0132: "DateTime",
    0x013B: "Artist",
    0x9003: "DateTimeOriginal",
    0x9004: "DateTimeDigitized",
    0x9286: "UserComment",
}
"""EXIF tags that are taken down."""

XMP_NAMES = (
    "DigitalSourceType",
    "AISystemUsed",
    "AIPromptInformation",
    "CreatorTool",
    "CreateDate",
    "Credit",
)
"""XMP properties that are taken down, in whatever name space they stand."""

PNG_KEYS = (
    "parameters",
    "prompt",
    "workflow",
    "software",
    "description",
    "comment",
    "title",
    "author",
    "source",
    "creation time",
    "dream",
    "sd-metadata",
    "invokeai_metadata",
    "generation_data",
    "fooocus_scheme",
    "aigc",
)
"""PNG text chunks that are taken down: those of common generators and of the format itself."""

_EXIF_POINTER = 0x8769
_MOST_ENTRIES = 512  # of one directory; cameras write about a hundred
_MOST_TEXT = 2**16
_ASCII, _UNDEFINED, _LONG, _DIRECTORY, _BYTE = 2, 7, 4, 13, 1

_XMP = re.compile(
    rf":({'|'.join(XMP_NAMES)})\b"
    r"""(?:\s{0,9}=\s{0,9}(?:"([^"<>]{1,2000})"|'([^'<>]{1,2000})')"""
    r"""|[^<>]{0,99}?:resource\s{0,9}=\s{0,9}["']([^"'<>]{1,2000})["']"""
    r"|>([^<>]{1,2000})<)"
)


@dataclass(frozen=True)
class Claim:
    """One thing that a file says about itself.

    Parameters
    ----------
    source : {"C2PA", "XMP", "PNG", "EXIF", "JPEG"}
        Where it stands.
    name, text : str
        Name of the field, and its content on one line of printable characters, cut at
        `MOST_CHARACTERS`.
    """

    source: str
    name: str
    text: str

    @property
    def line(self) -> str:
        """The claim as text, such as ``EXIF Make: Canon``."""
        return f"{self.source} {self.name}: {self.text}"


def read_claims(content: bytes) -> tuple[Claim, ...]:
    """Return at most `MOST_CLAIMS` claims of a file about its origin. Those of C2PA come first.

    Read are JPEG, PNG, WebP and TIFF: EXIF (`EXIF_TAGS` of the first directory and its EXIF
    directory), XMP (`XMP_NAMES` in the main packet), PNG text (`PNG_KEYS`), JPEG comments, and
    whether there is a C2PA manifest store, whose content is read where the package ``c2pa-python``
    is installed. Others, and damaged metadata, claim nothing.
    """
    blocks = metadata_blocks.read(content)
    found: dict[Claim, None] = {}
    for claim in _all(content, blocks):
        if claim.text:
            found.setdefault(claim)
        if len(found) == MOST_CLAIMS:
            break
    return tuple(found)


def _all(content: bytes, blocks: MetadataBlocks) -> Iterator[Claim]:
    if blocks.c2pa:
        for name, text in read_store(content, blocks.kind, blocks.c2pa):
            yield Claim("C2PA", name, one_line(text))
    for told in whole_texts(blocks):
        yield Claim(told.source, one_line(told.name), one_line(told.text))


def whole_texts(blocks: MetadataBlocks) -> Iterator[Claim]:
    """Yield the claims in XMP, PNG texts, EXIF and JPEG comments as they stand.

    They may hold any character and up to 64 Ki of them: for programs, not for eyes.
    """
    for packet in blocks.xmp:
        yield from _xmp_claims(packet)
    for name, compressed, raw in blocks.texts:
        if name.strip().lower() in PNG_KEYS:
            yield Claim("PNG", name, _decoded(_inflated(raw) if compressed else raw))
    for tiff in blocks.exif:
        yield from _exif_claims(tiff)
    for comment in blocks.comments:
        yield Claim("JPEG", "comment", _decoded(comment))


def one_line(text: bytes | str) -> str:
    """Return a text of unknown origin as one short line of printable characters.

    Bytes that are not UTF-8 are read as Latin-1. Without line breaks, control characters and marks
    that turn the direction of text; where it was cut it says so.
    """
    told = _decoded(text) if isinstance(text, bytes) else text
    words = " ".join(told.replace("\0", " ").split())
    kept, length = [], 0
    for c in words[:MOST_CHARACTERS]:
        kept.append(c if c.isprintable() else ascii(c)[1:-1])
        length += len(kept[-1])
        if length > MOST_CHARACTERS:  # what is escaped takes up to ten characters
            kept.pop()
            break
    shown, more = "".join(kept), len(words) - len(kept)
    return shown if more <= 0 else f"{shown}... ({more} characters more)"


def _decoded(raw: bytes) -> str:
    raw = raw[:_MOST_TEXT]
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character that was cut in two at the end does not make the rest another encoding.
        cut = error.start >= len(raw) - 3 and len(raw) == _MOST_TEXT
        return raw[: error.start].decode("utf-8") if cut else raw.decode("latin-1")


def _inflated(raw: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(raw, _MOST_TEXT)
    except zlib.error:
        return b""


def _xmp_claims(packet: bytes) -> Iterator[Claim]:
    for match in _XMP.finditer(packet[:_MOST_TEXT].decode("utf-8", "replace")):
        text = next(group for group in match.groups()[1:] if group is not None)
        yield Claim("XMP", match[1], text)


def _exif_claims(tiff: bytes) -> Iterator[Claim]:
    """Read a TIFF structure: the first directory, then its EXIF directory."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return
    found: dict[int, bytes] = {}
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        _read_directory(tiff, order, start, found)
        pointer = found.pop(_EXIF_POINTER, b"")
        if len(pointer) >= 4:
            _read_directory(tiff, order, struct.unpack_from(order + "I", pointer)[0], found)
    except struct.error:  # it ends before it should; what was found stands
        pass
    for tag, name in EXIF_TAGS.items():
        if tag in found:
            raw = found[tag]
            text = _comment(raw, order) if tag == 0x9286 else raw
            yield Claim("EXIF", name, _decoded(text) if isinstance(text, bytes) else text)


def _read_directory(tiff: bytes, order: str, start: int, found: dict[int, bytes]) -> None:
    (count,) = struct.unpack_from(order + "H", tiff, start)
    for number in range(min(count, _MOST_ENTRIES)):
        place = start + 2 + 12 * number
        tag, kind, size = struct.unpack_from(order + "HHI", tiff, place)
        if tag == _EXIF_POINTER and kind in (_LONG, _DIRECTORY):
            found.setdefault(tag, tiff[place + 8 : place + 12])
        elif tag in EXIF_TAGS and kind in (_ASCII, _UNDEFINED, _BYTE):
            (offset,) = struct.unpack_from(order + "I", tiff, place + 8)
            offset = place + 8 if size <= 4 else offset
            found.setdefault(tag, tiff[offset : offset + min(size, _MOST_TEXT)])


def _comment(raw: bytes, order: str) -> str | bytes:
    """Decode a user comment: its first eight bytes name the character set."""
    if raw[:8] == b"UNICODE\0":
        # Programs disagree whether the byte order of the file holds here; ASCII text tells.
        body = raw[8:]
        zeros = body[0::2].count(0) - body[1::2].count(0)
        big = zeros > 0 if zeros else order == ">"
        return body.decode("utf-16-be" if big else "utf-16-le", "replace")
    return raw[8:] if raw[:8] in (b"ASCII\0\0\0", b"\0" * 8, b"JIS\0\0\0\0\0") else raw
