"""Families of zoos with known ancestry: the lineage tables.

    python benchmarks/zoo.py --seed 3 --seed 4 && python benchmarks/lineage.py --zoo zoo-3 \
        --zoo zoo-4 --section lineage-zoos

reads the zoos that benchmarks/zoo.py wrote. Residuals are kept in the cache (FP_CACHE).
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from sklearn.metrics import adjusted_rand_score

sys.path.insert(0, str(Path(__file__).parent))

import sections
from sections import PROJECT

from fp.denoisers.cache import ResidualCache, default_folder
from fp.denoisers.population import Reduction, residuals
from fp.fingerprint.estimators.tile import Tile, refold
from fp.images.crop import CropRule
from fp.lineage.analysis import analyse
from fp.lineage.collection import WANTED, Collection, collect
from fp.lineage.options import LineageOptions
from fp.system.folders import list_generators

CROP = CropRule(256, 256)


def store():
    return ResidualCache(default_folder(), 60 * 2**30)


def gather(folder, denoiser, jobs):
    return collect(
        list_generators(folder / "generated", folder / "real", WANTED),
        Reduction(denoiser, CROP),
        store(),
        jobs,
    )


def part(collection, names, images):
    """Keep some generators, and of each the images of the first sources."""

    def cut(folder, most):
        stems = sorted({image.source for image in folder.images})[:most]
        keep = [i for i, image in enumerate(folder.images) if image.source in stems]
        return replace(
            folder,
            images=tuple(folder.images[i] for i in keep),
            traces=folder.traces[keep],
            coded=folder.coded[keep],
        )

    chosen = [folder for folder in collection.generators if folder.name in names]
    cuts = sorted((cut(folder, images) for folder in chosen), key=lambda f: (f.digest, f.name))
    return Collection(tuple(cuts), cut(collection.reference, 2 * images))


def truth_of(folder):
    """Return family, parent and whether it is a checkpoint, of each member of a zoo."""
    rows = json.loads((folder / "tree.json").read_text("utf-8"))["members"]
    return {row["name"]: row for row in rows}


def score(collection, tree, options):
    """Compare what is found with the truth."""
    found = analyse(collection, options)
    family = {
        found.names[m]: number
        for number, cluster in enumerate(found.families.clusters)
        for m in cluster.members
    }
    truth = [tree[name]["family"] for name in family]
    pairs = {
        frozenset((found.names[p.first], found.names[p.second])): p.relation for p in found.pairs
    }
    kin = {pair for pair in pairs if len({tree[name]["family"] for name in pair}) == 1}
    strangers = set(pairs) - kin
    return {
        "ari": adjusted_rand_score(truth, list(family.values())),
        "kin_found": sum(pairs[pair] == "kin" for pair in kin),
        "kin": len(kin),
        "false_kin": sum(pairs[pair] == "kin" for pair in strangers),
        "strangers": len(strangers),
        "found": found,
    }


def residuals_of(collection, denoiser):
    """Return the residual of each image, from the cache."""
    images = [image for folder in collection.folders for image in folder.images]
    return residuals(images, Reduction(denoiser, CROP), store())


def tile_rows(collection, denoiser):
    """Compute the tiles of all images at period 8, less channel means, a row each."""
    tiles = refold(np.stack([Tile().features(r) for r in residuals_of(collection, denoiser)]), 8)
    tiles -= tiles.mean(axis=(2, 3), keepdims=True)
    return tiles.reshape(len(tiles), -1)


def plain_correlation(collection, denoiser):
    """Correlate the mean tiles of all generators, less that of the reference."""
    rows, member = tile_rows(collection, denoiser), collection.members()
    means = np.stack([rows[member == k].mean(0) for k in range(member.max() + 1)])
    return np.corrcoef(means[:-1] - means[-1])


def by_linkage(likeness, names, tree, cut):
    """Cluster by average linkage at a cut and compare with the families."""
    apart = np.clip(1 - (likeness + likeness.T) / 2, 0, None)
    np.fill_diagonal(apart, 0)
    found = fcluster(linkage(squareform(apart, checks=False), "average"), 1 - cut, "distance")
    return adjusted_rand_score([tree[name]["family"] for name in names], found)


def plain_against_kinship(collection, tree, found, denoiser):
    """Return the row of a table: families by the plain correlation of mean tiles."""
    plain, names = plain_correlation(collection, denoiser), collection.names
    family = np.array([tree[name]["family"] for name in names])
    same = (family[:, None] == family) & ~np.eye(len(names), dtype=bool)
    across = family[:, None] != family
    best = max(by_linkage(plain, names, tree, cut) for cut in np.linspace(0.02, 0.98, 97))
    spans = [
        f"{matrix[same].min():.2f} to {matrix[same].max():.2f} | {matrix[across].max():.2f}"
        for matrix in (plain, found.kinship)
    ]
    return f"| {spans[0]} | {best:.3f} | {spans[1]} |"


def flagged_by_relation(found, tree):
    """Compute the shares flagged in the weaker and the stronger direction, by relation."""
    crossed = found.cross_detection
    place, flagged = {n: i for i, n in enumerate(crossed.fingerprints)}, crossed.flagged.value
    rows = {}
    for a in place:
        for b in place:
            if a < b:
                both = flagged[place[a], place[b]], flagged[place[b], place[a]]
                rows.setdefault(relation(a, b, tree), []).append((min(both), max(both)))
    rows.pop(None, None)
    return rows


def relation(a, b, tree):
    """Return what two members of a zoo are to each other; None where no table tells it."""
    points = [name for name in (a, b) if tree[name]["checkpoint_of"]]
    families = {tree[name]["family"] for name in (a, b)}
    if families == {"A", "A-other-content"}:
        return None if points else "first weights in common"
    if len(families) == 2:
        early = any(name.endswith(("-20", "-40")) for name in points)
        return "other families" + (", one an early checkpoint" if early else "")
    if len(points) == 1 and tree[points[0]]["checkpoint_of"] in (a, b):
        return f"root and its checkpoint at {points[0].rpartition('-')[2]} %"
    if points:
        return None
    if not in_line(a, b, tree):
        return "siblings"
    elder, child = (a, b) if a in ancestors(b, tree) else (b, a)
    if tree[child]["parent"] != elder:
        return "root and grandchild"
    return f"parent and {'strong' if 'strong' in child else 'gentle'} fine-tune"


def kinship_of_checkpoints(found, tree):
    """Return for each root its kinship with each of its checkpoints."""
    rows = []
    for root in ("A", "B"):
        own = sorted(name for name, row in tree.items() if row["checkpoint_of"] == root)
        at = found.names.index(root)
        rows.append([found.kinship[at, found.names.index(c)] for c in own])
    return rows


def spread(values, scale=1):
    """Write median and range."""
    low, middle, high = (scale * f(values) for f in (min, np.median, max))
    digits = 0 if scale == 100 else 2
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def in_line(a, b, tree):
    """Return whether one of two networks descends from the other."""
    return a in ancestors(b, tree) or b in ancestors(a, tree)


def ancestors(name, tree):
    """Return all networks that a network descends from."""
    parent = tree[name]["parent"]
    return set() if parent is None else {parent} | ancestors(parent, tree)


def lines_and_siblings(found, tree):
    """Compute how far a pair's two directions differ: along a line, and of siblings."""
    line, siblings = [], []
    for pair in found.pairs:
        a, b = found.names[pair.first], found.names[pair.second]
        if pair.relation == "kin" and tree[a]["family"] == tree[b]["family"]:
            both = pair.response_forward, pair.response_backward
            (line if in_line(a, b, tree) else siblings).append(max(both) / min(both))
    return line, siblings


def edges(found, tree):
    """Count the edges on which the child's fingerprint flags the parent's images more often."""
    crossed = found.cross_detection
    place = {name: i for i, name in enumerate(crossed.fingerprints)}
    rows = []
    for name, row in tree.items():
        parent = row["parent"]
        if parent is None or row["checkpoint_of"] or name not in place or parent not in place:
            continue
        c, p = place[name], place[parent]
        pair = next(x for x in found.pairs if {x.first, x.second} == {c, p})
        to_parent = pair.response_forward if pair.first == c else pair.response_backward
        to_child = pair.response_backward if pair.first == c else pair.response_forward
        flagged = crossed.flagged.value
        rows.append((row["family"], flagged[c, p] > flagged[p, c], to_parent > to_child))
    return rows


def matrix(names, values, scale=100):
    order = sorted(range(len(names)), key=lambda i: names[i])
    head = ["", *(names[i] for i in order)]
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    for i in order:
        cells = [names[i], *(f"{scale * values[i, j]:.0f}" for j in order)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def publish(section, text):
    """Print a text, and put it into its section with the command that made it."""
    sections.publish(section, sections.this_command(), text)


@click.command()
@click.option("--zoo", "zoos", multiple=True, required=True, help="Folder names below --work.")
@click.option("--work", type=click.Path(path_type=Path), default=PROJECT / ".work" / "zoo")
@click.option("--denoiser", default="wavelet", show_default=True)
@click.option("--section", help="Section of a page of docs/ to replace.")
@click.option("--jobs", default=1, show_default=True)
def main(zoos, work, denoiser, section, jobs):
    """Score zoos and print the tables, or put them into their page."""
    options = LineageOptions(denoiser=denoiser)
    lines = [
        "| zoo | images a generator | adjusted Rand index | kin pairs called kin "
        "| unrelated pairs called kin | checkpoint zoo: unrelated pairs called kin |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    directed, shown, plain, marks, line, siblings = [], None, [], [], [], []
    flagged = {}

    for zoo in zoos:
        folder = work / zoo
        tree = truth_of(folder)
        whole = gather(folder, denoiser, jobs)
        final = {name for name in tree if not tree[name]["checkpoint_of"]}
        for images in (64, 32):
            got = score(part(whole, final, images), tree, options)
            every = score(part(whole, set(tree), images), tree, options)
            lines.append(
                f"| {zoo} | {images} | {got['ari']:.3f} | {got['kin_found']} of {got['kin']} "
                f"| {got['false_kin']} of {got['strangers']} "
                f"| {every['false_kin']} of {every['strangers']} |"
            )
            print(lines[-1], file=sys.stderr, flush=True)
            if images == 64:
                directed += [(zoo, *edge) for edge in edges(got["found"], tree)]
                shown = zoo, part(whole, set(tree), 64), every["found"]
                finals = part(whole, final, 64)
                plain.append(
                    f"| {zoo} {plain_against_kinship(finals, tree, got['found'], denoiser)}"
                )
                marks += kinship_of_checkpoints(every["found"], tree)
                for kind, shares in flagged_by_relation(every["found"], tree).items():
                    flagged.setdefault(kind, []).extend(shares)
                for known, new in zip(
                    (line, siblings), lines_and_siblings(got["found"], tree), strict=True
                ):
                    known += new
    roots = {(zoo, family) for zoo, family, *_ in directed}
    text = "\n".join(lines)
    for place, what in ((2, "flags the parent's images more often"), (3, "answers more strongly")):
        hits = sum(edge[place] for edge in directed)
        good = sum(
            np.mean([e[place] for e in directed if e[:2] == root]) > 0.5 for root in sorted(roots)
        )
        text += (
            f'\n\nDirection, "the child\'s fingerprint {what}": {hits} of {len(directed)} edges; '
            f"for most edges of {good} of {len(roots)} roots."
        )
    text += (
        "\n\nThe two directions of a pair of kin answer by sizes that differ by a factor of "
        f"{np.median(line):.2f} in the median of {len(line)} pairs along a line of descent. In "
        f"the median of {len(siblings)} pairs of siblings, of which neither is the parent, it is "
        f"{np.median(siblings):.2f}."
    )
    text += (
        "\n\nCross-detection, checkpoints included: share flagged in per cent, median and range "
        "over pairs:\n\n| pair | pairs | weaker direction | stronger direction |\n"
        "| --- | --- | --- | --- |"
    )
    for kind in sorted(flagged):
        weaker, stronger = zip(*flagged[kind], strict=True)
        text += f"\n| {kind} | {len(weaker)} | {spread(weaker, 100)} | {spread(stronger, 100)} |"
    text += (
        f"\n\nKinship of a root and its checkpoints, median and range over {len(marks)} roots:\n\n"
        "| part of the training | kinship |\n| --- | --- |"
    )
    for k, at in enumerate((20, 40, 60, 80)):
        text += f"\n| {at} % | {spread([mark[k] for mark in marks])} |"
    text += (
        "\n\nPlain correlation of the mean tiles beside kinship, checkpoints left out. *Best* is "
        "the adjusted Rand index at the cut that is best in hindsight, average linkage:\n\n"
        "| zoo | correlation inside families | across, largest | best | kinship inside families "
        "| across, largest |\n| --- | --- | --- | --- | --- | --- |\n"
    ) + "\n".join(plain)
    zoo, collection, found = shown
    text += f"\n\n{zoo}, cross-detection (rows flag columns, per cent of images):\n\n"
    text += matrix(found.cross_detection.fingerprints, found.cross_detection.flagged.value)
    text += f"\n\n{zoo}, kinship (times 100):\n\n" + matrix(found.names, found.kinship)
    plain = plain_correlation(collection, denoiser)
    text += f"\n\n{zoo}, plain correlation of the mean tiles (times 100):\n\n"
    text += matrix(collection.names, plain)
    publish(section, text)


if __name__ == "__main__":
    main()
