"""What else cross-detection could read: features and covariances side by side, on given zoos.

    python benchmarks/lineage_matrix.py --zoo zoo-12 --zoo zoo-18 --section lineage-matrix

scores every way alike: fingerprints and mu's from the sources outside of a fold, images flagged by
the nearer mean. The zoos are those that the choice was made with. Residuals are kept in the cache
(FP_CACHE).
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from held_out import PROJECT

from fp.fingerprint.estimators.cyclic import cyclic_covariance
from fp.fingerprint.estimators.discriminant import discriminant_coefficients
from fp.fingerprint.estimators.folds import deal
from fp.lineage.traces import every_level, level
from fp.lineage.whitening import filtered, filters_outside
from lineage import gather, publish, relation, residuals_of, spread, tile_rows, truth_of

SHOWN = {
    "80 %": "root and its checkpoint at 80 %",
    "60 %": "root and its checkpoint at 60 %",
    "20 %": "root and its checkpoint at 20 %",
    "gentle fine-tune": "parent and gentle fine-tune",
    "strong fine-tune": "parent and strong fine-tune",
    "other families": "other families",
}


def shrunk(rows, own):
    """Learn the discriminant of two classes with Ledoit and Wolf's covariance."""
    return rows.T @ discriminant_coefficients(rows @ rows.T, own, rows.shape[1])


def diagonal(rows, own):
    """Learn the discriminant of two classes with variances alone."""
    variance = (rows[own].var(axis=0) + rows[~own].var(axis=0)) / 2
    return plain(rows, own) / (variance + 0.1 * variance.mean())


def plain(rows, own):
    """Return the difference of the means."""
    return rows[own].mean(axis=0) - rows[~own].mean(axis=0)


def by_classes(rows, member, dealt, learn):
    """Score by directions that are learned from a folder and the reference images alone."""
    last = member.max()
    scores = np.empty((len(rows), last))
    for part in np.unique(dealt):
        inside = dealt == part
        for i in range(last):
            chosen = ~inside & ((member == i) | (member == last))
            weights = learn(rows[chosen], member[chosen] == i)
            scores[inside, i] = rows[inside] @ (weights / np.linalg.norm(weights))
    return scores


def by_traces(rows, member, dealt, spread_of, cosine):
    """Score by whitened traces, S from the folders that `spread_of` names for each fingerprint."""
    last = member.max()
    scores = np.empty((len(rows), last))
    made = {}
    for i in range(last):
        folders = spread_of(i, last)
        if folders not in made:
            chosen = np.isin(member, folders)
            _, place = np.unique(member[chosen], return_inverse=True)
            made[folders] = filters_outside(rows[chosen], place, dealt[chosen], 8)
        for part in np.unique(dealt):
            inside = dealt == part
            own, real = (rows[~inside & (member == k)].mean(axis=0) for k in (i, last))
            both = np.concatenate([rows[inside] - real, [own - real]])
            white = filtered(both, made[folders][part], 8)
            length = np.linalg.norm(white, axis=1)
            found = white[:-1] @ white[-1] / length[-1]
            scores[inside, i] = found / length[:-1] if cosine else found
    return scores


def cyclic_rows(collection, denoiser):
    """Compute the cyclic covariances of all images, a row an image."""
    rows = [cyclic_covariance(r).ravel() for r in residuals_of(collection, denoiser)]
    return np.stack(rows).astype(np.float64)


def ways(collection, denoiser):
    """Yield a name and the scores of each way."""
    member, groups = collection.members(), collection.groups()
    dealt = deal(groups, member != member.max(), 5, 0)
    tiles, cyclic = tile_rows(collection, denoiser), cyclic_rows(collection, denoiser)
    joined = np.concatenate(
        [rows / rows[member == member.max()].std() for rows in (tiles, cyclic)], 1
    )
    for name, rows in (("tile", tiles), ("cyclic", cyclic), ("tile and cyclic", joined)):
        yield f"{name}, shrunk discriminant", by_classes(rows, member, dealt, shrunk)
        if name == "tile":
            yield f"{name}, diagonal discriminant", by_classes(rows, member, dealt, diagonal)
            yield f"{name}, mean", by_classes(rows, member, dealt, plain)
    traces = np.concatenate([folder.traces for folder in collection.folders])
    rows = every_level(traces, 8)
    yield "traces, shrunk discriminant", by_classes(rows, member, dealt, shrunk)
    of = {
        "the reference": lambda i, last: (last,),
        "own and reference": lambda i, last: (i, last),
        "all folders": lambda i, last: tuple(range(last + 1)),
    }
    for name, spread_of in of.items():
        for cosine in (False, True):
            kind = "cosine" if cosine else "inner product"
            scores = by_traces(rows, member, dealt, spread_of, cosine)
            yield f"traces, S of {name}, {kind}", scores
    scores = by_traces(level(traces, 8), member, dealt, of["all folders"], True)
    yield "traces at P = 8 only, S of all folders, cosine", scores


def weaker_shares(collection, scores, tree):
    """Compute the shares flagged in the weaker direction, by relation."""
    member, names = collection.members(), collection.names
    middle = [
        (scores[member == k, k].mean() + scores[member == len(names), k].mean()) / 2
        for k in range(len(names))
    ]
    flagged = np.stack([(scores[member == k] > middle).mean(axis=0) for k in range(len(names))], 1)
    rows = {}
    for i, j in zip(*np.triu_indices(len(names), 1), strict=True):
        kind = relation(names[i], names[j], tree)
        rows.setdefault(kind, []).append(min(flagged[i, j], flagged[j, i]))
    return rows


@click.command()
@click.option("--zoo", "zoos", multiple=True, required=True, help="Folder names below --work.")
@click.option("--work", type=click.Path(path_type=Path), default=PROJECT / ".work" / "zoo")
@click.option("--denoiser", default="wavelet", show_default=True)
@click.option("--section", help="Section of a page of docs/ to replace.")
@click.option("--jobs", default=1, show_default=True)
def main(zoos, work, denoiser, section, jobs):
    """Compare the ways on zoos, or put them into their page."""
    found = {}
    for zoo in zoos:
        collection, tree = gather(work / zoo, denoiser, jobs), truth_of(work / zoo)
        for name, scores in ways(collection, denoiser):
            for kind, shares in weaker_shares(collection, scores, tree).items():
                found.setdefault(name, {}).setdefault(kind, []).extend(shares)
    lines = ["| | " + " | ".join(SHOWN) + " |", "| --- " * (1 + len(SHOWN)) + "|"]
    for name, kinds in found.items():
        cells = [spread(kinds[kind], 100) for kind in SHOWN.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    publish(section, "\n".join(lines))


if __name__ == "__main__":
    main()
