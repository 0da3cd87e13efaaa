"""What other packages bring along: functions and classes by name, from entry points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any


@cache
def plugins(group: str) -> Mapping[str, EntryPoint]:
    """Return the entry points of a group by name, looked up once, not loaded."""
    return {found.name: found for found in entry_points(group=group)}


def maker_of(found: EntryPoint, *given: Any) -> Callable[..., Any]:
    """Return a function that loads an entry point and passes its arguments on."""

    def make(**parameters: Any) -> Any:
        return found.load()(*given, **parameters)

    return make


def summary_of(found: EntryPoint) -> str:
    """Return the first docstring line of an entry point, without its stop."""
    lines = (found.load().__doc__ or "").strip().splitlines()
    return lines[0].rstrip(".") if lines else "from another package"
