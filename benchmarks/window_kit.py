"""What the benchmarks of windows share: splits of the corpus, fingerprints, words of a table."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import zoo
from scipy.stats import t

from fp.denoisers.cache import ResidualCache
from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.model.fingerprint import Fingerprint


def stamp(command: str) -> str:
    """Return the line that says where a table comes from."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    day = datetime.now(UTC).date().isoformat()
    return f"`python benchmarks/windows.py {command}`, {day}, commit {found.stdout.strip()}.\n"


def interval(values: list[float]) -> str:
    """Estimate a mean with its 95 % interval (Student's t)."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:.3f}"
    half = float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return f"{mean:.3f} ({mean - half:.3f} to {min(1.0, mean + half):.3f})"


def split(folder: Path, training: int, seed: int) -> tuple[list[Path], list[Path]]:
    """Deal the images of a folder into training and test."""
    paths = sorted(folder.iterdir())
    order = np.random.default_rng([seed, zoo.number(folder.name)]).permutation(len(paths))
    return [paths[i] for i in order[:training]], [paths[i] for i in order[training:]]


def learned(name: str, made: list[Path], real: list[Path], cache: Path, seed: int) -> Fingerprint:
    """Make a fingerprint with windows of two lists of files."""
    with tempfile.TemporaryDirectory() as folder:
        for label, paths in (("made", made), ("real", real)):
            place = Path(folder) / label
            place.mkdir()
            for path in paths:
                shutil.copy(path, place)
        options = ExtractOptions(windows=True, audit=False, null=0, seed=seed, dif=None)
        store = ResidualCache(cache, 2**34)
        return extract(
            Path(folder) / "made", Path(folder) / "real", name, options, store
        ).fingerprint
