"""What a gate measured of the conditions of images, and what it says of an image."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import softmax

from fp.fingerprint.model.ladder import End
from fp.system.arrays import Array, Doubles, Flags, Floats, Indices


@dataclass(frozen=True, eq=False)
class Measured:
    """What the gate says of N images.

    Parameters
    ----------
    nearest : ndarray of int, shape (N,)
        The condition that explains each best.
    distance : ndarray of float64, shape (N,)
        Squared distance from it.
    misfits : ndarray of float64, shape (N, K)
        What `nearest` is the smallest of: twice the negative log of likelihood times prior, up to a
        constant.
    likeliest : ndarray of int, shape (N,)
        The condition that would, were all as probable before.
    """

    nearest: Indices
    distance: Doubles
    misfits: Doubles
    likeliest: Indices


@dataclass(frozen=True, eq=False)
class Gate:
    """A cloud for each condition, of both classes alike.

    Parameters
    ----------
    centre, scale : ndarray of float32, shape (p,)
        What features are standardised by.
    basis : ndarray of float32, shape (r, p)
        Orthonormal directions of the largest variance.
    means : ndarray of float32, shape (K, r + 1)
        Mean of each condition along them, and of the logarithm of what lies across.
    roots : ndarray of float32, shape (K, r + 1, r + 1)
        Lower triangular factor L of each precision, L L^T = S^-1.
    calibration : ndarray of float64, shape (K, n)
        Held-out distances of each condition's images, ascending.
    beyond : ndarray of float64, shape (E, n)
        For each end of a ladder (see `fp.fingerprint.model.ladder.ends`), how far its own
        images lie beyond it, held out and ascending; none in older files.
    log_prior : ndarray of float64, shape (K,)
        Natural logarithm of how probable each condition is before an image is seen, up to a
        constant; empty in older files, where all are alike.
    temperature : float, optional
        What misfits are divided by before they are probabilities, see `fit_temperature`; none in
        older files, where the nearest condition counts as certain.
    """

    centre: Floats
    scale: Floats
    basis: Floats
    means: Floats
    roots: Floats
    calibration: Doubles
    beyond: Doubles = field(default_factory=lambda: np.zeros((0, 1)))
    log_prior: Doubles = field(default_factory=lambda: np.zeros(0))
    temperature: float | None = None

    def measure(self, stack: Array, possible: Flags | None = None) -> Measured:
        """Measure images by their features (N, ...); those of one do not depend on the others.

        `possible`, (K,), flags the conditions that they can be in, one at least; by default all.

        With z = B (x - centre) / scale and e = log of the squared length across B, for each
        condition d_k = |L_k^T ((z, e) - m_k)|^2, and the misfit is d_k - 2 log det L_k - 2 log
        prior_k, infinite where it is not possible.
        """
        nearest, distance, misfits, likeliest = [], [], [], []
        weight = 2 * np.log(np.abs(np.diagonal(self.roots, axis1=1, axis2=2))).sum(axis=1)
        prior = 2 * self.log_prior if self.log_prior.size else np.zeros(weight.size)
        if possible is not None:
            weight = np.where(possible, weight, -np.inf)
        for row in stack.reshape(len(stack), -1):  # one by one: the same bits alone and together
            z = _reduced(row[None], self.centre, self.scale, self.basis)[0]
            along = np.einsum("kji,kj->ki", self.roots.astype(np.float64), z - self.means)
            found = np.square(along).sum(axis=1)
            misfits.append(found - weight - prior)
            best = int(np.argmin(misfits[-1]))
            nearest.append(best)
            distance.append(found[best])
            likeliest.append(int(np.argmin(found - weight)))
        return Measured(
            np.array(nearest, np.intp),
            np.array(distance),
            np.array(misfits).reshape(len(stack), -1),
            np.array(likeliest, np.intp),
        )

    def probabilities(self, misfits: Doubles) -> Doubles:
        """Return the probabilities of conditions from misfits, shape (N, K).

        With the temperature T, exp(-misfit_k / 2 T) over the sum of all; without one the nearest
        condition is certain.
        """
        if self.temperature is None:
            return np.asarray(np.arange(misfits.shape[1]) == misfits.argmin(axis=1)[:, None], float)
        return _probabilities(misfits, self.temperature)

    def p(self, condition: int, distance: float) -> float:
        """Return the conformal p-value: small where an image is unlike all of a condition."""
        held = self.calibration[condition]
        beyond = held.size - int(np.searchsorted(held, distance))
        return float((1 + beyond) / (1 + held.size))

    def along(self, stack: Array, end: End) -> Doubles:
        """Return how far images (N, ...) lie beyond the end of a ladder, shape (N,).

        With the means m_k of the last rung and m_j of the one before, u = m_k - m_j and y = (z, e):
        (y - m_k)' S_k^-1 u / sqrt(u' S_k^-1 u), whose deviation in condition k is 1.
        """
        root = self.roots[end.last].astype(np.float64)
        mean = self.means[end.last].astype(np.float64)
        way = (mean - self.means[end.before]) @ root
        direction = root @ way / np.sqrt(max(way @ way, 1e-300))
        rows = stack.reshape(len(stack), -1)
        z = [_reduced(row[None], self.centre, self.scale, self.basis)[0] for row in rows]
        return np.array([float((each - mean) @ direction) for each in z])

    def p_beyond(self, number: int, along: float) -> float:
        """Return the conformal p-value: small where an image is beyond all of an end's own."""
        held = self.beyond[number]
        farther = held.size - int(np.searchsorted(held, along))
        return float((1 + farther) / (1 + held.size))


def _probabilities(misfits: Doubles, temperature: float) -> Doubles:
    return np.asarray(softmax(-misfits / (2 * temperature), axis=-1))


def _reduced(rows: Array, centre: Array, scale: Array, basis: Array) -> Doubles:
    standard = (rows.astype(np.float64) - centre) / scale
    along = standard @ basis.T.astype(np.float64)
    across = np.square(standard).sum(axis=1) - np.square(along).sum(axis=1)
    return np.column_stack([along, np.log(np.maximum(across, 1e-12))])
