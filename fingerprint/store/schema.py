"""The elements of a fingerprint's group in version 1.8: one table that all else follows from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from fp.denoisers.residual import DenoiserIdentity
from fp.fingerprint.model.calibration import Calibration, NullControl
from fp.fingerprint.model.conditions import (
    Conditions,
    ConditionsFusion,
    Expected,
    Neighbours,
    Regression,
)
from fp.fingerprint.model.distribution import OutOfDistribution
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.model.joined import Joined, Part
from fp.fingerprint.model.typicality import Typicality, View
from fp.fingerprint.model.windows import SIZES, Search, Windows
from fp.fingerprint.store import values
from fp.fingerprint.store.layout import Element, Group, Named, Series, lines, named
from fp.images.crop import CropRule

ENCODING_TYPE = "fp-fingerprint"
ENCODING_VERSION = "1.8"
KNOWN_MINOR = int(ENCODING_VERSION.split(".")[1])

HASH_KEY = "@content-sha256"
HISTORY = "history/"
CLASSES = ("real", "generated")


def _null(name: str, *, finite: bool) -> Group:
    members = lines("float64[1] shuffled", "float64 observed", "int64 seed", finite=finite)
    return Group(NullControl, members, "null", name, optional=True)


_VIEW = Group(
    View,
    lines(
        "float32[1] mean", "float32[2] basis", "float64[1] variance", "float64 floor centre spread"
    ),
    check=values.check_view,
)
_VIEWS = Series(
    "views",
    _VIEW,
    "VIEW",
    names="[a-z]+(?=[/@])",
    entries=lambda views: views.items(),
    join=values.views,
)
_PART = Group(
    Part,
    (
        *lines(
            "string method", "float64 offset", "float32[3] pattern", "float64[1] real generated"
        ),
        Element("parameters", "string", stored=values.json_text, loaded=json.loads),
    ),
    check=values.check_part,
)
_TYPICALITY = Group(Typicality, (*lines("float64[1] calibration"), _VIEWS), "typicality")
_JOINED = Group(
    Joined,
    (
        *lines("float64 specific_offset", "float64[1] specific_real specific_generated"),
        _TYPICALITY,
        _null("specific_null", finite=True),
        Series("parts", _PART, "NNN", key="parts", most=64),
    ),
    "joined",
    since=1,
    optional=True,
)

# Windows say of themselves which of their numbers must be finite.
_SIZE = Group(
    values.window_size,
    (
        *lines(
            "float32[2] weights",
            "float64[1] offsets specific_real specific_generated",
            "float64[3] real generated",
            finite=False,
        ),
        Element("dependence", "float64", 2, finite=False, get=values.dependences),
        Group(
            Search,
            lines(
                "float32[2] weights",
                "float64[1] offsets",
                "float64[2] scale",
                "float64[3] real generated",
                finite=False,
            ),
            "searched",
            "search",
            since=3,
            optional=True,
        ),
    ),
)
_SIZES = Series(
    "sizes",
    _SIZE,
    "SSS",
    names=r"\d{3}(?=/)",
    named="|".join(f"{size:03d}" for size in SIZES),
    label="size",
    entries=lambda sizes: ((f"{each.size:03d}", each) for each in sizes),
)
_WINDOW_PARTS = Element("parts", "int64", 1, loaded=lambda numbers: tuple(map(int, numbers)))
_WINDOWS = Group(Windows, (_WINDOW_PARTS, _SIZES), "windows", since=2, optional=True)

_REGRESSION = Group(
    Regression, lines("float64[1] centre scale offset", "float64[2] weights"), check=values.scaled
)
_EXPECTED = Group(
    Expected,
    (
        replace(_REGRESSION, key="mean"),
        replace(_REGRESSION, key="log_deviation"),
        *lines("float64[1] held"),
    ),
    check=values.check_expected,
)
_NEIGHBOURS = Group(
    Neighbours,
    lines("float64[1] centre scale held", "float32[2] basis points"),
    check=values.check_neighbours,
)
_CONDITIONS = Group(
    Conditions,
    (
        Series("parts", _PART, "NNN", key="parts", most=64),
        Group(
            ConditionsFusion,
            (
                replace(_REGRESSION, key="expected"),
                *lines("float64[1] scale weights", "float64 offset"),
            ),
            "fusion",
            check=values.check_fusion,
        ),
        replace(_REGRESSION, key="coding"),
        *lines("float64[2] settings"),
        replace(_EXPECTED, key="score_of_real"),
        replace(_EXPECTED, key="score_of_generated"),
        replace(_TYPICALITY, key="generator"),
        replace(_TYPICALITY, key="reference"),
        replace(_EXPECTED, key="distance_of_generated"),
        replace(_EXPECTED, key="distance_of_real"),
        replace(_NEIGHBOURS, key="neighbours"),
        replace(_NEIGHBOURS, key="content"),
        *lines("int64[1] kinds", "float64[1] real generated"),
    ),
    "conditions",
    since=8,
    optional=True,
    check=values.check_conditions,
)
_DISTRIBUTION = Group(
    OutOfDistribution,
    (
        *lines("float32[1] scale", "float64[1] calibration"),
        Element("codings", "string", 1),
        replace(_VIEW, key="view"),
    ),
    "distribution",
    since=4,
    optional=True,
    check=values.check_distribution,
)

FINGERPRINT = Group(
    Fingerprint,
    (
        Element("encoding-type", "string", derived=True),
        Element("encoding-version", "string", derived=True),
        Element("content-sha256", "string", derived=True),
        Element("uuid", "string", derived=True),
        *lines("string name method created_utc tool_version"),
        Group(
            CropRule,
            (
                Element("height", "int64", key="@crop_height"),
                Element("width", "int64", key="@crop_width"),
                Element("anchor", "string", key="@crop_anchor"),
            ),
            name="crop",
            told_at="@crop_height",
        ),
        Element("denoiser", "string", stored=DenoiserIdentity.as_json, loaded=values.denoiser),
        Element("parameters", "string", stored=values.json_text, loaded=values.json_object(object)),
        Element("native_sizes", "string", stored=values.json_text, loaded=values.json_object(int)),
        Element("formats", "string", stored=values.json_text, loaded=values.json_object(int)),
        Element("environment", "string", stored=values.json_text, loaded=values.json_object(str)),
        *lines("float64 offset", "float32[3] pattern", finite=False),
        Element("preparation", "string", since=1, optional=True, loaded=values.preparation),
        Group(
            Calibration,
            (
                Element("scheme", "string", key="/@scheme"),
                *lines("float64[1] real generated", finite=False),
                *lines("string[1] real_sha256 generated_sha256"),
                Element("real_source", "string", 1, stored=values.escaped),
                Element("generated_source", "string", 1, stored=values.escaped),
            ),
            "calibration",
        ),
        _null("null", finite=False),  # a separation can be infinite
        _JOINED,
        _CONDITIONS,
        replace(_CONDITIONS, key="rest"),
        _WINDOWS,
        _DISTRIBUTION,
    ),
)
"""All elements but those of ``history/``; a test holds `docs/format.md` to it."""

SUMMARY = replace(
    FINGERPRINT,
    members=tuple(
        member
        for member in FINGERPRINT.members
        if (isinstance(member, Group) and not member.since)
        or (isinstance(member, Element) and member.name != "pattern")
    ),
)
"""The same without what can be large."""

NAMED: tuple[Named, ...] = tuple(named(FINGERPRINT))


@lru_cache(maxsize=4096)
def since(key: str) -> int | None:
    """Return the minor version that first names an element; None where none does."""
    if key.startswith(HISTORY) and "@" not in key:
        return 0
    found = (each.since for each in NAMED if re.fullmatch(each.pattern, key, re.ASCII))
    return next(found, None)


def is_known(key: str, minor: int = KNOWN_MINOR) -> bool:
    """Return whether a minor version of the format, or an earlier one, names an element."""
    first = since(key)
    return first is not None and first <= minor


def version_naming(keys: Iterable[str]) -> str:
    """Return the first version, from 1.1 on, that names all elements of these keys."""
    firsts = map(since, keys)
    return f"1.{max([1, *(KNOWN_MINOR if first is None else first for first in firsts)])}"
