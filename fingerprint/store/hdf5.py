"""HDF5 at arm's length: files opened without trust, and errors that name the place."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import h5py

from fp.system.errors import FormatError, FpError, InputError, IntegrityError
from fp.system.paths import display_path, is_file

Complaint = Callable[[FpError], None]
"""What to do about an element that breaks a rule; it may raise or take a note."""

SIGNATURE = b"\x89HDF\r\n\x1a\n"
# h5py gives every failure of the library as one of these, and its own doubts about types too.
_LIBRARY_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError)


@dataclass(frozen=True)
class Place:
    """Where something is: what every message about a file names.

    Parameters
    ----------
    file : Path
        The file.
    key : str
        Key inside the file, empty for its root.
    """

    file: Path
    key: str = ""

    def at(self, key: str) -> Place:
        """Return the place of an element of this group."""
        separator = "/" if self.key and key and not key.startswith("@") else ""
        return Place(self.file, f"{self.key}{separator}{key}")

    def _says(self, what: str) -> str:
        return f"{display_path(self.file)} cannot be used: '{self.key or '/'}' {what}; "

    def refused(self, what: str) -> FormatError:
        """Return the error of an element that breaks a rule of the format."""
        return FormatError(
            self._says(what) + "get another copy of the file or extract the fingerprint again."
        )

    def damaged(self, what: str) -> IntegrityError:
        """Return the error of content that contradicts its checksum or identity."""
        return IntegrityError(self._says(what) + "get an undamaged copy of the file.")


def raise_it(error: FpError) -> NoReturn:
    """Stop at the first broken rule: the `Complaint` of everyone who needs the values."""
    raise error


@contextlib.contextmanager
def library_errors(place: Place) -> Iterator[None]:
    """Turn what h5py raises in the block into an `IntegrityError` that names the place."""
    try:
        yield
    except FpError:
        raise
    except _LIBRARY_ERRORS as error:
        raise place.damaged(f"cannot be read ({_reason(error)})") from error


def _reason(error: BaseException) -> str:
    # The library tells its whole way down to the matter, which comes last, in parentheses.
    text = " ".join(str(error.args[0] if error.args else type(error).__name__).split())
    inner = re.search(r"\((.*)\)$", text)
    return (inner[1] if inner else text).rstrip(".")


@contextlib.contextmanager
def open_for_reading(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading without locking it: finished files never change.

    `InputError` if there is no such file or it may not be read, `FormatError` if it is not HDF5,
    `IntegrityError` if it is HDF5 and damaged.
    """
    shown = display_path(path)
    if not is_file(path):
        raise InputError(f"There is no file {shown}; name a file that fp extract wrote.")
    try:
        with path.open("rb") as raw:
            signature = raw.read(len(SIGNATURE))
    except OSError as error:
        raise InputError(f"{shown} cannot be read: {error.strerror}; check the file.") from error
    if signature != SIGNATURE:
        raise FormatError(f"{shown} is not an HDF5 file; name a file that fp extract wrote.")
    with library_errors(Place(path)):
        file = h5py.File(path, "r", locking=False)
    try:
        yield file
    finally:
        with contextlib.suppress(*_LIBRARY_ERRORS):
            file.close()


def group_of(file: h5py.File, name: str, place: Place) -> h5py.Group:
    """Return a group of the root by its name. A link to elsewhere is not followed."""
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise place.refused("is a link to elsewhere and not followed")
    with library_errors(place):
        group = file[name]
    if not isinstance(group, h5py.Group):
        raise place.refused("must be a group")
    return group
