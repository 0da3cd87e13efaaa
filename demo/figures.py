"""The picture of a demonstration: images with their answers, then patterns and their spectra."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fp.reports.figures import INK, draw_pattern, draw_spectrum
from fp.reports.figures.style import frameless
from fp.system.arrays import Floats, Pixels

BLOCK = 64
"""Side of the blocks whose spectra are averaged: few points, to be told apart on a telephone."""

_DPI = 180
_WIDTH, _LEFT, _GAP, _RIGHT = 6.0, 0.5, 0.65, 0.15  # inches, like all lengths here
_SIDE = (_WIDTH - _LEFT - _GAP - _RIGHT) / 2
_HEAD, _TITLE, _FOOT, _LEGEND = 0.55, 0.62, 0.68, 0.55
_BELOW = 0.95  # lines below an image
_FAINT = "#555555"


@dataclass(frozen=True, eq=False)
class Example:
    """An image with what was said of it.

    Parameters
    ----------
    lines : tuple of str
        What stands below it, the answer first: at most 30 characters each, and three lines.
    image_hwc : ndarray of uint8, shape (H, W, 3)
        The image.
    """

    lines: tuple[str, ...]
    image_hwc: Pixels


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


def draw_demonstration(
    heading: str, examples: tuple[Example, Example], panels: Sequence[Panel]
) -> bytes:
    """Return a PNG of two images with their answers, above patterns with their spectra.

    It is 1080 pixels wide. The detail comes from the middle and is the mean over the channels; its
    greys span three standard deviations to either side. The spectrum is that of the whole pattern,
    in decibels above its average, in the same colours in every row.
    """
    row, below = _TITLE + _SIDE + _FOOT, _HEAD + _SIDE + _BELOW
    height = below + row * len(panels) + _LEGEND
    figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor="white")

    def place(left: float, top: float, wide: float, high: float) -> Axes:
        box = (left / _WIDTH, 1 - (top + high) / height, wide / _WIDTH, high / height)
        return figure.add_axes(box)

    def write(left: float, top: float, text: str, **style: Any) -> None:
        figure.text(left / _WIDTH, 1 - top / height, text, va="top", **style)

    write(_LEFT, 0.15, heading, size=14, weight="bold", color=INK)
    right = _LEFT + _SIDE + _GAP
    for left, example in zip((_LEFT, right), examples, strict=True):
        shown = place(left, _HEAD, _SIDE, _SIDE)
        shown.imshow(example.image_hwc)
        shown.set_axis_off()
        for number, line in enumerate(example.lines):
            weight = "normal" if number else "bold"
            top = _HEAD + _SIDE + 0.08 + 0.23 * number
            write(left, top, line, size=11, weight=weight, color=_FAINT if number else INK)
    for index, panel in enumerate(panels):
        top = below + row * index
        write(_LEFT, top + 0.05, panel.title, size=12, weight="bold", color=INK)
        write(_LEFT, top + 0.31, panel.note, size=11, color=_FAINT)
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
    legend = place(right, below + row * len(panels), _SIDE, 0.11)
    bar = figure.colorbar(spectrum.images[0], cax=legend, orientation="horizontal")
    bar.set_label("decibels above the average", size=10, color=_FAINT)
    _quiet(legend)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _quiet(axes: Axes) -> None:
    frameless(axes).tick_params(labelsize=9, colors=_FAINT)
