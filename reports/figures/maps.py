"""Evidence over a picture: where in an image it lies."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from fp.reports.figures.style import frameless
from fp.system.arrays import Doubles, Flags, Pixels

_MOST = "RdBu_r"  # blue for the reference images, red for the generator, white for neither


def draw_map(
    axes: Axes,
    image_hwc: Pixels,
    evidence: Doubles,
    limit: float | None = None,
    flagged: Flags | None = None,
    opacity: float = 0.55,
) -> Axes:
    """Draw evidence over the picture that it was found in. ``axes.images[1]`` is for a colour bar.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    image_hwc : ndarray of uint8, shape (H, W, 3) or (H, W)
        The picture, drawn in grey so that all colour is evidence.
    evidence : ndarray of float, shape (h, w)
        Evidence on a regular grid over the whole picture, above 0 for the generator; NaN for none.
    limit : float, optional
        Evidence at the ends of the colours; by default the largest in absolute value.
    flagged : ndarray of bool, shape (h, w), optional
        Places to be outlined.
    opacity : float
        Of the colours over the picture, in [0, 1].

    Raises
    ------
    ValueError
        If evidence or flags are no array of two axes, or their shapes differ.
    """
    if evidence.ndim != 2 or (flagged is not None and flagged.shape != evidence.shape):
        raise ValueError(
            f"Evidence and flags are arrays (h, w) of one shape, not {evidence.shape} and "
            f"{None if flagged is None else flagged.shape}."
        )
    height, width = image_hwc.shape[:2]
    grey = image_hwc if image_hwc.ndim == 2 else image_hwc[..., :3].mean(axis=2)
    extent = (0.0, float(width), float(height), 0.0)
    axes.imshow(grey, cmap="gray", vmin=0, vmax=255, extent=extent)
    finite = np.abs(evidence[np.isfinite(evidence)])
    reach = limit if limit is not None else float(finite.max()) if finite.size else 1.0
    axes.imshow(
        np.ma.masked_invalid(evidence),
        cmap=_MOST,
        vmin=-(reach or 1.0),
        vmax=reach or 1.0,
        alpha=opacity,
        extent=extent,
        interpolation="nearest",
    )
    if flagged is not None:
        for across, along in _edges(flagged, height, width):
            axes.plot(across, along, color="#000000", linewidth=1.6, solid_capstyle="butt")
            axes.plot(across, along, color="#ffffff", linewidth=0.7, solid_capstyle="butt")
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_xticks([])
    axes.set_yticks([])
    return frameless(axes)


def _edges(
    flagged: Flags, height: int, width: int
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Return the sides at which flagged places end, in pixels of the picture."""
    padded = np.pad(flagged, 1)
    down, across = height / flagged.shape[0], width / flagged.shape[1]
    found = []
    for y, x in np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1]):
        found.append(((x * across, (x + 1) * across), (y * down, y * down)))
    for y, x in np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1]):
        found.append(((x * across, x * across), (y * down, (y + 1) * down)))
    return found
