"""Features of every training image in every condition, on disk until the experts have learned."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from fp.denoisers.population import Examined, Reduction
from fp.denoisers.residual import Residual
from fp.fingerprint.conditions.learning import learn
from fp.fingerprint.conditions.pixel_parts import with_pixels
from fp.fingerprint.decision.judge import Features
from fp.fingerprint.estimators.folds import Labelled
from fp.fingerprint.estimators.recipes import OF_GATE
from fp.fingerprint.learning.method import Recipe
from fp.fingerprint.model.conditions import Conditions
from fp.fingerprint.model.ladder import Augmentation, elsewhere, rescales, version
from fp.images.degradations import Degradation
from fp.images.loading import display_path, load_image
from fp.system.arrays import Array, Pixels
from fp.system.errors import ImageError, InputError
from fp.system.progress import Progress
from fp.system.workers import run_in_order


@dataclass(frozen=True, eq=False)
class Taught:
    """The images that a fingerprint is learned from.

    Parameters
    ----------
    images : sequence of Examined
        Images of both classes.
    known : Labelled
        What is known of them.
    reduction : Reduction
        How files become residuals.
    """

    images: Sequence[Examined]
    known: Labelled
    reduction: Reduction


def learn_versions(
    taught: Taught,
    method: Recipe,
    augmentation: Augmentation,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Conditions:
    """Put images through all conditions, and learn experts and gate.

    Parameters
    ----------
    taught : Taught
        The images.
    method : Recipe
        The method of the fingerprint.
    augmentation : Augmentation
        The conditions.
    jobs : int
        Number of processes; the result does not depend on it.
    progress : callable, optional
        Called after every image and every expert.

    Returns
    -------
    Conditions
        Experts and gate.
    """
    recipe = with_pixels(method)
    with tempfile.TemporaryDirectory(prefix="fp-") as folder:
        given = taught.reduction, recipe
        task = _Degrade(*given, partial(_rungs, conditions=augmentation.conditions))
        place = Path(folder)
        stacks = gather(taught.images, task, place / "rungs", jobs, progress)
        pairs = zip(taught.images, taught.known.labels, strict=True)
        reference = [image for image, is_generated in pairs if not is_generated]
        others = []
        if rescales(augmentation.conditions):
            others = gather(reference, _Degrade(*given, elsewhere), place / "others", jobs)
        told = None if progress is None else partial(progress, "experts")
        # One thread: its sums have the same bits on every machine.
        with threadpool_limits(1, user_api="blas"):
            keys = [image.sha256 for image in taught.images]
            return learn(method, stacks, taught.known, keys, augmentation, told, others)


def features_of(part: Pixels, residual: Residual, recipe: Recipe) -> dict[str, Array]:
    """Return the features that a method and the gate read of a part, by name, in float32."""
    seen = Features(residual(part), part)
    found = seen.of(recipe) | {OF_GATE: seen.named(OF_GATE)}
    return {name: stack[0].astype(np.float32) for name, stack in found.items()}


def gather(
    images: Sequence[Examined],
    task: Callable[[Examined], list[dict[str, Array]] | str],
    folder: Path,
    jobs: int = 1,
    progress: Progress | None = None,
) -> list[dict[str, Array]]:
    """Put every image through all that it is to go through.

    Parameters
    ----------
    images : sequence of Examined
        The images.
    task : callable
        Gives the features of the versions of one, as many of each; a sentence where it cannot.
    folder : Path
        Where the features lie, as arrays on disk; they are a few hundred kB an image.
    jobs : int
        Number of processes; the result does not depend on it.
    progress : callable, optional
        Called after every image.

    Returns
    -------
    list of dict of str to ndarray, shape (N, ...)
        For each version, the features by name.

    Raises
    ------
    InputError
        If a file changed since it was examined, or is gone.
    """
    folder.mkdir()
    stacks: list[dict[str, Array]] = []
    results = run_in_order(task, list(images), _worker_died, jobs)
    for index, versions in enumerate(results):
        if isinstance(versions, str):
            raise InputError(versions)
        stacks.extend({} for _ in versions[len(stacks) :])
        for number, features in enumerate(versions):
            for name, feature in features.items():
                if name not in stacks[number]:
                    stacks[number][name] = np.lib.format.open_memmap(
                        folder / f"{number:03d}-{name}.npy",
                        "w+",
                        np.float32,
                        (len(images), *feature.shape),
                    )
                stacks[number][name][index] = feature
        if progress is not None:
            progress("conditions", index + 1, len(images))
    return stacks


@dataclass(frozen=True)
class _Degrade:
    reduction: Reduction
    recipe: Recipe
    texts: Callable[[str], list[str]]
    """Gives what an image goes through, by the hash of its file."""

    def __call__(self, image: Examined) -> list[dict[str, Array]] | str:
        try:
            loaded = load_image(image.path, None, self.reduction.limits)
        except ImageError:
            loaded = None
        if loaded is None or loaded.sha256 != image.sha256:
            return (
                f"{display_path(image.path)} changed while it was in use; run again when nothing "
                "writes to its folder."
            )
        part, residual = self.reduction.part(loaded.rgb_hwc), self.reduction.residual()
        return [
            features_of(Degradation(text).apply(part), residual, self.recipe)
            for text in self.texts(image.sha256)
        ]


def _rungs(key: str, conditions: tuple[str, ...]) -> list[str]:
    return [version(rung, conditions, key) for rung in conditions]


def _worker_died(image: Examined) -> str:
    return f"{display_path(image.path)} ended the process that examined it; remove it."
