"""The parts of a joined fingerprint as elements of its group, and the way back (version 1.1)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from fp.fingerprint.model.calibration import NullControl
from fp.fingerprint.model.joined import Joined, Part
from fp.fingerprint.model.typicality import Typicality, View, in_order
from fp.fingerprint.store.elements import Value, finite
from fp.system.arrays import Array

MOST_PARTS = 64

_PART = re.compile(r"joined/parts/(\d{3})[/@]", re.ASCII)
_VIEW = re.compile(r"joined/typicality/([a-z]+)[/@]", re.ASCII)

FIXED = {
    "joined@specific_offset": ("float64", 0),
    "joined/specific_real": ("float64", 1),
    "joined/specific_generated": ("float64", 1),
    "joined/typicality/calibration": ("float64", 1),
}
NULL = {
    "joined/null/shuffled": ("float64", 1),
    "joined/null@observed": ("float64", 0),
    "joined/null@seed": ("int64", 0),
}
OF_PART = {
    "@method": ("string", 0),
    "@parameters": ("string", 0),
    "@offset": ("float64", 0),
    "/pattern": ("float32", 3),
    "/real": ("float64", 1),
    "/generated": ("float64", 1),
}
OF_VIEW = {
    "/mean": ("float32", 1),
    "/basis": ("float32", 2),
    "/variance": ("float64", 1),
    "@floor": ("float64", 0),
    "@centre": ("float64", 0),
    "@spread": ("float64", 0),
}


def schema(keys: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Say which elements a group must have, beside those of every fingerprint.

    Parameters
    ----------
    keys : iterable of str
        Keys that it has.

    Returns
    -------
    dict of str to (str, int)
        Kind and number of dimensions of each; empty where nothing is joined.
    """
    found = {key for key in keys if re.match(r"joined[/@]", key)}
    if not found:
        return {}
    wanted = dict(FIXED)
    if any(re.match(r"joined/null[/@]", key) for key in found):
        wanted |= NULL
    parts = {int(match[1]) for key in found if (match := _PART.match(key))}
    for index in range(max(parts, default=0) + 1):
        wanted |= {f"joined/parts/{index:03d}{key}": rule for key, rule in OF_PART.items()}
    for name in sorted({match[1] for key in found if (match := _VIEW.match(key))}):
        wanted |= {f"joined/typicality/{name}{key}": rule for key, rule in OF_VIEW.items()}
    return wanted


def is_known(key: str) -> bool:
    """Say whether the format names an element of the parts."""
    if _PART.match(key):
        return key[len("joined/parts/000") :] in OF_PART
    return key in FIXED or key in NULL or key in schema([key])


def elements(joined: Joined) -> Iterator[tuple[str, Value]]:
    """Give the elements that the parts are written as.

    Parameters
    ----------
    joined : Joined
        The parts.

    Yields
    ------
    tuple of str and Value
        Key and value of each element.
    """
    yield "joined@specific_offset", np.array(joined.specific_offset, "<f8")
    yield "joined/specific_real", _doubles(joined.specific_real)
    yield "joined/specific_generated", _doubles(joined.specific_generated)
    for index, part in enumerate(joined.parts):
        key = f"joined/parts/{index:03d}"
        yield f"{key}@method", part.method
        yield f"{key}@parameters", json.dumps(part.parameters, sort_keys=True, allow_nan=False)
        yield f"{key}@offset", np.array(part.offset, "<f8")
        yield f"{key}/pattern", np.ascontiguousarray(part.pattern, "<f4")
        yield f"{key}/real", _doubles(part.real)
        yield f"{key}/generated", _doubles(part.generated)
    yield "joined/typicality/calibration", _doubles(joined.typicality.calibration)
    for name, view in joined.typicality.views.items():
        key = f"joined/typicality/{name}"
        yield f"{key}/mean", np.ascontiguousarray(view.mean, "<f4")
        yield f"{key}/basis", np.ascontiguousarray(view.basis, "<f4")
        yield f"{key}/variance", _doubles(view.variance)
        yield f"{key}@floor", np.array(view.floor, "<f8")
        yield f"{key}@centre", np.array(view.centre, "<f8")
        yield f"{key}@spread", np.array(view.spread, "<f8")
    null = joined.specific_null
    if null is not None:
        yield "joined/null/shuffled", _doubles(null.shuffled)
        yield "joined/null@observed", np.array(null.observed, "<f8")
        yield "joined/null@seed", np.array(null.seed, "<i8")


def build(found: Mapping[str, Value]) -> Joined | None:
    """Make the parts from valid elements.

    Parameters
    ----------
    found : mapping of str to Value
        Elements of a fingerprint's group.

    Returns
    -------
    Joined or None
        The parts; None where nothing is joined.

    Raises
    ------
    ValueError, TypeError
        If a value is not what the format allows.
    """
    if "joined@specific_offset" not in found:
        return None
    count = len({match[1] for key in found if (match := _PART.match(key))})
    if count > MOST_PARTS:
        raise ValueError(f"there are more than {MOST_PARTS} parts")
    views = {}
    # In an order of our own: sums of floats must not depend on how a file sorts its names.
    for name in in_order({match[1] for key in found if (match := _VIEW.match(key))}):
        views[name] = _view(found, f"joined/typicality/{name}")
    null = None
    if "joined/null/shuffled" in found:
        shuffled = finite(found, "joined/null/shuffled")
        observed = float(finite(found, "joined/null@observed"))
        null = NullControl(observed, shuffled, int(np.asarray(found["joined/null@seed"])))
    return Joined(
        tuple(_part(found, f"joined/parts/{index:03d}") for index in range(count)),
        float(finite(found, "joined@specific_offset")),
        finite(found, "joined/specific_real"),
        finite(found, "joined/specific_generated"),
        Typicality(views, finite(found, "joined/typicality/calibration")),
        null,
    )


def _part(found: Mapping[str, Value], key: str) -> Part:
    parameters = json.loads(str(found[f"{key}@parameters"]))
    if type(parameters) is not dict or type(parameters.get("method", {})) is not dict:
        raise TypeError(f"the parameters of {key} must be a JSON object")
    return Part(
        str(found[f"{key}@method"]),
        np.asarray(finite(found, f"{key}/pattern"), dtype=np.float32),
        float(finite(found, f"{key}@offset")),
        finite(found, f"{key}/real"),
        finite(found, f"{key}/generated"),
        parameters,
    )


def _view(found: Mapping[str, Value], key: str) -> View:
    mean, basis = finite(found, f"{key}/mean"), finite(found, f"{key}/basis")
    variance = finite(found, f"{key}/variance")
    floor, centre, spread = (
        float(finite(found, f"{key}@{name}")) for name in ("floor", "centre", "spread")
    )
    if basis.shape != (variance.size, mean.size):
        raise ValueError(f"the basis of {key} has shape {basis.shape}")
    if floor <= 0 or spread <= 0 or (variance <= 0).any():
        raise ValueError(f"a variance of {key} is not positive")
    return View(mean.astype(np.float32), basis.astype(np.float32), variance, floor, centre, spread)


def _doubles(values: Array) -> Array:
    return np.ascontiguousarray(values, "<f8")
