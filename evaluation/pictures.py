"""The figures as pictures: curves over the training size, and matrices."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure as Canvas

from fp.evaluation.summary import DEGRADED, Figure
from fp.reports.figures.style import as_png, new_figure
from fp.reports.figures.tables import (
    Curve,
    Interval,
    draw_curves,
    draw_intervals,
    draw_matrix,
)
from fp.system.atomic_files import write_bytes_atomic

_DPI = 110


@dataclass(frozen=True)
class ThemedPicture:
    """A picture that can be drawn in any theme.

    Parameters
    ----------
    protocol, name : str
        What it belongs to, and what it is.
    draw : callable
        Draws it anew.
    """

    protocol: str
    name: str
    draw: Callable[[], Canvas]


def draw(figures: Sequence[Figure], folder: Path) -> list[Path]:
    """Draw all pictures as PNG into a folder, made where missing, and return them."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for picture in pictures(figures):
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{picture.protocol} {picture.name}".strip())
        path = folder / f"{name.strip('-')}.png"
        write_bytes_atomic(path, as_png(picture.draw(), _DPI), overwrite=True)
        made.append(path)
    return made


def pictures(figures: Sequence[Figure]) -> list[ThemedPicture]:
    """List what can be drawn of every protocol, in their order."""
    found = []
    for protocol in dict.fromkeys(f.protocol for f in figures):
        own = [f for f in figures if f.protocol == protocol]
        found += [ThemedPicture(protocol, name, made) for name, made in _of_protocol(own)]
    return found


_Made = tuple[str, Callable[[], Canvas]]


def _of_protocol(figures: Sequence[Figure]) -> list[_Made]:
    found: list[_Made] = []
    accuracy = [f for f in figures if f.metric == "accuracy"]
    if len({f.training for f in accuracy}) > 1:
        found.append(
            ("accuracy", lambda: _curves(accuracy, lambda f: f.training, "training images"))
        )
    elif len({f.condition for f in accuracy}) > 1:
        if all(re.match(r"\d+ in the bank", f.condition) for f in accuracy):
            size: Callable[[Figure], float] = lambda f: float(f.condition.split()[0])  # noqa: E731
            found.append(("accuracy", lambda: _curves(accuracy, size, "generators in the bank")))
        else:
            found.append(("conditions", _by_condition(accuracy)))
    elif accuracy:
        found.append(("accuracy", lambda: _intervals(accuracy)))
    for start, rows, columns in (
        ("called ", "truth", "called"),
        ("claims ", "fingerprint", "images of"),
    ):
        shares = [f for f in figures if f.metric.startswith(start)]
        for series in dict.fromkeys(f.series for f in shares):
            own = [f for f in shares if f.series == series]
            first = (own[0].training, own[0].trained_on, own[0].condition)
            own = [f for f in own if (f.training, f.trained_on, f.condition) == first]
            title = f"{series}, {first[0]} training images"
            found.append((f"{start.strip()} {series}", _shares(own, (rows, columns), title)))
    return found


def _shares(figures: Sequence[Figure], labels: tuple[str, str], title: str) -> Callable[[], Canvas]:
    return lambda: _matrix(
        figures, lambda f: f.generator, lambda f: f.metric.split(" ", 1)[1], labels, title
    )


def _by_condition(figures: Sequence[Figure]) -> Callable[[], Canvas]:
    generator = list(dict.fromkeys(f.generator for f in figures))[-1]  # the mean, if there is one
    own = [f for f in figures if f.generator == generator and f.condition != DEGRADED]
    return lambda: _matrix(
        own,
        lambda f: f"{f.series}, {f.trained_on}" if f.trained_on != "none" else f.series,
        lambda f: f.condition,
        ("method, trained on", "condition of the test images"),
        f"accuracy, {generator}",
    )


def _ends(figure: Figure) -> tuple[float, float, float]:
    """Return a figure with the ends of its interval.

    Where a single split gives no interval, the figure stands for both ends.
    """
    found = figure.value
    low, high = (found.value if end is None else end for end in (found.low, found.high))
    return found.value, low, high


def _intervals(figures: Sequence[Figure]) -> Canvas:
    rows = [
        (f"{f.series}, {f.generator}", Interval(*(100 * end for end in _ends(f)))) for f in figures
    ]
    nulls = [100 * f.null.value for f in figures if f.null]
    canvas = new_figure(7.5, 1.2 + 0.3 * len(rows))
    draw_intervals(
        canvas.add_subplot(), rows, {"null": float(np.mean(nulls))} if nulls else {}, "accuracy, %"
    )
    return canvas


def _curves(figures: Sequence[Figure], place: Callable[[Figure], float], label: str) -> Canvas:
    panels = list(dict.fromkeys(f.generator for f in figures))
    across = min(4, len(panels))
    down = -(-len(panels) // across)
    canvas = new_figure(2.6 * across + 1.9, 2.4 * down + 0.4)
    axes = np.atleast_1d(canvas.subplots(down, across, sharey=True, squeeze=False)).ravel()
    numbers = {name: n for n, name in enumerate(dict.fromkeys(f.series for f in figures))}
    for panel, axis in zip(panels, axes, strict=False):
        here = [f for f in figures if f.generator == panel]
        curves = []
        for series in dict.fromkeys(f.series for f in here):
            own = sorted((f for f in here if f.series == series), key=place)
            y, low, high = 100 * np.array([_ends(f) for f in own]).T
            curves.append(Curve(series, np.array([place(f) for f in own]), y, low, high))
        nulls = [f.null.value * 100 for f in here if f.null]
        band = (min(nulls), max(nulls)) if nulls else None
        draw_curves(axis, curves, (label, ""), band, numbers)
        axis.set_title(panel, fontsize=9)
        axis.set_ylim(35, 102)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    for axis in axes[::across]:
        axis.set_ylabel("accuracy, %")
    handles: dict[str, Artist] = {}
    for axis in axes[: len(panels)]:
        handles |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    canvas.legend(
        list(handles.values()), list(handles), loc="outside right upper", fontsize=8, frameon=False
    )
    return canvas


def _matrix(
    figures: Sequence[Figure],
    row_of: Callable[[Figure], str],
    column_of: Callable[[Figure], str],
    labels: tuple[str, str],
    title: str,
) -> Canvas:
    rows = list(dict.fromkeys(map(row_of, figures)))
    columns = list(dict.fromkeys(map(column_of, figures)))
    values = np.full((len(rows), len(columns)), np.nan)
    for figure in figures:
        place = rows.index(row_of(figure)), columns.index(column_of(figure))
        values[place] = 100 * figure.value.value
    canvas = new_figure(max(4.5, 2.6 + 0.62 * len(columns)), 1.8 + 0.36 * len(rows))
    axes = canvas.add_subplot()
    draw_matrix(axes, values, rows, columns, labels)
    axes.set_title(f"{title}, in per cent", loc="left")
    return canvas
