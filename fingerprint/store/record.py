"""One fingerprint as a group of HDF5: the elements that it is written as, and the way back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from fp.denoisers.residual import DenoiserIdentity
from fp.fingerprint.model.calibration import Calibration, NullControl
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store import conditions, joined, windowed
from fp.fingerprint.store.elements import Value, content_sha256, put
from fp.fingerprint.store.hdf5 import Place
from fp.fingerprint.store.schema import (
    CLASSES,
    ENCODING_TYPE,
    ENCODING_VERSION,
    HASH_KEY,
    HISTORY,
    MAX_NAME_BYTES,
    SCHEMA,
    Elements,
    check_version,
    parts,
    structure_faults,
    value_faults,
    version_naming,
)
from fp.fingerprint.store.survey import Entry, survey
from fp.images.crop import CropRule
from fp.system.errors import FpError, OutputError, UsageError


@dataclass(frozen=True, eq=False)
class Summary:
    """A fingerprint without its pattern and the values of its history; no hash was checked.

    Parameters
    ----------
    uuid : str
        Identity as the file states it.
    pattern_shape : tuple of int
        Shape (C, H, W) of the pattern.
    history : tuple of str
        Names of the recorded courses.
    name, method : str
        As in `fp.fingerprint.model.fingerprint.Fingerprint`, like all that follow.
    crop : CropRule
        Which part of an image is examined.
    denoiser : DenoiserIdentity
        Which residuals the pattern speaks about.
    calibration : Calibration
        Held-out scores of both classes.
    offset : float
        What is subtracted from the inner product of pattern and features.
    null : NullControl or None
        The shuffled-label control.
    parameters, native_sizes, formats, environment : mapping
        How and from what it was extracted.
    created_utc, tool_version : str
        When and by which fp.
    preparation : str
        What images go through before their residual.
    windows : tuple of int
        Sides of the calibrated windows in pixels; empty where there are none.
    """

    uuid: str
    pattern_shape: tuple[int, ...]
    history: tuple[str, ...]
    name: str
    method: str
    crop: CropRule
    denoiser: DenoiserIdentity
    calibration: Calibration
    offset: float
    null: NullControl | None
    parameters: Mapping[str, Any]
    native_sizes: Mapping[str, int]
    formats: Mapping[str, int]
    environment: Mapping[str, str]
    created_utc: str
    tool_version: str
    preparation: str
    windows: tuple[int, ...]


def check_name(name: str) -> None:
    """Refuse a name that no file can hold; meant to be called before the work is done.

    Parameters
    ----------
    name : str
        Name of a fingerprint: 1 to 4096 bytes of UTF-8 without NUL.

    Raises
    ------
    UsageError
        If it is not.
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
    """Give the elements that a fingerprint is written as, its content hash among them.

    Parameters
    ----------
    fingerprint : Fingerprint
        What to write.

    Returns
    -------
    dict of str to Value
        Element of each key of `fp.fingerprint.store.schema.SCHEMA` and ``history/<name>``.

    Raises
    ------
    UsageError
        If the name cannot be stored.
    OutputError
        If another part cannot be: parameters that are not JSON, say.
    """
    check_name(fingerprint.name)
    try:
        found = dict(_elements(fingerprint))
        # What an older fp can read in full says so.
        stated = {"@encoding-type": ENCODING_TYPE, "@encoding-version": version_naming(found)}
        elements: dict[str, Value] = {**stated, **found}
        faults = [f"{key.lstrip('@')} {what}" for key, what in value_faults(elements)]
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        faults = [f"{type(error).__name__}: {error}"]
    if faults:
        raise OutputError(
            f"The fingerprint {fingerprint.name!r} cannot be written: {faults[0]}; mend that part."
        )
    elements[HASH_KEY] = content_sha256(elements)
    return elements


def write(group: h5py.Group, fingerprint: Fingerprint) -> str:
    """Write a fingerprint into an empty group and give its content hash; errors as above."""
    elements = elements_of(fingerprint)
    put(group, elements)
    return str(elements[HASH_KEY])


def read(group: h5py.Group, place: Place) -> tuple[Fingerprint, str]:
    """Read a fingerprint and check it against its hash and identity.

    Parameters
    ----------
    group : h5py.Group
        Its group.
    place : Place
        Where that is.

    Returns
    -------
    tuple of Fingerprint and str
        What was written, and its content hash.

    Raises
    ------
    FormatError
        If an element is missing or is not what the format says.
    IntegrityError
        If the content contradicts its hash or identity, or cannot be read.
    """
    elements = {key: entry.load() for key, entry in _entries(group, place).items()}
    check_hash(elements, place)
    for key, what in value_faults(elements):
        raise place.at(key).refused(what)
    fingerprint = build(elements)
    check_uuid(fingerprint, elements, place)
    return fingerprint, str(elements[HASH_KEY])


def read_summary(group: h5py.Group, place: Place) -> tuple[Summary, str]:
    """Read everything but the arrays that can be large; parameters and errors as in `read`."""
    entries = _entries(group, place)
    elements = {key: entries[key].load() for key in SCHEMA if key in entries and key != "pattern"}
    # The rules look at the pattern's values; one zero stands for those that were not read.
    stand_in = np.zeros((1, 1, 1), np.float32)
    for key, what in value_faults(elements | {"pattern": stand_in}):
        raise place.at(key).refused(what)
    summary = Summary(
        uuid=str(elements["@uuid"]),
        pattern_shape=entries["pattern"].shape,
        history=tuple(key.removeprefix(HISTORY) for key in entries if key.startswith(HISTORY)),
        windows=windowed.sides(entries),
        **{
            name: value
            for name, value in parts(elements).items()
            if name not in ("joined", "windows", "conditions")
        },
    )
    return summary, str(elements[HASH_KEY])


def build(elements: Elements) -> Fingerprint:
    """Make the fingerprint of valid elements."""
    history = {
        key.removeprefix(HISTORY): np.asarray(value)
        for key, value in elements.items()
        if key.startswith(HISTORY)
    }
    return Fingerprint(pattern=np.asarray(elements["pattern"]), history=history, **parts(elements))


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


def _entries(group: h5py.Group, place: Place) -> dict[str, Entry]:
    faults: list[FpError] = []
    entries = survey(group, place, faults.append)
    # Another version may break every rule of this one, so that is told first.
    check_version(entries, place, ENCODING_TYPE, ENCODING_VERSION)
    for fault in faults:
        raise fault
    for key, what in structure_faults(entries):
        raise place.at(key).refused(what)
    return entries


def _elements(fingerprint: Fingerprint) -> Iterator[tuple[str, Value]]:
    for name in ("uuid", "name", "method", "created_utc", "tool_version"):
        yield f"@{name}", getattr(fingerprint, name)
    for name in ("parameters", "native_sizes", "formats", "environment"):
        # ASCII, so that whatever a file name may hold comes back as it was.
        text = json.dumps(dict(getattr(fingerprint, name)), sort_keys=True, allow_nan=False)
        yield f"@{name}", text
    yield "@crop_height", np.array(fingerprint.crop.height, "<i8")
    yield "@crop_width", np.array(fingerprint.crop.width, "<i8")
    yield "@crop_anchor", fingerprint.crop.anchor
    yield "@preparation", fingerprint.preparation
    yield "@offset", np.array(fingerprint.offset, "<f8")
    yield "@denoiser", fingerprint.denoiser.as_json()
    yield "@scheme", fingerprint.calibration.scheme
    yield "pattern", np.ascontiguousarray(fingerprint.pattern, "<f4")
    for label in CLASSES:
        key, calibration = f"calibration/{label}", fingerprint.calibration
        yield key, np.ascontiguousarray(getattr(calibration, label), "<f8")
        yield f"{key}_sha256", tuple(getattr(calibration, f"{label}_sha256"))
        # A file name may be no UTF-8; what counts is which scores share a source.
        sources = getattr(calibration, f"{label}_source")
        yield f"{key}_source", tuple(map(_escaped, sources))
    if fingerprint.joined is not None:
        yield from joined.elements(fingerprint.joined)
    if fingerprint.windows is not None:
        yield from windowed.elements(fingerprint.windows)
    if fingerprint.conditions is not None:
        yield from conditions.elements(fingerprint.conditions)
    if fingerprint.null is not None:
        yield "null/shuffled", np.ascontiguousarray(fingerprint.null.shuffled, "<f8")
        yield "null@observed", np.array(fingerprint.null.observed, "<f8")
        yield "null@seed", np.array(fingerprint.null.seed, "<i8")
    for name, values in fingerprint.history.items():
        yield HISTORY + name, np.asarray(values, "<f8", order="C")


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
