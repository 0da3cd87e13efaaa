"""Images as they come: what `fp extract --augment` reaches under every degradation, crop and scale.

    python benchmarks/wild.py --splits 3 --section wild

needs the corpus (FP_CORPUS, by default ../shared/corpus beside the project). Features and results
are kept in the work folder, so that an interrupted run goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from held_out import CORPUS, GENERATORS, PROJECT, put_section, stamp
from PIL import Image

from fp.denoisers import registry
from fp.evaluation import mean_of
from fp.fingerprint.conditions import crossed, examining, gate, learning
from fp.fingerprint.conditions.hypotheses import Hypothesis, hypotheses
from fp.fingerprint.conditions.judges import Judges
from fp.fingerprint.conditions.learning_run import features_of
from fp.fingerprint.conditions.pixel_parts import with_pixels
from fp.fingerprint.conditions.worst import Worst
from fp.fingerprint.decision.judge import Features
from fp.fingerprint.estimators.folds import Labelled, deal, shuffle_labels
from fp.fingerprint.estimators.pixels import block_statistics
from fp.fingerprint.learning.method import recipe
from fp.fingerprint.model.calibration import Calibration
from fp.fingerprint.model.conditions import Conditions
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.model.ladder import (
    ELSEWHERE,
    LADDER,
    Augmentation,
    elsewhere,
    ends,
    log_prior,
    rescales,
    varies,
    version,
)
from fp.images.crop import CropRule
from fp.images.degradations import Degradation

IAB = ("resize:0.5", "resize:0.25", "jpeg:65", "jpeg:30", "blur:3", "blur:5")
DIF = ("jpeg:75", "jpeg:50", "nearest:0.5", "blur:3")
BETWEEN = ("jpeg:95", "jpeg:40", "webp:80", "resize:0.75", "resize:1.25")
TESTED = tuple(dict.fromkeys(("none", *IAB, *DIF, *BETWEEN)))
OUTSIDE = ("jpeg:5", "noise:15", "resize:0.4", "resize:0.29", "blur:1.25", "blur:2.5", "blur:3.5")
CHAINS = (
    *("resize:0.5+jpeg:75", "resize:0.6+jpeg:80", "resize:0.75+jpeg:85", "resize:0.4+jpeg:60"),
    *("blur:1+jpeg:85", "blur:0.8+jpeg:65", "blur:0.5+jpeg:75", "blur:1.3+webp:70"),
    *("jpeg:75+resize:0.5", "jpeg:85+resize:0.66", "jpeg:60+resize:0.5", "jpeg:80+blur:0.8"),
    *("jpeg:30+jpeg:75", "jpeg:80+resize:0.75+jpeg:80", "noise:5+jpeg:75", "jpeg:22"),
)
FRESH = (
    *("resize:0.55+jpeg:70", "resize:0.85+jpeg:92", "resize:0.45+webp:65"),
    *("blur:0.7+jpeg:82", "blur:1.2+jpeg:45", "blur:0.4+jpeg:60"),
    *("jpeg:70+resize:0.6", "jpeg:90+resize:1.3"),
)
"""Chains that nothing was chosen by."""
FACTORS = (0.75, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5)
SHORT = ("none", "jpeg:75")
ENLARGED = (1.25, 1.5, 2.0, 3.0)
AFTERWARDS = ("none", "jpeg:85")
SIZES = ((256, 256), (290, 280))
"""Height and width that are cut out of enlarged photographs: a native size, and one that is not."""
SMALL = 192
TRAINING, FPR = 128, 0.05
RULE = ("conformal", FPR, lambda p, evidence: p)
METHOD = recipe("auto")
EXPERTS = with_pixels(METHOD)


class Known(Features):
    """Features that were computed before, as an image's own."""

    def __init__(self, stacks):
        self._found = stacks


def pictures(name):
    folder = CORPUS / ("real" if name == "real" else f"generated/{name}")
    return [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.iterdir())]


def stacks_of(work, name, label, change):
    """Give the features of a class under a change of its images, from the work folder."""
    kept = work / f"{name}__{label.replace(':', '_')}.npz"
    if not kept.exists():
        made: dict[str, list] = {}
        residual = registry.get("wavelet")
        for index, image in enumerate(pictures(name)):
            for key, feature in features(change(image, index), residual).items():
                made.setdefault(key, []).append(feature)
        partial = work / f"{kept.stem}.part.npz"
        np.savez(partial, **{key: np.stack(rows) for key, rows in made.items()})
        partial.rename(kept)
    with np.load(kept) as held:
        return {key: held[key] for key in held.files}


def features(seen, residual):
    """Give the features of an examined part, or of an account of an image with its JPEG grid."""
    if not isinstance(seen, Hypothesis):
        return features_of(seen, residual, EXPERTS)
    found = examining.Account.of(seen, residual).features.of(EXPERTS)
    grid = np.array(seen.grid if seen.grid is not None else (-1, -1))
    return {key: stack[0].astype(np.float32) for key, stack in found.items()} | {"grid": grid}


def split(counts, seed):
    """Deal each class into training and test images; the classes share no photograph."""
    rng = np.random.default_rng(seed)
    dealt = [rng.permutation(count) for count in counts]
    return [order[:TRAINING] for order in dealt], [order[TRAINING:] for order in dealt]


def both(work, generator, label, change, places):
    found = [stacks_of(work, name, label, change) for name in ("real", generator)]
    return {
        key: np.concatenate(
            [stacks[key][place] for stacks, place in zip(found, places, strict=True)]
        )
        for key in found[0]
    }


def degraded(condition):
    return lambda image, index: Degradation(condition).apply(image)


def key_of(image):
    return hashlib.sha256(image.tobytes()).hexdigest()


def taught(condition):
    """Give what training images go through for a rung of the ladder, as `fp extract` does it."""

    def change(image, index):
        return Degradation(version(condition, LADDER, key_of(image))).apply(image)

    return change


def at_another_scale(number, side):
    """Give what reference images go through to be at another scale, as `fp extract` does it."""

    def change(image, index):
        return Degradation(elsewhere(key_of(image))[number]).apply(image[:side, :side])

    return change


def fingerprint_of(conditions, side, labels):
    """Make a fingerprint of experts alone; its own calibration is that of clean images."""
    clean = conditions.experts[0]
    names = [tuple(f"{kind}{i:063d}" for i in range(TRAINING)) for kind in "01"]
    calibration = Calibration(clean.real, clean.generated, *names, *names, "cross-fitted")
    return Fingerprint(
        "G",
        "auto",
        clean.pattern,
        CropRule(side, side),
        registry.get("wavelet").identity,
        calibration,
        clean.offset,
        joined=clean.joined,
        native_sizes={"256x256": TRAINING},
        conditions=conditions,
    )


def learn(work, generator, ladder, prefix, change, side, seed, shuffled=False):
    train, _ = split((300, 200), seed)
    labels = np.repeat([False, True], TRAINING)
    groups = np.arange(2 * TRAINING)
    if shuffled:
        labels = shuffle_labels(labels, groups, np.random.default_rng([seed, 7]))
    # A rung that is learned as it is tested shares its file of features.
    names = [f"taught-{prefix}{c}" if varies(c) else prefix + c for c in ladder]
    stacks = [
        both(work, generator, name, change(c), train) for name, c in zip(names, ladder, strict=True)
    ]
    whole = zip(map(pictures, ("real", generator)), train, strict=True)
    keys = [key_of(images[place]) for images, places in whole for place in places]
    others = [
        {
            name: rows[train[0]]
            for name, rows in stacks_of(
                work, "real", f"elsewhere-{prefix}{number}", at_another_scale(number, side)
            ).items()
        }
        for number in range(len(ELSEWHERE) if rescales(ladder) else 0)
    ]
    known = Labelled(labels, groups, seed=seed)
    found = learning.learn(METHOD, stacks, known, keys, Augmentation(ladder), others=others)
    return fingerprint_of(found, side, labels)


def judged(judges, accounts):
    return told(judges, examining.judge_accounts("", accounts, judges, *RULE))


def told(judges, row):
    """Give the forced decision of a row, its decision and its reasons."""
    # Where no expert's bounds leave anything of a ratio, that without bounds decides.
    low, high = row.log10_lr_low, row.log10_lr_high
    if low is None:
        low = high = judges.of_row(row.condition, row.phase).ratio.free(row.score)
    return (row.log10_lr or low + high) > 0, row.decision, row.reasons


def figures(rows, is_generated):
    forced = np.array([row[0] for row in rows])
    said = np.array([row[1] for row in rows])
    real, made = ~is_generated, is_generated
    return {
        "accuracy": (_share(forced[made]) + _share(~forced[real])) / 2,
        "false claims": _share(said[real] == "supports_generator"),
        "false references": _share(said[made] == "supports_reference"),
        "claims": _share(said[made] == "supports_generator"),
        "inconclusive": (said == "inconclusive").mean(),
        "outside": np.mean(["outside_calibrated_range" in row[2] for row in rows]),
    }


def _share(found):
    return found.mean() if found.size else np.nan


def measure(fingerprint, stacks, is_generated, searched=False):
    rows, judges = [], Judges.of(fingerprint)
    for place in range(len(is_generated)):
        own = {key: stack[place : place + 1] for key, stack in stacks.items()}
        grid = own.pop("grid", np.array([[-1, -1]]))[0]
        phase = (int(grid[0]), int(grid[1])) if grid[0] >= 0 else None
        account = examining.Account(1.0, searched, Known(own), phase)
        rows.append(judged(judges, [account]))
    return figures(rows, is_generated)


def degradations(work, generator, seed, shuffled=False):
    """Train once on the ladder, test on every degradation and outside."""
    fingerprint = learn(work, generator, LADDER, "", taught, 256, seed, shuffled)
    _, test = split((300, 200), seed)
    is_generated = np.repeat([False, True], [len(test[0]), len(test[1])])
    found = {}
    for condition in TESTED if shuffled else (*TESTED, *OUTSIDE, *CHAINS, *FRESH):
        stacks = both(work, generator, condition, degraded(condition), test)
        found[condition] = measure(fingerprint, stacks, is_generated)
    hidden = [
        condition
        for index, condition in enumerate(LADDER)
        if Judges.of(fingerprint).expert(index, False).weak
    ]
    return {"figures": found, "hidden": hidden}


def factors(work, generator, seed):
    """Whole images in another scale, through every account of their size."""
    judges = Judges.of(learn(work, generator, LADDER, "", taught, 256, seed))
    _, test = split((300, 200), seed)
    is_generated = np.repeat([False, True], [len(test[0]), len(test[1])])
    residual, crop, found = registry.get("wavelet"), CropRule(256, 256), {}
    whole = [*(pictures("real")[i] for i in test[0]), *(pictures(generator)[i] for i in test[1])]
    for factor in FACTORS:
        rows = []
        for image in whole:
            side = round(256 * factor)
            scaled = np.asarray(
                Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
            )
            accounts = [
                examining.Account.of(h, residual) for h in hypotheses(scaled, crop, ["256x256"])
            ]
            rows.append(judged(judges, accounts))
        found[f"x{factor}"] = figures(rows, is_generated)
    return {"figures": found}


def crops(work, generator, seed):
    """Crops at the lattice's own phase against crops at any, cut before and after compression."""

    def aligned(condition):
        return lambda image, index: Degradation(condition).apply(image[:SMALL, :SMALL])

    def somewhere(image, index, side=SMALL):
        y, x = np.random.default_rng([5, index]).integers(0, 256 - side + 1, 2)
        return np.ascontiguousarray(image[y : y + side, x : x + side])

    def as_crop(image):
        return next(hypotheses(image, CropRule(SMALL, SMALL), ()))

    def anywhere(condition):
        return lambda image, index: as_crop(somewhere(Degradation(condition).apply(image), index))

    def larger(condition):
        return lambda image, index: as_crop(
            somewhere(Degradation(condition).apply(image), index, SMALL + 8)
        )

    def before(condition):
        return lambda image, index: as_crop(Degradation(condition).apply(somewhere(image, index)))

    fingerprint = learn(work, generator, SHORT, f"{SMALL}-", aligned, SMALL, seed)
    _, test = split((300, 200), seed)
    is_generated = np.repeat([False, True], [len(test[0]), len(test[1])])
    found = {}
    for condition in SHORT:
        ways = [
            ("aligned", aligned(condition), False),
            ("anywhere", anywhere(condition), True),
        ]
        if condition != "none":
            ways.append(("anywhere, 8 pixels larger", larger(condition), True))
            ways.append(("cut anywhere before it", before(condition), True))
        for name, change, searched in ways:
            label = f"{SMALL}-{condition}"
            if searched:
                label += f"-{name.replace(',', '').replace(' ', '-')}"
            stacks = both(work, generator, label, change, test)
            found[f"{condition}, {name}"] = measure(fingerprint, stacks, is_generated, searched)
    return {"figures": found}


def blocks_of(work, name, condition):
    """Give what the gate reads of a class in a condition, from the work folder."""
    kept = work / f"{name}__{condition.replace(':', '_')}__blocks.npy"
    if not kept.exists():
        change = Degradation(condition)
        np.save(kept, [block_statistics(change.apply(image)) for image in pictures(name)])
    return np.load(kept)


def last(work, generator, seed):
    """What lies beyond the last rung of JPEG, with the gate's test of that and without it.

    The gate is that of the whole ladder; experts are learned of the last two rungs alone, and
    calibrated with the versions of these that it sends to them. An image that goes to another
    expert, as none of JPEG 5 does, is judged by that of the last rung.
    """
    train, test = split((300, 200), seed)
    labels, groups = np.repeat([False, True], TRAINING), np.arange(2 * TRAINING)
    dealt = deal(groups, labels, 10, seed)

    def read(condition):
        found = [blocks_of(work, name, condition) for name in ("real", generator)]
        return np.concatenate([stack[place] for stack, place in zip(found, train, strict=True)])

    given = dealt, ends(LADDER), log_prior(LADDER)
    known = gate.learn([read(c) for c in LADDER], *given)
    rungs = [ends(LADDER)[0].last, ends(LADDER)[0].before]
    stacks = [both(work, generator, LADDER[k], degraded(LADDER[k]), train) for k in rungs]
    experts = []
    for place, k in enumerate(rungs):
        learned = crossed.learn(EXPERTS, stacks[place], labels, groups, dealt)
        where = np.where(np.stack([known.sent[r] for r in rungs]) == k, place, -1)
        come = learning.Sent.to(place, where, where, np.ones(2), np.random.default_rng([seed, k]))
        versions = {name: come.taken([s[name] for s in stacks]) for name in EXPERTS.reads}
        worst = Worst(come.image, labels, np.full(come.image.size, np.nan), None)
        given = EXPERTS, learned, stacks[place], versions, come, worst, dealt
        experts.append(learning.expert_of(LADDER[k], *given))
    all_of_them = tuple(
        experts[rungs.index(k)] if k in rungs else replace(experts[0], condition=LADDER[k])
        for k in range(len(LADDER))
    )
    is_generated = np.repeat([False, True], [len(test[0]), len(test[1])])
    found = {}
    for told, asked in (
        ("", known.gate),
        (", without the test", replace(known.gate, beyond=known.gate.beyond[:0])),
    ):
        fingerprint = fingerprint_of(Conditions(all_of_them, asked, 0.03), 256, labels)
        for condition in (LADDER[rungs[0]], "jpeg:5"):
            seen = both(work, generator, condition, degraded(condition), test)
            found[condition + told] = measure(fingerprint, seen, is_generated)
    return {"figures": found}


def enlarged(work, generator, seed):
    """Photographs that were enlarged, cut and compressed: reference images at another scale."""
    judges = Judges.of(learn(work, generator, LADDER, "", taught, 256, seed))
    _, test = split((300, 200), seed)
    whole = [pictures("real")[i] for i in test[0][:72]]
    residual, found = registry.get("wavelet"), {}
    for factor in ENLARGED:
        side = round(256 * factor)
        for after in AFTERWARDS:
            for height, width in SIZES:
                rng, rows = np.random.default_rng(seed), []
                for image in whole:
                    y, x = rng.integers(0, side - height + 1), rng.integers(0, side - width + 1)
                    scaled = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
                    cut = np.asarray(scaled)[y : y + height, x : x + width]
                    seen = Degradation(after).apply(np.ascontiguousarray(cut))
                    row = examining.attribution("", seen, judges, residual, *RULE)
                    rows.append(told(judges, row))
                shares = figures(rows, np.zeros(len(rows), bool))
                kept = ("false claims", "inconclusive", "outside")
                found[f"x{factor:g}, {after}, {width} x {height}"] = {k: shares[k] for k in kept}
    return {"figures": found}


PARTS = {
    "degradations": degradations,
    "crops": crops,
    "factors": factors,
    "last": last,
    "enlarged": enlarged,
}


def cell(work, part, generator, seed, shuffled=False):
    kept = work / f"{part}-{generator}-{seed}{'-shuffled' if shuffled else ''}.json"
    if not kept.exists():
        given = {"shuffled": True} if shuffled else {}
        result = PARTS[part](work, generator, seed, **given)
        kept.write_text(json.dumps(result, default=float), "utf-8")
        print(kept.name, file=sys.stderr, flush=True)
    return json.loads(kept.read_text("utf-8"))


def table(cells, key, rows, means=()):
    """Write a figure by condition and generator, averaged over splits, with its interval."""
    lines = [
        f"| condition | {' | '.join(GENERATORS)} | (mean) |",
        "| --- | " + " | ".join("---" for _ in (*GENERATORS, 0)) + " |",
    ]
    for title, members in [*((row, (row,)) for row in rows), *means]:
        entries = []
        for generators in (*((g,) for g in GENERATORS), GENERATORS):
            by_seed = [
                np.mean([cells[g, s]["figures"][m][key] for g in generators for m in members])
                for s in sorted({s for _, s in cells})
            ]
            found = mean_of(by_seed)
            low, high = f"{100 * found.low:.1f}", f"{100 * found.high:.1f}"
            interval = f" ({low} to {high})" if found.n > 1 else ""
            entries.append(f"{100 * found.value:.1f}{interval}")
        lines.append(f"| {title} | " + " | ".join(entries) + " |")
    return "\n".join(lines)


@click.command()
@click.option("--splits", default=3, show_default=True)
@click.option("--nulls", default=1, show_default=True, help="Splits with shuffled labels too.")
@click.option("--part", "parts", multiple=True, default=tuple(PARTS), show_default=True)
@click.option("--work", type=click.Path(path_type=Path), default=PROJECT / ".work" / "wild")
@click.option("--section", help="Section of RESULTS.md to replace.")
def main(splits, nulls, parts, work, section):
    """Measure and print the tables, or put them into RESULTS.md."""
    work.mkdir(parents=True, exist_ok=True)
    told = [stamp(shlex.join(["python", "benchmarks/wild.py", *sys.argv[1:]]))]
    means = (
        ("resize:0.5, jpeg:65, jpeg:30", ("resize:0.5", "jpeg:65", "jpeg:30")),
        ("IAB's six", IAB),
        ("DIF 4.5's four", DIF),
    )
    for part in parts:
        cells = {(g, s): cell(work, part, g, s) for s in range(splits) for g in GENERATORS}
        rows = list(cells[GENERATORS[0], 0]["figures"])
        inside = [row for row in rows if row not in OUTSIDE]
        more = means if part == "degradations" else ()
        told.append(f"### {part}")
        figured = cells[GENERATORS[0], 0]["figures"][rows[0]]
        if "accuracy" in figured:
            told.append("Forced decision, balanced accuracy in per cent:")
            told.append(table(cells, "accuracy", inside, more))
        if part == "degradations" and nulls:
            null = {(g, s): cell(work, part, g, s, True) for s in range(nulls) for g in GENERATORS}
            told += ["The same with shuffled labels:", table(null, "accuracy", ["none"], more)]
        for key, title in (
            ("false claims", "Photographs called supports_generator at rate 0.05, in per cent:"),
            ("false references", "Images of G called supports_reference, in per cent:"),
            ("claims", "Images of G called supports_generator, in per cent:"),
            ("inconclusive", "Inconclusive, both classes, in per cent:"),
            ("outside", "Outside the calibrated range, both classes, in per cent:"),
        ):
            if key in figured:
                told += [title, table(cells, key, rows)]
        if part == "degradations":
            hidden = [
                f"{g}, split {s}: {', '.join(c['hidden']) or 'none'}" for (g, s), c in cells.items()
            ]
            told += [
                "Conditions that hide the generator:",
                "\n".join(f"* {line}" for line in hidden),
            ]
    text = "\n\n".join(told)
    if section:
        put_section(PROJECT / "RESULTS.md", section, text)
    print(text)


if __name__ == "__main__":
    main()
