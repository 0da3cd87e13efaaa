"""All images of an analysis as one sample: folder, source and fold of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fp.fingerprint.estimators.folds import deal
from fp.system.arrays import Indices


@dataclass(frozen=True, eq=False)
class Sample:
    """What is known of N images beside their traces.

    Parameters
    ----------
    member : ndarray of int, shape (N,)
        Folder of each image; the last folder holds the reference images.
    groups : ndarray of int, shape (N,)
        Source of each image; one photograph is one source wherever it occurs.
    folds, halves : ndarray of int, shape (N,)
        The fold in which an image is scored by what was learned outside of it, and the half that
        its source lies in.
    """

    member: Indices
    groups: Indices
    folds: Indices
    halves: Indices

    @classmethod
    def of(cls, member: Indices, groups: Indices, folds: int, seed: int) -> Sample:
        """Deal sources into folds and halves; `InputError` where a class has fewer than two."""
        drawn = member != member.max()
        return cls(member, groups, deal(groups, drawn, folds, seed), deal(groups, drawn, 2, seed))

    @property
    def reference(self) -> int:
        """Number of the folder of reference images, and so of generators."""
        return int(self.member.max())

    @property
    def sources(self) -> tuple[int, ...]:
        """Number of sources of each folder."""
        folders = range(self.reference + 1)
        return tuple(int(np.unique(self.groups[self.member == k]).size) for k in folders)
