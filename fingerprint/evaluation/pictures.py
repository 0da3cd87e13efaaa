"""The figures as pictures: curves over the training size, and matrices."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure as Canvas

from fp.fingerprint.evaluation.summary import DEGRADED, Figure
from fp.fingerprint.files import atomic_path


def draw(figures: Sequence[Figure], folder: Path) -> list[Path]:
    """Draw what can be drawn of every protocol.

    Parameters
    ----------
    figures : sequence of Figure
        Averaged figures.
    folder : Path
        Folder for PNG files; made where missing.

    Returns
    -------
    list of Path
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for protocol in dict.fromkeys(f.protocol for f in figures):
        own = [f for f in figures if f.protocol == protocol]
        for name, canvas in _canvases(own):
            path = folder / f"{_safe(f'{protocol} {name}')}.png"
            with atomic_path(path, overwrite=True) as temporary:
                # No software version in the file: the same figures give the same bytes.
                canvas.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
            made.append(path)
    return made


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", name.strip()).strip("-")


def _canvases(figures: Sequence[Figure]) -> list[tuple[str, Canvas]]:
    found = []
    accuracy = [f for f in figures if f.metric == "accuracy"]
    if len({f.training for f in accuracy}) > 1:
        found.append(("accuracy", _curves(accuracy, lambda f: f.training, "training images")))
    elif len({f.condition for f in accuracy}) > 1:
        if all(re.match(r"\d+ in the bank", f.condition) for f in accuracy):
            size: Callable[[Figure], float] = lambda f: float(f.condition.split()[0])  # noqa: E731
            found.append(("accuracy", _curves(accuracy, size, "generators in the bank")))
        else:
            found += _condition_matrices(accuracy)
    for start, rows, columns in (
        ("called ", "truth", "called"),
        ("claims ", "fingerprint", "images of"),
    ):
        shares = [f for f in figures if f.metric.startswith(start)]
        for series in dict.fromkeys(f.series for f in shares):
            own = [f for f in shares if f.series == series]
            first = (own[0].training, own[0].trained_on, own[0].condition)
            own = [f for f in own if (f.training, f.trained_on, f.condition) == first]
            canvas = _matrix(
                own,
                lambda f: f.generator,
                lambda f: f.metric.split(" ", 1)[1],
                (rows, columns),
                f"{series}, {first[0]} training images",
            )
            found.append((f"{start.strip()} {series}", canvas))
    return found


def _condition_matrices(figures: Sequence[Figure]) -> list[tuple[str, Canvas]]:
    found = []
    generators = list(dict.fromkeys(f.generator for f in figures))
    for generator in generators[-1:]:  # the mean where there is one
        own = [f for f in figures if f.generator == generator and f.condition != DEGRADED]
        canvas = _matrix(
            own,
            lambda f: f"{f.series}, {f.trained_on}" if f.trained_on != "none" else f.series,
            lambda f: f.condition,
            ("method, trained on", "condition of the test images"),
            f"accuracy, {generator}",
        )
        found.append(("conditions", canvas))
    return found


def _curves(figures: Sequence[Figure], place: Callable[[Figure], float], label: str) -> Canvas:
    panels = list(dict.fromkeys(f.generator for f in figures))
    across = min(4, len(panels))
    down = -(-len(panels) // across)
    canvas = Canvas(figsize=(3.6 * across + 1.9, 3.0 * down + 0.5), layout="constrained")
    axes = np.atleast_1d(canvas.subplots(down, across, sharey=True, squeeze=False)).ravel()
    all_series = list(dict.fromkeys(f.series for f in figures))
    for panel, axis in zip(panels, axes, strict=False):
        for number, series in enumerate(all_series):
            own = sorted(
                (f for f in figures if f.generator == panel and f.series == series), key=place
            )
            if not own:
                continue
            x = np.array([place(f) for f in own])
            y = np.array([f.value.value for f in own]) * 100
            low = y - np.array([f.value.low for f in own]) * 100
            high = np.array([f.value.high for f in own]) * 100 - y
            style = ("-", "--", ":", "-.")[number // 10 % 4]
            axis.errorbar(
                x, y, np.stack([low, high]), label=series, color=f"C{number % 10}",
                linestyle=style, marker="o", markersize=3, capsize=2, linewidth=1,
            )  # fmt: skip
        nulls = [f.null.value * 100 for f in figures if f.generator == panel and f.null]
        if nulls:
            axis.axhspan(min(nulls), max(nulls), color="0.85", zorder=0, label="nulls")
        axis.set_title(panel, fontsize=9)
        axis.set_xlabel(label, fontsize=8)
        axis.set_xscale("log", base=2)
        ticks = sorted({place(f) for f in figures})
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
        axis.set_ylim(35, 102)
        axis.tick_params(labelsize=8)
        axis.grid(alpha=0.3)
    for axis in axes[len(panels) :]:
        axis.set_visible(False)
    for axis in axes[::across]:
        axis.set_ylabel("accuracy in %", fontsize=8)
    handles: dict[str, Artist] = {}
    for axis in axes[: len(panels)]:
        handles |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    canvas.legend(list(handles.values()), list(handles), loc="outside right upper", fontsize=8)
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
    size = (2.6 + 0.62 * len(columns), 1.8 + 0.36 * len(rows))
    canvas = Canvas(figsize=(max(4.5, size[0]), size[1]), layout="constrained")
    axis = canvas.subplots()
    axis.imshow(values, vmin=0, vmax=100, cmap="viridis", aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "black" if value > 60 else "white"
            axis.text(
                column, row, f"{value:.0f}", ha="center", va="center", color=colour, fontsize=8
            )
    axis.set_xticks(range(len(columns)), columns, rotation=40, ha="right", fontsize=8)
    axis.set_yticks(range(len(rows)), rows, fontsize=8)
    axis.set_ylabel(labels[0], fontsize=8)
    axis.set_xlabel(labels[1], fontsize=8)
    axis.set_title(f"{title} (per cent)", fontsize=9)
    return canvas
