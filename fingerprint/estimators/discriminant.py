"""The direction that separates two classes best when there are more dimensions than images.

Linear discriminant with Ledoit-Wolf shrinkage. All that it needs of the data X (n, p) is the Gram
matrix G = X X^T, so one n x n problem serves tiles of 48 and of 3,072 numbers alike, and folds and
shuffled labels reuse it.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from fp.system.arrays import Doubles, Flags, Indices


def discriminant_coefficients(
    gram: Doubles, labels: Flags, dimensions: int, groups: Indices | None = None
) -> Doubles:
    """Return the coefficients a (n,) of the discriminant direction w = X^T a.

    `gram` (n, n) holds the inner products of the rows, `dimensions` is the number p of columns;
    both classes must occur. Rows of one group (n,) are not independent of each other.

    Notes
    -----
    With the class means m_g, m_r and the pooled within-class covariance S of the centred rows
    X_c = C X, the direction is w = ((1 - s) S + s mu I)^-1 (m_g - m_r), mu = trace(S) / p. The
    shrinkage s is Ledoit and Wolf's (2004), written in norms of the rows of X_c and of X_c X_c^T.
    The inverse is applied by Woodbury's identity.

    References
    ----------
    O. Ledoit, M. Wolf, "A well-conditioned estimator for large-dimensional covariance matrices",
    Journal of Multivariate Analysis 88 (2004), doi:10.1016/S0047-259X(03)00096-4.
    """
    n = labels.size
    difference = np.where(labels, 1.0 / labels.sum(), -1.0 / (~labels).sum())
    half_centred = _less_class_means(gram, labels)
    centred = _less_class_means(half_centred.T, labels)
    trace = float(np.trace(centred)) / n
    shrinkage = ledoit_wolf_shrinkage(centred, dimensions, groups)
    ridge = max(shrinkage * trace / dimensions, 1e-12 * trace)
    weight = (1.0 - shrinkage) / n
    if weight == 0.0 or trace == 0.0:
        return np.asarray(difference)
    inner = centred + (ridge / weight) * np.eye(n)
    solved = cho_solve(cho_factor(inner, lower=True), half_centred @ difference)
    return np.asarray((difference - _less_class_means(solved[:, None], labels)[:, 0]) / ridge)


def scaled_coefficients(
    gram: Doubles, labels: Flags, dimensions: int, groups: Indices | None = None
) -> Doubles:
    """Return the same of centred rows, scaled so that the within-class deviation of scores is 1."""
    coefficients = discriminant_coefficients(gram, labels, dimensions, groups)
    difference = np.where(labels, 1.0 / labels.sum(), -1.0 / (~labels).sum())
    scale = np.sqrt(max(float(coefficients @ gram @ difference), 1e-300))
    return np.asarray(coefficients / scale)


def ledoit_wolf_shrinkage(
    centred_gram: Doubles, dimensions: int, groups: Indices | None = None
) -> float:
    """Return Ledoit and Wolf's shrinkage, in [0, 1], from X_c X_c^T of centred rows with p columns.

    Without groups it is what `sklearn.covariance.ledoit_wolf` gives for X_c. Rows of one group
    (n,), such as versions of one image, count as one observation of the covariance.

    Notes
    -----
    The shrinkage is the variance of the sample covariance S over its squared distance from mu I.
    With rows x_i in groups g of n_g rows and A_g = sum_(i in g) x_i x_i^T, that variance is
    sum_g |A_g|^2 / n^2 - |S|^2 sum_g (n_g / n)^2; |A_g|^2 is the sum of the squared inner products
    within the group. With groups of one row it is Ledoit and Wolf's own.
    """
    n = centred_gram.shape[0]
    squares = np.diagonal(centred_gram)
    mu = float(squares.sum()) / (n * dimensions)
    norm = float(np.square(centred_gram).sum()) / n**2
    if groups is None:
        noise = (float(np.square(squares).sum()) / n - norm) / (dimensions * n)
    else:
        noise = _noise_of_groups(centred_gram, groups, norm) / dimensions
    spread = norm / dimensions - mu**2
    return 0.0 if noise <= 0.0 or spread <= 0.0 else min(noise, spread) / spread


def _noise_of_groups(centred_gram: Doubles, groups: Indices, norm: float) -> float:
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    within = 0.0
    for start, end in zip(starts, [*starts[1:], order.size], strict=True):
        members = order[start:end]
        within += float(np.square(centred_gram[np.ix_(members, members)]).sum())
    sizes = np.diff([*starts, order.size])
    return within / order.size**2 - norm * float(np.square(sizes / order.size).sum())


def _less_class_means(rows: Doubles, labels: Flags) -> Doubles:
    centred = np.array(rows)
    for label in (labels, ~labels):
        centred[label] -= centred[label].mean(axis=0)
    return centred
