"""Sums over an image's cells of 16 x 16 pixels, from which windows come.

A score that is a sum over pixels, or a mean over small blocks, becomes one number a cell, and a
window that begins at a cell is a sum of these. A region that was pasted at another place has its
lattice at another phase: pixels of a cell are folded by their phase, so that one matrix product
with the weights at all phases gives all sums.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from fp.fingerprint.model.windows import CELL
from fp.system.arrays import Counts, Doubles, Floats

PERIOD = 8
"""Phases that are searched lie on a square of so many pixels a side; a cell is two periods."""

Span = tuple[int, int]
Kind = Literal["correlation", "mean", "blocks"]


@dataclass(frozen=True)
class CellMeasure:
    """How sums over cells become the score of a window.

    Parameters
    ----------
    kind : {"correlation", "mean", "blocks"}
        A sum over pixels, divided by the norms of weights and residual, or by the number of pixels
        that were counted; or the mean over the blocks inside the window.
    block : int
        Side of the blocks in pixels, a multiple of 16.
    phases : int
        Phases on each side at which the sums are taken too, a divisor of 8; 0 where nothing moves
        with the lattice.
    """

    kind: Kind
    block: int = CELL
    phases: int = 0


@dataclass(frozen=True, eq=False)
class Piece:
    """A piece of an image's residual, with what lies around it.

    Parameters
    ----------
    residual_chw : ndarray of float32, shape (3, H, W)
        Residual of the piece and around it.
    core, wide : tuple of (int, int)
        First pixel of the image and the one behind the last, of rows and of columns: of the whole
        cells that are asked for, and of all that is there.
    size : tuple of int
        Height and width of the image.
    """

    residual_chw: Floats
    core: tuple[Span, Span]
    wide: tuple[Span, Span]
    size: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of its cells."""
        rows, columns = ((last - first) // CELL for first, last in self.core)
        return rows, columns

    @property
    def spans(self) -> tuple[Span, Span]:
        """Where the core lies in the residual."""
        (top, bottom), (left, right) = self.core
        down, across = top - self.wide[0][0], left - self.wide[1][0]
        return (down, down + bottom - top), (across, across + right - left)

    @property
    def inner(self) -> Floats:
        """Residual of the core."""
        rows, columns = self.spans
        return self.residual_chw[:, slice(*rows), slice(*columns)]

    def inside(self, reach: int) -> Counts:
        """Return where in the residual all neighbours up to a distance belong to the image."""
        edges = [
            (max(0, reach - begin), min(length, end + reach) - reach - begin)
            for (begin, end), length in zip(self.wide, self.size, strict=True)
        ]
        return np.array([*edges[0], *edges[1]])


@dataclass(frozen=True, eq=False)
class Summed:
    """Sums over the cells of a piece.

    Parameters
    ----------
    sums : ndarray of float64, shape (K, h, w)
        Sum of each pattern; of blocks, the score of the one that begins at the cell, 0 where it
        does not fit.
    moved : sequence of ndarray of float32, shape (Q, Q, h, w)
        The same of each that moves, as if the lattice began at pixel (y, x).
    count : ndarray of float64, shape (h, w), optional
        Pixels that were counted, for ``"mean"``.
    """

    sums: Doubles
    moved: Sequence[Floats] = ()
    count: Doubles | None = None


class Cells(ABC):
    """Patterns of one estimator, ready for the cells of images."""

    @property
    @abstractmethod
    def measures(self) -> tuple[CellMeasure, ...]:
        """How the sums of each pattern are read."""

    @abstractmethod
    def sums(self, piece: Piece, searched: bool) -> Summed:
        """Sum a piece over its cells, at all phases too where they are searched."""


@dataclass(frozen=True, eq=False)
class PatternCells(Cells):
    """Patterns that repeat, all read in one way.

    Parameters
    ----------
    patterns : tuple of ndarray of float32, shape (C, P, Q)
        Weights of mean 0; their sides are divisors or multiples of 8.
    """

    patterns: tuple[Floats, ...]
    kind: ClassVar[Kind]

    @property
    def measures(self) -> tuple[CellMeasure, ...]:
        """How the sums of each pattern are read."""
        return tuple(CellMeasure(self.kind, phases=found.shape[-1]) for found in self.repeating)

    @cached_property
    def repeating(self) -> tuple[Floats, ...]:
        """What repeats of each pattern; see `repeating`."""
        return tuple(repeating(pattern) for pattern in self.patterns)


@dataclass(frozen=True, eq=False)
class BlockScores(Cells):
    """Scores of small blocks of the residual, for what is no sum over pixels.

    Parameters
    ----------
    each : tuple of (Measure, callable)
        For each pattern, from a block (3, b, b) and its place (y, x) in the image to its score, or
        to its scores (P, P) at all phases.
    """

    each: tuple[tuple[CellMeasure, Callable[[Floats, tuple[int, int]], Doubles]], ...]

    @property
    def measures(self) -> tuple[CellMeasure, ...]:
        """How the sums of each pattern are read."""
        return tuple(measure for measure, _ in self.each)

    def sums(self, piece: Piece, searched: bool) -> Summed:
        """Score every block that begins at a cell and fits."""
        sums, moved = np.zeros((len(self.each), *piece.shape)), []
        (down, _), (across, _) = piece.spans
        (top, _), (left, _) = piece.core
        for found, (measure, score) in zip(sums, self.each, strict=True):
            side, block = measure.phases, measure.block
            planes = np.zeros((side, side, *piece.shape), np.float32)
            for cell in np.ndindex(piece.shape):
                y, x = cell[0] * CELL, cell[1] * CELL
                part = piece.residual_chw[
                    :, down + y : down + y + block, across + x : across + x + block
                ]
                if part.shape[1:] != (block, block):
                    continue
                value = score(np.ascontiguousarray(part), (top + y, left + x))
                found[cell] = value.flat[0]
                if side:
                    planes[:, :, *cell] = value
            if side and searched:
                moved.append(planes)
        return Summed(sums, moved)


def cell_sums(plane: Floats) -> Doubles:
    """Sum a plane (H, W) of whole cells over each of them."""
    rows, columns = (length // CELL for length in plane.shape)
    cells = plane.reshape(rows, CELL, columns, CELL)
    return np.asarray(cells.sum(axis=(1, 3), dtype=np.float64))


def repeating(pattern: Floats) -> Floats:
    """Return what of weights repeats every 8 pixels, at their shortest period Q <= 8, (C, Q, Q).

    The sides of the weights (C, P, Q) divide 8, or are multiples of it. Of a longer period it is
    the mean over the blocks of 8 x 8, so that a sum over the image is that of the part that
    repeats.
    """
    if pattern.shape[-1] > PERIOD:
        rows, columns = (side // PERIOD for side in pattern.shape[1:])
        shape = (len(pattern), rows, PERIOD, columns, PERIOD)
        folded = pattern.reshape(shape).mean(axis=(1, 3), dtype=np.float64)
        pattern = folded.astype(np.float32)
    side = pattern.shape[-1]
    while side > 1:
        half = side // 2
        if not all(np.array_equal(pattern, np.roll(pattern, half, axis)) for axis in (1, 2)):
            break
        pattern, side = pattern[:, :half, :half], half
    return pattern


def at_all_phases(pattern: Floats) -> Floats:
    """Return weights (C, Q, Q), Q a divisor of 8, at all phases as columns, shape (64 C, Q Q).

    In column Q y + x are those of a lattice that begins at pixel (y, x), repeated to 8 x 8.
    """
    side = pattern.shape[-1]
    repeats = PERIOD // side
    moved = [
        np.tile(np.roll(pattern, (y, x), (1, 2)), (1, repeats, repeats)).ravel()
        for y in range(side)
        for x in range(side)
    ]
    return np.ascontiguousarray(np.stack(moved, axis=1))


def at_phases_of(
    repeated: Sequence[Floats], summed: Callable[[Floats], Floats]
) -> tuple[Floats, ...]:
    """Sum several patterns at all phases by one matrix product: of each (C, Q, Q), (Q, Q, h, w).

    The patterns are what `repeating` gave; `summed` takes weights (64 C, M) side by side to sums
    (M, h, w).
    """
    each = [at_all_phases(pattern) for pattern in repeated]
    ends = np.cumsum([columns.shape[1] for columns in each])[:-1]
    found = np.split(summed(np.hstack(each)), ends)
    return tuple(
        sums.reshape(*pattern.shape[1:], *sums.shape[1:])
        for pattern, sums in zip(repeated, found, strict=True)
    )
