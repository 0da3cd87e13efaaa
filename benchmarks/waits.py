"""Measure what docs/performance.md promises of single steps and of whole runs.

    python benchmarks/waits.py network
    python benchmarks/waits.py extraction ../shared/corpus
    python benchmarks/waits.py processes BANK.h5 FOLDER
    python benchmarks/waits.py before OTHER-FP --bank BANK.h5 PICTURE FOLDER

The first takes processor seconds on one thread; the next two run commands and take seconds on
the clock, so the load of the machine stands beside them. The last runs another `fp`, such as that
of an earlier commit, and this one in turn. `--write` puts a table into its section of
docs/performance.md.
"""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image
from sections import publish

from fp.denoisers import find_images, load_image
from fp.system.environment import describe

PATH = click.Path(path_type=Path, exists=True)
THREADS = tuple(f"{name}_NUM_THREADS" for name in ("OMP", "MKL", "OPENBLAS", "NUMBA"))


def seconds(work: Callable[[], Any], repeats: int) -> list[float]:
    """Return the processor seconds of each call, after one that is not counted."""
    work()
    found = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return found


def spread(values: list[float], scale: float = 1.0, digits: int = 3) -> str:
    """Return the median, the smallest and the largest of values."""
    middle, low, high = (scale * f(values) for f in (np.median, min, max))
    return f"{middle:.{digits}g} ({low:.{digits}g} to {high:.{digits}g})"


@click.group()
@click.option("--write", is_flag=True, help="Put the table into docs/performance.md.")
@click.pass_context
def main(ctx: click.Context, write: bool) -> None:
    """Measure fp itself."""
    ctx.obj = write


def tell(ctx: click.Context, lines: list[str], load: float, note: str = "") -> None:
    """Print a table, or put it into the page under the name of its command."""
    text = "\n".join(lines)
    arguments = [Path(a).name if Path(a).exists() else a for a in sys.argv[1:] if a != "--write"]
    command = shlex.join(["python", "benchmarks/waits.py", *arguments])
    where = f"Load {load:.1f} to {os.getloadavg()[0]:.1f}, {describe()['machine']}."
    section = f"waits-{ctx.info_name}" if ctx.obj else None
    publish(section, command, text, note=note + where)


@main.command()
@click.option("--repeats", default=12, show_default=True)
@click.pass_context
def network(ctx: click.Context, repeats: int) -> None:
    """DnCNN against the peak of a matrix product, and fp's own share of an image."""
    load = os.getloadavg()[0]
    torch: Any = import_module("torch")
    torch.set_num_threads(1)
    from fp.denoisers import get
    from fp.denoisers.dncnn import DnCNN
    from fp.fingerprint.learning.method import recipe

    denoiser = DnCNN("dncnn")
    inside = torch.bfloat16 if "bfloat16" in denoiser.identity.precision else torch.float32
    side = 256
    image = np.random.default_rng(0).random((3, side, side), dtype=np.float32)
    # 17 layers of 3 x 3: 3 to 64, fifteen of 64 to 64, 64 to 3 channels; two operations a product.
    operations = 2 * 9 * side * side * (3 * 64 + 15 * 64 * 64 + 64 * 3)

    def product(n: int) -> Callable[[], float]:
        left, right = torch.randn(n, n).to(inside), torch.randn(n, n).to(inside)

        def timed() -> float:
            started = time.process_time()
            left @ right
            return 2 * n**3 / (time.process_time() - started)

        return timed

    products = [product(n) for n in (1024, 1536, 2048, 3072)]
    for work in (lambda: denoiser.noise(image), *products):
        work()
    ratios, milliseconds, peaks = [], [], []
    for _ in range(repeats):  # in turn, so that a busy machine slows both
        peak = max(work() for work in products)
        started = time.process_time()
        denoiser.noise(image)
        took = time.process_time() - started
        peaks.append(peak)
        milliseconds.append(took)
        ratios.append(operations / took / peak)
    residual, method = get("dncnn"), recipe("auto")
    picture = (255 * image.transpose(1, 2, 0)).astype(np.uint8)
    around = []
    method.features(residual(picture))
    for _ in range(repeats):
        started = time.process_time()
        denoiser.noise(image)
        bare = time.process_time() - started
        started = time.process_time()
        method.features(residual(picture))
        around.append((time.process_time() - started) / bare - 1)
    lines = [
        "| figure | median (lowest to highest) |",
        "| --- | --- |",
        f"| matrix product, {inside}, best of four sizes, GFLOP/s | {spread(peaks, 1e-9)} |",
        f"| `dncnn`, 256 x 256, ms | {spread(milliseconds, 1e3)} |",
        f"| its multiply-adds, share of that peak, in per cent | {spread(ratios, 100)} |",
        f"| crop, mean residual and features of `auto`, beside it, in per cent "
        f"| {spread(around, 100)} |",
    ]
    tell(ctx, lines, load, "Processor time on one thread, in turn. ")


def _distinct(folder: Path, target: Path, count: int, **options: Any) -> None:
    """Write so many pictures of a folder, each with other noise of at most two grey levels."""
    target.mkdir(parents=True)
    rng = np.random.default_rng(0)
    paths = find_images([folder])
    for index in range(count):
        picture = load_image(paths[index % len(paths)]).rgb_hwc[:256, :256]
        noisy = np.clip(picture + rng.integers(-2, 3, picture.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(target / f"{index:05d}.{options['format']}", **options)


THIS = (sys.executable, "-m", "fp.cli.main")


def _wall(*command: str, program: tuple[str, ...] = THIS) -> tuple[float, float]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(
        [*program, *command],
        check=True,
        stdout=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if k not in THREADS},
    )
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@main.command()
@click.argument("corpus", type=PATH)
@click.option("--count", default=512, show_default=True, help="Images of each class.")
@click.option(
    "--run",
    "runs",
    multiple=True,
    default=("auto/wavelet", "auto/dncnn-small", "auto/dncnn", "dif/dncnn-small"),
    show_default=True,
    help="METHOD/DENOISER.",
)
@click.pass_context
def extraction(ctx: click.Context, corpus: Path, count: int, runs: tuple[str, ...]) -> None:
    """'fp extract' from folders of so many different images, without a cache, on two processes."""
    load = os.getloadavg()[0]
    lines = [
        "| method | denoiser | images | s on the clock | s of processors |",
        "| --- | --- | --- | --- | --- |",
    ]
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name) / kind for kind in ("generated", "real")]
        for source, folder in zip(("generated/tae_flux2", "real"), folders, strict=True):
            _distinct(corpus / source, folder, count, format="png")
        for run in runs:
            method, denoiser = run.split("/")
            command = ["extract", "--generated", str(folders[0]), "--real", str(folders[1])]
            command += ["-o", f"{name}/{method}-{denoiser}.h5", "--method", method, "--no-cache"]
            wall, cpu = _wall(*command, "--denoiser", denoiser, "--jobs", "2")
            lines.append(
                f"| `{method}` | {denoiser} | {count} + {count} | {wall:.0f} | {cpu:.0f} |"
            )
            click.echo(lines[-1], err=True)
    tell(ctx, lines, load)


def _turns(bank: Path, made: Path, out: Path, repeats: int) -> Iterator[tuple[float, float]]:
    for turn in range(repeats):
        one, _ = _wall("detect", str(bank), str(made), "-o", f"{out}/1-{turn}", "--jobs", "1")
        two, _ = _wall("detect", str(bank), str(made), "-o", f"{out}/2-{turn}", "--jobs", "2")
        yield one, two


@main.command()
@click.argument("bank", type=PATH)
@click.argument("folder", type=PATH)
@click.option("--count", default=300, show_default=True)
@click.option("--repeats", default=3, show_default=True)
@click.pass_context
def processes(ctx: click.Context, bank: Path, folder: Path, count: int, repeats: int) -> None:
    """'fp detect' on two processes against one, in turn, on so many different JPEGs."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        _distinct(folder, Path(name) / "in", count, format="jpeg", quality=92)
        found = list(_turns(bank, Path(name) / "in", Path(name), repeats))
    one, two = (list(times) for times in zip(*found, strict=True))
    lines = [
        "| images | one process, s | two processes, s | two / one |",
        "| --- | --- | --- | --- |",
        f"| {count} | {spread(one)} | {spread(two)} | {spread([b / a for a, b in found])} |",
    ]
    tell(ctx, lines, load)


@main.command()
@click.argument("other", type=PATH)
@click.argument("inputs", type=PATH, nargs=-1, required=True)
@click.option("--bank", "banks", type=PATH, multiple=True, required=True)
@click.option("--repeats", default=5, show_default=True)
@click.pass_context
def before(
    ctx: click.Context,
    other: Path,
    inputs: tuple[Path, ...],
    banks: tuple[Path, ...],
    repeats: int,
) -> None:
    """'fp detect' of another installation and of this one, in turn, without -o; warm caches."""
    load = os.getloadavg()[0]
    lines = [
        "| bank | images | processor s before | processor s now | before / now |",
        "| --- | --- | --- | --- | --- |",
    ]
    for bank in banks:
        for asked in inputs:
            command, found = ("detect", "--json", str(bank), str(asked)), []
            for turn in range(repeats + 1):
                both = _wall(*command, program=(str(other.resolve()),))[1], _wall(*command)[1]
                if turn:  # the first compiles
                    found.append(both)
            olds, news = (list(times) for times in zip(*found, strict=True))
            ratios = spread([old / new for old, new in found])
            name = f"{len(find_images([asked]))} of {asked.name}"
            lines.append(f"| {bank.name} | {name} | {spread(olds)} | {spread(news)} | {ratios} |")
            click.echo(lines[-1], err=True)
    tell(ctx, lines, load, "Median (lowest to highest). ")


if __name__ == "__main__":
    if any(os.environ.get(name) != "1" for name in THREADS):  # read when libraries are loaded
        os.execve(
            sys.executable, [sys.executable, *sys.argv], os.environ | dict.fromkeys(THREADS, "1")
        )
    main()
