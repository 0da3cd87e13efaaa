"""Cross-detection as a heat map, families as a dendrogram, kin as a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.cluster.hierarchy import dendrogram

from fp.lineage.analysis import Lineage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours: told apart with every kind of colour vision.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C7A00")
_ALONE = "#6e6e6e"
_LONGEST = 22


def heat_map(found: Lineage, axes: Axes | None = None) -> Axes:
    """Draw the share of each folder's images that each fingerprint flags.

    Parameters
    ----------
    found : Lineage
        What was found.
    axes : matplotlib.axes.Axes, optional
        Where to draw; by default a figure of its own.

    Returns
    -------
    matplotlib.axes.Axes
        Fingerprints are rows, folders are columns, in the order of the dendrogram.
    """
    crossed = found.cross_detection
    columns = [crossed.folders.index(found.names[i]) for i in found.families.order]
    ranks = {found.names[member]: place for place, member in enumerate(found.families.order)}
    rows = sorted(
        range(len(crossed.fingerprints)),
        key=lambda i: (ranks.get(crossed.fingerprints[i], len(ranks)), crossed.fingerprints[i]),
    )
    values = 100 * crossed.flagged.value[np.ix_(rows, columns)]
    if axes is None:
        axes = _axes(3.2 + 0.44 * len(columns), 2.2 + 0.36 * len(rows))
    axes.imshow(np.nan_to_num(values), cmap="cividis", vmin=0, vmax=100, aspect="auto")
    size = 8 if len(columns) <= 24 else 5
    for y, x in np.ndindex(*values.shape):
        value = values[y, x]
        text = "–" if np.isnan(value) else f"{value:.0f}"
        colour = "black" if value > 55 else "white"
        axes.text(x, y, text, ha="center", va="center", fontsize=size, color=colour)
    axes.set_xticks(range(len(columns)), [_short(crossed.folders[j]) for j in columns])
    axes.tick_params(axis="x", rotation=90)
    axes.set_yticks(range(len(rows)), [_short(crossed.fingerprints[i]) for i in rows])
    axes.tick_params(length=0, labelsize=9)
    axes.set_xlabel("images of")
    axes.set_ylabel("fingerprint of")
    axes.set_title("Images flagged, in per cent", loc="left", fontsize=11)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def tree(found: Lineage, axes: Axes | None = None) -> Axes:
    """Draw the dendrogram with the support of its branches and the cut.

    Parameters
    ----------
    found : Lineage
        What was found.
    axes : matplotlib.axes.Axes, optional
        Where to draw; by default a figure of its own.

    Returns
    -------
    matplotlib.axes.Axes
        Kinship runs from 1 at the leaves to the left; numbers are support in per cent.
    """
    if axes is None:
        axes = _axes(7.5, 1.4 + 0.3 * len(found.names))
    families = found.families
    colours = _colours(found)
    leaves = len(found.names)

    def colour(node: int) -> str:
        members = families.branches[node - leaves].members
        owners = {colours[member] for member in members}
        inside = any(set(members) <= set(cluster.members) for cluster in families.clusters)
        return owners.pop() if inside else _ALONE

    drawn: dict[str, Any] = dendrogram(
        families.tree,
        ax=axes,
        orientation="left",
        labels=[_short(name) for name in found.names],
        link_color_func=colour,
        distance_sort=False,
    )
    for label, leaf in zip(axes.get_yticklabels(), drawn["leaves"], strict=True):
        label.set_color(colours[leaf])
    by_height = sorted(zip(drawn["dcoord"], drawn["icoord"], strict=True), key=lambda d: d[0][1])
    by_row = sorted(families.branches, key=lambda branch: -branch.kinship)
    for (heights, places), branch in zip(by_height, by_row, strict=True):
        axes.annotate(
            f"{100 * branch.support:.0f}",
            (heights[1], (places[1] + places[2]) / 2),
            xytext=(-3, 1),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=8,
            color="#222222",
        )
    axes.axvline(1 - families.cut, color="#222222", linewidth=1, linestyle="--")
    right = max(1.12, float(families.tree[:, 2].max()) + 0.12)
    axes.set_xlim(right, 0)
    ticks = np.arange(0, right, 0.2)
    axes.set_xticks(ticks, [f"{1 - tick:.1f}" for tick in ticks])
    axes.set_xlabel(f"kinship (cut at {families.cut:g}); numbers: bootstrap support in per cent")
    axes.tick_params(axis="y", labelsize=9)
    axes.set_title("Families", loc="left", fontsize=11)
    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    return axes


def graph(found: Lineage, axes: Axes | None = None) -> Axes:
    """Draw generators on a circle, joined where they are kin or undecided.

    Parameters
    ----------
    found : Lineage
        What was found.
    axes : matplotlib.axes.Axes, optional
        Where to draw; by default a figure of its own.

    Returns
    -------
    matplotlib.axes.Axes
        Solid lines join kin, dotted ones what is undecided; no line has a direction.
    """
    if axes is None:
        axes = _axes(7.5, 6.5)
    order = found.families.order
    colours = _colours(found)
    angle = {member: 2 * np.pi * place / len(order) for place, member in enumerate(order)}
    place = {member: (np.cos(turn), np.sin(turn)) for member, turn in angle.items()}
    for pair in sorted(found.pairs, key=lambda pair: pair.kinship):
        if pair.relation == "not_shown":
            continue
        (x0, y0), (x1, y1) = place[pair.first], place[pair.second]
        kin = pair.relation == "kin"
        same = kin and colours[pair.first] == colours[pair.second]
        axes.plot(
            (x0, x1),
            (y0, y1),
            color=colours[pair.first] if same else "#9a9a9a",
            linewidth=0.5 + 3.5 * abs(pair.kinship) if kin else 0.9,
            linestyle="-" if kin else ":",
            zorder=2 if kin else 1,
            solid_capstyle="round",
        )
    for member, (x, y) in place.items():
        axes.plot(x, y, "o", color=colours[member], markersize=9, markeredgecolor="white", zorder=3)
        left = x < -1e-9
        turn = np.degrees(angle[member])
        axes.text(
            1.08 * x,
            1.08 * y,
            _short(found.names[member]),
            rotation=turn - 180 if left else turn,
            rotation_mode="anchor",
            ha="right" if left else "left",
            va="center",
            fontsize=9,
        )
    axes.plot([], [], color="#444444", linewidth=2.5, label="kin")
    axes.plot([], [], color="#9a9a9a", linewidth=0.9, linestyle=":", label="undecided")
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    axes.set_xlim(-1.75, 1.75)
    axes.set_ylim(-1.6, 1.6)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title("Kin", loc="left", fontsize=11)
    return axes


def _axes(width: float, height: float) -> Axes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # A figure of its own, never pyplot's: no window, and nothing to close.
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes: Axes = figure.add_subplot()
    return axes


def _colours(found: Lineage) -> dict[int, str]:
    """Give each family of several members a colour, and loners grey."""
    several = [cluster for cluster in found.families.clusters if len(cluster.members) > 1]
    colours = dict.fromkeys(range(len(found.names)), _ALONE)
    for number, cluster in enumerate(several):
        for member in cluster.members:
            colours[member] = _COLOURS[number % len(_COLOURS)]
    return colours


def _short(name: str) -> str:
    # A dollar sign would start a formula.
    shown = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    return shown.replace("$", r"\$")
