"""Maps of pasted regions and of untouched pictures."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import zoo
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score
from window_kit import interval, learned, split, stamp

from fp.denoisers import load_image
from fp.evaluation.editing import SHAPES, region
from fp.fingerprint.decision.judge import Judge
from fp.fingerprint.detection.detection import residual_for
from fp.fingerprint.model.evidence_map import EvidenceMap
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.model.windows import CELL
from fp.fingerprint.windows.combining import weights_of, window_judge_of
from fp.fingerprint.windows.fields import fields_of
from fp.fingerprint.windows.maps import draw_map

GENERATORS = ("w2x_photo", "w2x_anime", "resr_video_x4", "tae_flux2")
PATH = click.Path(path_type=Path)


@dataclass(frozen=True)
class Scene:
    """A picture with a pasted region."""

    pixels: np.ndarray
    mask: np.ndarray
    generated_inside: bool
    shape: str
    share: float
    aligned: bool


def scenes(
    photos: list[np.ndarray], drawn: list[np.ndarray], count: int, aligned: bool, seed: int
) -> Iterator[Scene]:
    """Paste regions of drawn pictures into photographs, and the reverse."""
    rng = np.random.default_rng([seed, int(aligned)])
    for number in range(2 * count):
        inside = number % 2 == 0
        host, guest = photos[rng.integers(len(photos))], drawn[rng.integers(len(drawn))]
        if not inside:
            host, guest = guest, host
        share = rng.uniform(0.15, 0.60)
        shape = SHAPES[number // 2 % len(SHAPES)]
        mask = region(shape, share, host.shape[:2], rng)
        # Moved to another place: by whole periods of every lattice, or by anything.
        by = rng.integers(0, 8, 2) * 32 if aligned else rng.integers(0, 256, 2)
        guest = np.roll(guest, tuple(by), (0, 1))
        yield Scene(np.where(mask[..., None], guest, host), mask, inside, shape, share, aligned)


def mapped(fingerprint: Fingerprint, pixels: np.ndarray, rate: float) -> EvidenceMap:
    """Map a picture."""
    judge = window_judge_of(Judge(fingerprint))
    assert judge is not None
    residual, weights = residual_for(fingerprint.denoiser), weights_of(fingerprint)
    fields = fields_of(pixels, residual, weights, searched=True)
    return draw_map(fields, judge.windows, rate)


def off_lattice(pixels: np.ndarray, number: int) -> np.ndarray:
    """Cut 224 x 224 pixels out, from a row and a column that no lattice of 4 begins at."""
    top, left = np.random.default_rng(number).integers(0, 8, 2) * 4 + (1, 2)
    return np.ascontiguousarray(pixels[top:, left:][:224, :224])


def full(cells: np.ndarray) -> np.ndarray:
    """Return an array of pixels, each with the value of its cell."""
    return np.kron(cells, np.ones((CELL, CELL), cells.dtype))


@click.command()
@click.option("--corpus", type=PATH, default=zoo.CORPUS, show_default=True)
@click.option("--cache", type=PATH, required=True, help="Folder for residuals.")
@click.option("--generator", "generators", multiple=True, default=GENERATORS, show_default=True)
@click.option("--training", default=128, show_default=True, help="Images of each class, at most.")
@click.option(
    "--count",
    default=30,
    show_default=True,
    help="Scenes of each kind and seed; 0 for untouched pictures alone.",
)
@click.option("--seeds", default=3, show_default=True)
@click.option("--first", default=0, show_default=True, help="First seed; the others follow it.")
@click.option("--untouched", default=80, show_default=True, help="Untouched pictures, at most.")
@click.option("--rate", default=0.05, show_default=True, help="False-alarm rate of the maps.")
def maps(
    corpus: Path,
    cache: Path,
    generators: tuple[str, ...],
    training: int,
    count: int,
    seeds: int,
    first: int,
    untouched: int,
    rate: float,
) -> None:
    """Measure maps of pasted regions, and of untouched pictures."""
    told_first = f" --first {first}" if first else ""
    print(stamp(f"maps --cache .work/cache --seeds {seeds}{told_first} --count {count}"))
    print(
        "| generator | training | pasted | at | pixel AUC, mean over scenes | 15-30 % | 30-60 % | "
        "pixel AUC, scenes pooled | flagged inside | flagged outside | scenes |\n"
        + "| --- " * 11
        + "|",
        flush=True,
    )
    alarms = []
    for name in generators:
        rows: dict[tuple[bool, bool], dict[str, list[float]]] = {}
        told = [0, 0, 0, 0]
        cropped: list[list[float]] = [[], []]
        used = training
        for seed in range(first, first + seeds):
            folder = corpus / "generated" / name
            used = min(training, len(list(folder.iterdir())) - 36)
            made, made_test = split(folder, used, seed)
            real, real_test = split(corpus / "real", training, seed)
            fingerprint = learned(name, made, real, cache, seed)
            photos, drawn = (
                [load_image(path).rgb_hwc for path in paths] for paths in (real_test, made_test)
            )
            for aligned in (True, False) if count else ():
                for inside in (True, False):
                    found = _measured(
                        fingerprint, photos, drawn, count, aligned, inside, seed, rate
                    )
                    for key, each in found.items():
                        rows.setdefault((inside, aligned), {}).setdefault(key, []).extend(each)
            for place, pictures in enumerate((photos, drawn)):
                for pixels in pictures[:untouched]:
                    found = mapped(fingerprint, pixels, rate)
                    flagged = (found.generated, found.reference)[place]
                    told[2 * place] += bool(flagged is not None and flagged.any())
                    told[2 * place + 1] += 1
            for number, pixels in enumerate(drawn[:untouched]):
                found = mapped(fingerprint, off_lattice(pixels, number), rate)
                for place, flagged in enumerate((found.generated, found.reference)):
                    cropped[place].append(0.0 if flagged is None else float(flagged.mean()))
            print(f"{name} seed {seed} done, flagged {told}", file=sys.stderr, flush=True)
        for (inside, aligned), found in rows.items():
            kind = "generated into photograph" if inside else "photograph into generated"
            at = "multiples of 32" if aligned else "any offset"
            share, auc = np.array(found["share"]), np.array(found["auc"])
            small, large = auc[share < 0.30].tolist(), auc[share >= 0.30].tolist()
            columns = [interval(found["auc"]), f"{np.mean(small):.3f}", f"{np.mean(large):.3f}"]
            columns += [f"{np.mean(found['pooled']):.3f}", interval(found["inside"])]
            columns += [interval(found["outside"]), str(share.size)]
            print(f"| {name} | {used} | {kind} | {at} | {' | '.join(columns)} |", flush=True)
        alarms.append((name, told, cropped))
    print(
        f"\nUntouched pictures in which anything is flagged, rate {rate:g} (95 % Clopper-Pearson; "
        "pictures of all seeds, which overlap):\n\n| generator | photographs, too high for the "
        "reference images | its own pictures, too low for the generator | its own pictures "
        "cropped off the lattice, share of the area too high | the same, too low |\n"
        + "| --- " * 5
        + "|"
    )
    for name, (a, b, c, d), cropped in alarms:
        cells = []
        for hits, total in ((a, b), (c, d)):
            low, high = binomtest(hits, total).proportion_ci(method="exact")
            cells.append(f"{hits} of {total}: {hits / total:.3f} ({low:.3f} to {high:.3f})")
        cells += [interval(shares) for shares in cropped]
        print(f"| {name} | {' | '.join(cells)} |")


def _measured(
    fingerprint: Fingerprint,
    photos: list[np.ndarray],
    drawn: list[np.ndarray],
    count: int,
    aligned: bool,
    inside: bool,
    seed: int,
    rate: float,
) -> dict[str, list[float]]:
    """Measure the scenes of one kind; all but the pooled figure are one number a scene."""
    aucs, shares, truth, values, hits, misses = [], [], [], [], [], []
    for scene in scenes(photos, drawn, count, aligned, seed):
        if scene.generated_inside != inside:
            continue
        found = mapped(fingerprint, scene.pixels, rate)
        evidence = full(found.log10_lr) * (1 if inside else -1)
        flagged = found.generated if inside else found.reference
        aucs.append(roc_auc_score(scene.mask.ravel(), evidence.ravel()))
        shares.append(float(scene.mask.mean()))
        truth.append(scene.mask[::4, ::4].ravel())
        values.append(evidence[::4, ::4].ravel())
        if flagged is not None:
            hits.append(float(full(flagged)[scene.mask].mean()))
            misses.append(float(full(flagged)[~scene.mask].mean()))
    pooled = float(roc_auc_score(np.concatenate(truth), np.concatenate(values)))
    return {
        "auc": aucs,
        "share": shares,
        "pooled": [pooled],
        "inside": hits,
        "outside": misses,
    }
