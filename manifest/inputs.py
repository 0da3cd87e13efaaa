"""The inputs of a run, a line each: path, hash of bytes, hash of pixels."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fp.images.loading import Limits, find_images, load_image
from fp.manifest.entry import canonical
from fp.system.errors import ImageError, IntegrityError
from fp.system.hashing import hash_file
from fp.system.paths import display_path, path_of, read_file
from fp.system.progress import Progress, told
from fp.system.workers import run_in_order


@dataclass(frozen=True)
class InputFile:
    """A file that a run read, or was not able to read.

    Parameters
    ----------
    role : str
        What it was read as, such as ``image``, ``generated``, ``real`` or ``fingerprints``.
    path : str
        Its path as `fp.system.paths.display_path` writes it.
    sha256 : str or None
        Hash of its bytes; None where they could not be read.
    pixels_sha256 : str or None
        Hash of its decoded pixels, see `fp.images.loading.LoadedImage`; None where it is no image
        that was decoded.
    """

    role: str
    path: str
    sha256: str | None
    pixels_sha256: str | None = None

    @property
    def line(self) -> bytes:
        """The line of the listing."""
        return canonical(asdict(self)) + b"\n"


@dataclass(frozen=True)
class Source:
    """Files and folders, searched recursively, that are read in one role, as images or not."""

    role: str
    paths: tuple[Path, ...]
    decoded: bool = True


def list_inputs(
    sources: Iterable[Source],
    limits: Limits | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Iterator[InputFile]:
    """Yield the hashes of every input file of a run, by role and path.

    Files beyond the limits are hashed and not decoded.
    """
    for source in sources:
        paths = find_images(source.paths, members=source.decoded)
        task = Hasher(source.role, source.paths, limits or Limits(), source.decoded)
        processes = jobs if source.decoded else 1
        found = run_in_order(task, paths, task.lost, processes, seconds=task.limits.seconds)
        yield from told(found, progress, f"hashes of {source.role}", len(paths))


@dataclass(frozen=True)
class Hasher:
    """The function from a path to its hashes; it travels to workers.

    Parameters
    ----------
    role : str
        What the file is read as.
    folders : tuple of Path
        Inputs that were named: no link may lead out of the one that a file lies in.
    limits : Limits
        Sizes beyond which a file is not decoded.
    decoded : bool
        Whether it is an image.
    """

    role: str
    folders: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=Limits)
    decoded: bool = True

    def __call__(self, path: Path) -> InputFile:
        """Hash one file."""
        shown, root = display_path(path), self._root(path)
        if self.decoded:
            try:
                image = load_image(path, root, self.limits)
            except ImageError:
                pass
            else:
                return InputFile(self.role, shown, image.sha256, image.pixels_sha256)
        return InputFile(self.role, shown, self._bytes(path, root))

    def lost(self, path: Path) -> InputFile:
        """Return the line of a file that ended the process that decoded it."""
        return InputFile(self.role, display_path(path), self._bytes(path, self._root(path)))

    def _bytes(self, path: Path, root: Path | None) -> str | None:
        try:
            # The door says whether the file may be read at all; large ones are hashed in pieces.
            return hashlib.sha256(read_file(path, root, self.limits.file_bytes)).hexdigest()
        except ImageError as error:
            if error.reason not in ("too_many_bytes", "empty_file"):
                return None
        try:
            return hash_file(path)
        except OSError:
            return None

    def _root(self, path: Path) -> Path | None:
        inside = [f for f in self.folders if path != f and path.is_relative_to(f)]
        return max(inside, key=lambda folder: len(folder.parts), default=None)


def read_listing(path: Path) -> Iterator[InputFile]:
    """Yield the inputs of a listing line by line.

    An `IntegrityError` names a line that is not as `fp.manifest.writing` wrote it.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                told: Mapping[str, Any] = json.loads(line)
                file = InputFile(**told)
                whole = file.line == line
            except (ValueError, TypeError):
                whole = False
            if not whole:
                raise IntegrityError(
                    f"{display_path(path)}: line {number} is not as fp wrote it; use an undamaged "
                    "copy."
                )
            yield file


def resolved(text: str, base: Path, roots: Sequence[tuple[str, str]] = ()) -> Path:
    """Return the place of a path that `fp.system.paths.display_path` wrote.

    Relative paths start from `base`; `roots` are beginnings of paths with what stands in their
    place now, such as another folder.
    """
    return base / path_of(moved(text, roots))


def moved(text: str, roots: Sequence[tuple[str, str]]) -> str:
    """Return a recorded path under the new place of its first matching root."""
    for old, new in roots:
        old = old.rstrip("/") or "/"
        if text == old or text.startswith(old if old == "/" else old + "/"):
            return os.path.normpath(new) + text[len(old) :] if old != "/" else new + text
    return text
