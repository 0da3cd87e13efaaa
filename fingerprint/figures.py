"""Figures of patterns and of fingerprints: each function draws into matplotlib's axes.

Every function takes axes, draws into them, and gives them back, so that figures can be put together
and changed by whoever asked for them. Colours are those of Okabe and Ito, which can be told apart
with any colour vision; populations differ in shape too, for print without colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.stats import binomtest

from fp.fingerprint.fingerprint import Calibration, NullControl
from fp.fingerprint.lattice import Pattern, power_spectrum
from fp.fingerprint.likelihood import certified_rate
from fp.fingerprint.strength import LEVEL

Scores = NDArray[np.float64]

REFERENCE, GENERATED, EXHIBIT, INK = "#0072B2", "#D55E00", "#000000", "#222222"
"""Colours of the reference images, of the generator's, of what is examined, and of all lines."""

DETAIL = 48
"""Side of a detail in pixels: few enough to be told apart on a telephone."""

_BELOW, _ABOVE = -10.0, 20.0  # decibels around the average that the colours span


def draw_pattern(axes: Axes, pattern_chw: Pattern, side: int = DETAIL) -> Axes:
    """Draw a detail from the middle of a pattern.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    pattern_chw : ndarray of float32, shape (C, H, W)
        The pattern; its mean over the channels is drawn.
    side : int
        Side of the detail in pixels; all of a pattern that is no larger.

    Returns
    -------
    matplotlib.axes.Axes
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
    return _frameless(axes)


def draw_spectrum(axes: Axes, pattern_chw: Pattern, side: int | None = None) -> Axes:
    """Draw the power spectrum of a pattern.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    pattern_chw : ndarray of float32, shape (C, H, W)
        The pattern.
    side : int, optional
        Average over blocks of this side; see `fp.fingerprint.lattice.power_spectrum`.

    Returns
    -------
    matplotlib.axes.Axes
        Power in decibels above the spectrum's average, the same colours in every figure;
        ``axes.images[0]`` is what a colour bar belongs to.
    """
    power = power_spectrum(pattern_chw, side)
    decibels = 10 * np.log10(np.maximum(power / (power.mean() or 1.0), 1e-9))
    # A point of the spectrum is drawn around its frequency, not beside it.
    (down, across) = (0.5 / length for length in power.shape)
    axes.imshow(
        decibels,
        cmap="cividis",
        vmin=_BELOW,
        vmax=_ABOVE,
        extent=(-0.5 - across, 0.5 - across, 0.5 - down, -0.5 - down),
        interpolation="nearest",
    )
    axes.set_xlabel("cycles a pixel")
    ticks, labels = (-0.5, -0.25, 0, 0.25), ("-1/2", "-1/4", "0", "1/4")
    axes.set_xticks(ticks, labels)
    axes.set_yticks(ticks, labels)
    return _frameless(axes)


def draw_scores(
    axes: Axes, calibration: Calibration, exhibits: Mapping[str, float] | None = None
) -> Axes:
    """Draw the held-out scores of both populations, and the place of exhibits among them.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    calibration : Calibration
        The held-out scores.
    exhibits : mapping of str to float, optional
        Scores by the exhibit's name, drawn above the populations in this order.

    Returns
    -------
    matplotlib.axes.Axes
        Histograms of the two populations with the same bins: filled for the reference images, an
        outline for the generator's. Exhibits are diamonds, one above the other, with their names.
    """
    named = exhibits or {}
    everything = np.concatenate([calibration.real, calibration.generated, [*named.values()]])
    bins = np.linspace(everything.min(), everything.max() + 1e-9, 31).tolist()
    count = axes.hist(
        calibration.real,
        bins=bins,
        color=REFERENCE,
        alpha=0.55,
        label=f"{calibration.real.size} reference images",
    )[0]
    drawn = axes.hist(
        calibration.generated,
        bins=bins,
        histtype="step",
        color=GENERATED,
        linewidth=1.8,
        label=f"{calibration.generated.size} images of the generator",
    )[0]
    top = float(max(np.max(count), np.max(drawn)))
    step = top / 14
    for number, (name, score) in enumerate(named.items()):
        height = top + (1.5 + number) * step
        axes.plot(
            score,
            height,
            "D",
            color=EXHIBIT,
            markersize=4,
            label="exhibits" if number == 0 else None,
        )
        axes.annotate(
            name,
            (score, height),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            color=INK,
        )
    axes.set_ylim(0, top + (2 + len(named)) * step)
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= top and tick == int(tick)])
    axes.set_xlabel("score")
    axes.set_ylabel("number of images")
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return _open(axes)


def draw_null_control(axes: Axes, null: NullControl) -> Axes:
    """Draw the separation of a fingerprint against what shuffled labels give.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    null : NullControl
        The control.

    Returns
    -------
    matplotlib.axes.Axes
        A histogram of the shuffles, their 99th percentile, and the observed separation.
    """
    axes.hist(null.shuffled, bins=20, color="0.6", label=f"{null.shuffled.size} shuffles of labels")
    limit = float(np.quantile(null.shuffled, 1 - LEVEL))
    axes.axvline(limit, color=INK, linestyle=":", label="99 % of the shuffles lie below")
    axes.axvline(null.observed, color=GENERATED, linewidth=2, label="true labels")
    axes.set_xlabel("held-out separation of the two classes, in standard deviations")
    axes.set_ylabel("number of extractions")
    axes.legend(frameon=False, fontsize=8)
    return _open(axes)


def draw_error_rates(
    axes: Axes, n: int, observed: Mapping[float, tuple[int, int]] | None = None
) -> Axes:
    """Draw what rate of false alarms n reference images certify, against the rate asked for.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    n : int
        Number of reference images.
    observed : mapping of float to (int, int), optional
        By the rate asked for: how many other reference images were claimed, of how many.

    Returns
    -------
    matplotlib.axes.Axes
        Both axes logarithmic, in per cent; left of 1 / (n + 1) no rate can be asked for. Observed
        shares have 95 % intervals (Clopper and Pearson); one of 0 is drawn at the lower edge.
    """
    lowest = 1 / (n + 1)
    rates = np.geomspace(lowest, 0.5, 60)
    certified = [certified_rate(float(rate), n) for rate in rates]
    axes.plot(100 * rates, 100 * rates, color="0.6", linestyle="--", label="asked for: on average")
    axes.plot(
        100 * rates,
        100 * np.array(certified),
        color=REFERENCE,
        label=f"certified by {n} images (95 %)",
    )
    bottom = 100 * lowest / 2
    for number, (rate, (claimed, tested)) in enumerate((observed or {}).items()):
        interval = binomtest(claimed, tested).proportion_ci()
        ends = np.maximum([100 * interval.low, 100 * interval.high], bottom)
        axes.plot([100 * rate] * 2, ends, color=EXHIBIT, linewidth=0.8)
        axes.plot(
            100 * rate,
            max(100 * claimed / tested, bottom),
            "s",
            color=EXHIBIT,
            markersize=5,
            label=f"{tested} other reference images, 95 %" if number == 0 else None,
        )
    axes.axvspan(100 * lowest / 10, 100 * lowest, color="0.9", label="cannot be asked for")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(bottom, 50)
    axes.set_ylim(bottom, 100)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks([tick for tick in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50) if tick >= bottom])
        axis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.set_minor_formatter(lambda value, _: "")
    axes.set_xlabel("rate of false alarms asked for, %")
    axes.set_ylabel("rate of false alarms, %")
    axes.legend(frameon=False, fontsize=8)
    return _open(axes)


def draw_conditions(
    axes: Axes, scores: Sequence[tuple[str, Scores, Scores]], calibration: Calibration
) -> Axes:
    """Draw how scores move under conditions, one row each.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    scores : sequence of (str, ndarray, ndarray)
        Name of the condition, scores of reference images and of the generator's.
    calibration : Calibration
        The held-out scores that the conditions are compared with; their means are drawn as lines.

    Returns
    -------
    matplotlib.axes.Axes
        A point for each image: circles for reference images, crosses for the generator's.
    """
    for row, (_, real, generated) in enumerate(scores):
        for values, shift, colour, marker in (
            (real, -0.15, REFERENCE, "o"),
            (generated, 0.15, GENERATED, "x"),
        ):
            # Spread by rank and not by chance, so that the same scores draw the same figure.
            spread = 0.12 * np.sin(2.4 * np.arange(values.size))
            axes.scatter(values, row + shift + spread, 12, color=colour, marker=marker, alpha=0.7)
    for mean, colour in ((calibration.mu_r, REFERENCE), (calibration.mu_g, GENERATED)):
        axes.axvline(mean, color=colour, linestyle="--", linewidth=1)
    axes.scatter([], [], 12, color=REFERENCE, marker="o", label="reference images")
    axes.scatter([], [], 12, color=GENERATED, marker="x", label="images of the generator")
    axes.plot([], [], color=INK, linestyle="--", linewidth=1, label="means at calibration")
    axes.set_yticks(range(len(scores)), [name for name, _, _ in scores])
    axes.set_ylim(len(scores) - 0.5, -0.5)
    axes.set_xlabel("score")
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return _open(axes)


def draw_decisions(
    axes: Axes, counts: Sequence[tuple[str, Mapping[str, int]]], decisions: Sequence[str]
) -> Axes:
    """Draw the share of each decision as bars, one row a condition.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    counts : sequence of (str, mapping of str to int)
        Name of the condition, and number of images of each decision.
    decisions : sequence of str
        Decisions from left to right, at most three.

    Returns
    -------
    matplotlib.axes.Axes
        Shares in per cent; each decision has a colour and a hatching.
    """
    styles = ((REFERENCE, ""), ("0.85", ".."), (GENERATED, "//"))
    for row, (_, found) in enumerate(counts):
        total, left = sum(found.values()) or 1, 0.0
        for decision, (colour, hatch) in zip(decisions, styles, strict=False):
            share = 100 * found.get(decision, 0) / total
            axes.barh(
                row,
                share,
                left=left,
                height=0.7,
                color=colour,
                hatch=hatch,
                edgecolor="white",
                label=decision.replace("_", " ") if row == 0 else None,
            )
            left += share
    axes.set_yticks(range(len(counts)), [name for name, _ in counts])
    axes.set_ylim(len(counts) - 0.5, -0.5)
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of images, %")
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return _open(axes)


def _open(axes: Axes) -> Axes:
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _frameless(axes: Axes) -> Axes:
    axes.tick_params(labelsize=8, length=2)
    axes.spines[:].set_visible(False)
    return axes
