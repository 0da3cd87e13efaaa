"""Every fingerprint against every folder, on images that the fingerprint has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fp.lineage.collection import CollectedFolder, Collection
from fp.lineage.intervals import Estimate, auc, balanced, share
from fp.lineage.sample import Sample
from fp.lineage.traces import folder_means
from fp.lineage.whitening import filtered, filters_outside
from fp.system.arrays import Doubles, Flags, Indices
from fp.system.errors import InputError


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
    names: tuple[str, ...], rows: Doubles, sample: Sample, period: int
) -> CrossDetection:
    """Learn a fingerprint of each generator and test the images of every folder with it.

    `names` are those of the generators; `rows`, shape (N, 12 P P), the traces of all images, of
    `fp.lineage.traces.every_level`.

    With x the trace of an image, m_i the mean of folder i, m_r that of the reference and S the
    covariance within folders, the score is the cosine of S^(-1/2) (x - m_r) and the fingerprint
    S^(-1/2) (m_i - m_r): Fisher's discriminant, as a correlation. S holds what the images of one
    network vary in. Those are the directions in which training moves its mean, so that the mean
    alone says little about a checkpoint; the spread of photographs does not show them. And a cosine
    does not grow with the size of a pattern, by which an unfinished network would set off the
    fingerprints of strangers.

    A fold holds whole sources, over all folders. Its images are scored by means and covariance of
    the images outside of it, so no photograph is on both sides, in whichever folders it is. The
    scores of a fold by all K fingerprints are one matrix product.
    """
    member, dealt, reference = sample.member, sample.folds, sample.reference
    filters = filters_outside(rows, member, dealt, period)
    scores = np.empty((len(rows), reference))
    for held in np.unique(dealt):
        inside = dealt == held
        means = folder_means(rows[~inside], member[~inside], reference)
        both = np.concatenate([rows[inside], means[:-1]]) - means[-1]
        white = filtered(both, filters[held], period)
        white /= np.maximum(np.linalg.norm(white, axis=1, keepdims=True), 1e-300)
        scores[inside] = white[:-reference] @ white[-reference:].T
    answers, sources = [], sample.sources
    for i in range(reference):
        parts = tuple(scores[member == j, i] for j in range(reference + 1))
        answers.append(CrossScores(parts, sources, float(parts[-1].mean()), float(parts[i].mean())))
    scheme = f"correlation of whitened traces, cross-fitted by source, {dealt.max() + 1} folds"
    return tabulate(names, names, answers, scheme)


def detect_with_bank(collection: Collection) -> CrossDetection:
    """Return the matrix of stored fingerprints (rows) against the images of folders (columns).

    An image of the calibration has a held-out score in the file, and that one counts. Other images
    of a source in the calibration are left out: the pattern has seen their photograph. A method
    that holds back a quarter does not say what it learned from, so that of a folder that shares a
    source with that quarter nothing else counts. An `InputError` says that a fingerprint has seen
    the sources of all reference images.
    """
    answers = []
    for i, tested in enumerate(collection.bank):
        held = tested.held
        generated = dict(zip(held.generated_sha256, held.generated, strict=True))
        real = dict(zip(held.real_sha256, held.real, strict=True))
        unseen = [
            _unseen(folder, i, generated, {*held.generated_source}, tested.names_all)
            for folder in collection.generators
        ]
        reference = collection.reference
        unseen.append(_unseen(reference, i, real, {*held.real_source}, tested.names_all))
        scores, sources = zip(*unseen, strict=True)
        if not sources[-1]:
            raise InputError(
                f"Fingerprint {tested.name!r} has seen the sources of all reference images; "
                "name a folder of other photographs."
            )
        answers.append(CrossScores(scores, sources, held.mu_r, held.mu_g))
    joins = any(tested.joins for tested in collection.bank)
    evidence = " joined methods by the generator's evidence alone;" if joins else ""
    scheme = (
        f"stored fingerprints;{evidence} held-out scores of their own calibration images, no other "
        "image of the calibration's sources"
    )
    names = tuple(tested.name for tested in collection.bank)
    return tabulate(names, collection.names, answers, scheme)


def _unseen(
    folder: CollectedFolder,
    number: int,
    known: dict[str, float],
    sources: set[str],
    names_all: bool,
) -> tuple[Doubles, int]:
    """Return the scores of what a fingerprint has not seen, and the number of sources."""
    met = np.array([image.sha256 in known or image.source in sources for image in folder.images])
    fresh = ~met if names_all or not met.any() else np.zeros_like(met)
    inside = [image for image in folder.images if image.sha256 in known]
    named = {image.source for image in inside}
    named |= {image.source for image, new in zip(folder.images, fresh, strict=True) if new}
    own = [known[image.sha256] for image in inside]
    return np.concatenate([folder.scores[fresh, number], own]), len(named)


@dataclass(frozen=True, eq=False)
class CrossScores:
    """What one fingerprint says of images that it has not seen.

    Parameters
    ----------
    scores : tuple of ndarray of float64
        Scores of the images of each folder, maybe none, the reference images last.
    sources : tuple of int
        Number of sources behind the scores of each folder.
    mu_r, mu_g : float
        Mean held-out score of the reference images and of the generator's.
    """

    scores: tuple[Doubles, ...]
    sources: tuple[int, ...]
    mu_r: float
    mu_g: float

    def flags(self, folder: int) -> Flags:
        """Return which images of a folder are nearer to mu_g than to mu_r."""
        scores = self.scores[folder]
        return np.asarray(np.abs(scores - self.mu_g) < np.abs(scores - self.mu_r))


def tabulate(
    fingerprints: tuple[str, ...],
    folders: tuple[str, ...],
    answers: Sequence[CrossScores],
    scheme: str,
) -> CrossDetection:
    """Return shares, accuracies and areas of held-out scores, with their intervals.

    The trials of an interval are sources. `folders` leaves the reference images out, of which each
    fingerprint must have scored one at least.
    """
    shape = (len(fingerprints), len(folders))
    hits, areas = np.full(shape, np.nan), np.full((3, *shape), np.nan)
    for i, one in enumerate(answers):
        for j, scores in enumerate(one.scores[:-1]):
            if scores.size:
                hits[i, j] = np.mean(one.flags(j))
                found = auc(scores, one.scores[-1], one.sources[j], one.sources[-1])
                areas[:, i, j] = found.value, found.low, found.high
    trials = np.array([one.sources for one in answers], dtype=float)
    passed = np.array([[np.mean(~one.flags(-1))] for one in answers])
    flagged = share(hits * trials[:, :-1], trials[:, :-1])
    return CrossDetection(
        fingerprints,
        folders,
        flagged,
        balanced(flagged, share(passed * trials[:, -1:], trials[:, -1:])),
        Estimate(*areas),
        np.array([[scores.size for scores in one.scores[:-1]] for one in answers]),
        scheme,
    )
