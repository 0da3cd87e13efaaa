"""Which condition is an image in, and is it in any that was calibrated? Asked of pixels alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from fp.fingerprint.model.gate import Gate, _probabilities, _reduced
from fp.fingerprint.model.ladder import End
from fp.system.arrays import Array, Doubles, Indices

_RANK = 64
_OWN = 0.5  # share of a condition's own covariance; the rest is pooled over all
_RIDGE = 0.02
_HOTTEST = 100.0


@dataclass(frozen=True, eq=False)
class LearnedGate:
    """A gate, and what gates that had not seen an image made of it.

    Parameters
    ----------
    gate : Gate
        The gate of all images.
    sent : list of ndarray of int, shape (N,)
        For each condition, the condition that a gate without the image sends it to; behind them
        the same for each of the others, -1 for images that it does not have.
    distances : list of ndarray of float64, shape (N,)
        For each condition, its distance there.
    likeliest : list of ndarray of int, shape (N,)
        The condition that it would send it to without the prior, likewise.
    """

    gate: Gate
    sent: list[Indices]
    distances: list[Doubles]
    likeliest: list[Indices]


def learn(
    stacks: Sequence[Array],
    folds: Indices,
    ends: Sequence[End] = (),
    log_prior: Sequence[float] = (),
    others: Sequence[Array] = (),
    whose: Indices | None = None,
) -> LearnedGate:
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
    LearnedGate
        The gate of all images, and what was measured.
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
    return LearnedGate(whole, [*sent, *elsewhere[0]], distances, [*likeliest, *elsewhere[1]])


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
