"""What a strided decoder leaves in an image at every phase of its lattice."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter

from fp.fingerprint.correlation.kernels import fold
from fp.system.arrays import Doubles, Floats, Indices

LARGEST = 16

_BLOCKS = 4  # mean, square, product with the left neighbour, product with the upper one
_ACROSS, _DOWN = 2, 3
_WIDTH = 4.0
_FLOOR = 0.1


def trace(residual_chw: Floats) -> Doubles:
    """Return the means of a residual (3, H, W) at every phase, shape (4, 3, 16, 16).

    For each channel and phase they are those of r, of r^2, and of r times its left and its upper
    neighbour, where r is the residual, brought to the same strength all over the image: r = R / (G
    |R| + 0.1), R of unit deviation, |R| the mean over channels of its absolute value and G a
    Gaussian of 4 pixels: no edge of the picture outweighs the rest. The second order says how the
    taps of a decoder spread and mix what it draws, at each phase in its own way. That pattern is
    several times as strong as the mean of r once a network is well trained.
    """
    deviation = float(residual_chw.std())
    if deviation == 0:
        return np.zeros((_BLOCKS, len(residual_chw), LARGEST, LARGEST))
    scaled = (residual_chw - residual_chw.mean()) / deviation
    local = gaussian_filter(np.abs(scaled).mean(axis=0), _WIDTH)
    even = (scaled / (local + _FLOOR)).astype(np.float32)
    parts = (even, even * even, even * np.roll(even, 1, 2), even * np.roll(even, 1, 1))
    # One after the other: a stack of all would be copied before it is folded.
    return np.concatenate([fold(part, LARGEST) for part in parts])


@cache
def placements(period: int) -> Indices:
    """Return the ways to lay a trace onto the lattice, as permutations, shape (8, P P, 12 P P).

    These are the eight turns and mirror images of the image, each with all its shifts; the first of
    all leaves a trace as it is.
    """
    index = np.arange(_BLOCKS * 3 * period * period).reshape(_BLOCKS, 3, period, period)
    found = []
    for turned in (index, _transposed(index)):
        for once in (turned, _mirrored(turned)):
            # Upside down is mirrored between two transpositions.
            for laid in (once, _transposed(_mirrored(_transposed(once)))):
                found.append(
                    [
                        np.roll(laid, (down, right), (2, 3)).ravel()
                        for down in range(period)
                        for right in range(period)
                    ]
                )
    permutations = np.array(found)
    permutations.setflags(write=False)  # all callers share it
    return permutations


def _mirrored(trace_bchw: Indices) -> Indices:
    mirrored = trace_bchw[..., ::-1].copy()
    # A product of neighbours belongs to the right one of them, which was the left one.
    mirrored[_ACROSS] = np.roll(mirrored[_ACROSS], 1, -1)
    return mirrored


def _transposed(trace_bchw: Indices) -> Indices:
    return np.swapaxes(trace_bchw, -1, -2)[[0, 1, _DOWN, _ACROSS]]


def level(traces: Doubles, period: int) -> Doubles:
    """Return of traces what repeats every `period` pixels and not at half of that.

    A row an image, shape (N, 12 P P), each of the four orders brought to unit mean square; `period`
    is a power of two, 2 to 16. Shorter periods are left to their own level: the last steps of all
    decoders of one make are alike. And the part that no turn or mirror image changes is taken out:
    taps that were drawn at random prefer no side, so what an architecture does by itself is
    symmetric, and what one training made of it is not.
    """
    return _between(traces, period, period // 2)


def every_level(traces: Doubles, period: int) -> Doubles:
    """Return of traces all that repeats every `period` pixels, shorter periods included.

    The rows are as those of `level`, less the mean over all phases only.
    """
    return _between(traces, period, 1)


def folder_means(rows: Doubles, member: Indices, reference: int) -> Doubles:
    """Return the mean of the rows of each folder, shape (K + 1, p), that of the reference last.

    `reference` is K, the number of that folder; a folder without rows is like the reference.
    """
    last = rows[member == reference].mean(axis=0)
    parts = [rows[member == k] for k in range(reference)]
    return np.stack([*(part.mean(axis=0) if len(part) else last for part in parts), last])


def _between(traces: Doubles, period: int, shorter: int) -> Doubles:
    """Return what repeats every `period` pixels and not every `shorter`."""
    rows = _refold(traces, period)
    times = period // shorter
    rows = rows - np.tile(_refold(traces, shorter), (1, 1, 1, times, times))
    size = np.sqrt(np.square(rows).mean(axis=(0, 2, 3, 4), keepdims=True))
    rows = (rows / np.where(size > 0, size, 1.0)).reshape(len(rows), -1)
    symmetric = sum(rows[:, turn] for turn in placements(period)[:, 0])
    return np.asarray(rows - symmetric / 8)


def _refold(traces: Doubles, period: int) -> Doubles:
    n, blocks, channels, side, _ = traces.shape
    times = side // period
    shape = (n, blocks, channels, times, period, times, period)
    return np.asarray(traces.reshape(shape).mean(axis=(3, 5)))
