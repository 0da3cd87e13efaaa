"""What features are multiplied with, at one phase of the lattice or all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fp.system.arrays import Array, Doubles


class Scorer(Protocol):
    """What was learned once, ready to score refolded features; see `Estimator.refold`."""

    def score(self, rows: Array) -> Doubles:
        """Return the scores of N images, shape (N,)."""

    def score_at_phases(self, rows: Array) -> Doubles:
        """Return their scores at all phases; see `Estimator.score_at_phases`."""


@dataclass(frozen=True, eq=False)
class Template:
    """Weights of a linear score.

    Parameters
    ----------
    weights : ndarray of float64, shape (C, H, W)
        What features are multiplied with.
    norm : float
        What the inner product is divided by.
    offset : float
        What is subtracted after that.
    """

    weights: Doubles
    norm: float = 1.0
    offset: float = 0.0

    def score(self, rows: Array) -> Doubles:
        """Return the scores of N images at once; their last bits depend on N."""
        flat = rows.reshape(len(rows), -1)
        return np.asarray(flat @ self.weights.ravel() / self.norm - self.offset)

    def score_at_phases(self, rows: Array) -> Doubles:
        """Return the scores at all phases, shape (N, H, W); see `correlate_phases`."""
        return correlate_phases(rows, self.weights) / self.norm - self.offset


def correlate_phases(rows: Array, weights: Array) -> Doubles:
    """Correlate folded features (N, C, P, Q) with weights (C, P, Q) at every phase.

    At [n, y, x] of the result is the inner product with the features rolled by (-y, -x): the image
    read as if its lattice began at pixel (y, x).
    """
    spectra = np.fft.rfft2(rows.astype(np.float64))
    other = np.fft.rfft2(weights.astype(np.float64))
    product = np.einsum("ncyx,cyx->nyx", spectra, other.conj())
    return np.asarray(np.fft.irfft2(product, s=rows.shape[-2:]))
