"""An entry of a chain: JSON with its own hash and that before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

Entry = dict[str, Any]

_UNSEALED = ("sha256", "history")


def canonical(value: Any) -> bytes:
    """Return a JSON value in the one form that is hashed; its numbers are finite.

    It is ASCII: members sorted by name, no space between tokens, every character beyond ASCII as
    ``\\uXXXX``, numbers as Python's ``repr`` writes them.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    ).encode("ascii")


def digest(entry: Mapping[str, Any]) -> str:
    """Return the SHA-256 of an entry's canonical form without its `sha256` and `history`."""
    told = {name: value for name, value in entry.items() if name not in _UNSEALED}
    return hashlib.sha256(canonical(told)).hexdigest()


def seal(entry: Mapping[str, Any], previous: str | None) -> Entry:
    """Return an entry chained to the one before (None for the first), with its own hash.

    It gets the members `previous` and `sha256`; all others are JSON types.
    """
    taken = {"previous", *_UNSEALED} & set(entry)
    if taken:
        raise ValueError(f"an entry cannot have a member {taken.pop()!r} of its own")
    chained = {**entry, "previous": previous}
    return {**chained, "sha256": digest(chained)}


def chain_faults(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return where a chain is broken, the end of a sentence each. The first entry comes first."""
    faults, previous = [], None
    for number, entry in enumerate(entries, start=1):
        stated = entry.get("sha256")
        if digest(entry) != stated:
            faults.append(f"entry {number} is not as it was sealed")
        if entry.get("previous") != previous:
            faults.append(f"entry {number} does not follow the entry before it")
        previous = stated
    return faults
