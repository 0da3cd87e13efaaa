"""Traces in decoded pixels of what a picture went through: a JPEG grid, and resampling.

Both are looked for in one window of the luminance that begins at multiples of 8 pixels, so that a
phase found in it is a phase counted from the picture's first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import dct, rfft

Luminance = NDArray[np.float32]

WINDOW = 256
"""Longest side of the window, in pixels: enough for both traces, in milliseconds."""


@dataclass(frozen=True)
class Grid:
    strength: float
    row: int
    column: int


def luminance(rgb):
    w = np.array([0.299, 0.587, 0.114], np.float32)
    return rgb.astype(np.float32) @ w


def zero_counts(y):
    basis = dct(np.eye(8, dtype=np.float32), norm="ortho", axis=0)
    a = sliding_window_view(y, 8, axis=0) @ basis.T    # (H-7, W, 8)
    H, W = y.shape
    out = np.zeros((8, 8)); n=np.zeros((8,8))
    for v in range(8):
        b = sliding_window_view(np.ascontiguousarray(a[:, :, v]), 8, axis=1) @ basis.T  # (H-7, W-7, 8)
        z = (np.abs(b) < 0.5)
        if v == 0: z = z[..., 1:]
        z = z.sum(-1)
        for r in range(8):
            for c in range(8):
                out[r, c] += z[r::8, c::8].mean()
    return out / 63

def second(y, axis):
    d = np.abs(np.diff(y, 2, axis=axis)).mean(axis=1-axis)
    return d
