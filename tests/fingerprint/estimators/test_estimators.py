"""The estimators: what their scores are, and that they find what was planted."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fp.fingerprint.estimators import registry as estimators
from fp.fingerprint.estimators.folds import Labelled, deal
from fp.fingerprint.estimators.mean import Mean
from fp.fingerprint.estimators.tile import Tile, refold
from fp.fingerprint.learning.crossfit import learn_and_hold_out, null_control
from fp.system.errors import UsageError


def planted(n=80, side=64, period=8, strength=0.12, seed=0):
    """Make residuals of two classes; the first half repeats a tile of the given period."""
    rng = np.random.default_rng(seed)
    residuals = rng.normal(size=(n, 3, side, side)).astype(np.float32)
    tile = rng.normal(size=(3, period, period)).astype(np.float32)
    labels = np.arange(n) < n // 2
    repeated = np.tile(tile, (1, side // period, side // period))
    residuals[labels] += np.float32(strength) * repeated
    return residuals, labels, tile


def pearson(left, right):
    return np.corrcoef(left.ravel().astype(float), right.ravel().astype(float))[0, 1]


def features_of(estimator, residuals):
    return np.stack([estimator.features(residual) for residual in residuals])


def test_mean_is_the_mean_of_the_generated_residuals():
    residuals, labels, _ = planted(n=10, side=32)
    pattern = Mean().fit(residuals, labels, np.arange(10)).pattern
    np.testing.assert_allclose(pattern, residuals[labels].mean(axis=0), atol=1e-6)
    scores = Mean().score(residuals, pattern)
    assert scores == pytest.approx([pearson(r, pattern) for r in residuals], abs=1e-6)


@pytest.mark.parametrize("period", [4, 8, 16, 32])
def test_score_of_a_tile_is_the_correlation_with_the_tile_repeated(period):
    rng = np.random.default_rng(1)
    residuals = (rng.normal(size=(4, 3, 64, 96)) * 0.01 + 3.0).astype(np.float32)
    weights = rng.normal(size=(3, period, period)).astype(np.float32)
    estimator = Tile(periods=(period,))
    scores = estimator.score(features_of(estimator, residuals), weights)
    repeated = np.tile(weights, (1, 64 // period, 96 // period))
    assert scores == pytest.approx([pearson(r, repeated) for r in residuals], abs=1e-6)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 250.0])
def test_score_of_a_tile_ignores_scale_and_offset_of_the_residual(scale):
    rng = np.random.default_rng(2)
    residual = rng.normal(size=(3, 64, 64)).astype(np.float32)
    weights = rng.normal(size=(3, 8, 8)).astype(np.float32)
    estimator = Tile()
    expected = estimator.score(estimator.features(residual)[None], weights)
    moved = (residual * scale + scale).astype(np.float32)
    found = estimator.score(estimator.features(moved)[None], weights)
    assert found == pytest.approx(expected, abs=1e-5)
    assert estimator.score(estimator.features(-residual)[None], weights) == pytest.approx(-expected)


def test_flat_residual_scores_zero():
    estimator = Tile()
    features = estimator.features(np.full((3, 32, 32), 0.25, dtype=np.float32))
    assert estimator.score(features[None], np.ones((3, 8, 8), dtype=np.float32))[0] == 0.0


@pytest.mark.parametrize("period", [4, 8, 16])
def test_tile_finds_the_period_and_the_pattern(period):
    residuals, labels, tile = planted(period=period, strength=0.2)
    fitted = Tile().fit(features_of(Tile(), residuals), labels, np.arange(labels.size))
    assert fitted.chosen["period"] == period
    assert set(fitted.chosen["separation_by_period"]) == {"4", "8", "16", "32"}
    assert pearson(fitted.pattern, tile) > 0.7


def test_tile_separates_held_out_images_and_shuffled_labels_do_not():
    residuals, labels, _ = planted()
    features = features_of(Tile(), residuals)
    groups = np.arange(labels.size)
    held = learn_and_hold_out(Tile(), features, Labelled(labels, groups, 8, 0))
    assert roc_auc_score(labels, held.scores) > 0.95
    shuffled = np.random.default_rng(5).permutation(labels)
    null = learn_and_hold_out(Tile(), features, Labelled(shuffled, groups, 8, 0))
    assert 0.3 < roc_auc_score(shuffled, null.scores) < 0.7


def two_lattices(n, first):
    """Make residuals with a lattice of 4 pixels and a weaker one of 16: periods nearly tie."""
    planted_by = np.random.default_rng(21)
    fine, coarse = (planted_by.normal(size=(3, p, p)) for p in (4, 16))
    rng = np.random.default_rng([22, first])
    residuals = rng.normal(size=(n, 3, 64, 64)).astype(np.float32)
    labels = np.arange(n) < n // 2
    lattice = 0.2 * np.tile(fine, (1, 16, 16)) + 0.1 * np.tile(coarse, (1, 4, 4))
    residuals[labels] += lattice.astype(np.float32)
    return residuals, labels


def test_folds_share_the_period_so_that_held_out_scores_are_those_of_new_images():
    residuals, labels = two_lattices(80, first=0)
    features = features_of(Tile(), residuals)
    groups = np.arange(labels.size)
    # The premise: by themselves, folds choose different periods.
    dealt = deal(groups, labels, 10)
    alone = {
        Tile().fit(features[dealt != f], labels[dealt != f], groups[dealt != f]).chosen["period"]
        for f in range(10)
    }
    assert len(alone) > 1
    held = learn_and_hold_out(Tile(), features, Labelled(labels, groups, 10, 0))
    fresh, truth = two_lattices(200, first=1)
    new = Tile().score(features_of(Tile(), fresh), held.fitted.pattern)
    spread = held.scores[labels].std()
    assert abs(held.scores[labels].mean() - new[truth].mean()) < 3 * spread / np.sqrt(40)
    lowest = np.sort(held.scores[labels])[1]
    assert np.mean(new[truth] < lowest) < 0.15, "new images fall below all calibration scores"


def test_a_shuffle_of_the_null_control_chooses_its_own_period(monkeypatch):
    residuals, labels, _ = planted(n=40, side=32)
    features = features_of(Tile(), residuals)
    seen = []
    settle = Tile.settle
    monkeypatch.setattr(
        Tile, "settle", lambda self, f, given, g: seen.append(given) or settle(self, f, given, g)
    )
    null_control(Tile(), features, Labelled(labels, np.arange(40), 4), 1.0, 3)
    whole = [given for given in seen if given.size == 40]
    assert len({given.tobytes() for given in whole} - {labels.tobytes()}) == 3


def test_refold_averages_blocks():
    tiles = np.arange(2 * 3 * 32 * 32, dtype=float).reshape(2, 3, 32, 32)
    expected = np.mean(
        [tiles[:, :, y : y + 8, x : x + 8] for y in range(0, 32, 8) for x in range(0, 32, 8)],
        axis=0,
    )
    np.testing.assert_allclose(refold(tiles, 8), expected)


def test_scores_have_the_same_bits_alone_and_together():
    residuals, labels, _ = planted(n=20, side=32)
    for estimator in (Mean(), Tile()):
        features = features_of(estimator, residuals)
        pattern = estimator.fit(features, labels, np.arange(20)).pattern
        together = estimator.score(features, pattern)
        alone = [estimator.score(f[None], pattern)[0] for f in features]
        np.testing.assert_array_equal(together, alone)


def test_order_of_images_does_not_move_the_pattern():
    residuals, labels, _ = planted(n=40)
    features = features_of(Tile(), residuals)
    order = np.random.default_rng(6).permutation(40)
    first = Tile().fit(features, labels, np.arange(40)).pattern
    second = Tile().fit(features[order], labels[order], order).pattern
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_what_calls_itself_a_correlation_is_one():
    residuals, labels, _ = planted(n=12)
    for name in sorted(set(estimators.available()) - {"dif"}):
        estimator = estimators.get(name)
        features = features_of(estimator, residuals)
        fitted = estimator.fit(features, labels, np.arange(12))
        scores = estimator.score(features, fitted.pattern, fitted.offset)
        # The score of frame is the logarithm of an energy, between two limits.
        assert estimator.correlates == (bool(np.abs(scores).max() <= 1) and name != "frame"), name


def test_registry_refuses_what_it_does_not_know():
    with pytest.raises(UsageError, match="Unknown method 'magic'"):
        estimators.get("magic")
    with pytest.raises(UsageError, match="does not take these parameters"):
        estimators.get("tile", colour="red")
    with pytest.raises(UsageError, match="must divide 32"):
        estimators.get("tile", periods=(5,))
    with pytest.raises(UsageError, match="exists already"):
        estimators.register("tile", Tile, "")
