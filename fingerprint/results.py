"""The folder that a detection writes: rows as they come, tables and manifest at the end.

While a run lasts, every finished image is one line of a journal. A killed run leaves the journal
and nothing else; ``--resume`` drops a torn last line and goes on behind it. The tables are written
in the order of the paths, whole or not at all.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import false_discovery_control

from fp.denoisers.errors import InputError, IntegrityError, OutputError
from fp.denoisers.images import display_path
from fp.fingerprint.detection import DetectOptions
from fp.fingerprint.environment import describe, now_utc, tool_version
from fp.fingerprint.examination import (
    Examiner,
    Item,
    bank_identity,
    check_bank,
    file_sha256,
    open_bank,
    worker_died,
)
from fp.fingerprint.family import family_of
from fp.fingerprint.files import atomic_path, output_error, write_text_atomic
from fp.fingerprint.journal import Row, open_journal
from fp.fingerprint.judge import judge_of
from fp.fingerprint.rows import ATTRIBUTION_COLUMNS, DETECTION_COLUMNS, Detection
from fp.fingerprint.workers import run_in_order

JOURNAL = "detections.journal"
TABLES = ("detections.jsonl", "detections.csv", "attributions.csv")
MANIFEST = "manifest.json"
RESULTS = (MANIFEST, *TABLES)

_TEMPORARY = re.compile(rf"\.({'|'.join(map(re.escape, RESULTS))})\.[0-9a-f]{{8}}\.tmp")


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
    certified : float or None
        Upper bound (95 %) of the rate of false claims over the bank that its calibration certifies;
        see `fp.fingerprint.family.Family.certified`.
    weak : tuple of str
        Fingerprints that separate no better than label shuffles may.
    """

    images: int
    fingerprints: int
    decisions: dict[str, int]
    not_examined: dict[str, int]
    certified: float | None = None
    weak: tuple[str, ...] = ()


def detect_into(
    folder: Path,
    bank: Path,
    items: Sequence[Item],
    options: DetectOptions,
    *,
    jobs: int = 1,
    resume: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
    report: Callable[[Detection], None] | None = None,
) -> Summary:
    """Examine files and write their rows into a folder.

    Parameters
    ----------
    folder : Path
        Made where missing.
    bank : Path
        A bank or a folder of banks.
    items : sequence of Item
        Files in the order of the rows.
    options : DetectOptions
        Parameters.
    jobs : int
        Number of processes; the tables do not depend on it.
    resume : bool
        Go on where a run with the same bank and options was interrupted. Files that were finished
        keep their rows; all others are examined, also those that were not there at that time.
    overwrite : bool
        Replace the tables of an earlier run.
    progress : callable, optional
        Called with the number of files done and their total.
    report : callable, optional
        Called with the row of each file as it comes.

    Returns
    -------
    Summary
        Counts by decision and by reason.

    Raises
    ------
    OutputError
        If the folder holds results already, is in use, or cannot be written.
    UsageError, InputError, FormatError, DenoiserError
        If the bank cannot be used with these options, or a run of others is resumed.
    IntegrityError
        If the bank or the journal is damaged, or the bank changes meanwhile.
    """
    started = now_utc()
    identity = bank_identity(bank)
    members = open_bank(bank, identity)
    check_bank(members, options)
    run = _run(identity, options)
    paths = [display_path(item.path) for item in items]
    goes_on = resume and _first_of(folder, [JOURNAL])
    if resume and not goes_on and _first_of(folder, [MANIFEST]):
        return _summary_of_finished(folder / MANIFEST, run, paths)
    if not (overwrite or goes_on):
        _refuse_existing(folder, RESULTS)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error
    with open_journal(folder / JOURNAL) as journal:
        if overwrite:
            journal.clear()
        elif journal.is_empty:  # once more, now that no other run can come in between
            _refuse_existing(folder, RESULTS)
        elif not resume:
            _refuse_existing(folder, [JOURNAL])
        # What was interrupted may have been ended by an image, in this very process.
        isolated = not journal.is_empty
        journal.begin(run)
        _sweep(folder)
        todo = [item for item, path in zip(items, paths, strict=True) if path not in journal]
        done = len(items) - len(todo)
        if progress is not None:
            progress(done, len(items))
        examiner = Examiner(bank, identity, options)
        for finding in run_in_order(examiner, todo, worker_died, jobs, isolated=isolated):
            journal.append(
                {
                    "detection": finding.detection.as_dict(),
                    "attributions": [asdict(row) for row in finding.attributions],
                }
            )
            done += 1
            if report is not None:
                report(finding.detection)
            if progress is not None:
                progress(done, len(items))
        rows = journal.rows(paths)
        if options.fdr is not None:
            rates = corrected(journal.rows(paths))
            rows = (_corrected(row, rates, options.fdr) for row in rows)
        summary = _write_tables(folder, rows, len(members))
        summary = replace(
            summary,
            certified=family_of(tuple(members)).certified(options.fpr),
            weak=tuple(f.name for f in members if judge_of(f).weak),
        )
        _write_manifest(folder / MANIFEST, run, paths, started, summary)
        journal.remove()
    return summary


def _run(identity: tuple[tuple[str, str], ...], options: DetectOptions) -> Row:
    """Say what a run is; as JSON gives it back, so that it can be compared with what was stored."""
    found = {
        "tool_version": tool_version(),
        "bank": [{"name": name, "sha256": sha256} for name, sha256 in identity],
        "options": asdict(options),
    }
    run: Row = json.loads(json.dumps(found))
    return run


def _first_of(folder: Path, names: Sequence[str]) -> str | None:
    """Give the first of these files that exists, or none."""
    try:
        return next((name for name in names if (folder / name).exists()), None)
    except OSError as error:
        raise output_error(folder, error) from error


def _refuse_existing(folder: Path, names: Sequence[str]) -> None:
    there = _first_of(folder, names)
    if there is not None:
        remedy = "go on with --resume, or replace it with --overwrite"
        raise OutputError(
            f"{display_path(folder / there)} exists already; choose another folder, {remedy}."
        )


def _sweep(folder: Path) -> None:
    """Remove the temporary files of a run that was killed while it wrote its tables."""
    for path in folder.glob(".*.tmp"):
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


def corrected(rows: Iterable[Row]) -> dict[str, float]:
    """Correct p_bank over the images of a run.

    Parameters
    ----------
    rows : iterable of dict
        Rows of the journal.

    Returns
    -------
    dict of str to float
        Benjamini and Hochberg's adjusted p-value of each examined image, by path.
    """
    found = {
        row["detection"]["path"]: row["detection"]["p_bank"]
        for row in rows
        if row["detection"]["p_bank"] is not None
    }
    if not found:
        return {}
    adjusted = false_discovery_control(np.array(list(found.values())), method="bh")
    return dict(zip(found, adjusted.tolist(), strict=True))


def _corrected(row: Row, rates: Mapping[str, float], fdr: float) -> Row:
    detection = dict(row["detection"])
    rate = rates.get(detection["path"])
    detection["q_real"] = rate
    if detection["decision"] == "supports_generator" and (rate is None or rate > fdr):
        detection["decision"] = "inconclusive"
        detection["reasons"] = [*detection["reasons"], "beyond_false_discovery_rate"]
    return {**row, "detection": detection}


def _write_tables(folder: Path, rows: Iterator[Row], fingerprints: int) -> Summary:
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
            lines.write(_json_line(detection))
            table.writerow(_cells(detection, DETECTION_COLUMNS))
            for rank, attribution in enumerate(row["attributions"], start=1):
                attributions.writerow((rank, *_cells(attribution, ATTRIBUTION_COLUMNS)))
            decisions[detection["decision"]] += 1
            if detection["status"] == "not_examined":
                reasons.update(detection["reasons"])
    return Summary(
        decisions.total(),
        fingerprints,
        dict(sorted(decisions.items())),
        dict(sorted(reasons.items())),
    )


def _cells(row: dict[str, Any], columns: Sequence[str]) -> list[str]:
    """Give a row as text: lists joined by ``;``, floats so that they read back exactly."""
    cells = []
    for column in columns:
        value = row[column]
        if value is None:
            cells.append("")
        elif isinstance(value, list):
            cells.append("; ".join(value))
        else:
            cells.append(repr(value) if isinstance(value, float) else str(value))
    return cells


def _json_line(row: Row) -> bytes:
    return (json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _files(paths: Sequence[str]) -> Row:
    """Say which files a run was about, in few bytes."""
    digest = hashlib.sha256("\n".join(paths).encode())
    return {"count": len(paths), "paths_sha256": digest.hexdigest()}


def _write_manifest(
    path: Path, run: Row, paths: Sequence[str], started: str, summary: Summary
) -> None:
    manifest = {
        "encoding-type": "fp-manifest",
        "encoding-version": "1.0",
        "command": "detect",
        **run,
        "files": _files(paths),
        "summary": asdict(summary),
        "environment": describe(),
        "started_utc": started,
        "finished_utc": now_utc(),
        "outputs": {name: file_sha256(path.parent / name) for name in TABLES},
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    write_text_atomic(path, text, overwrite=True)


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
    if found != run or files != _files(paths):
        raise InputError(
            f"{display_path(path.parent)} holds the results of another bank, other options, other "
            "files or another fp; choose another folder or replace them with --overwrite."
        )
    return summary
