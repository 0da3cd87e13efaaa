"""Hashes of files that others provided: nothing waits on a pipe, nothing is held in memory."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a regular file.

    Parameters
    ----------
    path : Path
        The file; links are followed.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    OSError
        If it cannot be read or is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return hashlib.file_digest(file, "sha256").hexdigest()
