"""What is claimed where a generator's pictures show other content than the reference images.

    python benchmarks/content.py --section content

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). These generators
redraw photographs, so half of their pictures can be chosen by content, and so can half of the
photographs: the smoother half or the softer one of the generator's, the other half of the
references. Features and finished splits are kept in the work folder.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from held_out import CORPUS
from photographs import generators, interval, kept_rows, pictures
from scipy.ndimage import uniform_filter
from sections import WORK, publish, this_command
from splits import chosen, judged, load
from threadpoolctl import threadpool_limits

from fp.fingerprint.conditions.learning import learn, recipe_of_versions
from fp.fingerprint.estimators.folds import Labelled
from fp.fingerprint.learning.method import recipe
from fp.images.loading import load_image

METHODS = ("auto", "lattice")
DOMAINS = ("none", "smooth", "soft")
"""By what the halves differ: nothing, roughness, and the strength of what a mean of 3 x 3 takes."""
KINDS = {"as found": (0,), "compressed or reduced": (1, 2, 3, 4, 5, 6)}
ASKED = {
    "photographs like the references": (False, True),
    "photographs like the generator's": (False, False),
    "own like the generator's": (True, False),
    "own like the references": (True, True),
}
"""Class, and whether it is the half that the references are from."""
COLUMNS = ("generator", "domain", "seed", "method", "kind", "asked", "n", "claimed", "withheld")


def sharpness(folder):
    """Return how strong the finest detail of each picture is, in their order."""
    found = []
    for path in pictures(folder):
        grey = load_image(path).rgb_hwc.mean(axis=2)
        found.append(np.log((grey - uniform_filter(grey, 3)).std()))
    return np.array(found)


def halves(domain, rough, sharp, labels, seed):
    """Return which images are of the half that references are from: rough, sharp, or any."""
    value = {"smooth": rough, "soft": sharp}.get(domain)
    if value is None:
        value = np.random.default_rng([seed, 1]).permutation(labels.size).astype(float)
    middle = [np.median(value[labels == label]) for label in (False, True)]
    return value > np.where(labels, middle[1], middle[0])


def split(upper, labels, seed):
    """Return the images that are learned from: two thirds of the lower half, and of the upper."""
    rng, known = np.random.default_rng(seed), []
    for label in (False, True):
        pool = rng.permutation(np.flatnonzero((labels == label) & (upper != label)))
        known.append(pool[: 2 * pool.size // 3])
    return np.sort(np.concatenate(known))


def asked_of(name, given, labels, groups, sharp, seeds):
    """Yield the rows of all domains, seeds and methods."""
    rough = given.roughness[given.kind == 0]
    for domain in DOMAINS:
        for seed in range(seeds):
            upper = halves(domain, rough, sharp, labels, seed)
            known = split(upper, labels, seed)
            rest = np.setdiff1d(np.arange(labels.size), known)
            inner, outer = chosen(given, labels, known), chosen(given, labels, rest)
            sources = tuple(np.unique(groups[known][labels[known] == c]).size for c in (0, 1))
            for method in METHODS:
                made = recipe_of_versions(recipe(method), 256)
                dealt = Labelled(labels[known], groups[known], 6, seed)
                learned = learn(made, inner, dealt).conditions
                _, claimed, _ = judged(made, learned, outer, sources)
                shown = np.array([learned.shows(learned.p_of_content(r)) for r in outer.roughness])
                for kind, numbers in KINDS.items():
                    for title, (label, like) in ASKED.items():
                        of = (labels[rest] == label) & (upper[rest] == like)
                        mine = of[outer.image] & np.isin(outer.kind, numbers)
                        yield {
                            "generator": name,
                            "domain": domain,
                            "seed": seed,
                            "method": method,
                            "kind": kind,
                            "asked": title,
                            "n": int(mine.sum()),
                            "claimed": int(claimed[mine].sum()),
                            "withheld": int((~shown[mine]).sum()),
                        }


def table(rows):
    """Return shares over seeds, which share images, and over versions of one image."""
    lines = [
        "| generator | references differ by | what happened | asked about | images | "
        + " | ".join(f"{method}: claimed, %" for method in METHODS)
        + " | withheld for its content, % |",
        "|" + " --- |" * (6 + len(METHODS)),
    ]
    keys = ("generator", "domain", "kind", "asked")
    for key in dict.fromkeys(tuple(row[name] for name in keys) for row in rows):
        mine = [row for row in rows if tuple(row[name] for name in keys) == key]
        versions = len(KINDS[key[2]])
        told = []
        for method in METHODS:
            of = [row for row in mine if row["method"] == method]
            n, claimed = (sum(int(row[column]) for row in of) for column in ("n", "claimed"))
            images = n // (versions * len({row["seed"] for row in of}))
            low, high = interval(round(claimed / n * images), images)
            told.append(f"{100 * claimed / n:.1f} ({100 * low:.0f} to {100 * high:.0f})")
        withheld = 100 * sum(int(row["withheld"]) for row in of) / n
        lines.append("| " + " | ".join([*key, str(images), *told, f"{withheld:.0f}"]) + " |")
    return "\n".join(lines)


@click.command()
@click.option("--generator", "named", multiple=True, default=("tae_flux2",), show_default=True)
@click.option("--seeds", default=3, show_default=True)
@click.option("--section", help="Section of a page of docs/ to replace.")
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "splits")
def main(named, seeds, section, work):
    """Learn from unlike halves, and ask about the rest of both."""
    work.mkdir(parents=True, exist_ok=True)
    with kept_rows(work / f"content-{seeds}.csv", COLUMNS) as (rows, keep), threadpool_limits(1):
        for generator in named:
            if generator in {row["generator"] for row in rows}:
                continue
            _, given, labels, groups = load(generator, work)
            folders = (generators()[generator], CORPUS / "real")
            sharp = np.concatenate([sharpness(folder) for folder in folders])
            keep(list(asked_of(generator, given, labels, groups, sharp, seeds)))
        publish(section, this_command(), table(rows))


if __name__ == "__main__":
    main()
