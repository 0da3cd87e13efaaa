"""What residuals have in common, and how much of it lies on a generator's lattice.

A generator that upsamples by strides repeats itself every P pixels. In the spectrum that is a
lattice of points, at the multiples of 1 / P cycles a pixel.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from fp.system.arrays import Doubles, Floats
from fp.system.errors import InputError


def average(residuals: Iterable[Floats]) -> Floats:
    """Return the mean of residuals (3, H, W), each of them standardised first.

    A picture full of detail has no more to say than a smooth one. InputError if there is no
    residual.
    """
    total, count = np.zeros(()), 0
    for residual in residuals:
        deviation = float(residual.std(dtype=np.float64))
        centred = residual - residual.mean(dtype=np.float64)
        total = total + (centred / deviation if deviation > 0 else centred)
        count += 1
    if not count:
        raise InputError("There is no residual to average; give at least one image.")
    return (total / count).astype(np.float32)


def power_spectrum(pattern_chw: Floats, side: int | None = None) -> Doubles:
    """Return the power spectrum of a pattern (C, H, W), shape (side, side), by default (H, W).

    It is the mean of |DFT|^2 over channels, each less its own mean, and over blocks of this side
    from the top left, which is coarser and less noisy; what is left over is not used. Frequency 0
    is in the middle at (rows // 2, columns // 2). No window: sides that are multiples of a period
    have its lattice on single points. InputError if the pattern is smaller than a block.
    """
    values = pattern_chw.astype(np.float64)
    channels, height, width = values.shape
    rows, columns = (side, side) if side is not None else (height, width)
    if not (0 < rows <= height and 0 < columns <= width):
        raise InputError(f"A pattern of {width} x {height} has no blocks of side {side}.")
    values -= values.mean(axis=(1, 2), keepdims=True)
    down, across = height // rows, width // columns
    blocks = values[:, : down * rows, : across * columns].reshape(
        channels, down, rows, across, columns
    )
    power = np.abs(np.fft.fft2(blocks, axes=(2, 4))) ** 2
    return np.fft.fftshift(power.mean(axis=(0, 1, 3)))


def lattice_share(pattern_chw: Floats, period: int) -> float:
    """Return the share of a pattern's energy that repeats every P pixels, down and across.

    It is the energy at frequencies (k / P, l / P) over all energy, frequency 0 left out of both: 1
    for a pattern that repeats exactly, and (P^2 - 1) / (H W - 1) on average for white noise.
    InputError if a side is no multiple of the period.
    """
    height, width = pattern_chw.shape[1:]
    if period < 1 or height % period or width % period:
        raise InputError(
            f"A pattern of {width} x {height} has no lattice of period {period}; "
            "its sides must be multiples of the period."
        )
    power = np.fft.ifftshift(power_spectrum(pattern_chw))
    on_lattice = float(power[:: height // period, :: width // period].sum())
    return on_lattice / (float(power.sum()) or 1.0)
