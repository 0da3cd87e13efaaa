"""One TOML file that says everything an evaluation does."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from fp.evaluation.methods import BASELINES, Choice, known
from fp.evaluation.protocols import (
    AttributionProtocol,
    DetectionProtocol,
    Protocol,
    Semantic,
    make_protocol,
)
from fp.system.errors import UsageError

_WITH_SCORES = (*DetectionProtocol.kinds, *Semantic.kinds, *AttributionProtocol.kinds)
"""Kinds of protocols that take methods of others."""

_TOP = {
    "methods": ["auto", "dct"],
    "denoisers": ["wavelet"],
    "generators": [],
    "sizes": [64],
    "seeds": 5,
    "nulls": 5,
    "folds": 10,
    "fpr": 0.05,
    "kin": [],
    "siblings": [],
    "compare": "",
    "sources": "",
    "size": [],
    "parameters": {},
    "protocol": [],
}


@dataclass(frozen=True)
class Configuration:
    """What an evaluation does.

    Parameters
    ----------
    protocols : tuple of Protocol
        The protocols.
    folds : int
        Folds of cross-fitted scores.
    fpr : float
        Rate of the conformal decisions, in (0, 0.5].
    kin, siblings : tuple of tuple of str
        Lines of generators that are kin, and those so close that they may be taken for each other.
    compare : str
        Method that every other is compared with on the same splits; by default the first.
    sources : str
        CSV below the data set with the source of each image; empty for stems.
    size : tuple of int or None
        Height and width of the examined part; None for the most common size.
    text : str
        The file itself.
    """

    protocols: tuple[Protocol, ...]
    folds: int
    fpr: float
    kin: tuple[tuple[str, ...], ...]
    siblings: tuple[tuple[str, ...], ...]
    compare: str
    sources: str
    size: tuple[int, int] | None
    text: str


def default_text() -> str:
    """Return the configuration that ships."""
    return files("fp.evaluation").joinpath("default.toml").read_text("utf-8")


def read_configuration(text: str, given: Sequence[str] = ()) -> Configuration:
    """Read a configuration, TOML as docs/evaluation.md says it.

    `given` names methods of others; they join every detection and closed set. `UsageError` if
    it is no TOML, or a key or value is unknown.
    """
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The configuration is no TOML: {error}.") from None
    for key, value in told.items():
        if key not in _TOP:
            raise UsageError(f"The configuration has no {key!r}; there are {', '.join(_TOP)}.")
        expected = _TOP[key]
        if not isinstance(value, type(expected)) or isinstance(value, bool):
            kind = type(expected).__name__
            raise UsageError(f"Configuration: {key} is a {kind}, not {value!r}.")
    whole = {**_TOP, **told}
    if not 0 < whole["fpr"] <= 0.5:
        raise UsageError(f"A false-positive rate of {whole['fpr']} is not possible; use 0 to 0.5.")
    if whole["folds"] < 2:
        raise UsageError(f"{whole['folds']} folds are too few; use at least 2.")
    if len(whole["size"]) not in (0, 2):
        raise UsageError(f"size is [height, width], not {whole['size']!r}.")
    if not whole["protocol"]:
        raise UsageError("The configuration has no [[protocol]]; write at least one.")
    defaults = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in whole.items()
        if key in ("methods", "denoisers", "generators", "sizes", "seeds", "nulls")
    }
    protocols = tuple(
        make_protocol(_with_methods(table, whole, given), defaults) for table in whole["protocol"]
    )
    _check_names(protocols)
    return Configuration(
        protocols,
        whole["folds"],
        whole["fpr"],
        tuple(map(tuple, whole["kin"])),
        tuple(map(tuple, whole["siblings"])),
        whole["compare"] or whole["methods"][0],
        whole["sources"],
        (whole["size"][0], whole["size"][1]) if whole["size"] else None,
        text,
    )


def _with_methods(
    table: Mapping[str, Any], whole: Mapping[str, Any], given: Sequence[str]
) -> dict[str, Any]:
    names = [*table.get("methods", whole["methods"])]
    for name in names:
        if name not in (*known(), *BASELINES):
            raise UsageError(
                f"Unknown method {name!r}; there are {', '.join((*known(), *BASELINES))}."
            )
    if table.get("kind") in _WITH_SCORES:
        names += given
    choices = [
        Choice(name, json.dumps(whole["parameters"].get(name, {}), sort_keys=True))
        for name in dict.fromkeys(names)
    ]
    return {**table, "methods": choices}


def _check_names(protocols: Sequence[Protocol]) -> None:
    names = [protocol.name for protocol in protocols]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"Two protocols are named {name!r}; give one of them another name.")
