"""The rows of a run as they come, each in a journal until the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from fp.images.loading import Limits, display_path
from fp.manifest.inputs import Hasher
from fp.runs.examination import Examiner, Item, examined
from fp.runs.journal import Journal, Row, open_journal
from fp.runs.map_files import MAPS
from fp.runs.options import RunOptions
from fp.runs.unfinished import sweep
from fp.system.atomic_files import output_error
from fp.system.errors import OutputError
from fp.system.outputs import make_folder

JOURNAL = "detections.journal"


@dataclass(frozen=True)
class Work:
    """What is examined by what.

    `run` says what the run is, for its journal.
    """

    examiner: Examiner
    run: Row
    items: Sequence[Item]


@contextmanager
def collected(
    folder: Path, work: Work, results: Sequence[str], how: RunOptions
) -> Iterator[Journal]:
    """Examine files into a journal, which is gone when the block has written its results.

    The folder is made where missing. The journal has a row for every file; `results` are the names
    of the files that the block writes. Errors are those of `fp.runs.results.detect_into`.
    """
    goes_on = how.resume and first_of(folder, [JOURNAL])
    if not (how.overwrite or goes_on):
        refuse_existing(folder, results)
    make_folder(folder)
    with open_journal(folder / JOURNAL) as journal:
        if how.overwrite:
            journal.clear()
        elif journal.is_empty:  # once more, now that no other run can come in between
            refuse_existing(folder, results)
        elif not how.resume:
            refuse_existing(folder, [JOURNAL])
        # What was interrupted may have been ended by an image, in this very process.
        how = replace(how, isolated=how.isolated or not journal.is_empty)
        journal.begin(work.run)
        sweep(folder / name for name in results)
        todo = _to_do(work, journal)
        done = len(work.items) - len(todo)
        if how.progress is not None:
            how.progress(done, len(work.items))
        maps = folder / MAPS if work.examiner.options.mapped else None
        examiner = replace(work.examiner, maps=maps)
        for finding in examined(examiner, todo, how, done):
            journal.append(
                {
                    "detection": finding.detection.as_dict(),
                    "attributions": [row.as_dict() for row in finding.attributions],
                }
            )
        yield journal
        journal.remove()


def _to_do(work: Work, journal: Journal) -> list[Item]:
    """Return the files without a row, or with a row of other bytes.

    A file that was not decoded is looked at again: it may be whole now.
    """
    known = [item for item in work.items if display_path(item.path) in journal]

    def rows() -> Iterator[Row]:
        stored = journal.rows(display_path(item.path) for item in known)
        return (row["detection"] for row in stored)

    again = {i for i, row in zip(known, rows(), strict=True) if row["sha256"] is None}
    again |= set(replaced(known, rows(), work.examiner.options.limits))
    return [i for i in work.items if i in again or display_path(i.path) not in journal]


def replaced(items: Iterable[Item], detections: Iterable[Row], limits: Limits) -> Iterator[Item]:
    """Yield each item whose file has other bytes than its row says.

    Items and rows come in one order. Rows of files that were never decoded have no hash, and are
    not asked.
    """
    for item, detection in zip(items, detections, strict=True):
        if detection["sha256"] is None:
            continue
        roots = () if item.root is None else (item.root,)
        if Hasher("image", roots, limits).lost(item.path).sha256 != detection["sha256"]:
            yield item


def first_of(folder: Path, names: Sequence[str]) -> str | None:
    """Return the first of these files that exists, or None."""
    try:
        return next((name for name in names if (folder / name).exists()), None)
    except OSError as error:
        raise output_error(folder, error) from error


def refuse_existing(folder: Path, names: Sequence[str]) -> None:
    """Refuse a folder that holds any of these files."""
    there = first_of(folder, names)
    if there is not None:
        remedy = "go on with --resume, or replace it with --overwrite"
        raise OutputError(
            f"{display_path(folder / there)} exists already; choose another folder, {remedy}."
        )
