"""Random splits: nothing on both sides, right counts, and figures that mean what they say."""

import numpy as np
import pytest

from fp.evaluation import balanced_accuracy, mean_of, split, trial
from fp.fingerprint.learning.method import recipe
from fp.system.errors import UsageError


def test_a_split_takes_whole_groups_and_exact_counts():
    groups = np.repeat(np.arange(30), 2)
    labels = groups % 3 == 0
    inside = split(labels, groups, 12, seed=0)
    assert inside[labels].sum() == inside[~labels].sum() == 12
    assert all(len(set(inside[groups == g])) == 1 for g in range(30))
    assert (split(labels, groups, 12, seed=1) != inside).any()


def test_a_split_needs_images_to_test_on():
    labels = np.arange(20) < 10
    with pytest.raises(UsageError, match="more than the 10 there are"):
        split(labels, np.arange(20), 10, seed=0)


def test_balanced_accuracy_weighs_the_classes_alike():
    labels = np.array([True] * 1 + [False] * 9)
    assert balanced_accuracy(labels, np.zeros(10, dtype=bool)) == 0.5
    assert balanced_accuracy(labels, labels) == 1.0


def test_a_trial_finds_what_was_planted_and_its_null_does_not():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(80, 3, 32, 32)).astype(np.float32)
    labels = np.arange(80) < 40
    features[labels] += 0.25 * rng.normal(size=(3, 32, 32)).astype(np.float32)
    stacks, mean = {"residual": features}, recipe("mean")
    found = [trial(mean, stacks, labels, np.arange(80), 24, seed) for seed in range(6)]
    assert mean_of([t.accuracy for t in found]).value > 0.9
    assert mean_of([t.auc for t in found]).value > 0.95
    null = mean_of([t.null_accuracy for t in found])
    assert 0.3 < null.value < 0.7
    assert trial(mean, stacks, labels, np.arange(80), 24, 0, null=False).null_accuracy is None


def test_interval_is_students():
    found = mean_of([1.0, 2.0, 3.0])
    assert (found.value, found.n) == (2.0, 3)
    assert found.high - found.value == pytest.approx(4.3027 / np.sqrt(3), abs=1e-4)
    assert mean_of([0.7]) == mean_of([0.7])
    assert mean_of([0.7]).low == mean_of([0.7]).high
