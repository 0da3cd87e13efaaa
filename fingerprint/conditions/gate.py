"""Which condition is an image in, and is it in any that was calibrated? Asked of pixels alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import softmax

from fp.fingerprint.conditions.ladder import End

Array = NDArray[Any]
Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

READS = "blocks"
"""Features that the gate reads: they do not move with the place of a crop."""

_RANK = 64
_OWN = 0.5  # share of a condition's own covariance; the rest is pooled over all
_RIDGE = 0.02
_HOTTEST = 100.0


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

    nearest: NDArray[np.intp]
    distance: Doubles
    misfits: Doubles
    likeliest: NDArray[np.intp]


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
        For each end of a ladder (see `fp.fingerprint.conditions.ladder.ends`), how far its own
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

    def measure(self, stack: Array, possible: NDArray[np.bool_] | None = None) -> Measured:
        """Measure images by their features (N, ...); those of one do not depend on the others.

        Parameters
        ----------
        stack : ndarray, shape (N, ...)
            Their features.
        possible : ndarray of bool, shape (K,), optional
            Conditions that they can be in, one at least; by default all.

        Returns
        -------
        Measured
            What is found.

        Notes
        -----
        z = B (x - centre) / scale and e = log of the squared length across B; for each condition
        d_k = |L_k^T ((z, e) - m_k)|^2, and the misfit is d_k - 2 log det L_k - 2 log prior_k,
        infinite where it is not possible.
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
        """Give the probabilities of conditions from misfits, shape (N, K).

        Notes
        -----
        With the temperature T, exp(-misfit_k / 2 T) over the sum of all; without one the nearest
        condition is certain.
        """
        if self.temperature is None:
            return np.asarray(np.arange(misfits.shape[1]) == misfits.argmin(axis=1)[:, None], float)
        return _probabilities(misfits, self.temperature)

    def p(self, condition: int, distance: float) -> float:
        """Give the conformal p-value: small where an image is unlike all of a condition."""
        held = self.calibration[condition]
        beyond = held.size - int(np.searchsorted(held, distance))
        return float((1 + beyond) / (1 + held.size))

    def along(self, stack: Array, end: End) -> Doubles:
        """Say how far images (N, ...) lie beyond the end of a ladder, shape (N,).

        Notes
        -----
        With the means m_k of the last rung and m_j of the one before, u = m_k - m_j and
        y = (z, e): (y - m_k)' S_k^-1 u / sqrt(u' S_k^-1 u), whose deviation in condition k is 1.
        """
        root = self.roots[end.last].astype(np.float64)
        mean = self.means[end.last].astype(np.float64)
        way = (mean - self.means[end.before]) @ root
        direction = root @ way / np.sqrt(max(way @ way, 1e-300))
        rows = stack.reshape(len(stack), -1)
        z = [_reduced(row[None], self.centre, self.scale, self.basis)[0] for row in rows]
        return np.array([float((each - mean) @ direction) for each in z])

    def p_beyond(self, number: int, along: float) -> float:
        """Give the conformal p-value: small where an image is beyond all of an end's own."""
        held = self.beyond[number]
        farther = held.size - int(np.searchsorted(held, along))
        return float((1 + farther) / (1 + held.size))


def learn(
    stacks: Sequence[Array],
    folds: NDArray[np.intp],
    ends: Sequence[End] = (),
    log_prior: Sequence[float] = (),
    others: Sequence[Array] = (),
    whose: NDArray[np.intp] | None = None,
) -> tuple[Gate, list[NDArray[np.intp]], list[Doubles], list[NDArray[np.intp]]]:
    """Learn the gate, and measure all images by one that had not seen them.

    Parameters
    ----------
    stacks : sequence of ndarray, shape (N, ...)
        Features of the same images in each condition.
    folds : ndarray of int, shape (N,)
        Fold of each image; all its conditions lie in one fold.
    ends : sequence of End
        Where the ladders among the conditions end.
    log_prior : sequence of float
        As in `Gate`.
    others : sequence of ndarray, shape (n, ...)
        Features of some of the images, changed otherwise: they are measured, and nothing is learned
        from them.
    whose : ndarray of int, shape (n,)
        Numbers of these images.

    Returns
    -------
    Gate
        The gate of all images.
    list of ndarray of int, shape (N,)
        For each condition, the condition that a gate without the image sends it to; behind them
        the same for each of the others, -1 for images that it does not have.
    list of ndarray of float64, shape (N,)
        Its distance there.
    list of ndarray of int, shape (N,)
        The condition that it would send it to without the prior, likewise.
    """
    rows = [stack.reshape(len(stack), -1).astype(np.float64) for stack in stacks]
    sent = [np.empty(folds.size, np.intp) for _ in rows]
    distances = [np.empty(folds.size) for _ in rows]
    likeliest = [np.empty(folds.size, np.intp) for _ in rows]
    beyond = np.empty((len(ends), folds.size))
    misfits = np.empty((len(rows), folds.size, len(rows)))
    elsewhere = np.full((2, len(others), folds.size), -1, np.intp)
    prior = np.array(log_prior, np.float64)
    for fold in np.unique(folds):
        part = replace(_fit([row[folds != fold] for row in rows]), log_prior=prior)
        for k, row in enumerate(rows):
            found = part.measure(row[folds == fold])
            sent[k][folds == fold] = found.nearest
            distances[k][folds == fold] = found.distance
            likeliest[k][folds == fold] = found.likeliest
            misfits[k, folds == fold] = found.misfits
        for number, end in enumerate(ends):
            beyond[number, folds == fold] = part.along(rows[end.last][folds == fold], end)
        for number, stack in enumerate(others):
            assert whose is not None
            inside = folds[whose] == fold
            found = part.measure(stack[inside].reshape(int(inside.sum()), -1).astype(np.float64))
            elsewhere[0, number, whose[inside]] = found.nearest
            elsewhere[1, number, whose[inside]] = found.likeliest
    gate = replace(_fit(rows), log_prior=prior)
    # An image is placed among those that were sent where it was sent, whatever they are.
    held = [
        np.concatenate([d[s == k] for s, d in zip(sent, distances, strict=True)])
        for k in range(len(rows))
    ]
    calibration = np.stack([_spread(h, folds.size) for h in held])
    whole = replace(
        gate,
        calibration=calibration,
        beyond=np.sort(beyond, axis=1),
        temperature=fit_temperature(misfits),
    )
    return whole, [*sent, *elsewhere[0]], distances, [*likeliest, *elsewhere[1]]


def fit_temperature(misfits: Doubles) -> float:
    """Fit the temperature at which probabilities of conditions are calibrated.

    Parameters
    ----------
    misfits : ndarray of float64, shape (K, N, K)
        Held-out misfits of N images in each of K conditions with each of K conditions.

    Returns
    -------
    float
        The temperature of the smallest mean of sum_k (P_k - [k is the image's own])^2 (Brier
        score), from 1 to 100.

    Notes
    -----
    The clouds are no normal distributions in so many dimensions, and so many small errors add up:
    at temperature 1 a gate that errs on one image of five is sure of itself. The score is bounded,
    so that a few odd photographs do not decide: by log probabilities temperatures were two to
    three times as high, and not alike from one set of images to another.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML
    2017, section 4. G. W. Brier, "Verification of Forecasts Expressed in Terms of Probability",
    Monthly Weather Review 78 (1950).
    """

    from scipy.optimize import minimize_scalar  # takes long to import, and only learning needs it

    def loss(logarithm: float) -> float:
        errors = []
        for k, of_one in enumerate(misfits):
            error = _probabilities(of_one, float(np.exp(logarithm)))
            error[:, k] -= 1.0
            errors.append(np.square(error).sum(axis=1).mean())
        return float(np.mean(errors))

    found = minimize_scalar(loss, bounds=(0.0, np.log(_HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def _probabilities(misfits: Doubles, temperature: float) -> Doubles:
    return np.asarray(softmax(-misfits / (2 * temperature), axis=-1))


def _spread(values: Doubles, size: int) -> Doubles:
    """Give so many ascending order statistics of values, so that all conditions have as many."""
    if not values.size:
        return np.zeros(size)  # nothing is ever sent there; whatever is, lies outside
    ranks = np.ceil((np.arange(size) + 1) / (size + 1) * (values.size + 1)).astype(int)
    return np.asarray(np.sort(values)[np.clip(ranks - 1, 0, values.size - 1)])


def _fit(rows: Sequence[Doubles]) -> Gate:
    whole = np.concatenate(rows)
    centre = whole.mean(axis=0)
    within = np.mean([row.var(axis=0) for row in rows], axis=0)
    scale = np.sqrt(within + 1e-3 * within.mean() + 1e-12)
    standard = (whole - centre) / scale
    _, vectors = np.linalg.eigh(standard.T @ standard)
    # What lies across must be something: of few features half are kept.
    basis = vectors[:, ::-1][:, : min(_RANK, centre.size // 2)].T
    reduced = [_reduced(row, centre, scale, basis) for row in rows]
    means = np.stack([z.mean(axis=0) for z in reduced])
    own = np.stack([np.cov(z.T, bias=True) for z in reduced])
    pooled = own.mean(axis=0)
    roots = np.empty_like(own)
    for k, covariance in enumerate(own):
        mixed = _OWN * covariance + (1 - _OWN) * pooled
        mixed += _RIDGE * np.diag(np.diagonal(mixed)) + 1e-9 * np.eye(len(mixed))
        precision = cho_solve(cho_factor(mixed, lower=True), np.eye(len(mixed)))
        roots[k] = np.linalg.cholesky((precision + precision.T) / 2)
    return Gate(
        centre.astype(np.float32),
        scale.astype(np.float32),
        basis.astype(np.float32),
        means.astype(np.float32),
        roots.astype(np.float32),
        np.zeros((len(rows), 1)),
    )


def _reduced(rows: Array, centre: Array, scale: Array, basis: Array) -> Doubles:
    standard = (rows.astype(np.float64) - centre) / scale
    along = standard @ basis.T.astype(np.float64)
    across = np.square(standard).sum(axis=1) - np.square(along).sum(axis=1)
    return np.column_stack([along, np.log(np.maximum(across, 1e-12))])
