"""The elements of a fingerprint's group in version 1.3, and what each of them may say."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from fp.denoisers.residual import DenoiserIdentity
from fp.fingerprint.model.calibration import Calibration, NullControl
from fp.fingerprint.model.conditions import Conditions
from fp.fingerprint.model.joined import Joined
from fp.fingerprint.model.windows import Windows
from fp.fingerprint.store import conditions, joined, windowed
from fp.fingerprint.store.elements import Value
from fp.fingerprint.store.hdf5 import Place
from fp.fingerprint.store.survey import Entry
from fp.images.crop import CropRule
from fp.images.degradations import Degradation
from fp.system.errors import FormatError
from fp.system.paths import display_path

Elements = Mapping[str, Value]

ENCODING_TYPE = "fp-fingerprint"
ENCODING_VERSION = "1.3"
KNOWN_MINOR = 3

HASH_KEY = "@content-sha256"
HISTORY = "history/"
CLASSES = ("real", "generated")
MAX_NAME_BYTES = 4096

_HISTORY_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_VERSION = re.compile(r"(\d{1,6})\.(\d{1,6})", re.ASCII)


@dataclass(frozen=True)
class Rule:
    """What an element must be.

    Parameters
    ----------
    kind : str
        As in `fp.fingerprint.store.survey.Entry`.
    rank : int
        Number of dimensions, 0 for an attribute.
    optional : bool
        Whether it may be missing.
    """

    kind: str
    rank: int = 0
    optional: bool = False


SCHEMA: Mapping[str, Rule] = {
    "@encoding-type": Rule("string"),
    "@encoding-version": Rule("string"),
    HASH_KEY: Rule("string"),
    "@uuid": Rule("string"),
    "@name": Rule("string"),
    "@method": Rule("string"),
    "@crop_height": Rule("int64"),
    "@crop_width": Rule("int64"),
    "@crop_anchor": Rule("string"),
    "@denoiser": Rule("string"),
    "@parameters": Rule("string"),
    "@native_sizes": Rule("string"),
    "@formats": Rule("string"),
    "@environment": Rule("string"),
    "@offset": Rule("float64"),
    "@scheme": Rule("string"),
    "@created_utc": Rule("string"),
    "@tool_version": Rule("string"),
    "@preparation": Rule("string", optional=True),
    "pattern": Rule("float32", 3),
    "calibration/real": Rule("float64", 1),
    "calibration/real_sha256": Rule("string", 1),
    "calibration/real_source": Rule("string", 1),
    "calibration/generated": Rule("float64", 1),
    "calibration/generated_sha256": Rule("string", 1),
    "calibration/generated_source": Rule("string", 1),
    "null/shuffled": Rule("float64", 1, optional=True),
    "null@observed": Rule("float64", optional=True),
    "null@seed": Rule("int64", optional=True),
}
"""All elements but those of ``history/``; a test holds `docs/format.md` to it."""

ADDED = {"@preparation": 1}
"""Minor version since which an element is named, where that is not 0."""


def check_version(
    entries: Mapping[str, Entry], place: Place, encoding: str, version: str
) -> tuple[int, int]:
    """Refuse what is of another kind or of another major version.

    Parameters
    ----------
    entries : mapping of str to Entry
        Entries of the root or of a fingerprint's group.
    place : Place
        Where that is.
    encoding : str
        Expected ``encoding-type``.
    version : str
        The version that this fp writes.

    Returns
    -------
    tuple of int
        Major and minor version of the element; a larger minor one is readable.

    Raises
    ------
    FormatError
        Naming both versions, where they are the matter.
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


def structure_faults(entries: Mapping[str, Entry]) -> Iterator[tuple[str, str]]:
    """Find missing and mistyped elements; unknown ones are left alone.

    Parameters
    ----------
    entries : mapping of str to Entry
        Entries of a fingerprint's group.

    Yields
    ------
    tuple of str
        Key, and what is wrong with it.
    """
    with_null = any(re.match(r"null[/@]", key) for key in entries)
    for key, rule in SCHEMA.items():
        entry = entries.get(key)
        if entry is None:
            if not rule.optional or (with_null and re.match(r"null[/@]", key)):
                yield key, "is missing"
        elif (entry.kind, len(entry.shape)) != (rule.kind, rule.rank):
            yield (
                key,
                f"is {entry.kind} with {len(entry.shape)} dimensions and must be "
                f"{rule.kind} with {rule.rank}",
            )
    optional = joined.schema(entries) | windowed.schema(entries) | conditions.schema(entries)
    for key, (kind, rank) in optional.items():
        entry = entries.get(key)
        if entry is None:
            yield key, "is missing"
        elif (entry.kind, len(entry.shape)) != (kind, rank):
            yield (
                key,
                f"is {entry.kind} with {len(entry.shape)} dimensions and must be "
                f"{kind} with {rank}",
            )
    for key, entry in entries.items():
        if key.startswith(HISTORY) and entry.kind != "float64":
            yield key, f"is {entry.kind} and must be float64"


def value_faults(elements: Elements) -> Iterator[tuple[str, str]]:
    """Find values that the format does not allow, presence and types being right.

    Parameters
    ----------
    elements : mapping of str to Value
        Elements of a fingerprint's group.

    Yields
    ------
    tuple of str
        Key, and what is wrong with it.
    """
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
    for key in elements:
        if not key.startswith(HISTORY):
            continue
        if not _HISTORY_NAME.fullmatch(key.removeprefix(HISTORY)):
            yield key, "must be named with 1 to 64 letters, digits, '_' and '.'"
        if not np.ndim(elements[key]):
            yield key, "must be an array"
    for key, make in _PARTS.values():
        try:
            part = make(elements)
        except (ValueError, TypeError, RecursionError) as error:
            yield key, f"is not valid ({str(error).rstrip('.') or type(error).__name__})"
        else:
            if isinstance(part, Joined):
                yield from _joined_faults(part, elements)
            elif isinstance(part, Windows):
                yield from _window_faults(part, elements)
            elif isinstance(part, Conditions):
                yield from _expert_faults(part, elements)


def _joined_faults(found: Joined, elements: Elements) -> Iterator[tuple[str, str]]:
    shape = np.shape(elements["pattern"])
    if shape != (1, 2, len(found.parts)):
        yield "pattern", f"has shape {shape} for {len(found.parts)} parts, not (1, 2, K)"
    for label in CLASSES:
        scores = np.asarray(elements[f"calibration/{label}"])
        if getattr(found, f"specific_{label}").size != scores.size:
            yield f"joined/specific_{label}", f"must have {scores.size} scores"


def _window_faults(found: Windows, elements: Elements) -> Iterator[tuple[str, str]]:
    shape = np.shape(elements["pattern"])
    if found.parts[-1] >= (shape[2] if "joined@specific_offset" in elements else 1):
        yield windowed.PARTS, "names a part that is not there"
    for each in found.sizes:
        for label in CLASSES:
            count = np.asarray(elements[f"calibration/{label}"]).size
            if len(getattr(each, label)) != count:
                yield f"windows/{each.size:03d}/{label}", f"must have {count} images"


def _expert_faults(found: Conditions, elements: Elements) -> Iterator[tuple[str, str]]:
    for index, expert in enumerate(found.experts):
        for label in CLASSES:
            size = np.asarray(elements[f"calibration/{label}"]).size
            if getattr(expert, label).size != size:
                yield f"conditions/{index:03d}/{label}", f"must have {size} scores"


def parts(elements: Elements) -> dict[str, Any]:
    """Give the arguments of a `Fingerprint` but pattern and history, from valid elements."""
    made = {name: make(elements) for name, (_, make) in _PARTS.items()}
    plain = {key: elements[f"@{key}"] for key in ("name", "method", "created_utc", "tool_version")}
    return made | plain


def is_known(key: str, minor: int = KNOWN_MINOR) -> bool:
    """Say whether this version, or an earlier minor one, names an element.

    Parameters
    ----------
    key : str
        Key of the element.
    minor : int
        Minor version of the fingerprint's group.

    Returns
    -------
    bool
        Whether it does.
    """
    if minor < ADDED.get(key, 0):
        return False
    in_history = key.startswith(HISTORY) and "@" not in key
    if windowed.is_known(key, minor):
        return True
    if conditions.is_known(key, minor):
        return True
    return key in SCHEMA or in_history or (minor >= 1 and joined.is_known(key))


def version_naming(keys: Iterable[str]) -> str:
    """Give the first version, from 1.1 on, that names all elements.

    Parameters
    ----------
    keys : iterable of str
        Keys of the elements.

    Returns
    -------
    str
        The version.
    """
    held = list(keys)
    named = (n for n in range(1, KNOWN_MINOR) if all(is_known(key, n) for key in held))
    return f"1.{next(named, KNOWN_MINOR)}"


def is_time(text: str) -> bool:
    """Say whether a text is a time as the format writes it, or empty for an unknown one."""
    if not text:
        return True
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _crop(elements: Elements) -> CropRule:
    anchor: Any = elements["@crop_anchor"]
    return CropRule(_number(elements, "@crop_height"), _number(elements, "@crop_width"), anchor)


def _calibration(elements: Elements) -> Calibration:
    columns: dict[str, Any] = {
        label + part: elements[f"calibration/{label}{part}"]
        for label in CLASSES
        for part in ("", "_sha256", "_source")
    }
    return Calibration(**columns, scheme=str(elements["@scheme"]))


def _null(elements: Elements) -> NullControl | None:
    if "null/shuffled" not in elements:
        return None
    shuffled = np.asarray(elements["null/shuffled"])
    observed = float(np.asarray(elements["null@observed"]))
    return NullControl(observed, shuffled, _number(elements, "null@seed"))


def _denoiser(elements: Elements) -> DenoiserIdentity:
    identity = DenoiserIdentity(**_mapping(elements, "@denoiser", object))
    for name, value in asdict(identity).items():
        kind = {"version": int, "parameters": dict}.get(name, str)
        if type(value) is not kind:
            raise TypeError(f"{name} must be {kind.__name__}")
    return identity


def _preparation(elements: Elements) -> str:
    text = str(elements.get("@preparation", "none"))
    Degradation(text)
    return text


def _offset(elements: Elements) -> float:
    return float(np.asarray(elements["@offset"]))


def _number(elements: Elements, key: str) -> int:
    return int(np.asarray(elements[key]))


def _mapping(elements: Elements, key: str, kind: type) -> dict[str, Any]:
    value = json.loads(str(elements[key]), parse_constant=_no_number, parse_float=_finite)
    if type(value) is not dict:
        raise TypeError("it must be a JSON object")
    for name, item in value.items():
        if kind is not object and type(item) is not kind:
            raise TypeError(f"{name!r} must be {kind.__name__}")
    return value


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value


_PARTS: Mapping[str, tuple[str, Callable[[Elements], Any]]] = {
    "crop": ("@crop_height", _crop),
    "denoiser": ("@denoiser", _denoiser),
    "calibration": ("calibration", _calibration),
    "offset": ("@offset", _offset),
    "null": ("null@seed", _null),
    "joined": ("joined", joined.build),
    "conditions": ("conditions", conditions.build),
    "preparation": ("@preparation", _preparation),
    "windows": ("windows", windowed.build),
    "parameters": ("@parameters", lambda elements: _mapping(elements, "@parameters", object)),
    "native_sizes": ("@native_sizes", lambda elements: _mapping(elements, "@native_sizes", int)),
    "formats": ("@formats", lambda elements: _mapping(elements, "@formats", int)),
    "environment": ("@environment", lambda elements: _mapping(elements, "@environment", str)),
}
