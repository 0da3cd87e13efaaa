"""Patterns of fingerprints, in pixels and in frequencies."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from fp.fingerprint.correlation.lattice import power_spectrum
from fp.fingerprint.estimators import registry as estimators
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.reports.figures.style import SEQUENTIAL, frameless
from fp.system.arrays import Floats

DETAIL = 48
"""Side of a detail in pixels: few enough to be told apart on a telephone."""

_BELOW, _ABOVE = -10.0, 20.0  # decibels around the average that the colours span


def draw_pattern(axes: Axes, pattern_chw: Floats, side: int = DETAIL) -> Axes:
    """Draw a detail of `side` pixels from the middle of a pattern (C, H, W). Channels are averaged.

    Greys span three standard deviations to either side of the mean.
    """
    grey = pattern_chw.astype(np.float64).mean(axis=0)
    grey -= grey.mean()
    limit = 3 * float(grey.std()) or 1.0
    # From a multiple of 16, so that the details of several patterns have the same phase.
    top, left = (max(0, length - side) // 32 * 16 for length in grey.shape)
    shown = grey[top : top + side, left : left + side]
    extent = (0.0, float(shown.shape[1]), float(shown.shape[0]), 0.0)
    axes.imshow(shown, cmap="gray", vmin=-limit, vmax=limit, extent=extent, interpolation="nearest")
    axes.set_xlabel("pixels")
    axes.set_xticks(range(0, shown.shape[1] + 1, 16))
    axes.set_yticks(range(0, shown.shape[0] + 1, 16))
    return frameless(axes)


def draw_spectrum(axes: Axes, pattern_chw: Floats, side: int | None = None) -> Axes:
    """Draw the power spectrum of a pattern (C, H, W), averaged over blocks of `side` where given.

    Power is in decibels above the spectrum's average, in the same colours in every figure;
    ``axes.images[0]`` is what a colour bar belongs to.
    """
    power = power_spectrum(pattern_chw, side)
    decibels = 10 * np.log10(np.maximum(power / (power.mean() or 1.0), 1e-9))
    # A point of the spectrum is drawn around its frequency, not beside it.
    (down, across) = (0.5 / length for length in power.shape)
    axes.imshow(
        decibels,
        cmap=SEQUENTIAL,
        vmin=_BELOW,
        vmax=_ABOVE,
        extent=(-0.5 - across, 0.5 - across, 0.5 - down, -0.5 - down),
        interpolation="nearest",
    )
    axes.set_xlabel("cycles a pixel")
    ticks, labels = (-0.5, -0.25, 0, 0.25), ("-1/2", "-1/4", "0", "1/4")
    axes.set_xticks(ticks, labels)
    axes.set_yticks(ticks, labels)
    return frameless(axes)


def draw_fingerprint(axes: Axes, fingerprint: Fingerprint, side: int = DETAIL) -> Axes:
    """Draw what a fingerprint looks for in the pixels, or a sentence on why not."""
    found = pattern_of(fingerprint, side)
    if found is not None:
        return draw_pattern(axes, found, side)
    axes.text(0.5, 0.5, "no pattern of pixels", ha="center", va="center", transform=axes.transAxes)
    axes.set_xticks([])
    axes.set_yticks([])
    return frameless(axes)


def pattern_of(fingerprint: Fingerprint, side: int = DETAIL) -> Floats | None:
    """Return the pattern of pixels (C, H, W) of a fingerprint; one that repeats fills `side`.

    Sides are in pixels. Of a method that joins parts the first that is one; None where nothing of
    the method is.
    """
    parts = [(fingerprint.method, fingerprint.pattern)]
    if fingerprint.joined is not None:
        parts = [(part.method, part.pattern) for part in fingerprint.joined.parts]
    known = estimators.names()  # a file may be of a package that is not here
    drawn = (estimators.get(m).picture(p, side) for m, p in parts if m in known)
    return next((found for found in drawn if found is not None), None)
