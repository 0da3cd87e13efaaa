"""A run in several pieces, on several machines, and their merging.

Shard i of n examines files i, i + n, i + 2n and so on of the list that all shards make of the same
inputs. It leaves its rows and, last of all, a completion manifest. Merging checks that the shards
are pieces of one run and writes the tables that one process would have written, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from fp.fingerprint.detection.banks import BankFacts
from fp.fingerprint.detection.opening import StoredBank, open_for_examination
from fp.manifest.inputs import InputFile
from fp.manifest.run import Invocation
from fp.manifest.writing import MANIFEST, Recorder
from fp.reports.detections import Members, Reporting, Run, leave_report
from fp.reports.previews import Showing
from fp.runs.collecting import JOURNAL, Work, collected, first_of, refuse_existing
from fp.runs.examination import Examiner, Item
from fp.runs.journal import Row, json_line
from fp.runs.options import RunOptions
from fp.runs.results import (
    RESULTS,
    TABLES,
    Summary,
    files_of,
    final_rows,
    refuse_replaced,
    run_of,
    write_tables,
)
from fp.system.atomic_files import atomic_path, write_text_atomic
from fp.system.environment import describe, now_utc
from fp.system.errors import InputError, IntegrityError, UsageError
from fp.system.hashing import hash_file
from fp.system.outputs import make_folder
from fp.system.paths import display_path, path_of

ROWS = "shard.jsonl"
COMPLETION = "shard.json"

_Kind = TypeVar("_Kind")


@dataclass(frozen=True)
class Shard:
    """One piece of a run.

    Parameters
    ----------
    index : int
        Its number, from 1.
    of : int
        Number of pieces.

    Raises
    ------
    UsageError
        If there is no such piece.
    """

    index: int
    of: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.of:
            raise UsageError(
                f"There is no shard {self.index}/{self.of}; use I/N with 1 <= I <= N, such as 1/3."
            )

    def part(self, items: Sequence[_Kind]) -> Sequence[_Kind]:
        """Return the items of this piece."""
        return items[self.index - 1 :: self.of]


def detect_shard(
    folder: Path,
    examiner: Examiner,
    items: Sequence[Item],
    shard: Shard,
    how: RunOptions | None = None,
) -> int:
    """Examine a piece of the files, leave its rows for `merge`, and count them.

    `folder` is of this shard alone, made where missing; `items` are all files of the run, the same
    for every shard. The rest, errors too, is as in `fp.runs.results.detect_into`.
    """
    started = now_utc()
    how = how or RunOptions()
    mine, facts = shard.part(items), examiner.facts
    files = files_of([display_path(item.path) for item in items])
    run = {**run_of(examiner), "shard": [shard.index, shard.of], "files": files}
    if how.resume and not first_of(folder, [JOURNAL]) and first_of(folder, [COMPLETION]):
        done = _completion(folder)
        if {key: done.get(key) for key in run} != run:
            raise InputError(
                f"{display_path(folder)} holds a shard of another run; choose another folder or "
                "replace it with --overwrite."
            )
        refuse_replaced(folder / ROWS, mine, examiner.options)
        return len(mine)
    work = Work(examiner, run, mine)
    with collected(folder, work, (COMPLETION, ROWS, *RESULTS), how) as journal:
        with atomic_path(folder / ROWS, overwrite=True) as rows_at, rows_at.open("wb") as lines:
            for row in journal.rows(display_path(item.path) for item in mine):
                lines.write(json_line(row))
        completion = {
            "encoding-type": "fp-shard",
            "encoding-version": "1.0",
            **run,
            "rows": {"count": len(mine), "sha256": hash_file(folder / ROWS)},
            "of_bank": {
                "fingerprints": facts.fingerprints,
                "certified": facts.certified,
                "weak": facts.weak,
            },
            "environment": describe(),
            "started_utc": started,
            "finished_utc": now_utc(),
        }
        text = json.dumps(completion, indent=2, ensure_ascii=False) + "\n"
        write_text_atomic(folder / COMPLETION, text, overwrite=True)
    return len(mine)


def merge(
    folders: Sequence[Path],
    output: Path,
    *,
    overwrite: bool = False,
    invocation: Invocation | None = None,
    bank: Path | None = None,
    reporting: Reporting = "full",
    previews: Showing = "shown",
) -> Summary:
    """Join all shards of one run, in any order, into a folder. It is made where missing.

    `bank` is that of the run, for its fingerprints in the report, whose pictures are of files that
    lie where the shards found them.

    Raises
    ------
    InputError
        If a shard is missing, given twice, unfinished or of another run, or the bank is another.
    IntegrityError
        If a shard is damaged.
    OutputError
        If the folder holds results already or cannot be written.
    """
    recorder = Recorder(
        output / MANIFEST, invocation or Invocation("merge", {}), folder=True, passing=(JOURNAL,)
    )
    shards = _in_order(folders)
    first = shards[0][1]
    members = None if bank is None else _members(bank, first)
    if not overwrite:
        refuse_existing(output, RESULTS)
    make_folder(output)
    rows_of = [folder / ROWS for folder, _ in shards]
    paths = [row["detection"]["path"] for row in _interleaved(rows_of)]
    if files_of(paths) != first["files"]:
        raise IntegrityError(
            f"{display_path(folders[0])} and the other shards do not hold the files of their run; "
            "examine them again."
        )
    run = {key: first[key] for key in ("tool_version", "bank", "options")}
    of_bank = first["of_bank"]
    facts = BankFacts(of_bank["fingerprints"], of_bank["certified"], tuple(of_bank["weak"]))
    rows = final_rows(lambda: _interleaved(rows_of), first["options"]["fdr"])
    summary = write_tables(output, rows(), facts)
    found = Run(output, run, asdict(summary), rows, _place, members, reporting, previews)
    recorder.finish(
        _inputs([folder for folder, _ in shards], _interleaved(rows_of)),
        [*(output / name for name in TABLES), *leave_report(found)],
        {**run, "files": files_of(paths), "summary": asdict(summary)},
    )
    return summary


def _members(bank: Path, completion: Row) -> Members:
    stored = StoredBank.at(bank)
    if [{"name": name, "sha256": sha256} for name, sha256 in stored.identity] != completion["bank"]:
        raise InputError(
            f"{display_path(bank)} is not the bank that these shards were examined with; name that "
            "one, or leave it out."
        )
    return open_for_examination(stored).members_of


def _place(path: str) -> tuple[Path, Path | None]:
    """Return where the shards found a file; what it holds is checked by its hash."""
    return path_of(path), None


def _inputs(folders: Sequence[Path], rows: Iterator[Row]) -> Iterator[InputFile]:
    """Yield what a merged run rests on: its shards, and what they read."""
    for folder in folders:
        for path in (folder / COMPLETION, folder / ROWS):
            yield InputFile("shard", display_path(path), hash_file(path))
    for row in rows:
        found = row["detection"]
        yield InputFile("image", found["path"], found["sha256"], found["pixels_sha256"])


def _in_order(folders: Sequence[Path]) -> list[tuple[Path, Row]]:
    found: dict[int, tuple[Path, Row]] = {}
    for folder in folders:
        completion = _completion(folder)
        index, of = completion["shard"]
        if index in found:
            raise InputError(
                f"{display_path(folder)} and {display_path(found[index][0])} both hold shard "
                f"{index}/{of}; name each shard once."
            )
        found[index] = (folder, completion)
        _check_rows(folder, completion)
    reference_folder, reference = next(iter(found.values()))
    for folder, completion in found.values():
        for key in ("tool_version", "bank", "options", "files"):
            if completion[key] != reference[key]:
                raise InputError(
                    f"{display_path(folder)} and {display_path(reference_folder)} are shards of "
                    f"different runs: their {key.replace('_', ' ')} differ; merge shards of one "
                    "run."
                )
        if completion["shard"][1] != reference["shard"][1]:
            raise InputError(
                f"{display_path(folder)} and {display_path(reference_folder)} are shards of "
                "different numbers of pieces; merge shards of one run."
            )
    of = reference["shard"][1]
    missing = [f"{index}/{of}" for index in range(1, of + 1) if index not in found]
    if missing:
        raise InputError(
            f"Shard {', '.join(missing)} is missing beside {display_path(reference_folder)}; "
            "examine it, or name its folder too."
        )
    return [found[index] for index in range(1, of + 1)]


def _completion(folder: Path) -> Row:
    path = folder / COMPLETION
    try:
        found: Row = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{display_path(folder)} holds no finished shard; finish it with 'fp detect --shard' "
            "and --resume."
        ) from None
    except (OSError, ValueError) as error:
        raise IntegrityError(
            f"{display_path(path)} cannot be read ({error}); examine that shard again."
        ) from None
    try:
        if found["encoding-type"] != "fp-shard" or int(found["encoding-version"][0]) != 1:
            raise ValueError("another type or version")
        Shard(*found["shard"])
        _ = [found[key] for key in ("files", "bank", "options", "tool_version", "of_bank", "rows")]
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityError(
            f"{display_path(path)} is no completion manifest of fp ({error}); examine that shard "
            "again."
        ) from None
    return found


def _check_rows(folder: Path, completion: Row) -> None:
    path = folder / ROWS
    try:
        digest = hash_file(path)
    except OSError as error:
        raise IntegrityError(
            f"{display_path(path)} cannot be read: {error.strerror}; examine that shard again."
        ) from None
    if digest != completion["rows"]["sha256"]:
        raise IntegrityError(
            f"{display_path(path)} is not what its shard wrote; examine that shard again."
        )


def _interleaved(paths: Sequence[Path]) -> Iterator[Row]:
    """Yield the rows of all shards in the order of the whole run. One row of each is in memory."""
    files: list[Any] = []
    try:
        files.extend(path.open("rb") for path in paths)
        turn = 0
        while line := files[turn].readline():
            yield json.loads(line)
            turn = (turn + 1) % len(files)
    finally:
        for file in files:
            file.close()
