"""Hashes of files that others provided, without a wait or a whole file in memory."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Digests:
    """Hashes of one content, in hexadecimal digits. Lists of known files go by the older two."""

    md5: str
    sha1: str
    sha256: str


def digests(content: bytes) -> Digests:
    """Return the hashes of a content."""
    # MD5 and SHA-1 find what somebody lists; they vouch for nothing, and FIPS systems ask that.
    return Digests(
        hashlib.md5(content, usedforsecurity=False).hexdigest(),
        hashlib.sha1(content, usedforsecurity=False).hexdigest(),
        hashlib.sha256(content).hexdigest(),
    )


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a regular file in hexadecimal digits; links are followed.

    An `OSError` says that it cannot be read or is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return hashlib.file_digest(file, "sha256").hexdigest()
