"""Scores as a drawing inside the page: populations above a line, images below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fp.fingerprint.model.calibration import Calibration
from fp.system.arrays import Counts, Doubles

BINS = 48

_WIDTH, _UPPER, _LOWER, _LEFT, _RIGHT = 640.0, 130.0, 46.0, 8.0, 632.0
_FOOT = 22.0  # between the line and what hangs below it: its labels
_MARGIN = 0.08


@dataclass(frozen=True, eq=False)
class Bins:
    """Equal bins over the scores of a calibration, a little wider at both ends.

    Parameters
    ----------
    edges : ndarray of float64, shape (BINS + 1,)
        Their ends, ascending.
    """

    edges: Doubles

    @classmethod
    def of(cls, calibration: Calibration) -> Bins:
        """Return the bins of a calibration."""
        scores = np.concatenate([calibration.real, calibration.generated])
        low, high = float(scores.min()), float(scores.max())
        margin = _MARGIN * (high - low) or 0.5
        return cls(np.linspace(low - margin, high + margin, BINS + 1))

    def counts(self, scores: Doubles) -> Counts:
        """Count scores by bin; what lies beyond the ends counts in the last bins."""
        inside = np.clip(scores, self.edges[0], self.edges[-1])
        return np.histogram(inside, self.edges)[0].astype(np.int64)

    def place(self, score: float) -> int:
        """Return the bin of a score."""
        step = self.edges[1] - self.edges[0]
        return int(min(max((score - self.edges[0]) // step, 0), BINS - 1))


@dataclass(frozen=True)
class Distribution:
    """Outlines in a box of `width` by `height`.

    Parameters
    ----------
    reference, generated, images : str
        Paths of the two populations and of the images of a run, empty where there are none.
    ticks : tuple of (float, str)
        Places along the line with their labels.
    low, high : float
        Scores at `left` and `right`.
    width, height, upper, left, right, base : float
        Size of the box, height of the part that ends below the labels, ends and height of the line.
    text : str
        The drawing in words.
    """

    reference: str
    generated: str
    images: str
    ticks: tuple[tuple[float, str], ...]
    low: float
    high: float
    width: float
    height: float
    upper: float
    left: float
    right: float
    base: float
    text: str


def distribution(
    name: str, calibration: Calibration, images: Sequence[int] | None = None
) -> Distribution:
    """Draw held-out scores, and below them images of a run, counted by the calibration's `Bins`.

    Both populations are shares on one scale, so that classes of different sizes can be compared;
    the images are on a scale of their own.
    """
    bins = Bins.of(calibration)
    real, generated = (bins.counts(s) / s.size for s in (calibration.real, calibration.generated))
    top = float(max(real.max(), generated.max()))
    low, high = float(bins.edges[0]), float(bins.edges[-1])
    base = _UPPER - _FOOT
    found = np.zeros(BINS) if images is None else np.asarray(images, dtype=np.float64)
    hanging = bool(found.any())
    text = (
        f"Scores of {name}: {calibration.real.size} reference images around "
        f"{calibration.mu_r:.2f}, {calibration.generated.size} images of the generator around "
        f"{calibration.mu_g:.2f}, all held out."
    )
    if hanging:
        count = int(found.sum())
        text += f" Below, {count} {'image' if count == 1 else 'images'} of this run that it scored."
    return Distribution(
        reference=_bars(real / top, base, base - 8),
        generated=_outline(generated / top, base, base - 8),
        images=_bars(-found / found.max(), _UPPER, _LOWER) if hanging else "",
        ticks=tuple(_ticks(low, high)),
        low=low,
        high=high,
        width=_WIDTH,
        height=_UPPER + (_LOWER if hanging else 0),
        upper=_UPPER,
        left=_LEFT,
        right=_RIGHT,
        base=base,
        text=text,
    )


def _x(bin_edge: int) -> float:
    return _LEFT + (_RIGHT - _LEFT) * bin_edge / BINS


def _bars(shares: Doubles, base: float, reach: float) -> str:
    width = _x(1) - _x(0) - 1
    return "".join(
        f"M{_x(k) + 0.5:.1f} {base:.1f}h{width:.1f}v{-share * reach:.1f}h{-width:.1f}z"
        for k, share in enumerate(shares)
        if share
    )


def _outline(shares: Doubles, base: float, reach: float) -> str:
    (filled,) = np.nonzero(shares)
    first, last = int(filled[0]), int(filled[-1])
    steps = "".join(
        f"V{base - share * reach:.1f}H{_x(k + 1):.1f}"
        for k, share in enumerate(shares[first : last + 1], start=first)
    )
    return f"M{_x(first):.1f} {base:.1f}{steps}V{base:.1f}"


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    raw = (high - low) / 6
    power = 10.0 ** np.floor(np.log10(raw))
    step = float(power * min((1, 2, 5, 10), key=lambda nice: abs(nice - raw / power)))
    digits = max(0, -int(np.floor(np.log10(step) + 1e-9)))
    places = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
    scale = (_RIGHT - _LEFT) / (high - low)
    return [
        (round(_LEFT + (float(p) - low) * scale, 1), f"{p + 0.0:.{digits}f}".replace("-", "−"))
        for p in places
    ]


def shares(counts: Sequence[tuple[str, int]]) -> list[tuple[str, float, float]]:
    """Return the parts of a bar: name, start and length, in per cent."""
    total = sum(count for _, count in counts) or 1
    found, start = [], 0.0
    for name, count in counts:
        length = 100 * count / total
        found.append((name, round(start, 3), round(length, 3)))
        start += length
    return found
