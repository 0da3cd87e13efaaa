"""Folders of several generators and reference images, examined once and reduced to tiles."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from fp.denoisers.cache import ResidualCache
from fp.denoisers.population import Examined, Reduction, Skipped, sources_of
from fp.fingerprint.estimators.folds import FEWEST_SOURCES, group
from fp.fingerprint.estimators.tile import Tile
from fp.images.loading import display_path, find_images, load_image
from fp.lineage.traces import trace
from fp.system.arrays import Doubles, Indices
from fp.system.errors import ImageError, InputError
from fp.system.progress import Progress
from fp.system.workers import run_in_order

FEWEST_GENERATORS = 2

_Reduced = tuple[Examined, Doubles, Doubles]


@dataclass(frozen=True, eq=False)
class Folder:
    """The images of one generator, or the reference images.

    Parameters
    ----------
    name : str
        Name of the folder, fit to be shown.
    images : tuple of Examined
        In the order of their hashes.
    tiles : ndarray of float64, shape (N, 3, 32, 32)
        Standardised residual of each image, folded to 32 pixels.
    traces : ndarray of float64, shape (N, 4, 3, 16, 16)
        Trace of each image; see `fp.lineage.traces`.
    """

    name: str
    images: tuple[Examined, ...]
    tiles: Doubles
    traces: Doubles

    @property
    def digest(self) -> str:
        """SHA-256 over the hashes of the images: the folder's identity, whatever its name."""
        return hashlib.sha256("".join(image.sha256 for image in self.images).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Collection:
    """All folders of an analysis.

    Parameters
    ----------
    generators : tuple of Folder
        In the order of their digests, so that names change nothing.
    reference : Folder
        The reference images.
    skipped : tuple of Skipped
        Files that were not examined.
    """

    generators: tuple[Folder, ...]
    reference: Folder
    skipped: tuple[Skipped, ...] = ()

    @property
    def sha256(self) -> Iterator[str]:
        """Hash of the bytes of each image."""
        return (image.sha256 for folder in self.folders for image in folder.images)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the generators."""
        return tuple(folder.name for folder in self.generators)

    @property
    def folders(self) -> tuple[Folder, ...]:
        """All folders, the reference images last."""
        return (*self.generators, self.reference)

    def members(self) -> Indices:
        """Give the folder of each image, in the order of `folders`; shape (N,)."""
        sizes = [len(folder.images) for folder in self.folders]
        return np.repeat(np.arange(len(sizes)), sizes)

    def groups(self) -> Indices:
        """Number the sources over all folders: one photograph is one group wherever it occurs."""
        images = [image for folder in self.folders for image in folder.images]
        return group([image.source for image in images], [image.sha256 for image in images])

    def shared_files(self) -> list[tuple[str, str, int]]:
        """Name pairs of folders with equal files, and how many."""
        hashes = [{image.sha256 for image in folder.images} for folder in self.folders]
        return [
            (self.folders[i].name, self.folders[j].name, len(hashes[i] & hashes[j]))
            for j in range(len(hashes))
            for i in range(j)
            if hashes[i] & hashes[j]
        ]


def generator_folders(root: Path) -> list[Path]:
    """List the folders of generators below a folder.

    Parameters
    ----------
    root : Path
        Holds a folder for each generator.

    Returns
    -------
    list of Path
        Its folders, hidden ones left out, in the order of their names.

    Raises
    ------
    InputError
        If it is no folder, or holds fewer than two.
    """
    shown = display_path(root)
    try:
        found = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError:
        raise InputError(
            f"{shown} is no folder that can be read; name one that holds a folder of images for "
            "each generator."
        ) from None
    if len(found) < FEWEST_GENERATORS:
        raise InputError(
            f"{shown} holds {len(found)} folders; lineage needs one for each of at least "
            f"{FEWEST_GENERATORS} generators."
        )
    return found


def collect(
    generators: Sequence[Path],
    real: Path,
    reduction: Reduction,
    store: ResidualCache,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Collection:
    """Examine all folders.

    Parameters
    ----------
    generators : sequence of Path
        A folder for each generator, each searched recursively.
    real : Path
        Folder of reference images.
    reduction : Reduction
        How files become residuals.
    store : ResidualCache
        Where residuals are kept.
    jobs : int
        Number of processes; the result does not depend on it.
    progress : callable, optional
        Called after every image.

    Returns
    -------
    Collection
        The folders with the tiles of their images.

    Raises
    ------
    InputError
        If a folder has too few sources.
    """
    roots = [*generators, real]
    items = [(root, path) for root in roots for path in find_images([root])]
    task = _Examine(reduction, store.folder, store.limit_bytes)
    seen: dict[Path, list[_Reduced]] = {root: [] for root in roots}
    skipped = []
    results = run_in_order(task, items, _worker_died, jobs, seconds=reduction.limits.seconds)
    for done, ((root, _), result) in enumerate(zip(items, results, strict=True), start=1):
        if isinstance(result, Skipped):
            skipped.append(result)
        else:
            seen[root].append(result)
        if progress is not None:
            progress("images", done, len(items))
    folders = [_folder(root, seen[root]) for root in roots]
    ordered = sorted(folders[:-1], key=lambda folder: (folder.digest, folder.name))
    return Collection(tuple(ordered), folders[-1], tuple(skipped))


def _folder(root: Path, seen: list[_Reduced]) -> Folder:
    sources = sources_of([image.path.relative_to(root) for image, _, _ in seen])
    if len(set(sources)) < FEWEST_SOURCES:
        raise InputError(
            f"{display_path(root)} holds {len(set(sources))} usable source images; lineage needs "
            f"at least {FEWEST_SOURCES}, better 64, of each generator and of the reference."
        )
    named = [
        (replace(image, source=source), tile, traced)
        for (image, tile, traced), source in zip(seen, sources, strict=True)
    ]
    named.sort(key=lambda one: (one[0].sha256, one[0].path.as_posix()))
    images, tiles, traces = zip(*named, strict=True)
    name = display_path(Path(root.resolve().name))
    return Folder(name, tuple(images), np.stack(tiles), np.stack(traces))


@dataclass(frozen=True)
class _Examine:
    """Decode an image once and give its folded residual, which is small enough to travel."""

    reduction: Reduction
    cache_folder: Path
    cache_limit: int

    def __call__(self, item: tuple[Path, Path]) -> _Reduced | Skipped:
        root, path = item
        try:
            image = load_image(path, root, self.reduction.limits)
            part = self.reduction.part(image.rgb_hwc)
            store = _store(self.cache_folder, self.cache_limit)
            residual = store.residual(part, self.reduction.residual())
            tile, traced = Tile().features(residual), trace(residual)
        except ImageError as error:
            return Skipped(path, error.reason, str(error))
        size = f"{image.width}x{image.height}"
        found = Examined(path, image.sha256, "", size, image.format, image.converted)
        return found, tile, traced


@lru_cache(maxsize=4)
def _store(folder: Path, limit_bytes: int) -> ResidualCache:
    return ResidualCache(folder, limit_bytes)


def _worker_died(item: tuple[Path, Path]) -> Skipped:
    message = f"{display_path(item[1])} ended the process that examined it."
    return Skipped(item[1], "worker_died", message)
