"""A linear classifier on many numbers an image, learned from few images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fp.fingerprint.estimators.folds import deal
from fp.fingerprint.estimators.protocol import Fitted
from fp.fingerprint.learning.crossfit import HeldOut
from fp.system.arrays import Array, Doubles, Flags, Indices

_PENALTIES = 10.0 ** np.arange(-4.0, 3.0)


@dataclass(frozen=True, eq=False)
class LinearLearned:
    """Weights on standardised numbers.

    Parameters
    ----------
    weights : ndarray of float64, shape (D,)
        Weights on the numbers themselves.
    offset : float
        What is subtracted.
    held : HeldOut
        Cross-fitted scores of the training images.
    """

    weights: Doubles
    offset: float
    held: HeldOut

    def score(self, stacks: tuple[Array, ...]) -> Doubles:
        """Score images, shape (M,)."""
        rows = stacks[0].reshape(len(stacks[0]), -1)
        # One image at a time: the bits must not depend on how many are scored together.
        return np.array([float(row @ self.weights) for row in rows]) - self.offset


def learn_linear(
    stacks: tuple[Array, ...], labels: Flags, groups: Indices, folds: int, seed: int
) -> LinearLearned:
    """Learn a ridge classifier from numbers of each image, (N, ...), with cross-fitted scores.

    Each number is standardised over the training images; targets are +1 and -1, both classes
    weighed alike by their mean; the penalty is chosen once, by leave-one-out error. Everything
    happens in the N x N matrix of inner products, since there are more numbers than images.
    """
    rows = stacks[0].reshape(len(stacks[0]), -1).astype(np.float64)
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(spread > 1e-12, spread, np.inf)
    rows = (rows - mean) / scale
    gram = rows @ rows.T / rows.shape[1]
    penalty = _penalty(gram, labels)
    dealt = deal(groups, labels, folds, seed)
    scores = np.empty(labels.size)
    for held in np.unique(dealt):
        inside, outside = dealt != held, dealt == held
        dual, offset = _ridge(gram[np.ix_(inside, inside)], labels[inside], penalty)
        scores[outside] = gram[np.ix_(outside, inside)] @ dual - offset
    dual, offset = _ridge(gram, labels, penalty)
    weights = rows.T @ dual / rows.shape[1] / scale
    pattern = Fitted(np.zeros((1, 1, 1), np.float32), chosen={"penalty": penalty})
    held_out = HeldOut(
        scores, np.arange(labels.size), pattern, f"cross-fitted, {dealt.max() + 1} folds"
    )
    return LinearLearned(weights, offset + float(mean @ weights), held_out)


@dataclass(frozen=True)
class AtScales:
    """A baseline that reads an image at several reductions.

    Parameters
    ----------
    scales : tuple of int
        Factors by which the image is reduced before it is read.
    """

    scales: tuple[int, ...]

    learn = staticmethod(learn_linear)

    def __post_init__(self) -> None:
        object.__setattr__(self, "scales", tuple(self.scales))  # a list in a configuration

    def parameters(self) -> dict[str, Any]:
        """Return all parameters; JSON types only."""
        return {"scales": list(self.scales)}


def _targets(labels: Flags) -> Doubles:
    """Return +1 and -1 with the mean 0 whatever the sizes of the classes."""
    share = labels.mean()
    return np.asarray(np.where(labels, 1 - share, -share) * 2)


def _ridge(gram: Doubles, labels: Flags, penalty: float) -> tuple[Doubles, float]:
    n = labels.size
    centred = gram - gram.mean(axis=0) - gram.mean(axis=1)[:, None] + gram.mean()
    dual = np.linalg.solve(centred + penalty * np.eye(n), _targets(labels))
    dual -= dual.mean()
    return dual, float((gram @ dual).mean())


def _penalty(gram: Doubles, labels: Flags) -> float:
    centred = gram - gram.mean(axis=0) - gram.mean(axis=1)[:, None] + gram.mean()
    values, vectors = np.linalg.eigh(centred)
    rotated = vectors.T @ _targets(labels)
    found = {}
    for penalty in _PENALTIES * max(float(values.mean()), 1e-12):
        inverse = 1 / (np.maximum(values, 0) + penalty)
        # Leave-one-out residuals of ridge regression: (K + p I)^-1 y over its own diagonal.
        residuals = (vectors @ (inverse * rotated)) / ((vectors**2) @ inverse)
        found[float(penalty)] = float((residuals**2).mean())
    return min(found, key=lambda penalty: found[penalty])
