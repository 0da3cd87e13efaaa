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


def test_rows_of_one_group_count_as_one_observation():
    """The noise of the covariance is that of sums over groups, written out."""
    rows, labels = two_classes(36, 8)
    inside = centred(rows, labels)
    groups = np.arange(36) // 3
    covariance = inside.T @ inside / 36
    sums = [inside[groups == g].T @ inside[groups == g] for g in range(12)]
    noise = sum(np.square(a - 3 * covariance).sum() for a in sums) / 36**2 / 8
    spread = np.square(covariance - np.trace(covariance) / 8 * np.eye(8)).sum() / 8
    found = ledoit_wolf_shrinkage(inside @ inside.T, 8, groups)
    assert found == pytest.approx(min(noise, spread) / spread, rel=1e-9)
    alone = ledoit_wolf_shrinkage(inside @ inside.T, 8, np.arange(36))
    assert alone == pytest.approx(ledoit_wolf_shrinkage(inside @ inside.T, 8), rel=1e-9)


def test_copies_shrink_as_the_images_themselves_do():
    rows, labels = two_classes(30, 12)
    inside = centred(rows, labels)
    copies = np.repeat(inside, 4, axis=0)
    found = ledoit_wolf_shrinkage(copies @ copies.T, 12, np.repeat(np.arange(30), 4))
    assert found == pytest.approx(ledoit_wolf_shrinkage(inside @ inside.T, 12), rel=1e-9)
    assert ledoit_wolf_shrinkage(copies @ copies.T, 12) < found
