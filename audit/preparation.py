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
"""Asks for the codings that `matching` finds."""

PERCENTILE = 5
"""Percentile of a class's qualities that counts as its lowest."""

WITHOUT_LOSS = "jpeg:90"
"""What both classes go through where neither has lost anything."""


def matching(folders: Sequence[Path], limits: Limits | None = None) -> str:
    """Return what both classes are re-encoded by, as the text of a `Degradation`.

    It is lossy WebP where a class has some, then JPEG where a class has some, each at the smallest
    of the folders' fifth percentiles of estimated quality; JPEG 90 where there is neither. A few
    badly compressed pictures do not decide it.
    """
    lowest: dict[str, list[int]] = {"webp": [], "jpeg": []}
    for folder in folders:
        qualities: dict[str, list[int]] = {"webp": [], "jpeg": []}
        for path in find_images([folder]):
            with contextlib.suppress(ImageError):  # named where it is examined
                stored = read_container(path, folder, limits)
                if stored.quality is not None:
                    qualities["jpeg"].append(stored.quality)
                if stored.webp_quality is not None:
                    qualities["webp"].append(max(stored.webp_quality, 1))
        for kind, found in qualities.items():
            if found:
                lowest[kind].append(int(np.percentile(found, PERCENTILE, method="lower")))
    steps = [f"{kind}:{min(found)}" for kind, found in lowest.items() if found]
    return "+".join(steps) or WITHOUT_LOSS


def check_match(match: str | None) -> None:
    """Refuse, by a `UsageError`, what cannot be matched by.

    That is all but the text of a `Degradation`, ``"lowest"``, and None for no matching.
    """
    if match is not None and match != LOWEST:
        Degradation(match)


def prepare(folders: Sequence[Path], reduction: Reduction, match: str | None) -> Reduction:
    """Return the reduction with what all classes go through, `match` as in `check_match`."""
    if match == LOWEST:
        match = matching(folders, reduction.limits)
    return reduction if match is None else replace(reduction, preparation=match)
