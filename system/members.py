"""Files inside files: what lies in a ZIP archive or in a PDF, by name.

`names_in` and `read_from` take the opened file that holds them. Nothing is unpacked to disk.
"""

from __future__ import annotations

import io
import os
from typing import BinaryIO

from fp.system import archives, documents
from fp.system.archives import Archive
from fp.system.documents import Document
from fp.system.errors import ImageError

HEAD_BYTES = 8
"""Bytes that tell whether a file holds others."""

_MOST_KEPT = 4  # directories in memory

_kept: dict[tuple[int, ...], Archive | Document] = {}


def holds_members(head: bytes) -> bool:
    """Return whether a file that begins so is an archive or a document."""
    return head.startswith((*archives.SIGNATURES, *documents.SIGNATURES))


def names_in(file: BinaryIO, shown: str) -> tuple[str, ...]:
    """Return the names of files in an archive or document: paths below it, in order.

    There is one at least: an `ImageError` says why an archive is not read, or holds none.
    """
    return _directory(file, shown).names


def read_from(file: BinaryIO, name: str, shown: str, most_bytes: int) -> bytes:
    """Return the bytes of the file of this name in an archive or document.

    An `ImageError`, where it cannot be had, calls it `shown`.
    """
    file.seek(0)
    if not holds_members(file.read(HEAD_BYTES)):
        raise ImageError("not_found", f"{shown} is not there (any more).")
    return _directory(file, shown).read(file, name, shown, most_bytes)


def _directory(file: BinaryIO, shown: str) -> Archive | Document:
    """Read what a file holds, or remember it. An archive of many files is opened for each."""
    key = _identity(file)
    found = _kept.pop(key, None) if key else None
    if found is None:
        file.seek(0)
        kind = Document if file.read(HEAD_BYTES).startswith(documents.SIGNATURES) else Archive
        found = kind(file, shown)
    if key:
        _kept[key] = found
        while len(_kept) > _MOST_KEPT:
            _kept.pop(next(iter(_kept)), None)
    return found


def _identity(file: BinaryIO) -> tuple[int, ...] | None:
    """Return what changes whenever a file on disk is another one. None for one in memory."""
    try:
        status = os.fstat(file.fileno())
    except io.UnsupportedOperation:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
