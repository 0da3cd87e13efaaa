"""Pictures of patterns: a detail in the pixels, and the spectrum of the whole."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fp.fingerprint.lattice import Pattern, power_spectrum

DETAIL = 48
"""Side of the detail in pixels: few enough to be told apart on a telephone."""

_WIDTH, _ROW, _HEAD = 6.0, 3.3, 0.9  # inches
_DPI = 180
_BELOW, _ABOVE = -10.0, 25.0  # decibels around the median that the colours span
_INK, _FAINT = "#1a1a1a", "#555555"


@dataclass(frozen=True, eq=False)
class Panel:
    """One row of a picture of patterns.

    Parameters
    ----------
    title, note : str
        What the pattern is, and what to see in it: one line each.
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
        The rows.

    Returns
    -------
    bytes
        The PNG, 1080 pixels wide. The detail is the mean over the channels, its greys span three
        standard deviations to either side. The spectrum is that of the whole pattern, in decibels
        above its median, with the same colours in every row.
    """
    figure = Figure(figsize=(_WIDTH, _HEAD + _ROW * len(panels)), dpi=_DPI, facecolor="white")
    figure.set_layout_engine("constrained")
    figure.suptitle(heading, fontsize=14, fontweight="bold", color=_INK)
    rows = np.atleast_1d(figure.subfigures(len(panels), 1))
    for row, panel in zip(rows, panels, strict=True):
        row.suptitle(f"{panel.title}\n{panel.note}", fontsize=12, color=_INK)
        left, right = row.subplots(1, 2)
        _draw_detail(left, panel.pattern_chw)
        _draw_spectrum(right, panel.pattern_chw)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _draw_detail(axes: Axes, pattern_chw: Pattern) -> None:
    grey = pattern_chw.astype(np.float64).mean(axis=0)
    grey -= grey.mean()
    limit = 3 * float(grey.std()) or 1.0
    axes.imshow(grey[:DETAIL, :DETAIL], cmap="gray", vmin=-limit, vmax=limit)
    axes.set_xlabel("pixels", fontsize=11, color=_FAINT)
    axes.set_xticks(range(0, DETAIL + 1, 16))
    axes.set_yticks(range(0, DETAIL + 1, 16))
    _quiet(axes)


def _draw_spectrum(axes: Axes, pattern_chw: Pattern) -> None:
    power = power_spectrum(pattern_chw)
    typical = float(np.median(power[power > 1e-9 * power.max()])) or 1.0
    decibels = 10 * np.log10(np.maximum(power / typical, 1e-9))
    axes.imshow(
        decibels, cmap="cividis", vmin=_BELOW, vmax=_ABOVE, extent=(-0.5, 0.5, 0.5, -0.5)
    )
    axes.set_xlabel("cycles a pixel", fontsize=11, color=_FAINT)
    axes.set_xticks((-0.5, 0, 0.5))
    axes.set_yticks((-0.5, 0, 0.5))
    _quiet(axes)


def _quiet(axes: Axes) -> None:
    axes.tick_params(labelsize=10, length=2, colors=_FAINT)
    for edge in axes.spines.values():
        edge.set_visible(False)
