"""Windows: maps of pasted regions, false alarms, accuracy by size of the image, memory.

    python benchmarks/windows.py maps --cache .work/cache
    python benchmarks/windows.py sizes --cache .work/cache
    python benchmarks/windows.py pictures --section window-pictures
    python benchmarks/windows.py memory BANK.h5

``maps`` makes fingerprints with windows of the corpus (FP_CORPUS) from some of its images, pastes
regions of the generator's other images into other photographs and the reverse, and measures how
well the map tells the two apart, pixel by pixel. ``sizes`` trains one small decoder (see zoo.py),
lets it draw large pictures, and compares the accuracy at every size with what the model of
dependence predicts. ``pictures`` asks that of the corpus' pictures that generators drew. Tables
for docs/results/maps.md are printed.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from window_maps import maps
from window_pictures import drawn
from window_sizes import sizes

PATH = click.Path(path_type=Path)


@click.group()
def main() -> None:
    """Measure windows."""


main.add_command(maps)
main.add_command(sizes)
main.add_command(drawn)


@main.command()
@click.argument("bank", type=PATH)
@click.option("--side", default=10_000, show_default=True, help="Side of the synthetic picture.")
@click.option("--kind", type=click.Choice(["jpg", "png"]), default="jpg", show_default=True)
@click.option("--map", "mapped", is_flag=True, help="Draw the map as well.")
def memory(bank: Path, side: int, kind: str, mapped: bool) -> None:
    """Run 'fp detect' on one large picture, and take the time and the peak of its memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"large.{kind}"
        rng = np.random.default_rng(0)
        piece = gaussian_filter(rng.normal(128, 60, (1000, 1000, 3)), (2, 2, 0)).clip(0, 255)
        repeats = -(-side // 1000)
        pixels = np.tile(piece.astype(np.uint8), (repeats, repeats, 1))[:side, :side]
        Image.fromarray(pixels).save(path)
        del pixels
        started = time.time()
        subprocess.run(
            [
                *(sys.executable, "-m", "fp.cli.main", "detect", bank, path),
                *("-o", f"{folder}/out", *(["--map"] if mapped else [])),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.time() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10
    print(f"{side} x {side} {kind}: {seconds:.0f} s, peak {peak:.0f} MiB")


if __name__ == "__main__":
    main()
