"""What is claimed where a generator's pictures show other content than the reference images.

    python benchmarks/content.py --section content

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). Portraits that
generators drew are learned against photographs of anything. tae_flux2 redraws photographs, so half
of its pictures can be chosen by content, and so can half of the references: the smoother half or
the softer one of the generator's, the other half of the references. Features and finished splits
are kept in the work folder.
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
from splits import judged
from threadpoolctl import threadpool_limits

from fp.denoisers.population import Reduction
from fp.fingerprint.conditions.coding import coding_numbers, roughness
from fp.fingerprint.conditions.learning import Versions, learn, recipe_of_versions
from fp.fingerprint.conditions.versions import versions
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
}
OTHERS = {
    "photos/val": ("photos/val",),
    "kodak, camera": ("t2i/real/kodak", "t2i/real/camera"),
}
TOLD = {"as found": (0,), "JPEG or WebP": (1, 2, 3)}
"""What happened, by the places of kinds in `fp.fingerprint.conditions.versions.KINDS`."""
MADE = max(kind for kinds in TOLD.values() for kind in kinds) + 1
COLUMNS = ("learned", "seed", "method", "asked", "what", "images", "n", "claimed", "withheld")


@dataclass(frozen=True, eq=False)
class Pictures:
    """Versions of pictures, and how strong the finest detail of each picture is."""

    versions: Versions
    sharpness: np.ndarray

    @property
    def roughness(self):
        return self.versions.roughness[::MADE]

    def __len__(self):
        return len(self.sharpness)

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
                held.roughness[rows],
            ),
            self.sharpness[images],
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
        np.concatenate([one.roughness for one in each]),
    )
    return Pictures(found, np.concatenate([part.sharpness for part in parts]))


def load(folder, paths, work):
    """Return the pictures of a folder, from the work folder or examined."""
    kept = work / f"{folder.replace('/', '-')}-{len(paths)}.npz"
    if not kept.exists():
        reduction = Reduction("wavelet", CropRule(256, 256))
        residual, parts = reduction.residual(), recipe_of_versions(recipe("auto"), 256)
        rows, told = {}, {"texts": [], "numbers": [], "roughness": [], "sharpness": []}
        for path in paths:
            image = load_image(path)
            whole = reduction.part(image.rgb_hwc)
            grey = whole.mean(axis=2)
            told["sharpness"].append(np.log((grey - uniform_filter(grey, 3)).std()))
            for _, text in versions(image.pixels_sha256)[:MADE]:
                part = Degradation(text).apply(whole)
                features = Features(residual(part), part)
                for name, stack in features.of(parts).items():
                    rows.setdefault(name, []).append(stack[0].astype(np.float32))
                told["texts"].append(text)
                told["numbers"].append(coding_numbers(features)[0])
                told["roughness"].append(float(roughness(features)[0]))
        stacks = {f"stack {name}": np.stack(found) for name, found in rows.items()}
        np.savez(kept.with_suffix(".part.npz"), **told, **stacks)
        kept.with_suffix(".part.npz").rename(kept)
    with np.load(kept) as held:
        count = len(held["sharpness"])
        stacks = {name[6:]: held[name] for name in held.files if name.startswith("stack ")}
        image, kind = np.repeat(np.arange(count), MADE), np.tile(np.arange(MADE), count)
        numbers = held["numbers"].astype(np.float64), held["roughness"]
        found = Versions(image, kind, list(held["texts"]), stacks, *numbers)
        return Pictures(found, held["sharpness"])


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
            shown = np.array([found.shows(found.p_of_content(rough)) for rough in rows.roughness])
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
    values = [rng.random(len(of)) if named is None else getattr(of, named) for of in (pool, real)]
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
    heads = ("learned", "asked about", "what happened", "pictures")
    heads += (*(f"{method}: claimed, %" for method in METHODS), "withheld for content, %")
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    keys = ("learned", "asked", "what")
    for key in dict.fromkeys(tuple(row[name] for name in keys) for row in rows):
        told = []
        for method in METHODS:
            mine = [r for r in rows if (*(r[k] for k in keys), r["method"]) == (*key, method)]
            images, n, claimed, held = (sum(int(r[c]) for r in mine) for c in COLUMNS[5:])
            pictures_of = images // len(mine)
            low, high = interval(round(claimed / n * pictures_of), pictures_of)
            told.append(f"{100 * claimed / n:.0f} ({100 * low:.0f} to {100 * high:.0f})")
        cells = [*key, str(pictures_of), *told, f"{100 * held / n:.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


@click.command()
@click.option("--seeds", default=3, show_default=True)
@click.option("--section", help="Section of a page of docs/ to replace.")
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "content")
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
