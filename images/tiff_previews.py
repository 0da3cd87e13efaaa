"""TIFF files whose first picture is a reduced preview of another, such as DNG.

A decoder that takes the first picture takes the preview, which a camera or a program made smaller,
sharper and of another coding than the photograph.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

from PIL import Image, TiffImagePlugin

_WIDTH, _HEIGHT = 256, 257
_SUBFILE_TYPE, _OLD_SUBFILE_TYPE, _SUBFILES, _DNG = 254, 255, 330, 50706
_REDUCED = 1  # bit of the type of a subfile, and not of the old one, where 2 means it
_MOST_SUBFILES = 16


def is_preview(image: Image.Image, content: bytes) -> bool:
    """Return whether the first picture of an opened TIFF stands for another, larger one."""
    tags = getattr(image, "tag_v2", {})
    return (
        bool(_whole(tags.get(_SUBFILE_TYPE)) & _REDUCED)
        or _whole(tags.get(_OLD_SUBFILE_TYPE)) == 2
        or _DNG in tags
        or content[4:11] == b"\x10\0\0\0CR\2"  # of Canon: its first picture is a JPEG
        or any(size > tags[_WIDTH] * tags[_HEIGHT] for size in _subfiles(image, content))
    )


def _subfiles(image: Image.Image, content: bytes) -> Iterator[int]:
    """Yield the pixels of each picture that hangs on the first. What cannot be read has none."""
    tags = getattr(image, "tag_v2", {})
    places = tags.get(_SUBFILES, ())
    head = content[:16] if 43 in content[2:4] else content[:8]
    for place in (places if isinstance(places, tuple) else (places,))[:_MOST_SUBFILES]:
        directory = TiffImagePlugin.ImageFileDirectory_v2(head)
        with contextlib.suppress(Exception):  # hostile bytes make the reader raise anything
            file = io.BytesIO(content)
            file.seek(place)
            directory.load(file)
            yield _whole(directory.get(_WIDTH)) * _whole(directory.get(_HEIGHT))


def _whole(value: object) -> int:
    if isinstance(value, tuple):
        value = value[0] if value else 0
    return value if isinstance(value, int) else 0
