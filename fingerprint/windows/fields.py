"""What a window needs of an image, summed over cells of 16 x 16 pixels, a part at a time.

All closed forms are sums over pixels: of the residual times a pattern (`tile`), of neighbours'
products times weights (`cyclic`), of log periodograms times weights (`spectrum`). So an image of
any size becomes a few numbers a cell, and a window that begins at a cell is a sum of these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import rfft2

from fp.denoisers.parts import residual_of_part
from fp.denoisers.residual import Residual
from fp.fingerprint.estimators.cyclic import LAGS
from fp.fingerprint.model.windows import CELL, WindowSize
from fp.fingerprint.windows import phases
from fp.fingerprint.windows.compiled import add_weighted_products
from fp.images.compiled_box import box_mean
from fp.system.arrays import Doubles, Floats, Pixels

BLOCK = 64
"""Side of a periodogram's Hann window in pixels, as in the estimator `spectrum`."""

READ = ("tile", "cyclic", "spectrum")
"""Estimators that a window can be scored by."""

MOVING = ("tile", "cyclic")
"""Those whose weights belong to a phase of the lattice."""

_PART = 2048  # side of the part that is worked on at once, a multiple of 64
_AROUND = 8  # half of the normalising window and the longest shift
_NORMALISING = 9
_LIMIT = np.float32(4.0)


@dataclass(frozen=True, eq=False)
class Weights:
    """Patterns of the parts of a fingerprint, ready for cells.

    Parameters
    ----------
    kinds : tuple of str
        Estimator of each part, of `READ`.
    patterns : tuple of ndarray of float32
        ``tile``: (3, P, P) of mean 0 and mean square 1; ``cyclic``: (68, 8, 8), scaled to the mean
        over pixels; ``spectrum``: (3, 64, 33), of mean 0.
    """

    kinds: tuple[str, ...]
    patterns: tuple[Floats, ...]

    @classmethod
    def of(cls, parts: Sequence[tuple[str, Floats]]) -> Weights:
        """Prepare the patterns of estimators, named each."""
        ready = tuple(_READY[name](pattern.astype(np.float64)) for name, pattern in parts)
        return cls(tuple(name for name, _ in parts), ready)

    def where(self, kind: str) -> list[int]:
        """Give the numbers of the parts of one estimator."""
        return [number for number, name in enumerate(self.kinds) if name == kind]

    @cached_property
    def repeating(self) -> tuple[Floats, ...]:
        """What repeats every 8 pixels of each part that moves with the lattice."""
        each = zip(self.kinds, self.patterns, strict=True)
        return tuple(phases.repeating(pattern) for kind, pattern in each if kind in MOVING)


def _tile(pattern: Doubles) -> Floats:
    centred = pattern - pattern.mean()
    return np.asarray(centred / (np.sqrt(np.square(centred).mean()) or 1.0), dtype=np.float32)


def _cyclic(pattern: Doubles) -> Floats:
    repeats = 8 // pattern.shape[-1]
    # The mean over all phases is subtracted from the covariances; here, from their weights.
    weights = np.tile(pattern, (1, repeats, repeats)) / repeats**2
    weights -= weights.mean(axis=(1, 2), keepdims=True)
    return np.asarray(64 * weights, dtype=np.float32)


def _spectrum(pattern: Doubles) -> Floats:
    return np.asarray(pattern - pattern.mean(), dtype=np.float32)


_READY: dict[str, Callable[[Doubles], Floats]] = {
    "tile": _tile,
    "cyclic": _cyclic,
    "spectrum": _spectrum,
}


@dataclass(frozen=True, eq=False)
class Fields:
    """Sums over the cells of an image.

    Parameters
    ----------
    kinds : tuple of str
        Estimator of each part.
    energy : ndarray of float64, shape (h, w)
        Sum of the squared residual.
    count : ndarray of float64, shape (h, w)
        Pixels whose products were counted.
    sums : ndarray of float64, shape (K, h, w)
        Sum of each part; of ``spectrum``, the score of the 64 x 64 pixels that begin at the cell,
        0 where they do not fit.
    moved : tuple of ndarray of float32, shape (Q, Q, h, w)
        Sum of each part that moves with the lattice, in their order, as if the lattice began at
        pixel (y, x); of what repeats every Q pixels. Empty where no phase is searched.
    """

    kinds: tuple[str, ...]
    energy: Doubles
    count: Doubles
    sums: Doubles
    moved: tuple[Floats, ...] = ()

    def rows(self, first: int, last: int) -> Fields:
        """Give the rows of cells from `first` up to, without, `last`."""
        return Fields(
            self.kinds,
            self.energy[first:last],
            self.count[first:last],
            self.sums[:, first:last],
            tuple(each[:, :, first:last] for each in self.moved),
        )

    def scores(self, size: int, step: int = CELL) -> Doubles:
        """Score all windows of one size by each part.

        Parameters
        ----------
        size : int
            Side of the windows, a multiple of 16 within the image.
        step : int
            Distance of neighbours, a multiple of 16.

        Returns
        -------
        ndarray of float64, shape (K, rows, columns)
            ``tile``: <w, r> / (|w| |r|) over the window, 0 where the residual is; ``cyclic``: mean
            weighted product; ``spectrum``: mean weighted log periodogram (base 10) of all blocks
            inside the window, 0 for windows smaller than one.
        """
        cells, every = size // CELL, step // CELL
        divisors = self.divisors(size, step)
        found = np.zeros((len(self.kinds), *divisors["cyclic"].shape))
        for number, kind in enumerate(self.kinds):
            if kind == "spectrum":
                blocks = cells - BLOCK // CELL + 1
                if blocks > 0:
                    inside = box_sums(self.sums[number], blocks) / blocks**2
                    inside = inside[: self.energy.shape[0] - cells + 1 : every]
                    found[number] = inside[:, : self.energy.shape[1] - cells + 1 : every]
                continue
            total, below = box_sums(self.sums[number], cells)[::every, ::every], divisors[kind]
            np.divide(total, below, out=found[number], where=below > 0)
        return found

    def divisors(self, size: int, step: int) -> dict[str, Doubles]:
        """Give what the sums of windows are divided by, of each estimator of `MOVING`.

        Parameters
        ----------
        size, step : int
            As in `scores`.

        Returns
        -------
        dict of str to ndarray of float64, shape (rows, columns)
            ``tile``: |w| |r|; ``cyclic``: the number of pixels.
        """
        cells, every = size // CELL, step // CELL
        energy, count = (
            box_sums(field, cells)[::every, ::every] for field in (self.energy, self.count)
        )
        return {"tile": np.sqrt(3.0 * size**2 * energy), "cyclic": count}


def box_sums(field: Doubles, side: int) -> Doubles:
    """Sum over all squares of cells, each by itself: no running sum carries rounding along.

    Parameters
    ----------
    field : ndarray of float64, shape (h, w)
        Values of cells.
    side : int
        Side of the squares in cells.

    Returns
    -------
    ndarray of float64, shape (h - side + 1, w - side + 1)
        The sums.
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

    Parameters
    ----------
    image_hwc : ndarray of uint8, shape (H, W, 3)
        The image, at least one cell large; rows and columns beyond the last whole cell are left
        out.
    residual : Residual
        What makes residuals.
    weights : Weights
        The patterns.
    part : int
        Side of the parts that are worked on at once, a multiple of 64; what they give does not
        depend on it, up to the rounding of running sums.
    searched : bool
        Whether the sums at other phases of the lattice are taken too.

    Returns
    -------
    Fields
        The sums.
    """

    def taken(rows: tuple[int, int], columns: tuple[int, int]) -> Floats:
        return residual_of_part(residual, image_hwc, rows, columns)

    height, width = image_hwc.shape[:2]
    return _summed(taken, height, width, weights, part, searched)


def fields_of_residual(residual_chw: Floats, weights: Weights, searched: bool = False) -> Fields:
    """Sum a residual (3, H, W) that is at hand over its cells; see `fields_of`."""

    def taken(rows: tuple[int, int], columns: tuple[int, int]) -> Floats:
        return residual_chw[:, slice(*rows), slice(*columns)].copy()

    height, width = residual_chw.shape[1:]
    return _summed(taken, height, width, weights, _PART, searched)


def _summed(
    taken: Callable[[tuple[int, int], tuple[int, int]], Floats],
    height: int,
    width: int,
    weights: Weights,
    part: int,
    searched: bool,
) -> Fields:
    shape = (height // CELL, width // CELL)
    repeat = weights.repeating if searched else ()
    fields = Fields(
        weights.kinds,
        np.zeros(shape),
        np.zeros(shape),
        np.zeros((len(weights.kinds), *shape)),
        tuple(np.zeros((*each.shape[1:], *shape), np.float32) for each in repeat),
    )
    beyond = BLOCK - CELL if weights.where("spectrum") else 0
    for rows in _pieces(shape[0] * CELL, part):
        for columns in _pieces(shape[1] * CELL, part):
            wide = [
                (max(0, first - _AROUND), min(length, last + max(_AROUND, beyond)))
                for (first, last), length in zip((rows, columns), (height, width), strict=True)
            ]
            found = taken(wide[0], wide[1])
            _add_part(fields, weights, found, (rows, columns), (wide[0], wide[1]), (height, width))
    return fields


def _pieces(length: int, part: int) -> Iterator[tuple[int, int]]:
    for first in range(0, length, part):
        yield first, min(length, first + part)


Span = tuple[tuple[int, int], tuple[int, int]]


def _add_part(
    fields: Fields, weights: Weights, found: Floats, core: Span, wide: Span, size: tuple[int, int]
) -> None:
    (top, bottom), (left, right) = core
    down, across = top - wide[0][0], left - wide[1][0]
    inner = found[:, down : down + bottom - top, across : across + right - left]
    place = np.s_[top // CELL : bottom // CELL, left // CELL : right // CELL]
    fields.energy[place] = _cell_sums(np.square(inner).sum(axis=0))
    for number in weights.where("tile"):
        pattern = weights.patterns[number]
        repeats = [-(-length // pattern.shape[-1]) for length in inner.shape[1:]]
        tiled = np.tile(pattern, (1, *repeats))[:, : inner.shape[1], : inner.shape[2]]
        fields.sums[(number, *place)] = _cell_sums((tiled * inner).sum(axis=0))
    if fields.moved and weights.where("tile"):
        _put_moved(fields, weights, "tile", place, lambda columns: phases.tile_sums(inner, columns))
    if cyclic := weights.where("cyclic"):
        # Where the image goes on, its neighbours are there; at its border some are not.
        reach = int(np.abs(LAGS).max())
        edges = [
            (max(0, reach - begin), min(length, end + reach) - reach - begin)
            for (begin, end), length in zip(wide, size, strict=True)
        ]
        sums, count = (
            np.zeros((len(cyclic), *fields.energy[place].shape)),
            np.zeros_like(fields.energy[place]),
        )
        planes, inside = _normalised(found), np.array([*edges[0], *edges[1]])
        asked = np.array([down, down + bottom - top, across, across + right - left])
        add_weighted_products(
            planes,
            np.array(LAGS),
            np.stack([weights.patterns[number] for number in cyclic]),
            np.stack([inside, asked]),
            CELL,
            _LIMIT,
            sums,
            count,
        )
        fields.count[place] = count
        for number, total in zip(cyclic, sums, strict=True):
            fields.sums[(number, *place)] = total
        if fields.moved:
            _put_moved(
                fields,
                weights,
                "cyclic",
                place,
                lambda columns: phases.cyclic_sums(planes, columns, inside, asked, _LIMIT),
            )
    if spectral := weights.where("spectrum"):
        patterns = np.stack([weights.patterns[number] for number in spectral])
        blocks = _block_scores(found[:, down:, across:], patterns)
        blocks = blocks[:, : (bottom - top) // CELL, : (right - left) // CELL]
        rows, columns = blocks.shape[1:]
        for number, values in zip(spectral, blocks, strict=True):
            fields.sums[number, top // CELL :, left // CELL :][:rows, :columns] = values


def _put_moved(
    fields: Fields,
    weights: Weights,
    kind: str,
    place: tuple[slice, slice],
    summed: Callable[[Floats], Floats],
) -> None:
    """Sum the parts of one estimator at all phases, by one matrix product."""
    kinds = [each for each in weights.kinds if each in MOVING]
    chosen = [number for number, each in enumerate(kinds) if each == kind]
    columns, widths = phases.side_by_side([weights.repeating[number] for number in chosen])
    found = np.split(summed(columns), np.cumsum(widths)[:-1])
    for number, values in zip(chosen, found, strict=True):
        into = fields.moved[number][:, :, *place]
        into[...] = values.reshape(into.shape)


def _cell_sums(plane: Floats) -> Doubles:
    rows, columns = (length // CELL for length in plane.shape)
    cells = plane.reshape(rows, CELL, columns, CELL)
    return np.asarray(cells.sum(axis=(1, 3), dtype=np.float64))


def _normalised(residual_chw: Floats) -> Floats:
    planes = np.concatenate([residual_chw, residual_chw.mean(axis=0, keepdims=True)])
    for plane in planes:
        energy = box_mean(plane * plane, _NORMALISING).T
        plane /= np.sqrt(np.maximum(energy, 0) + np.float32(1e-10))
    return planes


def _block_scores(residual_chw: Floats, patterns: Floats) -> Doubles:
    """Weigh the log periodogram of every block that begins at a cell and fits."""
    height, width = residual_chw.shape[1:]
    shape = [max(0, (length - BLOCK) // CELL + 1) for length in (height, width)]
    found = np.zeros((len(patterns), *shape))
    if not all(shape):
        return found
    taper = (0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, BLOCK + 1)[:-1])).astype(np.float32)
    taper /= np.linalg.norm(taper)
    window, flat = np.outer(taper, taper), patterns.reshape(len(patterns), -1).astype(np.float64)
    blocks = sliding_window_view(residual_chw, (BLOCK, BLOCK), axis=(1, 2))[:, ::CELL, ::CELL]
    for row in range(shape[0]):  # a row of blocks at a time bounds the memory
        transform = rfft2(blocks[:, row] * window)
        power = np.square(transform.real) + np.square(transform.imag)
        logs = np.log10(np.maximum(power, np.float32(1e-30))).swapaxes(0, 1)
        # The weights have mean 0, so the strength of the residual does not count.
        for column, values in enumerate(logs.reshape(shape[1], -1)):
            found[:, row, column] = flat @ values
    return found


def window_odds(windows: WindowSize, fields: Fields, step: int) -> Doubles:
    """Return the log odds of an image's windows, shape (2, rows, columns); row 0 all parts."""
    parts = fields.scores(windows.size, step)
    found = np.zeros((2, *parts.shape[1:]))
    # Part by part: the bits must not depend on how many windows there are.
    for row in range(2):
        for weight, values in zip(windows.weights[row].astype(np.float64), parts, strict=True):
            found[row] += weight * values
        found[row] -= windows.offsets[row]
    return found
