"""The same picture twice: exactly, or nearly, within a folder or between two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, product

import numpy as np
from PIL import Image

from fp.system.arrays import Floats, Pixels

NEAR_BITS = 4
"""Most bits in which the hashes of near-duplicates differ."""

NEAR_LEVELS = 6.0
"""Largest root mean square difference of near-duplicates' thumbnails, in grey levels."""

NEAR_SHARE = 0.15
"""The same as a share of the larger standard deviation within a thumbnail."""

_BANDS = NEAR_BITS + 1  # with at most 4 bits different, one of 5 bands is the same
_THUMBNAIL = 16
_FLAT = 4.0  # grey levels; a picture without structure looks like any other


@dataclass(frozen=True)
class Look:
    """What a picture looks like, in 264 bytes.

    Parameters
    ----------
    dhash : int
        64 bits: which of two neighbours is brighter, on a grid of 9 x 8 mean luminances.
    thumbnail : bytes
        16 x 16 mean luminances, row by row.
    """

    dhash: int
    thumbnail: bytes


@dataclass(frozen=True)
class SamePictures:
    """Two pictures that are the same, by their places in the sequences that were compared."""

    first: int
    second: int


def look_of(image_hwc: Pixels) -> Look:
    """Return what a picture (H, W, 3) looks like."""
    grey = Image.fromarray(image_hwc).convert("L")
    small = np.asarray(grey.resize((9, 8), Image.Resampling.BOX))
    bits = np.packbits(small[:, 1:] > small[:, :-1])
    thumbnail = grey.resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)
    return Look(int.from_bytes(bits.tobytes(), "big"), thumbnail.tobytes())


def equal_pairs(first: Sequence[str], second: Sequence[str] | None = None) -> list[SamePictures]:
    """Return pictures with the same hash of their pixels, each with its first equal.

    They are those of the second folder; without one, the repeated ones of the first.
    """
    seen: dict[str, int] = {}
    repeated = []
    for place, digest in enumerate(first):
        if digest in seen:
            repeated.append(SamePictures(seen[digest], place))
        seen.setdefault(digest, place)
    if second is None:
        return repeated
    return [
        SamePictures(seen[digest], place) for place, digest in enumerate(second) if digest in seen
    ]


def near_pairs(first: Sequence[Look], second: Sequence[Look] | None = None) -> list[SamePictures]:
    """Return pictures that look the same: resized, re-encoded or slightly retouched copies.

    Without a second folder the first is compared with itself. The hashes of a pair differ in at
    most `NEAR_BITS` bits and the thumbnails, less their means, by at most `NEAR_LEVELS` and
    `NEAR_SHARE`; exact copies are among them. Each hash goes into a bucket for each of five bands
    of its bits. Hashes that differ in at most four bits share a bucket, so only pictures of one
    bucket are compared.
    """
    itself = second is None
    others = first if second is None else second
    buckets: dict[tuple[int, int], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, looks in enumerate((first, others)):
        if side and itself:
            break
        for place, look in enumerate(looks):
            if _thumbnail(look).std() >= _FLAT:
                for band in _bands(look.dhash):
                    buckets[band][side].append(place)
    found: set[tuple[int, int]] = set()
    for ours, theirs in buckets.values():
        candidates = combinations(ours, 2) if itself else product(ours, theirs)
        for one, two in candidates:
            if (one, two) not in found and _alike(first[one], others[two]):
                found.add((one, two))
    return [SamePictures(*pair) for pair in sorted(found)]


def _bands(dhash: int) -> list[tuple[int, int]]:
    edges = [64 * band // _BANDS for band in range(_BANDS + 1)]
    return [
        (band, (dhash >> low) & ((1 << (high - low)) - 1))
        for band, (low, high) in enumerate(pairwise(edges))
    ]


def _alike(one: Look, two: Look) -> bool:
    if (one.dhash ^ two.dhash).bit_count() > NEAR_BITS:
        return False
    ours, theirs = _thumbnail(one), _thumbnail(two)
    # Pictures with little contrast differ little whatever they show.
    most = min(NEAR_LEVELS, NEAR_SHARE * max(ours.std(), theirs.std()))
    return bool((ours - theirs).std() <= most)


def _thumbnail(look: Look) -> Floats:
    return np.frombuffer(look.thumbnail, dtype=np.uint8).astype(np.float32)
