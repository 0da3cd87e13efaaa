"""One fingerprint as a group of HDF5, and the way back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store.elements import Value, content_sha256, put
from fp.fingerprint.store.hdf5 import Place
from fp.fingerprint.store.layout import Elements, dump, named
from fp.fingerprint.store.rules import MAX_NAME_BYTES, check_version, contents, structure_faults
from fp.fingerprint.store.schema import (
    ENCODING_TYPE,
    ENCODING_VERSION,
    FINGERPRINT,
    HASH_KEY,
    HISTORY,
    SUMMARY,
    version_naming,
)
from fp.fingerprint.store.survey import DeclaredElement, survey
from fp.system.errors import FpError, OutputError, UsageError

_SIZE = re.compile(r"windows/(\d{3})/", re.ASCII)


@dataclass(frozen=True, eq=False)
class FingerprintSummary:
    """A fingerprint without what can be large; no hash was checked.

    Parameters
    ----------
    uuid : str
        Identity as the file states it.
    pattern_shape : tuple of int
        Shape (C, H, W) of the pattern.
    history : tuple of str
        Names of the recorded courses.
    windows : tuple of int
        Sides of the calibrated windows in pixels; empty where there are none.
    fingerprint : Fingerprint
        All else; its pattern is one zero, and it has no parts, conditions or windows.
    """

    uuid: str
    pattern_shape: tuple[int, ...]
    history: tuple[str, ...]
    windows: tuple[int, ...]
    fingerprint: Fingerprint

    @property
    def name(self) -> str:
        """Name of the generator."""
        return self.fingerprint.name


def check_name(name: str) -> None:
    """Refuse a name that no file can hold, by a `UsageError`. It is called before the work is done.

    It has 1 to 4096 bytes of UTF-8 without NUL.
    """
    try:
        raw = name.encode("utf-8")
    except UnicodeEncodeError:
        raw = b""
    if not raw or len(raw) > MAX_NAME_BYTES or b"\0" in raw:
        raise UsageError(
            f"The name {name[:80]!r} must have 1 to {MAX_NAME_BYTES} bytes of UTF-8 and no NUL; "
            "give another one with --name."
        )


def elements_of(fingerprint: Fingerprint) -> dict[str, Value]:
    """Return the elements that a fingerprint is written as, its content hash among them.

    By each key of `fp.fingerprint.store.schema.FINGERPRINT` and ``history/<name>``. `UsageError` if
    the name cannot be stored, `OutputError` if another part: parameters that are not JSON, say.
    """
    check_name(fingerprint.name)
    try:
        found = dict(dump(FINGERPRINT, fingerprint)) | {"@uuid": fingerprint.uuid}
        for name, values in fingerprint.history.items():
            found[HISTORY + name] = np.asarray(values, "<f8", order="C")
        # What an older fp can read in full says so.
        stated = {"@encoding-type": ENCODING_TYPE, "@encoding-version": version_naming(found)}
        elements: dict[str, Value] = {**stated, **found}
        faults = [f"{key.lstrip('@')} {what}" for key, what in contents(elements).faults]
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        faults = [f"{type(error).__name__}: {error}"]
    if faults:
        raise OutputError(
            f"The fingerprint {fingerprint.name!r} cannot be written: {faults[0]}; mend that part."
        )
    elements[HASH_KEY] = content_sha256(elements)
    return elements


def write(group: h5py.Group, fingerprint: Fingerprint) -> str:
    """Write a fingerprint into an empty group and return its content hash; errors as above."""
    elements = elements_of(fingerprint)
    put(group, elements)
    return str(elements[HASH_KEY])


def read(group: h5py.Group, place: Place) -> tuple[Fingerprint, str]:
    """Read a fingerprint, with its content hash, and check it against its hash and identity.

    `FormatError` if an element is missing or is not what the format says, `IntegrityError` if the
    content contradicts its hash or identity, or cannot be read.
    """
    elements = {key: entry.load() for key, entry in _entries(group, place).items()}
    check_hash(elements, place)
    found = contents(elements)
    for key, what in found.faults:
        raise place.at(key).refused(what)
    fingerprint = build(elements, found.fields)
    check_uuid(fingerprint, elements, place)
    return fingerprint, str(elements[HASH_KEY])


def read_summary(group: h5py.Group, place: Place) -> tuple[FingerprintSummary, str]:
    """Read everything but the arrays that can be large; errors as in `read`."""
    entries = _entries(group, place)
    small = {each.key for each in named(SUMMARY)}
    elements = {key: entry.load() for key, entry in entries.items() if key in small}
    found = contents(elements, SUMMARY)
    for key, what in found.faults:
        raise place.at(key).refused(what)
    sizes = {int(match[1]) for key in entries if (match := _SIZE.match(key))}
    summary = FingerprintSummary(
        uuid=str(elements["@uuid"]),
        pattern_shape=entries["pattern"].shape,
        history=tuple(key.removeprefix(HISTORY) for key in entries if key.startswith(HISTORY)),
        windows=tuple(sorted(sizes)),
        fingerprint=Fingerprint(pattern=np.zeros((1, 1, 1), np.float32), **found.fields),
    )
    return summary, str(elements[HASH_KEY])


def build(elements: Elements, fields: Mapping[str, Any]) -> Fingerprint:
    """Return the fingerprint of valid elements, given all its fields but the history."""
    history = {
        key.removeprefix(HISTORY): np.asarray(value)
        for key, value in elements.items()
        if key.startswith(HISTORY)
    }
    return Fingerprint(**fields, history=history)


def check_hash(elements: Elements, place: Place) -> None:
    """Raise `IntegrityError` where the content is not what ``content-sha256`` says."""
    stated = elements[HASH_KEY]
    found = content_sha256({key: value for key, value in elements.items() if key != HASH_KEY})
    if stated != found:
        raise place.at(HASH_KEY).damaged(
            f"is {stated} and the content has {found}, so something was changed"
        )


def check_uuid(fingerprint: Fingerprint, elements: Elements, place: Place) -> None:
    """Raise `IntegrityError` where the identity is not what ``uuid`` says."""
    if elements["@uuid"] != fingerprint.uuid:
        raise place.at("@uuid").damaged(
            f"is {elements['@uuid']} and the content has {fingerprint.uuid}"
        )


def _entries(group: h5py.Group, place: Place) -> dict[str, DeclaredElement]:
    faults: list[FpError] = []
    entries = survey(group, place, faults.append)
    # Another version may break every rule of this one, so that is told first.
    check_version(entries, place, ENCODING_TYPE, ENCODING_VERSION)
    for fault in faults:
        raise fault
    for key, what in structure_faults(entries):
        raise place.at(key).refused(what)
    return entries
