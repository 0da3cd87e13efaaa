"""Comparing the outputs of two runs: decisions equal, scores within a tolerance.

Two processors do not add alike, so bytes may differ where nothing else does. What is compared is
what a reader takes from a file: texts and counts exactly, measured numbers within the tolerance.
Conformal p-values are counts of calibration scores; they are compared through the scores and the
decisions that they lead to.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fp.manifest.inputs import moved
from fp.system.arrays import Doubles, Floats
from fp.system.errors import FpError
from fp.system.hashing import hash_file
from fp.system.paths import display_path

PRESENTATIONS = frozenset({".md", ".html", ".png", ".svg", ".pdf", ".txt"})
"""Suffixes of files that show what tables hold; compared by their bytes only, without a fault."""

_MOST_FAULTS = 20
_COUNTED = ("p_", "q_", "map_")


@dataclass(frozen=True)
class Tolerance:
    """How far two numbers may lie apart: |a - b| <= absolute + relative |b|."""

    relative: float = 1e-4
    absolute: float = 1e-6

    def holds(self, new: float, old: float) -> bool:
        """Return whether two numbers agree."""
        if math.isnan(new) or math.isnan(old):
            return math.isnan(new) == math.isnan(old)
        return new == old or abs(new - old) <= self.absolute + self.relative * abs(old)

    def exceeded(self, new: Floats | Doubles, old: Floats | Doubles) -> float:
        """Return by how much arrays differ at most, or 0 where that is tolerable."""
        apart = np.abs(old - new).max(initial=0)
        # Against the largest: what rounding adds to a number near zero is not relative to it.
        most = self.absolute + self.relative * float(np.abs(old).max(initial=0))
        return float(apart) if apart > most else 0.0


@dataclass(frozen=True)
class FileComparison:
    """How two files of one name compare.

    Parameters
    ----------
    name : str
        The file.
    state : {"same bytes", "within tolerance", "differs", "not compared"}
        What was found.
    faults : tuple of str
        What differs, a part of a sentence each; at most twenty.
    """

    name: str
    state: str
    faults: tuple[str, ...] = ()


def compare_files(
    name: str,
    old: Path,
    new: Path,
    tolerance: Tolerance,
    roots: Sequence[tuple[str, str]] = (),
) -> FileComparison:
    """Compare what one file of a run says with what it said before.

    `roots` are beginnings of recorded paths with what stands in their place in the new copy.
    """
    try:
        if hash_file(old) == hash_file(new):
            return FileComparison(name, "same bytes")
        reader = _READERS.get(new.suffix)
        if reader is None:
            shown = new.suffix in PRESENTATIONS
            return FileComparison(
                name,
                "not compared" if shown else "differs",
                () if shown else ("other bytes, and fp knows no way to compare them",),
            )
        faults = []
        for fault in reader(old, new, tolerance, roots):
            faults.append(fault)
            if len(faults) == _MOST_FAULTS:
                break
    except (OSError, ValueError, KeyError, FpError) as error:
        faults = [f"it cannot be compared ({error})"]
    return FileComparison(name, "differs" if faults else "within tolerance", tuple(faults))


def _lines(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return list(map(json.loads, lines))


def _table(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return [{k: _number(v) for k, v in row.items()} for row in csv.DictReader(lines)]


def _compare_rows(
    read: Callable[[Path], list[dict[str, Any]]],
    old_path: Path,
    new_path: Path,
    tolerance: Tolerance,
    roots: Sequence[tuple[str, str]],
) -> Iterator[str]:
    """Compare tables; rows belong together by path, of which each may have several."""
    old, new = read(old_path), read(new_path)
    if len(old) != len(new):
        yield f"{len(old)} rows before, {len(new)} now"
    for row in old:
        if isinstance(row.get("path"), str):
            row["path"] = moved(row["path"], roots)
    if roots and all("path" in row for row in (*old, *new)):
        old.sort(key=lambda row: str(row["path"]))  # stable: rows of one path keep their order
        new.sort(key=lambda row: str(row["path"]))
    for number, (before, after) in enumerate(zip(old, new, strict=False), start=1):
        where = f"row {number}" + (f" ({before['path']})" if "path" in before else "")
        measured = before.get("status") != "not_examined"
        # The sentence of a refused file names its path and the decoder's words.
        told = {k: v for k, v in before.items() if measured or k != "message"}
        yield from _compare_values(told, {k: after.get(k) for k in told}, tolerance, where)


def _compare_json(
    old: Path, new: Path, tolerance: Tolerance, roots: Sequence[tuple[str, str]]
) -> Iterator[str]:
    before, after = (json.loads(path.read_text("utf-8")) for path in (old, new))
    yield from _compare_values(before, after, tolerance, "it")


def _compare_values(old: Any, new: Any, tolerance: Tolerance, where: str) -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in dict.fromkeys((*old, *new)):
            if not str(name).startswith(_COUNTED):
                place = f"{where}, {name}"
                yield from _compare_values(old.get(name), new.get(name), tolerance, place)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, pair in enumerate(zip(old, new, strict=True), start=1):
            yield from _compare_values(*pair, tolerance, f"{where}, {number}")
    elif _is_number(old) and _is_number(new) and float in (type(old), type(new)):
        if not tolerance.holds(float(new), float(old)):
            yield f"{where}: {old!r} before, {new!r} now"
    elif old != new or type(old) is not type(new):
        yield f"{where}: {_short(old)} before, {_short(new)} now"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(value: object) -> str:
    text = display_path(Path(str(value))) if value != "" else "nothing"
    return text if len(text) <= 100 else text[:100] + "..."


def _number(text: str | None) -> Any:
    """Read a cell: what is written as a float is measured, everything else is text."""
    if text is None or not any(mark in text for mark in (".", "e", "inf", "nan")):
        return text
    try:
        return float(text)
    except ValueError:
        return text


def _compare_banks(
    old: Path, new: Path, tolerance: Tolerance, roots: Sequence[tuple[str, str]]
) -> Iterator[str]:
    from fp.fingerprint.store.bank import read_bank

    before, after = read_bank(old), read_bank(new)
    names = [[member.name for member in bank] for bank in (before, after)]
    if names[0] != names[1]:
        yield f"fingerprints {names[0]} before, {names[1]} now"
        return
    for one, two in zip(before, after, strict=True):
        identities = [(f.method, f.crop, f.denoiser, f.preparation) for f in (one, two)]
        if identities[0] != identities[1]:
            yield f"{one.name}: other method, crop or denoiser"
            continue
        for title, a, b in (
            ("pattern", one.pattern, two.pattern),
            ("reference scores", one.calibration.real, two.calibration.real),
            ("generated scores", one.calibration.generated, two.calibration.generated),
        ):
            if a.shape != b.shape:
                yield f"{one.name}: {title} of shape {a.shape} before, {b.shape} now"
            elif apart := tolerance.exceeded(b, a):
                yield f"{one.name}: {title} differ by up to {apart:.3g}"


def _compare_maps(
    old: Path, new: Path, tolerance: Tolerance, roots: Sequence[tuple[str, str]]
) -> Iterator[str]:
    before, after = (np.load(path, allow_pickle=False) for path in (old, new))
    if before.shape != after.shape or before.dtype != after.dtype:
        yield f"{before.dtype} of shape {before.shape} before, {after.dtype} of {after.shape} now"
        return
    # Likelihood ratios first; what follows are counts of calibration scores.
    if apart := tolerance.exceeded(after[:2], before[:2]):
        yield f"log10 likelihood ratios differ by up to {apart:.3g}"


_Reader = Callable[[Path, Path, Tolerance, Sequence[tuple[str, str]]], Iterator[str]]
_READERS: dict[str, _Reader] = {
    ".csv": partial(_compare_rows, _table),
    ".jsonl": partial(_compare_rows, _lines),
    ".json": _compare_json,
    ".h5": _compare_banks,
    ".npy": _compare_maps,
}
