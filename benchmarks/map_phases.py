"""Maps: what a search over the phases of the lattice, smoothing and other windows would give.

    python benchmarks/map_phases.py --cache .work/cache --section map-phases

Scenes and fingerprints are those of windows.py, of other splits. Nothing of this is calibrated: the
figure is how well a map ranks pixels, not what it may flag.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click
import numpy as np
import zoo
from held_out import PROJECT, put_section, stamp
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score
from windows import GENERATORS, full, interval, learned, scenes, split

from fp.denoisers import load_image
from fp.fingerprint.examining.detection import residual_for
from fp.fingerprint.windows.combining import weights_of, window_judge_of
from fp.fingerprint.windows.fields import CELL, Weights, fields_of_residual
from fp.fingerprint.windows.maps import _covering

PERIOD = 8
LOUDEST = 0.2
"""Share of the windows whose mean says which phase of the picture is the best."""


def rolled(weights, y, x):
    """Give the weights of a lattice that begins at pixel (y, x)."""
    moved = [
        pattern if kind == "spectrum" else np.roll(pattern, (y, x), (-2, -1))
        for kind, pattern in zip(weights.kinds, weights.patterns, strict=True)
    ]
    return Weights(weights.kinds, tuple(moved))


def variants(fingerprint, pixels, searched):
    """Give maps of a picture by name."""
    residual, weights = residual_for(fingerprint.denoiser)(pixels), weights_of(fingerprint)
    found = {}
    for size in (32, 64, 128):
        odds = window_judge_of(fingerprint, size).windows.odds(
            fields_of_residual(residual, weights), CELL
        )
        found[f"windows of {size}"] = _covering(odds[0], size // CELL)
    found["smoothed by a cell"] = gaussian_filter(found["windows of 64"], 1, mode="nearest")
    found["64 and half of 128"] = found["windows of 64"] + found["windows of 128"] / 2
    if searched:
        judge = window_judge_of(fingerprint, 64)
        everywhere = np.stack(
            [
                judge.windows.odds(fields_of_residual(residual, rolled(weights, y, x)), CELL)
                for y in range(PERIOD)
                for x in range(PERIOD)
            ]
        )
        specific = np.sort(everywhere[:, 1].reshape(PERIOD**2, -1), axis=1)
        loudest = specific[:, -max(1, round(LOUDEST * specific.shape[1])) :].mean(axis=1)
        found["best phase of the picture"] = _covering(everywhere[loudest.argmax(), 0], 4)
        found["best phase of each window"] = _covering(everywhere[:, 0].max(axis=0), 4)
    return found


@click.command()
@click.option("--cache", type=click.Path(path_type=Path), required=True)
@click.option("--generator", "generators", multiple=True, default=GENERATORS, show_default=True)
@click.option("--seed", default=5, show_default=True, help="Split; not one of windows.py's table.")
@click.option("--count", default=12, show_default=True, help="Scenes of each kind.")
@click.option("--section", help="Section of RESULTS.md to replace.")
def main(cache, generators, seed, count, section):
    """Measure and print the table, or put it into RESULTS.md."""
    told: dict[tuple[str, str], dict[str, list[float]]] = {}
    for name in generators:
        folder = zoo.CORPUS / "generated" / name
        made, made_test = split(folder, min(128, len(list(folder.iterdir())) - 36), seed)
        real, real_test = split(zoo.CORPUS / "real", 128, seed)
        fingerprint = learned(name, made, real, cache, seed)
        photos, drawn = ([load_image(p).rgb_hwc for p in ps] for ps in (real_test, made_test))
        for aligned in (True, False):
            for scene in scenes(photos, drawn, count, aligned, seed):
                inside = scene.generated_inside
                kind = "generated into photograph" if inside else "photograph into generated"
                row = f"{kind}, {'multiples of 32' if aligned else 'any offset'}"
                sign = 1 if inside else -1
                for title, cells in variants(fingerprint, scene.pixels, inside).items():
                    auc = roc_auc_score(scene.mask.ravel(), sign * full(cells).ravel())
                    told.setdefault((name, row), {}).setdefault(title, []).append(auc)
        print(f"{name} done", file=sys.stderr, flush=True)
    titles = list(next(iter(told.values())))
    lines = [
        "Pixel AUC, mean over scenes:",
        f"| generator | pasted | {' | '.join(titles)} |\n" + "| --- " * (len(titles) + 2) + "|",
    ]
    for (name, row), found in told.items():
        cells = [interval(found[title]) if title in found else "-" for title in titles]
        lines[-1] += f"\n| {name} | {row} | {' | '.join(cells)} |"
    text = "\n\n".join(
        [stamp(shlex.join(["python", "benchmarks/map_phases.py", *sys.argv[1:]])), *lines]
    )
    if section:
        put_section(PROJECT / "RESULTS.md", section, text)
    print(text)


if __name__ == "__main__":
    main()
