"""A map as a picture: evidence over the greyed image, outlines and a legend.

Colours run from blue (like the reference images) over white to vermilion (like the generator): they
can be told apart with any colour vision. The two kinds of outlines differ in dashes and width.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from fp.fingerprint.model.evidence_map import EvidenceMap
from fp.fingerprint.model.windows import CELL
from fp.fingerprint.windows.maps import share
from fp.reports.figures import GENERATED, INK, REFERENCE
from fp.system.arrays import Pixels

MOST = 1200
"""Longest side of the drawn image in pixels; a larger one is thinned out."""

_SPAN = 3.0  # log10 likelihood ratios at which the colours end
_FINE = 4
_COLOURS = LinearSegmentedColormap.from_list("evidence", [REFERENCE, "#FFFFFF", GENERATED])


def draw_overlay(path: Path, image_hwc: Pixels, found: EvidenceMap, generator: str) -> None:
    """Draw the map of a generator's evidence over its image, uint8 (H, W, 3), into a PNG file."""
    height, width = image_hwc.shape[:2]
    rows, columns = found.log10_lr.shape
    thin = max(1, -(-max(height, width) // MOST))
    grey = image_hwc[::thin, ::thin].mean(axis=2)
    wide = max(4.6, min(9.0, 6.0 * width / height))
    canvas = Figure(figsize=(wide + 1.4, min(max(wide * height / width, 2.0), 12.0) + 1.1))
    FigureCanvasAgg(canvas)
    canvas.set_layout_engine("constrained")
    axes = canvas.subplots()
    axes.imshow(grey, cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0))
    drawn = axes.imshow(
        found.log10_lr,
        cmap=_COLOURS,
        vmin=-_SPAN,
        vmax=_SPAN,
        alpha=0.45,
        extent=(0, columns * CELL, rows * CELL, 0),
        interpolation="nearest",
    )
    # Finer than cells, so that corners are square; a margin of nothing closes what meets a border.
    fine = CELL // _FINE
    x, y = (np.arange(-1, n * _FINE + 1) * fine + fine / 2 for n in (columns, rows))
    for mask, dashes, wide_line in ((found.generated, "-", 2.2), (found.reference, ":", 1.6)):
        if mask is not None and mask.any():
            outline = axes.contour(
                x,
                y,
                np.pad(mask.repeat(_FINE, 0).repeat(_FINE, 1), 1).astype(float),
                levels=[0.5],
                colors=[INK],
                linestyles=dashes,
                linewidths=wide_line,
            )
            outline.set_path_effects([withStroke(linewidth=wide_line + 1.6, foreground="white")])
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_xticks([0, width])
    axes.set_yticks([0, height])
    axes.tick_params(labelsize=8, length=2)
    bar = canvas.colorbar(drawn, ax=axes, extend="both", shrink=0.85)
    bar.set_label("log10 likelihood ratio of the windows", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    flagged = share(found.generated), share(found.reference)
    shares = ["cannot be flagged" if s is None else f"{s:.1%} of the area" for s in flagged]
    handles = [
        Line2D([], [], color=INK, linestyle="-", linewidth=2.2),
        Line2D([], [], color=INK, linestyle=":", linewidth=1.6),
    ]
    labels = [
        f"too high for the reference images: {shares[0]}",
        f"too low for the generator: {shares[1]}",
    ]
    canvas.legend(handles, labels, loc="outside lower center", fontsize=8, frameon=False)
    name = "".join(c if c.isprintable() else "?" for c in generator)[:60]
    phases = "any phase" if found.searched else "phase not searched"
    axes.set_title(
        f"{name}: windows of {found.size} pixels, {phases}, false alarms at most {found.rate:.3g}",
        fontsize=9,
        parse_math=False,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in any script
        # No software version in the file: the same map gives the same bytes.
        canvas.savefig(path, format="png", dpi=120, metadata={"Software": None})
