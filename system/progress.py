"""How long work tells how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Result = TypeVar("Result")

Progress = Callable[[str, int, int], None]
"""Called with a stage, the number of images done and their total."""


def told(
    results: Iterable[Result], progress: Progress | None, stage: str, total: int
) -> Iterator[Result]:
    """Yield results, and tell with each how many are done."""
    for done, result in enumerate(results, start=1):
        if progress is not None:
            progress(stage, done, total)
        yield result
