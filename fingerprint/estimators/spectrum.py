"""The residual's power spectrum: says how a picture was synthesised or resampled, not by whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import rfft2

from fp.fingerprint.estimators.cells import CellMeasure, Cells, Piece, Summed
from fp.fingerprint.estimators.compiled_spectrum import COLUMNS, window_power
from fp.fingerprint.estimators.linear import Linear
from fp.fingerprint.estimators.protocol import Fitted, Role
from fp.fingerprint.model.windows import CELL
from fp.system.arrays import Array, Doubles, Floats
from fp.system.errors import InputError


def log_power_spectrum(residual_chw: Floats, window: int = 64) -> Doubles:
    """Return log10 of the mean power of a residual's windows, shape (C, window, window // 2 + 1).

    The windows are square with `window` pixels a side, and neighbours overlap by half (Welch). The
    mean over all bins is 0, so that neither the strength of the residual nor its unit matters.
    InputError if the residual (C, H, W) is smaller than a window.

    Notes
    -----
    S[c, v, u] = mean over windows of |DFT2(h r_c)|^2 with the periodic Hann window h, of unit
    energy, so that the sum of S over all frequencies is the mean energy of a windowed block
    (Parseval).
    """
    if min(residual_chw.shape[1:]) < window:
        raise InputError(
            f"A spectrum of {window} x {window} windows needs images of that size at least, "
            f"not {residual_chw.shape[2]} x {residual_chw.shape[1]}."
        )
    power = power_spectrum(residual_chw, window)
    # A flat image has no power anywhere; the floor keeps its logarithm finite.
    logarithm = np.log10(np.maximum(power, 1e-30))
    return np.asarray(logarithm - logarithm.mean())


def power_spectrum(residual_chw: Floats, window: int = 64) -> Doubles:
    """Return the mean power itself, of the same shape; see `log_power_spectrum`."""
    # SciPy's periodic Hann window to the bit; importing scipy.signal for it would take a second.
    taper = 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, window + 1)[:-1])
    taper /= np.linalg.norm(taper)
    windows = [(side - window) // (window // 2) + 1 for side in residual_chw.shape[1:]]
    total = np.zeros((residual_chw.shape[0], window, window // 2 + 1))
    if window < 2 * COLUMNS or window & (window - 1):
        _add_power(residual_chw, taper, total)
    else:
        angle = 2 * np.pi * np.arange(window) / window
        cosine, sine = np.cos(angle), np.sin(angle)
        for plane, power in zip(np.ascontiguousarray(residual_chw), total, strict=True):
            window_power(plane, taper, cosine, sine, power)
    return np.asarray(total / (windows[0] * windows[1]))


def _add_power(residual_chw: Floats, taper: Doubles, total: Doubles) -> None:
    window = taper.size
    blocks = sliding_window_view(residual_chw, (window, window), axis=(1, 2))
    blocks = blocks[:, :: window // 2, :: window // 2]
    for row in range(blocks.shape[1]):  # a row of windows at a time bounds the memory
        transform = rfft2(blocks[:, row].astype(np.float64) * np.outer(taper, taper))
        total += (np.square(transform.real) + np.square(transform.imag)).sum(axis=1)


@dataclass(frozen=True)
class Spectrum(Linear):
    """Shrunk linear discriminant of log power spectra. It does not move with the place of a crop.

    Parameters
    ----------
    window : int
        Side of the windows in pixels.
    """

    window: int = 64

    name: ClassVar[str] = "spectrum"
    role: ClassVar[Role] = "processing"

    @property
    def smallest(self) -> int:
        """Least side in pixels of the part that it reads: one window."""
        return self.window

    @property
    def reads(self) -> str:
        """Name of its features; windows of another size are others."""
        return "spectrum" if self.window == 64 else f"spectrum-{self.window}"

    def features(self, residual_chw: Floats) -> Doubles:
        """Return the log power spectrum, shape (3, window, window // 2 + 1)."""
        return log_power_spectrum(residual_chw, self.window)

    def view(self, features: Array) -> Doubles | None:
        """Return the mean over bins of 4 x 3; None for windows that cannot be divided so."""
        n, channels, height, width = features.shape
        if height % 4 or width % 3:
            return None
        blocks = features.reshape(n, channels, height // 4, 4, width // 3, 3)
        return np.asarray(blocks.mean(axis=(3, 5)).reshape(n, -1), dtype=np.float64)

    @classmethod
    def cells(cls, parts: Sequence[tuple[Self, Fitted]]) -> Cells:
        """Prepare weights for cells; see `Estimator.cells`."""
        sides = {estimator.window for estimator, _ in parts}
        if len(sides) > 1 or any(side % CELL for side in sides):
            return super().cells(parts)
        patterns = [fitted.pattern.astype(np.float64) for _, fitted in parts]
        centred = [np.asarray(p - p.mean(), dtype=np.float32) for p in patterns]
        return SpectrumCells(sides.pop(), tuple(centred))


@dataclass(frozen=True, eq=False)
class SpectrumCells(Cells):
    """Weights of log power spectra, ready for cells: scores of blocks that begin there.

    Parameters
    ----------
    side : int
        Side of the blocks in pixels.
    patterns : tuple of ndarray of float32, shape (3, side, side // 2 + 1)
        Weights of mean 0, so that the strength of the residual does not count.
    """

    side: int
    patterns: tuple[Floats, ...]

    @property
    def measures(self) -> tuple[CellMeasure, ...]:
        """How the sums are read: as the mean over the blocks inside a window."""
        return (CellMeasure("blocks", self.side),) * len(self.patterns)

    def sums(self, piece: Piece, searched: bool) -> Summed:
        """Weigh the log periodogram of every block that begins at a cell and fits."""
        found = np.zeros((len(self.patterns), *piece.shape))
        (down, _), (across, _) = piece.spans
        residual_chw, side = piece.residual_chw[:, down:, across:], self.side
        shape = [max(0, (length - side) // CELL + 1) for length in residual_chw.shape[1:]]
        if not all(shape):
            return Summed(found)
        taper = (0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, side + 1)[:-1])).astype(np.float32)
        taper /= np.linalg.norm(taper)
        window = np.outer(taper, taper)
        weights = np.stack(self.patterns).reshape(len(self.patterns), -1).astype(np.float64)
        blocks = sliding_window_view(residual_chw, (side, side), axis=(1, 2))[:, ::CELL, ::CELL]
        rows, columns = (min(n, m) for n, m in zip(shape, piece.shape, strict=True))
        for row in range(rows):  # a row of blocks at a time bounds the memory
            transform = rfft2(blocks[:, row] * window)
            power = np.square(transform.real) + np.square(transform.imag)
            logs = np.log10(np.maximum(power, np.float32(1e-30))).swapaxes(0, 1)
            for column, values in enumerate(logs[:columns].reshape(columns, -1)):
                found[:, row, column] = weights @ values
        return Summed(found)
