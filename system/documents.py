"""PDF documents: the pictures that are embedded in them, as they are stored.

A JPEG comes out as its own bytes. A picture of 8-bit samples without loss comes out as a BMP of the
same samples. Nothing is rendered. The package ``pypdf`` reads the document.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any, BinaryIO

from fp.system.errors import ImageError

# What the reader mends is no news, where nobody asked for its messages.
logging.getLogger("pypdf").addHandler(logging.NullHandler())

SIGNATURES = (b"%PDF-",)
"""How a document begins."""

_DEEPEST = 8  # forms in forms
_OWN_FILE = ("/DCTDecode", "/DCT", "/JPXDecode")  # coded as files of their own kind
_PACKED = {
    *("/FlateDecode", "/LZWDecode", "/RunLengthDecode", "/ASCII85Decode", "/ASCIIHexDecode"),
    *("/Fl", "/LZW", "/RL", "/A85", "/AHx"),
}
_CHANNELS = {"/DeviceRGB": 3, "/CalRGB": 3, "/DeviceGray": 1, "/CalGray": 1}


class Document:
    """Where the pictures of a document are.

    Parameters
    ----------
    file : binary file
        The document.
    shown : str
        Its name in messages.

    Raises
    ------
    ImageError
        If it is encrypted or damaged, has no picture, or ``pypdf`` is not installed.
    """

    def __init__(self, file: BinaryIO, shown: str) -> None:
        reader = _reader(file, shown)
        try:
            self._pictures = dict(_pictures(reader))
        except Exception as error:  # hostile bytes make the reader raise anything
            raise _refusal(error, shown) from error
        if not self._pictures:
            raise ImageError(
                "not_an_image",
                f"{shown} is a PDF without an embedded picture; of drawings and text no file can "
                "be examined.",
            )
        self.names = tuple(self._pictures)

    def read(self, file: BinaryIO, name: str, shown: str, most_bytes: int) -> bytes:
        """Return a picture as a file's bytes; its name in messages is `shown`.

        `file` is the document that was searched. An `ImageError` if it cannot be had.
        """
        if name not in self._pictures:
            raise ImageError("not_found", f"{shown} is not in its document (any more).")
        reader = _reader(file, shown)
        try:
            picture = reader.get_object(_reference(reader, *self._pictures[name]))
            content = _as_file(picture, shown)
        except (ImageError, MemoryError):
            raise
        except Exception as error:
            raise _refusal(error, shown) from error
        if len(content) > most_bytes:
            raise ImageError(
                "too_many_bytes",
                f"{shown} has {len(content)} bytes, more than the limit of {most_bytes}.",
            )
        return content


def _reader(file: BinaryIO, shown: str) -> Any:
    try:
        import pypdf
    except ImportError:
        raise ImageError(
            "needs_package",
            f"{shown} is a PDF; install the package pypdf to examine the pictures in it.",
        ) from None
    try:
        return pypdf.PdfReader(file)
    except MemoryError:
        raise
    except Exception as error:
        raise _refusal(error, shown) from error


def _reference(reader: Any, number: int, generation: int) -> Any:
    from pypdf.generic import IndirectObject

    return IndirectObject(number, generation, reader)


def _pictures(reader: Any) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the name of each picture, and its number and generation.

    Each comes once, by the page that has it first. Transparency that belongs to a picture is none
    of its own.
    """
    seen: set[tuple[int, int]] = set()
    for page, content in enumerate(reader.pages, start=1):
        pictures = _used(content.get("/Resources"), seen, _DEEPEST)
        for number, picture in enumerate(pictures, start=1):
            yield f"page {page} picture {number}", picture


def _used(resources: Any, seen: set[tuple[int, int]], depth: int) -> Iterator[tuple[int, int]]:
    """Yield the pictures of a page or form, and of the forms in it.

    Those seen before are left out.
    """
    objects = resources.get_object().get("/XObject") if resources is not None else None
    if objects is None or not depth:
        return
    objects = objects.get_object()
    for name in objects:
        reference = objects.raw_get(name)
        key = reference.idnum, reference.generation
        if key in seen:
            continue
        seen.add(key)
        found = reference.get_object()
        kind = found.get("/Subtype") if isinstance(found, dict) else None  # it may be missing
        if kind == "/Image":
            yield key
        elif kind == "/Form":
            yield from _used(found.get("/Resources"), seen, depth - 1)


def _as_file(picture: Any, shown: str) -> bytes:
    filters = picture.get("/Filter", [])
    names = [str(name) for name in (filters if isinstance(filters, list) else [filters])]
    whole = bool(names) and names[-1] in _OWN_FILE
    channels = 0 if whole else _channels(picture)
    if not set(names[:-1] if whole else names) <= _PACKED or not (whole or channels):
        raise ImageError(
            "unsupported_mode",
            f"{shown} is stored neither as JPEG nor as 8-bit gray or RGB samples; export it from "
            "the PDF as 8-bit RGB.",
        )
    if whole:
        return bytes(picture.get_data())
    width, height = int(picture["/Width"]), int(picture["/Height"])
    samples = bytes(picture.get_data())
    if width < 1 or height < 1 or len(samples) < width * height * channels:
        raise ImageError("incomplete", f"{shown} is incomplete: samples are missing.")
    from PIL import Image  # where only files are listed, nothing of it is needed

    content = io.BytesIO()
    samples = samples[: width * height * channels]
    Image.frombytes("RGB" if channels == 3 else "L", (width, height), samples).save(content, "BMP")
    return content.getvalue()


def _channels(picture: Any) -> int:
    """Return the number of channels of 8-bit samples that need no conversion; 0 of others."""
    space = picture.get("/ColorSpace")
    if picture.get("/BitsPerComponent") != 8 or "/Decode" in picture:
        return 0
    if isinstance(space, list) and space and space[0] == "/ICCBased":
        profile = space[1].get_object()
        return {1: 1, 3: 3}.get(profile.get("/N"), 0)
    return _CHANNELS.get(str(space[0] if isinstance(space, list) and space else space), 0)


def _refusal(error: Exception, shown: str) -> ImageError:
    """Return the `ImageError` for an exception in reading a document or its picture."""
    from pypdf.errors import DependencyError, FileNotDecryptedError

    if isinstance(error, (FileNotDecryptedError, DependencyError)):
        return ImageError(
            "encrypted", f"{shown} is encrypted; save it without its password, or its pictures."
        )
    return ImageError(
        "damaged",
        f"{shown} is a damaged PDF, or its reader does not know its kind; export its pictures.",
    )
