"""Pictures of patterns: a detail in the pixels, and the spectrum of the whole."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from fp.fingerprint.demo.lattice import Pattern, power_spectrum

DETAIL = 48
"""Side of the detail in pixels: few enough to be told apart on a telephone."""

BLOCK = 64
"""Side of the blocks whose spectra are averaged, for the same reason."""

_DPI = 180
_WIDTH, _LEFT, _GAP, _RIGHT = 6.0, 0.5, 0.65, 0.15  # inches, like all lengths here
_SIDE = (_WIDTH - _LEFT - _GAP - _RIGHT) / 2
_HEAD, _TITLE, _FOOT, _LEGEND = 0.55, 0.62, 0.68, 0.55
_BELOW, _ABOVE = -10.0, 20.0  # decibels around the average that the colours span
_INK, _FAINT = "#1a1a1a", "#555555"


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
    pattern_chw: Pattern


def draw_patterns(heading: str, panels: Sequence[Panel]) -> bytes:
    """Draw patterns one below the other, each with its spectrum, as a PNG.

    Parameters
    ----------
    heading : str
        Line above all of them.
    panels : sequence of Panel
        The rows, at least one.

    Returns
    -------
    bytes
        The PNG, 1080 pixels wide. The detail comes from the middle and is the mean over the
        channels; its greys span three standard deviations to either side. The spectrum is that of
        the whole pattern, in decibels above its average, in the same colours in every row.
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

    write(0.15, heading, 14, "bold", _INK)
    right = _LEFT + _SIDE + _GAP
    for index, panel in enumerate(panels):
        top = _HEAD + row * index
        write(top + 0.05, panel.title, 12, "bold", _INK)
        write(top + 0.31, panel.note, 11, "normal", _FAINT)
        _draw_detail(place(_LEFT, top + _TITLE, _SIDE, _SIDE), panel.pattern_chw)
        colours = _draw_spectrum(place(right, top + _TITLE, _SIDE, _SIDE), panel.pattern_chw)
    legend = place(right, _HEAD + row * len(panels), _SIDE, 0.11)
    bar = figure.colorbar(colours, cax=legend, orientation="horizontal")
    bar.set_label("decibels above the average", size=10, color=_FAINT)
    _quiet(legend)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_detail(axes: Axes, pattern_chw: Pattern) -> None:
    grey = pattern_chw.astype(np.float64).mean(axis=0)
    grey -= grey.mean()
    limit = 3 * float(grey.std()) or 1.0
    # From a multiple of 16, so that the details of all rows have the same phase.
    top, left = (max(0, side - DETAIL) // 32 * 16 for side in grey.shape)
    shown = grey[top : top + DETAIL, left : left + DETAIL]
    extent = (0, shown.shape[1], shown.shape[0], 0)
    axes.imshow(shown, cmap="gray", vmin=-limit, vmax=limit, extent=extent, interpolation="nearest")
    axes.set_xlabel("detail, in pixels", size=10, color=_FAINT)
    axes.set_xticks(range(0, DETAIL + 1, 16))
    axes.set_yticks(range(0, DETAIL + 1, 16))
    _quiet(axes)


def _draw_spectrum(axes: Axes, pattern_chw: Pattern) -> AxesImage:
    power = power_spectrum(pattern_chw, min(BLOCK, *pattern_chw.shape[1:]))
    decibels = 10 * np.log10(np.maximum(power / (power.mean() or 1.0), 1e-9))
    # A point of the spectrum is drawn around its frequency, not beside it.
    first, last = -0.5 - 0.5 / len(power), 0.5 - 0.5 / len(power)
    drawn = axes.imshow(
        decibels,
        cmap="cividis",
        vmin=_BELOW,
        vmax=_ABOVE,
        extent=(first, last, last, first),
        interpolation="nearest",
    )
    axes.set_xlabel("spectrum, in cycles a pixel", size=10, color=_FAINT)
    ticks, labels = (-0.5, -0.25, 0, 0.25), ("-1/2", "-1/4", "0", "1/4")
    axes.set_xticks(ticks, labels)
    axes.set_yticks(ticks, labels)
    _quiet(axes)
    return drawn


def _quiet(axes: Axes) -> None:
    axes.tick_params(labelsize=9, length=2, colors=_FAINT)
    for edge in axes.spines.values():
        edge.set_visible(False)
