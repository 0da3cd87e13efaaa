"""Hashes of files that others provided, without a wait or a whole file in memory."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a regular file in hexadecimal digits; links are followed.

    An `OSError` says that it cannot be read or is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return hashlib.file_digest(file, "sha256").hexdigest()
