"""An audit as one HTML file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from fp.audit.findings import CODES, LEAST_AREA, SEVERITIES, Audit, AuditFinding
from fp.audit.measuring import Folder
from fp.reports.drawing import in_both
from fp.reports.page import pieces
from fp.reports.table import Column, Table, of_dicts
from fp.reports.text import rounded
from fp.system.paths import display_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 10_000
"""Images in the table of a report, the same number of each folder; audit.csv has all."""

SEVERITY = {
    "serious": "A fingerprint learned from these folders would largely learn this difference.",
    "warning": "A fingerprint may learn this difference.",
    "note": "Worth knowing; by itself no reason not to go on.",
    "none": "Looked for, and nothing found.",
}
"""What each severity means."""

_WORDS = {"none": "nothing found"}

_IMAGE = (
    Column("path", "file", "name"),
    Column("class", "class", "word"),
    Column("format", "format"),
    Column("size", "pixels"),
    Column("grid_strength", "JPEG grid", "number", 2, wide=True),
    Column("resampling_strength", "resampling", "number", 2, wide=True),
    Column("brightness", "brightness", "number", 1, wide=True),
    Column("sharpness", "detail", "number", 2, wide=True),
    Column("clipped", "clipped", "number", 3, wide=True),
    Column("colourfulness", "colour", "number", 1, wide=True),
)


def page(audit: Audit, measured: Sequence[tuple[str, Folder]]) -> Iterator[str]:
    """Yield the report of an audit of folders, each generated, real or test."""
    counts = Counter(finding.severity for finding in audit.findings)
    compared = [f for f in audit.findings if f.measure == "AUC" and f.low is not None]
    reasons = Counter(skipped.reason for skipped in audit.skipped)
    images = _images(measured)
    return pieces(
        "audit.html",
        made_by="audit",
        sections=[
            ("summary", "Summary"),
            ("findings", "Findings"),
            ("areas", "Figure"),
            ("all", "All that was looked for"),
            ("images-section", "Images"),
            ("method", "Method"),
        ],
        audit=audit,
        counts={s: counts[s] for s in reversed(SEVERITIES) if counts[s]},
        severities=SEVERITY,
        found=audit.at_least("note"),
        codes=CODES,
        areas=in_both(lambda: _figure(compared)) if compared else {},
        least=LEAST_AREA,
        findings=_findings(audit),
        images=images,
        left_out=sum(len(folder.images) for _, folder in measured) - images.total,
        reasons=dict(sorted(reasons.items())),
        skipped=[(display_path(s.path), s.message) for s in audit.skipped[:100]],
    )


def _findings(audit: Audit) -> Table:
    severities: dict[str, str] = {s: _WORDS.get(s, s) for s in reversed(SEVERITIES)}
    shown = (
        Column("label", "property", "name"),
        Column("severity", "severity", "choice", choices=severities),
        Column("measure", "measure", wide=True),
        Column("value", "value", "number", 3),
        Column("low", "95 % from", "number", 3, wide=True),
        Column("high", "to", "number", 3, wide=True),
        Column("p", "p, corrected", "number", 4, wide=True),
        Column("sentence", "in words", wide=True),
    )
    rows = [
        {
            **{name: getattr(f, name) for name in ("severity", "measure", "sentence")},
            **{name: rounded(getattr(f, name)) for name in ("value", "low", "high", "p")},
            "label": CODES[f.code].label,
        }
        for f in audit.findings
    ]
    caption = "One row for every property that could be checked, the worst first."
    return of_dicts("checked", "Everything that was looked for", caption, shown, rows)


def _images(measured: Sequence[tuple[str, Folder]]) -> Table:
    share = MOST_ROWS // max(1, len(measured))
    rows = []
    for kind, folder in measured:
        found = sorted((image.row() for image in folder.images), key=lambda row: str(row["path"]))
        for row in found[:share]:
            told = {"class": kind, "size": f"{row['width']} × {row['height']}"}
            rows.append({c.name: (row | told)[c.name] for c in _IMAGE})
    kinds = {kind: kind for kind, _ in measured}
    shown = tuple(
        Column("class", "class", "word", choices=kinds) if c.name == "class" else c for c in _IMAGE
    )
    caption = "What was measured of each image; audit.csv has every figure, docs/audit.md its unit."
    return of_dicts("images", "Images", caption, shown, rows)


def _figure(compared: Sequence[AuditFinding]) -> Figure:
    from fp.reports.figures.style import new_figure
    from fp.reports.figures.tables import Interval, draw_intervals

    rows = [
        (CODES[f.code].label, Interval(f.value, f.low, f.high))
        for f in compared
        if f.low is not None and f.high is not None
    ]
    figure = new_figure(7.4, 0.7 + 0.26 * len(rows))
    axes = figure.add_subplot()
    draw_intervals(
        axes,
        rows,
        {"chance": 0.5, **LEAST_AREA},
        "area under the ROC curve, with its 95 % interval",
        [f.severity in ("warning", "serious") for f in compared],
    )
    axes.set_xlim(None, 1.01)
    return figure
