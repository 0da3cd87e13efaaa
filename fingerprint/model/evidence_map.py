"""Where in an image the evidence lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fp.system.arrays import Doubles, Flags, Floats, Indices

LAYERS = ("log10_lr", "log10_lr_specific", "q_real", "q_generated", "phase_y", "phase_x")
"""Layers of the array of a map."""


@dataclass(frozen=True, eq=False)
class EvidenceMap:
    """Evidence by place.

    Parameters
    ----------
    size : int
        Side of the windows in pixels.
    log10_lr, log10_lr_specific : ndarray of float64, shape (h, w)
        Mean log10 likelihood ratio of the windows over each cell of 16 x 16 pixels: of all parts,
        and of those that speak of the generator.
    q_real, q_generated : ndarray of float64, shape (h, w)
        Benjamini and Hochberg's adjusted p-value, under h1 and h2, of the window whose middle lies
        nearest to the cell.
    phase_y, phase_x : ndarray of int, shape (h, w)
        Row and column in 0 to 7 of the pixel at which the lattice of the window whose middle lies
        nearest most likely begins; 0 everywhere where no phase was searched. It means something
        where the window is like the generator.
    generated, reference : ndarray of bool, shape (h, w), or None
        Flagged cells: too high for the reference images, and too low for the generator; None where
        the calibration supports no flag at the rate.
    rate : float
        Rate that was asked for.
    searched : bool
        Whether windows were read at all phases of the lattice, or at its own alone.
    """

    size: int
    log10_lr: Doubles
    log10_lr_specific: Doubles
    q_real: Doubles
    q_generated: Doubles
    phase_y: Indices
    phase_x: Indices
    generated: Flags | None
    reference: Flags | None
    rate: float
    searched: bool

    @property
    def array(self) -> Floats:
        """All layers, in the order of `LAYERS`, shape (6, h, w)."""
        return np.stack([getattr(self, name) for name in LAYERS]).astype(np.float32)
