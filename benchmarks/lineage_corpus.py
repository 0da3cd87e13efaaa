"""Lineage of the corpus's generators, and of photographs dealt into two folders.

    python benchmarks/lineage_corpus.py --section lineage-corpus

looks at all generators of the corpus (FP_CORPUS) at once, then again with two folders of
photographs among them. Residuals are kept in the cache (FP_CACHE).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from held_out import CORPUS

from fp.lineage.analysis import analyse
from fp.lineage.collection import Collection
from fp.lineage.options import LineageOptions
from lineage import gather, matrix, publish

PHOTOGRAPHS = ("photographs 1", "photographs 2")


def with_photographs(collection, seed):
    """Take a third of the reference images into each of two folders beside the generators."""
    whole = collection.reference
    dealt = np.random.default_rng(seed).permutation(len(whole.images))
    parts = []
    for name, third in zip((*PHOTOGRAPHS, whole.name), np.array_split(dealt, 3), strict=True):
        keep = np.sort(third)
        images = tuple(whole.images[i] for i in keep)
        taken = {"traces": whole.traces[keep], "coded": whole.coded[keep]}
        parts.append(replace(whole, name=name, images=images, **taken))
    folders = sorted((*collection.generators, *parts[:2]), key=lambda f: (f.digest, f.name))
    return Collection(tuple(folders), parts[2])


def families(found):
    lines = ["| family | support |", "| --- | --- |"]
    for cluster in found.families.clusters:
        names = ", ".join(sorted(found.names[m] for m in cluster.members))
        lines.append(f"| {names} | {cluster.told} |")
    return "\n".join(lines)


def pairs(found):
    lines = [
        "| generators | kinship (95 %) | p, both ways | strangers | q | relation |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for pair in sorted(found.pairs, key=lambda pair: -pair.kinship):
        if pair.relation == "not_shown":
            continue
        names = " – ".join(sorted((found.names[pair.first], found.names[pair.second])))
        why = f" ({', '.join(pair.reasons).replace('_', ' ')})" if pair.reasons else ""
        lines.append(
            f"| {names} | {pair.kinship:.2f} ({pair.low:.2f} to {pair.high:.2f}) "
            f"| {pair.p_forward:.2g}, {pair.p_backward:.2g} | {pair.strangers} | {pair.q:.2g} "
            f"| {pair.relation}{why} |"
        )
    return "\n".join(lines)


@click.command()
@click.option("--denoiser", default="wavelet", show_default=True)
@click.option("--splits", default=10, show_default=True, help="Deals of the photographs.")
@click.option("--section", help="Section of a page of docs/ to replace.")
@click.option("--jobs", default=1, show_default=True)
def main(denoiser, splits, section, jobs):
    """Show the corpus's families, or put them into their page."""
    collection = gather(CORPUS, denoiser, jobs)
    options = LineageOptions(denoiser=denoiser)
    found = analyse(collection, options)
    shown = sum(pair.relation != "not_shown" for pair in found.pairs)
    text = families(found)
    text += f"\n\nPairs that are kin or undecided; the other {len(found.pairs) - shown} of "
    text += f"{len(found.pairs)} are not shown to be kin:\n\n" + pairs(found)
    text += "\n\nCross-detection (rows flag columns, per cent of images):\n\n"
    text += matrix(found.cross_detection.fingerprints, found.cross_detection.flagged.value)
    counts = {"two folders of photographs": [], "a folder of photographs and a generator": []}
    for seed in range(splits):
        again = analyse(with_photographs(collection, seed), options)
        for pair in again.pairs:
            real = sum(again.names[end] in PHOTOGRAPHS for end in (pair.first, pair.second))
            if real:
                counts[list(counts)[2 - real]].append(pair.relation)
    text += "\n\n| pairs with photographs | pairs | kin | undecided |\n| --- | --- | --- | --- |"
    for kind, relations in counts.items():
        text += (
            f"\n| {kind} | {len(relations)} | {relations.count('kin')} "
            f"| {relations.count('undecided')} |"
        )
    publish(section, text)


if __name__ == "__main__":
    main()
