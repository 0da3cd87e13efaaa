"""What may have happened to an image on its way, drawn for each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fp.fingerprint.model.conditions import MEASURED
from fp.images.degradations import Degradation
from fp.system.arrays import Doubles

KINDS = (
    "as found",
    "JPEG 76 to 98",
    "JPEG 35 to 79",
    "WebP 50 to 95",
    "reduced and back",
    "AVIF, enlarged, or JPEG off the grid",
    "coded, possibly twice",
)
"""The versions of an image, in their order."""

MOST_ROWS = 1800
"""Versions of all images together beyond which each image has fewer of its own."""

_EARLIER = 0.5


def versions(key: str, rows: int = len(KINDS)) -> tuple[tuple[int, str], ...]:
    """Draw 1 to 7 versions of an image: places in `KINDS`, and texts of a `Degradation`.

    `key` is the SHA-256 of its pixels, on which the draw hangs: copies of an image have the same
    versions. The image itself is among several; one alone may be any.
    """
    seed = int(key[:16], 16)
    order = np.random.default_rng([seed, len(KINDS)]).permutation(len(KINDS))
    if rows > 1:
        order = np.array([0, *order[order > 0]])
    drawn = sorted(order[:rows].tolist())
    return tuple((kind, _Draw(seed, kind).version(kind)) for kind in drawn)


def rows_of(images: int) -> int:
    """Return how many versions each of so many images has."""
    return int(np.clip(MOST_ROWS // max(images, 1), 1, len(KINDS)))


class _Draw:
    """Draws what an image goes through; the kinds of one image are independent."""

    def __init__(self, seed: int, kind: int) -> None:
        self._rng = np.random.default_rng([seed, kind])

    def version(self, kind: int) -> str:
        """Draw a version of a kind."""
        steps: list[str] = []
        if kind >= 4 and self._happens(_EARLIER):
            steps.append(self._earlier())
        steps += self._last(kind)
        return "+".join(steps) or "none"

    def _last(self, kind: int) -> list[str]:
        if kind == 1:
            return [self._jpeg(76, 98)]
        if kind == 2:
            return [self._jpeg(35, 79)]
        if kind == 3:
            return [self._webp()]
        if kind == 4:
            by = ("resize", "lanczos", "bilinear")[int(self._rng.integers(3))]
            return [f"{by}:{self._rng.uniform(0.4, 0.95):.2f}", *self._codec(nothing=0.35)]
        if kind == 5:
            return self._rare()
        if kind == 6:
            return self._last(1 + int(self._rng.integers(3)))
        return []

    def _rare(self) -> list[str]:
        part = self._rng.random()
        if part < 0.3:
            return [f"avif:{self._rng.integers(40, 90)}"]
        if part < 0.75:
            return [f"enlarge:{self._rng.uniform(1.05, 1.55):.2f}", *self._codec(nothing=0.45)]
        return [f"offgrid:{self._rng.integers(40, 97)}"]

    def _earlier(self) -> str:
        part = self._rng.random()
        if part < 0.55:
            return self._jpeg(60, 97)
        if part < 0.8:
            return f"offgrid:{self._rng.integers(40, 97)}"
        if part < 0.9:
            return self._webp()
        return f"blur:{self._rng.uniform(0.4, 1.1):.2f}"

    def _codec(self, nothing: float) -> list[str]:
        part = self._rng.random()
        if part < nothing:
            return []
        return [self._jpeg(40, 97) if part < 0.8 else self._webp()]

    def _jpeg(self, lowest: int, highest: int) -> str:
        kind = "jpeg" if self._happens(0.7) else "jpeg444"
        return f"{kind}:{self._rng.integers(lowest, highest + 1)}"

    def _webp(self) -> str:
        return f"webp:{self._rng.integers(50, 96)}"

    def _happens(self, share: float) -> bool:
        return bool(self._rng.random() < share)


def settings(texts: Sequence[str]) -> Doubles:
    """Return what versions went through as numbers, shape (N, 7), 0 for nothing.

    These are the steps of the last JPEG and of the last WebP, the loss of a reduction or a blur,
    an enlargement, the steps of a JPEG off the grid, of an earlier codec, and of AVIF; see
    `described`.
    """
    found = np.zeros((len(texts), MEASURED))
    for row, text in zip(found, texts, strict=True):
        steps = Degradation(text).steps()
        for place, (kind, number) in enumerate(steps):
            is_last = place == len(steps) - 1
            if kind in ("jpeg", "jpeg444"):
                row[0 if is_last else 5] = _jpeg_steps(number)
            elif kind == "webp":
                row[1 if is_last else 5] = _webp_steps(number)
            elif kind in ("resize", "lanczos", "bilinear"):
                row[2] = -2 * np.log2(number)
            elif kind == "blur":
                row[2] = 1.5 * number
            elif kind == "enlarge":
                row[3] = 3 * np.log2(number)
            elif kind == "offgrid":
                row[4] = _jpeg_steps(number)
            elif kind == "avif":
                row[6] = _webp_steps(number)
    return found


def described(coding: Doubles) -> str:
    """Return what an image seems to have gone through, such as ``"resize:0.74+jpeg:83"``.

    It is the text of a `Degradation`, ``"none"`` where nothing shows. Of the estimated `settings`
    (7,) the first three can be told from pixels.
    """
    jpeg, webp, loss = (float(value) for value in coding[:3])
    steps = []
    if loss > _SHOWS:
        steps.append(f"resize:{max(2 ** (-loss / 2), 0.25):.2f}")
    if jpeg > _SHOWS and jpeg >= webp:
        steps.append(f"jpeg:{_jpeg_quality(jpeg):.0f}")
    elif webp > _SHOWS:
        steps.append(f"webp:{min(max(100 - 4 * (2**webp - 1), 1), 100):.0f}")
    return "+".join(steps) or "none"


_SHOWS = 0.75


def _jpeg_steps(quality: float) -> float:
    """Return log2(1 + p / 8) of the percentage p by which a quality scales the standard tables."""
    scaled = 5000 / quality if quality < 50 else 200 - 2 * quality
    return float(np.log2(1 + scaled / 8))


def _jpeg_quality(steps: float) -> float:
    scaled = 8 * (2**steps - 1)
    return max((200 - scaled) / 2 if scaled <= 100 else 5000 / scaled, 1.0)


def _webp_steps(quality: float) -> float:
    return float(np.log2(1 + (100 - quality) / 4))
