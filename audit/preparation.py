"""Matching: both classes re-encoded alike, before anything is learned."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

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


@dataclass(frozen=True)
class Step:
    """One codec by which both classes are re-encoded.

    Parameters
    ----------
    text : str
        The codec as a `Degradation`, such as ``"webp:85"``.
    basis : str
        How it was measured, in words.
    """

    text: str
    basis: str


def matching(folders: Sequence[ImageFolder], limits: Limits | None = None) -> str:
    """Return what both classes are re-encoded by, as the text of a `Degradation`.

    See `steps_of`; files that cannot be read are left out.
    """
    return joined(steps_of([list(_containers(folder, limits)) for folder in folders]))


def joined(steps: Sequence[Step]) -> str:
    """Return steps as the text of one `Degradation`."""
    return "+".join(step.text for step in steps)


def _containers(folder: ImageFolder, limits: Limits | None) -> Iterator[Container]:
    for path in folder.paths:
        with contextlib.suppress(ImageError):  # named where it is examined
            yield read_container(path, folder.root, limits)


def steps_of(classes: Sequence[Sequence[Container]]) -> tuple[Step, ...]:
    """Return the codecs that re-encode classes of images alike, in their order.

    It is lossy WebP where a class has some, then JPEG where a class has some, each at the smallest
    of the classes' fifth percentiles of estimated quality; JPEG 90 where there is neither. A few
    badly compressed pictures do not decide it. JPEG is without chroma subsampling where nineteen of
    twenty JPEGs of every class are.
    """
    steps = []
    webp = [[i.webp_quality for i in images if i.webp_quality is not None] for images in classes]
    if any(webp):
        basis = _range(webp, "lossy WebPs", "quantisers")
        steps.append(Step(f"webp:{max(1, _lowest(webp))}", basis))
    jpeg = [[i.quality for i in images if i.quality is not None] for images in classes]
    if any(jpeg):
        kind = "jpeg" if any(map(_is_subsampled, classes)) else "jpeg444"
        steps.append(Step(f"{kind}:{_lowest(jpeg)}", _range(jpeg, "JPEGs", "tables")))
    return tuple(steps) or (Step(WITHOUT_LOSS, "no file says that it lost anything"),)


def _range(classes: Sequence[Sequence[int]], files: str, read: str) -> str:
    found = [quality for qualities in classes for quality in qualities]
    low, high = (
        int(np.percentile(found, share, method="lower")) for share in (PERCENTILE, 100 - PERCENTILE)
    )
    return f"{len(found)} {files}, nine tenths from quality {low} to {high} by their {read}"


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


def resolved(match: str, folders: Sequence[ImageFolder], limits: Limits | None = None) -> str:
    """Return the text of a `Degradation` that `match` asks for, as in `check_match`."""
    return matching(folders, limits) if match == LOWEST else match


def prepare(folders: Sequence[ImageFolder], reduction: Reduction, match: str | None) -> Reduction:
    """Return the reduction with what all classes go through, `match` as in `check_match`."""
    if match is None:
        return reduction
    return replace(reduction, preparation=resolved(match, folders, reduction.limits))
