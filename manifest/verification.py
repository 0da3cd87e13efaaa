"""Checking a manifest: everything that it names is hashed again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

from fp.images.loading import Limits
from fp.manifest.inputs import Hasher, InputFile, read_listing, resolved
from fp.manifest.run import Manifest
from fp.manifest.writing import files_below
from fp.system.errors import FpError
from fp.system.hashing import hash_file
from fp.system.paths import display_path, path_of
from fp.system.progress import Progress, told
from fp.system.workers import run_in_order

Kind = Literal["missing", "changed", "pixels", "added", "chain"]

KINDS = {
    "missing": "is not there or cannot be read",
    "changed": "is not the file that was recorded",
    "pixels": "has the recorded bytes, and decodes to other pixels here",
    "added": "was not recorded",
    "chain": "breaks the chain",
}
"""What a difference is, with its words."""

_CHUNK = 1024


@dataclass(frozen=True)
class Difference:
    """Something that is not as it was recorded.

    Parameters
    ----------
    kind : str
        Key of `KINDS`.
    path : str
        The file, as one line.
    detail : str
        What is known beside, the end of a sentence.
    """

    kind: Kind
    path: str
    detail: str = ""

    @property
    def sentence(self) -> str:
        """The difference as a line of text."""
        return f"{self.kind}: {self.path} {KINDS[self.kind]}" + (
            f": {self.detail}" if self.detail else ""
        )


@dataclass(frozen=True)
class Check:
    """How a manifest is checked; images are decoded within the limits of the run.

    Parameters
    ----------
    roots : tuple of (str, str)
        Beginnings of recorded paths with what stands in their place now.
    inputs : bool
        Whether inputs are hashed too.
    pixels : bool
        Whether inputs are decoded too.
    jobs : int
        Number of processes.
    """

    roots: tuple[tuple[str, str], ...] = ()
    inputs: bool = True
    pixels: bool = True
    jobs: int = 1


def verify_manifest(
    manifest: Manifest, check: Check | None = None, progress: Progress | None = None
) -> Iterator[Difference]:
    """Yield what differs between everything that a manifest names and what is there now.

    By default all of it is checked.
    """
    check = check or Check()
    shown = display_path(manifest.path)
    for fault in manifest.faults():
        yield Difference("chain", shown, fault)
    yield from _outputs(manifest)
    listing = manifest.listing
    found = compared(listing, manifest.entry["inputs"]["sha256"])
    if found is not None:
        yield found
        return
    if check.inputs:
        try:
            yield from _inputs(manifest, check, progress)
        except FpError as error:
            yield Difference("changed", display_path(listing), str(error))


def compared(path: Path, sha256: str) -> Difference | None:
    """Compare a file with its recorded hash."""
    shown = display_path(path)
    try:
        found = hash_file(path)
    except (OSError, ValueError) as error:
        return Difference("missing", shown, getattr(error, "strerror", None) or "")
    return None if found == sha256 else Difference("changed", shown)


def _outputs(manifest: Manifest) -> Iterator[Difference]:
    named = {manifest.path, manifest.listing}
    for name, sha256 in manifest.outputs.items():
        path = manifest.folder / path_of(name)
        named.add(path)
        found = compared(path, sha256)
        if found is not None:
            yield found
    if manifest.entry["whole_folder"]:
        for path in files_below(manifest.folder, manifest.entry["scratch"]):
            if path not in named:
                yield Difference("added", display_path(path))


def _inputs(manifest: Manifest, check: Check, progress: Progress | None) -> Iterator[Difference]:
    pixels = (manifest.parameters or {}).get("max_pixels")
    limits = Limits(pixels=pixels) if isinstance(pixels, int) else Limits()
    task = _Rehash(manifest.base(check.roots), check, limits)
    results = chain.from_iterable(
        run_in_order(task, chunk, task.lost, check.jobs, seconds=limits.seconds)
        for chunk in _chunks(read_listing(manifest.listing))
    )
    total = int(manifest.entry["inputs"]["count"])
    yield from (each for each in told(results, progress, "inputs", total) if each is not None)


def _chunks(files: Iterator[InputFile]) -> Iterator[Sequence[InputFile]]:
    """Yield the lines in pieces, so that a listing of any length takes little memory."""
    chunk: list[InputFile] = []
    for file in files:
        chunk.append(file)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


@dataclass(frozen=True)
class _Rehash:
    base: Path
    check: Check
    limits: Limits

    def __call__(self, file: InputFile) -> Difference | None:
        path = resolved(file.path, self.base, self.check.roots)
        decode = self.check.pixels and file.pixels_sha256 is not None
        try:
            found = Hasher(file.role, (), self.limits, decode)(path)
        except (OSError, ValueError):  # no such name can exist here
            found = InputFile(file.role, file.path, None)
        return _compared(file, found, path, decode)

    def lost(self, file: InputFile) -> Difference | None:
        """Answer for a file that ended the process that decoded it."""
        path = resolved(file.path, self.base, self.check.roots)
        return _compared(file, Hasher(file.role, (), self.limits).lost(path), path, True)


def _compared(file: InputFile, found: InputFile, path: Path, decoded: bool) -> Difference | None:
    shown = display_path(path)
    if file.sha256 is None:  # it could not be read at that time either
        return None
    if found.sha256 is None:
        return Difference("missing", shown)
    if found.sha256 != file.sha256:
        return Difference("changed", shown)
    if decoded and found.pixels_sha256 != file.pixels_sha256:
        return Difference("pixels", shown)
    return None
