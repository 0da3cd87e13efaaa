"""Writing a manifest: started before the work, finished when all outputs are in their place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fp.manifest.entry import Entry, chain_faults, seal
from fp.manifest.inputs import InputFile
from fp.manifest.machine import machine, versions
from fp.manifest.run import ENCODING, Invocation, read_manifest, rendered
from fp.system.atomic_files import atomic_path, output_error, write_bytes_atomic
from fp.system.environment import now_utc, tool_version
from fp.system.errors import FpError, InputError
from fp.system.hashing import hash_file
from fp.system.paths import display_path, is_link

MANIFEST = "manifest.json"
LISTING = "inputs.jsonl"


def manifest_of(output: Path) -> Path:
    """Return the place of the manifest of an output that is a single file."""
    return output.with_name(f"{output.name}.{MANIFEST}")


def listing_of(manifest: Path) -> Path:
    """Return the place of the list of inputs that belongs to a manifest."""
    return manifest.with_name(manifest.name.removesuffix(MANIFEST) + LISTING)


class Recorder:
    """The manifest of one run, from its start to its end.

    Parameters
    ----------
    place : Path
        The manifest to be written, named ``manifest.json`` or ``NAME.manifest.json``.
    invocation : Invocation
        What was called.
    folder : bool
        Whether the output is the manifest's folder. Where nothing else lies in it, whatever is
        found there later was added.
    scratch : sequence of str
        Folders and files below it that are not part of the result.
    passing : sequence of str
        Files below it that go away with the end of the run.
    """

    def __init__(
        self,
        place: Path,
        invocation: Invocation,
        *,
        folder: bool = False,
        scratch: Sequence[str] = (),
        passing: Sequence[str] = (),
    ) -> None:
        self.place = place
        self._invocation = invocation
        self._folder = folder
        self._scratch = tuple(scratch)
        self._passing = tuple(passing)
        self._started = now_utc()

    def finish(
        self,
        inputs: Iterable[InputFile],
        outputs: Iterable[Path] | None = None,
        told: Mapping[str, Any] | None = None,
        used: Iterable[str] = (),
    ) -> Entry:
        """Write the list of inputs, then the manifest.

        Parameters
        ----------
        inputs : iterable of InputFile
            All inputs, in an order that does not depend on the run; read once.
        outputs : iterable of Path, optional
            Files that the run wrote, all below the manifest's folder; by default everything in the
            folder that is neither scratch nor passing.
        told : mapping, optional
            What the command says of the run: resolved options, counts; JSON types only.
        used : iterable of str
            Hashes of files that the result rests on. One that is not among the inputs has changed
            since, and an `InputError` says so.
        """
        folder = self.place.parent
        listing = listing_of(self.place)
        count, unseen = 0, set(used)
        digest = hashlib.sha256()
        with atomic_path(listing, overwrite=True) as temporary, temporary.open("wb") as lines:
            for count, file in enumerate(inputs, start=1):  # noqa: B007
                lines.write(file.line)
                digest.update(file.line)
                unseen.discard(file.sha256 or "")
            if unseen:
                raise InputError(
                    f"{len(unseen)} of the input files changed while they were in use; run again "
                    "when nothing writes to their folders."
                )
        parameters = self._invocation.encoded()
        found = self._inside() if outputs is None else sorted(outputs)
        jobs = parameters.get("jobs")
        entry: Entry = {
            **ENCODING,
            "command": self._invocation.command,
            "tool_version": tool_version(),
            "parameters": parameters or None,
            "seeds": {name: value for name, value in parameters.items() if "seed" in name},
            "base": _base(folder),
            **(told or {}),
            "inputs": {
                "file": display_path(Path(listing.name)),
                "count": count,
                "sha256": digest.hexdigest(),
            },
            "environment": versions(),
            "machine": machine(jobs if isinstance(jobs, int) else None),
            "started_utc": self._started,
            "finished_utc": now_utc(),
            "outputs": dict(self._hashes(found)),
            "whole_folder": self._folder and set(self._inside()) <= set(found),
            "scratch": list(self._scratch),
        }
        history = _history(self.place)
        sealed = seal(entry, history[-1]["sha256"] if history else None)
        sealed["history"] = history
        write_bytes_atomic(self.place, rendered(sealed), overwrite=True)
        return sealed

    def _hashes(self, outputs: Iterable[Path]) -> Iterator[tuple[str, str]]:
        for path in outputs:
            try:
                sha256 = hash_file(path)
            except OSError as error:
                raise output_error(path, error) from error
            yield display_path(path.relative_to(self.place.parent)), sha256

    def _inside(self) -> list[Path]:
        own = (self.place, listing_of(self.place))
        left_out = (*self._scratch, *self._passing)
        return [p for p in files_below(self.place.parent, left_out) if p not in own]


def files_below(folder: Path, scratch: Iterable[str] = ()) -> list[Path]:
    """Return everything in a folder but folders and `scratch`; links are not followed."""
    files: list[Path] = []
    left_out = {folder / name for name in scratch}
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders[:] = [name for name in folders if here / name not in left_out]
        files += [here / name for name in names if here / name not in left_out]
        files += [here / name for name in folders if is_link(here / name)]
    return sorted(files)


def _base(folder: Path) -> str:
    """Return where relative paths start, so that a folder may be moved whole."""
    away = os.path.relpath(Path.cwd(), Path(os.path.realpath(folder)))
    inside = set(Path(away).parts) <= {"..", "."}
    return display_path(Path(away) if inside else Path.cwd())


def _history(place: Path) -> list[Entry]:
    """Return the chain that the new entry goes on, or none where none holds."""
    try:
        chain = read_manifest(place).chain
    except FpError:
        return []
    if chain_faults(chain):
        return []
    return [{name: value for name, value in e.items() if name != "history"} for e in chain]
