"""Windows: maps of pasted regions, false alarms, accuracy by size of the image, memory.

    python benchmarks/windows.py maps --cache .work/cache
    python benchmarks/windows.py sizes --cache .work/cache
    python benchmarks/windows.py memory BANK.h5

``maps`` makes fingerprints with windows of the corpus (FP_CORPUS) from some of its images, pastes
regions of the generator's other images into other photographs and the reverse, and measures how
well the map tells the two apart, pixel by pixel. ``sizes`` trains one small decoder (see zoo.py),
lets it draw large pictures, and compares the accuracy at every size with what the model of
dependence predicts. Tables for RESULTS.md are printed; figures are written where ``--figure`` says.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
import zoo
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.special import ndtr
from scipy.stats import binomtest, t
from sklearn.metrics import roc_auc_score

from fp.denoisers import load_image
from fp.denoisers.cache import ResidualCache
from fp.denoisers.degradations import Degradation
from fp.fingerprint.evaluation.editing import SHAPES, region
from fp.fingerprint.examining.detection import residual_for
from fp.fingerprint.extraction import ExtractOptions, extract
from fp.fingerprint.fingerprint import Fingerprint
from fp.fingerprint.windows.combining import WindowJudge, weights_of, window_judge_of
from fp.fingerprint.windows.fields import CELL, fields_of
from fp.fingerprint.windows.maps import EvidenceMap, draw_map

GENERATORS = ("w2x_photo", "w2x_anime", "resr_video_x4", "tae_flux2")
PATH = click.Path(path_type=Path)


def stamp(command: str) -> str:
    """Give the line that says where a table comes from."""
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    day = datetime.now(UTC).date().isoformat()
    return f"`python benchmarks/windows.py {command}`, {day}, commit {found.stdout.strip()}.\n"


def interval(values: list[float]) -> str:
    """Give a mean with its 95 % interval (Student's t)."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return f"{mean:.3f}"
    half = float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return f"{mean:.3f} ({mean - half:.3f} to {min(1.0, mean + half):.3f})"


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
    judge = window_judge_of(fingerprint)
    assert judge is not None
    fields = fields_of(pixels, residual_for(fingerprint.denoiser), weights_of(fingerprint))
    return draw_map(fields, judge.windows, rate)


def full(cells: np.ndarray) -> np.ndarray:
    """Give every pixel the value of its cell."""
    return np.kron(cells, np.ones((CELL, CELL), cells.dtype))


def split(folder: Path, training: int, seed: int) -> tuple[list[Path], list[Path]]:
    """Deal the images of a folder into training and test."""
    paths = sorted(folder.iterdir())
    order = np.random.default_rng([seed, zoo.number(folder.name)]).permutation(len(paths))
    return [paths[i] for i in order[:training]], [paths[i] for i in order[training:]]


def learned(name: str, made: list[Path], real: list[Path], cache: Path, seed: int) -> Fingerprint:
    """Make a fingerprint with windows of two lists of files."""
    with tempfile.TemporaryDirectory() as folder:
        for label, paths in (("made", made), ("real", real)):
            place = Path(folder) / label
            place.mkdir()
            for path in paths:
                shutil.copy(path, place)
        options = ExtractOptions(windows=True, audit=False, null=0, seed=seed, dif=None)
        store = ResidualCache(cache, 2**34)
        return extract(
            Path(folder) / "made", Path(folder) / "real", name, options, store
        ).fingerprint


@click.group()
def main() -> None:
    """Measure windows."""


@main.command()
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
@click.option("--untouched", default=80, show_default=True, help="Untouched pictures, at most.")
@click.option("--rate", default=0.05, show_default=True, help="False-alarm rate of the maps.")
def maps(
    corpus: Path,
    cache: Path,
    generators: tuple[str, ...],
    training: int,
    count: int,
    seeds: int,
    untouched: int,
    rate: float,
) -> None:
    """Measure maps of pasted regions, and of untouched pictures."""
    print(stamp(f"maps --cache .work/cache --seeds {seeds} --count {count}"))
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
        used = training
        for seed in range(seeds):
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
        alarms.append((name, told))
    print(
        f"\nUntouched pictures in which anything is flagged, rate {rate:g} (95 % Clopper-Pearson; "
        "pictures of all seeds, which overlap):\n\n| generator | photographs, too high for the "
        "reference images | its own pictures, too low for the generator |\n| --- | --- | --- |"
    )
    for name, (a, b, c, d) in alarms:
        cells = []
        for hits, total in ((a, b), (c, d)):
            low, high = binomtest(hits, total).proportion_ci(method="exact")
            cells.append(f"{hits} of {total}: {hits / total:.3f} ({low:.3f} to {high:.3f})")
        print(f"| {name} | {cells[0]} | {cells[1]} |")


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


@main.command()
@click.option("--corpus", type=PATH, default=zoo.CORPUS, show_default=True)
@click.option("--cache", type=PATH, required=True, help="Folder for residuals.")
@click.option("--work", type=PATH, default=Path(".work/windows"), show_default=True)
@click.option("--plan", type=click.Choice(list(zoo.PLANS)), default="small", show_default=True)
@click.option("--seed", default=100, show_default=True)
@click.option("--training", default=100, show_default=True, help="Photographs that calibrate.")
@click.option("--test", default=40, show_default=True, help="Photographs that are tested.")
@click.option(
    "--condition", default="jpeg:50", show_default=True, help="What all pictures undergo."
)
@click.option("--figure", type=PATH, help="PNG file for the figure.")
def sizes(
    corpus: Path,
    cache: Path,
    work: Path,
    plan: str,
    seed: int,
    training: int,
    test: int,
    condition: str,
    figure: Path | None,
) -> None:
    """Measure accuracy from 64 x 64 to 1024 x 1024 pixels."""
    drawn = _large_pictures(corpus, work, zoo.PLANS[plan], seed, (training, test))
    degraded = Degradation(condition)
    with tempfile.TemporaryDirectory() as folder:
        files: dict[str, list[Path]] = {"real": [], "made": []}
        for stem in drawn["train"]:
            for label in files:
                pixels = degraded.apply(_somewhere(_large(work, label, stem), stem))
                path = Path(folder) / label / f"{stem}.png"
                path.parent.mkdir(exist_ok=True)
                Image.fromarray(pixels).save(path, compress_level=1)
                files[label].append(path)
        fingerprint = learned("zoo", files["made"], files["real"], cache, seed)
    judge = window_judge_of(fingerprint)
    assert judge is not None
    rows = list(_by_size(judge, drawn["test"], work, degraded))
    told = f"--plan {plan} --seed {seed} --training {training} --test {test}"
    print(stamp(f"sizes --cache .work/cache {told} --condition {condition}"))
    for label, found in (
        ("reference", judge.windows.of_real),
        ("generated", judge.windows.of_generated),
    ):
        print(
            f"* dependence, {label} images: rho(d) = {found.floor:.3f} + {found.near:.3f} "
            f"exp(-(d - 1) / {found.reach:.2f})"
        )
    print(
        "\n| side | windows | n_eff | predicted accuracy, % | accuracy, % | AUC | deviation of the "
        "mean, predicted (reference / generated) | observed | p_real <= 0.05, photographs |\n"
        + "| --- " * 9
        + "|"
    )
    for row in rows:
        print(
            f"| {row['side']} | {row['windows']} | {row['effective']:.1f} | "
            f"{100 * row['predicted']:.1f} | {100 * row['accuracy']:.1f} "
            f"({100 * row['low']:.1f} to "
            f"{100 * row['high']:.1f}) | {row['auc']:.3f} | "
            f"{row['sd_r']:.2f} / {row['sd_g']:.2f} | "
            f"{row['seen_r']:.2f} / {row['seen_g']:.2f} | {100 * row['alarms']:.1f} |"
        )
    if figure is not None:
        _draw(rows, figure)


def _large_pictures(
    corpus: Path, work: Path, plan: zoo.Plan, seed: int, counts: tuple[int, int]
) -> dict[str, list[str]]:
    """Draw large pictures: photographs that the decoder has not seen, and the same redrawn."""
    import torch
    from safetensors.torch import load_file, save_file

    torch.set_num_threads(1)
    work.mkdir(parents=True, exist_ok=True)
    photos = zoo.photographs(corpus / "photos" / "train")
    stems = np.random.default_rng(zoo.number(seed, "large")).permutation(sorted(photos)).tolist()
    teaching, rest = stems[: len(stems) // 2], stems[len(stems) // 2 :]
    member = next(m for m in zoo.members(plan) if m.name == "A")
    weights = work / f"root-{seed}.safetensors"
    torch.manual_seed(zoo.number(seed, member.initial))
    net = zoo.Autoencoder(plan.channels, member.architecture).to(memory_format=torch.channels_last)
    if not weights.exists():
        taught = [photos[stem] for stem in teaching]
        zoo.train(net, member, taught, plan, seed, lambda step, loss: None)
        save_file({k: v.contiguous() for k, v in net.state_dict().items()}, weights)
    net.load_state_dict(load_file(weights))
    val = zoo.photographs(corpus / "photos" / "val")
    chosen = {"train": rest[: counts[0]], "test": sorted(val)[: counts[1]]}
    for stem in [*chosen["train"], *chosen["test"]]:
        if (work / "made" / f"{stem}.png").exists():
            continue
        photo = Image.fromarray((photos | val)[stem])
        scale = 1024 / min(photo.size)
        size = tuple(max(1024, round(side * scale)) for side in photo.size)
        large = np.asarray(photo.resize(size, Image.Resampling.BICUBIC))[:1024, :1024]
        image = torch.from_numpy(large.copy()).permute(2, 0, 1)[None].float() / 255
        with torch.no_grad():
            found = net(image)[0].clamp(0, 1).mul(255).round().to(torch.uint8)
        for label, pixels in (("real", large), ("made", found.permute(1, 2, 0).numpy())):
            path = work / label / f"{stem}.png"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(path, compress_level=1)
    return chosen


def _large(work: Path, label: str, stem: str) -> np.ndarray:
    return np.asarray(Image.open(work / label / f"{stem}.png"))


def _somewhere(pixels: np.ndarray, stem: str) -> np.ndarray:
    """Take one of the pieces of 256 x 256: corners alone hold more sky than pictures do."""
    row, column = divmod(zoo.number("piece", stem) % 16, 4)
    return pixels[256 * row :, 256 * column :][:256, :256]


def _by_size(
    judge: WindowJudge, stems: list[str], work: Path, degraded: Degradation
) -> Iterator[dict[str, Any]]:
    """Cut images of every size from the large ones: all that lie side by side at its multiples."""
    residual, weights = residual_for(judge.fingerprint.denoiser), weights_of(judge.fingerprint)
    odds: dict[str, list[np.ndarray]] = {"real": [], "made": []}
    for stem in stems:
        for label, found in odds.items():
            fields = fields_of(degraded.apply(_large(work, label, stem)), residual, weights)
            found.append(judge.windows.odds(fields, judge.windows.size)[0])
    threshold = -judge.ratio.intercept / judge.ratio.slope
    mu_r, mu_g = judge.calibration.mu_r, judge.calibration.mu_g
    one_r, one_g = (float(s.std()) for s in (judge.windows.real, judge.windows.generated))
    for side in (64, 128, 256, 512, 1024):
        count = side // judge.windows.size
        means = {}
        for label, found in odds.items():
            grid = np.stack(found)
            pieces = grid.shape[1] // count
            means[label] = grid.reshape(len(grid), pieces, count, pieces, count).mean(axis=(2, 4))
        real, made = means["real"], means["made"]
        # Pieces of one picture depend on each other: the interval is over pictures.
        right = np.stack([(real < threshold).mean((1, 2)), (made > threshold).mean((1, 2))])
        each = right.mean(axis=0)
        half = 1.96 * float(each.std(ddof=1)) / np.sqrt(each.size)
        sd_r, sd_g = (
            one * np.sqrt(d.variance_of_mean(count, count))
            for one, d in ((one_r, judge.windows.of_real), (one_g, judge.windows.of_generated))
        )
        predicted = (ndtr((threshold - mu_r) / sd_r) + ndtr((mu_g - threshold) / sd_g)) / 2
        labels = np.arange(2 * real.size) >= real.size
        narrow, _ = judge.narrowing(count, count)
        under_h1 = mu_r + (real - mu_r) / narrow
        known = np.sort(judge.calibration.real)
        p = (1 + known.size - np.searchsorted(known, under_h1, "left")) / (1 + known.size)
        yield {
            "side": side,
            "windows": count * count,
            "effective": judge.effective(count, count),
            "predicted": float(predicted),
            "accuracy": float(each.mean()),
            "low": float(each.mean()) - half,
            "high": min(1.0, float(each.mean()) + half),
            "auc": float(roc_auc_score(labels, np.concatenate([real.ravel(), made.ravel()]))),
            "sd_r": sd_r,
            "sd_g": sd_g,
            "seen_r": float(real.std()),
            "seen_g": float(made.std()),
            "alarms": float(np.mean(p <= 0.05)),
        }


def _draw(rows: list[dict[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(5.2, 3.6), layout="constrained")
    axes = canvas.subplots()
    sides = [row["side"] for row in rows]
    seen = np.array([[row["low"], row["accuracy"], row["high"]] for row in rows]) * 100
    axes.errorbar(
        sides,
        seen[:, 1],
        (seen[:, 1] - seen[:, 0], seen[:, 2] - seen[:, 1]),
        fmt="o",
        color="#D55E00",
        capsize=3,
        label="observed, 95 %",
    )
    axes.plot(
        sides, [100 * row["predicted"] for row in rows], "--", color="#0072B2", label="predicted"
    )
    axes.set_xscale("log", base=2)
    axes.set_xticks(sides, [str(side) for side in sides])
    axes.set_xlabel("side of the image in pixels")
    axes.set_ylabel("accuracy, %")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    canvas.savefig(path, dpi=120, metadata={"Software": None})


@main.command()
@click.argument("bank", type=PATH)
@click.option("--side", default=10_000, show_default=True, help="Side of the synthetic picture.")
@click.option("--kind", type=click.Choice(["jpg", "png"]), default="jpg", show_default=True)
def memory(bank: Path, side: int, kind: str) -> None:
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
            [sys.executable, "-m", "fp.cli.main", "detect", bank, path, "-o", f"{folder}/out"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.time() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10
    print(f"{side} x {side} {kind}: {seconds:.0f} s, peak {peak:.0f} MiB")


if __name__ == "__main__":
    main()
