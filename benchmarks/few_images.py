"""How many pictures of a generator that draws are enough? Accuracy and claims by their number.

    python benchmarks/few_images.py --section few-images
    python benchmarks/few_images.py --methods dif --denoisers wavelet,dncnn --folds 2 \
        --parameters '{"cross_fit": true, "steps": 320}' --work .work/few-images-dif

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). A seed deals whole
prompts, or pictures where names tell no prompt, between training and test; the training images are
spread over the prompts that train. Finished splits are kept in the work folder, which is one for
each choice of folds and parameters. It measures the plain score of images as they are, without
conditions (`--conditions none`).
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
from held_out import labelled, seeded
from photographs import generators, kept_rows
from scipy.stats import binomtest
from sections import WORK
from threadpoolctl import threadpool_limits

from fp.denoisers.population import Reduction
from fp.evaluation import mean_of
from fp.evaluation.trials import balanced_accuracy
from fp.fingerprint.decision.decision import p_generated, p_real
from fp.fingerprint.decision.likelihood import fit_without_bounds
from fp.fingerprint.estimators.folds import Labelled
from fp.fingerprint.learning.method import recipe
from fp.fingerprint.model.calibration import Calibration
from fp.images.crop import CropRule
from lineage import publish, store

GENERATORS = ("ldm", "glid3xl", "sd_v1", "realvisxl_turbo", "flux1dev", "gpt_image_1")
SIZES = (8, 16, 32, 64, 128)
COLUMNS = (
    *("generator", "training", "seed", "method", "tested", "photographs"),
    *("accuracy", "claimed", "false"),
)
RATE = 0.05
DENOISER = "wavelet"


def dealt(labels, groups, training, seed):
    """Return which images train and which test, no source in both, or None if there are too few.

    Half of the sources may train, or as many as it takes. Training images are taken from one source
    after the other, in turns.
    """
    rng = np.random.default_rng(seed)
    known, asked = [], []
    for label in (True, False):
        numbers = rng.permutation(np.flatnonzero(labels == label))
        sources = rng.permutation(np.unique(groups[numbers]))
        sizes = np.array([np.count_nonzero(groups[numbers] == source) for source in sources])
        enough = int(np.searchsorted(np.cumsum(sizes), training)) + 1
        inside = np.isin(groups[numbers], sources[: max(enough, sources.size // 2)])
        if enough >= sources.size:
            return None
        pool = numbers[inside]
        turn = np.zeros(pool.size)
        for source in np.unique(groups[pool]):
            members = np.flatnonzero(groups[pool] == source)
            turn[members] = np.arange(members.size)
        known.append(pool[np.argsort(turn, kind="stable")][:training])
        asked.append(numbers[~inside])
    return np.concatenate(known), np.concatenate(asked)


def measured(method, stacks, labels, groups, parts, folds, seed):
    """Learn from some images and count what is said of others."""
    known, asked = parts
    inner = {name: stack[known] for name, stack in stacks.items()}
    known_of = Labelled(labels[known], groups[known], folds, seed)
    learned = seeded(method, seed).learn(inner, known_of)
    held, taught = learned.held, labels[known][learned.held.index]
    classes = held.scores[~taught], held.scores[taught]
    names = [tuple(str(number) for number in range(scores.size)) for scores in classes]
    calibration = Calibration(*classes, *names, *names, "cross-fit")
    scores, truth = learned.score({name: s[asked] for name, s in stacks.items()}), labels[asked]
    forced = fit_without_bounds(calibration).free_many(scores) > 0
    claimed = np.array(
        [p_real(s, calibration) <= RATE < p_generated(s, calibration) for s in scores]
    )
    return {
        "tested": int(truth.sum()),
        "photographs": int((~truth).sum()),
        "accuracy": balanced_accuracy(truth, forced),
        "claimed": float(claimed[truth].mean()),
        "false": float(claimed[~truth].mean()),
    }


def table(rows):
    """Return means over seeds with 95 % intervals over seeds, which share images.

    Of one seed the interval is over its images (Clopper-Pearson); accuracy has the sum of both.
    """
    lines = [
        "| generator | images a class | method | seeds | tested | accuracy | own claimed | "
        "photographs claimed |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for key in dict.fromkeys((r["generator"], r["training"], r["method"]) for r in rows):
        mine = [r for r in rows if (r["generator"], r["training"], r["method"]) == key]
        cells = [interval(mine, column) for column in ("accuracy", "claimed", "false")]
        tested = f"{np.mean([int(row['tested']) for row in mine]):.0f}"
        lines.append("| " + " | ".join([*key, str(len(mine)), tested, *cells]) + " |")
    return "\n".join(lines)


def interval(rows, column):
    """Return the mean of a share over the rows of some seeds, in per cent, with its interval."""
    found = mean_of([100 * float(row[column]) for row in rows], 0, 100)
    low, high = found.low, found.high
    if low is None or high is None:
        sizes = int(rows[0]["tested"]), int(rows[0]["photographs"])
        number = {"accuracy": sum(sizes), "claimed": sizes[0], "false": sizes[1]}[column]
        exact = binomtest(round(found.value * number / 100), number).proportion_ci(method="exact")
        low, high = 100 * exact.low, 100 * exact.high
    return f"{found.value:.1f} ({low:.1f} to {high:.1f})"


@click.command()
@click.option("--generators", "named", default=",".join(GENERATORS), show_default=True)
@click.option("--methods", default="auto,tile,mean", show_default=True)
@click.option("--denoisers", default=DENOISER, show_default=True)
@click.option("--sizes", default=",".join(map(str, SIZES)), show_default=True)
@click.option("--seeds", default=5, show_default=True)
@click.option("--folds", default=10, show_default=True)
@click.option("--parameters", default="{}", help="JSON parameters of the methods.")
@click.option("--section", help="Section of a page of docs/ to replace.")
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "few-images")
def main(named, methods, denoisers, sizes, seeds, folds, parameters, section, work):
    """Learn from ever more images, and ask about pictures of other prompts."""
    work.mkdir(parents=True, exist_ok=True)
    asked = [(denoiser, name) for denoiser in denoisers.split(",") for name in methods.split(",")]
    with kept_rows(work / "shares.csv", COLUMNS) as (rows, keep), threadpool_limits(1):
        done = {tuple(row[name] for name in COLUMNS[:4]) for row in rows}
        for generator in named.split(","):
            for denoiser, name in asked:
                shown = name if denoiser == DENOISER else f"{name} on {denoiser}"
                todo = [
                    (training, seed)
                    for training in map(int, sizes.split(","))
                    for seed in range(seeds)
                    if (generator, str(training), str(seed), shown) not in done
                ]
                if not todo:
                    continue
                method = recipe(name, json.loads(parameters))
                reduction = Reduction(denoiser, CropRule(256, 256))
                folder = generators()[generator]
                stacks, labels, groups = labelled(folder, method, reduction, store())
                for training, seed in todo:
                    parts = dealt(labels, groups, training, seed)
                    if parts is not None:
                        found = measured(method, stacks, labels, groups, parts, folds, seed)
                        given = dict(zip(COLUMNS, (generator, training, seed, shown), strict=False))
                        keep([given | found])
    publish(section, table(rows))


if __name__ == "__main__":
    main()
