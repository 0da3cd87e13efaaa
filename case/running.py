"""A run of a case: its exhibits against a bank, all kept inside."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import chdir
from dataclasses import asdict, replace
from pathlib import Path

from fp.case.folder import Case, add_bank, next_run, place_of
from fp.fingerprint.detection.banks import DEFAULT_MEMORY
from fp.fingerprint.detection.detection import DetectOptions
from fp.manifest.run import Invocation
from fp.runs.examination import examiner_of, list_items
from fp.runs.journal import Row
from fp.runs.options import RunOptions
from fp.runs.results import Summary, detect_into
from fp.system.errors import InputError, UsageError
from fp.system.hashing import hash_file


def run_case(
    case: Case,
    bank: Path,
    options: DetectOptions,
    *,
    exhibits: Sequence[str] = (),
    restart: bool = False,
    how: RunOptions | None = None,
) -> tuple[Row, Summary]:
    """Test exhibits against a bank, and return the run's entry and its counts.

    A run that was interrupted goes on.

    Parameters
    ----------
    case : Case
        The case.
    bank : Path
        A bank or a folder of banks; copied into the case.
    options : DetectOptions
        Parameters.
    exhibits : sequence of str
        Their names; by default all.
    restart : bool
        Begin an interrupted run anew, such as with other options, instead of going on.
    how : RunOptions, optional
        How it is done; whether it goes on, and what the manifest says of the call, is decided here.

    Raises
    ------
    UsageError
        If there is no such exhibit.
    InputError
        If there is none at all, or an interrupted run had another bank or other options.
    FpError
        If the bank cannot be used with these options, or the case cannot be written.
    """
    how = how or RunOptions()
    held = {entry["exhibit"]: entry for entry in case.of("exhibit")}
    unknown = [name for name in exhibits if name not in held]
    if unknown:
        raise UsageError(f"There is no exhibit {unknown[0]!r}; there are {len(held)}.")
    chosen = [held[name] for name in exhibits or held]
    if not chosen:
        raise InputError("The case has no exhibit; add some with 'fp case add'.")
    kept = add_bank(case, examiner_of(bank, options).bank)
    name = next_run(case)
    folder = Path("runs") / name
    copies = Path("banks") / kept["bank"]
    inputs = tuple(place_of(entry) for entry in chosen)
    invocation = Invocation(
        "detect",
        {
            "bank": copies,
            "inputs": inputs,
            "output": folder,
            "fpr": options.fpr,
            "rule": options.rule,
            "fdr": options.fdr,
            "resume": False,
            "jobs": how.jobs,
            "previews": how.previews,
            "memory": DEFAULT_MEMORY,
            "max_pixels": options.limits.pixels,
            "max_seconds": options.limits.seconds,
            "overwrite": False,
        },
    )
    # From within, so that every path in the results holds wherever the case lies later.
    with chdir(case.folder):
        summary = detect_into(
            folder,
            examiner_of(copies, options),
            list_items(inputs),
            # A run that is not in the log yet was interrupted, if it is there at all.
            replace(how, resume=not restart, overwrite=restart, invocation=invocation),
        )
        manifest_sha256 = hash_file(folder / "manifest.json")
    entry = case.record(
        {
            "kind": "run",
            "run": name,
            "command": "detect",
            "folder": folder.as_posix(),
            "bank": kept["bank"],
            "exhibits": [entry["exhibit"] for entry in chosen],
            "options": asdict(options),
            "manifest_sha256": manifest_sha256,
        }
    )[0]
    return entry, summary
