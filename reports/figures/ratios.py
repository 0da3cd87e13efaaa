"""Likelihood ratios: how often each size occurs under both propositions, and their making."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from fp.fingerprint.decision import likelihood
from fp.fingerprint.decision.rows import Detection
from fp.fingerprint.model.calibration import Calibration
from fp.reports.figures.style import ALONE, GENERATED, REFERENCE, ink, short, without_box
from fp.reports.words import DECISIONS, is_told
from fp.system.arrays import Doubles

_MARKS = {
    "supports_generator": (GENERATED, "D"),
    "supports_reference": (REFERENCE, "s"),
    "inconclusive": (ALONE, "o"),
}


def draw_ratios(axes: Axes, rows: Sequence[Detection]) -> Axes:
    """Draw the log10 likelihood ratio of each image with its interval.

    The first is on top. Marks differ by decision. One at its bound is hollow and has no interval:
    the interval is of the ratio without bounds. Left out are images without a ratio, and those for
    which neither proposition is known to fit.
    """
    told = (row for row in rows if is_told(row.as_dict()))
    known = [(row, row.log10_lr) for row in told if row.log10_lr is not None]
    for place, (row, ratio) in enumerate(known):
        colour, mark = _MARKS[row.decision]
        low, high = row.log10_lr_low, row.log10_lr_high
        if low is not None and high is not None and not row.at_bound:
            axes.plot([low, high], [place, place], color=colour, linewidth=1.6)
        face = "none" if row.at_bound else colour
        axes.plot(ratio, place, mark, color=colour, markerfacecolor=face, markersize=5)
    for decision, (colour, mark) in _MARKS.items():
        if any(row.decision == decision for row, _ in known):
            axes.plot([], [], mark, color=colour, label=DECISIONS[decision][0], markersize=5)
    if any(row.at_bound for row, _ in known):
        axes.plot([], [], "o", color=ink(), markerfacecolor="none", label="at its bound")
    axes.axvline(0, color=ink(), linewidth=0.7, linestyle=":")
    axes.set_yticks(range(len(known)), [short(Path(row.path).name, 32) for row, _ in known])
    axes.set_ylim(max(len(known), 1) - 0.5, -0.5)
    axes.set_xlabel("log10 likelihood ratio: above 0 for the generator, below for the references")
    if known:
        axes.legend(
            frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4
        )
    return without_box(axes)


def draw_tippett(axes: Axes, real: Doubles, generated: Doubles) -> Axes:
    """Draw Tippett's plot: shares of images with log10 likelihood ratios at least so large.

    Two steps fall from 100 to 0 per cent; where that of the reference images crosses 0 is the share
    of them with a misleading ratio.
    """
    for values, colour, style, label in (
        (real, REFERENCE, "-", f"{real.size} reference images"),
        (generated, GENERATED, "--", f"{generated.size} images of the generator"),
    ):
        ordered = np.sort(values)
        share = 100 * np.arange(ordered.size, -1, -1) / ordered.size
        axes.step(
            np.append(ordered, ordered[-1]),
            share,
            where="pre",
            color=colour,
            linestyle=style,
            linewidth=1.6,
            label=label,
        )
    axes.axvline(0, color=ink(), linewidth=0.7, linestyle=":")
    axes.set_ylim(-2, 102)
    axes.set_xlabel("log10 likelihood ratio")
    axes.set_ylabel("images with at least this, %")
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return without_box(axes)


def draw_calibration(axes: Axes, calibration: Calibration) -> Axes:
    """Draw how a score becomes a likelihood ratio, beside the scores without a model.

    The log10 likelihood ratio within its bounds, with the 95 % band of resampled calibrations
    (without bounds), and the ratio that isotonic regression gives on the same scores, which knows
    no more than that it ascends; its ends are infinite and not drawn.
    """
    from scipy.optimize import isotonic_regression  # a tenth of a second that few need

    ratio, resampled = likelihood.fit(calibration), likelihood.resample(calibration)
    scores = np.concatenate([calibration.real, calibration.generated])
    labels = np.arange(scores.size) >= calibration.real.size
    places = np.linspace(scores.min(), scores.max(), 120)
    ends = np.array([resampled.interval(float(place)) for place in places])
    axes.fill_between(places, ends[:, 0], ends[:, 1], color=ink(), alpha=0.12, linewidth=0)
    # Both classes weighed alike, as the model does.
    weights = np.where(labels, 1 / labels.sum(), 1 / (~labels).sum())
    _, place = np.unique(scores, return_inverse=True)  # equal scores have one ratio
    total = np.bincount(place, weights)
    found = isotonic_regression(np.bincount(place, weights * labels) / total, weights=total)
    share = found.x[np.sort(place)]
    inside = (share > 0) & (share < 1)
    if inside.any():
        axes.step(
            np.sort(scores)[inside],
            np.log10(share[inside] / (1 - share[inside])),
            where="mid",
            color=GENERATED,
            linewidth=1,
            linestyle="--",
            label="without a model",
        )
    bounded = [ratio(float(place)) for place in places]
    axes.plot(places, bounded, color=REFERENCE, linewidth=1.8, label="used, within its bounds")
    axes.axhline(0, color=ink(), linewidth=0.7, linestyle=":")
    reach = 1.6 * max(ratio.upper, -ratio.lower, 0.5)
    axes.set_ylim(-reach, reach)
    axes.set_xlabel("score")
    axes.set_ylabel("log10 likelihood ratio")
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return without_box(axes)
