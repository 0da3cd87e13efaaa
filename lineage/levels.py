"""Kinship over the levels of a lattice: kin are alike where their decoders draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fp.lineage.kinship import Responses, respond
from fp.lineage.null import permutation_p, presence_p, strangers
from fp.lineage.sample import Sample
from fp.lineage.traces import folder_means, level
from fp.lineage.whitening import whiten
from fp.system.arrays import Doubles, Flags, Indices

PERIODS = (2, 4, 8, 16)

_MAIN = 2 / 3  # of a generator's strongest level: what another must reach to count
_ENOUGH = 8  # pixels: a lattice as long as this has 768 numbers, and is asked alone
_SHUFFLES = 199
_SURE = 0.01  # permutation p up to which a pattern counts as there


@dataclass(frozen=True, eq=False)
class PairComparison:
    """All pairs of generators, each pair at the levels that tell strangers apart.

    Parameters
    ----------
    kinship : ndarray of float64, shape (K, K)
        Cosine of the patterns, free of noise, in [-1, 1].
    resampled : ndarray of float64, shape (B, K, K)
        The same for B bootstrap samples of the sources.
    relative : ndarray of float64, shape (K, K)
        Entry (i, j): what images of j raise the score of fingerprint i by, its own images' being
        1; NaN where i shows no pattern.
    p : ndarray of float64, shape (K, K)
        Permutation p of ordered pairs; NaN where one of the two shows no pattern at a level of the
        other, and there is nothing to test.
    strangers : ndarray of int, shape (K, K)
        Number of patterns that each p was counted among.
    strides : ndarray of int, shape (K,)
        Stride of each generator's decoder: the longest period that is a level of it; 0 where it
        shows no pattern.
    """

    kinship: Doubles
    resampled: Doubles
    relative: Doubles
    p: Doubles
    strangers: Indices
    strides: Indices


@dataclass(frozen=True, eq=False)
class _Level:
    responses: Responses
    p: Doubles
    there: Flags


def compare(
    traces: Doubles, sample: Sample, period: int, samples: int, seed: int
) -> PairComparison:
    """Compare the traces of all pairs of generators, shape (N, 4, 3, 16, 16).

    `period`, the longest that is looked at, is 2, 4, 8 or 16 pixels.

    A level is a generator's where its pattern there has at least two thirds of the size of its
    largest. A pair is asked at the longest level of either; where that is shorter than 8 pixels, at
    every level that is one of either, and the least of them is the kinship. A pattern of 48 or 192
    numbers is like a stranger's by chance, or by shared processing, more often than one of 768. p
    is taken at the longest level, which knows most strangers. Where one of the two shows nothing at
    one of those levels, they have nothing in common.
    """
    periods = np.array([p for p in PERIODS if p <= period], dtype=np.intp)
    found = [_at(level(traces, int(p)), sample, int(p), samples, seed) for p in periods]
    every = [one.responses for one in found]
    there = np.stack([one.there for one in found])
    # A faint period beside a strong one is no stride but what was done afterwards.
    size = np.sqrt(np.maximum([np.diagonal(one.products) for one in every], 0.0))
    main = there & (size >= _MAIN * np.where(there, size, 0.0).max(axis=0))
    asked = main[:, :, None] | main[:, None, :]
    both = there[:, :, None] & there[:, None, :]
    none = (asked & ~both).any(axis=0) | ~asked.any(axis=0)
    asked |= ~asked.any(axis=0)  # an entry is an entry, though it says nothing
    longest = len(periods) - 1 - asked[::-1].argmax(axis=0)
    # A long lattice has so many numbers that strangers are not alike by chance, and it is enough.
    asked &= (periods[longest] < _ENOUGH) | (np.arange(len(periods))[:, None, None] == longest)
    kinship = np.array([one.kinship for one in every])
    resampled = np.array([one.kinship_resampled for one in every])
    weakest = np.where(asked, kinship, np.inf).argmin(axis=0)
    p = _picked(np.array([one.p for one in found]), longest)
    np.fill_diagonal(none, False)
    stride = periods[len(periods) - 1 - main[::-1].argmax(axis=0)]
    return PairComparison(
        np.where(none, 0.0, _picked(kinship, weakest)),
        np.where(none, 0.0, np.where(asked[:, None], resampled, np.inf).min(axis=0)),
        _picked(np.array([one.relative for one in every]), weakest),
        np.where(none, np.nan, p),
        np.array([strangers(int(period)) for period in periods])[longest],
        np.where(main.any(axis=0), stride, 0),
    )


def _at(rows: Doubles, sample: Sample, period: int, samples: int, seed: int) -> _Level:
    member, groups, half, reference = sample.member, sample.groups, sample.halves, sample.reference
    white = whiten(rows, member, period)
    means = [folder_means(white[half == k], member[half == k], reference) for k in (0, 1)]
    first, second = (one[:-1] - one[-1] for one in means)
    return _Level(
        respond(white, member, groups, samples, seed),
        permutation_p(first, second, period),
        presence_p(white, member, groups, _SHUFFLES, seed) <= _SURE,
    )


def _picked(layers: Doubles, at: Indices) -> Doubles:
    """Return entry (i, j) from layer at[i, j]."""
    return np.asarray(np.take_along_axis(layers, at[None], axis=0)[0])
