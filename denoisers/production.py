"""How everything that ships with a denoiser is made: weights, then the mean residual."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fp.denoisers import registry
from fp.denoisers.mean_residual import estimate
from fp.denoisers.residual import Denoiser
from fp.images.loading import display_path, find_images, load_image
from fp.system.errors import InputError
from fp.system.progress import Progress, told


def produce(
    name: str,
    photographs: Path,
    work: Path,
    output: Path,
    seed: int = 0,
    progress: Progress | None = None,
) -> Iterator[Path]:
    """Train a denoiser, where there is something to train, and estimate its mean residual.

    Yield the files made in `output`. Photographs are clean, of at least 128 pixels a side; a
    training that was interrupted goes on from the checkpoints of the folder `work`; the seed is
    that of training and crops. `InputError` if there is no photograph, `DenoiserError` if the name
    is unknown.
    """
    registry.check_name(name)
    paths = find_images([photographs])
    if not paths:
        raise InputError(f"{display_path(photographs)} holds no photograph to learn from.")
    output.mkdir(parents=True, exist_ok=True)
    if registry.is_trained(name):
        from fp.denoisers.training import Progress as Report
        from fp.denoisers.training import export, train
        from fp.denoisers.training_options import RECIPES

        def report(found: Report) -> None:
            if progress is not None:
                progress("steps", found.step, found.steps)

        train(replace(RECIPES[name], seed=seed), photographs, work, report)
        yield export(work, output)
    denoiser = _made(name, output)
    loaded = (load_image(path).rgb_hwc for path in paths)
    images = told(loaded, progress, "mean residual", len(paths))
    target = output / registry.mean_residual_path(name).name
    estimate(denoiser.noise, images, seed).save(target)
    yield target


def _made(name: str, folder: Path) -> Denoiser:
    if not registry.is_trained(name):
        return registry.get(name).denoiser
    from fp.denoisers.dncnn import DnCNN

    return DnCNN(name, folder=folder)
