"""One HTML file that holds everything: summary, figures, tables, limits."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fp.fingerprint.environment import tool_version
from fp.fingerprint.population import Skipped
from fp.lineage import figures
from fp.lineage.analysis import Lineage
from fp.lineage.tables import pair_rows

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes

_CAPTIONS = {
    "heat_map": (
        "Cross-detection",
        "Share of each folder's images (columns) that each fingerprint (rows) flags, in per cent, "
        "on images it has not seen; ordered as the dendrogram. High in one direction only is no "
        "kinship: a strong pattern sets off the fingerprints of strangers.",
    ),
    "tree": (
        "Dendrogram",
        "Average linkage of kinship; what is joined right of the dashed line is a family. Numbers "
        "are the bootstrap support of each branch.",
    ),
    "graph": (
        "Graph of kin",
        "Solid lines join kin, thicker for a higher kinship; dotted lines are undecided.",
    ),
}


@dataclass(frozen=True)
class _Group:
    names: tuple[str, ...]
    support: float


def render_figures(found: Lineage) -> dict[str, bytes]:
    """Draw all figures.

    Parameters
    ----------
    found : Lineage
        What was found.

    Returns
    -------
    dict of str to bytes
        PNG files by name.
    """
    drawn = {
        "heat_map": figures.heat_map(found),
        "tree": figures.tree(found),
        "graph": figures.graph(found),
    }
    return {name: _png(axes) for name, axes in drawn.items()}


def _png(axes: Axes) -> bytes:
    file = io.BytesIO()
    # Without the program's version: the same result gives the same bytes.
    figure = axes.get_figure(root=True)
    assert figure is not None  # it was drawn on one
    figure.savefig(file, format="png", dpi=120, metadata={"Software": None})
    return file.getvalue()


def as_html(found: Lineage, drawn: dict[str, bytes], skipped: Sequence[Skipped] = ()) -> str:
    """Write the report.

    Parameters
    ----------
    found : Lineage
        What was found.
    drawn : dict of str to bytes
        Result of `render_figures`.
    skipped : sequence of Skipped
        Files that were not examined.

    Returns
    -------
    str
        HTML that asks for nothing outside of itself. Every name is escaped.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("fp.lineage"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    rows = environment.get_template("pairs.html")

    def pair_table(pairs: list[dict[str, Any]], reasons: bool = False) -> Markup:
        return Markup(rows.render(pairs=pairs, reasons=reasons))

    groups = [
        _Group(tuple(found.names[m] for m in cluster.members), cluster.support)
        for cluster in found.families.clusters
    ]
    pairs = pair_rows(found)
    names = (*found.names, "reference images")
    strides = (*(str(stride or "none") for stride in found.strides), "")
    return environment.get_template("report.html").render(
        found=found,
        families=[group for group in groups if len(group.names) > 1],
        loners=[group for group in groups if len(group.names) == 1],
        kin=[row for row in pairs if row["relation"] == "kin"],
        weak=[row for row in pairs if row["relation"] == "undecided"],
        pair_table=pair_table,
        percent=lambda share: f"{100 * share:.0f} %",
        figures=[
            {"alt": alt, "caption": caption, "source": _data_uri(drawn[name])}
            for name, (alt, caption) in _CAPTIONS.items()
        ],
        folders=sorted(zip(names, found.images, found.sources, strides, strict=True)),
        skipped=skipped,
        version=tool_version(),
        options=json.dumps(found.parameters()),
    )


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
