"""The elements of a fingerprint's group, and how they are hashed and written.

The key of a data set is its path ("calibration/real"), the key of an attribute the path of its
owner, "@" and its name ("null@seed", "@name"). `hdf5` reads what is written here.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from fp.system.arrays import Array
from fp.system.errors import OutputError

Value = str | tuple[str, ...] | Array
"""A string, a list of strings, or an array of float32, float64 or int64."""

MAX_BYTES = 2**30
"""Largest array, 2^28 numbers of float32."""

MAX_RANK = 4
"""Most dimensions of an array."""

MAX_CHUNK_BYTES = 2**20
"""Largest piece that an array is compressed in."""

MAX_TEXT_BYTES = 2**20
"""Longest string of an attribute."""

MAX_ITEM_BYTES = 4096
"""Longest string of a list."""

STORED = {"float32": "<f4", "float64": "<f8", "int64": "<i8"}
"""How numbers lie in a file, by the names of their types."""


def put(group: h5py.Group, elements: Mapping[str, Value]) -> None:
    """Write elements into a new group by their keys. Equal content gives equal bytes.

    `OutputError` if a value is larger than readers accept, or a string has a NUL or lone
    surrogates.
    """
    for key in sorted(elements):
        value = elements[key]
        owner, at, name = key.rpartition("@")
        if at:
            data: Any = np.array(_encoded(key, value)) if isinstance(value, str) else value
            # h5py takes bytes for ASCII unless the type says otherwise.
            kind = _text_type(data.itemsize) if isinstance(value, str) else data.dtype
            holder = group.require_group(owner) if owner else group
            holder.attrs.create(name, data.astype(kind), dtype=kind)
        elif isinstance(value, np.ndarray):
            _put_array(group, key, value)
        else:
            items = [_encoded(key, item) for item in value]
            kind = _text_type(max(map(len, items), default=1))
            if kind.itemsize > MAX_ITEM_BYTES:
                raise OutputError(
                    f"A string of {key!r} takes {kind.itemsize} bytes and a file can hold "
                    f"{MAX_ITEM_BYTES} there; shorten it."
                )
            _put_array(group, key, np.array(items, dtype=kind))


def content_sha256(elements: Mapping[str, Value]) -> str:
    """Hash what elements (all of a group but the hash itself) say, whatever their storage.

    64 hexadecimal digits; the recipe is in `docs/format.md`.
    """
    listing = {}
    for key, value in elements.items():
        if isinstance(value, np.ndarray):
            stored = np.ascontiguousarray(value, STORED[value.dtype.name])
            listing[key] = [value.dtype.name, list(value.shape), _sha256(stored.tobytes())]
        else:
            strings = (value,) if isinstance(value, str) else value
            payload = b"".join(item.encode() + b"\0" for item in strings)
            shape = [] if isinstance(value, str) else [len(value)]
            listing[key] = ["string", shape, _sha256(payload)]
    return _sha256(json.dumps(listing, sort_keys=True, separators=(",", ":")).encode())


def _sha256(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


def _encoded(key: str, value: str) -> bytes:
    try:
        raw = value.encode("utf-8")
        if b"\0" in raw:
            raise ValueError("NUL")
    except ValueError:
        raise OutputError(
            f"{key.lstrip('@')!r} is {value!r}, which UTF-8 without NUL cannot hold; change it."
        ) from None
    if len(raw) > MAX_TEXT_BYTES:
        raise OutputError(
            f"{key.lstrip('@')!r} takes {len(raw)} bytes and a file can hold {MAX_TEXT_BYTES} "
            "there; shorten it."
        )
    return raw


def _text_type(length: int) -> np.dtype[Any]:
    kind: np.dtype[Any] = h5py.string_dtype("utf-8", max(1, length))
    return kind


def _put_array(group: h5py.Group, key: str, values: Array) -> None:
    if values.nbytes > MAX_BYTES or values.ndim > MAX_RANK:
        raise OutputError(
            f"{key!r} has shape {values.shape} and takes {values.nbytes} bytes; a file can hold "
            f"{MAX_RANK} dimensions and {MAX_BYTES} bytes there."
        )
    if not values.size:
        group.create_dataset(key, data=values, dtype=values.dtype)
        return
    group.create_dataset(
        key,
        data=values,
        dtype=values.dtype,
        chunks=_chunks(values.shape, values.itemsize),
        compression="gzip",
        shuffle=True,
        fletcher32=True,
    )


def _chunks(shape: tuple[int, ...], item: int) -> tuple[int, ...]:
    chunks = list(shape)
    while math.prod(chunks) * item > MAX_CHUNK_BYTES:
        axis = next(axis for axis, side in enumerate(chunks) if side > 1)
        chunks[axis] = -(-chunks[axis] // 2)
    return tuple(chunks)
