"""A case: a folder with its log, exhibits, banks and runs.

Every file of it is named in the log by its hash. A command that is killed leaves the log as it was,
and at most files that no entry names, which the next command replaces.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fp.case.log import ENCODING, LOG, append, read_log, sweep
from fp.fingerprint.detection.opening import StoredBank
from fp.manifest.entry import Entry
from fp.manifest.inputs import resolved
from fp.manifest.writing import files_below
from fp.system.atomic_files import locked_folder, output_error, write_bytes_atomic
from fp.system.errors import InputError, OutputError, UsageError
from fp.system.outputs import make_folder
from fp.system.paths import display_path, path_of

H1 = "The image comes from the population that the reference images of the fingerprint stand for."
H2 = "The image was drawn by the generator from whose images the fingerprint was made."

_MOST_NOTE = 100_000


@dataclass
class Case:
    """A case that is open for changes.

    Parameters
    ----------
    folder : Path
        Its folder.
    entries : list of dict
        Its log, the first entry first.
    """

    folder: Path
    entries: list[Entry] = field(default_factory=list)

    def of(self, kind: str) -> list[Entry]:
        """Return the entries of one kind."""
        return [entry for entry in self.entries if entry["kind"] == kind]

    def record(self, *new: dict[str, Any]) -> list[Entry]:
        """Add entries to the log."""
        sealed = append(self.folder, self.entries, new)
        self.entries += sealed
        return sealed


def init_case(folder: Path, title: str, examiner: str = "", h1: str = H1, h2: str = H2) -> Entry:
    """Begin a case in a new or empty folder, and return its first entry.

    `OutputError` if the folder holds something or cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if files_below(folder):
            raise OutputError(f"{display_path(folder)} is not empty; choose another folder.")
        for name in ("exhibits", "banks", "runs"):
            (folder / name).mkdir(exist_ok=True)
    except OutputError:
        raise
    except OSError as error:
        raise output_error(folder, error) from error
    return Case(folder).record(
        {
            "kind": "init",
            **ENCODING,
            "title": _checked(title),
            "examiner": _checked(examiner),
            "propositions": {"h1": _checked(h1), "h2": _checked(h2)},
        }
    )[0]


@contextmanager
def open_case(folder: Path) -> Iterator[Case]:
    """Open a case for one command, and keep others out meanwhile.

    `InputError` if it is no case, `IntegrityError` if its chain is broken.
    """
    read_log(folder)
    with locked_folder(folder):
        case = Case(folder, read_log(folder))
        sweep(folder)
        yield case


def add_note(case: Case, text: str) -> Entry:
    """Add a note to the log."""
    if not text.strip():
        raise UsageError("A note without a word says nothing; write one.")
    return case.record({"kind": "note", "text": _checked(text)})[0]


def add_bank(case: Case, bank: StoredBank) -> Entry:
    """Copy a bank into a case, where it is not there yet.

    `InputError` if the bank changes meanwhile, `OutputError` if it cannot be written.
    """
    hashes = [sha256 for _, sha256 in bank.files]
    for entry in case.of("bank"):
        if [file["sha256"] for file in entry["files"]] == hashes:
            return entry
    name = f"B{len(case.of('bank')) + 1:02d}"
    folder = case.folder / "banks" / name
    make_folder(folder)
    files = []
    for number, (path, sha256) in enumerate(bank.files, start=1):
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            raise InputError(f"{display_path(path)} changed while it was in use; run again.")
        stored = f"banks/{name}/{number:04d}.h5"
        write_bytes_atomic(case.folder / stored, content, overwrite=True)
        files.append({"name": display_path(Path(path.name)), "stored": stored, "sha256": sha256})
    origin = display_path(Path(os.path.abspath(bank.path)))  # noqa: PTH100 - links stay
    return case.record({"kind": "bank", "bank": name, "origin": origin, "files": files})[0]


def found_at(folder: Path, exhibit: Entry, roots: Sequence[tuple[str, str]] = ()) -> Path:
    """Return where an exhibit is looked for: its copy in the case, else the original."""
    if exhibit["stored"]:
        return folder / path_of(exhibit["stored"])
    return resolved(exhibit["origin"], folder, roots)


def place_of(exhibit: Entry) -> Path:
    """Return the place of an exhibit, from within the folder of its case."""
    return path_of(exhibit["stored"] or exhibit["origin"])


def next_run(case: Case) -> str:
    """Return the name of the run that comes next, or that was interrupted."""
    return f"R{len(case.of('run')) + 1:02d}"


def size_of(exhibit: Entry) -> tuple[int, int] | None:
    """Return width and height of an exhibit as it was decoded. None where it was not."""
    found = re.fullmatch(r"(\d{1,9})x(\d{1,9})", exhibit["size"] or "", re.ASCII)
    return (int(found[1]), int(found[2])) if found else None


def _checked(text: str) -> str:
    if len(text) > _MOST_NOTE:
        raise UsageError(
            f"A text of {len(text)} characters is too long for a log; add it as an exhibit."
        )
    return text


def named_files(entries: Iterable[Entry]) -> dict[str, str]:
    """Return the hash of every file that a log names, by its path.

    Without the log itself, and without what the manifests of the runs name.
    """
    found: dict[str, str] = {}
    for entry in entries:
        if entry["kind"] == "exhibit" and entry["stored"]:
            found[entry["stored"]] = entry["file_sha256"]
        elif entry["kind"] == "bank":
            found |= {file["stored"]: file["sha256"] for file in entry["files"]}
        elif entry["kind"] == "run":
            found[f"{entry['folder']}/manifest.json"] = entry["manifest_sha256"]
        elif entry["kind"] == "report":
            found[entry["file"]] = entry["file_sha256"]  # a later report replaces an earlier one
    found.pop(LOG, None)
    return found
