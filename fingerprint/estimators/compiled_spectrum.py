"""The mean power of overlapping windows, for windows whose side is a power of two.

Two windows of real values travel through one complex transform: with z = a + i b and Z = DFT(z),
|A(k)|^2 + |B(k)|^2 = (|Z(k)|^2 + |Z(-k)|^2) / 2, and only the sum over windows is asked for. The
transform is Stockham's, which needs no reordering, over many columns at once.
"""

from __future__ import annotations

import numpy as np

from fp.system.arrays import AnyFloats, Doubles
from fp.system.jit import compiled

COLUMNS = 16
"""Transforms that run beside each other: a window of them fits into the first-level cache."""


@compiled
def _transform(real: Doubles, imaginary: Doubles, cosine: Doubles, sine: Doubles) -> int:
    """Transform (2, n * COLUMNS) values along n; return which half holds the result."""
    n = real.shape[1] // COLUMNS
    side, rest, stride, source = n, n, COLUMNS, 0
    while rest > 1:
        radix = 4 if rest % 4 == 0 else 2
        step = rest // radix
        re, im = real[source], imaginary[source]
        to_re, to_im = real[1 - source], imaginary[1 - source]
        jump = step * stride
        for p in range(step):
            turn = p * (side // rest)
            at, to = p * stride, radix * p * stride
            c1, s1 = cosine[turn], sine[turn]
            if radix == 2:
                for q in range(stride):
                    a_re, a_im = re[at + q], im[at + q]
                    b_re, b_im = re[at + jump + q], im[at + jump + q]
                    to_re[to + q] = a_re + b_re
                    to_im[to + q] = a_im + b_im
                    d_re, d_im = a_re - b_re, a_im - b_im
                    to_re[to + stride + q] = c1 * d_re + s1 * d_im
                    to_im[to + stride + q] = c1 * d_im - s1 * d_re
                continue
            c2, s2, c3, s3 = cosine[2 * turn], sine[2 * turn], cosine[3 * turn], sine[3 * turn]
            for q in range(stride):
                a_re, a_im = re[at + q], im[at + q]
                b_re, b_im = re[at + jump + q], im[at + jump + q]
                c_re, c_im = re[at + 2 * jump + q], im[at + 2 * jump + q]
                d_re, d_im = re[at + 3 * jump + q], im[at + 3 * jump + q]
                even_re, even_im = a_re + c_re, a_im + c_im
                less_re, less_im = a_re - c_re, a_im - c_im
                odd_re, odd_im = b_re + d_re, b_im + d_im
                turned_re, turned_im = b_im - d_im, d_re - b_re
                to_re[to + q] = even_re + odd_re
                to_im[to + q] = even_im + odd_im
                x, y = less_re + turned_re, less_im + turned_im
                to_re[to + stride + q] = c1 * x + s1 * y
                to_im[to + stride + q] = c1 * y - s1 * x
                x, y = even_re - odd_re, even_im - odd_im
                to_re[to + 2 * stride + q] = c2 * x + s2 * y
                to_im[to + 2 * stride + q] = c2 * y - s2 * x
                x, y = less_re - turned_re, less_im - turned_im
                to_re[to + 3 * stride + q] = c3 * x + s3 * y
                to_im[to + 3 * stride + q] = c3 * y - s3 * x
        rest //= radix
        stride *= radix
        source = 1 - source
    return source


@compiled
def window_power(
    plane: AnyFloats, taper: Doubles, cosine: Doubles, sine: Doubles, power: Doubles
) -> None:
    """Sum the power of all windows of a C-contiguous plane (H, W). It has at least n x n values.

    `taper` (n,) is the window along each axis, n a power of two from 32 on; `cosine` and `sine` are
    of 2 pi k / n. `power` (n, n // 2 + 1) receives the sum over windows at all multiples of n // 2
    of |DFT2|^2.
    """
    n = len(taper)
    half = n // 2
    height, width = plane.shape
    rows, columns = (height - n) // half + 1, (width - n) // half + 1
    used = (columns + 1) * half
    real, imaginary = np.empty((2, n * COLUMNS)), np.empty((2, n * COLUMNS))
    turned_re, turned_im = np.empty((used, n)), np.empty((used, n))
    squares = np.zeros((n, n))  # horizontal frequency first
    for row in range(0, rows, 2):
        top = row * half
        for left in range(0, used, COLUMNS):
            for y in range(n):
                line = plane[top + y]
                for q in range(COLUMNS):
                    real[0, y * COLUMNS + q] = taper[y] * line[left + q]
                if row + 1 < rows:
                    line = plane[top + half + y]
                    for q in range(COLUMNS):
                        imaginary[0, y * COLUMNS + q] = taper[y] * line[left + q]
                else:
                    imaginary[0, y * COLUMNS : (y + 1) * COLUMNS] = 0.0
            found = _transform(real, imaginary, cosine, sine)
            for q in range(COLUMNS):
                for v in range(n):
                    turned_re[left + q, v] = real[found, v * COLUMNS + q]
                    turned_im[left + q, v] = imaginary[found, v * COLUMNS + q]
        for column in range(columns):
            for first in range(0, n, COLUMNS):
                for x in range(n):
                    line_re = turned_re[column * half + x, first : first + COLUMNS]
                    line_im = turned_im[column * half + x, first : first + COLUMNS]
                    for q in range(COLUMNS):
                        real[0, x * COLUMNS + q] = taper[x] * line_re[q]
                        imaginary[0, x * COLUMNS + q] = taper[x] * line_im[q]
                found = _transform(real, imaginary, cosine, sine)
                for u in range(n):
                    for q in range(COLUMNS):
                        re, im = real[found, u * COLUMNS + q], imaginary[found, u * COLUMNS + q]
                        squares[u, first + q] += re * re + im * im
    for v in range(n):
        for u in range(half + 1):
            power[v, u] = (squares[u, v] + squares[(n - u) % n, (n - v) % n]) / 2
