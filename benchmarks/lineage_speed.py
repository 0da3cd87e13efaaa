"""Time of fp lineage from cached residuals: 50 generators with 100 images each, by default.

    python benchmarks/lineage_speed.py --section lineage-speed

writes a collection of planted lattices once, fills a cache, and times the command itself. The
images are photographs of the corpus (FP_CORPUS) with a lattice of 8 pixels; every fifth generator
begins a family.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from held_out import CORPUS
from sections import WORK
from zoo import photographs

from lineage import publish

STRENGTH = 0.02


def lattice(number):
    """Draw the taps of a generator: mostly those of the first of its five."""
    own = np.random.default_rng([number, 1]).normal(size=(8, 8, 3))
    first = np.random.default_rng([number - number % 5, 1]).normal(size=(8, 8, 3))
    return own if number % 5 == 0 else 0.85 * first + 0.53 * own


def write(folder, generators, images):
    """Write what is missing of the collection."""
    real = photographs(CORPUS / "real")
    stems = sorted(real)
    for number in range(generators):
        place = folder / "generated" / f"generator {number:02d}"
        place.mkdir(parents=True, exist_ok=True)
        factor = 1 + STRENGTH * np.tile(lattice(number), (32, 32, 1))
        for stem in stems[:images]:
            if not (place / f"{stem}.png").exists():
                pixels = np.clip(np.rint(real[stem] * factor), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(place / f"{stem}.png", compress_level=1)
    (folder / "real").mkdir(exist_ok=True)
    for stem in stems[images : 2 * images]:
        Image.fromarray(real[stem]).save(folder / "real" / f"{stem}.png", compress_level=1)


def processor_time():
    """Return the processor time of all ended child processes in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@click.command()
@click.option("--generators", default=50, show_default=True)
@click.option("--images", default=100, show_default=True, help="Images of each generator.")
@click.option("--jobs", default=2, show_default=True)
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "lineage_speed")
@click.option("--section", help="Section of a page of docs/ to replace.")
def main(generators, images, jobs, work, section):
    """Time the command twice: without residuals, and from the cache."""
    write(work, generators, images)
    environment = {**os.environ, "FP_CACHE": str(work / "cache"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "fp.cli.main", "lineage", "--denoiser", "wavelet"]
    command += ["--images", str(work / "generated"), "--real", str(work / "real")]
    command += ["-o", str(work / "out"), "--overwrite", "--jobs", str(jobs)]
    seconds, processor = [], []
    for _ in range(2):
        started, used = time.perf_counter(), processor_time()
        subprocess.run(command, env=environment, check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
        processor.append(processor_time() - used)
    clusters = json.loads((work / "out" / "lineage.json").read_text("utf-8"))["clusters"]
    right = sum(
        len({int(name.split()[-1]) // 5 for name in cluster["members"]}) == 1
        and len(cluster["members"]) == 5
        for cluster in clusters
    )
    publish(
        section,
        "| generators | images each | processes | first run, s | from cached residuals, s "
        "| of processor time, s | families found |\n| --- | --- | --- | --- | --- | --- | --- |\n"
        f"| {generators} | {images} | {jobs} | {seconds[0]:.0f} | {seconds[1]:.0f} "
        f"| {processor[1]:.0f} | {right} of {generators // 5} |",
    )


if __name__ == "__main__":
    main()
