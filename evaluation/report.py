"""The files of an evaluation: tidy CSV, JSON, Markdown, pictures and one page for people."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from fp.evaluation.cells import Row
from fp.evaluation.configuration import Configuration
from fp.evaluation.page import page
from fp.evaluation.pictures import draw
from fp.evaluation.running import Evaluation
from fp.evaluation.summary import (
    Comparison,
    Figure,
    comparisons,
    figures_of,
    with_means,
)
from fp.evaluation.tables import markdown
from fp.reports.page import REPORT, write
from fp.system.atomic_files import write_text_atomic
from fp.system.environment import tool_version
from fp.system.paths import display_path

_CLAIM = ("method", "denoiser", "generator", "seed", "folder", "path", "log10_lr", "shuffled")


def write_report(found: Evaluation, configuration: Configuration, output: Path) -> list[Figure]:
    """Write all files of an evaluation into a folder. Those of an earlier report are replaced."""
    rows = with_means(found.rows)
    figures = figures_of(rows)
    compared = comparisons(rows, configuration.compare)
    _write_csv(output / "results.csv", [f.name for f in fields(Row)], map(asdict, found.rows))
    write_text_atomic(output / "results.json", _as_json(found, figures, compared), overwrite=True)
    note = (
        f"fp {tool_version()}, {found.cells} cells. Accuracies are balanced, forced, on images "
        "that neither the pattern nor its calibration has seen. In brackets: 95 % interval by "
        "Student's t over splits by source; splits share images, so it speaks about the choice "
        "of the training images. *null*: the same learned from shuffled labels. *n*: test images "
        "of a split x splits."
    )
    text = markdown(figures, compared, found.left_out, note)
    write_text_atomic(output / "results.md", text, overwrite=True)
    _write_csv(output / "claims.csv", _CLAIM, found.claims)
    _write_csv(
        output / "not_examined.csv",
        ("path", "reason", "message"),
        (
            {"path": display_path(s.path), "reason": s.reason, "message": s.message}
            for s in found.skipped
        ),
    )
    _write_csv(
        output / "sources.csv",
        ("class", "path", "sha256", "source", "content"),
        (
            {**vars(picture), "class": member.name, "path": picture.name}
            for member in found.dataset.members
            for picture in member.pictures
        ),
    )
    draw(figures, output / "figures")
    write(output / REPORT, page(found, figures, compared, configuration, note), overwrite=True)
    return figures


def _as_json(found: Evaluation, figures: Sequence[Figure], compared: Sequence[Comparison]) -> str:
    told: dict[str, Any] = {
        "tool_version": tool_version(),
        "crop": asdict(found.dataset.crop),
        "classes": {m.name: len(m.pictures) for m in found.dataset.members},
        "figures": [asdict(figure) for figure in figures],
        "comparisons": [{**asdict(c), "outcome": c.outcome} for c in compared],
        "left_out": found.left_out,
        "not_examined": len(found.skipped),
    }
    return json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _write_csv(path: Path, columns: Sequence[str], rows: Any) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        told: Mapping[str, Any] = row
        writer.writerow({name: _plain(told[name]) for name in columns})
    write_text_atomic(path, text.getvalue(), overwrite=True)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return repr(value)
    return str(value).lower() if isinstance(value, bool) else value
