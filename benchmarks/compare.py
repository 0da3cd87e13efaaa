"""Time fp and its peers side by side, for docs/performance.md.

    python benchmarks/compare.py --images FOLDER --repeats 5

Every comparison runs in this one process on the same images, in the order A B A B, on one thread;
what is written down is the ratio of neighbours, so that a busy machine slows both. The published
DIF procedure takes the denoiser in every step; it is timed on a few images and steps, and the table
says what was extrapolated.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import numpy as np
import pywt
from scipy.ndimage import uniform_filter
from sections import publish

from fp.denoisers import find_images, get, load_image
from fp.fingerprint.estimators.folds import Labelled
from fp.fingerprint.learning.method import recipe
from fp.system.environment import describe

THREADS = tuple(f"{name}_NUM_THREADS" for name in ("OMP", "MKL", "OPENBLAS", "NUMBA"))
STEPS, IMAGES = 480, 1024  # the run of which the published cost is known
BATCH = 64


@dataclass(frozen=True)
class Comparison:
    """A peer and fp, as two functions of nothing, and how often each work is done in a run."""

    title: str
    peer: str
    theirs: Callable[[], float]
    ours: Callable[[], float]
    note: str = ""


def seconds(work: Callable[[], Any]) -> Callable[[], float]:
    """Time one call in processor seconds, which neighbours on the machine do not add to."""

    def timed() -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    return timed


def published_wavelet(image_chw: np.ndarray) -> np.ndarray:
    """The noise extraction of the camera pipeline: db4, four levels, one call after the other."""
    variance = (2 / 255) ** 2
    planes = []
    for channel in image_chw:
        approximation, *levels = pywt.wavedec2(channel, "db4", level=4)
        noise: list[Any] = [np.zeros_like(approximation)]
        for level in levels:
            bands = []
            for band in level:
                energy = band**2
                local = [np.maximum(uniform_filter(energy, n) - variance, 0) for n in (3, 5, 7, 9)]
                bands.append(band * variance / (np.min(local, axis=0) + variance))
            noise.append(tuple(bands))
        planes.append(pywt.waverec2(noise, "db4"))
    return np.stack(planes)


def of_residuals(images: list[np.ndarray]) -> list[Comparison]:
    """The wavelet residual against the pipeline as published, and against PyPI's prnu."""
    chw = [np.ascontiguousarray(i.transpose(2, 0, 1), np.float32) / 255 for i in images]
    residual = get("wavelet")
    ours = seconds(lambda: [residual(image) for image in images])
    theirs = seconds(lambda: [published_wavelet(image) for image in chw])
    found = [
        Comparison("wavelet residual of an image", "PRNU pipeline, as published", theirs, ours)
    ]
    extract = _prnu()
    if extract is not None:
        theirs = seconds(lambda: [extract(image) for image in images])
        note = "its own denoiser, a 3 x 3 Wiener filter; channel by channel"
        found.append(Comparison("residual of an image", "PyPI package prnu", theirs, ours, note))
    return found


def _prnu() -> Callable[[np.ndarray], list[Any]] | None:
    try:
        package = import_module("prnu")
    except ImportError as error:
        click.echo(f"the package prnu is left out: {error}", err=True)
        return None

    def extract(image_hwc: np.ndarray) -> list[Any]:
        planes = np.moveaxis(image_hwc, 2, 0)
        found = [package.NoiseExtractor(image=plane, disable_crop=True) for plane in planes]
        for extractor in found:
            extractor.extract_noise()
        return found

    return extract


def of_extraction(
    images: list[np.ndarray], batch: list[np.ndarray], denoiser: str
) -> list[Comparison]:
    """A whole extraction, from 1,024 images at 480 steps, against the published procedure."""
    torch: Any = import_module("torch")
    torch.set_num_threads(1)
    optimisation: Any = import_module("fp.fingerprint.estimators.dif_optimisation")
    options: Any = import_module("fp.fingerprint.estimators.dif_options")
    published = len(batch)
    step = _PublishedStep(torch, batch)

    def theirs() -> float:
        denoising, rest = step.time()
        return STEPS * (denoising * BATCH / published + rest)

    def residuals(name: str) -> tuple[float, list[np.ndarray]]:
        denoise = get(name)
        denoise(images[0])
        started = time.process_time()
        found = [denoise(image) for image in images]
        return (time.process_time() - started) / len(images), found

    def dif() -> float:
        each, found = residuals(denoiser)
        labels = np.arange(len(found)) % 2 == 0
        timed = []
        for steps in (2, 6):
            run = options.DifOptions(steps=steps)
            started = time.process_time()
            optimisation.optimise(np.stack(found), labels, run)
            timed.append(time.process_time() - started)
        return IMAGES * each + STEPS * (timed[1] - timed[0]) / 4

    def closed(name: str) -> Callable[[], float]:
        def timed() -> float:
            each, found = residuals(name)
            method = recipe("auto")
            started = time.process_time()
            rows = [method.features(residual) for residual in found]
            each += (time.process_time() - started) / len(found)
            stacks = {key: np.stack([row[key] for row in rows]) for key in rows[0]}
            times = -(-IMAGES // len(rows))
            rng = np.random.default_rng(0)
            many = {
                key: np.concatenate([s + 1e-3 * rng.standard_normal(s.shape) for _ in range(times)])
                for key, s in stacks.items()
            }
            many = {key: stack[:IMAGES].astype(stacks[key].dtype) for key, stack in many.items()}
            labels = np.arange(IMAGES) % 2 == 0
            started = time.process_time()
            method.learn(many, Labelled(labels, np.arange(IMAGES)))
            return IMAGES * each + time.process_time() - started

        return timed

    what = f"extraction from {IMAGES} images"
    note = (
        f"both extrapolated: theirs from one step with {published} of {BATCH} images denoised, "
        f"ours from {len(images)} residuals"
    )
    return [
        Comparison(f"{what}, dif, {denoiser}", "DIF as published", theirs, dif, note + ", 4 steps"),
        Comparison(f"{what}, auto, wavelet", "DIF as published", theirs, closed("wavelet"), note),
        Comparison(f"{what}, auto, dncnn", "DIF as published", theirs, closed("dncnn"), note),
    ]


class _PublishedStep:
    """One step as the paper describes it: denoise, repeat, renormalise, descend."""

    def __init__(self, torch: Any, images: list[np.ndarray]) -> None:
        from fp.denoisers.dncnn import DnCNN
        from fp.fingerprint.estimators.unet import draw_network

        self._torch = torch
        self._denoiser = DnCNN("dncnn", precision="float32").weights.unfolded().eval()
        height, width = images[0].shape[:2]
        batch = np.stack([i.transpose(2, 0, 1) for i in images]).astype(np.float32) / 255
        self._batch = torch.from_numpy(batch)
        self._network = draw_network(torch.Generator().manual_seed(0))
        self._optimiser = torch.optim.AdamW(self._network.parameters(), lr=5e-4)
        self._input = 0.1 * torch.rand(1, 16, height, width)
        self._size = (BATCH, 3, height, width)

    def time(self) -> tuple[float, float]:
        """Return the seconds of the denoiser and of everything else."""
        torch = self._torch
        started = time.process_time()
        with torch.no_grad():
            residuals = self._denoiser(self._batch)
        denoised = time.process_time()
        rows = residuals.repeat(-(-BATCH // len(residuals)), 1, 1, 1)[:BATCH]
        begun = time.process_time()
        pattern = self._network(self._input + 0.03 * torch.randn_like(self._input))
        pattern = pattern.repeat(BATCH, 1, 1, 1)
        unit = [
            torch.nn.functional.normalize((x - x.mean((1, 2, 3), True)).flatten(1))
            for x in (rows, pattern)
        ]
        rho = (unit[0] * unit[1]).sum(1)
        distance = (rho[: BATCH // 2] - rho[BATCH // 2 :]).abs()
        self._optimiser.zero_grad()
        distance.mean().backward()
        self._optimiser.step()
        return denoised - started, time.process_time() - begun


def table(comparisons: list[Comparison], repeats: int) -> list[str]:
    """Run every comparison in the order A B A B and give a row each."""
    lines = [
        "| work | peer | peer / fp, median (lowest to highest) | peer, s | fp, s | note |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for comparison in comparisons:
        comparison.theirs(), comparison.ours()  # compiled and paged in
        pairs = [(comparison.theirs(), comparison.ours()) for _ in range(repeats)]
        ratios = [theirs / ours for theirs, ours in pairs]
        theirs, ours = np.median(pairs, axis=0)
        lines.append(
            f"| {comparison.title} | {comparison.peer} | {np.median(ratios):.3g} "
            f"({min(ratios):.3g} to {max(ratios):.3g}) | {theirs:.3g} | {ours:.3g} "
            f"| {comparison.note} |"
        )
        click.echo(lines[-1], err=True)
    return lines


@click.command()
@click.option("--images", type=click.Path(path_type=Path), required=True, help="Pictures.")
@click.option("--count", default=32, show_default=True, help="Pictures that are taken.")
@click.option("--side", default=256, show_default=True, help="Side of the examined part.")
@click.option("--repeats", default=5, show_default=True, help="Pairs of each comparison.")
@click.option(
    "--published", default=BATCH, show_default=True, help="Images a published step denoises."
)
@click.option("--denoiser", default="dncnn-small", show_default=True, help="Of the dif row.")
@click.option("--skip-extraction", is_flag=True, help="Leave the long comparison out.")
@click.option("--only-extraction", is_flag=True, help="Leave the short comparisons out.")
@click.option("--write", is_flag=True, help="Put the table into docs/performance.md.")
def main(
    images: Path,
    count: int,
    side: int,
    repeats: int,
    published: int,
    denoiser: str,
    skip_extraction: bool,
    only_extraction: bool,
    write: bool,
) -> None:
    """Compare fp with its peers on the pictures of a folder."""
    paths = find_images([images])[: max(count, 0 if skip_extraction else published)]
    pictures = [load_image(path).rgb_hwc[:side, :side] for path in paths]
    pictures = [np.ascontiguousarray(p) for p in pictures if p.shape == (side, side, 3)]
    if not pictures:
        raise click.UsageError(f"no picture of {side} x {side} pixels or more")
    # The published batch may hold more pictures than the rest is timed on.
    batch, pictures = pictures[:published], pictures[:count]
    comparisons = [] if only_extraction else of_residuals(pictures)
    if not skip_extraction:
        if len(batch) < published:
            raise click.UsageError(f"a published step of {published} images, and {len(batch)} here")
        comparisons += of_extraction(pictures, batch, denoiser)
    load = os.getloadavg()[0]
    lines = table(comparisons, repeats)
    arguments = [a for a in sys.argv[1:] if a != "--write"]
    if str(images) in arguments:  # no path of this machine in a page
        arguments[arguments.index(str(images))] = images.name
    command = shlex.join(["python", "benchmarks/compare.py", *arguments])
    note = (
        f"{len(pictures)} pictures, processor seconds on one thread, load {load:.1f} to "
        f"{os.getloadavg()[0]:.1f}, {describe()['machine']}."
    )
    section = "compare-extraction" if only_extraction else "compare"
    section = section if write else None
    publish(section, command, "\n".join(lines), note=note)


if __name__ == "__main__":
    if any(os.environ.get(name) != "1" for name in THREADS):  # read when libraries are loaded
        os.execve(
            sys.executable, [sys.executable, *sys.argv], os.environ | dict.fromkeys(THREADS, "1")
        )
    main()
