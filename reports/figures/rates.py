"""How often an answer errs, and how often each is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import binomtest

from fp.fingerprint.decision.likelihood import certified_rate
from fp.reports.figures.style import GENERATED, REFERENCE, ink, without_box


def draw_error_rates(
    axes: Axes, n: int, observed: Mapping[float, tuple[int, int]] | None = None
) -> Axes:
    """Draw what rate of false alarms n reference images certify, against the rate asked for.

    Both axes are logarithmic, in per cent; left of 1 / (n + 1) no rate can be asked for. `observed`
    says by the rate asked for how many other reference images were claimed, of how many: a share
    with its 95 % interval (Clopper and Pearson); one of 0 is drawn at the lower edge.
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
        axes.plot([100 * rate] * 2, ends, color=ink(), linewidth=0.8)
        axes.plot(
            100 * rate,
            max(100 * claimed / tested, bottom),
            "s",
            color=ink(),
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
    return without_box(axes)


def draw_decisions(
    axes: Axes, counts: Sequence[tuple[str, Mapping[str, int]]], decisions: Sequence[str]
) -> Axes:
    """Draw shares of at most three decisions in per cent, a row a condition. They run from left to
    right.
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
    return without_box(axes)
