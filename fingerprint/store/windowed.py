"""The windows of a fingerprint as elements of its group, and the way back (since version 1.2)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from fp.fingerprint.model.windows import SIZES, Dependence, Search, Windows, WindowSize
from fp.fingerprint.store.elements import Value

SINCE = 2
"""Minor version since which these elements are named."""

SEARCHED_SINCE = 3
"""The same of those of windows whose phase is searched."""

PARTS = "windows/parts"

_SIZE = re.compile(r"windows/(\d{3})/", re.ASCII)

OF_SIZE = {
    "weights": ("float32", 2),
    "offsets": ("float64", 1),
    "real": ("float64", 3),
    "generated": ("float64", 3),
    "specific_real": ("float64", 1),
    "specific_generated": ("float64", 1),
    "dependence": ("float64", 2),
}

OF_SEARCH = {
    "searched/weights": ("float32", 2),
    "searched/offsets": ("float64", 1),
    "searched/scale": ("float64", 2),
    "searched/real": ("float64", 3),
    "searched/generated": ("float64", 3),
}
"""Elements of a size that there are all or none of."""

_SEARCHED = ("weights", "offsets", "scale", "real", "generated")


def schema(keys: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Say which elements a group must have, beside those of every fingerprint.

    Parameters
    ----------
    keys : iterable of str
        Keys that it has.

    Returns
    -------
    dict of str to (str, int)
        Kind and number of dimensions of each; empty where there are no windows.
    """
    found = {key for key in keys if key.startswith("windows/")}
    if not found:
        return {}
    wanted = {PARTS: ("int64", 1)}
    for size in sides(found):
        rules = dict(OF_SIZE)
        if any(key.startswith(f"windows/{size:03d}/searched/") for key in found):
            rules |= OF_SEARCH
        wanted |= {f"windows/{size:03d}/{key}": rule for key, rule in rules.items()}
    return wanted


def sides(keys: Iterable[str]) -> tuple[int, ...]:
    """Give the sides of the windows that a group's keys name, ascending, in pixels."""
    return tuple(sorted({int(match[1]) for key in keys if (match := _SIZE.match(key))}))


def is_known(key: str, minor: int = SEARCHED_SINCE) -> bool:
    """Say whether a minor version of the format names an element of windows."""
    match = _SIZE.match(key)
    if minor < SINCE or match is None or int(match[1]) not in SIZES:
        return minor >= SINCE and key == PARTS
    name = key[match.end() :]
    return name in OF_SIZE or (minor >= SEARCHED_SINCE and name in OF_SEARCH)


def elements(windows: Windows) -> Iterator[tuple[str, Value]]:
    """Give the elements that windows are written as.

    Parameters
    ----------
    windows : Windows
        The windows.

    Yields
    ------
    tuple of str and Value
        Key and value of each element.
    """
    yield PARTS, np.array(windows.parts, "<i8")
    for each in windows.sizes:
        key = f"windows/{each.size:03d}"
        yield f"{key}/weights", np.ascontiguousarray(each.weights, "<f4")
        for name in ("offsets", "real", "generated", "specific_real", "specific_generated"):
            yield f"{key}/{name}", np.ascontiguousarray(getattr(each, name), "<f8")
        dependences = (each.of_real, each.of_generated)
        yield (
            f"{key}/dependence",
            np.array([[d.floor, d.near, d.reach] for d in dependences], "<f8"),
        )
        if each.search is not None:
            for name in _SEARCHED:
                kind = "<f4" if name == "weights" else "<f8"
                values = np.ascontiguousarray(getattr(each.search, name), kind)
                yield f"{key}/searched/{name}", values


def build(found: Mapping[str, Value]) -> Windows | None:
    """Make the windows from elements of the right types.

    Parameters
    ----------
    found : mapping of str to Value
        Elements of a fingerprint's group.

    Returns
    -------
    Windows or None
        The windows; None where there are none.

    Raises
    ------
    ValueError
        If a value is not what the format allows.
    """
    if PARTS not in found:
        return None
    sizes = []
    for text in sorted({match[1] for key in found if (match := _SIZE.match(key))}):
        values = {name: np.asarray(found[f"windows/{text}/{name}"]) for name in OF_SIZE}
        dependence = values.pop("dependence")
        if dependence.shape != (2, 3):
            raise ValueError(f"the dependence of windows of {text} pixels is not (2, 3)")
        pair = [Dependence(*map(float, row)) for row in dependence]
        search = None
        if f"windows/{text}/searched/weights" in found:
            held = {name: found[f"windows/{text}/searched/{name}"] for name in _SEARCHED}
            search = Search(**{name: np.asarray(value) for name, value in held.items()})
        sizes.append(
            WindowSize(int(text), **values, of_real=pair[0], of_generated=pair[1], search=search)
        )
    return Windows(tuple(map(int, np.asarray(found[PARTS]))), tuple(sizes))
