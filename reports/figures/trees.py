"""Trees of what is joined at which likeness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy.cluster.hierarchy import dendrogram

from fp.reports.figures.style import ALONE, SERIES, ink, short, without_box
from fp.system.arrays import Doubles


def draw_dendrogram(
    axes: Axes,
    tree: Doubles,
    names: Sequence[str],
    support: Sequence[float],
    groups: Mapping[int, Sequence[int]],
    cut: float,
) -> Axes:
    """Draw a tree with support in per cent. Likeness runs from 1 at the leaves to the left.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where to draw.
    tree : ndarray of float64, shape (n - 1, 4)
        Linkage as SciPy gives it; heights are 1 less the likeness, ascending.
    names : sequence of str
        Names of the n leaves.
    support : sequence of float
        Share of resamplings in which the branch of each row of `tree` exists.
    groups : mapping of int to sequence of int
        Leaves of each group that has a colour, by the number of its colour.
    cut : float
        Likeness at which the tree is cut.
    """
    owner = {leaf: number for number, leaves in groups.items() for leaf in leaves}
    members: dict[int, tuple[int, ...]] = {leaf: (leaf,) for leaf in range(len(names))}
    for row, (left, right, *_) in enumerate(tree):
        members[len(names) + row] = members[int(left)] + members[int(right)]

    def colour(node: int) -> str:
        owners = {owner.get(leaf) for leaf in members[node]}
        number = owners.pop()
        return ALONE if owners or number is None else colour_of(number)

    drawn: dict[str, Any] = dendrogram(
        tree,
        ax=axes,
        orientation="left",
        labels=[short(name) for name in names],
        link_color_func=colour,
        distance_sort=False,
    )
    for label, leaf in zip(axes.get_yticklabels(), drawn["leaves"], strict=True):
        label.set(color=ink(), weight="bold" if leaf in owner else "normal")
    by_height = sorted(zip(drawn["dcoord"], drawn["icoord"], strict=True), key=lambda d: d[0][1])
    rows = sorted(range(len(support)), key=lambda row: tree[row, 2])
    for (heights, places), row in zip(by_height, rows, strict=True):
        axes.annotate(
            f"{100 * support[row]:.0f}",
            (heights[1], (places[1] + places[2]) / 2),
            xytext=(-3, 1),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=8,
            color=ink(),
        )
    axes.axvline(1 - cut, color=ink(), linewidth=1, linestyle="--")
    right = max(1.12, float(tree[:, 2].max()) + 0.12)
    axes.set_xlim(right, 0)
    ticks = np.arange(0, right, 0.2)
    axes.set_xticks(ticks, [f"{1 - tick:.1f}" for tick in ticks])
    axes.tick_params(axis="y", labelsize=9)
    axes.spines["left"].set_visible(False)
    return without_box(axes)


def colour_of(group: int) -> str:
    """Return the colour of a group by its number."""
    return SERIES[group % len(SERIES)]
