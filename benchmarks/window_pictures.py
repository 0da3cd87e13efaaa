"""What is told of pictures that generators drew, by how much of them is examined."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import numpy as np
from held_out import CORPUS
from photographs import interval, pictures, shuffled
from PIL import Image
from scipy.special import ndtr
from sections import WORK, publish, this_command
from window_kit import learned

from fp.fingerprint.decision.decision import p_generated, p_real
from fp.fingerprint.decision.judge import Judge
from fp.fingerprint.detection.detection import residual_for
from fp.fingerprint.windows.combining import weights_of, window_judge_of
from fp.fingerprint.windows.fields import fields_of, window_odds
from fp.images.degradations import Degradation
from fp.images.loading import load_image

SIDES = (64, 128, 256, 512, 768)
LEARNED = 256
"""Side of the pieces that are learned from."""
RATE = 0.05
DRAWN = ("flux1dev", "realvisxl_turbo")
PHOTOGRAPHS = "photos/train"
ASKED = ("photos/val", "t2i/real/kodak", "t2i/real/camera")


def part(field, side, number):
    """Return one of the squares side by side of a field: one a picture, at each place in turn."""
    rows, columns = (length // side for length in field.shape[:2])
    row, column = divmod(number % (rows * columns), columns)
    return field[side * row :, side * column :][:side, :side]


def judge_of(generated, references, degraded, seed, cache):
    """Learn a fingerprint with windows from a piece of each picture; return its window judge."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for label, paths in (("made", generated), ("real", references)):
            files.append([])
            for number, path in enumerate(paths):
                kept = Path(folder, f"{label}-{path.stem}.png")
                pixels = part(degraded.apply(load_image(path).rgb_hwc), LEARNED, number)
                Image.fromarray(pixels).save(kept, compress_level=1)
                files[-1].append(kept)
        judge = window_judge_of(Judge(learned("windows", *files, cache, seed)))
    assert judge is not None
    return judge


def odds_of(judge, paths, degraded):
    """Return the log odds of the windows side by side of each picture."""
    residual, weights = residual_for(judge.fingerprint.denoiser), weights_of(judge.fingerprint)
    for path in paths:
        fields = fields_of(degraded.apply(load_image(path).rgb_hwc), residual, weights)
        yield window_odds(judge.windows, fields, judge.windows.size)[0]


def cells(judge, fields, generated):
    """Yield of each side what is predicted and found of pictures of one class."""
    known, count_of = judge.calibration, judge.windows.size
    mu_r, mu_g = known.mu_r, known.mu_g
    threshold = -judge.ratio.intercept / judge.ratio.slope
    mine, dependence = (
        (judge.windows.generated, judge.windows.of_generated)
        if generated
        else (judge.windows.real, judge.windows.of_real)
    )
    for side in SIDES:
        count = side // count_of
        large = [grid for grid in fields if min(grid.shape) >= count]
        if not large:
            yield None
            continue
        found = np.array([part(grid, count, number).mean() for number, grid in enumerate(large)])
        spread = float(mine.std()) * np.sqrt(dependence.variance_of_mean(count, count))
        beyond = (mu_g - threshold if generated else threshold - mu_r) / spread
        narrow_r, narrow_g = judge.narrowing(count, count)
        claimed = [
            p_real(mu_r + (score - mu_r) / narrow_r, known)
            <= RATE
            < p_generated(mu_g + (score - mu_g) / narrow_g, known)
            for score in found
        ]
        right = (found > threshold) == generated
        yield float(ndtr(beyond)), int(right.sum()), int(sum(claimed)), found.size


def share(hits, n):
    low, high = interval(hits, n)
    return f"{100 * hits / n:.0f} ({100 * low:.0f} to {100 * high:.0f})"


@click.command("pictures")
@click.option("--cache", type=click.Path(path_type=Path), default=WORK / "windows-cache")
@click.option("--training", default=64, show_default=True, help="Pictures of each class.")
@click.option("--condition", default="jpeg:50", show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--section", help="Section of a page of docs/ to replace.")
def drawn(cache, training, condition, seed, section):
    """Ask about 64 to 768 pixels of pictures that were drawn, and of photographs."""
    degraded = Degradation(condition)
    lines = [
        "| generator | references | side | n_eff | own right, predicted, % | own right, % | "
        "own claimed, % | own | references right, predicted, % | references right, % | "
        "references claimed, % | references |",
        "|" + " --- |" * 12,
    ]
    first, second = (CORPUS / "t2i/generated" / name for name in DRAWN)
    for made, other in (
        (first, CORPUS / PHOTOGRAPHS),
        (second, CORPUS / PHOTOGRAPHS),
        (first, second),
    ):
        known, own = np.split(np.array(shuffled(pictures(made), seed)), [training])
        references, rest = np.split(np.array(shuffled(pictures(other), seed)), [training])
        if other.name == Path(PHOTOGRAPHS).name:
            rest = [path for name in ASKED for path in pictures(CORPUS / name)]
        judge = judge_of(known, references, degraded, seed, cache)
        both = [
            cells(judge, list(odds_of(judge, paths, degraded)), generated)
            for paths, generated in ((own, True), (rest, False))
        ]
        for side, *found in zip(SIDES, *both, strict=True):
            count = side // judge.windows.size
            told = []
            for cell in found:
                if cell is None:
                    told += ["-"] * 3 + ["0"]
                    continue
                predicted, right, claimed, n = cell
                told += [f"{100 * predicted:.0f}", share(right, n), share(claimed, n), str(n)]
            effective = f"{judge.effective(count, count):.1f}"
            names = made.name, str(other.relative_to(CORPUS)), str(side), effective
            lines.append("| " + " | ".join([*names, *told]) + " |")
            click.echo(lines[-1], err=True)
    publish(section, this_command(), "\n".join(lines))
