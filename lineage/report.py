"""One HTML file that holds everything: summary, figures, tables, limits."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

from fp.denoisers.population import Skipped
from fp.lineage import figures
from fp.lineage.analysis import Lineage
from fp.lineage.tables import cross_detection_rows, pair_rows
from fp.reports.drawing import in_both
from fp.reports.page import pieces
from fp.reports.table import Column, Table, choices_of, of_dicts
from fp.reports.text import rounded

_CAPTIONS = {
    "tree": (
        "Dendrogram",
        "Average linkage of kinship; what is joined right of the dashed line is a family. Numbers "
        "are the bootstrap support of each branch.",
    ),
    "heat_map": (
        "Cross-detection",
        "Share of each folder's images (columns) that each fingerprint (rows) flags, in per cent, "
        "on images it has not seen; ordered as the dendrogram. High in one direction only is no "
        "kinship: a strong pattern can set off the fingerprints of strangers.",
    ),
    "graph": (
        "Graph of kin",
        "Solid lines join kin, thicker for a higher kinship; dotted lines are undecided.",
    ),
}

_RELATIONS = {"kin": "kin", "undecided": "undecided", "not_shown": "not shown"}

_PAIRS = (
    Column("pair", "generators", "name"),
    Column("relation", "relation", "word", choices=_RELATIONS),
    Column("kinship", "kinship", "number", 2),
    Column("low", "95 % from", "number", 2, wide=True),
    Column("high", "to", "number", 2, wide=True),
    Column("p_forward", "p, one way", "number", 4, wide=True),
    Column("p_backward", "p, other way", "number", 4, wide=True),
    Column("strangers", "strangers", "number", 0, wide=True),
    Column("q", "q", "number", 4, wide=True),
    Column("told", "first, if in line; or why undecided", wide=True),
)


def as_html(found: Lineage, skipped: Sequence[Skipped] = ()) -> str:
    """Return the report: HTML that asks for nothing outside of itself, with every name escaped."""
    families: list[dict[str, Any]] = []
    loners: list[dict[str, Any]] = []
    for cluster in found.families.clusters:
        names = [found.names[member] for member in cluster.members]
        (families if len(names) > 1 else loners).append(
            {"names": names, "support": cluster.support, "told": cluster.told}
        )
    folders = (*found.names, "reference images")
    strides = (*(str(stride or "none") for stride in found.strides), "")
    relations = Counter(str(pair.relation) for pair in found.pairs)
    reasons = Counter(item.reason for item in skipped)
    return "".join(
        pieces(
            "lineage.html",
            made_by="lineage",
            sections=[
                ("summary", "Summary"),
                ("figures", "Figures"),
                ("pairs-section", "Pairs"),
                ("crossed", "Cross-detection"),
                ("explanations", "What else"),
                ("method", "Method and limits"),
            ],
            found=found,
            families=families,
            loners=loners,
            undecided=any(loner["support"] is None for loner in loners),
            relations={name: relations[name] for name in _RELATIONS},
            words=_RELATIONS,
            pairs=_pairs(found),
            crossed=_crossed(found),
            figures=[
                (*told, in_both(partial(figures.ALL[name], found)))
                for name, told in _CAPTIONS.items()
            ],
            folders=sorted(zip(folders, found.images, found.sources, strides, strict=True)),
            reasons=dict(sorted(reasons.items())),
            skipped=skipped,
            options=json.dumps(found.parameters()),
        )
    )


def _pairs(found: Lineage) -> Table:
    rows = [
        {
            **{name: rounded(v) if isinstance(v, float) else v for name, v in row.items()},
            "pair": f"{row['first']} – {row['second']}",
            "told": _told(row),
        }
        for row in pair_rows(found)
    ]
    caption = "The closest first; pairs.csv has every figure."
    return of_dicts("pairs", "All pairs", caption, _PAIRS, rows)


def _told(row: dict[str, Any]) -> str:
    return "; ".join(row["reasons"]).replace("_", " ")


def _crossed(found: Lineage) -> Table:
    rows: list[dict[str, Any]] = []
    for row in cross_detection_rows(found):
        told = {"fingerprint": row["fingerprint"], "folder": row["folder"], "images": row["images"]}
        for figure in ("flagged", "accuracy", "auc"):
            scale = 1 if figure == "auc" else 100
            for end in ("", "_low", "_high"):
                value = row[figure + end]
                told[figure + end] = None if value is None else rounded(scale * value)
        rows.append(told)
    shown = (
        Column("fingerprint", "fingerprint of", "name"),
        Column("folder", "images of", "word", choices=choices_of(rows, "folder")),
        Column("images", "images", "number", 0, wide=True),
        Column("flagged", "flagged, %", "number", 1),
        Column("flagged_low", "95 % from", "number", 1, wide=True),
        Column("flagged_high", "to", "number", 1, wide=True),
        Column("accuracy", "accuracy, %", "number", 1, wide=True),
        Column("accuracy_low", "95 % from", "number", 1, wide=True),
        Column("accuracy_high", "to", "number", 1, wide=True),
        Column("auc", "AUC", "number", 3, wide=True),
    )
    caption = "Each fingerprint on each folder, on images it has not seen."
    return of_dicts("cross", "Cross-detection", caption, shown, rows)
