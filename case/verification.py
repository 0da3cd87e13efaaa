"""Checking a case: its chain, its files, and files that it does not name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fp.case.folder import found_at, named_files, size_of
from fp.case.log import LOG, examine_log, well_formed
from fp.images.loading import Limits
from fp.manifest.entry import Entry
from fp.manifest.inputs import Hasher
from fp.manifest.run import read_manifest
from fp.manifest.verification import Check, Difference, compared, verify_manifest
from fp.manifest.writing import files_below
from fp.system.errors import FpError
from fp.system.paths import display_path, path_of


def verify_case(folder: Path, check: Check | None = None) -> Iterator[Difference]:
    """Yield what differs between everything that a case names and what is there now.

    Without inputs, exhibits that the case has no copy of are not looked for. `InputError` if it is
    no case.
    """
    check = check or Check()
    entries, faults = examine_log(folder)
    shown = display_path(folder / LOG)
    for fault in faults:
        yield Difference("chain", shown, fault)
    entries = [e for n, e in enumerate(entries) if well_formed(e, first=n == 0)]
    named = named_files(entries)
    runs = [path_of(entry["folder"]) for entry in entries if entry["kind"] == "run"]
    exhibits = [entry for entry in entries if entry["kind"] == "exhibit"]
    vouched = {folder / LOG}
    for name, sha256 in named.items():
        vouched.add(folder / path_of(name))
        found = compared(folder / path_of(name), sha256)
        if found is not None:
            yield found
    for run in runs:
        try:
            manifest = read_manifest(folder / run)
            vouched |= {folder / run / path_of(name) for name in manifest.outputs}
            vouched.add(manifest.listing)
            # Its inputs are the exhibits and banks, which the log vouches for.
            yield from verify_manifest(manifest, Check(inputs=False))
        except FpError as error:
            yield Difference("changed", display_path(folder / run), str(error))
    root = folder.resolve()
    for path in files_below(folder):
        if path not in vouched:
            yield Difference("added", display_path(path))
        elif path.resolve() != root / path.relative_to(folder):
            # The same bytes today; whoever keeps them elsewhere may change them tomorrow.
            yield Difference("changed", display_path(path), "a link stands in its place")
    for entry in exhibits:
        yield from _exhibit(folder, entry, check)


def _exhibit(folder: Path, entry: Entry, check: Check) -> Iterator[Difference]:
    if not (entry["stored"] or check.inputs):
        return
    path = found_at(folder, entry, check.roots)
    if not entry["stored"]:  # copies in the case were compared with all its other files
        found = compared(path, entry["file_sha256"])
        if found is not None:
            yield found
            return
    if check.pixels and entry["pixels_sha256"]:
        again = Hasher("exhibit", limits=limits_of(entry))(path)
        # Other bytes were told already.
        if again.sha256 == entry["file_sha256"] and again.pixels_sha256 != entry["pixels_sha256"]:
            yield Difference("pixels", display_path(path))


def limits_of(entry: Entry) -> Limits:
    """Return limits that allow what was decoded when the exhibit was added, whatever held then."""
    width, height = size_of(entry) or (0, 0)
    return Limits(pixels=max(Limits().pixels, width * height))
