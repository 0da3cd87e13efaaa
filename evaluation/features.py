"""What each method needs of each image, computed once and kept on disk.

A file holds one class of images under one condition for one method; its name is a hash of all that
decides it. It appears whole or not at all, so that a killed run goes on with what is there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
from skimage.feature import canny

from fp.denoisers import registry
from fp.denoisers.cache import cache_at
from fp.denoisers.population import Reduction
from fp.evaluation.dataset import Dataset, Member
from fp.evaluation.methods import Choice
from fp.images.degradations import Degradation
from fp.images.loading import Limits, display_path, load_image
from fp.system.arrays import Array, Pixels
from fp.system.environment import tool_version
from fp.system.errors import InputError
from fp.system.progress import Progress, told
from fp.system.workers import run_in_order

EDGES = "canny"
"""Stands where a denoiser's name does: the image's Canny edges instead of a residual."""


@dataclass(frozen=True)
class Wanted:
    """Features of one class, for one method.

    Parameters
    ----------
    member, denoiser, condition : str
        Name of the class; name of the denoiser, `EDGES`, or empty for methods that look at pixels;
        text of a `Degradation`.
    method : Choice
        The method.
    """

    member: str
    denoiser: str
    condition: str
    method: Choice


@dataclass(frozen=True)
class FeatureStore:
    """A folder of features.

    Parameters
    ----------
    folder, cache_folder : Path
        The folder, and that of residuals.
    cache_limit : int
        Bytes that residuals may take.
    """

    folder: Path
    cache_folder: Path
    cache_limit: int

    def parts(self, dataset: Dataset, wanted: Wanted) -> tuple[Array, ...] | None:
        """Open features, one array (N, ...) a part, or None where they are not there yet."""
        name = self._name(dataset, wanted)
        found = sorted(self.folder.glob(f"{name}-*-of-*.npy"), key=lambda path: _part(path)[0])
        if not found or len(found) != _part(found[0])[1]:
            return None
        return _opened(tuple(found))

    def _name(self, dataset: Dataset, wanted: Wanted) -> str:
        told = {
            "version": [1, tool_version()],
            "member": dataset.member(wanted.member).digest,
            "crop": [dataset.crop.height, dataset.crop.width, dataset.crop.anchor],
            "residual": residual_identity(wanted.denoiser),
            "condition": wanted.condition,
            "method": wanted.method.identity(),
        }
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]

    def prepare(
        self,
        dataset: Dataset,
        wanted: Sequence[Wanted],
        jobs: int = 1,
        progress: Progress | None = None,
    ) -> None:
        """Compute what is missing, each image once for all methods that see it alike.

        `InputError` if an image changed since it was looked at, or ended the process that examined
        it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        missing: dict[tuple[str, str, str], list[Choice]] = {}
        for asked in dict.fromkeys(wanted):
            if self.parts(dataset, asked) is None:
                key = (asked.member, asked.denoiser, asked.condition)
                missing.setdefault(key, []).append(asked.method)
        passes = [
            _Pass(dataset.member(member), denoiser, condition, tuple(methods))
            for (member, denoiser, condition), methods in missing.items()
        ]
        items = [
            (number, place)
            for number, each in enumerate(passes)
            for place in range(len(each.member.pictures))
        ]
        task = _Reduce(tuple(passes), dataset, self)
        results = told(run_in_order(task, items, _died, jobs), progress, "features", len(items))
        for each in passes:
            rows = list(islice(results, len(each.member.pictures)))
            for place, method in enumerate(each.methods):
                named = Wanted(each.member.name, each.denoiser, each.condition, method)
                self._write(self._name(dataset, named), [row[place] for row in rows])

    def _write(self, name: str, rows: Sequence[tuple[Array, ...]]) -> None:
        for part in range(len(rows[0])):
            target = self.folder / f"{name}-{part}-of-{len(rows[0])}.npy"
            temporary = target.with_suffix(f".{os.getpid()}.tmp")
            with temporary.open("wb") as file:
                np.save(file, np.stack([row[part] for row in rows]))
            temporary.replace(target)


@dataclass(frozen=True)
class _Pass:
    """Images of one class seen in one way, for several methods."""

    member: Member
    denoiser: str
    condition: str
    methods: tuple[Choice, ...]


@dataclass(frozen=True)
class _Reduce:
    passes: tuple[_Pass, ...]
    dataset: Dataset
    store: FeatureStore

    def __call__(self, item: tuple[int, int]) -> tuple[tuple[Array, ...], ...]:
        each, place = self.passes[item[0]], item[1]
        picture = each.member.pictures[place]
        image = load_image(picture.path, None, Limits())
        if image.sha256 != picture.sha256:
            raise InputError(
                f"{display_path(picture.path)} changed while it was in use; run again when nothing "
                "writes to its folder."
            )
        part = Degradation(each.condition).apply(self.dataset.crop.apply(image.rgb_hwc))
        part = np.ascontiguousarray(part)
        seen = self._seen(part, each.denoiser)
        return tuple(method.make().features(seen) for method in each.methods)

    def _seen(self, part: Pixels, denoiser: str) -> Array:
        if not denoiser:
            return part
        if denoiser == EDGES:
            edges = canny(part.mean(axis=2) / 255)  # type: ignore[no-untyped-call]
            return np.ascontiguousarray(np.broadcast_to(edges, (3, *edges.shape)), np.float32)
        cache = cache_at(self.store.cache_folder, self.store.cache_limit)
        return cache.residual(part, Reduction(denoiser, self.dataset.crop).residual())


def _died(item: tuple[int, int]) -> tuple[tuple[Array, ...], ...]:
    raise InputError("An image ended the process that examined it; run again, or take it out.")


def _part(path: Path) -> tuple[int, int]:
    _, number, _, total = path.stem.split("-")
    return int(number), int(total)


@lru_cache(maxsize=256)
def _opened(paths: tuple[Path, ...]) -> tuple[Array, ...]:
    return tuple(np.load(path, mmap_mode="r") for path in paths)


@lru_cache(maxsize=16)
def residual_identity(denoiser: str) -> str:
    """Return the hash of what decides a residual. Of `EDGES` and of no denoiser it is the name."""
    if denoiser in ("", EDGES):
        return denoiser
    return registry.get(denoiser).identity.digest
