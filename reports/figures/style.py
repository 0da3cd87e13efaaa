"""One look for every figure: colours, sizes, light and dark, no window.

Colours are those of Okabe and Ito, which can be told apart with any colour vision; populations
differ in shape too, for print without colour.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

Theme = Literal["light", "dark"]

THEMES: tuple[Theme, ...] = ("light", "dark")
"""Looks that a figure can be drawn in."""

REFERENCE, GENERATED, EXHIBIT, INK = "#0072B2", "#D55E00", "#000000", "#222222"
"""Colours of the reference images, of the generator's, of what is examined, and of all lines."""

SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C7A00")
"""Colours of things that have no colour of their own, in the order of their use."""

ALONE = "#808080"
"""Colour of what belongs to no group."""

SEQUENTIAL = "cividis"
"""Colour map of quantities: ascending in lightness, the same with any colour vision."""

_SHORT = 22
_INKS = {"light": (INK, "#5c6166", "#d9d9d6"), "dark": ("#e6e7e8", "#a3a8ad", "#3c4146")}
_DPI = 120


@contextmanager
def themed(theme: Theme) -> Iterator[None]:
    """Draw for a light or a dark page, whatever the reader's own settings of matplotlib.

    Grounds are transparent, so that the page shows through.
    """
    ink, faint, line = _INKS[theme]
    look: Any = {
        "text.color": ink,
        "axes.labelcolor": faint,
        "axes.titlecolor": ink,
        "axes.edgecolor": faint,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "savefig.facecolor": "none",
        "xtick.color": faint,
        "ytick.color": faint,
        "grid.color": line,
        "legend.labelcolor": ink,
        "font.family": ["DejaVu Sans"],
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.labelsize": 8.5,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "axes.linewidth": 0.7,
        "xtick.major.width": 0.7,
        "ytick.major.width": 0.7,
        # Letters as shapes and names from a fixed salt: the same bytes on every page and machine.
        "svg.fonttype": "path",
        "svg.hashsalt": "fp",
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(look)
        yield


def ink() -> str:
    """Return the colour of what is drawn in the foreground now."""
    colour: str = matplotlib.rcParams["text.color"]
    return INK if colour == "black" else colour


def new_axes(width: float, height: float) -> Axes:
    """Make axes on a figure of their own (inches), never pyplot's: no window, nothing to close."""
    axes: Axes = new_figure(width, height).add_subplot()
    return axes


def new_figure(width: float, height: float, *, fixed: bool = False) -> Figure:
    """Make an empty figure. It is `fixed` where who draws places the axes, which saves time."""
    figure = Figure(figsize=(width, height), layout=None if fixed else "constrained")
    FigureCanvasAgg(figure)
    return figure


def as_png(figure: Figure, dpi: int = _DPI) -> bytes:
    """Return a figure as a PNG; the same figure gives the same bytes."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})
    return file.getvalue()


def as_svg(figure: Figure) -> bytes:
    """Return a figure as an SVG, the same bytes for the same figure. Every theme has its own."""
    file = io.BytesIO()
    unsaid = {"Date": None, "Creator": None, "Format": None, "Type": None}
    figure.savefig(file, format="svg", dpi=2 * _DPI, metadata=unsaid)
    return file.getvalue()


def short(name: str, longest: int = _SHORT) -> str:
    """Return a name as a label: not too long, and without a formula's dollar sign."""
    shown = name if len(name) <= longest else f"{name[: longest - 1]}…"
    return shown.replace("$", r"\$")


def without_box(axes: Axes) -> Axes:
    """Leave the left and the lower edge."""
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def frameless(axes: Axes) -> Axes:
    """Leave no edge, for pictures."""
    axes.tick_params(labelsize=8, length=2)
    axes.spines[:].set_visible(False)
    return axes
