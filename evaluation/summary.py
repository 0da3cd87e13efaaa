"""From the figures of single splits to figures with intervals and nulls, and paired comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np

from fp.evaluation.cells import Row
from fp.evaluation.statistics import paired
from fp.evaluation.trials import MeanOverSplits, mean_of

MEAN = "(mean)"
"""Stands for the mean over generators."""

DEGRADED = "(degraded)"
"""Stands for the mean over all conditions but ``none``."""

_AVERAGED = ("accuracy", "auc", "loss", "cllr")

_RANGES = {
    "loss": (-1.0, 1.0),
    "cllr": (0.0, math.inf),
    "training images": (0.0, math.inf),
}

_SPLIT = ("protocol", "generator", "training", "trained_on", "condition")
_PLACE = (*_SPLIT, "method", "denoiser", "metric")


@dataclass(frozen=True)
class Figure:
    """A figure over splits.

    Parameters
    ----------
    protocol, method, denoiser, generator, training, trained_on, condition, metric
        As in `Row`.
    value : MeanOverSplits
        Mean with interval over seeds.
    null : MeanOverSplits or None
        The same with shuffled labels.
    n : int
        Test images of one split: the fewest over seeds.
    """

    protocol: str
    method: str
    denoiser: str
    generator: str
    training: int
    trained_on: str
    condition: str
    metric: str
    value: MeanOverSplits
    null: MeanOverSplits | None
    n: int

    @property
    def series(self) -> str:
        """Method and denoiser as one name."""
        return _series(self.method, self.denoiser)


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same splits.

    Parameters
    ----------
    protocol, generator, training, trained_on, condition, metric
        As in `Row`.
    first, second : str
        The compared series.
    difference : MeanOverSplits
        first - second, over seeds.
    """

    protocol: str
    generator: str
    training: int
    trained_on: str
    condition: str
    metric: str
    first: str
    second: str
    difference: MeanOverSplits

    @property
    def outcome(self) -> str:
        """Say ``ahead``, ``behind``, or ``tie`` where the interval contains 0."""
        low, high = self.difference.low, self.difference.high
        if low is not None and low > 0:
            return "ahead"
        return "behind" if high is not None and high < 0 else "tie"


def with_means(rows: Sequence[Row]) -> list[Row]:
    """Add means over conditions and over generators, split by split.

    They are rows with the condition `DEGRADED` and the generator `MEAN`; a mean is made only where
    every generator of its protocol has the figure.
    """
    chosen = [row for row in rows if row.metric in _AVERAGED]
    degraded = [
        replace(found[0], condition=DEGRADED, value=float(np.mean([r.value for r in found])))
        for found in _by(filter(_is_degraded, chosen), "condition")
        if len(found) > 1
    ]
    present: dict[str, set[str]] = {}
    for row in chosen:
        present.setdefault(row.protocol, set()).add(row.generator)
    means = [
        replace(
            found[0],
            generator=MEAN,
            value=float(np.mean([r.value for r in found])),
            n=sum(r.n for r in found),
        )
        for found in _by([*chosen, *degraded], "generator")
        if len(found) > 1 and len(found) == len(present[found[0].protocol])
    ]
    return [*rows, *degraded, *means]


def _is_degraded(row: Row) -> bool:
    # The condition of a bank is its size or a folder.
    return row.condition != "none" and row.protocol not in ("growing_bank", "strangers")


def _by(rows: Iterable[Row], left_out: str) -> list[list[Row]]:
    """Group rows that are equal in everything but one field, value and n."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        told = vars(row) | {"value": 0.0, "n": 0, left_out: ""}
        groups.setdefault(tuple(told.values()), []).append(row)
    return list(groups.values())


def range_of(metric: str) -> tuple[float, float]:
    """Return the least and the most that a figure can be. Nearly all are shares, from 0 to 1."""
    return _RANGES.get(metric, (0.0, 1.0))


def figures_of(rows: Sequence[Row]) -> list[Figure]:
    """Average the splits, in the order in which the figures first occur."""
    found: dict[tuple[Any, ...], dict[bool, list[Row]]] = {}
    for row in rows:
        place = attrgetter(*_PLACE)(row)
        found.setdefault(place, {}).setdefault(row.shuffled, []).append(row)
    made = []
    for place, kinds in found.items():
        real, null = kinds.get(False, []), kinds.get(True, [])
        if real:
            told = dict(zip(_PLACE, place, strict=True))
            ends = range_of(told["metric"])
            value = mean_of([row.value for row in real], *ends)
            shuffled = mean_of([row.value for row in null], *ends) if null else None
            made.append(Figure(**told, value=value, null=shuffled, n=min(row.n for row in real)))
    return made


def comparisons(rows: Sequence[Row], against: str) -> list[Comparison]:
    """Compare a method's accuracy with every other's on the same splits, two seeds at least.

    With several denoisers, each series of the method is compared.
    """
    places: dict[tuple[Any, ...], dict[tuple[str, str], dict[int, float]]] = {}
    for row in rows:
        if row.metric == "accuracy" and not row.shuffled:
            here = places.setdefault(attrgetter(*_SPLIT)(row), {})
            here.setdefault((row.method, row.denoiser), {})[row.seed] = row.value
    made = []
    for place, series in places.items():
        for first in (key for key in series if key[0] == against):
            for second in (key for key in series if key[0] != against):
                seeds = sorted(series[first].keys() & series[second].keys())
                if len(seeds) < 2:
                    continue
                if first[1] != second[1] and second[1]:
                    continue  # denoisers are compared by their own rows
                difference = paired(
                    [series[first][seed] for seed in seeds],
                    [series[second][seed] for seed in seeds],
                )
                told: dict[str, Any] = dict(zip(_SPLIT, place, strict=True))
                told |= {"first": _series(*first), "second": _series(*second), "metric": "accuracy"}
                made.append(Comparison(**told, difference=difference))
    return made


def _series(method: str, denoiser: str) -> str:
    return f"{method} ({denoiser})" if denoiser else method
