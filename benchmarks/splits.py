"""Do the error rates of images as they come hold? Many splits by source, by kind of version.

    python benchmarks/splits.py --generator tae_flux2 --splits 200

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). Features are kept in
the work folder, and so is every finished split: an interrupted run goes on where it was.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from held_out import CORPUS
from photographs import generators, kept_rows
from sections import WORK, publish, this_command
from threadpoolctl import threadpool_limits

from fp.denoisers.cache import ResidualCache
from fp.denoisers.population import Reduction, survey_all
from fp.evaluation import mean_of, split
from fp.fingerprint.conditions.judging import SeenImages
from fp.fingerprint.conditions.learning import Versions, learn, recipe_of_versions
from fp.fingerprint.conditions.versions import KINDS
from fp.fingerprint.estimators.folds import Labelled, group
from fp.fingerprint.extraction.one_pass import ExaminedVersions, Take, versions_of
from fp.fingerprint.learning.method import recipe
from fp.images.crop import CropRule
from fp.system.folders import ImageFolder

COLUMNS = ("generator", "split", "kind", "class", "n", "p05", "p01", "claimed", "reference")


def load(generator, work):
    """Return all versions of a generator's images and of the photographs, with what is known."""
    kept = work / f"{generator}-content.npz"
    method = recipe_of_versions(recipe("auto"), 256)
    if not kept.exists():
        reduction = Reduction("wavelet", CropRule(256, 256))
        take = Take(recipe("cyclic"), None, ExaminedVersions(method, reduction, len(KINDS)))
        store = ResidualCache(work / "none", limit_bytes=0)
        folders = [ImageFolder.at(root) for root in (generators()[generator], CORPUS / "real")]
        populations = survey_all(folders, reduction, store, 1, None, take)
        found = versions_of(populations)
        labels = np.repeat([True, False], [len(p.images) for p in populations])
        images = [image for p in populations for image in p.images]
        sources = [f"{label}/{i.source}" for i, label in zip(images, labels, strict=True)]
        groups = group(sources, [i.sha256 for i in images])
        rest = {f"stack {name}": stack for name, stack in found.stacks.items()}
        np.savez(
            kept.with_suffix(".part.npz"),
            image=found.image,
            kind=found.kind,
            texts=np.array(found.texts),
            numbers=found.numbers,
            content=found.content,
            labels=labels,
            groups=groups,
            **rest,
        )
        kept.with_suffix(".part.npz").rename(kept)
    with np.load(kept) as held:
        stacks = {name[6:]: held[name] for name in held.files if name.startswith("stack ")}
        numbers = held["numbers"], held["content"]
        given = Versions(held["image"], held["kind"], held["texts"], stacks, *numbers)
        return method, given, held["labels"], held["groups"]


def chosen(given, labels, images):
    """Return the versions of some images, numbered anew."""
    rows = np.flatnonzero(np.isin(given.image, images))
    stacks = {name: stack[rows] for name, stack in given.stacks.items()}
    number = np.searchsorted(images, given.image[rows])
    texts = [given.texts[row] for row in rows]
    return Versions(
        number, given.kind[rows], texts, stacks, given.numbers[rows], given.content[rows]
    )


def judged(method, found, given, sources):
    """Return p under h1, whether an image is claimed, and whether it is the reference's."""
    seen = SeenImages.of(found, method, given.stacks, given.numbers, given.content)
    every = seen.p_values(found, method, given.stacks, sources)
    told = {"separates": True, "generated_nearer": False, "weak": False}
    said = [p.verdict(found, p.real, "conformal", 0.05, **told).decision for p in every]
    decided = np.array(said)
    claimed, reference = decided == "supports_generator", decided == "supports_reference"
    return np.array([p.real for p in every]), claimed, reference


@click.command()
@click.option("--generator", "named", multiple=True, default=("tae_flux2",), show_default=True)
@click.option("--splits", default=200, show_default=True)
@click.option("--training", default=128, show_default=True, help="Images a class, or two thirds.")
@click.option("--section", help="Section of a page of docs/ to replace.")
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "splits")
def main(named, splits, training, section, work):
    """Learn from random halves, and ask about the rest."""
    work.mkdir(parents=True, exist_ok=True)
    kept = work / f"splits-{training}.csv"
    with kept_rows(kept, COLUMNS) as (rows, keep), threadpool_limits(1):
        done = {(row["generator"], int(row["split"])) for row in rows}
        for generator in named:
            method, given, labels, groups = load(generator, work)
            for seed in range(splits):
                if (generator, seed) in done:
                    continue
                count = min(training, 2 * int(labels.sum()) // 3)
                inside = split(labels, groups, count, seed, exact=False)
                known = np.flatnonzero(inside)
                learned = learn(
                    method,
                    chosen(given, labels, known),
                    Labelled(labels[known], groups[known], 6, seed),
                ).conditions
                rest = np.flatnonzero(~inside)
                asked = chosen(given, labels, rest)
                sources = tuple(np.unique(groups[known][labels[known] == c]).size for c in (0, 1))
                p_real, claimed, reference = judged(method, learned, asked, sources)
                counted = []
                for kind, name in enumerate(KINDS):
                    for label in (False, True):
                        mine = (asked.kind == kind) & (labels[rest][asked.image] == label)
                        row = {
                            "generator": generator,
                            "split": seed,
                            "kind": name,
                            "class": "generated" if label else "reference",
                            "n": int(mine.sum()),
                            "p05": float((p_real[mine] <= 0.05).mean()),
                            "p01": float((p_real[mine] <= 0.01).mean()),
                            "claimed": float(claimed[mine].mean()),
                            "reference": float(reference[mine].mean()),
                        }
                        counted.append(row)
                keep(counted)
    publish(section, this_command(), table(rows))


def table(rows):
    """Estimate means over splits with 95 % intervals over splits, which share images."""
    lines = [
        "| generator | version | references with p <= 0.05 | <= 0.01 | claimed | own claimed | "
        "own called reference |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for generator in dict.fromkeys(row["generator"] for row in rows):
        for kind in KINDS:
            cells = []
            for label, column in (
                ("reference", "p05"),
                ("reference", "p01"),
                ("reference", "claimed"),
                ("generated", "claimed"),
                ("generated", "reference"),
            ):
                values = [
                    100 * float(row[column])
                    for row in rows
                    if (row["generator"], row["kind"], row["class"]) == (generator, kind, label)
                ]
                cells.append(mean_of(values, 0, 100).text(1))
            lines.append(f"| {generator} | {kind} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
