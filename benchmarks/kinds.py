"""What kind of generator drew a picture: also where its family was never seen?

    python benchmarks/kinds.py --section kinds

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). For each of three
kinds, and for photographs, a score is learned against all the others; the largest calibrated
evidence names the kind. Other pictures of the families that were learned from are asked about, and
then each family once more with its kind learned without it. Pictures that were compressed before
they came here stay as they are, and all others go through the same codings in turns, so that no
coding belongs to one kind. Finished splits are kept in the work folder.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from few_images import fit_without_bounds
from generic import CODED, Stacks, halves, source_of, turns
from held_out import CORPUS
from photographs import kept_rows, pictures
from photographs import split as dealt
from sections import WORK, publish, this_command
from threadpoolctl import threadpool_limits

from fp.evaluation import mean_of
from fp.fingerprint.estimators.folds import Labelled, group
from fp.fingerprint.learning.method import recipe
from fp.fingerprint.model.calibration import Calibration

KINDS = {
    "upscaler": ("waifu2x", "resr_video_x4"),
    "latent decoder": ("tae_flux2", "LDM and SD v1", "realvisxl_turbo, flux1dev", "sd35l"),
    "GAN": ("stylegan_faces",),
    "photograph": ("photographs",),
}
KIND_OF = {family: kind for kind, families in KINDS.items() for family in families}
PHOTOGRAPHS = "photographs"
CODINGS = ("none", *sorted(set(CODED.values())))
FOLDS = 5
COLUMNS = ("seed", "left_out", "family", "tested", *KINDS)


def pictures_of(family, training, seed):
    """Return the pictures of a family that may be learned from, and those that are asked about."""
    if family == PHOTOGRAPHS:
        known, asked = dealt(pictures(CORPUS / "real"), training, seed)
        return known, asked[:24]
    known, asked = halves(family, seed)
    return turns(known, training), asked


def coded(family, paths):
    """Return pairs of a picture and its coding, in turns where the family has none of its own."""
    own = CODED.get(family)
    return [(path, own or CODINGS[place % len(CODINGS)]) for place, path in enumerate(paths)]


def learned(stacks, parts, seed):
    """Return a function from pairs to the evidence for each kind, (N, kinds)."""
    pairs = [pair for found in parts.values() for pair in found]
    kinds = np.repeat(list(parts), [len(found) for found in parts.values()])
    names = [f"{path.parent.name}/{source_of(path)}" for path, _ in pairs]
    groups, features = group(names, names), stacks.of(pairs)
    judges = []
    for kind in parts:
        labels = kinds == kind
        found = stacks.method.learn(features, Labelled(labels, groups, FOLDS, seed))
        taught = labels[found.held.index]
        classes = found.held.scores[~taught], found.held.scores[taught]
        ids = [tuple(str(number) for number in range(scores.size)) for scores in classes]
        ratio = fit_without_bounds(Calibration(*classes, *ids, *ids, "cross-fit"))
        judges.append((found, ratio))

    def evidence(asked):
        given = stacks.of(asked)
        return np.stack([ratio.free_many(one.score(given)) for one, ratio in judges], axis=1)

    return evidence


def measured(stacks, seed, training, left_out):
    """Yield a row for each family that is asked about, with how often each kind was named."""
    parts = {}
    for kind, families in KINDS.items():
        inside = [family for family in families if family != left_out]
        dealt_out = {family: pictures_of(family, training, seed)[0] for family in inside}
        chosen = turns(list(dealt_out.values()), training)
        parts[kind] = [
            pair
            for family, paths in dealt_out.items()
            for pair in coded(family, [path for path in paths if path in chosen])
        ]
    evidence = learned(stacks, parts, seed)
    for family in (left_out,) if left_out else KIND_OF:
        asked = coded(family, pictures_of(family, training, seed)[1])
        named = np.bincount(evidence(asked).argmax(axis=1), minlength=len(KINDS))
        counts = dict(zip(KINDS, named.tolist(), strict=True))
        yield {"seed": seed, "left_out": left_out or "none", "family": family} | (
            {"tested": len(asked)} | counts
        )


def table(rows):
    """Return how often the kind of each family is named rightly, and what else is named."""
    heads = ("family", "kind", "other pictures of it, right", "left out, right")
    heads += tuple(f"left out, named {kind}" for kind in KINDS)
    lines = [line(heads), line("---" for _ in heads)]
    for family, kind in KIND_OF.items():
        mine = [row for row in rows if row["family"] == family]
        known, unknown = parted(mine)
        shares = [share(known, kind), share(unknown, kind)]
        lines.append(line((family, kind, *shares, *(share(unknown, each) for each in KINDS))))
    means = [mean_of(means_of(chosen), 0, 1).text(1, 100) for chosen in parted(rows)]
    lines.append(line(("(mean of the kinds)", "", *means, *("" for _ in KINDS))))
    return "\n".join(lines)


def line(cells):
    return f"| {' | '.join(cells)} |"


def parted(rows):
    """Return the rows of families that were learned from, and of those that were left out."""
    known = [row for row in rows if row["left_out"] == "none"]
    return known, [row for row in rows if row not in known]


def means_of(rows):
    """Return for each split the share that is right: the mean of the kinds, of their families."""
    found = {}
    for row in rows:
        kind = KIND_OF[row["family"]]
        right = int(row[kind]) / int(row["tested"])
        found.setdefault(row["seed"], {}).setdefault(kind, []).append(right)
    return [np.mean([np.mean(shares) for shares in kinds.values()]) for kinds in found.values()]


def share(rows, kind):
    """Return in per cent how often a kind was named, over splits, or that it was not asked."""
    if not rows:
        return "-"
    return mean_of([int(row[kind]) / int(row["tested"]) for row in rows], 0, 1).text(1, 100)


@click.command()
@click.option("--training", default=72, show_default=True, help="Images of each kind.")
@click.option("--seeds", default=3, show_default=True)
@click.option("--section", help="Section of a page of docs/ to replace.")
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "kinds")
def main(training, seeds, section, work):
    """Name the kind of generator of pictures, with each family learned from and left out."""
    work.mkdir(parents=True, exist_ok=True)
    # The only family of a kind cannot be left out.
    left_out = [
        None,
        *(one for families in KINDS.values() if len(families) > 1 for one in families),
    ]
    stacks = Stacks(recipe("auto"), {})
    with kept_rows(work / f"named-{training}.csv", COLUMNS) as (rows, keep), threadpool_limits(1):
        done = {(row["seed"], row["left_out"]) for row in rows}
        for seed in range(seeds):
            for family in left_out:
                if (str(seed), family or "none") not in done:
                    keep(list(measured(stacks, seed, training, family)))
        chosen = [row for row in rows if int(row["seed"]) < seeds]
    publish(section, this_command(), table(chosen))


if __name__ == "__main__":
    main()
