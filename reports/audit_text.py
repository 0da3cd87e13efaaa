"""An audit as text, as JSON, as a table and as a page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fp.audit.findings import CODES, Audit, AuditFinding
from fp.audit.measuring import Folder
from fp.reports.audit_page import page
from fp.reports.page import REPORT
from fp.reports.page import write as write_page
from fp.system.atomic_files import write_text_atomic
from fp.system.environment import tool_version
from fp.system.errors import OutputError
from fp.system.outputs import make_folder
from fp.system.paths import display_path

FILES = ("audit.json", "audit.csv", REPORT)
"""What `write` leaves in its folder."""


def lines(audit: Audit) -> Iterator[str]:
    """Yield an audit as lines of text, the worst first."""
    yield f"{audit.n_generated} generated and {audit.n_real} reference images"
    found = audit.at_least("note")
    if not audit.at_least("warning"):
        yield "no confound found" + ("; what differs a little:" if found else "")
    for finding in found:
        yield from _told(finding)
    clean = [CODES[f.code].label for f in audit.findings if f.severity == "none"]
    if clean:
        yield f"nothing found about: {', '.join(clean)}"


def _told(finding: AuditFinding) -> Iterator[str]:
    yield f"{finding.severity:<8} {finding.code}: {finding.sentence}"
    yield f"         what to do: {finding.advice}"
    for example in finding.examples:
        yield f"         e.g. {example}"


def warnings(audit: Audit) -> list[str]:
    """Return findings that are warnings or worse, a line each: severity, code, sentence, advice."""
    return [
        f"audit: {f.severity} ({f.code}): {f.sentence} What to do: {f.advice}."
        for f in audit.at_least("warning")
    ]


def check_output(folder: Path, names: Sequence[str] = FILES, *, overwrite: bool = False) -> None:
    """Refuse, by an `OutputError`, a folder that holds an earlier audit or cannot be made."""
    make_folder(folder)
    for name in names:
        if (folder / name).exists() and not overwrite:
            raise OutputError(
                f"{display_path(folder / name)} exists already; choose another folder or add "
                "--overwrite."
            )


def write(
    folder: Path,
    audit: Audit,
    measured: Sequence[tuple[str, Folder]],
    *,
    overwrite: bool = False,
) -> None:
    """Write ``audit.json``, ``audit.csv`` and ``report.html``, each whole or not at all.

    The folder exists. `OutputError` if a file exists or cannot be written.
    """
    content = {
        "tool_version": tool_version(),
        "n_generated": audit.n_generated,
        "n_real": audit.n_real,
        "prepared": audit.prepared,
        "match": [asdict(step) for step in audit.steps],
        "findings": [finding.as_dict() for finding in audit.findings],
        "skipped": [
            {"path": display_path(f.path), "reason": f.reason, "message": f.message}
            for f in audit.skipped
        ],
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_text_atomic(folder / "audit.csv", _table(measured), overwrite=overwrite)
    write_text_atomic(folder / "audit.json", text, overwrite=overwrite)
    write_page(folder / REPORT, page(audit, measured), overwrite=overwrite)


def _table(measured: Sequence[tuple[str, Folder]]) -> str:
    rows: list[dict[str, Any]] = []
    for kind, folder in measured:
        rows += sorted(
            ({"class": kind} | image.row() for image in folder.images), key=lambda row: row["path"]
        )
    buffer = io.StringIO()
    table = csv.DictWriter(
        buffer, list(rows[0]) if rows else ["class", "path"], lineterminator="\n"
    )
    table.writeheader()
    table.writerows(rows)
    return buffer.getvalue()
