"""The blocks of metadata in an image file, found by walking its container."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

_MOST_BLOCKS = 64  # of one kind
_MOST_SEGMENTS = 100_000
_XMP_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
_STAND_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))  # JPEG markers without a length
_TIFF_XMP, _TIFF_C2PA = 700, 52545
_SIZES = {1: 1, 2: 1, 4: 4, 7: 1, 13: 4}


@dataclass
class MetadataBlocks:
    """Metadata of one file, as bytes.

    Parameters
    ----------
    kind : str
        MIME type of the file; empty where it is no container that is known here.
    exif : list of bytes
        TIFF structures.
    xmp : list of bytes
        XMP packets.
    texts : list of tuple
        PNG texts: keyword, whether it is compressed, content.
    comments : list of bytes
        JPEG comments.
    c2pa : int
        Bytes of a C2PA manifest store; 0 where there is none.
    """

    kind: str = ""
    exif: list[bytes] = field(default_factory=list)
    xmp: list[bytes] = field(default_factory=list)
    texts: list[tuple[str, bool, bytes]] = field(default_factory=list)
    comments: list[bytes] = field(default_factory=list)
    c2pa: int = 0


def read(content: bytes) -> MetadataBlocks:
    """Return the metadata of a file; of a damaged container, what stood before the damage."""
    found = MetadataBlocks()
    try:
        if content.startswith(b"\xff\xd8\xff"):
            found.kind = "image/jpeg"
            _jpeg(content, found)
        elif content.startswith(b"\x89PNG\r\n\x1a\n"):
            found.kind = "image/png"
            _png(content, found)
        elif content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            found.kind = "image/webp"
            _webp(content, found)
        elif content[:4] in (b"II*\0", b"MM\0*"):
            found.kind = "image/tiff"
            _tiff(content, found)
    except (struct.error, IndexError):
        pass
    for blocks in (found.exif, found.xmp, found.texts, found.comments):
        del blocks[_MOST_BLOCKS:]
    return found


def _jpeg(content: bytes, found: MetadataBlocks) -> None:
    place = 2
    for _ in range(_MOST_SEGMENTS):
        if content[place] != 0xFF:
            return
        marker = content[place + 1]
        if marker == 0xFF or marker in _STAND_ALONE:
            place += 1 if marker == 0xFF else 2
            continue
        if marker in (0xD9, 0xDA):  # end of the picture, or its coded data
            return
        (size,) = struct.unpack_from(">H", content, place + 2)
        body = content[place + 4 : place + 2 + size]
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            found.exif.append(body[6:])
        elif marker == 0xE1 and body.startswith(_XMP_HEAD):
            found.xmp.append(body[len(_XMP_HEAD) :])
        elif marker == 0xEB and body[:2] == b"JP" and body[12:16] == b"jumb":
            if b"c2pa" in body[:128] or found.c2pa:  # the first piece of a store names it
                found.c2pa += len(body)
        elif marker == 0xFE:
            found.comments.append(body)
        place += 2 + max(size, 2)


def _png(content: bytes, found: MetadataBlocks) -> None:
    place = 8
    for _ in range(_MOST_SEGMENTS):
        size, kind = struct.unpack_from(">I4s", content, place)
        body = content[place + 8 : place + 8 + size] if kind != b"IDAT" else b""
        place += 12 + size
        if kind == b"IEND":
            return
        if kind == b"eXIf":
            found.exif.append(body)
        elif kind == b"caBX" and b"jumb" in body[:32] and b"c2pa" in body[:128]:
            found.c2pa += len(body)
        elif kind in (b"tEXt", b"zTXt", b"iTXt") and len(found.texts) < _MOST_BLOCKS:
            _png_text(kind, body, found)


def _png_text(kind: bytes, body: bytes, found: MetadataBlocks) -> None:
    keyword, _, rest = body.partition(b"\0")
    name, compressed = keyword[:79].decode("latin-1"), kind == b"zTXt"
    if compressed:
        rest = rest[1:]
    elif kind == b"iTXt":
        compressed = rest[:1] == b"\1"
        rest = rest[2:].split(b"\0", 2)[-1]
    if name == "XML:com.adobe.xmp" and not compressed:
        found.xmp.append(rest)
    else:
        # tEXt is Latin-1 by the standard, and UTF-8 in what most generators write.
        found.texts.append((name, compressed, rest))


def _webp(content: bytes, found: MetadataBlocks) -> None:
    place = 12
    for _ in range(_MOST_SEGMENTS):
        kind, size = struct.unpack_from("<4sI", content, place)
        if kind in (b"EXIF", b"XMP ", b"C2PA"):
            body = content[place + 8 : place + 8 + size]
            if kind == b"EXIF":
                found.exif.append(body.removeprefix(b"Exif\0\0"))
            elif kind == b"XMP ":
                found.xmp.append(body)
            else:
                found.c2pa += len(body)
        place += 8 + size + size % 2


def _tiff(content: bytes, found: MetadataBlocks) -> None:
    found.exif.append(content)
    order = "<" if content[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", content, 4)
    (count,) = struct.unpack_from(order + "H", content, start)
    for number in range(count):
        place = start + 2 + 12 * number
        tag, kind, items, offset = struct.unpack_from(order + "HHII", content, place)
        size = _SIZES.get(kind, 0) * items
        if tag == _TIFF_XMP and size > 4:
            found.xmp.append(content[offset : offset + size])
        elif tag == _TIFF_C2PA and size > 4:
            found.c2pa += len(content[offset : offset + size])
