"""Several estimators as one score: logistic regression on scores that were held out.

What speaks of the generator is joined first, and what only sees processing is added to that. Both
sums are linear in the parts' scores, so a fingerprint stores two rows of weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fp.fingerprint.estimators.folds import deal
from fp.system.arrays import Doubles, Flags, Floats, Indices

Regress = Callable[[Doubles, Flags], tuple[Doubles, float]]

_FOLDS = 10


@dataclass(frozen=True, eq=False)
class Fusion:
    """Weights of the parts.

    Parameters
    ----------
    weights : ndarray of float32, shape (2, K)
        Row 0 joins all parts, row 1 those that speak of the generator alone.
    offsets : ndarray of float64, shape (2,)
        What is subtracted: a joined score is 0 where both classes are equally likely.
    """

    weights: Floats
    offsets: Doubles

    def apply(self, parts: Doubles) -> Doubles:
        """Join scores of parts (N, K) to (N, 2): all, and the generator's evidence alone."""
        weights = self.weights.astype(np.float64)
        # One image at a time: the bits must not depend on how many are scored together.
        return np.array([weights @ row for row in parts]).reshape(-1, 2) - self.offsets


def fuse(
    parts: Doubles,
    specific: Flags,
    labels: Flags,
    groups: Indices,
    regress: Regress | None = None,
) -> Fusion:
    """Learn the weights from held-out scores (N, K) of the parts.

    At least one part is specific, that is, speaks of the generator. `regress` fits a logistic
    regression; `newton` where there are hundreds to fit.

    Notes
    -----
    Stage 1: log odds a = g s + g0 over the specific parts. Stage 2: log odds over (a, other
    parts), where a of each image comes from a stage 1 that had not seen its source. Both are
    logistic regressions with an L2 penalty of one standardised weight, classes weighed alike.
    """
    regress = regress or _logistic
    inner = regress(parts[:, specific], labels)
    first = np.zeros(parts.shape[1])
    first[specific] = inner[0]
    if specific.all():
        whole, offset = first, inner[1]
    else:
        held = np.empty(labels.size)
        dealt = deal(groups, labels, _FOLDS)
        for fold in np.unique(dealt):
            inside, outside = dealt != fold, dealt == fold
            weights, bias = regress(parts[np.ix_(inside, specific)], labels[inside])
            held[outside] = parts[np.ix_(outside, specific)] @ weights - bias
        outer = regress(np.column_stack([held, parts[:, ~specific]]), labels)
        whole = outer[0][0] * first
        whole[~specific] = outer[0][1:]
        offset = outer[1] + outer[0][0] * inner[1]
    return Fusion(np.array([whole, first], dtype=np.float32), np.array([offset, inner[1]]))


def hold_out(parts: Doubles, specific: Flags, labels: Flags, groups: Indices, seed: int) -> Doubles:
    """Return the scores (N, 2) of `Fusion.apply` by weights that had not seen the images."""
    scores = np.empty((labels.size, 2))
    dealt = deal(groups, labels, _FOLDS, seed)
    for fold in np.unique(dealt):
        inside, outside = dealt != fold, dealt == fold
        found = fuse(parts[inside], specific, labels[inside], groups[inside])
        scores[outside] = found.apply(parts[outside])
    return scores


def _logistic(columns: Doubles, labels: Flags) -> tuple[Doubles, float]:
    """Fit log odds = columns @ weights - offset, standardised for the penalty's sake."""
    from sklearn.linear_model import LogisticRegression  # detection never learns, nor waits for it

    centre, spread = columns.mean(axis=0), columns.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    model = LogisticRegression(class_weight="balanced", C=1.0)
    model.fit((columns - centre) / spread, labels)
    weights = model.coef_[0] / spread
    return weights, float(weights @ centre - model.intercept_[0])


def newton(columns: Doubles, labels: Flags) -> tuple[Doubles, float]:
    """Fit the logistic regression of `fuse` by Newton's method: the same minimum, far sooner.

    Return w (K,) and the offset of the log odds <w, columns> - offset. It minimises |v|^2 / 2 +
    sum_i c_i log(1 + exp(-y_i (<v, z_i> + b))) over standardised columns z, with y = +-1 and class
    weights c that are inverse to the class sizes and N in sum.
    """
    centre, spread = columns.mean(axis=0), columns.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    z = np.column_stack([(columns - centre) / spread, np.ones(len(columns))])
    heavy = np.where(labels, labels.size / (2 * labels.sum()), labels.size / (2 * (~labels).sum()))
    penalty = np.diag([*np.ones(columns.shape[1]), 0.0])
    v = np.zeros(z.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(z @ v, -500, 500)))
        slope = z.T @ (heavy * (chance - labels)) + penalty @ v
        curvature = (z.T * (heavy * np.maximum(chance * (1 - chance), 1e-9))) @ z + penalty
        step = np.linalg.solve(curvature, slope)
        # Damped: far from the minimum a full step may overshoot.
        v -= step / max(1.0, float(np.abs(step).max()) / 4)
        if float(np.abs(step).max()) < 1e-8:
            break
    weights = v[:-1] / spread
    return weights, float(weights @ centre - v[-1])
