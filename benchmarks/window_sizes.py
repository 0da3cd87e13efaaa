"""Accuracy by the size of an image, against what the dependence of windows predicts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import zoo
from PIL import Image
from scipy.special import ndtr
from sections import WORK
from sklearn.metrics import roc_auc_score
from window_kit import learned, stamp

from fp.fingerprint.decision.judge import Judge
from fp.fingerprint.detection.detection import residual_for
from fp.fingerprint.windows.combining import WindowJudge, weights_of, window_judge_of
from fp.fingerprint.windows.fields import fields_of, window_odds
from fp.images.degradations import Degradation

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--corpus", type=PATH, default=zoo.CORPUS, show_default=True)
@click.option("--cache", type=PATH, required=True, help="Folder for residuals.")
@click.option("--work", type=PATH, default=WORK / "windows")
@click.option("--plan", type=click.Choice(list(zoo.PLANS)), default="small", show_default=True)
@click.option("--seed", default=100, show_default=True)
@click.option("--training", default=100, show_default=True, help="Photographs that calibrate.")
@click.option("--test", default=40, show_default=True, help="Photographs that are tested.")
@click.option(
    "--condition", default="jpeg:50", show_default=True, help="What all pictures undergo."
)
def sizes(
    corpus: Path,
    cache: Path,
    work: Path,
    plan: str,
    seed: int,
    training: int,
    test: int,
    condition: str,
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
    judge = window_judge_of(Judge(fingerprint))
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
            found.append(window_odds(judge.windows, fields, judge.windows.size)[0])
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
