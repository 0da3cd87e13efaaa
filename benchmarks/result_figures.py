"""Figures of the pages, each drawn from the CSV of one table.

A figure says in a comment which bytes it was drawn from, so that a test sees one that is behind.
Its ground is white, for pages of either theme.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from result_tables import Table, csv_files, read_csv, split_cell

from fp.reports.figures.style import as_svg, new_figure, themed
from fp.reports.figures.tables import (
    Curve,
    Interval,
    draw_curves,
    draw_intervals,
    draw_matrix,
)


@dataclass(frozen=True)
class Drawing:
    """How the table of a CSV is drawn.

    Parameters
    ----------
    draw : callable
        Draws the figure of the table.
    told : str
        What it shows, for who cannot see it.
    alone : bool
        Whether a page shows it in place of the table.
    """

    draw: Callable[[Table], Figure]
    told: str
    alone: bool = True


def number(cell: str, part: str = "value") -> float:
    """Return a number of a cell, NaN where it has none; counts are per cent of their total."""
    parts = split_cell(cell)
    try:
        found = float(parts[part])
    except (KeyError, ValueError):
        return np.nan
    return 100 * found / float(parts["of"]) if part == "value" and "of" in parts else found


def mark(source: Path) -> str:
    """Return the comment of a figure that says which CSV it was drawn from."""
    return f"<!-- {source.name}, sha256 {hashlib.sha256(source.read_bytes()).hexdigest()} -->"


def drawn(source: Path) -> bytes:
    """Return the figure of a CSV as an SVG with its mark."""
    with themed("light"):
        # A white ground for pages of any theme; letters as text can be searched.
        matplotlib.rcParams |= {"savefig.facecolor": "white", "svg.fonttype": "none"}
        svg = as_svg(FIGURES[source.stem].draw(read_csv(source))).decode("utf-8")
    return svg.replace("<svg ", f"{mark(source)}\n<svg ", 1).encode("utf-8")


def draw_figures(section: str, docs: Path) -> None:
    """Draw the figures of a section from its CSV."""
    for source in csv_files(section, docs):
        if source.stem in FIGURES:
            figure = docs / "figures" / f"{source.stem}.svg"
            figure.parent.mkdir(exist_ok=True)
            figure.write_bytes(drawn(source))


def _columns(table: Table, *names: str) -> list[tuple[str, ...]]:
    places = [table.columns.index(name) for name in names]
    return [tuple(row[place] for place in places) for row in table.rows]


def _unique(values: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _short(method: str) -> str:
    """Return the name of a method without the default denoiser."""
    return method.removesuffix(" (wavelet)")


def _curve(name: str, points: Sequence[tuple[str, str]]) -> Curve:
    x = np.array([float(place) for place, _ in points])
    y, low, high = (
        np.array([number(cell, part) for _, cell in points]) for part in ("value", "low", "high")
    )
    return Curve(name, x, y, np.fmin(low, y), np.fmax(high, y))


def _grid(
    rows: int, columns: int, width: float, height: float, *, sharey: str | bool
) -> tuple[Figure, list[list[Axes]]]:
    figure = new_figure(width, height)
    return figure, figure.subplots(rows, columns, squeeze=False, sharey=sharey).tolist()


def _legend(figure: Figure, axes: Axes, columns: int) -> None:
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=columns, frameon=False)


def _few_images(table: Table) -> Figure:
    measures = ("accuracy", "own claimed", "photographs claimed")
    kept = _columns(table, "generator", "images a class", "method", *measures)
    generators, methods = _unique([row[0] for row in kept]), _unique([row[2] for row in kept])
    colours = {name: place for place, name in enumerate(generators)}
    figure, grid = _grid(3, len(methods), 8.5, 7.5, sharey="row")
    for place, measure in enumerate(measures):
        for axes, method in zip(grid[place], methods, strict=True):
            curves = [
                _curve(name, [(r[1], r[3 + place]) for r in kept if (r[0], r[2]) == (name, method)])
                for name in generators
            ]
            label = f"{measure}, %" if axes is grid[place][0] else ""
            draw_curves(axes, curves, ("images a class", label), colours=colours)
            axes.set_title(method if place == 0 else "")
    _legend(figure, grid[0][0], 6)
    return figure


def _sample_sizes(table: Table) -> Figure:
    generators = table.columns[2:]
    methods = _unique([row[0] for row in table.rows])
    figure, grid = _grid(1, len(generators), 9.5, 3.8, sharey=True)
    for place, (axes, generator) in enumerate(zip(grid[0], generators, strict=True), 2):
        curves = [
            _curve(_short(name), [(row[1], row[place]) for row in table.rows if row[0] == name])
            for name in methods
        ]
        nulls = [number(row[place], "null") for row in table.rows]
        label = "accuracy, %" if place == 2 else ""
        draw_curves(axes, curves, ("images a class", label), (min(nulls), max(nulls)))
        axes.set_title(generator.strip("()"))
    _legend(figure, grid[0][0], 4)
    return figure


def _conditions(table: Table) -> Figure:
    panels = _unique([row[2] for row in table.rows])
    conditions = table.columns[4:]
    figure, grid = _grid(2, 2, 9.5, 7.6, sharey=True)
    for axes, generator in zip([*grid[0], *grid[1]], panels, strict=True):
        rows = [row for row in table.rows if row[2] == generator]
        values = np.array([[number(cell) for cell in row[4:]] for row in rows])
        names = [f"{_short(row[0])}, {row[3]}" for row in rows]
        labels = ("method, trained on" if axes in (grid[0][0], grid[1][0]) else "", "tested on")
        draw_matrix(axes, values, names, conditions, labels, (40.0, 100.0))
        axes.set_title(generator.strip("()"))
    return figure


def _matrix(rows: str, columns: str) -> Callable[[Table], Figure]:
    """Return what draws a table whose first column names its rows."""

    def draw(table: Table) -> Figure:
        names = [row[0] for row in table.rows]
        values = np.array([[number(cell) for cell in row[1:]] for row in table.rows])
        side = 1.8 + 0.34 * len(names)
        figure = new_figure(1.4 * side, side)
        draw_matrix(figure.add_subplot(), values, names, table.columns[1:], (rows, columns))
        return figure

    return draw


def _intervals(
    names: tuple[str, ...], measures: dict[str, str], null: dict[str, tuple[str, float]]
) -> Callable[[Table], Figure]:
    """Return what draws a panel for each measure, with a row for each row of the table."""

    def draw(table: Table) -> Figure:
        labels = [", ".join(part for part in row if part) for row in _columns(table, *names)]
        figure, (panels,) = _grid(
            1, len(measures), 3.0 + 2.2 * len(measures), 0.8 + 0.21 * len(labels), sharey=True
        )
        for axes, (measure, label) in zip(panels, measures.items(), strict=True):
            cells = [cell for (cell,) in _columns(table, measure)]
            found = [
                (name, Interval(*(number(cell, part) for part in ("value", "low", "high"))))
                for name, cell in zip(labels, cells, strict=True)
            ]
            draw_intervals(axes, found, dict([null[measure]] if measure in null else []), label)
            axes.grid(axis="x", linewidth=0.4)
            axes.set_axisbelow(True)
        return figure

    return draw


def _photographs(table: Table) -> Figure:
    figure, (panels,) = _grid(1, 2, 10.0, 3.0, sharey=False)
    for axes, begins, title, highest in (
        (panels[0], "claimed: ", "photographs claimed, %", 10.0),
        (panels[1], "own claimed: ", "own images claimed, %", 100.0),
    ):
        rows = [row for row in table.rows if row[0].startswith(begins)]
        names = [re.sub("`", "", row[0].removeprefix(begins)) for row in rows]
        names = [name.removeprefix("photographs of ") for name in names]
        values = np.array([[number(cell) for cell in row[1:]] for row in rows])
        draw_matrix(axes, values, names, table.columns[1:], span=(0.0, highest))
        axes.set_title(title)
    return figure


def _window_sizes(table: Table) -> Figure:
    figure, ((axes,),) = _grid(1, 1, 5.2, 3.6, sharey=False)
    curves = [
        _curve("observed, 95 %", _columns(table, "side", "accuracy, %")),
        _curve("predicted", _columns(table, "side", "predicted accuracy, %")),
    ]
    draw_curves(axes, curves, ("side of the image in pixels", "accuracy, %"))
    _legend(figure, axes, 2)
    return figure


_MAPS = {
    "pixel AUC, mean over scenes": "pixel AUC",
    "flagged inside": "flagged inside",
    "flagged outside": "flagged outside",
}
_SPLITS = {
    "claimed": "references claimed, %",
    "own claimed": "own claimed, %",
    "own called reference": "own called reference, %",
}
_BANKS = {
    "most probable is right": "most probable right, %",
    "among the candidates": "among candidates, %",
    "none of these first": "none of these first, %",
    "claimed rightly": "claimed rightly, %",
    "claimed wrongly": "claimed wrongly, %",
}
_CONDITIONS = "Accuracy by method and training condition (rows) and test condition (columns)"

FIGURES = {
    "few-images": Drawing(
        _few_images,
        "Accuracy, own images claimed and photographs claimed, by images a class, for each method",
    ),
    "corpus-1": Drawing(
        _sample_sizes, "Accuracy of seven methods by images a class, for three generators"
    ),
    "corpus-6": Drawing(_conditions, _CONDITIONS),
    "corpus-7": Drawing(_conditions, _CONDITIONS),
    "splits-drawn": Drawing(
        _intervals(("generator", "version"), _SPLITS, {"claimed": ("5 %", 5.0)}),
        "Claims of references and of own images, by generator and version, with intervals",
    ),
    "photographs": Drawing(
        _photographs,
        "Photographs claimed by set, and own images claimed by coding, for six generators",
        alone=False,
    ),
    "photographs-more": Drawing(
        _photographs,
        "Photographs claimed by set, and own images claimed by coding, for six more generators",
        alone=False,
    ),
    "banks": Drawing(
        _intervals(("images", "cell"), _BANKS, {}),
        "What the bank says of each set of images, with intervals",
    ),
    "maps": Drawing(
        _intervals(("generator", "pasted", "at"), _MAPS, {}),
        "Pixel AUC and flagged shares of pasted regions, with intervals",
    ),
    "maps-fresh": Drawing(
        _intervals(("generator", "pasted", "at"), _MAPS, {}),
        "The same on two splits that nothing had been looked at on",
    ),
    "window-sizes": Drawing(
        _window_sizes, "Accuracy by the side of the image, predicted and observed", alone=False
    ),
    "lineage-traces-5": Drawing(
        _matrix("fingerprint of", "images of (% flagged)"),
        "How often the fingerprint of each network (rows) flags images of each (columns)",
    ),
    "lineage-traces-6": Drawing(
        _matrix("", "kinship, times 100"), "The kinship of each network with each other one"
    ),
    "lineage-traces-7": Drawing(
        _matrix("", "correlation, times 100"),
        "The plain correlation of the mean tile of each network with that of each other one",
    ),
    "lineage-pictures-4": Drawing(
        _matrix("fingerprint of", "images of (% flagged)"),
        "How often the fingerprint of each generator (rows) flags images of each (columns)",
    ),
}
