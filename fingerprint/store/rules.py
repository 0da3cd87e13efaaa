"""What a fingerprint's group must keep to, beside the rules about storage."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from fp.fingerprint.store.hdf5 import Place
from fp.fingerprint.store.layout import Element, Elements, Group, demanded, load_member
from fp.fingerprint.store.schema import CLASSES, FINGERPRINT, HISTORY
from fp.fingerprint.store.survey import DeclaredElement
from fp.system.errors import FormatError
from fp.system.paths import display_path

MAX_NAME_BYTES = 4096

Told = tuple[str, str]
"""A key, and what is wrong with it."""

_HISTORY_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_VERSION = re.compile(r"(\d{1,6})\.(\d{1,6})", re.ASCII)


def check_version(
    entries: Mapping[str, DeclaredElement], place: Place, encoding: str, version: str
) -> tuple[int, int]:
    """Return major and minor version of a root or group. A larger minor one is readable.

    `FormatError` refuses another encoding than the expected one, or another major version than that
    of the version that this fp writes, and names both.
    """
    found = {}
    for key in ("@encoding-type", "@encoding-version"):
        entry = entries.get(key)
        if entry is None or entry.kind != "string":
            raise place.at(key).refused("is missing or no string, so this was not written by fp")
        found[key] = str(entry.load())
    kind, stated = found.values()
    if kind != encoding:
        raise place.at("@encoding-type").refused(f"is {kind!r} and must be {encoding!r}")
    match = _VERSION.fullmatch(stated)
    if not match:
        raise place.at("@encoding-version").refused(f"is {stated!r} and must be MAJOR.MINOR")
    major, minor = int(match[1]), int(match[2])
    if major != int(version.split(".")[0]):
        raise FormatError(
            f"{display_path(place.file)} has version {stated} of the format {encoding!r} and this "
            f"fp knows version {version}; use the fp that wrote it or a newer one."
        )
    return major, minor


_GIVEN_UP = frozenset(
    ("conditions@outside", "conditions/fusion/centre", "conditions/roughness", "rest/roughness")
)


def _is_given_up(entries: Mapping[str, DeclaredElement]) -> bool:
    """Return whether an earlier fp learned of versions; in 1.7 only their kinds were missing."""
    without_kinds = any(
        f"{group}/content/points" in entries and f"{group}/kinds" not in entries
        for group in ("conditions", "rest")
    )
    return without_kinds or not _GIVEN_UP.isdisjoint(entries)


def structure_faults(entries: Mapping[str, DeclaredElement]) -> Iterator[Told]:
    """Yield missing and mistyped elements of a fingerprint's group; unknown ones are left alone."""
    if _is_given_up(entries):
        yield (
            "conditions",
            "holds what an earlier fp learned of compressed images, which no fp reads any more",
        )
        return
    for key, element in demanded(FINGERPRINT, entries):
        entry = entries.get(key)
        if entry is None:
            yield key, "is missing"
        elif (entry.kind, len(entry.shape)) != (element.kind, element.rank):
            yield (
                key,
                f"is {entry.kind} with {len(entry.shape)} dimensions and must be "
                f"{element.kind} with {element.rank}",
            )
    for key, entry in entries.items():
        if key.startswith(HISTORY) and entry.kind != "float64":
            yield key, f"is {entry.kind} and must be float64"


@dataclass(frozen=True)
class Contents:
    """What elements say, presence and types being right.

    Parameters
    ----------
    fields : dict
        Fields of a `Fingerprint` by name; those that cannot be made are missing.
    faults : tuple of (str, str)
        Keys of values that the format does not allow, and what is wrong with them.
    """

    fields: dict[str, Any]
    faults: tuple[Told, ...]


def contents(elements: Elements, group: Group = FINGERPRINT) -> Contents:
    """Return what the elements of a fingerprint's group, or of its summary's, say."""
    faults = list(_plain_faults(elements))
    fields: dict[str, Any] = {}
    for member in group.members:
        try:
            fields |= load_member(member, elements)
        except (ValueError, TypeError, RecursionError) as error:
            told_at = member.told_at if isinstance(member, Group) else ""
            own = member.below("") if isinstance(member, Element) else member.key
            why = str(error).rstrip(".") or type(error).__name__
            faults.append((told_at or own, f"is not valid ({why})"))
    return Contents(fields, (*faults, *_faults_together(fields, elements)))


def _plain_faults(elements: Elements) -> Iterator[Told]:
    if "pattern" in elements:
        pattern = np.asarray(elements["pattern"])
        if not pattern.size:
            yield "pattern", f"has shape {pattern.shape} and no values"
        if not np.isfinite(pattern).all():
            yield "pattern", "has values that are not finite"
    if not np.isfinite(np.asarray(elements["@offset"])):
        yield "@offset", "is not finite"
    if not 1 <= len(str(elements["@name"]).encode()) <= MAX_NAME_BYTES:
        yield "@name", f"must have 1 to {MAX_NAME_BYTES} bytes"
    if not is_time(str(elements["@created_utc"])):
        yield "@created_utc", "must be YYYY-MM-DDTHH:MM:SSZ or empty"
    for label in CLASSES:
        key = f"calibration/{label}_sha256"
        if not all(map(_SHA256.fullmatch, elements[key])):
            yield key, "must hold SHA-256 hashes as 64 digits 0-9, a-f"
    for key in (key for key in elements if key.startswith(HISTORY)):
        if not _HISTORY_NAME.fullmatch(key.removeprefix(HISTORY)):
            yield key, "must be named with 1 to 64 letters, digits, '_' and '.'"
        if not np.ndim(elements[key]):
            yield key, "must be an array"


def _faults_together(fields: dict[str, Any], elements: Elements) -> Iterator[Told]:
    """Yield what does not fit the pattern or the number of calibration images."""
    joined, windows, conditions = (fields.get(n) for n in ("joined", "windows", "conditions"))
    count = {label: np.size(elements[f"calibration/{label}"]) for label in CLASSES}
    held: list[tuple[str, int, int, str]] = []  # key, number there and in calibration, of what
    if joined is not None:
        shape = np.shape(elements["pattern"])
        if shape != (1, 2, len(joined.parts)):
            yield "pattern", f"has shape {shape} for {len(joined.parts)} parts, not (1, 2, K)"
        held += [
            (f"joined/specific_{label}", getattr(joined, f"specific_{label}").size, n, "scores")
            for label, n in count.items()
        ]
    if conditions is not None:
        held += [
            (f"conditions/{label}", getattr(conditions, label).size, n, "images")
            for label, n in count.items()
        ]
    if windows is not None:
        parts = np.shape(elements["pattern"])[2] if "joined@specific_offset" in elements else 1
        if windows.parts[-1] >= parts:
            yield "windows/parts", "names a part that is not there"
        held += [
            (f"windows/{each.size:03d}/{label}", len(getattr(each, label)), n, "images")
            for each in windows.sizes
            for label, n in count.items()
        ]
    for key, number, n, what in held:
        if number != n:
            yield key, f"must have {n} {what}"


def is_time(text: str) -> bool:
    """Return whether a text is a time as the format writes it, or empty."""
    if not text:
        return True
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
