"""Held-out accuracy of methods and denoisers over random splits: the tables of methods.

    python benchmarks/held_out.py --denoiser wavelet --method tile --method mean \
        --training 128 --splits 20 --section held-out

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). Every finished cell is
kept in the work folder, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from sections import PROJECT, WORK, publish, this_command
from sklearn.metrics import roc_auc_score

from fp.denoisers.cache import ResidualCache, default_folder
from fp.denoisers.population import Reduction, residuals, survey
from fp.evaluation import balanced_accuracy, mean_of, split
from fp.fingerprint.estimators.folds import Labelled, group, shuffle_labels
from fp.fingerprint.learning.method import recipe
from fp.images.crop import CropRule
from fp.system.folders import ImageFolder

CORPUS = Path(os.environ.get("FP_CORPUS", PROJECT.parent / "shared" / "corpus"))
GENERATORS = ("tae_flux2", "w2x_photo", "w2x_anime")


def features_of(method, images, reduction, store):
    stacks = {}
    for index, residual in enumerate(residuals(images, reduction, store)):
        for name, feature in method.features(residual).items():
            if name not in stacks:
                stacks[name] = np.empty((len(images), *feature.shape), dtype=feature.dtype)
            stacks[name][index] = feature
    return stacks


def labelled(folder, method, reduction, store, jobs=1):
    """Return features, labels and source groups of a generator's images and of `real/`."""
    images, labels = [], []
    for each, label in ((folder, True), (CORPUS / "real", False)):
        found = survey(ImageFolder.at(each), reduction, store, jobs).images
        images += found
        labels += [label] * len(found)
    # The corpus draws real/ and generated/ from different photographs: equal stems mean nothing.
    sources = [f"{label}/{i.source}" for i, label in zip(images, labels, strict=True)]
    groups = group(sources, [i.sha256 for i in images])
    return features_of(method, images, reduction, store), np.array(labels), groups


def cell(denoiser, method, generator, training, splits, nulls, parameters, store, jobs):
    made = recipe(method, parameters)
    reduction = Reduction(denoiser, CropRule(256, 256))
    folder = CORPUS / "generated" / generator
    stacks, labels, groups = labelled(folder, made, reduction, store, jobs)
    return [
        trial(seeded(made, seed), stacks, labels, groups, training, seed, seed < nulls)
        for seed in range(splits)
    ]


def trial(method, stacks, labels, groups, training, seed, null):
    """Learn from one random split and score the rest of the images.

    Stacks hold the features of all images by name, (N, ...); `training` counts images of each
    class; the seed is that of split, folds and shuffle. `null` repeats it with shuffled labels, and
    its accuracy is against the true ones.
    """
    inside = split(labels, groups, training, seed)
    known, unknown = np.flatnonzero(inside), np.flatnonzero(~inside)
    given, truth = labels[known], labels[unknown]

    def learned_from(taught):
        inner = {name: stack[known] for name, stack in stacks.items()}
        learned = method.learn(inner, Labelled(taught, groups[known], 10, seed))
        held = learned.held
        mu_r, mu_g = (held.scores[taught[held.index] == label].mean() for label in (False, True))
        scores = learned.score({name: stack[unknown] for name, stack in stacks.items()})
        called = np.abs(scores - mu_g) < np.abs(scores - mu_r)
        return balanced_accuracy(truth, called), float(roc_auc_score(truth, scores))

    accuracy, auc = learned_from(given)
    shuffled = shuffle_labels(given, groups[known], np.random.default_rng([seed, 1]))
    null_accuracy = learned_from(shuffled)[0] if null else None
    return {"accuracy": accuracy, "auc": auc, "null_accuracy": null_accuracy}


def seeded(method, seed):
    """Return the method with the seed of the split, where it draws anything at random."""
    return replace(method, parts=tuple(part.seeded(seed) for part in method.parts))


def percent(values):
    return mean_of(values, 0, 1).text(1, 100)


def table(rows, generators):
    head = ["denoiser", "method", *generators]
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    for (denoiser, method), cells in rows.items():
        entries = []
        for generator in generators:
            trials = cells[generator]
            auc = mean_of([t["auc"] for t in trials]).value
            nulls = [t["null_accuracy"] for t in trials if t["null_accuracy"] is not None]
            null = f"{percent(nulls)}, {len(nulls)} splits" if nulls else "not run"
            entries.append(
                f"{percent([t['accuracy'] for t in trials])}, AUC {auc:.4f}, null {null}"
            )
        lines.append("| " + " | ".join([denoiser, method, *entries]) + " |")
    return "\n".join(lines)


@click.command()
@click.option("--denoiser", "denoisers", multiple=True, default=("wavelet",), show_default=True)
@click.option("--method", "methods", multiple=True, default=("tile", "mean"), show_default=True)
@click.option("--generator", "generators", multiple=True, default=GENERATORS, show_default=True)
@click.option("--training", default=128, show_default=True, help="Images of each class.")
@click.option("--splits", default=20, show_default=True)
@click.option("--nulls", default=20, show_default=True, help="Splits with shuffled labels too.")
@click.option("--parameters", default="{}", help="JSON parameters of the methods.")
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "held_out")
@click.option("--section", help="Section of a page of docs/ to replace.")
@click.option("--jobs", default=2, show_default=True)
def main(denoisers, methods, generators, training, splits, nulls, parameters, work, section, jobs):
    """Measure held-out accuracy and print the table, or put it into its page."""
    work.mkdir(parents=True, exist_ok=True)
    store = ResidualCache(default_folder())
    rows = {}
    for denoiser in denoisers:
        for method in methods:
            rows[denoiser, method] = {}
            for generator in generators:
                name = f"{denoiser}-{method}-{generator}-{training}-{splits}"
                kept = work / f"{name}.json"
                if not kept.exists():
                    given = json.loads(parameters)
                    trials = cell(
                        denoiser, method, generator, training, splits, nulls, given, store, jobs
                    )
                    kept.write_text(json.dumps(trials), "utf-8")
                rows[denoiser, method][generator] = json.loads(kept.read_text("utf-8"))
                accuracies = [t["accuracy"] for t in rows[denoiser, method][generator]]
                print(name, percent(accuracies), file=sys.stderr, flush=True)
    text = table(rows, generators)
    publish(section, this_command(), text)


if __name__ == "__main__":
    main()
