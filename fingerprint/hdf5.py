"""HDF5 at arm's length: what a file declares is judged before anything of it is read.

A tree of HDF5 groups becomes a flat mapping with the keys of `elements`. The rules of
`docs/format.md` about types, links, storage and sizes are kept by this module alone.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import h5py
import numpy as np

from fp.denoisers.errors import FormatError, FpError, InputError, IntegrityError
from fp.denoisers.files import display_path
from fp.fingerprint.elements import (
    MAX_BYTES,
    MAX_CHUNK_BYTES,
    MAX_ITEM_BYTES,
    MAX_RANK,
    MAX_TEXT_BYTES,
    Value,
)

Complaint = Callable[[FpError], None]
"""What to do about an element that breaks a rule; it may raise or take a note."""

MAX_CHUNKS = 2**16
"""Most chunks of an array."""

MAX_DEPTH = 4
"""Most groups inside each other."""

MAX_ELEMENTS = 10_000
"""Most elements of a fingerprint's group."""

PRIVATE = "x-"
"""Elements whose name begins so belong to others; they are neither opened nor hashed."""

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_NUMBERS = {
    "float32": h5py.h5t.IEEE_F32LE,
    "float64": h5py.h5t.IEEE_F64LE,
    "int64": h5py.h5t.STD_I64LE,
}
_FILTERS = frozenset((h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32))
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
        """Give the place of an element of this group."""
        separator = "/" if self.key and key and not key.startswith("@") else ""
        return Place(self.file, f"{self.key}{separator}{key}")

    def _says(self, what: str) -> str:
        return f"{display_path(self.file)} cannot be used: '{self.key or '/'}' {what}; "

    def refused(self, what: str) -> FormatError:
        """Say that the element breaks a rule of the format."""
        return FormatError(
            self._says(what) + "get another copy of the file or extract the fingerprint again."
        )

    def damaged(self, what: str) -> IntegrityError:
        """Say that the content contradicts its checksum or identity."""
        return IntegrityError(self._says(what) + "get an undamaged copy of the file.")


@dataclass(frozen=True)
class Entry:
    """An element as it is declared, known before it is read.

    Parameters
    ----------
    place : Place
        Where it is.
    kind : str
        "string", "float32", "float64" or "int64".
    shape : tuple of int
        Shape, () for an attribute.
    protected : bool
        Whether it is stored as writers have to: compressed and with a checksum, where it has
        elements.
    load : callable
        Reads the value.
    """

    place: Place
    kind: str
    shape: tuple[int, ...]
    protected: bool
    load: Callable[[], Value]


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
        raise place.damaged(f"cannot be read ({reason(error)})") from error


def reason(error: BaseException) -> str:
    """Give the innermost reason of an error of the HDF5 library."""
    text = " ".join(str(error.args[0] if error.args else type(error).__name__).split())
    inner = re.search(r"\((.*)\)$", text)
    return (inner[1] if inner else text).rstrip(".")


@contextlib.contextmanager
def open_for_reading(path: Path) -> Iterator[h5py.File]:
    """Open a file for reading without locking it: finished files never change.

    Parameters
    ----------
    path : Path
        A regular file.

    Yields
    ------
    h5py.File
        The open file.

    Raises
    ------
    InputError
        If there is no such file or it may not be read.
    FormatError
        If it is not HDF5.
    IntegrityError
        If it is HDF5 and damaged.
    """
    shown = display_path(path)
    if not path.is_file():
        raise InputError(f"There is no file {shown}; name a file that fp extract wrote.")
    try:
        with path.open("rb") as raw:
            signature = raw.read(len(_SIGNATURE))
    except OSError as error:
        raise InputError(f"{shown} cannot be read: {error.strerror}; check the file.") from error
    if signature != _SIGNATURE:
        raise FormatError(f"{shown} is not an HDF5 file; name a file that fp extract wrote.")
    with library_errors(Place(path)):
        file = h5py.File(path, "r", locking=False)
    try:
        yield file
    finally:
        with contextlib.suppress(*_LIBRARY_ERRORS):
            file.close()


def links(group: h5py.Group, place: Place, complain: Complaint = raise_it) -> list[str]:
    """List what a group holds, without opening any of it.

    Parameters
    ----------
    group : h5py.Group
        The group.
    place : Place
        Where it is.
    complain : callable
        Called for each soft or external link and each name that is not allowed.

    Returns
    -------
    list of str
        Sorted names of the hard links, less those that belong to others (``x-``).
    """
    names = []
    with library_errors(place):
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                complain(place.at(_ascii(name)).refused("is a link to elsewhere and not followed"))
            elif name.startswith(PRIVATE):
                continue
            elif not _NAME.fullmatch(name):
                complain(place.at(_ascii(name)).refused("has a name that is not allowed"))
            else:
                names.append(name)
    return sorted(names)


def survey(group: h5py.Group, place: Place, complain: Complaint = raise_it) -> dict[str, Entry]:
    """List the elements of a group and of the groups in it, and judge what they declare.

    Parameters
    ----------
    group : h5py.Group
        The group.
    place : Place
        Where it is.
    complain : callable
        Called for each element that breaks a rule; the element is then left out.

    Returns
    -------
    dict of str to Entry
        Entry of each key.

    Raises
    ------
    FormatError, IntegrityError
        By `complain`, or if the group has too many elements.
    """
    entries: dict[str, Entry] = {}
    _survey(group, place, "", 1, entries, complain)
    return entries


def attributes(
    owner: h5py.Group | h5py.Dataset, place: Place, complain: Complaint = raise_it
) -> dict[str, Entry]:
    """List the attributes of one object under the keys ``@NAME``; parameters as in `survey`."""
    entries: dict[str, Entry] = {}
    with library_errors(place):
        names = sorted(owner.attrs)
    if len(names) > MAX_ELEMENTS:
        raise place.refused(f"has {len(names)} attributes, more than {MAX_ELEMENTS}")
    for name in names:
        if name.startswith(PRIVATE):
            continue
        try:
            here = place.at(f"@{_ascii(name)}")
            with library_errors(here):
                entries[f"@{name}"] = _attribute(owner, name, here)
        except FpError as error:
            complain(error)
    return entries


def _survey(
    group: h5py.Group,
    place: Place,
    prefix: str,
    depth: int,
    entries: dict[str, Entry],
    complain: Complaint,
) -> None:
    here = place.at(prefix)
    if depth > MAX_DEPTH:
        raise here.refused(f"lies more than {MAX_DEPTH} groups deep")
    for key, entry in attributes(group, here, complain).items():
        entries[prefix + key] = entry
    for name in links(group, here, complain):
        key = f"{prefix}/{name}" if prefix else name
        if len(entries) > MAX_ELEMENTS:
            raise place.refused(f"has more than {MAX_ELEMENTS} elements")
        try:
            with library_errors(place.at(key)):
                member = group[name]
                if isinstance(member, h5py.Group):
                    _survey(member, place, key, depth + 1, entries, complain)
                elif isinstance(member, h5py.Dataset):
                    entries[key] = _dataset(member, place.at(key))
                    for attribute, entry in attributes(member, place.at(key), complain).items():
                        entries[key + attribute] = entry
                else:
                    raise place.at(key).refused("is neither a group nor a data set")
        except FpError as error:
            complain(error)


def _ascii(name: str) -> str:
    return ascii(name)[1:-1]


def _attribute(owner: h5py.Group | h5py.Dataset, name: str, place: Place) -> Entry:
    if not _NAME.fullmatch(name):
        raise place.refused("has a name that is not allowed")
    declared = owner.attrs.get_id(name)
    type_id = declared.get_type()
    kind = _kind(type_id, place)
    if declared.get_space().get_simple_extent_type() != h5py.h5s.SCALAR:
        raise place.refused("must be one value")
    if declared.get_storage_size() > MAX_TEXT_BYTES:
        raise place.refused(f"takes more than {MAX_TEXT_BYTES} bytes")

    def load() -> Value:
        value = np.empty((), declared.dtype)
        with library_errors(place):
            # In the file's own type: a conversion of strings would stop at their encoding.
            declared.read(value, mtype=type_id)
        return _decoded(value.item(), place) if kind == "string" else value

    return Entry(place, kind, (), True, load)


def _dataset(dataset: h5py.Dataset, place: Place) -> Entry:
    creation = dataset.id.get_create_plist()
    # Before its shape is asked for: of a virtual data set that alone would open other files.
    if creation.get_layout() == h5py.h5d.VIRTUAL or creation.get_external_count():
        raise place.refused("keeps its values in other files, which are not followed")
    filters = {creation.get_filter(index)[0] for index in range(creation.get_nfilters())}
    if not filters <= _FILTERS:
        raise place.refused("uses a filter other than gzip, shuffle and fletcher32")
    type_id = dataset.id.get_type()
    kind = _kind(type_id, place)
    if dataset.id.get_space().get_simple_extent_type() != h5py.h5s.SIMPLE:
        raise place.refused("must be an array")
    shape: tuple[int, ...] = dataset.shape
    item = type_id.get_size()
    if len(shape) > (1 if kind == "string" else MAX_RANK):
        raise place.refused(f"has {len(shape)} dimensions")
    if math.prod(shape) * item > MAX_BYTES:
        raise place.refused(f"of shape {shape} takes more than {MAX_BYTES} bytes")
    if kind == "string" and item > MAX_ITEM_BYTES:
        raise place.refused(f"has strings of more than {MAX_ITEM_BYTES} bytes")
    if dataset.chunks is not None:
        _check_chunks(dataset, shape, item, place)

    def load() -> Value:
        with library_errors(place):
            values = dataset[()]
        if kind == "string":
            return tuple(_decoded(value, place) for value in values.tolist())
        return np.asarray(values)

    protected = filters == _FILTERS or not math.prod(shape)
    return Entry(place, kind, shape, protected, load)


def _check_chunks(dataset: h5py.Dataset, shape: tuple[int, ...], item: int, place: Place) -> None:
    size = math.prod(dataset.chunks) * item
    if size > MAX_CHUNK_BYTES:
        raise place.refused(f"has chunks of more than {MAX_CHUNK_BYTES} bytes")
    pairs = zip(shape, dataset.chunks, strict=True)
    if math.prod(-(-side // chunk) for side, chunk in pairs) > MAX_CHUNKS:
        raise place.refused(f"has more than {MAX_CHUNKS} chunks")
    stored = 0

    def look(chunk: Any) -> None:
        nonlocal stored
        stored = max(stored, chunk.size)

    dataset.id.chunk_iter(look)
    # Deflate adds five bytes to a block that it cannot shrink; more is a bomb to be inflated.
    if stored > size + size // 1000 + 64:
        raise place.refused("has chunks that are larger stored than read")


def _kind(type_id: h5py.h5t.TypeID, place: Place) -> str:
    if isinstance(type_id, h5py.h5t.TypeStringID):
        if type_id.is_variable_str() or type_id.get_strpad() != h5py.h5t.STR_NULLPAD:
            raise place.refused("must be a string of fixed length, padded with NUL")
        return "string"
    for kind, stored in _NUMBERS.items():
        if type_id == stored:
            return kind
    raise place.refused("is of a type other than string and little-endian float32, float64, int64")


def _decoded(raw: bytes, place: Place) -> str:
    text = raw.rstrip(b"\0")
    try:
        if b"\0" in text:
            raise ValueError("NUL")
        return text.decode("utf-8")
    except ValueError:
        raise place.refused("is not UTF-8 without NUL") from None
