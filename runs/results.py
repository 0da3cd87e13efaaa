"""The folder that a detection writes: rows first, tables and manifest at the end.

While a run lasts, every finished image is one line of a journal. A killed run leaves the journal
and nothing else; ``--resume`` drops a torn last line and goes on behind it. The tables are written
in the order of the paths, whole or not at all.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fp.fingerprint.decision.rows import ATTRIBUTION_COLUMNS, DETECTION_COLUMNS
from fp.fingerprint.detection.banks import BankFacts
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.detection.opening import StoredBank
from fp.images.loading import display_path
from fp.manifest.inputs import Hasher, InputFile
from fp.manifest.run import Invocation
from fp.manifest.writing import LISTING, MANIFEST, Recorder
from fp.reports.detections import Run, leave_report
from fp.reports.page import REPORT
from fp.runs.collecting import JOURNAL, Work, collected, first_of, replaced
from fp.runs.examination import Examiner, Item
from fp.runs.journal import Row, json_line
from fp.runs.map_files import maps_of, sweep_maps
from fp.runs.options import RunOptions
from fp.system.atomic_files import atomic_path
from fp.system.environment import tool_version
from fp.system.errors import InputError, IntegrityError

TABLES = ("detections.jsonl", "detections.csv", "attributions.csv")
RESULTS = (MANIFEST, LISTING, *TABLES, REPORT)


@dataclass(frozen=True)
class Summary:
    """What a detection came to.

    Parameters
    ----------
    images : int
        Number of files.
    fingerprints : int
        Number of fingerprints.
    decisions : dict of str to int
        Number of files of each decision.
    not_examined : dict of str to int
        Number of files of each reason why they were not examined.
    certified, weak : float or None, tuple of str
        As in `fp.fingerprint.detection.banks.BankFacts`.
    """

    images: int
    fingerprints: int
    decisions: dict[str, int]
    not_examined: dict[str, int]
    certified: float | None = None
    weak: tuple[str, ...] = ()


def detect_into(
    folder: Path,
    examiner: Examiner,
    items: Sequence[Item],
    how: RunOptions | None = None,
) -> Summary:
    """Examine files and write their rows, in the order of `items`, into a folder.

    The folder is made where missing; `fp.runs.examination.examiner_of` makes the examiner of a
    bank. By default all is done in this process, afresh, and with a full report.

    Raises
    ------
    OutputError
        If the folder holds results already, is in use, or cannot be written.
    InputError
        If a run of another bank or other options is resumed.
    IntegrityError
        If the journal is damaged, or the bank changes meanwhile.
    """
    how = how or RunOptions()
    invocation = how.invocation or Invocation("detect", {})
    recorder = Recorder(folder / MANIFEST, invocation, folder=True, passing=(JOURNAL,))
    options = examiner.options
    run = run_of(examiner)
    paths = [display_path(item.path) for item in items]
    goes_on = how.resume and first_of(folder, [JOURNAL])
    if how.resume and not goes_on and first_of(folder, [MANIFEST]):
        earlier = _summary_of_finished(folder / MANIFEST, run, paths)
        refuse_replaced(folder / TABLES[0], items, options)
        return earlier
    with collected(folder, Work(examiner, run, items), RESULTS, how) as journal:
        rows = final_rows(lambda: journal.rows(paths), options.fdr)
        summary = write_tables(folder, rows(), examiner.facts)
        maps = maps_of(folder, (row["detection"]["map"] for row in journal.rows(paths)))
        if how.overwrite:
            sweep_maps(folder, maps)
        place = {display_path(item.path): (item.path, item.root) for item in items}.__getitem__
        found = Run(
            folder=folder,
            run=run,
            summary=asdict(summary),
            rows=rows,
            place=place,
            members=examiner.members_of,
            reporting=how.reporting,
            previews=how.previews,
        )
        inputs = _inputs(examiner.bank, journal.rows(paths), items, options)
        recorder.finish(
            inputs,
            [*(folder / name for name in TABLES), *maps, *leave_report(found)],
            {**run, "files": files_of(paths), "summary": asdict(summary)},
        )
    return summary


def run_of(examiner: Examiner) -> Row:
    """Return what a run is, to compare with what was stored as JSON."""
    found = {
        "tool_version": tool_version(),
        "bank": [{"name": name, "sha256": sha256} for name, sha256 in examiner.bank.identity],
        "options": asdict(examiner.options),
    }
    run: Row = json.loads(json.dumps(found))
    return run


def corrected(rows: Iterable[Row]) -> dict[str, float]:
    """Return p_bank of each examined image, by path, adjusted over all images of a run.

    The adjustment is Benjamini and Hochberg's; `rows` are those of the journal.
    """
    found = {
        row["detection"]["path"]: row["detection"]["p_bank"]
        for row in rows
        if row["detection"]["p_bank"] is not None
    }
    if not found:
        return {}
    from scipy.stats import false_discovery_control  # takes a second to import

    adjusted = false_discovery_control(np.array(list(found.values())), method="bh")
    return dict(zip(found, adjusted.tolist(), strict=True))


def final_rows(rows: Callable[[], Iterator[Row]], fdr: float | None) -> Callable[[], Iterator[Row]]:
    """Return what gives the rows of a run as its tables have them. It is called as `rows` is.

    `rows` gives those of the journal, from the first on, each time that it is called; `fdr` is the
    false-discovery rate over all of them, where one was asked for.
    """
    if fdr is None:
        return rows
    rates = corrected(rows())
    return lambda: (_corrected(row, rates, fdr) for row in rows())


def _corrected(row: Row, rates: Mapping[str, float], fdr: float) -> Row:
    detection = dict(row["detection"])
    rate = rates.get(detection["path"])
    detection["q_real"] = rate
    if detection["decision"] == "supports_generator" and (rate is None or rate > fdr):
        detection["decision"] = "inconclusive"
        detection["reasons"] = [*detection["reasons"], "beyond_false_discovery_rate"]
    return {**row, "detection": detection}


def write_tables(folder: Path, rows: Iterator[Row], bank: BankFacts) -> Summary:
    """Write the three tables of a run, whole or not at all, and count."""
    decisions: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    with (
        atomic_path(folder / TABLES[0], overwrite=True) as lines_at,
        atomic_path(folder / TABLES[1], overwrite=True) as table_at,
        atomic_path(folder / TABLES[2], overwrite=True) as attributions_at,
        lines_at.open("wb") as lines,
        table_at.open("w", encoding="utf-8", newline="") as table_file,
        attributions_at.open("w", encoding="utf-8", newline="") as attributions_file,
    ):
        table = csv.writer(table_file, lineterminator="\n")
        table.writerow(DETECTION_COLUMNS)
        attributions = csv.writer(attributions_file, lineterminator="\n")
        attributions.writerow(("rank", *ATTRIBUTION_COLUMNS))
        for row in rows:
            detection = row["detection"]
            lines.write(json_line(detection))
            table.writerow([cell(detection[column]) for column in DETECTION_COLUMNS])
            for rank, attribution in enumerate(row["attributions"], start=1):
                cells = (cell(attribution[column]) for column in ATTRIBUTION_COLUMNS)
                attributions.writerow((rank, *cells))
            decisions[detection["decision"]] += 1
            if detection["status"] == "not_examined":
                reasons.update(detection["reasons"])
    return Summary(
        decisions.total(),
        bank.fingerprints,
        dict(sorted(decisions.items())),
        dict(sorted(reasons.items())),
        bank.certified,
        bank.weak,
    )


def cell(value: Any) -> str:
    """Return a value as text: lists joined by ``;``, floats so that they read back exactly."""
    if value is None:
        return ""
    if isinstance(value, list):
        return "; ".join(value)
    return repr(value) if isinstance(value, float) else str(value)


def files_of(paths: Sequence[str]) -> Row:
    """Return which files a run was about, in few bytes."""
    digest = hashlib.sha256("\n".join(paths).encode())
    return {"count": len(paths), "paths_sha256": digest.hexdigest()}


def _inputs(
    bank: StoredBank, rows: Iterator[Row], items: Sequence[Item], options: DetectOptions
) -> Iterator[InputFile]:
    """Yield what a run read: the bank, and the hashes that its rows already hold."""
    for path, sha256 in bank.files:
        yield InputFile("bank", display_path(path), sha256)
    for row, item in zip(rows, items, strict=True):
        found = row["detection"]
        if found["sha256"] is None:  # never decoded: only its bytes are known
            roots = () if item.root is None else (item.root,)
            yield Hasher("image", roots, options.limits).lost(item.path)
        else:
            yield InputFile("image", found["path"], found["sha256"], found["pixels_sha256"])


def refuse_replaced(rows: Path, items: Sequence[Item], options: DetectOptions) -> None:
    """Refuse finished rows, in a file of JSON lines, whose files were replaced since."""
    try:
        with rows.open("rb") as lines:
            found = (json.loads(line) for line in lines)
            detections = (row.get("detection", row) for row in found)
            other = next(replaced(items, detections, options.limits), None)
    except (OSError, ValueError, KeyError) as error:
        raise IntegrityError(
            f"{display_path(rows)} is no table of this run ({error}); start afresh with "
            "--overwrite."
        ) from None
    if other is not None:
        raise InputError(
            f"{display_path(other.path)} is another file than the one that "
            f"{display_path(rows.parent)} holds a row of; choose another folder or replace its "
            "results with --overwrite."
        )


def _summary_of_finished(path: Path, run: Row, paths: Sequence[str]) -> Summary:
    try:
        manifest = json.loads(path.read_text("utf-8"))
        found = {key: manifest[key] for key in run}
        files, summary = manifest["files"], Summary(**manifest["summary"])
        summary = replace(summary, weak=tuple(summary.weak))
    except (ValueError, TypeError, KeyError):
        raise IntegrityError(
            f"{display_path(path)} is no manifest of fp; start afresh with --overwrite."
        ) from None
    if found != run or files != files_of(paths):
        raise InputError(
            f"{display_path(path.parent)} holds the results of another bank, other options, other "
            "files or another fp; choose another folder or replace them with --overwrite."
        )
    return summary
