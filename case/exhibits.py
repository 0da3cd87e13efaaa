"""Exhibits: files that a case knows by their hash from the moment they are added."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fp.case.folder import Case
from fp.images.loading import Limits, load_image
from fp.manifest.entry import Entry
from fp.runs.examination import Item, list_items
from fp.system.atomic_files import write_bytes_atomic
from fp.system.errors import ImageError, InputError, OutputError
from fp.system.hashing import digests
from fp.system.outputs import check_apart
from fp.system.paths import display_path, read_file
from fp.system.workers import run_in_order

_SUFFIXES = {
    "JPEG": "jpg",
    "MPO": "jpg",
    "PNG": "png",
    "WEBP": "webp",
    "TIFF": "tif",
    "BMP": "bmp",
    "GIF": "gif",
    "AVIF": "avif",
    "HEIF": "heic",
    "JXL": "jxl",
}
_COPY = re.compile(rf"E\d{{4,9}}\.({'|'.join({*_SUFFIXES.values(), 'bin'})})", re.ASCII)


@dataclass(frozen=True)
class Added:
    """What became of the files that were to be exhibits.

    Parameters
    ----------
    added : tuple of dict
        Entries of new exhibits.
    refused : tuple of dict
        Entries of files that could not be read.
    known : tuple of (str, str)
        Paths of files that are exhibits already, and the exhibit.
    """

    added: tuple[Entry, ...]
    refused: tuple[Entry, ...]
    known: tuple[tuple[str, str], ...]


def add_exhibits(
    case: Case,
    inputs: Sequence[Path],
    *,
    copy: bool = True,
    limits: Limits | None = None,
    isolated: bool = False,
) -> Added:
    """Add files to a case, each known by its hash. Equal bytes are one exhibit.

    Parameters
    ----------
    case : Case
        The case.
    inputs : sequence of Path
        Files and folders, searched recursively.
    copy : bool
        Whether the case keeps a copy; without it only hash and place are kept.
    limits : Limits, optional
        Sizes beyond which a file is not decoded, and the time that this may take.
    isolated : bool
        Decode nothing in this process, so that no file can end it or keep it for ever.

    Raises
    ------
    InputError
        If there is no file, or one changes meanwhile.
    OutputError
        If the case cannot be written, or lies inside an input.
    """
    limits = limits or Limits()
    check_apart(inputs, case.folder)
    _remove_unnamed(case)
    try:
        return _add(case, list_items(inputs), copy, limits, isolated)
    except BaseException:
        _remove_unnamed(case)  # so that a full disk leaves the case as it was
        raise


def _add(case: Case, items: Sequence[Item], copy: bool, limits: Limits, isolated: bool) -> Added:
    held = {entry["file_sha256"]: entry["exhibit"] for entry in case.of("exhibit")}
    next_number = len(held) + 1
    new: list[dict[str, Any]] = []
    known: list[tuple[str, str]] = []
    task = _Describe(limits)
    described = run_in_order(task, items, task.lost, isolated=isolated, seconds=limits.seconds)
    for item, description in zip(items, described, strict=True):
        shown = display_path(item.path)
        origin = display_path(Path(os.path.abspath(item.path)))  # noqa: PTH100 - links stay
        try:
            content = read_file(item.path, item.root, limits.file_bytes)
        except ImageError as error:
            told = {"reason": error.reason, "message": str(error)}
            new.append({"kind": "refused", "origin": origin, **told})
            continue
        hashes = digests(content)
        sha256 = hashes.sha256
        if description.file_sha256 not in (None, sha256):
            raise InputError(f"{shown} changed while it was in use; run again.")
        if sha256 in held:
            known.append((shown, held[sha256]))
            continue
        name = f"E{next_number:04d}"
        next_number += 1
        held[sha256] = name
        stored = f"exhibits/{name}.{_SUFFIXES.get(description.format or '', 'bin')}"
        if copy:
            write_bytes_atomic(case.folder / stored, content, overwrite=True)
        new.append(
            {
                "kind": "exhibit",
                "exhibit": name,
                "name": display_path(Path(item.path.name)),
                "origin": origin,
                "stored": stored if copy else None,
                "bytes": len(content),
                **vars(description),
                "file_sha256": sha256,
                "file_md5": hashes.md5,
                "file_sha1": hashes.sha1,
            }
        )
    sealed = case.record(*new) if new else []
    return Added(
        tuple(entry for entry in sealed if entry["kind"] == "exhibit"),
        tuple(entry for entry in sealed if entry["kind"] == "refused"),
        tuple(known),
    )


def _remove_unnamed(case: Case) -> None:
    """Remove copies that came to no entry. Their command was killed, or had no more room."""
    named = {entry["exhibit"] for entry in case.of("exhibit")}
    for path in (case.folder / "exhibits").glob("E*"):
        if _COPY.fullmatch(path.name) and path.stem not in named:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise OutputError(
                    f"{display_path(path)} belongs to no exhibit and cannot be removed "
                    f"({error.strerror}); remove it."
                ) from error


@dataclass(frozen=True)
class _Description:
    file_sha256: str | None = None
    pixels_sha256: str | None = None
    format: str | None = None
    size: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class _Describe:
    """The function from a file to what it decodes to; it travels to a worker."""

    limits: Limits

    def __call__(self, item: Item) -> _Description:
        try:
            image = load_image(item.path, item.root, self.limits)
        except ImageError as error:
            return _Description(reason=error.reason)
        size = f"{image.width}x{image.height}"
        return _Description(image.sha256, image.pixels_sha256, image.format, size)

    def lost(self, item: Item) -> _Description:
        return _Description(reason="worker_died")
