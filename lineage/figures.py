"""Cross-detection as a heat map, families as a dendrogram, kin as a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from fp.lineage.analysis import Lineage
from fp.reports.figures.style import ALONE, ink, new_figure, short
from fp.reports.figures.tables import draw_matrix
from fp.reports.figures.trees import colour_of, draw_dendrogram

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def heat_map(found: Lineage) -> Figure:
    """Draw the share of each folder's images that each fingerprint flags.

    Fingerprints are rows, folders are columns, in the order of the dendrogram.
    """
    crossed = found.cross_detection
    columns = [crossed.folders.index(found.names[i]) for i in found.families.order]
    ranks = {found.names[member]: place for place, member in enumerate(found.families.order)}
    rows = sorted(
        range(len(crossed.fingerprints)),
        key=lambda i: (ranks.get(crossed.fingerprints[i], len(ranks)), crossed.fingerprints[i]),
    )
    figure = new_figure(3.2 + 0.44 * len(columns), 2.2 + 0.36 * len(rows))
    axes = figure.add_subplot()
    draw_matrix(
        axes,
        100 * crossed.flagged.value[np.ix_(rows, columns)],
        [crossed.fingerprints[i] for i in rows],
        [crossed.folders[j] for j in columns],
        ("fingerprint of", "images of"),
    )
    axes.set_title("Images flagged, in per cent", loc="left", fontsize=11)
    return figure


def tree(found: Lineage) -> Figure:
    """Draw the dendrogram with the support of its branches in per cent, and the cut.

    Kinship runs from 1 at the leaves to the left.
    """
    figure = new_figure(7.5, 1.4 + 0.3 * len(found.names))
    axes = figure.add_subplot()
    families = found.families
    draw_dendrogram(
        axes,
        families.tree,
        found.names,
        [branch.support for branch in families.branches],
        _families(found),
        families.cut,
    )
    axes.set_xlabel(f"kinship (cut at {families.cut:g}); numbers: bootstrap support in per cent")
    axes.set_title("Families", loc="left", fontsize=11)
    return figure


def graph(found: Lineage) -> Figure:
    """Draw generators on a circle, joined by solid lines where kin, dotted where undecided."""
    figure = new_figure(7.5, 6.5)
    axes = figure.add_subplot()
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
            color=colours[pair.first] if same else ALONE,
            linewidth=0.5 + 3.5 * abs(pair.kinship) if kin else 0.9,
            linestyle="-" if kin else ":",
            zorder=2 if kin else 1,
            solid_capstyle="round",
        )
    for member, (x, y) in place.items():
        axes.plot(x, y, "o", color=colours[member], markersize=9, markeredgecolor="none", zorder=3)
        left = x < -1e-9
        turn = np.degrees(angle[member])
        axes.text(
            1.08 * x,
            1.08 * y,
            short(found.names[member]),
            rotation=turn - 180 if left else turn,
            rotation_mode="anchor",
            ha="right" if left else "left",
            va="center",
            fontsize=9,
        )
    axes.plot([], [], color=ink(), linewidth=2.5, label="kin")
    axes.plot([], [], color=ALONE, linewidth=0.9, linestyle=":", label="undecided")
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    axes.set_xlim(-1.75, 1.75)
    axes.set_ylim(-1.6, 1.6)
    axes.set_aspect("equal")
    axes.axis("off")
    axes.set_title("Kin", loc="left", fontsize=11)
    return figure


ALL: dict[str, Callable[[Lineage], Figure]] = {"heat_map": heat_map, "tree": tree, "graph": graph}


def _families(found: Lineage) -> dict[int, tuple[int, ...]]:
    """Return the families of several members, which have colours."""
    several = [cluster for cluster in found.families.clusters if len(cluster.members) > 1]
    return {number: cluster.members for number, cluster in enumerate(several)}


def _colours(found: Lineage) -> dict[int, str]:
    """Return a colour for each member: that of its family, or grey for loners."""
    colours = dict.fromkeys(range(len(found.names)), ALONE)
    for number, members in _families(found).items():
        colours |= dict.fromkeys(members, colour_of(number))
    return colours
