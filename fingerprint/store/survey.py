"""What a group of HDF5 declares, judged before anything of it is read.

A tree of groups becomes a flat mapping with the keys of `fp.fingerprint.store.elements`. The rules
of `docs/format.md` about names, links, types, storage and sizes are kept by this module alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from fp.fingerprint.store.elements import (
    MAX_BYTES,
    MAX_CHUNK_BYTES,
    MAX_ITEM_BYTES,
    MAX_RANK,
    MAX_TEXT_BYTES,
    Value,
)
from fp.fingerprint.store.hdf5 import Complaint, Place, library_errors, raise_it
from fp.system.errors import FpError

MAX_CHUNKS = 2**16
"""Most chunks of an array."""

MAX_DEPTH = 6
"""Most groups inside each other."""

MAX_ELEMENTS = 10_000
"""Most elements of a fingerprint's group."""

PRIVATE = "x-"
"""Elements whose name begins so belong to others; they are neither opened nor hashed."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_NUMBERS = {
    "float32": h5py.h5t.IEEE_F32LE,
    "float64": h5py.h5t.IEEE_F64LE,
    "int64": h5py.h5t.STD_I64LE,
}
_FILTERS = frozenset((h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32))


@dataclass(frozen=True)
class DeclaredElement:
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


def links(group: h5py.Group, place: Place, complain: Complaint = raise_it) -> list[str]:
    """Return the sorted names of a group's hard links, without opening any, less others' (``x-``).

    Complaints are about each soft or external link and each name that is not allowed.
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


def survey(
    group: h5py.Group, place: Place, complain: Complaint = raise_it
) -> dict[str, DeclaredElement]:
    """Return the elements of a group and its groups by key. They are judged by what they declare.

    An element that is complained of is left out. `FormatError` or `IntegrityError` by `complain`,
    or if the group has too many elements.
    """
    entries: dict[str, DeclaredElement] = {}
    _survey(group, place, "", 1, entries, complain)
    return entries


def attributes(
    owner: h5py.Group | h5py.Dataset, place: Place, complain: Complaint = raise_it
) -> dict[str, DeclaredElement]:
    """Return the attributes of one object under the keys ``@NAME``, judged as in `survey`."""
    entries: dict[str, DeclaredElement] = {}
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
                entries[f"@{name}"] = attribute(owner, name, here)
        except FpError as error:
            complain(error)
    return entries


def _survey(
    group: h5py.Group,
    place: Place,
    prefix: str,
    depth: int,
    entries: dict[str, DeclaredElement],
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
                    entries[key] = array(member, place.at(key))
                    for attribute, entry in attributes(member, place.at(key), complain).items():
                        entries[key + attribute] = entry
                else:
                    raise place.at(key).refused("is neither a group nor a data set")
        except FpError as error:
            complain(error)


def _ascii(name: str) -> str:
    return ascii(name)[1:-1]


def attribute(owner: h5py.Group | h5py.Dataset, name: str, place: Place) -> DeclaredElement:
    """Judge what one attribute declares; a missing one raises what h5py does."""
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

    return DeclaredElement(place, kind, (), True, load)


def array(dataset: h5py.Dataset, place: Place) -> DeclaredElement:
    """Judge what one data set declares, before its values are read."""
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
    return DeclaredElement(place, kind, shape, protected, load)


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
