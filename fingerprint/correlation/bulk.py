"""Many images against many patterns, at the speed of a matrix product by BLAS.

`fp.fingerprint.correlation.kernels` sums in float64 in one stated order; here spans of 2080 values
are summed in float32 in the order that suits the processor, and the spans in float64. What a pair
of image and pattern gets has the same bits in any batch, as there, but only on processors of one
kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, rfft2

from fp.fingerprint.correlation.compiled_bulk import (
    IMAGES,
    PATTERNS,
    add_products,
    add_products_in_parallel,
    measure,
    standardise,
)
from fp.fingerprint.correlation.kernels import one_launch, threads
from fp.system.arrays import Doubles, Floats
from fp.system.errors import InputError

SPAN = 2080
"""Values of each image in one pass: no multiple of a page, so that the rows of a block do
not all compete for the same places of the first-level cache."""


def correlate_many(residuals: Floats, patterns: Floats) -> Doubles:
    """Correlate every residual with every pattern, for hundreds of both.

    Parameters
    ----------
    residuals : ndarray of float32, shape (N, C, H, W)
        Residuals in any unit.
    patterns : ndarray of float32, shape (K, C, H, W)
        Patterns of the residuals' (C, H, W).

    Returns
    -------
    ndarray of float64, shape (N, K)
        rho as `fp.fingerprint.correlation.kernels.correlate` gives it, to 1e-6; 0.0 where one side
        is constant.

    Raises
    ------
    InputError
        If the shapes do not match or a value is not finite.

    Notes
    -----
    Each image is brought to zero mean and unit norm; spans of 2080 values are multiplied and
    summed in float32, and the spans added up in float64, in rising order.
    """
    if residuals.ndim != 4 or patterns.ndim != 4 or residuals.shape[1:] != patterns.shape[1:]:
        raise InputError(
            f"Residuals of shape {residuals.shape} cannot be correlated with patterns of shape "
            f"{patterns.shape}: give (N, C, H, W) and (K, C, H, W)."
        )
    left, right = _Standardised(residuals, IMAGES), _Standardised(patterns, PATTERNS)
    rho = np.zeros((left.padded, right.padded))
    for start in range(0, left.size, SPAN):
        _add(left.span(start), right.span(start), rho)
    return np.asarray(np.clip(rho[: len(residuals), : len(patterns)], -1.0, 1.0))


def _add(images: Floats, patterns: Floats, sums: Doubles) -> None:
    if threads() == 1 or len(images) <= IMAGES:
        add_products(images, patterns, sums)
    else:
        with one_launch:
            add_products_in_parallel(images, patterns, sums)


def _padded(count: int, group: int) -> int:
    return -(-count // group) * group


def _unit_rows(stack: Floats) -> Doubles:
    rows = stack.reshape(len(stack), -1).astype(np.float64)
    rows -= rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0))


class _Standardised:
    """A stack whose images have zero mean and unit norm, a span of values at a time."""

    def __init__(self, stack: Floats, group: int) -> None:
        self.size = int(np.prod(stack.shape[1:]))
        self._images = np.ascontiguousarray(stack, np.float32).reshape(len(stack), self.size)
        self.padded = _padded(len(stack), group)
        self._mean, norm = np.empty(len(stack)), np.empty(len(stack))
        measure(self._images, self._mean, norm)
        if not np.isfinite(norm).all():
            index = int(np.argmin(np.isfinite(norm)))
            raise InputError(f"Image {index} contains NaN or infinity: leave it out.")
        self._scale = np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0)
        self._span = np.zeros((self.padded, SPAN), np.float32)

    def span(self, start: int) -> Floats:
        """Give values `start` to `start` + SPAN of all images; shared between calls."""
        standardise(self._images, self._mean, self._scale, start, self._span)
        return self._span


@dataclass(frozen=True, eq=False)
class TileBank:
    """Weights of many tile fingerprints of one period, ready for matrix products.

    Parameters
    ----------
    weights : ndarray of float32, shape (K, C, P, P)
        Weights of one period, in any unit.
    """

    weights: Floats

    def __post_init__(self) -> None:
        if self.weights.ndim != 4 or self.weights.shape[2] != self.weights.shape[3]:
            raise InputError(f"Weights have shape (K, C, P, P), not {self.weights.shape}.")

    def __len__(self) -> int:
        """Give the number of fingerprints."""
        return len(self.weights)

    @cached_property
    def _rows(self) -> Floats:
        found = np.zeros((_padded(len(self), PATTERNS), self.weights[0].size), np.float32)
        found[: len(self)] = _unit_rows(self.weights)
        return found

    @cached_property
    def _spectra(self) -> NDArray[np.complex64]:
        rows = _unit_rows(self.weights).reshape(self.weights.shape)
        return np.asarray(np.conj(rfft2(rows)), dtype=np.complex64)

    def correlate(self, tiles: Doubles) -> Doubles:
        """Correlate folded residuals with every fingerprint's weights, repeated over the image.

        Parameters
        ----------
        tiles : ndarray of float64, shape (N, C, P, P)
            Folds of standardised residuals (mean 0, mean square 1 over the whole image), as
            `fp.fingerprint.estimators.tile.Tile.features` gives them at period 32.

        Returns
        -------
        ndarray of float64, shape (N, K)
            rho = sum(T w) / (sqrt(C) P |w|), to 1e-6.

        Raises
        ------
        InputError
            If the tiles have another shape than the weights.
        """
        self._check(tiles)
        images = np.zeros((_padded(len(tiles), IMAGES), self._rows.shape[1]), np.float32)
        images[: len(tiles)] = tiles.reshape(len(tiles), images.shape[1]) / np.sqrt(images.shape[1])
        sums = np.zeros((len(images), len(self._rows)))
        _add(images, self._rows, sums)
        return sums[: len(tiles), : len(self)]

    def phases(self, tile: Doubles) -> Floats:
        """Correlate one folded residual with every fingerprint at every shift.

        Parameters
        ----------
        tile : ndarray of float64, shape (C, P, P)
            Fold of a standardised residual.

        Returns
        -------
        ndarray of float32, shape (K, P, P)
            Element (k, y, x) is the correlation with weights k moved down by y and right by x, as
            for an image that was cropped there; element (k, 0, 0) is `correlate`'s.

        Notes
        -----
        By the correlation theorem, sum over c of T_c (*) w_c = IDFT2(sum over c of DFT2(T_c)
        conj(DFT2(w_c))).
        """
        self._check(tile[None])
        side = tile.shape[-1]
        spectrum = rfft2(tile / np.sqrt(tile.size)).astype(np.complex64)
        joint = np.einsum("kcyx,cyx->kyx", self._spectra, spectrum)
        return np.asarray(irfft2(joint, s=(side, side)), dtype=np.float32)

    def _check(self, tiles: Doubles) -> None:
        if tiles.ndim != 4 or tiles.shape[1:] != self.weights.shape[1:]:
            raise InputError(
                f"Tiles of shape {tiles.shape} cannot be correlated with weights of shape "
                f"{self.weights.shape}: fold with the period of the weights."
            )
