"""What is claimed where a generator's pictures show other content than the reference images.

    python benchmarks/content.py --section content

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). Portraits that
generators drew are learned against photographs of anything. tae_flux2 redraws photographs, so half
of its pictures can be chosen by content, and so can half of the references: one half of the
generator's, by a number such as brightness, and the other half of the references. Features and
finished splits are kept in the work folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from held_out import CORPUS
from photographs import generators, interval, kept_rows, pictures, shuffled
from scipy.ndimage import uniform_filter
from sections import WORK, publish, this_command
from skimage.measure import block_reduce
from splits import judged
from threadpoolctl import threadpool_limits

from fp.denoisers.population import Reduction
from fp.fingerprint.conditions.coding import coding_numbers
from fp.fingerprint.conditions.content import content_numbers
from fp.fingerprint.conditions.learning import Versions, learn, recipe_of_versions
from fp.fingerprint.conditions.versions import KINDS, versions
from fp.fingerprint.decision.judge import Features
from fp.fingerprint.estimators.folds import Labelled
from fp.fingerprint.learning.method import recipe
from fp.images.crop import CropRule
from fp.images.degradations import Degradation
from fp.images.loading import load_image

METHODS = ("auto", "lattice")
HALVED, PORTRAITS = "tae_flux2", ("flux1dev", "stylegan_faces")
DOMAINS = {
    "halves alike": None,
    "the smoother half, from rougher references": "roughness",
    "the softer half, from sharper references": "sharpness",
    "the half with less noise, from references with more": "noise",
    "the brighter half, from darker references": "darkness",
    "the duller half, from more colourful references": "colour",
    "the paler half, from references of more contrast": "range",
}
MEASURED = ("roughness", "sharpness", "noise", "darkness", "colour", "range")
OTHERS = {
    "photos/val": ("photos/val",),
    "kodak, camera": ("t2i/real/kodak", "t2i/real/camera"),
}
TOLD = {"as found": (0,), "JPEG or WebP": (1, 2, 3), "resized, or coded twice": (4, 5, 6)}
"""What happened, by the places of kinds in `fp.fingerprint.conditions.versions.KINDS`."""
MADE = len(KINDS)
COLUMNS = ("learned", "seed", "method", "asked", "what", "images", "n", "claimed", "withheld")


@dataclass(frozen=True, eq=False)
class Pictures:
    """Versions of pictures, and `measured` of each picture, shape (N, 6)."""

    versions: Versions
    told: np.ndarray

    def __len__(self):
        return len(self.told)

    def by(self, name):
        return self.told[:, MEASURED.index(name)]

    def of(self, images):
        """Return some of the pictures, numbered anew."""
        rows = (np.asarray(images)[:, None] * MADE + np.arange(MADE)).ravel()
        held = self.versions
        return Pictures(
            Versions(
                np.repeat(np.arange(len(images)), MADE),
                held.kind[rows],
                [held.texts[row] for row in rows],
                {name: stack[rows] for name, stack in held.stacks.items()},
                held.numbers[rows],
                held.content[rows],
            ),
            self.told[images],
        )


def together(*parts):
    """Return the pictures of several folders."""
    each = [part.versions for part in parts]
    count = sum(map(len, parts))
    stacks = {name: np.concatenate([one.stacks[name] for one in each]) for name in each[0].stacks}
    found = Versions(
        np.repeat(np.arange(count), MADE),
        np.tile(np.arange(MADE), count),
        [text for one in each for text in one.texts],
        stacks,
        np.concatenate([one.numbers for one in each]),
        np.concatenate([one.content for one in each]),
    )
    return Pictures(found, np.concatenate([part.told for part in parts]))


def measured(image):
    """Return what halves are chosen by, each low for the generator's half, shape (6,)."""
    roughness, _, brightness, _ = content_numbers(Features(np.zeros(0), image))[0]
    image = image.astype(float)
    grey = image.mean(axis=2)
    steps = np.concatenate([np.diff(grey, axis=axis).ravel() for axis in (0, 1)])
    noise = np.log(np.square(steps) + 0.3).mean() - roughness
    colour = (image[..., 0] - image[..., 1]).std() + (image[..., 2] - image[..., 1]).std()
    sharpness = np.log((grey - uniform_filter(grey, 3)).std())
    return roughness, sharpness, noise, -brightness, colour, block_reduce(grey, 4, np.mean).std()


def load(folder, paths, work):
    """Return the pictures of a folder, from the work folder or examined."""
    kept = work / f"{folder.replace('/', '-')}-{len(paths)}.npz"
    if not kept.exists():
        reduction = Reduction("wavelet", CropRule(256, 256))
        residual, parts = reduction.residual(), recipe_of_versions(recipe("auto"), 256)
        rows, told = {}, {"texts": [], "numbers": [], "content": [], "told": []}
        for path in paths:
            image = load_image(path)
            whole = reduction.part(image.rgb_hwc)
            told["told"].append(measured(whole))
            for _, text in versions(image.pixels_sha256)[:MADE]:
                part = Degradation(text).apply(whole)
                features = Features(residual(part), part)
                for name, stack in features.of(parts).items():
                    rows.setdefault(name, []).append(stack[0].astype(np.float32))
                told["texts"].append(text)
                told["numbers"].append(coding_numbers(features)[0])
                told["content"].append(content_numbers(features)[0])
        stacks = {f"stack {name}": np.stack(found) for name, found in rows.items()}
        np.savez(kept.with_suffix(".part.npz"), **told, **stacks)
        kept.with_suffix(".part.npz").rename(kept)
    with np.load(kept) as held:
        count = len(held["told"])
        stacks = {name[6:]: held[name] for name in held.files if name.startswith("stack ")}
        image, kind = np.repeat(np.arange(count), MADE), np.tile(np.arange(MADE), count)
        numbers = held["numbers"].astype(np.float64), held["content"]
        found = Versions(image, kind, list(held["texts"]), stacks, *numbers)
        return Pictures(found, held["told"])


def counted(learned, seed, references, own, asked):
    """Learn by each method, and count what it claims of others."""
    both = together(references, own).versions
    labels = np.arange(len(references) + len(own)) >= len(references)
    for method in METHODS:
        made = recipe_of_versions(recipe(method), 256)
        known = Labelled(labels, np.arange(labels.size), 6, seed)
        found = learn(made, both, known).conditions
        for title, others in asked.items():
            rows = others.versions
            _, claimed, _ = judged(made, found, rows, (len(references), len(own)))
            shown = np.array([found.shows(found.p_of_content(row)) for row in rows.content])
            for what, kinds in TOLD.items():
                mine = np.isin(rows.kind, kinds)
                counts = len(others), mine.sum(), claimed[mine].sum(), (~shown[mine]).sum()
                values = learned, seed, method, title, what, *counts
                yield dict(zip(COLUMNS, values, strict=True))


def halves(values, rng):
    """Return the places of the lower and of the upper half, each in random order."""
    order = np.argsort(values)
    return [rng.permutation(half) for half in (order[: order.size // 2], order[order.size // 2 :])]


def by_halves(seed, domain, pool, real):
    """Return references, own pictures and what is asked about, of unlike halves."""
    rng, named = np.random.default_rng(seed), DOMAINS[domain]
    values = [rng.random(len(of)) if named is None else of.by(named) for of in (pool, real)]
    (own, other), (like, references) = (halves(each, rng) for each in values)
    third = [2 * part.size // 3 for part in (own, references)]
    asked = {
        "photographs like the references": real.of(references[third[1] :]),
        "photographs like the generator's pictures": real.of(like),
        "own pictures like those": pool.of(own[third[0] :]),
        "own pictures like the references": pool.of(other),
    }
    return real.of(references[: third[1]]), pool.of(own[: third[0]]), asked


def of_portraits(seed, pool, real, others):
    """Return references, own pictures and what is asked about, of a generator of portraits."""
    rng = np.random.default_rng(seed)
    own, references = (rng.permutation(len(of)) for of in (pool, real))
    most = 2 * own.size // 3
    asked = {"photographs like the references": real.of(references[128:])} | others
    asked["own pictures"] = pool.of(own[most:])
    return real.of(references[:128]), pool.of(own[:most]), asked


def table(rows):
    """Return shares over seeds, which share pictures, with intervals over pictures."""
    heads = [f"{method}, {what}" for method in METHODS for what in TOLD]
    heads = ("learned", "asked about", "pictures", *heads, "withheld for content, %")
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    keys = ("learned", "asked")
    for key in dict.fromkeys(tuple(row[name] for name in keys) for row in rows):
        mine = [row for row in rows if (row["learned"], row["asked"]) == key]
        told = [
            share([r for r in mine if r["method"] == m and r["what"] == w])
            for m in METHODS
            for w in TOLD
        ]
        held, n = (sum(int(row[name]) for row in mine) for name in ("withheld", "n"))
        cells = [*key, mine[0]["images"], *told, f"{100 * held / n:.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def share(rows):
    """Return the per cent that are claimed, with the interval."""
    n, claimed = (sum(int(row[name]) for row in rows) for name in ("n", "claimed"))
    images = int(rows[0]["images"])
    low, high = interval(round(claimed / n * images), images)
    return f"{100 * claimed / n:.0f} ({100 * low:.0f} to {100 * high:.0f})"


@click.command()
@click.option("--seeds", default=3, show_default=True)
@click.option("--section", help="Section of a page of docs/ to replace.")
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "contents")
def main(seeds, section, work):
    """Learn where the content differs, by each method, and ask about the rest."""
    work.mkdir(parents=True, exist_ok=True)
    real = load("real", pictures(CORPUS / "real"), work)
    pools = {name: load(name, pictures(generators()[name]), work) for name in (HALVED, *PORTRAITS)}
    others = {}
    for title, folders in OTHERS.items():
        paths = [path for folder in folders for path in shuffled(pictures(CORPUS / folder), 0)]
        others[title] = load(title, paths[:60], work)
    with kept_rows(work / "claims.csv", COLUMNS) as (rows, keep), threadpool_limits(1):
        done = {(row["learned"], row["seed"]) for row in rows}
        for seed in range(seeds):
            for domain in DOMAINS:
                title = f"{HALVED}, {domain}"
                if (title, str(seed)) not in done:
                    keep(list(counted(title, seed, *by_halves(seed, domain, pools[HALVED], real))))
            for name in PORTRAITS:
                title = f"{name}, portraits"
                if (title, str(seed)) not in done:
                    keep(list(counted(title, seed, *of_portraits(seed, pools[name], real, others))))
        publish(section, this_command(), table(rows))


if __name__ == "__main__":
    main()
