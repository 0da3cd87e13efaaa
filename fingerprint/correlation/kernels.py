"""The sums that every image pays for: correlation, moments and fold of residuals, in Numba.

Order of summation. A sum over an image of C x H x W values keeps 32 partial sums in float64; value
i (row-major) is added to partial sum i mod 32, in rising i, and at the end the partial sums are
added from first to last. No fast-math flag allows the compiler another order, so the result for an
image, or for a pair of images, has the same bits in any batch, on any number of threads and beside
any other patterns.
"""

from __future__ import annotations

import operator
import os
import threading
from dataclasses import dataclass
from typing import Any, cast

import numba
import numpy as np

from fp.fingerprint.correlation.compiled import (
    fold_image,
    fold_in_parallel,
    products,
    products_in_parallel,
)
from fp.system.arrays import AnyFloats, Doubles, Flags
from fp.system.errors import InputError

_IMAGES_PER_TASK = 8
_threads = int(cast(Any, numba.config).NUMBA_NUM_THREADS)

# Norms whose product would leave the range of float64; float32 values never come near either.
_SMALLEST_NORM = 1e-150
_LARGEST_NORM = 1e150

# The `workqueue` layer, Numba's last resort where no OpenMP is installed, aborts the process when
# two Python threads enter it at once.
one_launch = threading.Lock()
"""Held while a compiled function runs on several threads."""


def threads() -> int:
    """Return the number of threads that compiled functions may use."""
    return _threads


def _work_alone() -> None:
    """Keep a forked process off the threads. OpenMP would abort it if its parent had used them."""
    global _threads
    _threads = 1


os.register_at_fork(after_in_child=_work_alone)


@dataclass(frozen=True)
class Moments:
    """Mean and norm of each image of a stack.

    Parameters
    ----------
    mean : ndarray of float64, shape (N,)
        Mean over all of (C, H, W).
    norm : ndarray of float64, shape (N,)
        Euclidean norm over all of (C, H, W) after the mean is subtracted; 0.0 exactly for an
        image of one constant value.
    """

    mean: Doubles
    norm: Doubles


def correlate(residuals: AnyFloats, patterns: AnyFloats) -> Doubles:
    """Return rho, in [-1, 1], of every residual with every pattern, shape (N, K).

    Both are float32 or float64, of the same (C, H, W), with or without an axis before; in any unit,
    as rho does not depend on scale or offset. InputError if the shapes do not match or a value is
    NaN, infinite or too large to be squared; TypeError if an array is not float32 or float64.

    Notes
    -----
    Pearson correlation over all n = C H W values::

        rho(R, F) = sum (R - mean R) (F - mean F) / (|R - mean R| |F - mean F|)

    Means are subtracted before anything is multiplied, so a large offset costs no digits. rho is
    0.0 by definition where the residual or the pattern is constant (or its norm below 1e-150).
    ``correlate(a, b)`` has the bits of ``correlate(b, a).T``. Arrays are read in place, except that
    those which are not C-contiguous, aligned and in native byte order are copied first.

    Examples
    --------
    >>> ramp = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    >>> correlate(5.0 - ramp, np.stack([ramp, np.ones_like(ramp)])).tolist()
    [[-1.0, 0.0]]
    """
    left = _stack(residuals, "residuals")
    right = _stack(patterns, "patterns")
    if left.shape[1:] != right.shape[1:]:
        raise InputError(
            f"Residuals of shape (C, H, W) = {left.shape[1:]} cannot be correlated with patterns "
            f"of shape {right.shape[1:]}: crop one to the other."
        )
    if len(left) >= len(right):
        of_right = _moments_of(right, "patterns")
        of_left, sums = _measure(left, "residuals", right, of_right.mean)
    else:  # the longer stack is the one that is spread over the threads
        of_left = _moments_of(left, "residuals")
        of_right, sums = _measure(right, "patterns", left, of_left.mean)
        sums = np.ascontiguousarray(sums.T)
    return _ratio(sums, of_left.norm, of_right.norm)


def moments(residuals: AnyFloats) -> Moments:
    """Return the mean and the centred norm of each residual, as `correlate` uses them.

    Of residuals (N, C, H, W) or (C, H, W), which are copied first unless C-contiguous, aligned and
    in native byte order. InputError if a value is NaN, infinite or too large to be squared;
    TypeError if the array is not float32 or float64.
    """
    return _moments_of(_stack(residuals, "residuals"), "residuals")


def complete_blocks(residuals: AnyFloats, period: int) -> AnyFloats:
    """Return residuals (..., H, W) without what lies behind the last complete block; a view.

    That is (..., H // P * P, W // P * P), the part that `fold` averages, from the top-left pixel
    on. InputError if the period P is below 1 or a side is shorter than it.
    """
    side = _period(period)
    if residuals.ndim < 2 or min(residuals.shape[-2:]) < side:
        raise InputError(
            f"A residual of shape {residuals.shape} holds no complete block of {side} x {side} "
            "pixels: use a smaller period or larger images."
        )
    height, width = residuals.shape[-2:]
    return residuals[..., : height // side * side, : width // side * side]


def fold(residuals: AnyFloats, period: int) -> Doubles:
    """Average each channel over all complete blocks of side P, one mean for each phase.

    Of residuals (N, C, H, W) or (C, H, W), copied first unless C-contiguous, aligned and in native
    byte order. Element (n, c, i, j) of the result (N, C, P, P) is the mean over complete blocks of
    ``residuals[n, c, i::P, j::P]``; phase (0, 0) is the top-left pixel. What lies beyond them (see
    `complete_blocks`) is not looked at. InputError if a side is shorter than P, or a value in a
    complete block is NaN or infinite; TypeError if the array is not float32 or float64, or P is no
    integer.

    Each phase is summed over the blocks of a column from top to bottom, then over the columns from
    left to right, so the tile of an image has the same bits in any batch.
    """
    stack = _stack(residuals, "residuals")
    side = _period(period)
    complete_blocks(stack, side)
    tiles = np.empty((*stack.shape[:2], side, side))
    if _alone(len(stack), 1):
        for image, tile in zip(stack, tiles, strict=True):
            fold_image(image, tile)
    else:
        with one_launch:
            fold_in_parallel(stack, tiles)
    finite: Flags = np.logical_and.reduce(np.isfinite(tiles), axis=(1, 2, 3))
    _require(finite, "residuals")
    return tiles


def _stack(array: AnyFloats, name: str) -> AnyFloats:
    values = np.asarray(array)
    if values.dtype.kind != "f" or values.dtype.itemsize not in (4, 8):
        raise TypeError(f"The {name} are {values.dtype}: convert them to float32 or float64.")
    if values.ndim == 3:
        values = values[np.newaxis]
    if values.ndim != 4 or 0 in values.shape[1:]:
        raise InputError(
            f"The {name} have shape {np.shape(array)}: give (N, C, H, W) or (C, H, W), with no "
            "side of length 0."
        )
    stack = np.require(values, values.dtype.newbyteorder("="), ["C", "ALIGNED"]).view()
    stack.flags.writeable = False  # Numba compiles anew for writeable arrays
    return stack


def _period(period: int) -> int:
    side = operator.index(period)
    if side < 1:
        raise InputError(f"The period is {side}: give at least 1 pixel.")
    return side


def _require(usable: Flags, name: str) -> None:
    if not usable.all():
        raise InputError(
            f"{name}[{int(np.argmin(usable))}] contains NaN, infinity or values too large to be "
            "squared: leave it out."
        )


def _ratio(sums: Doubles, left_norm: Doubles, right_norm: Doubles) -> Doubles:
    varies = (left_norm > _SMALLEST_NORM)[:, np.newaxis] & (right_norm > _SMALLEST_NORM)
    norms = left_norm[:, np.newaxis] * right_norm
    rho = np.divide(sums, norms, out=np.zeros_like(sums), where=varies)
    return np.clip(rho, -1.0, 1.0, out=rho)


def _moments_of(stack: AnyFloats, name: str) -> Moments:
    return _measure(stack, name, stack[:0], np.empty(0))[0]


def _measure(
    stack: AnyFloats, name: str, others: AnyFloats, other_means: Doubles
) -> tuple[Moments, Doubles]:
    """Compute moments of N images and their (N, K) inner products with K others, centred."""
    size = int(np.prod(stack.shape[1:]))
    images, patterns = stack.reshape(-1, size), others.reshape(-1, size)
    mean, norm = np.empty(len(images)), np.empty(len(images))
    sums = np.empty((len(images), len(patterns)))
    step = _share(len(images), _IMAGES_PER_TASK)
    if _alone(len(images), step):
        for i in range(0, len(images), step):
            part = slice(i, i + step)
            products(images[part], patterns, other_means, mean[part], norm[part], sums[part])
    else:
        with one_launch:
            products_in_parallel(images, patterns, other_means, step, mean, norm, sums)
    _require(np.isfinite(mean) & (norm < _LARGEST_NORM), name)
    return Moments(mean, norm), sums


def _share(count: int, most: int) -> int:
    """Return the size of a task, such that a short stack still feeds every thread."""
    return max(1, min(most, -(-count // _threads)))


def _alone(count: int, step: int) -> bool:
    return count <= step or _threads == 1
