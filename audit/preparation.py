"""Matching: both classes re-encoded alike, before anything is learned."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from fp.denoisers.population import Reduction
from fp.images.container import Container
from fp.images.degradations import Degradation
from fp.images.loading import Limits, read_container
from fp.system.errors import ImageError
from fp.system.folders import ImageFolder

LOWEST = "lowest"
"""Asks for the codings that `matching` finds."""

PERCENTILE = 5
"""Percentile of a class's qualities that counts as its lowest."""

WITHOUT_LOSS = "jpeg:90"
"""What both classes go through where neither has lost anything."""


def matching(folders: Sequence[ImageFolder], limits: Limits | None = None) -> str:
    """Return what both classes are re-encoded by, as the text of a `Degradation`.

    See `matching_of`; files that cannot be read are left out.
    """
    return matching_of([list(_containers(folder, limits)) for folder in folders])


def _containers(folder: ImageFolder, limits: Limits | None) -> Iterator[Container]:
    for path in folder.paths:
        with contextlib.suppress(ImageError):  # named where it is examined
            yield read_container(path, folder.root, limits)


def matching_of(classes: Sequence[Sequence[Container]]) -> str:
    """Return the same of classes of images whose containers are known.

    It is lossy WebP where a class has some, then JPEG where a class has some, each at the smallest
    of the classes' fifth percentiles of estimated quality; JPEG 90 where there is neither. A few
    badly compressed pictures do not decide it. JPEG is without chroma subsampling where nineteen of
    twenty JPEGs of every class are.
    """
    steps = []
    webp = [[i.webp_quality for i in images if i.webp_quality is not None] for images in classes]
    if any(webp):
        steps.append(f"webp:{max(1, _lowest(webp))}")
    jpeg = [[i.quality for i in images if i.quality is not None] for images in classes]
    if any(jpeg):
        kind = "jpeg" if any(map(_is_subsampled, classes)) else "jpeg444"
        steps.append(f"{kind}:{_lowest(jpeg)}")
    return "+".join(steps) or WITHOUT_LOSS


def _is_subsampled(images: Sequence[Container]) -> bool:
    found = [image.subsampling for image in images if image.quality is not None]
    unlike = sum(each not in ("4:4:4", "grey") for each in found)
    return 100 * unlike > PERCENTILE * len(found)


def _lowest(classes: Sequence[Sequence[int]]) -> int:
    return min(int(np.percentile(found, PERCENTILE, method="lower")) for found in classes if found)


def check_match(match: str | None) -> None:
    """Refuse, by a `UsageError`, what cannot be matched by.

    That is all but the text of a `Degradation`, ``"lowest"``, and None for no matching.
    """
    if match is not None and match != LOWEST:
        Degradation(match)


def prepare(folders: Sequence[ImageFolder], reduction: Reduction, match: str | None) -> Reduction:
    """Return the reduction with what all classes go through, `match` as in `check_match`."""
    if match == LOWEST:
        match = matching(folders, reduction.limits)
    return reduction if match is None else replace(reduction, preparation=match)
