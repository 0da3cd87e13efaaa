"""Tables of numbers as pictures: matrices, estimates with intervals, curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from fp.reports.figures.style import (
    ALONE,
    SEQUENTIAL,
    SERIES,
    frameless,
    ink,
    short,
    without_box,
)
from fp.system.arrays import Doubles


def draw_matrix(
    axes: Axes,
    values: Doubles,
    rows: Sequence[str],
    columns: Sequence[str],
    labels: tuple[str, str] = ("", ""),
    span: tuple[float, float] = (0.0, 100.0),
) -> Axes:
    """Draw a matrix with its numbers, rounded; a dash for NaN.

    `labels` say what rows and columns are, `span` the numbers at the two ends of the colours.
    """
    low, high = span
    axes.imshow(np.nan_to_num(values, nan=low), cmap=SEQUENTIAL, vmin=low, vmax=high, aspect="auto")
    size = 8 if len(columns) <= 24 else 5
    for (y, x), value in np.ndenumerate(values):
        text = "–" if np.isnan(value) else f"{value:.0f}"
        colour = "black" if value > low + 0.55 * (high - low) else "white"
        axes.text(x, y, text, ha="center", va="center", fontsize=size, color=colour)
    axes.set_xticks(range(len(columns)), [short(name) for name in columns])
    if max(map(len, columns), default=0) > 4:
        for label in axes.get_xticklabels():
            label.set(rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), [short(name, 32) for name in rows])
    axes.set_ylabel(labels[0])
    axes.set_xlabel(labels[1])
    frameless(axes)
    axes.tick_params(length=0)
    return axes


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its interval.

    Parameters
    ----------
    value, low, high : float
        The figures.
    """

    value: float
    low: float
    high: float


def draw_intervals(
    axes: Axes,
    found: Sequence[tuple[str, Interval]],
    lines: Mapping[str, float],
    label: str,
    highlighted: Sequence[bool] = (),
) -> Axes:
    """Draw estimates with intervals, the first on top, and named levels to compare with.

    Rows that are `highlighted` have the colour of a finding.
    """
    marked = list(highlighted) or [False] * len(found)
    for row, ((_, interval), special) in enumerate(zip(found, marked, strict=True)):
        colour = SERIES[1] if special else SERIES[0]
        axes.plot([interval.low, interval.high], [row, row], color=colour, linewidth=1.6)
        axes.plot(interval.value, row, "D" if special else "o", color=colour, markersize=5)
    for name, level in lines.items():
        axes.axvline(level, color=ink(), linewidth=0.7, linestyle=":")
        axes.annotate(
            name,
            (level, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=7.5,
        )
    axes.set_yticks(range(len(found)), [name for name, _ in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.set_xlabel(label)
    without_box(axes)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return axes


@dataclass(frozen=True, eq=False)
class Curve:
    """One series over an ordered condition.

    Parameters
    ----------
    name : str
        What it is.
    x : ndarray of float64, shape (N,)
        Where.
    y, low, high : ndarray of float64, shape (N,)
        Figures with the ends of their intervals.
    """

    name: str
    x: Doubles
    y: Doubles
    low: Doubles
    high: Doubles


def draw_curves(
    axes: Axes,
    curves: Sequence[Curve],
    labels: tuple[str, str],
    null: tuple[float, float] | None = None,
    colours: Mapping[str, int] | None = None,
) -> Axes:
    """Draw series with their intervals over a condition. Its axis is logarithmic, to the base of 2.

    `labels` say what lies along and what up; `null` is the range that shuffled labels give, a grey
    band; `colours` numbers the series where several axes share them. After seven the dashes change.
    """
    numbers = colours or {curve.name: place for place, curve in enumerate(curves)}
    for curve in curves:
        number = numbers[curve.name]
        axes.errorbar(
            curve.x,
            curve.y,
            np.stack([curve.y - curve.low, curve.high - curve.y]),
            label=curve.name,
            color=SERIES[number % len(SERIES)],
            linestyle=("-", "--", ":", "-.")[number // len(SERIES) % 4],
            marker="osD^vPX"[number % 7],
            markersize=3.5,
            capsize=2,
            linewidth=1.2,
        )
    if null is not None:
        axes.axhspan(*null, color=ALONE, alpha=0.2, linewidth=0, label="nulls")
    axes.set_xscale("log", base=2)
    ticks = sorted({float(place) for curve in curves for place in curve.x})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.grid(axis="y", linewidth=0.5, alpha=0.6)
    return without_box(axes)
