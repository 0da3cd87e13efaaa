"""Places of scores among calibration scores, for all fingerprints of a bank at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fp.system.arrays import Counts, Doubles
from fp.system.jit import compiled


@dataclass(frozen=True, eq=False)
class SortedScores:
    """Ascending scores of many fingerprints, one behind the other.

    Parameters
    ----------
    ascending : ndarray of float64, shape (n,)
        The scores of the first fingerprint, of the second and so on, each ascending.
    starts : ndarray of int64, shape (K + 1,)
        Where those of each fingerprint start; the last is n.
    """

    ascending: Doubles
    starts: Counts

    @classmethod
    def of(cls, scores: Sequence[Doubles]) -> SortedScores:
        """Return the sorted scores of K ascending arrays, shape (n_k,) each."""
        starts = np.zeros(len(scores) + 1, np.int64)
        np.cumsum([found.size for found in scores], out=starts[1:])
        return cls(np.concatenate(scores), starts)

    @property
    def sizes(self) -> Counts:
        """Number of scores of each fingerprint, shape (K,)."""
        return np.diff(self.starts)

    def below(self, values: Doubles) -> Counts:
        """Count the scores of fingerprint k below value k, shape (K,)."""
        return self._count(values, False)

    def up_to(self, values: Doubles) -> Counts:
        """Count the scores of fingerprint k that do not exceed value k, shape (K,)."""
        return self._count(values, True)

    def _count(self, values: Doubles, with_equals: bool) -> Counts:
        found = np.empty(len(self.starts) - 1, np.int64)
        _count_below(self.ascending, self.starts, values, with_equals, found)
        return found


@compiled
def _count_below(
    ascending: Doubles, starts: Counts, values: Doubles, with_equals: bool, found: Counts
) -> None:
    for k in range(len(found)):
        low, high, value = starts[k], starts[k + 1], values[k]
        while low < high:
            middle = (low + high) // 2
            if ascending[middle] < value or (with_equals and ascending[middle] == value):
                low = middle + 1
            else:
                high = middle
        found[k] = low - starts[k]
