"""The sums of cells at every phase of the lattice at once.

A region that was pasted at another place has its lattice at another phase. All parts that move with
the lattice are sums over pixels of something times weights that repeat, so the pixels of a cell are
folded by their phase first; one matrix product with the weights at all phases gives all sums.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fp.fingerprint.estimators.cyclic import LAGS
from fp.fingerprint.windows.compiled import add_products
from fp.system.arrays import Counts, Floats

PERIOD = 8
"""Phases that are searched lie on a square of so many pixels a side."""

_LINES = 16  # side of a cell: its rows and columns are two periods


def repeating(pattern: Floats) -> Floats:
    """Give what of weights repeats every 8 pixels, at their shortest period.

    Parameters
    ----------
    pattern : ndarray of float32, shape (C, P, P)
        Weights; P divides 8, or is a multiple of it.

    Returns
    -------
    ndarray of float32, shape (C, Q, Q)
        The same with Q <= 8; of weights with a longer period, their mean over the blocks of 8 x 8,
        so that a sum over the image is that of the part of them that repeats.
    """
    side = pattern.shape[-1]
    if side > PERIOD:
        blocks = side // PERIOD
        shape = (len(pattern), blocks, PERIOD, blocks, PERIOD)
        folded = pattern.reshape(shape).mean(axis=(1, 3), dtype=np.float64)
        pattern, side = folded.astype(np.float32), PERIOD
    while side > 1:
        half = side // 2
        if not all(np.array_equal(pattern, np.roll(pattern, half, axis)) for axis in (1, 2)):
            break
        pattern, side = pattern[:, :half, :half], half
    return pattern


def at_all_phases(pattern: Floats) -> Floats:
    """Give weights at all phases as the columns of a matrix.

    Parameters
    ----------
    pattern : ndarray of float32, shape (C, Q, Q)
        Weights; Q divides 8.

    Returns
    -------
    ndarray of float32, shape (64 C, Q Q)
        In column Q y + x the weights of a lattice that begins at pixel (y, x), repeated to 8 x 8.
    """
    side = pattern.shape[-1]
    repeats = PERIOD // side
    moved = [
        np.tile(np.roll(pattern, (y, x), (1, 2)), (1, repeats, repeats)).ravel()
        for y in range(side)
        for x in range(side)
    ]
    return np.ascontiguousarray(np.stack(moved, axis=1))


def tile_sums(inner_chw: Floats, columns: Floats) -> Floats:
    """Sum a residual times weights at all phases over the cells of a part.

    Parameters
    ----------
    inner_chw : ndarray of float32, shape (3, H, W)
        Residual of whole cells; begins at a multiple of 8.
    columns : ndarray of float32, shape (192, M)
        Weights, as `at_all_phases` gives them; several side by side.

    Returns
    -------
    ndarray of float32, shape (M, H / 16, W / 16)
        The sums.
    """
    channels, height, width = inner_chw.shape
    shape = (height // _LINES, width // _LINES)
    found = np.empty((columns.shape[1], *shape), np.float32)
    for row in range(shape[0]):
        lines = inner_chw[:, row * _LINES : (row + 1) * _LINES]
        blocks = lines.reshape(channels, 2, PERIOD, shape[1], 2, PERIOD).sum(axis=(1, 4))
        folded = blocks.transpose(2, 0, 1, 3).reshape(shape[1], -1)
        found[:, row] = (folded @ columns).T
    return found


def cyclic_sums(
    planes: Floats,
    columns: Floats,
    inside: Counts,
    core: Counts,
    limit: np.float32,
) -> Floats:
    """Sum weighted products of neighbours at all phases over the cells of a part.

    Parameters
    ----------
    planes : ndarray of float32, shape (4, H, W)
        Normalised residual of a part that begins at a multiple of 8.
    columns : ndarray of float32, shape (4352, M)
        Weights, as `at_all_phases` gives them; several side by side.
    inside, core : ndarray of int64, shape (4,)
        As in `fp.fingerprint.windows.compiled.add_weighted_products`.
    limit : float32
        Products are limited to [-limit, limit].

    Returns
    -------
    ndarray of float32, shape (M, rows, columns)
        The sums.
    """
    shape = ((core[1] - core[0]) // _LINES, (core[3] - core[2]) // _LINES)
    found = np.empty((columns.shape[1], *shape), np.float32)
    lags = np.array(LAGS)
    # A row of cells at a time: at once, a part would take 280 MB.
    lines = np.empty((len(lags) * len(planes), PERIOD, core[3] - core[2]), np.float32)
    for row in range(shape[0]):
        top = core[0] + row * _LINES
        lines[:] = 0.0
        add_products(planes, lags, inside, top, top + _LINES, core[2], limit, lines)
        blocks = lines.reshape(len(lines), PERIOD, shape[1], 2, PERIOD).sum(axis=3)
        folded = blocks.transpose(2, 0, 1, 3).reshape(shape[1], -1)
        found[:, row] = (folded @ columns).T
    return found


def side_by_side(patterns: Sequence[Floats]) -> tuple[Floats, tuple[int, ...]]:
    """Put the matrices of several weights beside each other, and say how wide each is."""
    each = [at_all_phases(pattern) for pattern in patterns]
    return np.hstack(each), tuple(columns.shape[1] for columns in each)
