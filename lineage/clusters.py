"""Families: average linkage of kinship, cut at a stated place, with bootstrap support."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage, to_tree
from scipy.spatial.distance import squareform

from fp.system.arrays import Doubles

Members = tuple[int, ...]

CUT = 0.41
"""Kinship from which average linkage joins two clusters; see docs/lineage.md for the rule."""


@dataclass(frozen=True)
class Branch:
    """An inner node of the dendrogram: generators below it, kinship of its two parts.

    Kinship is averaged; support is the share of the bootstrap samples whose dendrogram has a branch
    of exactly these members.
    """

    members: Members
    kinship: float
    support: float


@dataclass(frozen=True)
class Cluster:
    """A family at the cut: one member for a generator without kin.

    Support is the share of the bootstrap samples in which exactly these are a cluster at the same
    cut; None where one stands alone because no data could have shown it to be kin.
    """

    members: Members
    support: float | None

    @property
    def told(self) -> str:
        """The support in words."""
        if self.support is None:
            return "no data could have decided"
        return f"support {100 * self.support:.0f} %"


@dataclass(frozen=True, eq=False)
class Families:
    """Dendrogram and clusters.

    Parameters
    ----------
    tree : ndarray of float64, shape (K - 1, 4)
        Linkage matrix of scipy over the distances 1 - kinship.
    branches : tuple of Branch
        One for each row of `tree`.
    clusters : tuple of Cluster
        The families, the largest first.
    order : tuple of int
        Generators as the leaves of the dendrogram stand.
    cut : float
        Kinship at which the dendrogram was cut.
    """

    tree: Doubles
    branches: tuple[Branch, ...]
    clusters: tuple[Cluster, ...]
    order: Members
    cut: float


def find_families(kinship: Doubles, resampled: Doubles, cut: float = CUT) -> Families:
    """Cluster generators by their kinship, shape (K, K), symmetric with ones in the diagonal.

    K is 2 at least. `resampled`, shape (B, K, K), is the kinship of bootstrap samples, which the
    support counts; `cut` the kinship at which the dendrogram is cut.
    """
    tree = _tree(kinship)
    nodes, parts = _nodes(tree), _partition(tree, cut)
    node_hits, part_hits = dict.fromkeys(nodes, 0), dict.fromkeys(parts, 0)
    for sample in resampled:
        again = _tree(sample)
        for found, hits in ((_nodes(again), node_hits), (_partition(again, cut), part_hits)):
            for members in set(found) & hits.keys():
                hits[members] += 1
    samples = max(len(resampled), 1)
    branches = tuple(
        Branch(members, 1.0 - float(row[2]), node_hits[members] / samples)
        for members, row in zip(nodes, tree, strict=True)
    )
    clusters = [Cluster(members, part_hits[members] / samples) for members in parts]
    clusters.sort(key=lambda cluster: (-len(cluster.members), cluster.members))
    order = tuple(int(leaf) for leaf in to_tree(tree).pre_order())
    return Families(tree, branches, tuple(clusters), order, cut)


def _tree(kinship: Doubles) -> Doubles:
    distance = 1.0 - (kinship + kinship.T) / 2
    np.fill_diagonal(distance, 0.0)
    return np.asarray(linkage(squareform(np.maximum(distance, 0.0), checks=False), "average"))


def _nodes(tree: Doubles) -> list[Members]:
    leaves = len(tree) + 1
    below: list[Members] = [(leaf,) for leaf in range(leaves)]
    for left, right, *_ in tree:
        below.append(tuple(sorted(below[int(left)] + below[int(right)])))
    return below[leaves:]


def _partition(tree: Doubles, cut: float) -> list[Members]:
    labels = fcluster(tree, 1.0 - cut, "distance")
    return [tuple(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)]
