"""Pictures of patterns: a detail in the pixels, and the spectrum of the whole."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fp.reports.figures import INK, draw_pattern, draw_spectrum
from fp.reports.figures.style import frameless
from fp.system.arrays import Floats

BLOCK = 64
"""Side of the blocks whose spectra are averaged: few points, to be told apart on a telephone."""

_DPI = 180
_WIDTH, _LEFT, _GAP, _RIGHT = 6.0, 0.5, 0.65, 0.15  # inches, like all lengths here
_SIDE = (_WIDTH - _LEFT - _GAP - _RIGHT) / 2
_HEAD, _TITLE, _FOOT, _LEGEND = 0.55, 0.62, 0.68, 0.55
_FAINT = "#555555"


@dataclass(frozen=True, eq=False)
class Panel:
    """One row of a picture of patterns.

    Parameters
    ----------
    title, note : str
        What the pattern is, and what to see in it: one line of at most 60 characters each.
    pattern_chw : ndarray of float32, shape (C, H, W)
        The pattern.
    """

    title: str
    note: str
    pattern_chw: Floats


def draw_patterns(heading: str, panels: Sequence[Panel]) -> bytes:
    """Return a PNG of patterns one below the other, each with its spectrum, 1080 pixels wide.

    The detail comes from the middle and is the mean over the channels; its greys span three
    standard deviations to either side. The spectrum is that of the whole pattern, in decibels above
    its average, in the same colours in every row.
    """
    row = _TITLE + _SIDE + _FOOT
    height = _HEAD + row * len(panels) + _LEGEND
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor="white")

    def place(left: float, top: float, wide: float, high: float) -> Axes:
        box = (left / _WIDTH, 1 - (top + high) / height, wide / _WIDTH, high / height)
        return figure.add_axes(box)

    def write(top: float, text: str, size: float, weight: str, colour: str) -> None:
        figure.text(
            _LEFT / _WIDTH, 1 - top / height, text, size=size, weight=weight, color=colour, va="top"
        )

    write(0.15, heading, 14, "bold", INK)
    right = _LEFT + _SIDE + _GAP
    for index, panel in enumerate(panels):
        top = _HEAD + row * index
        write(top + 0.05, panel.title, 12, "bold", INK)
        write(top + 0.31, panel.note, 11, "normal", _FAINT)
        pattern = panel.pattern_chw
        detail = draw_pattern(place(_LEFT, top + _TITLE, _SIDE, _SIDE), pattern)
        block = min(BLOCK, *pattern.shape[1:])
        spectrum = draw_spectrum(place(right, top + _TITLE, _SIDE, _SIDE), pattern, block)
        for axes, label in (
            (detail, "detail, in pixels"),
            (spectrum, "spectrum, in cycles a pixel"),
        ):
            axes.set_xlabel(label, size=10, color=_FAINT)
            _quiet(axes)
    legend = place(right, _HEAD + row * len(panels), _SIDE, 0.11)
    bar = figure.colorbar(spectrum.images[0], cax=legend, orientation="horizontal")
    bar.set_label("decibels above the average", size=10, color=_FAINT)
    _quiet(legend)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _quiet(axes: Axes) -> None:
    frameless(axes).tick_params(labelsize=9, colors=_FAINT)
