"""Every fingerprint against every folder, on images that the fingerprint has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fp.fingerprint.estimators.folds import deal
from fp.lineage.collection import Collection
from fp.lineage.intervals import Estimate, auc, balanced, share
from fp.lineage.whitening import filtered, filters_outside
from fp.system.arrays import Doubles, Indices


@dataclass(frozen=True, eq=False)
class CrossDetection:
    """Entry (i, j): how fingerprint i takes the images of folder j.

    Parameters
    ----------
    fingerprints, folders : tuple of str
        Names of the K fingerprints and L folders.
    flagged : Estimate
        Share of the folder's images that are nearer to mu_g than to mu_r; shape (K, L).
    accuracy : Estimate
        Balanced accuracy of that rule with the reference images; shape (K, L).
    auc : Estimate
        Area under the ROC curve against the reference images; shape (K, L).
    images : ndarray of int, shape (K, L)
        Number of images that were scored.
    scheme : str
        How the scores were held out, in words.
    """

    fingerprints: tuple[str, ...]
    folders: tuple[str, ...]
    flagged: Estimate
    accuracy: Estimate
    auc: Estimate
    images: Indices
    scheme: str


def cross_detect(
    collection: Collection, rows: Doubles, groups: Indices, period: int, folds: int, seed: int
) -> CrossDetection:
    """Learn a fingerprint of each generator and test the images of every folder with it.

    Parameters
    ----------
    collection : Collection
        The folders.
    rows : ndarray of float64, shape (N, 12 P P)
        Traces of all images; see `fp.lineage.traces.every_level`.
    groups : ndarray of int, shape (N,)
        Source of each image.
    period : int
        Period P in pixels.
    folds : int
        Number of parts into which the sources are dealt.
    seed : int
        Seed of the folds.

    Returns
    -------
    CrossDetection
        The matrix; fingerprints and folders in the order of the collection.

    Notes
    -----
    With x the trace of an image, m_i the mean of folder i, m_r that of the reference and S the
    covariance within folders, the score is the cosine of S^(-1/2) (x - m_r) and the fingerprint
    S^(-1/2) (m_i - m_r): Fisher's discriminant, as a correlation. S holds what the images of one
    network vary in. Those are the directions in which training moves its mean, so that the mean
    alone says little about a checkpoint; the spread of photographs does not show them. And a
    cosine does not grow with the size of a pattern, by which an unfinished network would set off
    the fingerprints of strangers.

    A fold holds whole sources, over all folders. Its images are scored by means and covariance of
    the images outside of it, so no photograph is on both sides, in whichever folders it is. The
    scores of a fold by all K fingerprints are one matrix product.
    """
    member = collection.members()
    reference = len(collection.generators)
    dealt = deal(groups, member != reference, folds, seed)
    filters = filters_outside(rows, member, dealt, period)
    scores = np.empty((len(rows), reference))
    for held in np.unique(dealt):
        inside = dealt == held
        means = _means(rows[~inside], member[~inside], reference)
        both = np.concatenate([rows[inside], means[:-1]]) - means[-1]
        white = filtered(both, filters[held], period)
        white /= np.maximum(np.linalg.norm(white, axis=1, keepdims=True), 1e-300)
        scores[inside] = white[:-reference] @ white[-reference:].T
    scheme = f"correlation of whitened traces, cross-fitted by source, {dealt.max() + 1} folds"
    parts = [[scores[member == j, i] for j in range(reference)] for i in range(reference)]
    real = [scores[member == reference, i] for i in range(reference)]
    centres = [(float(real[i].mean()), float(parts[i][i].mean())) for i in range(reference)]
    sources = [np.unique(groups[member == j]).size for j in range(reference + 1)]
    counts = np.tile(np.array(sources[:-1]), (reference, 1))
    return tabulate(
        collection.names,
        collection.names,
        parts,
        real,
        centres,
        counts,
        np.full(reference, sources[-1]),
        scheme,
    )


def _means(rows: Doubles, member: Indices, reference: int) -> Doubles:
    """Average each folder, the reference images last; a folder without rows is like those."""
    last = rows[member == reference].mean(axis=0)
    parts = [rows[member == k] for k in range(reference)]
    return np.stack([*(part.mean(axis=0) if len(part) else last for part in parts), last])


def tabulate(
    fingerprints: tuple[str, ...],
    folders: tuple[str, ...],
    parts: list[list[Doubles]],
    real: list[Doubles],
    centres: list[tuple[float, float]],
    sources: Indices,
    real_sources: Indices,
    scheme: str,
) -> CrossDetection:
    """Make the matrix from held-out scores.

    Parameters
    ----------
    fingerprints, folders : tuple of str
        Names.
    parts : list of list of ndarray
        Scores of the images of folder j by fingerprint i, at [i][j]; may be empty.
    real : list of ndarray
        Scores of the reference images by each fingerprint; at least one each.
    centres : list of (float, float)
        mu_r and mu_g of each fingerprint.
    sources : ndarray of int, shape (K, L)
        Number of sources behind `parts`.
    real_sources : ndarray of int, shape (K,)
        Number of sources behind `real`.
    scheme : str
        How the scores were held out.

    Returns
    -------
    CrossDetection
        Shares, accuracies and areas with their intervals. The trials of an interval are sources.
    """
    shape = (len(fingerprints), len(folders))
    hits, areas = np.full(shape, np.nan), np.full((3, *shape), np.nan)
    passed = np.empty(shape[0])
    for i, (row, (mu_r, mu_g)) in enumerate(zip(parts, centres, strict=True)):
        passed[i] = np.mean(~(np.abs(real[i] - mu_g) < np.abs(real[i] - mu_r)))
        for j, scores in enumerate(row):
            if scores.size:
                hits[i, j] = np.mean(np.abs(scores - mu_g) < np.abs(scores - mu_r))
                found = auc(scores, real[i], int(sources[i, j]), int(real_sources[i]))
                areas[:, i, j] = found.value, found.low, found.high
    trials = sources.astype(float)
    flagged = share(hits * trials, trials)
    right = share(passed * real_sources, real_sources.astype(float))
    specific = Estimate(right.value[:, None], right.low[:, None], right.high[:, None])
    return CrossDetection(
        fingerprints,
        folders,
        flagged,
        balanced(flagged, specific),
        Estimate(*areas),
        np.array([[scores.size for scores in row] for row in parts]),
        scheme,
    )
