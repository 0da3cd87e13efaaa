"""Patterns of pixels that are repeated over an image, whatever its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fp.fingerprint.estimators.cells import (
    PERIOD,
    Kind,
    PatternCells,
    Piece,
    Summed,
    at_phases_of,
    cell_sums,
)
from fp.fingerprint.model.windows import CELL
from fp.system.arrays import Floats


@dataclass(frozen=True, eq=False)
class RepeatedCells(PatternCells):
    """Sums of the residual times patterns (3, P, Q), read as <w, r> / (|w| |r|) over a window.

    The patterns have mean square 1.
    """

    kind: ClassVar[Kind] = "correlation"

    @classmethod
    def of(cls, patterns: tuple[Floats, ...]) -> RepeatedCells:
        """Prepare patterns of any mean and scale."""
        return cls(tuple(_standardised(pattern) for pattern in patterns))

    def sums(self, piece: Piece, searched: bool) -> Summed:
        """Sum the products; the pattern begins at the first pixel of the image."""
        inner = piece.inner
        sums = []
        for pattern in self.patterns:
            rows, columns = (
                np.arange(first, last) % side
                for (first, last), side in zip(piece.core, pattern.shape[1:], strict=True)
            )
            tiled = pattern.take(columns, axis=2).take(rows, axis=1)  # whole rows are copied
            sums.append(cell_sums((tiled * inner).sum(axis=0)))
        if not searched:
            return Summed(np.stack(sums))
        moved = at_phases_of(self.repeating, lambda columns: _sums_at_phases(inner, columns))
        return Summed(np.stack(sums), moved)


def repeat(pattern: Floats, side: int) -> Floats:
    """Return a square pattern repeated to a side at least."""
    times = -(-side // pattern.shape[-1])
    return np.tile(pattern, (1, times, times))


def _standardised(pattern: Floats) -> Floats:
    centred = pattern.astype(np.float64) - pattern.astype(np.float64).mean()
    return np.asarray(centred / (np.sqrt(np.square(centred).mean()) or 1.0), dtype=np.float32)


def _sums_at_phases(inner_chw: Floats, columns: Floats) -> Floats:
    """Sum a residual of whole cells times weights (192, M) at all phases, shape (M, h, w)."""
    channels, height, width = inner_chw.shape
    shape = (height // CELL, width // CELL)
    found = np.empty((columns.shape[1], *shape), np.float32)
    for row in range(shape[0]):
        lines = inner_chw[:, row * CELL : (row + 1) * CELL]
        blocks = lines.reshape(channels, 2, PERIOD, shape[1], 2, PERIOD).sum(axis=(1, 4))
        folded = blocks.transpose(2, 0, 1, 3).reshape(shape[1], -1)
        found[:, row] = (folded @ columns).T
    return found
