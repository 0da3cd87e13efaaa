"""The logarithm of an image's cosine spectrum with a linear classifier.

J. Frank, T. Eisenhofer, L. Schonherr, A. Fischer, D. Kolossa, T. Holz, "Leveraging Frequency
Analysis for Deep Fake Image Recognition", ICML 2020 (arXiv 2003.08685).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy.fft import dctn

from fp.evaluation.baselines.linear import learn_linear
from fp.system.arrays import Array, Pixels


@dataclass(frozen=True)
class CosineSpectrum:
    """The baseline.

    Parameters
    ----------
    cells : int
        The spectrum is averaged to at most this many rows and columns.
    """

    cells: int = 128

    name: ClassVar[str] = "dct"
    learn = staticmethod(learn_linear)

    def parameters(self) -> dict[str, Any]:
        """Return all parameters; JSON types only."""
        return {"cells": self.cells}

    def features(self, image_hwc: Pixels) -> tuple[Array, ...]:
        """Return log10 of the mean squared DCT-II coefficients of the grey image, in cells."""
        grey = image_hwc.astype(np.float32).mean(axis=2)
        power = dctn(grey, norm="ortho") ** 2
        for axis in (0, 1):
            block = max(1, power.shape[axis] // self.cells)
            whole = power.shape[axis] // block
            power = np.take(power, np.arange(whole * block), axis)
            shape = (whole, block, -1) if axis == 0 else (power.shape[0], whole, block)
            power = power.reshape(shape).mean(axis=1 if axis == 0 else 2)
        # A grey level squared is far above it; flat images have zeros.
        return (np.log10(power + 1e-6).astype(np.float32),)
