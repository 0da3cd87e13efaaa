"""Time and peak memory of what a user waits for: each stage of an image, and whole folders.

    python benchmarks/stages.py stages BANK.h5 FOLDER
    python benchmarks/stages.py folder BANK.h5 FOLDER --sizes 100,1000,10000
    python benchmarks/stages.py banks FOLDER --sizes 1,100,1000

The first takes processor seconds and the arrays that a stage holds at most; the second runs
``fp detect`` without a cache on so many different JPEGs, made of the folder's pictures, and prints
images a second and the largest memory of any process; the third opens banks of so many synthetic
tile fingerprints and examines the folder's pictures with them.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

from fp.denoisers import find_images, load_image, registry
from fp.fingerprint.decision.judge import Judge
from fp.fingerprint.detection.banks import examine
from fp.fingerprint.detection.detection import DetectOptions, Preparation, residual_for
from fp.fingerprint.detection.opening import StoredBank, open_for_examination
from fp.fingerprint.learning.method import recipe
from fp.fingerprint.model.calibration import Calibration, NullControl
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store.bank import read_bank, write_bank
from fp.images.crop import CropRule
from fp.images.loading import LoadedImage

PATH = click.Path(path_type=Path, exists=True)


def measured(work: Callable[[], Any], repeats: int) -> tuple[float, float, Any]:
    """Return the median of the processor seconds, the peak of allocated bytes, and the result."""
    found = work()
    times = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return float(np.median(times)), peak, found


@click.group()
def main() -> None:
    """Measure fp itself."""


@main.command()
@click.argument("bank", type=PATH)
@click.argument("folder", type=PATH)
@click.option("--repeats", default=30, show_default=True)
def stages(bank: Path, folder: Path, repeats: int) -> None:
    """Measure each stage of the first picture of FOLDER against the fingerprints of BANK."""
    members = read_bank(bank)
    path = find_images([folder])[0]
    first = members[0]
    residual_of, method = residual_for(first.denoiser), Judge(first).recipe
    rows: list[tuple[str, float, float]] = []

    def stage(name: str, work: Callable[[], Any]) -> Any:
        seconds, peak, found = measured(work, repeats)
        rows.append((name, 1e3 * seconds, peak / 2**20))
        return found

    image = stage("load", lambda: load_image(path))
    part = first.crop.apply(image.rgb_hwc)
    residual = stage(f"residual ({first.denoiser.name})", lambda: residual_of(part))
    for estimator in {e.reads: e for e in method.parts}.values():
        stage(f"features ({estimator.reads})", lambda e=estimator: e.features(residual))
    stage("all of it, and the rows", lambda: examine(image, members, DetectOptions()))
    click.echo("| stage | ms, median | peak, MiB |\n| --- | --- | --- |")
    for name, milliseconds, peak in rows:
        click.echo(f"| {name} | {milliseconds:.2f} | {peak:.1f} |")
    click.echo(f"load {os.getloadavg()[0]:.1f}", err=True)


@main.command()
@click.argument("bank", type=PATH)
@click.argument("folder", type=PATH)
@click.option("--sizes", default="100,1000", show_default=True)
@click.option("--side", default=256, show_default=True)
@click.option("--jobs", default=2, show_default=True)
def folder(bank: Path, folder: Path, sizes: str, side: int, jobs: int) -> None:
    """Measure 'fp detect' on folders of so many different JPEGs."""
    pictures = [load_image(path).rgb_hwc for path in find_images([folder])[:200]]
    pictures = [p[:side, :side] for p in pictures if min(p.shape[:2]) >= side]
    rng = np.random.default_rng(0)
    click.echo("| images | images a second | processor ms an image | peak of a process, MiB |")
    click.echo("| --- | --- | --- | --- |")
    for size in map(int, sizes.split(",")):
        with tempfile.TemporaryDirectory() as name:
            made = Path(name) / "in"
            made.mkdir()
            for index in range(size):
                noise = rng.integers(-2, 3, (side, side, 3))
                picture = np.clip(pictures[index % len(pictures)] + noise, 0, 255)
                Image.fromarray(picture.astype(np.uint8)).save(made / f"{index}.jpg", quality=92)
            wall, cpu, peak = _detect(bank, made, Path(name) / "out", jobs)
        click.echo(f"| {size} | {size / wall:.1f} | {1e3 * cpu / size:.1f} | {peak:.0f} |")
    click.echo(f"load {os.getloadavg()[0]:.1f}", err=True)


@main.command()
@click.argument("folder", type=PATH)
@click.option("--sizes", default="1,100,1000", show_default=True)
@click.option("--references", default=256, show_default=True, help="Calibration images a class.")
@click.option("--images", default=20, show_default=True)
def banks(folder: Path, sizes: str, references: int, images: int) -> None:
    """Measure the opening of banks of synthetic tile fingerprints, and an image against them."""
    pictures = [load_image(path) for path in find_images([folder])[:images]]
    click.echo(
        "| fingerprints | opening, s | growth of the process, MiB | an image, ms | beside residual "
        "and fold, ms | when its best is new, ms |\n| --- | --- | --- | --- | --- | --- |"
    )
    for size in map(int, sizes.split(",")):
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "bank.h5"
            write_bank(path, _synthetic(size, references))
            stored = StoredBank.at(path)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            started = time.process_time()
            bank = open_for_examination(stored)
            opening = time.process_time() - started
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            new, again = (
                _each(pictures, partial(bank.examine, options=DetectOptions())) for _ in "12"
            )
        bare = _each(pictures, lambda picture: ASKS.features(picture).of(recipe("tile")))
        figures = (np.median(again), np.median(np.subtract(again, bare)), np.median(new))
        told = " | ".join(f"{1e3 * seconds:.1f}" for seconds in figures)
        click.echo(f"| {size:,} | {opening:.2f} | {grown / 1024:.0f} | {told} |")
    click.echo(f"load {os.getloadavg()[0]:.1f}", err=True)


ASKS = Preparation(
    (_wavelet := registry.get("wavelet").identity), CropRule(256, 256), "none", _wavelet.digest
)


def _each(pictures: Sequence[LoadedImage], work: Callable[[LoadedImage], Any]) -> list[float]:
    """Return the processor seconds of a work on each picture."""
    times = [time.process_time()]
    for picture in pictures:
        work(picture)
        times.append(time.process_time())
    return list(np.diff(times))


def _synthetic(count: int, references: int) -> Iterator[Fingerprint]:
    """Make tile fingerprints of period 8 with shared reference images."""
    rng = np.random.default_rng(0)
    hashes = [tuple(f"{first + k:064x}" for k in range(references)) for first in (0, 10**9)]
    sources = tuple(f"{k:05d}" for k in range(references))
    for index in range(count):
        yield Fingerprint(
            name=f"generator {index}",
            method="tile",
            pattern=rng.standard_normal((3, 8, 8)).astype(np.float32),
            crop=ASKS.crop,
            denoiser=ASKS.denoiser,
            calibration=Calibration(
                rng.normal(0, 0.01, references),
                rng.normal(0.04, 0.01, references),
                *hashes,
                sources,
                sources,
                "synthetic",
            ),
            null=NullControl(4.0, rng.normal(0, 0.2, 200), 0),
        )


def _detect(bank: Path, made: Path, out: Path, jobs: int) -> tuple[float, float, float]:
    command = [sys.executable, "-m", "fp.cli.main", "detect", str(bank), str(made)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(
        [*command, "-o", str(out), "--jobs", str(jobs)], check=True, stdout=subprocess.DEVNULL
    )
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, after.ru_maxrss / 1024


if __name__ == "__main__":
    main()
