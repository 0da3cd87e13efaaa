"""Who hears that loops are compiled, which happens once on a processor and takes seconds."""

from __future__ import annotations

from collections.abc import Callable

_waiting: list[Callable[[], None]] = []


def when_compiling(tell: Callable[[], None]) -> None:
    """Call a function when the process compiles its first loop, and then no more."""
    _waiting[:] = [tell]


def compiling() -> None:
    """Tell whoever waits for it that a loop is being compiled."""
    while _waiting:
        _waiting.pop()()
