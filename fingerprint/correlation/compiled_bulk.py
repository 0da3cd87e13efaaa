"""The loops behind `bulk`: 24 inner products at once, as many as the registers hold.

The compiler settles the order of a sum when it compiles the loop, the same for all 24. So a
pair of rows has the same bits wherever it stands and whatever stands beside it, on one processor;
another one may take wider steps and differ in the last digits.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from fp.system.arrays import Doubles, Floats
from fp.system.jit import compiled, compiled_parallel, compiled_reordered

IMAGES, PATTERNS = 4, 6
"""Rows of a block on each side; stacks are padded to multiples of these."""

_LANES = 32
_PATTERNS_PER_PASS = 126  # a span of these stays in the second-level cache
_IMAGES_PER_TASK = 32


@compiled_reordered
def _add_block(images: Floats, patterns: Floats, sums: Doubles) -> None:
    a0, a1, a2, a3 = images[0], images[1], images[2], images[3]
    b0, b1, b2 = patterns[0], patterns[1], patterns[2]
    b3, b4, b5 = patterns[3], patterns[4], patterns[5]
    zero = np.float32(0)
    s00, s01, s02, s03, s04, s05 = zero, zero, zero, zero, zero, zero
    s10, s11, s12, s13, s14, s15 = zero, zero, zero, zero, zero, zero
    s20, s21, s22, s23, s24, s25 = zero, zero, zero, zero, zero, zero
    s30, s31, s32, s33, s34, s35 = zero, zero, zero, zero, zero, zero
    for i in range(len(a0)):
        x0, x1, x2, x3 = a0[i], a1[i], a2[i], a3[i]
        y = b0[i]
        s00 += x0 * y
        s10 += x1 * y
        s20 += x2 * y
        s30 += x3 * y
        y = b1[i]
        s01 += x0 * y
        s11 += x1 * y
        s21 += x2 * y
        s31 += x3 * y
        y = b2[i]
        s02 += x0 * y
        s12 += x1 * y
        s22 += x2 * y
        s32 += x3 * y
        y = b3[i]
        s03 += x0 * y
        s13 += x1 * y
        s23 += x2 * y
        s33 += x3 * y
        y = b4[i]
        s04 += x0 * y
        s14 += x1 * y
        s24 += x2 * y
        s34 += x3 * y
        y = b5[i]
        s05 += x0 * y
        s15 += x1 * y
        s25 += x2 * y
        s35 += x3 * y
    sums[0, 0] += s00
    sums[0, 1] += s01
    sums[0, 2] += s02
    sums[0, 3] += s03
    sums[0, 4] += s04
    sums[0, 5] += s05
    sums[1, 0] += s10
    sums[1, 1] += s11
    sums[1, 2] += s12
    sums[1, 3] += s13
    sums[1, 4] += s14
    sums[1, 5] += s15
    sums[2, 0] += s20
    sums[2, 1] += s21
    sums[2, 2] += s22
    sums[2, 3] += s23
    sums[2, 4] += s24
    sums[2, 5] += s25
    sums[3, 0] += s30
    sums[3, 1] += s31
    sums[3, 2] += s32
    sums[3, 3] += s33
    sums[3, 4] += s34
    sums[3, 5] += s35


@compiled
def add_products(images: Floats, patterns: Floats, sums: Doubles) -> None:
    """Add the inner products of all rows.

    Parameters
    ----------
    images : ndarray of float32, shape (N, n)
        Rows; N is a multiple of `IMAGES`.
    patterns : ndarray of float32, shape (K, n)
        Rows; K is a multiple of `PATTERNS`.
    sums : ndarray of float64, shape (N, K)
        Receives them.
    """
    for first in range(0, len(patterns), _PATTERNS_PER_PASS):
        last = min(first + _PATTERNS_PER_PASS, len(patterns))
        for i in range(0, len(images), IMAGES):
            for k in range(first, last, PATTERNS):
                _add_block(
                    images[i : i + IMAGES],
                    patterns[k : k + PATTERNS],
                    sums[i : i + IMAGES, k : k + PATTERNS],
                )


@compiled_parallel
def add_products_in_parallel(images: Floats, patterns: Floats, sums: Doubles) -> None:
    """Do as `add_products` on all threads."""
    for task in prange((len(images) + _IMAGES_PER_TASK - 1) // _IMAGES_PER_TASK):
        i = task * _IMAGES_PER_TASK
        j = min(i + _IMAGES_PER_TASK, len(images))
        add_products(images[i:j], patterns, sums[i:j])


@compiled
def measure(images: Floats, mean: Doubles, norm: Doubles) -> None:
    """Take the mean and the centred norm of each row in one pass; a constant has norm 0.

    Parameters
    ----------
    images : ndarray of float32, shape (N, n)
        Rows.
    mean, norm : ndarray of float64, shape (N,)
        Receive the results. Sums are relative to a row's first value, which lies within its
        spread, so that little cancels.
    """
    total, squares = np.empty(_LANES), np.empty(_LANES)
    size = images.shape[1]
    whole = size // _LANES * _LANES
    for n in range(len(images)):
        image = images[n]
        first = np.float64(image[0])
        total[:] = 0.0
        squares[:] = 0.0
        for start in range(0, whole, _LANES):
            for lane in range(_LANES):
                value = np.float64(image[start + lane]) - first
                total[lane] += value
                squares[lane] += value * value
        for i in range(whole, size):
            value = np.float64(image[i]) - first
            total[i - whole] += value
            squares[i - whole] += value * value
        sum_of_values, sum_of_squares = 0.0, 0.0
        for lane in range(_LANES):
            sum_of_values += total[lane]
            sum_of_squares += squares[lane]
        moved = sum_of_values / size
        mean[n] = first + moved
        norm[n] = np.sqrt(max(sum_of_squares - size * moved * moved, 0.0))


@compiled
def standardise(images: Floats, mean: Doubles, scale: Doubles, start: int, span: Floats) -> None:
    """Write a span of each row, of zero mean and scaled, and zeros behind its end.

    Parameters
    ----------
    images : ndarray of float32, shape (N, n)
        Rows.
    mean, scale : ndarray of float64, shape (N,)
        What is subtracted, and what that is multiplied by.
    start : int
        First value of the span.
    span : ndarray of float32, shape (>= N, m)
        Receives the values; rows beyond N stay as they are.
    """
    count = min(span.shape[1], images.shape[1] - start)
    for n in range(len(images)):
        source, line = images[n, start : start + count], span[n]
        for i in range(count):
            line[i] = (source[i] - mean[n]) * scale[n]
        line[count:] = 0.0
