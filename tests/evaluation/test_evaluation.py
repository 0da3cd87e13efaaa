"""Random splits: nothing on both sides, right counts, and figures that mean what they say."""

import importlib

import numpy as np
import pytest
from project import PROJECT

from fp.evaluation import balanced_accuracy, mean_of, split
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


def test_a_trial_finds_what_was_planted_and_its_null_does_not(monkeypatch):
    monkeypatch.syspath_prepend(PROJECT / "benchmarks")
    trial = importlib.import_module("held_out").trial
    rng = np.random.default_rng(0)
    features = rng.normal(size=(80, 3, 32, 32)).astype(np.float32)
    labels = np.arange(80) < 40
    features[labels] += 0.25 * rng.normal(size=(3, 32, 32)).astype(np.float32)
    stacks, mean = {"residual": features}, recipe("mean")
    found = [trial(mean, stacks, labels, np.arange(80), 24, seed, True) for seed in range(6)]
    assert mean_of([t["accuracy"] for t in found]).value > 0.9
    assert mean_of([t["auc"] for t in found]).value > 0.95
    null = mean_of([t["null_accuracy"] for t in found])
    assert 0.3 < null.value < 0.7
    assert trial(mean, stacks, labels, np.arange(80), 24, 0, False)["null_accuracy"] is None


def test_interval_is_students():
    found = mean_of([1.0, 2.0, 3.0])
    assert (found.value, found.n) == (2.0, 3)
    assert found.high - found.value == pytest.approx(4.3027 / np.sqrt(3), abs=1e-4)
    assert found.text(1) == "2.0 (-0.5 to 4.5)" and found.text(0, 100, sign="+")[0] == "+"


def test_an_interval_is_of_values_that_there_can_be_and_none_from_one_split():
    assert mean_of([0.93, 1.0]).high > 1.3
    bounded = mean_of([0.93, 1.0], 0, 1)
    assert (bounded.low >= 0, bounded.high) == (True, 1.0)
    assert bounded.value == mean_of([0.93, 1.0]).value
    single = mean_of([0.7])
    assert (single.low, single.high, single.text(1, 100)) == (None, None, "70.0 (one split)")
