"""From the figures of single splits to figures with intervals and nulls, and paired comparisons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fp.evaluation.cells import Row
from fp.evaluation.statistics import paired
from fp.evaluation.trials import Mean, mean_of

MEAN = "(mean)"
"""Stands for the mean over generators."""

DEGRADED = "(degraded)"
"""Stands for the mean over all conditions but ``none``."""

_AVERAGED = ("accuracy", "auc", "loss", "cllr")


@dataclass(frozen=True)
class Figure:
    """A figure over splits.

    Parameters
    ----------
    protocol, method, denoiser, generator, training, trained_on, condition, metric
        As in `Row`.
    value : Mean
        Mean with interval over seeds.
    null : Mean or None
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
    value: Mean
    null: Mean | None
    n: int

    @property
    def series(self) -> str:
        """Method and denoiser as one name."""
        return f"{self.method} ({self.denoiser})" if self.denoiser else self.method


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same splits.

    Parameters
    ----------
    protocol, generator, training, trained_on, condition, metric
        As in `Row`.
    first, second : str
        The compared series.
    difference : Mean
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
    difference: Mean

    @property
    def outcome(self) -> str:
        """Say ``ahead``, ``behind``, or ``tie`` where the interval contains 0."""
        if self.difference.low > 0:
            return "ahead"
        return "behind" if self.difference.high < 0 else "tie"


def with_means(rows: Sequence[Row]) -> list[Row]:
    """Add means over conditions and over generators, split by split.

    They are rows with the condition `DEGRADED` and the generator `MEAN`; a mean is made only where
    every generator of its protocol has the figure.
    """
    chosen = [row for row in rows if row.metric in _AVERAGED]
    degraded = [
        replace(found[0], condition=DEGRADED, value=float(np.mean([r.value for r in found])))
        for found in _by(chosen, "condition", _is_degraded)
        if len(found) > 1
    ]
    whole = [*rows, *degraded]
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
        for found in _by([*chosen, *degraded], "generator", lambda row: True)
        if len(found) > 1 and len(found) == len(present[found[0].protocol])
    ]
    return [*whole, *means]


def _is_degraded(row: Row) -> bool:
    # The condition of a bank is its size or a folder.
    return row.condition != "none" and row.protocol not in ("growing_bank", "strangers")


def _by(rows: Iterable[Row], left_out: str, wanted: object) -> list[list[Row]]:
    """Group rows that are equal in everything but one field, value and n."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        if callable(wanted) and wanted(row):
            told = replace(row, value=0.0, n=0)
            told = replace(told, condition="") if left_out == "condition" else told
            told = replace(told, generator="") if left_out == "generator" else told
            groups.setdefault(tuple(vars(told).values()), []).append(row)
    return list(groups.values())


def figures_of(rows: Sequence[Row]) -> list[Figure]:
    """Average the splits, in the order in which the figures first occur."""
    found: dict[tuple[object, ...], dict[bool, list[Row]]] = {}
    for row in rows:
        found.setdefault(_place(row), {}).setdefault(row.shuffled, []).append(row)
    made = []
    for kinds in found.values():
        real, null = kinds.get(False, []), kinds.get(True, [])
        if real:
            first = real[0]
            made.append(
                Figure(
                    first.protocol,
                    first.method,
                    first.denoiser,
                    first.generator,
                    first.training,
                    first.trained_on,
                    first.condition,
                    first.metric,
                    mean_of([row.value for row in real]),
                    mean_of([row.value for row in null]) if null else None,
                    min(row.n for row in real),
                )
            )
    return made


def _place(row: Row) -> tuple[object, ...]:
    return (
        row.protocol,
        row.method,
        row.denoiser,
        row.generator,
        row.training,
        row.trained_on,
        row.condition,
        row.metric,
    )


def comparisons(rows: Sequence[Row], against: str, metric: str = "accuracy") -> list[Comparison]:
    """Compare a method with every other on the same splits, where they have two seeds in common.

    With several denoisers, each series of the method is compared.
    """
    places: dict[tuple[object, ...], dict[tuple[str, str], dict[int, float]]] = {}
    for row in rows:
        if row.metric == metric and not row.shuffled:
            told = (row.protocol, row.generator, row.training, row.trained_on, row.condition)
            here = places.setdefault(told, {})
            here.setdefault((row.method, row.denoiser), {})[row.seed] = row.value
    made = []
    for (protocol, generator, training, trained_on, condition), series in places.items():
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
                made.append(
                    Comparison(
                        str(protocol),
                        str(generator),
                        int(str(training)),
                        str(trained_on),
                        str(condition),
                        metric,
                        _series(first),
                        _series(second),
                        difference,
                    )
                )
    return made


def _series(key: tuple[str, str]) -> str:
    return f"{key[0]} ({key[1]})" if key[1] else key[0]
