"""Is the fingerprint of a mix of generators any good? It is asked of a family that it has not seen.

    python benchmarks/generic.py --section generic --claims-section generic-claims

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). The mix always has as
many images, whatever the number of families in it. Kin are one family: generators with one decoder,
of one line, or that went through one pipeline.

Two measurements. `--section` has the plain score of `auto`, over splits and numbers of families:
each image of a family that was compressed before it came here goes with photographs that were
compressed alike, in training and in the test. `--claims-section` has fingerprints that `fp.extract`
made of the folder with default options, and what they claim of photographs in every coding. Its
references are `real/`, and then `real/web`, asked about photographs of other sources.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from pathlib import Path

import click
import numpy as np
from held_out import CORPUS
from photographs import (
    CELLS,
    changed,
    folder_of,
    interval,
    kept_rows,
    pictures,
    shuffled,
    withheld,
    without_doubles,
)
from photographs import split as dealt
from sections import WORK
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from fp.denoisers.population import Reduction
from fp.evaluation import mean_of
from fp.fingerprint.conditions.judging import judge_of
from fp.fingerprint.detection.detection import Preparation
from fp.fingerprint.estimators.folds import Labelled, group
from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.learning.method import recipe
from fp.fingerprint.store.bank import read_bank, write_bank
from fp.images.degradations import Degradation
from fp.images.loading import load_image
from lineage import CROP, publish, store

FAMILIES = {
    "tae_flux2": ("tae_flux2",),
    "waifu2x": (
        *("w2x_photo", "w2x_anime", "w2x_photo_denoise0x", "w2x_photo_denoise1x"),
        "w2x_photo_denoise3x",
    ),
    "resr_video_x4": ("resr_video_x4",),
    "LDM and SD v1": ("ldm", "glid3xl", "sd_v1"),
    "realvisxl_turbo, flux1dev": ("realvisxl_turbo", "flux1dev"),
    "stylegan_faces": ("stylegan_faces",),
    "gpt_image_1": ("gpt_image_1",),
    "sd35l": ("sd35l",),
}
CODED = {"realvisxl_turbo, flux1dev": "webp:85", "stylegan_faces": "jpeg444:92"}
"""How the images of a family were compressed before they came here; the others were not."""
NUMBERS = (1, 3, 7)
"""Of families in the mix."""
PLAIN = ("family", "families", "seed", "auc", "tested", "photographs")
CLAIMS = ("fingerprint", "references", "images", "name", "cell", "form", "score", "claimed", "held")
SOURCES = ("real", "photos/val", "t2i/real/kodak", "t2i/real/camera", "t2i/real/web")
RATE = 0.05
TESTED = 24
"""Images of a family, at most."""
PHOTOGRAPHS, CODINGS = 24, 4
"""Photographs of a source, at most, and in how many codings each is asked beside as found."""


def turns(parts, count):
    """Take `count` of several lists, one of each in turns, until they are used up."""
    longest = max(map(len, parts))
    found = [part[place] for place in range(longest) for part in parts if place < len(part)]
    return found[:count]


def halves(name, seed):
    """Deal each member of a family between mix and test by source, two thirds to one.

    A prompt, or a photograph that several generators redrew, is on one side for all of them.
    """
    known, asked = [], []
    for member in FAMILIES[name]:
        paths = shuffled(pictures(folder_of(member)), seed)
        known.append([path for path in paths if place(path, seed) < 2 / 3])
        asked.append([path for path in paths if place(path, seed) >= 2 / 3])
    return known, turns(asked, TESTED)


def source_of(path):
    """Return the prompt of a picture, or the number of the photograph that it redraws."""
    return path.stem.split("_")[0]


def place(path, seed):
    """Return where in [0, 1) the source of a picture lies, at random."""
    return int(hashlib.sha256(f"{seed} {source_of(path)}".encode()).hexdigest()[:8], 16) / 16**8


@dataclass(frozen=True)
class Stacks:
    """Features of files in several codings, each computed once."""

    method: object
    found: dict

    @cached_property
    def residual(self):
        """The residual, kept in the cache."""
        return Reduction("wavelet", CROP).residual()

    def of(self, asked):
        """Return the stacks of (path, coding) pairs by name."""
        for path, coding in asked:
            if (path, coding) not in self.found:
                part = Degradation(coding).apply(CROP.apply(load_image(path).rgb_hwc))
                seen = store().residual(np.ascontiguousarray(part), self.residual)
                self.found[path, coding] = self.method.features(seen)
        rows = [self.found[each] for each in asked]
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def drawn(left_out, seed, training):
    """Return the other families in random order.

    The first has enough images for a whole mix, so that the number stays the same.
    """
    rng = np.random.default_rng([seed, list(FAMILIES).index(left_out)])
    others = rng.permutation([name for name in FAMILIES if name != left_out]).tolist()
    large = [name for name in others if len(turns(halves(name, seed)[0], training)) == training]
    return [large[0], *(name for name in others if name != large[0])]


def plainly(stacks, families, left_out, training, seed):
    """Return the AUC of a family that is not in the mix, against photographs."""
    known = {name: turns(halves(name, seed)[0], training) for name in families}
    made = turns(list(known.values()), training)
    coding_of = {path: CODED.get(name, "none") for name, paths in known.items() for path in paths}
    real, others = dealt(pictures(CORPUS / "real"), training, seed)
    pairs = [(path, coding_of[path]) for path in made]
    # As many photographs of each coding as images have it.
    pairs += [(path, coding_of[like]) for path, like in zip(real, made, strict=True)]
    labels = np.arange(len(pairs)) < len(made)
    names = [f"{path in coding_of}/{source_of(path)}" for path, _ in pairs]
    groups = group(names, names)
    learned = stacks.method.learn(stacks.of(pairs), Labelled(labels, groups, 10, seed))
    coding = CODED.get(left_out, "none")
    own = halves(left_out, seed)[1]
    asked = [(path, coding if path in others else "none") for path in (*own, *others)]
    scores = learned.score(stacks.of(asked))
    truth = np.arange(len(asked)) < len(own)
    return roc_auc_score(truth, scores), len(own), len(others)


def plain(work, seeds, training):
    """Measure and keep the AUC of each family by the number of families in the mix."""
    stacks = Stacks(recipe("auto"), {})
    with kept_rows(work / "plain.csv", PLAIN) as (rows, keep):
        done = {tuple(row[name] for name in PLAIN[:3]) for row in rows}
        for number, seed, left_out in product(reversed(NUMBERS), range(seeds), FAMILIES):
            if (left_out, str(number), str(seed)) not in done:
                families = drawn(left_out, seed, training)[:number]
                found = plainly(stacks, families, left_out, training, seed)
                keep([dict(zip(PLAIN, (left_out, number, seed, *found), strict=True))])
        return rows


def plain_table(rows):
    """Return the AUC by family and number of families in the mix, over splits."""
    lines = [
        f"| family left out | {' | '.join(f'{n} in the mix' for n in NUMBERS)} |",
        "| --- |" + " --- |" * len(NUMBERS),
    ]
    means = {number: {} for number in NUMBERS}
    for name in FAMILIES:
        told = []
        for number in NUMBERS:
            mine = [r for r in rows if (r["family"], r["families"]) == (name, str(number))]
            values = [float(row["auc"]) for row in mine]
            told.append(mean_of(values, 0, 1).text(3))
            for row, value in zip(mine, values, strict=True):
                means[number].setdefault(row["seed"], []).append(value)
        lines.append(f"| {name} | {' | '.join(told)} |")
    told = [mean_of([np.mean(v) for v in means[n].values()], 0, 1).text(3) for n in NUMBERS]
    return "\n".join([*lines, f"| mean | {' | '.join(told)} |"])


def fingerprint_of(left_out, references, training, seed, work):
    """Return the fingerprint of the mix without a family, read or made with default options."""
    kept = work / f"{left_out}-{references.replace('/', '-')}-{training}-{seed}.h5"
    if not kept.exists():
        folder = kept.with_suffix("")
        shutil.rmtree(folder, ignore_errors=True)
        known = [turns(halves(n, seed)[0], training) for n in FAMILIES if n != left_out]
        real = dealt(pictures(CORPUS / references), training, seed)[0]
        for name, paths in (("made", turns(known, training)), ("real", real)):
            for path in paths:
                (folder / name / path.parent.name).mkdir(parents=True, exist_ok=True)
                shutil.copy(path, folder / name / path.parent.name / path.name)
        options = ExtractOptions(size=(256, 256), seed=seed)
        found = extract(folder / "made", folder / "real", f"all but {left_out}", options)
        write_bank(kept, [replace(found.fingerprint, name=f"all but {left_out}")])
        shutil.rmtree(folder)
    return read_bank(kept)[0]


def asked_of(references, training, seed):
    """Yield population, path, degradation and form of everything that is asked about."""
    for name in FAMILIES:
        for path in halves(name, seed)[1]:
            for cell in ("none", "jpeg:75"):
                yield name, path, cell, "file"
    known = dealt(pictures(CORPUS / references), training, seed)[0]
    turn = 0
    for source in SOURCES:
        paths = [path for path in pictures(CORPUS / source) if path not in known]
        if (source, references) == ("t2i/real/web", "real"):
            paths = without_doubles(paths, known)
        if (source, references) == ("real", "t2i/real/web"):
            paths = without_doubles(paths, known, reduced=True)
        for path in shuffled(paths, seed)[:PHOTOGRAPHS]:
            yield source, path, "none", "file"
            for _ in range(CODINGS):  # in turns, so that each is asked of as many photographs
                turn += 1
                cell, form = CELLS[1 + turn % (len(CELLS) - 1)]
                yield source, path, cell, form


def claims(work, names, references, training, seed):
    """Examine everything by the fingerprints of all mixes, and keep what each says."""
    judges = {
        name: judge_of(fingerprint_of(name, references, training, seed, work)) for name in names
    }
    kept = work / f"claims-{references.replace('/', '-')}-{training}-{seed}.csv"
    asked = work / "asked"
    with kept_rows(kept, CLAIMS) as (rows, keep):
        done = {tuple(row[name] for name in CLAIMS[:6]) for row in rows}
        preparation = Preparation.of(next(iter(judges.values())).fingerprint)
        for images, path, cell, form in asked_of(references, training, seed):
            name = f"{path.parent.name}/{path.name}"
            where = references, images, name, cell, form
            missing = {each: j for each, j in judges.items() if (each, *where) not in done}
            if not missing:
                continue
            whole = cell == "none" and form == "file"
            content = path.read_bytes() if whole else changed(load_image(path).rgb_hwc, cell, form)
            asked.write_bytes(content)
            image = load_image(asked)
            if min(image.rgb_hwc.shape[:2]) < 256:
                continue
            features, found = preparation.features(image), []
            for left_out, judge in missing.items():
                row = judge.examine(name, features, image.compression, "conformal", RATE)
                claimed = int(row.decision == "supports_generator")
                told = f"{row.score:.4f}", claimed, int(withheld(row.reasons))
                found.append(dict(zip(CLAIMS, (left_out, *where, *told), strict=True)))
            keep(found)
        return rows


def names_of(rows):
    """Return the families that were left out, in the order of the rows."""
    return list(dict.fromkeys(row["fingerprint"] for row in rows))


def counted(rows, column="claimed"):
    """Return a share with its interval over images."""
    hits, n = sum(int(row[column]) for row in rows), len(rows)
    if not n:
        return "-"
    low, high = interval(hits, n)
    return f"{hits} of {n} ({100 * low:.1f} to {100 * high:.1f} %)"


def area(own, others):
    """Return the AUC of scores, and its interval by resampling images."""
    scores = [np.array([float(row["score"]) for row in rows]) for rows in (own, others)]
    truth = np.repeat([True, False], [s.size for s in scores])
    rng = np.random.default_rng(0)
    drawn = [
        roc_auc_score(truth, np.concatenate([rng.choice(s, s.size) for s in scores]))
        for _ in range(500)
    ]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return f"{roc_auc_score(truth, np.concatenate(scores)):.3f} ({low:.3f} to {high:.3f})"


def claims_table(rows, references):
    """Return what the mixes claim, a row for each family that was left out."""
    heads = (
        *("family left out", "AUC as found", "own claimed as found", "as JPEG 75"),
        *("families in the mix, as found", "photographs like the references, every coding"),
        *("of other sources, every coding", "withheld"),
    )
    lines = [f"| {' | '.join(heads)} |", "| " + " | ".join("---" for _ in heads) + " |"]
    for name in names_of(rows):
        mine = [row for row in rows if row["fingerprint"] == name]
        own = [row for row in mine if row["images"] == name]
        found = [row for row in own if row["cell"] == "none"]
        known = [r for r in mine if r["images"] in FAMILIES and r["images"] != name]
        like = [row for row in mine if row["images"] == references]
        other = [r for r in mine if r["images"] in SOURCES and r["images"] != references]
        told = (
            area(found, [row for row in like if row["cell"] == "none"]),
            counted(found),
            counted([row for row in own if row["cell"] != "none"]),
            counted([row for row in known if row["cell"] == "none"]),
            *(counted(like), counted(other), counted(like + other, "held")),
        )
        lines.append(f"| {name} | {' | '.join(told)} |")
    return "\n".join(lines)


def sources_table(rows):
    """Return what all mixes claim of the photographs of each source."""
    lines = ["| photographs | as found | every coding | worst mix |", "| --- | --- | --- | --- |"]
    for source in SOURCES:
        mine = [row for row in rows if row["images"] == source]
        if not mine:
            continue
        names = names_of(rows)
        shares = {name: [row for row in mine if row["fingerprint"] == name] for name in names}
        worst = max(shares, key=lambda n: sum(int(row["claimed"]) for row in shares[n]))
        found = [row for row in mine if row["cell"] == "none"]
        told = counted(found), counted(mine), f"without {worst}: {counted(shares[worst])}"
        lines.append(f"| {source} | {' | '.join(told)} |")
    return "\n".join(lines)


@click.command()
@click.option("--training", default=112, show_default=True, help="Images of the mix.")
@click.option("--seeds", default=3, show_default=True, help="Splits of the plain score.")
@click.option("--references", default="real,t2i/real/web", show_default=True)
@click.option("--left-out", multiple=True, default=tuple(FAMILIES), help="Families, for claims.")
@click.option("--only", type=click.Choice(["plain", "claims"]), help="One of the two measurements.")
@click.option("--section", help="Section of a page of docs/ for the plain score.")
@click.option("--claims-section", help="Section of a page of docs/ for the claims.")
@click.option("--work", type=click.Path(path_type=Path), default=WORK / "generic")
def main(training, seeds, references, left_out, only, section, claims_section, work):
    """Learn mixes of all families but one, and ask about that one and about photographs."""
    work.mkdir(parents=True, exist_ok=True)
    with threadpool_limits(1):
        if only != "claims":
            publish(section, plain_table(plain(work, seeds, training)))
        parts = []
        for name in references.split(",") if only != "plain" else ():
            size = min(training, len(pictures(CORPUS / name)) * 2 // 3)
            rows = claims(work, left_out, name, size, 0)
            parts.append(f"References from {name}, {size} of each class:")
            parts += [claims_table(rows, name), sources_table(rows)]
        if parts:
            publish(claims_section, "\n\n".join(parts))


if __name__ == "__main__":
    main()
