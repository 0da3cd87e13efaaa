"""Maps as files, named so that no name of an image can do harm."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from fp.fingerprint.decision.rows import Finding
from fp.images.loading import LoadedImage
from fp.system.atomic_files import atomic_path, output_error
from fp.system.outputs import make_folder

MAPS = "maps"
"""Folder of the maps, below that of the tables."""

SUFFIXES = (".npy", ".png")

_NAME = re.compile(r"[0-9a-f]{16}\.(npy|png)", re.ASCII)


def name_of(path: str) -> str:
    """Return a map's name: 16 hexadecimal digits of SHA-256 of its row's path."""
    return hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def with_map(finding: Finding, image: LoadedImage, folder: Path) -> Finding:
    """Write the map of a finding into a folder, and name it in the row. The folder is made where
    missing.

    The map itself is not in what is returned; a finding without a map is returned as it is.
    """
    found, row = finding.map, finding.detection
    if found is None:
        return finding
    from fp.reports.figures.overlay import draw_overlay  # only who draws waits for it

    name = name_of(row.path)
    make_folder(folder)
    # Written before the row is: where a run is interrupted in between, both are made again.
    with (
        atomic_path(folder / f"{name}.npy", overwrite=True) as temporary,
        temporary.open("wb") as file,
    ):
        np.save(file, found.array, allow_pickle=False)
    with atomic_path(folder / f"{name}.png", overwrite=True) as temporary:
        draw_overlay(temporary, image.rgb_hwc, found, row.fingerprint or "")
    return Finding(replace(row, map=name), finding.attributions)


def maps_of(folder: Path, names: Iterable[str | None]) -> list[Path]:
    """Return the files of maps below the folder of the tables; None names no map."""
    return [folder / MAPS / f"{name}{s}" for name in names if name for s in SUFFIXES]


def sweep_maps(folder: Path, kept: Iterable[Path]) -> None:
    """Remove maps of an earlier run that this one does not keep. Other files are left alone."""
    place, names = folder / MAPS, {path.name for path in kept}
    try:
        if not place.is_dir():
            return
        for path in place.iterdir():
            if _NAME.fullmatch(path.name) and path.name not in names:
                path.unlink()
        if not names and not any(place.iterdir()):
            place.rmdir()
    except OSError as error:
        raise output_error(place, error) from error
