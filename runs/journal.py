"""The journal of a run: a line for each finished image, until the end.

A line is the CRC-32 of its JSON, a space, the JSON. The first line says what the run is: bank,
options, version. A killed run leaves at most one torn line, which has no end and is dropped.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fp.images.loading import display_path
from fp.system.atomic_files import output_error, sync
from fp.system.errors import InputError, IntegrityError, OutputError

Row = dict[str, Any]

_SYNC_EVERY = 64  # rows that a power failure may cost


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """Open a journal, or make an empty one, and keep other runs out.

    Its folder exists. The journal is to be begun, and is removed at the end of the block if nothing
    was written to it. An `OutputError` says that it cannot be written, or that another run is at
    it.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    except OSError as error:
        raise output_error(path, error) from error
    try:
        _lock(descriptor, path)
        journal = Journal(path, descriptor)
        try:
            yield journal
        finally:
            if os.fstat(descriptor).st_size == 0:
                path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    busy = OutputError(
        f"{display_path(path.parent)} is being written by another run; choose another folder or "
        "wait for it."
    )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Where the file system knows no locks, nobody can be kept out.
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise busy from None
    try:
        same = os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        same = False
    if not same:  # its run ended and removed it between our opening and our lock
        raise busy


class Journal:
    """Rows of finished images by path, on disk; in memory only where each line starts.

    The file is open and locked, to be appended to; its place is for messages.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._end = os.fstat(descriptor).st_size
        self._unsynced = 0
        self._offsets: dict[str, int] = {}

    @property
    def is_empty(self) -> bool:
        """Whether no run has left anything."""
        return self._end == 0

    def __contains__(self, path: str) -> bool:
        """Return whether a file is finished."""
        return path in self._offsets

    def clear(self) -> None:
        """Forget what an earlier run left."""
        self._cut(0)
        self._offsets.clear()

    def begin(self, run: Row) -> None:
        """Go on with what an earlier run left, or start. A run is told of in JSON types.

        Raises
        ------
        InputError
            If the journal is that of another run.
        IntegrityError
            If a line is not as it was written.
        """
        end = 0
        with self.path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # torn by the kill
                row = self._parse(line)
                if end == 0 and row != run:
                    raise InputError(
                        f"{display_path(self.path)} was begun with another bank, other options or "
                        "another fp; repeat them, or start afresh with --overwrite."
                    )
                if end > 0:
                    self._offsets[row["detection"]["path"]] = end
                end += len(line)
        if end < self._end:
            self._cut(end)
        if end == 0:
            self._write(run)

    def append(self, row: Row) -> None:
        """Add the row of an image; JSON types, with its path under ``detection``."""
        self._offsets[row["detection"]["path"]] = self._write(row)

    def rows(self, paths: Iterable[str]) -> Iterator[Row]:
        """Read rows back, in the order of the paths given."""
        with self.path.open("rb") as lines:
            for path in paths:
                lines.seek(self._offsets[path])
                yield self._parse(lines.readline())

    def remove(self) -> None:
        """Delete the journal, as all is done."""
        self.path.unlink()

    def _parse(self, line: bytes) -> Row:
        checksum, _, payload = line.rstrip(b"\n").partition(b" ")
        if checksum != _checksum(payload):
            raise IntegrityError(
                f"{display_path(self.path)} holds a line that is not as fp wrote it; start afresh "
                "with --overwrite."
            )
        row: Row = json.loads(payload)
        return row

    def _write(self, row: Row) -> int:
        payload = json_line(row)
        line = memoryview(_checksum(payload[:-1]) + b" " + payload)
        offset = self._end
        try:
            while line:
                written = os.write(self._descriptor, line)
                line, self._end = line[written:], self._end + written
            self._unsynced += 1
            if self._unsynced >= _SYNC_EVERY:
                sync(self._descriptor)
                self._unsynced = 0
        except OSError as error:
            raise output_error(self.path, error) from error
        return offset

    def _cut(self, end: int) -> None:
        try:
            os.ftruncate(self._descriptor, end)
        except OSError as error:
            raise output_error(self.path, error) from error
        self._end = end


def json_line(row: Row) -> bytes:
    """Return a row as one line of JSON."""
    return (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _checksum(payload: bytes) -> bytes:
    return b"%08x" % zlib.crc32(payload)
