"""The residual's power spectrum: says how a picture was synthesised or resampled, not by whom."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import rfft2

from fp.fingerprint.estimators.compiled_spectrum import COLUMNS, window_power
from fp.fingerprint.estimators.processing import Processing
from fp.system.arrays import Doubles, Floats
from fp.system.errors import InputError


def log_power_spectrum(residual_chw: Floats, window: int = 64) -> Doubles:
    """Average windowed periodograms of a residual (Welch), and take the logarithm.

    Parameters
    ----------
    residual_chw : ndarray of float32, shape (C, H, W)
        The residual, at least one window large.
    window : int
        Side of the square Hann windows in pixels; neighbours overlap by half.

    Returns
    -------
    ndarray of float64, shape (C, window, window // 2 + 1)
        log10 of the mean power, up to a constant: the mean over all bins is 0, so that neither the
        strength of the residual nor its unit matters.

    Raises
    ------
    InputError
        If the residual is smaller than the window.

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
    """Average windowed periodograms; see `log_power_spectrum`.

    Parameters
    ----------
    residual_chw : ndarray of float32, shape (C, H, W)
        The residual, at least one window large.
    window : int
        Side of the square windows in pixels.

    Returns
    -------
    ndarray of float64, shape (C, window, window // 2 + 1)
        Mean power in each bin.
    """
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
class Spectrum(Processing):
    """Shrunk linear discriminant of log power spectra.

    Parameters
    ----------
    window : int
        Side of the windows in pixels.

    Notes
    -----
    With log spectra s, weights w and the mean m_r of the reference images, the score is
    <w, s - m_r>, scaled so that the shrunk within-class deviation is 1. It does not move with the
    place of a crop.
    """

    window: int = 64

    name: ClassVar[str] = "spectrum"

    @property
    def reads(self) -> str:
        """Name of its features; windows of another size are others."""
        return "spectrum" if self.window == 64 else f"spectrum-{self.window}"

    def parameters(self) -> dict[str, Any]:
        """Give all parameters; JSON types only."""
        return asdict(self)

    def features(self, residual_chw: Floats) -> Doubles:
        """Give the log power spectrum, shape (3, window, window // 2 + 1)."""
        return log_power_spectrum(residual_chw, self.window)
