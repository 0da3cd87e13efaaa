"""The log of a case: a chain of entries, closed by its last line."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from types import NoneType
from typing import Any

from fp.manifest.entry import Entry, canonical, chain_faults, seal
from fp.manifest.run import stays_inside
from fp.system.atomic_files import write_bytes_atomic
from fp.system.environment import clock_utc, tool_version
from fp.system.errors import FormatError, InputError, IntegrityError, OutputError
from fp.system.paths import display_path, is_file

LOG = "log.jsonl"
ENCODING = {"encoding-type": "fp-case", "encoding-version": "1.1"}

_MOST_BYTES = 2**30

_TEXT, _MAYBE = (str,), (str, NoneType)
_MEMBERS: dict[str, dict[str, tuple[type, ...]]] = {
    "init": {"title": _TEXT, "examiner": _TEXT, "propositions": (dict,)},
    "exhibit": {
        "bytes": (int,),
        **dict.fromkeys(("exhibit", "name", "origin", "file_sha256"), _TEXT),
        **dict.fromkeys(("stored", "pixels_sha256", "format", "size", "reason"), _MAYBE),
    },
    "refused": {"origin": _TEXT, "reason": _TEXT, "message": _TEXT},
    "note": {"text": _TEXT},
    "bank": {"bank": _TEXT, "origin": _TEXT, "files": (list,)},
    "run": {
        **dict.fromkeys(("run", "folder", "bank", "manifest_sha256"), _TEXT),
        "exhibits": (list,),
        "options": (dict,),
    },
    "report": {"file": _TEXT, "file_sha256": _TEXT},
}
_SINCE_1_1 = {"exhibit": {"file_md5": str, "file_sha1": str}}
_TEMPORARY = re.compile(r"\..{1,40}\.[0-9a-f]{8}\.tmp")


def is_case(folder: Path) -> bool:
    """Return whether a folder is that of a case."""
    return is_file(folder / LOG)


def read_log(folder: Path) -> list[Entry]:
    """Return the entries of a case, the first one first, all of them sound.

    Errors are those of `examine_log`, and `IntegrityError` if the chain is broken.
    """
    entries, faults = examine_log(folder)
    if faults:
        raise IntegrityError(
            f"{display_path(folder / LOG)} is broken: {faults[0]}; use an undamaged copy of the "
            "case."
        )
    return entries


def examine_log(folder: Path) -> tuple[list[Entry], list[str]]:
    """Return the readable entries of a log, and a sentence's end for each fault.

    `InputError` if there is no log, `FormatError` if it is of a version that this fp does not know.
    """
    path = folder / LOG
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise FormatError(f"{display_path(path)} is larger than any log of a case.")
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(
            f"{display_path(path)} cannot be read ({error.strerror}); name the folder of a case, "
            "which 'fp case init' makes."
        ) from None
    entries: list[Entry] = []
    faults: list[str] = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            entry = json.loads(line)
            whole = isinstance(entry, dict) and canonical(entry) == line
        except (ValueError, RecursionError):
            whole = False
        if whole:
            entries.append(entry)
        else:
            faults.append(f"line {number} is not as fp wrote it")
    closing = entries.pop() if entries else {}
    if lines[-1]:
        faults.append("its last line has no end")
    version = entries[0].get("encoding-version") if entries else None
    if version is not None and str(version).partition(".")[0] != "1":
        raise FormatError(
            f"{display_path(path)} is of version {version!r} and this fp reads version 1; use the "
            "fp that wrote it."
        )
    faults += chain_faults(entries)
    faults += [
        f"entry {number} is not of the form of its kind"
        for number, entry in enumerate(entries, start=1)
        if not well_formed(entry, first=number == 1)
    ]
    last = entries[-1].get("sha256") if entries else None
    if not entries or closing != _closing(len(entries), last):
        faults.append("its closing line does not name the last entry")
    return entries, faults


def well_formed(entry: Entry, *, first: bool = False) -> bool:
    """Return whether an entry has what fp writes into one of its kind.

    Members and types are those of docs/case.md, and no path leads out of the case; kinds that this
    fp does not know are left to a later one. `first` is whether it is the first of its log.
    """
    if not all(isinstance(entry.get(name), str) for name in ("kind", "time_utc", "tool_version")):
        return False
    kind = entry["kind"]
    members = _MEMBERS.get(kind, {}).items()
    if (kind == "init") != first or not all(isinstance(entry.get(n, 0.0), t) for n, t in members):
        return False
    later = _SINCE_1_1.get(kind, {})
    if not all(isinstance(entry[name], t) for name, t in later.items() if name in entry):
        return False
    files = entry["files"] if kind == "bank" else []
    for file in files:
        if not isinstance(file, dict) or not isinstance(file.get("sha256"), str):
            return False
    inside = {
        "exhibit": [entry.get("stored") or "."],
        "bank": [entry.get("bank"), *(file.get("stored") for file in files)],
        "run": [entry.get("folder"), entry.get("bank")],
        "report": [entry.get("file")],
    }.get(kind, [])
    texts = [*entry["propositions"].values()] if kind == "init" else entry.get("exhibits", [])
    return (
        all(name == "." or stays_inside(name) for name in inside)
        and all(isinstance(text, str) for text in texts)
        and (kind != "init" or {"h1", "h2"} <= set(entry["propositions"]))
        and (kind != "run" or {"rule", "fpr"} <= set(entry["options"]))
    )


def append(folder: Path, entries: Sequence[Entry], new: Sequence[dict[str, Any]]) -> list[Entry]:
    """Add entries, JSON types with their `kind`, to those of `read_log`. All are there then, or
    none.

    Their time is that of the clock: a log says when somebody did something.
    `OutputError` if the log cannot be written.
    """
    previous = entries[-1]["sha256"] if entries else None
    sealed = []
    for number, content in enumerate(new, start=len(entries) + 1):
        entry = seal(
            {"number": number, "time_utc": clock_utc(), "tool_version": tool_version(), **content},
            previous,
        )
        previous = entry["sha256"]
        sealed.append(entry)
    lines = [canonical(entry) for entry in (*entries, *sealed)]
    lines.append(canonical(_closing(len(lines), previous)))
    write_bytes_atomic(folder / LOG, b"\n".join(lines) + b"\n", overwrite=bool(entries))
    return sealed


def _closing(count: int, last: object) -> Entry:
    return {"entries": count, "last": last}


def sweep(folder: Path) -> None:
    """Remove temporary files that a killed command left in a case. No other command may be at it.

    `OutputError` if one cannot be removed.
    """
    for place in (folder, folder / "exhibits", *folder.glob("banks/*")):
        for path in place.glob(".*.tmp"):
            if _TEMPORARY.fullmatch(path.name):
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    raise OutputError(
                        f"{display_path(path)} cannot be removed ({error.strerror}); remove it."
                    ) from error
