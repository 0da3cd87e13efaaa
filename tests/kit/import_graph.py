"""Who imports whom in the package, however late: read from the source, nothing is imported."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from project import PROJECT

CONFIGURATION: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))[
    "tool"
]
(CONTRACT,) = CONFIGURATION["importlinter"]["contracts"]

NOT_INSTALLED = ("benchmarks", "build", "docs", "notebooks", "start", "tests")
"""Folders that are no room; start/ is fp itself, with nothing but what ``python -m fp`` runs."""

Graph = dict[str, set[str]]


def folders(project: Path = PROJECT) -> list[str]:
    """Return the package of every folder with modules, such as ``fp.fingerprint.store``."""
    found = {path.parent.relative_to(project) for path in project.rglob("*.py")}
    inside = (f for f in found if f.parts and not f.parts[0].startswith("."))
    return sorted(".".join(("fp", *f.parts)) for f in inside if f.parts[0] not in NOT_INSTALLED)


def sources() -> dict[str, str]:
    """Return the source text of every module of the package by its dotted name."""
    found = {}
    for package in folders():
        for path in sorted(PROJECT.joinpath(*package.split(".")[1:]).glob("*.py")):
            name = package if path.stem == "__init__" else f"{package}.{path.stem}"
            found[name] = path.read_text("utf-8")
    return found


def rooms(layers: Sequence[str]) -> dict[str, int]:
    """Return how high each room of a contract stands; neighbours stand equally high."""
    return {
        name.strip(): height
        for height, line in enumerate(reversed(layers))
        for name in line.split("|")
    }


def room_of(name: str, layers: Iterable[str]) -> str | None:
    """Return the room of a module or folder."""
    return next((room for room in layers if f"{name}.".startswith(f"{room}.")), None)


def graph(texts: Mapping[str, str]) -> Graph:
    """Return what each module imports, at its top, in a function, for types or by a string."""
    return {name: set(_imported(name, text, texts)) for name, text in texts.items()}


def _imported(importer: str, text: str, known: Mapping[str, str]) -> Iterator[str]:
    for name in _named(ast.parse(text), importer):
        while name and name not in known:
            name = name.rpartition(".")[0]
        if name and name != importer:
            yield name


def _named(tree: ast.Module, importer: str) -> Iterator[str]:
    """Yield names of modules, or of members of modules, and every string that could be one."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), level=0, names=names):
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.ImportFrom():
                raise AssertionError(f"{importer}:{node.lineno}: name the module from fp on")
            case ast.Constant(value=str(value)) if re.fullmatch(r"fp(\.\w+)+(:\w+)?", value):
                # A module's own package, by name, is where its data files lie.
                if not importer.startswith(f"{value}."):
                    yield value.partition(":")[0]


def circle(edges: Graph) -> list[str]:
    """Return the modules of one circle in their order, the first again at the end; or none."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as found:
        return list(reversed(found.args[1]))
    return []


def upward(edges: Graph, heights: Mapping[str, int]) -> list[str]:
    """Return the imports that lead to a room above, or to a neighbour."""
    found = []
    for importer, imported in sorted((a, b) for a, names in edges.items() for b in names):
        here, there = room_of(importer, heights), room_of(imported, heights)
        if here and there and here != there and heights[there] >= heights[here]:
            found.append(f"{importer} -> {imported}")
    return found
