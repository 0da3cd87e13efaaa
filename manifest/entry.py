"""An entry of a chain: a JSON object with its own hash and that of the entry before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

Entry = dict[str, Any]

_UNSEALED = ("sha256", "history")


def canonical(value: Any) -> bytes:
    """Write a JSON value in the one form that is hashed.

    Parameters
    ----------
    value : object
        JSON types with finite numbers.

    Returns
    -------
    bytes
        ASCII: members sorted by name, no space between tokens, every character beyond ASCII as
        ``\\uXXXX``, numbers as Python's ``repr`` writes them.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode("ascii")


def digest(entry: Mapping[str, Any]) -> str:
    """Return the SHA-256 of an entry's canonical form without its members `sha256` and `history`.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    told = {name: value for name, value in entry.items() if name not in _UNSEALED}
    return hashlib.sha256(canonical(told)).hexdigest()


def seal(entry: Mapping[str, Any], previous: str | None) -> Entry:
    """Chain an entry to the one before, and give it its hash.

    Parameters
    ----------
    entry : mapping
        What is to be recorded; JSON types only.
    previous : str or None
        Hash of the entry before; None for the first.

    Returns
    -------
    dict
        The entry with `previous` and `sha256`.
    """
    taken = {"previous", *_UNSEALED} & set(entry)
    if taken:
        raise ValueError(f"an entry cannot have a member {taken.pop()!r} of its own")
    chained = {**entry, "previous": previous}
    return {**chained, "sha256": digest(chained)}


def chain_faults(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return where a chain is broken.

    Parameters
    ----------
    entries : iterable of mapping
        All entries, the first one first.

    Returns
    -------
    list of str
        The end of a sentence for each fault; empty where the chain holds.
    """
    faults, previous = [], None
    for number, entry in enumerate(entries, start=1):
        stated = entry.get("sha256")
        if digest(entry) != stated:
            faults.append(f"entry {number} is not as it was sealed")
        if entry.get("previous") != previous:
            faults.append(f"entry {number} does not follow the entry before it")
        previous = stated
    return faults
