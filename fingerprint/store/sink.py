"""A file for HDF5 to write to that survives a disk that does not.

HDF5 crashes the process if a write fails while it closes a file. So it writes through this, which
keeps the first failure to itself and takes everything after it for written: what it was given is
lost then, and `check` says so as soon as Python is asked again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py


class Sink:
    """The file interface that h5py calls, on a descriptor of a file to fill."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._position = 0
        self._failure: OSError | None = None

    def check(self) -> None:
        """Raise the first failure, if there was one."""
        if self._failure is not None:
            raise self._failure

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set where to read or write next."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position}.get(whence)
        self._position = offset + (self._size() if base is None else base)
        return self._position

    def tell(self) -> int:
        """Return the place of the next byte that is read or written."""
        return self._position

    def read(self, size: int) -> bytes:
        """Read from here; what lies behind the end is zero."""
        content = b""
        try:
            content = os.pread(self._descriptor, size, self._position)
        except OSError as error:
            self._failure = self._failure or error
        self._position += size
        return content.ljust(size, b"\0")

    def write(self, content: memoryview) -> int:
        """Write all of it, or remember why that failed."""
        view, done = memoryview(content).cast("B"), 0
        try:
            while self._failure is None and done < len(view):
                done += os.pwrite(self._descriptor, view[done:], self._position + done)
        except OSError as error:
            self._failure = error
        self._position += len(view)
        return len(view)

    def truncate(self, size: int) -> int:
        """Set the size of the file, or remember why that failed."""
        try:
            if self._failure is None:
                os.ftruncate(self._descriptor, size)
        except OSError as error:
            self._failure = error
        return size

    def flush(self) -> None:
        """Do nothing: there is no buffer here."""

    def _size(self) -> int:
        return os.fstat(self._descriptor).st_size


@contextmanager
def open_for_writing(path: Path) -> Iterator[tuple[h5py.File, Sink]]:
    """Open an existing file to be filled with HDF5 in the layout of `docs/format.md`.

    The sink is to be checked after each larger step. `OSError` if the file could not be written; by
    `check`, or at the end.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_TRUNC)
    try:
        sink = Sink(descriptor)
        # From HDF5 1.10 on every piece of metadata carries a checksum; older layouts have none.
        with h5py.File(sink, "w", libver=("v110", "v110")) as file:
            yield file, sink
        sink.check()
    finally:
        os.close(descriptor)
