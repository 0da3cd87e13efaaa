"""Who hears that loops are compiled, which happens once on a processor and takes seconds."""

from __future__ import annotations

import mmap
from collections.abc import Callable

_waiting: list[Callable[[], None]] = []
_told = mmap.mmap(-1, 1)  # shared with forks of this process


def when_compiling(tell: Callable[[], None]) -> None:
    """Call a function once, when the first loop is compiled, here or in a fork."""
    _waiting[:] = [tell]
    _told[0] = 0


def compiling() -> None:
    """Tell whoever waits for it that a loop is being compiled."""
    while _waiting:
        tell = _waiting.pop()
        if not _told[0]:
            _told[0] = 1
            tell()
