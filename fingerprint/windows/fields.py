"""What a window needs of an image, summed over cells of 16 x 16 pixels.

What an estimator sums is its own affair, see `fp.fingerprint.estimators.cells`. So an image of any
size becomes a few numbers a cell, and a window that begins at a cell is a sum of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from fp.denoisers.parts import residual_of_part
from fp.denoisers.residual import Residual
from fp.fingerprint.estimators.cells import CellMeasure, Cells, Piece, Span, cell_sums
from fp.fingerprint.estimators.protocol import Estimator, Fitted
from fp.fingerprint.model.windows import CELL, WindowSize
from fp.system.arrays import Doubles, Floats, Pixels

_PART = 2048  # side of the part that is worked on at once, a multiple of 64
_AROUND = 8  # pixels on all sides that a part is given along with, where the image has them


@dataclass(frozen=True, eq=False)
class Weights:
    """Patterns of the parts of a fingerprint, ready for cells.

    Parameters
    ----------
    parts : tuple of (Estimator, Fitted)
        The estimators and what they learned.
    """

    parts: tuple[tuple[Estimator, Fitted], ...]

    @cached_property
    def groups(self) -> tuple[tuple[tuple[int, ...], Cells], ...]:
        """Numbers of the parts of each kind of estimator, with their patterns: they share work."""
        numbers: dict[type[Estimator], list[int]] = {}
        for number, (estimator, _) in enumerate(self.parts):
            numbers.setdefault(type(estimator), []).append(number)
        return tuple(
            (tuple(mine), kind.cells([self.parts[number] for number in mine]))
            for kind, mine in numbers.items()
        )

    @cached_property
    def measures(self) -> tuple[CellMeasure, ...]:
        """How the sums of each part become the score of a window."""
        found = {
            number: measure
            for mine, cells in self.groups
            for number, measure in zip(mine, cells.measures, strict=True)
        }
        return tuple(found[number] for number in range(len(self.parts)))


@dataclass(frozen=True, eq=False)
class Fields:
    """Sums over the cells of an image.

    Parameters
    ----------
    measures : tuple of CellMeasure
        How the sums of each part become the score of a window.
    energy : ndarray of float64, shape (h, w)
        Sum of the squared residual.
    count : ndarray of float64, shape (h, w)
        Pixels that were counted, for means over pixels.
    sums : ndarray of float64, shape (K, h, w)
        Sum of each part; of blocks, the score of the one that begins at the cell, 0 where it does
        not fit.
    moved : tuple of ndarray of float32, shape (Q, Q, h, w)
        Sum of each part that moves with the lattice, in their order, as if the lattice began at
        pixel (y, x); of what repeats every Q pixels. Empty where no phase is searched.
    """

    measures: tuple[CellMeasure, ...]
    energy: Doubles
    count: Doubles
    sums: Doubles
    moved: tuple[Floats, ...] = ()

    def rows(self, first: int, last: int) -> Fields:
        """Return the rows of cells from `first` up to, without, `last`."""
        return Fields(
            self.measures,
            self.energy[first:last],
            self.count[first:last],
            self.sums[:, first:last],
            tuple(each[:, :, first:last] for each in self.moved),
        )

    def scores(self, size: int, step: int = CELL) -> Doubles:
        """Score all windows of one size by each part, shape (K, rows, columns).

        Size, within the image, and distance of neighbours are multiples of 16. As `CellMeasure`
        says: <w, r> / (|w| |r|) over the window, 0 where the residual is; the mean over its pixels;
        or that over all blocks inside it, 0 for windows smaller than one.
        """
        cells, every = size // CELL, step // CELL
        divisors = self.divisors(size, step)
        found = np.zeros((len(self.measures), *divisors["mean"].shape))
        for number, measure in enumerate(self.measures):
            if measure.kind == "blocks":
                blocks = cells - measure.block // CELL + 1
                if blocks > 0:
                    inside = box_sums(self.sums[number], blocks) / blocks**2
                    inside = inside[: self.energy.shape[0] - cells + 1 : every]
                    found[number] = inside[:, : self.energy.shape[1] - cells + 1 : every]
                continue
            total = box_sums(self.sums[number], cells)[::every, ::every]
            below = divisors[measure.kind]
            np.divide(total, below, out=found[number], where=below > 0)
        return found

    def divisors(self, size: int, step: int) -> dict[str, Doubles]:
        """Return what the sums of windows are divided by, shape (rows, columns); see `scores`.

        ``"correlation"``: |w| |r|; ``"mean"``: the number of pixels; ``"blocks"``: that of cells.
        """
        cells, every = size // CELL, step // CELL
        energy, count = (
            box_sums(field, cells)[::every, ::every] for field in (self.energy, self.count)
        )
        return {
            "correlation": np.sqrt(3.0 * size**2 * energy),
            "mean": count,
            "blocks": np.full_like(count, cells**2),
        }


def box_sums(field: Doubles, side: int) -> Doubles:
    """Sum over all squares of cells, shape (h - side + 1, w - side + 1).

    Each by itself: no running sum carries rounding along.
    """
    rows = sliding_window_view(field, side, axis=0).sum(axis=-1)
    return np.asarray(sliding_window_view(rows, side, axis=1).sum(axis=-1))


def fields_of(
    image_hwc: Pixels,
    residual: Residual,
    weights: Weights,
    part: int = _PART,
    searched: bool = False,
) -> Fields:
    """Sum an image over its cells in memory that does not grow with its residual.

    The image has at least one cell; what lies beyond the last whole cell is left out. `part` is the
    side of the parts that are worked on at once, a multiple of 64; what they give does not depend
    on it, up to the rounding of running sums. Other phases of the lattice are summed where
    searched.
    """

    def taken(rows: Span, columns: Span) -> Floats:
        return residual_of_part(residual, image_hwc, rows, columns)

    height, width = image_hwc.shape[:2]
    return _summed(taken, height, width, weights, part, searched)


def fields_of_residual(residual_chw: Floats, weights: Weights, searched: bool = False) -> Fields:
    """Sum a residual (3, H, W) that is at hand over its cells; see `fields_of`."""

    def taken(rows: Span, columns: Span) -> Floats:
        return residual_chw[:, slice(*rows), slice(*columns)].copy()

    height, width = residual_chw.shape[1:]
    return _summed(taken, height, width, weights, _PART, searched)


def _summed(
    taken: Callable[[Span, Span], Floats],
    height: int,
    width: int,
    weights: Weights,
    part: int,
    searched: bool,
) -> Fields:
    shape = (height // CELL, width // CELL)
    sides = [measure.phases for measure in weights.measures if measure.phases]
    fields = Fields(
        weights.measures,
        np.zeros(shape),
        np.zeros(shape),
        np.zeros((len(weights.parts), *shape)),
        tuple(np.zeros((n, n, *shape), np.float32) for n in sides) if searched else (),
    )
    beyond = max(measure.block for measure in weights.measures) - CELL
    for rows in _pieces(shape[0] * CELL, part):
        for columns in _pieces(shape[1] * CELL, part):
            wide = [
                (max(0, first - _AROUND), min(length, last + max(_AROUND, beyond)))
                for (first, last), length in zip((rows, columns), (height, width), strict=True)
            ]
            seen = taken(wide[0], wide[1])
            piece = Piece(seen, (rows, columns), (wide[0], wide[1]), (height, width))
            _add(fields, weights, piece, searched)
    return fields


def _pieces(length: int, part: int) -> Iterator[Span]:
    for first in range(0, length, part):
        yield first, min(length, first + part)


def _add(fields: Fields, weights: Weights, piece: Piece, searched: bool) -> None:
    """Write the sums of a piece into their place."""
    (top, bottom), (left, right) = piece.core
    place = np.s_[top // CELL : bottom // CELL, left // CELL : right // CELL]
    fields.energy[place] = cell_sums(np.square(piece.inner).sum(axis=0))
    moving = [number for number, measure in enumerate(weights.measures) if measure.phases]
    for numbers, cells in weights.groups:
        found = cells.sums(piece, searched)
        for number, sums in zip(numbers, found.sums, strict=True):
            fields.sums[(number, *place)] = sums
        if found.count is not None:
            fields.count[place] = found.count
        mine = [number for number in numbers if number in moving] if searched else []
        for number, planes in zip(mine, found.moved, strict=True):
            fields.moved[moving.index(number)][:, :, *place] = planes


def window_odds(windows: WindowSize, fields: Fields, step: int) -> Doubles:
    """Return the log odds of an image's windows, shape (2, rows, columns); row 0 all parts."""
    return weighed(windows.weights, windows.offsets, fields.scores(windows.size, step))


def weighed(weights: Floats, offsets: Doubles, parts: Doubles) -> Doubles:
    """Return the log odds (2, ...) of scores of the parts (K, ...), by either row of weights."""
    found = np.zeros((2, *parts.shape[1:]))
    # Part by part: the bits must not depend on how many windows there are.
    for row in range(2):
        for weight, values in zip(weights[row].astype(np.float64), parts, strict=True):
            found[row] += weight * values
        found[row] -= offsets[row]
    return found
