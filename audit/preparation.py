"""Matching: both classes re-encoded alike, before anything is learned."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fp.denoisers.population import Reduction
from fp.images.degradations import Degradation
from fp.images.loading import Limits, find_images, read_container
from fp.system.errors import ImageError

LOWEST = "lowest"
"""Asks for JPEG at the quality that `matching_quality` finds."""

PERCENTILE = 5
"""Percentile of a class's qualities that counts as its lowest."""

WITHOUT_JPEG = 90
"""Quality where neither class has a JPEG."""


def matching_quality(folders: Sequence[Path], limits: Limits | None = None) -> int:
    """Return the JPEG quality at which both classes are re-encoded alike.

    It is the smallest of the folders' fifth percentiles of estimated JPEG quality; 90 where there
    is no JPEG. A few badly compressed pictures do not decide it.
    """
    lowest = []
    for folder in folders:
        qualities = []
        for path in find_images([folder]):
            with contextlib.suppress(ImageError):  # named where it is examined
                stored = read_container(path, folder, limits)
                qualities += [] if stored.quality is None else [stored.quality]
        if qualities:
            lowest.append(int(np.percentile(qualities, PERCENTILE, method="lower")))
    return min(lowest, default=WITHOUT_JPEG)


def check_match(match: str | None) -> None:
    """Refuse, by a `UsageError`, what cannot be matched by.

    That is all but the text of a `Degradation`, ``"lowest"``, and None for no matching.
    """
    if match is not None and match != LOWEST:
        Degradation(match)


def prepare(folders: tuple[Path, Path], reduction: Reduction, match: str | None) -> Reduction:
    """Return the reduction with what both classes go through, `match` as in `check_match`."""
    if match == LOWEST:
        match = f"jpeg:{matching_quality(folders, reduction.limits)}"
    return reduction if match is None else replace(reduction, preparation=match)
