"""Whether one folder holds the pictures of several generators: clusters among folded residuals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from fp.audit.compiled import dip
from fp.system.arrays import Doubles, Flags, Floats

PERIOD = 16
"""Side of the tile that residuals are folded to: a multiple of the usual lattices."""

FEWEST = 48
"""Images below which the test is not made: it would find nothing."""

MOST = 400
"""Images beyond which a sample of this size is tested: the simulated null would take minutes."""

_COMPONENTS = 10
_FOLDS = 10
_SIMULATIONS = 999
_SEED = 20


@dataclass(frozen=True)
class Split:
    """Result of the test for two clusters.

    Parameters
    ----------
    p : float
        p-value under the null that the pictures are one population, whatever its shape, as long
        as it has a single mode in every direction.
    statistic : float
        The dip statistic.
    smaller : float
        Share of images in the smaller cluster.
    members : ndarray of bool, shape (N,)
        Which images are in the smaller cluster.
    """

    p: float
    statistic: float
    smaller: float
    members: Flags


def tile_of(residual_chw: Floats) -> Floats | None:
    """Return the mean over all blocks of 16 x 16 pixels of a residual (3, H, W), shape (768,).

    The residual is taken less its mean and divided by its standard deviation; None where it has
    none, or is smaller than two blocks.
    """
    height, width = (side // PERIOD * PERIOD for side in residual_chw.shape[1:])
    if min(height, width) < 2 * PERIOD:
        return None
    part = residual_chw[:, :height, :width].astype(np.float64)
    part = part - part.mean(axis=(1, 2), keepdims=True)
    deviation = part.std()
    if deviation <= 0:
        return None
    blocks = part.reshape(3, height // PERIOD, PERIOD, width // PERIOD, PERIOD)
    return np.asarray(blocks.mean(axis=(1, 3)) / deviation, dtype=np.float32).ravel()


def two_clusters(tiles: Doubles) -> Split:
    """Test whether tiles, shape (N, D), fall into two clusters; N is `FEWEST` at least.

    Their order must not depend on file names. Any cloud can be cut in two, so the cut (principal
    components, two-means, the direction between the means under the pooled shrunk covariance) is
    learned on nine tenths of the images and gives the scores of the last tenth, in turn. Are all
    these scores unimodal? The statistic is a dip (Hartigan and Hartigan 1985, doi
    10.1214/aos/1176346577): the largest distance between the empirical distribution and the nearest
    one that is convex up to a mode and concave after it. Its null is the uniform distribution, the
    least favourable unimodal one, simulated.
    """
    direction, members = _cut(tiles)
    members = members if members.mean() <= 0.5 else ~members
    order = np.random.default_rng(_SEED).permutation(len(tiles))
    scores = np.empty(len(tiles))
    for held in np.array_split(order, _FOLDS):
        rest = np.setdiff1d(order, held)
        weights = _cut(tiles[rest])[0]
        if weights @ direction < 0:
            weights = -weights
        learned = tiles[rest] @ weights
        scores[held] = (tiles[held] @ weights - learned.mean()) / max(learned.std(), 1e-300)
    dip = dip_statistic(scores)
    null = _null(scores.size)
    p = float((1 + (null >= dip).sum()) / (null.size + 1))
    return Split(p, dip, float(members.mean()), members)


def _cut(tiles: Doubles) -> tuple[Doubles, Flags]:
    """Return the direction (D,) between two clusters, and who is in the second."""
    centred = tiles - tiles.mean(axis=0)
    components = np.linalg.svd(centred, full_matrices=False)[2][:_COMPONENTS]
    scores = centred @ components.T
    from sklearn.cluster import KMeans  # takes a second to import, which no worker needs

    labels = KMeans(2, n_init=10, random_state=0).fit(scores).labels_.astype(bool)
    if min(labels.sum(), (~labels).sum()) < 4:  # outliers, not a cluster
        return components[0], labels
    within = (np.cov(scores[labels].T) + np.cov(scores[~labels].T)) / 2
    ridge = 0.1 * np.trace(within) / len(within)
    between = scores[labels].mean(axis=0) - scores[~labels].mean(axis=0)
    weights = np.linalg.solve(within + ridge * np.eye(len(within)), between)
    return weights @ components, labels


def dip_statistic(scores: Doubles) -> float:
    """Return the distance of a sample from unimodality.

    It is half of the largest gap between the empirical distribution function and its greatest
    convex minorant up to the mode, or its least concave majorant after it, at the best mode.
    """
    return float(dip(np.sort(scores)))


@lru_cache(maxsize=4)
def _null(size: int) -> Doubles:
    rng = np.random.default_rng(_SEED)
    return np.array([dip_statistic(rng.random(size)) for _ in range(_SIMULATIONS)])
