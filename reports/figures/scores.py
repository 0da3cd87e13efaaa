"""Scores: where two populations lie, and what chance gives."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from fp.fingerprint.learning.strength import LEVEL
from fp.fingerprint.model.calibration import Calibration, NullControl
from fp.reports.figures.style import GENERATED, REFERENCE, ink, without_box


def draw_scores(
    axes: Axes, calibration: Calibration, exhibits: Mapping[str, float] | None = None
) -> Axes:
    """Draw the held-out scores of both populations, and exhibits among them by name.

    Histograms with the same bins: filled for the reference images, an outline for the generator's.
    Exhibits are diamonds above them, one above the other.
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
            color=ink(),
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
            color=ink(),
        )
    axes.set_ylim(0, top + (2 + len(named)) * step)
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick <= top and tick == int(tick)])
    axes.set_xlabel("score")
    axes.set_ylabel("number of images")
    axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    return without_box(axes)


def draw_null_control(axes: Axes, null: NullControl) -> Axes:
    """Draw the separation of a fingerprint and the 99th percentile of what shuffled labels give."""
    axes.hist(null.shuffled, bins=20, color="0.6", label=f"{null.shuffled.size} shuffles of labels")
    limit = float(np.quantile(null.shuffled, 1 - LEVEL))
    axes.axvline(limit, color=ink(), linestyle=":", label="99 % of the shuffles lie below")
    axes.axvline(null.observed, color=GENERATED, linewidth=2, label="true labels")
    axes.set_xlabel("held-out separation of the two classes, in standard deviations")
    axes.set_ylabel("number of extractions")
    axes.legend(frameon=False, fontsize=8)
    return without_box(axes)
