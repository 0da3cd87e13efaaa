"""The discriminant in the Gram matrix against scikit-learn and a direct solution."""

import numpy as np
import pytest
from scipy.linalg import cho_factor, cho_solve
from sklearn.covariance import ledoit_wolf

from fp.fingerprint.estimators.discriminant import discriminant_coefficients, ledoit_wolf_shrinkage


def two_classes(n, p, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) < n // 3)
    rows = rng.normal(size=(n, p)) @ rng.normal(size=(p, p)) / p
    rows[labels] += 0.3 * rng.normal(size=p)
    return rows, labels


def centred(rows, labels):
    out = rows.copy()
    for label in (labels, ~labels):
        out[label] -= out[label].mean(axis=0)
    return out


@pytest.mark.parametrize(("n", "p"), [(40, 12), (30, 30), (25, 90), (60, 200)])
def test_shrinkage_is_scikit_learns(n, p):
    rows, labels = two_classes(n, p)
    inside = centred(rows, labels)
    expected = ledoit_wolf(inside, assume_centered=True)[1]
    assert ledoit_wolf_shrinkage(inside @ inside.T, p) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n", "p"), [(40, 12), (30, 30), (25, 90), (60, 200)])
def test_direction_solves_the_shrunk_system(n, p):
    rows, labels = two_classes(n, p)
    covariance = ledoit_wolf(centred(rows, labels), assume_centered=True)[0]
    difference = rows[labels].mean(axis=0) - rows[~labels].mean(axis=0)
    expected = cho_solve(cho_factor(covariance), difference)
    found = rows.T @ discriminant_coefficients(rows @ rows.T, labels, p)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max())


def test_identical_rows_give_the_difference_of_means():
    labels = np.array([True, True, False, False])
    rows = np.where(labels[:, None], 1.0, -1.0) * np.ones((4, 3))
    found = rows.T @ discriminant_coefficients(rows @ rows.T, labels, 3)
    assert found == pytest.approx(np.full(3, 2.0))
