"""The chunks of a PNG: which are its picture, and whether they are sound.

What a PNG holds beside its picture (texts, profiles, times) must not decide whether the picture can
be examined. Decoders stop at a text that unpacks to more than they like, or at a wrong checksum of
a chunk that they would ignore. So the decoder gets the picture alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_LIMIT = 2**20  # of a text, as it is stored and as it unpacks; Pillow stops at more
# Beside the critical chunks: transparency and frames, and where a turn of the picture is told.
_ANCILLARY = frozenset({b"tRNS", b"acTL", b"fcTL", b"fdAT", b"eXIf"})
_TURNING = frozenset({b"XML:com.adobe.xmp", b"Raw profile type exif"})
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_TRANSPARENT = {b"\0": 2, b"\2": 6}
"""Bytes of the transparent value of grey and colour pictures; of a palette it may be any number."""

_COLOUR_TYPE = slice(25, 26)  # where it stands in the file


@dataclass(frozen=True)
class Chunk:
    """Where a chunk lies in the bytes of its file.

    Parameters
    ----------
    name : bytes
        Its type.
    start, end : int
        Where its data begin and end; length and name lie before, four bytes of checksum behind.
    """

    name: bytes
    start: int
    end: int

    @property
    def critical(self) -> bool:
        """Whether no picture can be shown without it: its name begins with a capital."""
        return self.name[:1].isupper()

    def holds(self, content: bytes) -> bool:
        """Return whether its checksum is that of its name and data."""
        stored = int.from_bytes(content[self.end : self.end + 4], "big")
        return zlib.crc32(memoryview(content)[self.start - 4 : self.end]) == stored


def chunks(content: bytes) -> Iterator[Chunk]:
    """Yield the chunks of a PNG up to its end, or where it is cut."""
    at = len(SIGNATURE)
    while at + 8 <= len(content):
        start = at + 8
        end = start + int.from_bytes(content[at : at + 4], "big")
        found = Chunk(content[at + 4 : start], start, end)
        yield found
        if found.name == b"IEND":
            return
        at = end + 4


def is_of_apple(content: bytes) -> bool:
    """Return whether a PNG is stored as Apple does it: other bytes, other orders."""
    return content[12:16] == b"CgBI"


def wrong_checksum(content: bytes) -> bool:
    """Return whether a whole chunk of the picture has a wrong checksum."""
    return any(
        chunk.name in (b"IHDR", b"PLTE", b"IDAT")
        and chunk.end + 4 <= len(content)
        and not chunk.holds(content)
        for chunk in chunks(content)
    )


def of_the_picture(content: bytes) -> bytes:
    """Return a PNG with only the chunks of its pixels, frames and orientation."""
    pieces, seen, dropped = [content[: len(SIGNATURE)]], set[bytes](), False
    for chunk in chunks(content):
        keyword = _keyword(chunk, content)
        if chunk.critical or (_wanted(chunk, content, keyword) and keyword not in seen):
            pieces.append(content[chunk.start - 8 : chunk.end + 4])
            seen |= {keyword} if keyword else set()
        else:
            dropped = True
    return b"".join(pieces) if dropped else content


def _keyword(chunk: Chunk, content: bytes) -> bytes:
    """Return what a text is about; nothing for other chunks."""
    if chunk.name not in _TEXTS:
        return b""
    return content[chunk.start : min(chunk.end, chunk.start + 80)].partition(b"\0")[0]


def _wanted(chunk: Chunk, content: bytes, keyword: bytes) -> bool:
    if chunk.name not in _ANCILLARY and keyword not in _TURNING:
        return False
    if not chunk.holds(content):
        return False
    least = _TRANSPARENT.get(content[_COLOUR_TYPE], 0) if chunk.name == b"tRNS" else 0
    if chunk.end - chunk.start < least:
        return False
    return chunk.name not in _TEXTS or _unpacked(chunk, content, len(keyword)) <= _LIMIT


def _unpacked(chunk: Chunk, content: bytes, keyword: int) -> int:
    """Return the length of a text, as far as it is within the limit."""
    if chunk.end - chunk.start > _LIMIT:
        return chunk.end - chunk.start
    data = content[chunk.start + keyword + 1 : chunk.end]
    if chunk.name == b"iTXt":  # flag, method, language, translated keyword
        packed, rest = data[:1] == b"\1", data[2:].split(b"\0", 2)
        data = rest[-1]
    else:
        packed, data = chunk.name == b"zTXt", data[1:] if chunk.name == b"zTXt" else data
    if not packed:
        return len(data)
    try:
        return len(zlib.decompressobj().decompress(data, _LIMIT + 1))
    except zlib.error:
        return _LIMIT + 1
