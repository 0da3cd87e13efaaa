"""An evaluation from a folder to tables: resumable, in parallel, always the same.

Each cell is one file whose name is the hash of everything that decides it. A killed run leaves
whole cells; the same command goes on from there.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from fp.denoisers.cache import DEFAULT_LIMIT, ResidualCache, default_folder
from fp.denoisers.population import Skipped
from fp.evaluation.bench import Bench
from fp.evaluation.cells import Cell, Found, Row
from fp.evaluation.configuration import Configuration
from fp.evaluation.dataset import Dataset, read_dataset
from fp.evaluation.features import FeatureStore, residual_identity
from fp.evaluation.methods import GivenScores
from fp.images.loading import Limits
from fp.system.atomic_files import locked_folder, write_text_atomic
from fp.system.environment import tool_version
from fp.system.errors import InputError, OutputError
from fp.system.paths import display_path
from fp.system.progress import Progress, told
from fp.system.workers import run_in_order, use_one_thread

CONFIGURATION = "config.toml"
"""Copy of the configuration in the output folder."""

_VERSION = 1


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Parameters
    ----------
    rows : tuple of Row
        All figures.
    claims : tuple of dict
        False claims by name.
    skipped : tuple of Skipped
        Files that were not examined.
    left_out : tuple of str
        What the data did not reach, in words.
    dataset : Dataset
        What was looked at.
    cells, fresh : int
        Number of cells, and of those that were computed now.
    """

    rows: tuple[Row, ...]
    claims: tuple[dict[str, object], ...]
    skipped: tuple[Skipped, ...]
    left_out: tuple[str, ...]
    dataset: Dataset
    cells: int
    fresh: int


@dataclass(frozen=True)
class Inputs:
    """What an evaluation reads.

    Parameters
    ----------
    dataset : Path
        Folder with ``real/`` and ``generated/<name>/``.
    strangers : tuple of Path
        Folders that nothing is calibrated on.
    given : tuple of GivenScores
        Methods of others.
    limits : Limits
        Sizes beyond which a file is refused.
    """

    dataset: Path
    strangers: tuple[Path, ...] = ()
    given: tuple[GivenScores, ...] = ()
    limits: Limits = field(default_factory=Limits)


def open_output(output: Path, configuration: Configuration, *, overwrite: bool) -> None:
    """Make the output folder, or see that it belongs to this configuration.

    `overwrite` starts afresh in a folder that an evaluation wrote. `OutputError` if it holds
    something else, or another evaluation.
    """
    copy = output / CONFIGURATION
    shown = display_path(output)
    try:
        output.mkdir(parents=True, exist_ok=True)
        inside = [path.name for path in output.iterdir() if not path.name.startswith(".")]
        same = copy.is_file() and copy.read_text("utf-8") == configuration.text
        if inside and not copy.is_file():
            raise OutputError(f"{shown} is not empty and no evaluation; choose another folder.")
        if inside and not same and not overwrite:
            raise OutputError(
                f"{shown} holds an evaluation of another configuration; choose another folder or "
                "add --overwrite."
            )
        if overwrite:
            for path in output.glob("cells/*.json"):
                path.unlink()
            for path in output.glob("features/*"):
                path.unlink()
        (output / "cells").mkdir(exist_ok=True)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"{shown} cannot be written ({error}); choose another place.") from error
    write_text_atomic(copy, configuration.text, overwrite=True)


def evaluate(
    inputs: Inputs,
    output: Path,
    configuration: Configuration,
    cache: ResidualCache | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Evaluation:
    """Run every cell that is not there yet, in a folder that `open_output` opened.

    Results do not depend on `jobs`. `FpError` if the data set cannot be used, or the output cannot
    be written.
    """
    with locked_folder(output):
        bench = _bench(inputs, output, configuration, cache, jobs, progress)
        left_out: list[str] = []
        cells = [c for p in configuration.protocols for c in p.cells(bench, left_out)]
        if not cells:
            raise InputError(f"The data reach no protocol: {'; '.join(left_out)}.")
        paths = [output / "cells" / f"{key_of(cell, bench)}.json" for cell in cells]
        missing = [(c, p) for c, p in zip(cells, paths, strict=True) if not p.exists()]
        wanted = [w for cell, _ in missing for w in cell.wanted(bench)]
        bench.store.prepare(bench.dataset, wanted, jobs, progress)
        missing = sorted(dict.fromkeys(missing), key=_slow_first)
        task = _Measure(bench)
        for _ in told(run_in_order(task, missing, _died, jobs), progress, "cells", len(missing)):
            pass  # each writes its own file
        found = [_read(path) for path in paths]
    return Evaluation(
        tuple(row for each in found for row in each.rows),
        tuple(claim for each in found for claim in each.claims),
        bench.dataset.skipped,
        tuple(dict.fromkeys(left_out)),
        bench.dataset,
        len(cells),
        len(missing),
    )


def _bench(
    inputs: Inputs,
    output: Path,
    configuration: Configuration,
    cache: ResidualCache | None,
    jobs: int,
    progress: Progress | None,
) -> Bench:
    dataset = read_dataset(
        inputs.dataset,
        inputs.strangers,
        inputs.dataset / configuration.sources if configuration.sources else None,
        configuration.size,
        inputs.limits,
        jobs,
        progress,
    )
    store = FeatureStore(
        output / "features",
        cache.folder if cache else default_folder(),
        cache.limit_bytes if cache else DEFAULT_LIMIT,
    )
    return Bench(
        dataset,
        store,
        inputs.given,
        configuration.folds,
        configuration.fpr,
        configuration.kin,
        configuration.siblings,
    )


def key_of(cell: Cell, bench: Bench) -> str:
    """Return the hash of everything that decides a cell, 32 hexadecimal digits."""
    members = [bench.dataset.member(name) for name in cell.members()]
    groups = bench.groups[bench.numbers(cell.members())]
    together = np.unique(groups, return_inverse=True)[1].astype("<i8").tobytes()
    scores = [g.sha256 for g in bench.given if g.name == cell.method.name]
    crop = bench.dataset.crop
    told = {
        "version": [_VERSION, tool_version()],
        "type": type(cell).__name__,
        "cell": asdict(cell),
        "method": scores or cell.method.identity(),
        "residual": residual_identity(cell.denoiser),
        "members": [member.digest for member in members],
        "groups": hashlib.sha256(together).hexdigest(),
        "crop": [crop.height, crop.width, crop.anchor],
        "settings": [bench.folds, bench.fpr, bench.kin, bench.siblings],
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class _Measure:
    bench: Bench

    def __call__(self, item: tuple[Cell, Path]) -> None:
        cell, path = item
        # One thread: the bits of a sum must not depend on how many there are.
        with threadpool_limits(1):
            use_one_thread()
            found = cell.measure(self.bench)
        told = {
            "rows": [asdict(row) for row in found.rows],
            "claims": list(found.claims),
        }
        text = json.dumps(told, ensure_ascii=False, allow_nan=False)
        write_text_atomic(path, text, overwrite=True)


def _died(item: tuple[Cell, Path]) -> None:
    cell = item[0]
    raise InputError(
        f"{cell.method.name} on {', '.join(cell.generators)} ended the process that ran it; "
        "there may be too little memory: run again with fewer --jobs."
    )


def _slow_first(item: tuple[Cell, Path]) -> tuple[int, str]:
    cell, path = item
    return 0 if cell.method.is_dear else 1, path.name


def _read(path: Path) -> Found:
    try:
        told = json.loads(path.read_text("utf-8"))
        return Found(tuple(Row(**row) for row in told["rows"]), tuple(told["claims"]))
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise OutputError(
            f"{display_path(path)} cannot be read ({error}); remove it and run again."
        ) from error
