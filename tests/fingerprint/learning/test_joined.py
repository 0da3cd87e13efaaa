"""Methods of several parts: what they learn, how they are joined, what is typical, and the null."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fp.fingerprint.estimators.cyclic import LAGS, Cyclic, cyclic_covariance
from fp.fingerprint.estimators.discriminant import discriminant_coefficients
from fp.fingerprint.estimators.folds import Labelled, deal, separation
from fp.fingerprint.estimators.tile import Tile
from fp.fingerprint.learning import method as learning
from fp.fingerprint.learning import typicality
from fp.fingerprint.learning.fusion import fuse, hold_out
from fp.fingerprint.learning.method import recipe
from fp.fingerprint.learning.permutation import covers, held_out_scores, permutation_control
from fp.fingerprint.learning.strength import is_weak, permutation_p
from fp.fingerprint.model.calibration import Calibration, NullControl
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.system.errors import UsageError

LABELS = np.arange(60) < 30


def upsampled(rng, side=64):
    """Draw noise that was upsampled by two: its covariances depend on the phase."""
    coarse = rng.normal(size=(3, side // 2, side // 2))
    fine = np.repeat(np.repeat(coarse, 2, axis=1), 2, axis=2)
    return (fine + 0.5 * rng.normal(size=(3, side, side))).astype(np.float32)


def smooth(rng, side=64):
    """Draw noise of the same neighbour covariance on average, alike at every phase."""
    noise = rng.normal(size=(3, side, side))
    near = noise + np.roll(noise, 1, 1) + np.roll(noise, 1, 2) + np.roll(noise, (1, 1), (1, 2))
    return (near / 2 + 0.5 * rng.normal(size=(3, side, side))).astype(np.float32)


@pytest.fixture(scope="module")
def residuals():
    """Thirty upsampled pictures with a faint tile, and thirty smooth ones."""
    rng = np.random.default_rng(3)
    tile = np.tile(rng.normal(size=(3, 8, 8)), (1, 8, 8)).astype(np.float32)
    made = [upsampled(rng) + np.float32(0.1) * tile for _ in range(30)]
    return np.stack(made + [smooth(rng) for _ in range(30)])


def stacks_of(method, residuals):
    rows = [method.features(residual) for residual in residuals]
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def test_cyclic_covariance_is_the_mean_product_at_each_phase():
    rng = np.random.default_rng(0)
    residual = rng.normal(size=(3, 64, 96)).astype(np.float32)
    found = cyclic_covariance(residual).reshape(len(LAGS), 4, 8, 8)
    planes = np.concatenate([residual, residual.mean(axis=0, keepdims=True)]).astype(float)
    padded = np.pad(np.square(planes), ((0, 0), (4, 4), (4, 4)), mode="symmetric")
    energy = np.lib.stride_tricks.sliding_window_view(padded, (9, 9), axis=(1, 2)).mean((3, 4))
    q = planes / np.sqrt(energy + 1e-10)
    for index in (0, 4, 9, 16):
        dy, dx = LAGS[index]
        product = np.clip(q * np.roll(q, (-dy, -dx), (1, 2)), -4, 4)[:, 8:-8, 8:-8]
        folded = product.reshape(4, 6, 8, 10, 8).mean(axis=(1, 3))
        expected = folded - folded.mean(axis=(1, 2), keepdims=True)
        np.testing.assert_allclose(found[index], expected, atol=2e-5)


def test_cyclic_covariance_ignores_scale_and_sign():
    residual = upsampled(np.random.default_rng(1))
    found = cyclic_covariance(residual)
    np.testing.assert_allclose(cyclic_covariance(-37 * residual), found, atol=1e-4)
    assert np.abs(cyclic_covariance(np.zeros((3, 32, 32), np.float32))).max() == 0


@pytest.mark.parametrize("period", [2, 4, 8])
def test_cyclic_sees_an_upsampling_that_the_mean_does_not(residuals, period):
    part = Cyclic(period)
    features = np.stack([part.features(r) for r in residuals])
    half = np.arange(60) % 2 == 0
    fitted = part.fit(features[half], LABELS[half], np.arange(30))
    assert fitted.pattern.shape == (68, period, period)
    scores = part.score(features[~half], fitted.pattern, fitted.offset)
    assert roc_auc_score(LABELS[~half], scores) > 0.95


def test_cyclic_refuses_other_periods():
    with pytest.raises(UsageError, match="2, 4 or 8, not 3"):
        Cyclic(3)


def test_diagonal_tile_divides_by_variances():
    rng = np.random.default_rng(2)
    features = rng.normal(size=(40, 3, 32, 32)) * rng.uniform(0.5, 2, size=(3, 32, 32))
    labels = np.arange(40) < 20
    fitted = Tile(periods=(32,), covariance="diagonal").fit(features, labels, np.arange(40))
    means = [features[label].mean(axis=0) for label in (labels, ~labels)]
    variance = sum(features[label].var(axis=0) for label in (labels, ~labels)) / 2
    expected = (means[0] - means[1]) / (variance + 0.1 * variance.mean())
    assert np.corrcoef(fitted.pattern.ravel(), expected.ravel())[0, 1] > 1 - 1e-6


def test_joined_score_is_the_weighted_sum_of_its_parts(residuals):
    method = recipe("auto")
    stacks = stacks_of(method, residuals)
    learned = method.learn(stacks, Labelled(LABELS, np.arange(60), 5))
    found = learned.score_all(stacks)
    by_part = np.column_stack(
        [
            part.score(stacks[part.reads], held.fitted.pattern, held.fitted.offset)
            for part, held in zip(method.parts, learned.parts, strict=True)
        ]
    )
    weights = learned.fusion.weights.astype(float)
    np.testing.assert_allclose(found.parts, by_part)
    np.testing.assert_allclose(found.score, by_part @ weights[0] - learned.fusion.offsets[0])
    np.testing.assert_allclose(found.specific, by_part @ weights[1] - learned.fusion.offsets[1])
    assert weights[1, -1] == 0, "the spectrum does not speak of the generator"
    alone = learned.score_all({name: rows[7:8] for name, rows in stacks.items()})
    assert alone.score[0] == found.score[7]
    assert alone.distances.statistic[0] == found.distances.statistic[7]


def test_held_out_joined_scores_separate_and_those_of_shuffled_labels_do_not(residuals):
    method = recipe("lattice")
    stacks = stacks_of(method, residuals)
    learned = method.learn(stacks, Labelled(LABELS, np.arange(60), 5))
    assert roc_auc_score(LABELS, learned.held.scores) > 0.95
    np.testing.assert_array_equal(learned.held.scores, learned.specific.scores)
    areas = []
    for seed in range(4):
        shuffled = np.random.default_rng(seed).permutation(LABELS)
        null = method.learn(stacks, Labelled(shuffled, np.arange(60), 5))
        areas.append(roc_auc_score(shuffled, null.held.scores))
    assert 0.3 < np.mean(areas) < 0.7


def test_fusion_gives_no_weight_to_noise_and_is_calibrated():
    rng = np.random.default_rng(5)
    n = 2000
    labels = np.arange(n) < n // 2
    signal = rng.normal(size=n) + 2.0 * labels  # log odds 2 s - 2
    parts = np.column_stack([signal, rng.normal(size=n), rng.normal(size=n)])
    found = fuse(parts, np.array([True, True, False]), labels, np.arange(n))
    assert found.weights[1, 0] == pytest.approx(2.0, abs=0.25)
    assert np.abs(found.weights[:, 1:]).max() < 0.2
    assert found.offsets[1] == pytest.approx(2.0, abs=0.3)
    held = hold_out(parts, np.array([True, True, False]), labels, np.arange(n), seed=0)
    np.testing.assert_allclose(held[:, 0], 2 * signal - 2, atol=1.2)


def test_unknown_methods_and_parts_are_refused():
    with pytest.raises(UsageError, match="Unknown method 'magic'; there are auto, cyclic"):
        recipe("magic")
    with pytest.raises(UsageError, match="does not take colour"):
        recipe("auto", {"colour": "red"})
    with pytest.raises(UsageError, match="needs a part that speaks"):
        recipe("auto", {"parts": [["spectrum", {}]]})
    assert set(learning.available()) > {"auto", "lattice", "tile", "dif"}


def views(rng, n, shift=0.0):
    planes = rng.normal(size=(n, 68, 8, 8)).astype(np.float32)
    planes[:, :28, ::2] += np.float32(shift)
    return {"cyclic": Cyclic().view(planes), "scores": rng.normal(size=(n, 3))}


def test_typicality_holds_its_level_and_finds_what_lies_elsewhere():
    rng = np.random.default_rng(6)
    labels = np.arange(200) < 100
    stacks = views(rng, 200)
    folds = deal(np.arange(200), labels, 10)
    found = typicality.learn(stacks, labels, folds)
    assert found.calibration.size == 100
    own = [found.p(s) for s in found.measure(views(rng, 400)).statistic]
    other = [found.p(s) for s in found.measure(views(rng, 100, shift=0.5)).statistic]
    assert np.mean(np.array(own) <= 0.1) < 0.2
    assert np.mean(np.array(other) <= 0.1) > 0.9


def test_distance_is_mahalanobis_where_everything_is_kept():
    rng = np.random.default_rng(7)
    labels = np.arange(400) < 200
    rows = rng.normal(size=(400, 4)) @ rng.normal(size=(4, 4))
    found = typicality._view(rows, labels)
    centred = np.concatenate(
        [rows[label] - rows[label].mean(axis=0) for label in (labels, ~labels)]
    )
    precision = np.linalg.inv(centred.T @ centred / 400)
    z = rows - rows[labels].mean(axis=0)
    expected = np.einsum("ij,jk,ik->i", z, precision, z)
    assert np.corrcoef(found.distance(rows), expected)[0, 1] > 0.98


def test_features_that_hardly_vary_give_finite_distances():
    rng = np.random.default_rng(12)
    labels = np.arange(40) < 20
    for rows in (
        np.outer(rng.normal(size=40), rng.normal(size=112)),  # of rank one
        np.tile(rng.normal(size=112), (40, 1)),  # all alike
        rng.normal(size=(40, 112))[np.arange(40) % 3],  # copies
    ):
        found = typicality._view(rows, labels).distance(rows)
        assert np.isfinite(found).all() and (found >= 0).all()


def test_many_labellings_at_once_are_as_one_by_one():
    rng = np.random.default_rng(8)
    rows = rng.normal(size=(48, 90))
    labels = np.arange(48) < 20
    rows[labels] += 0.3
    columns = np.stack([labels, *(rng.permutation(labels) for _ in range(4))], axis=1)
    dealt = np.arange(48) % 4
    found = held_out_scores(rows, columns, dealt)
    for column in range(5):
        for fold in range(4):
            train, test = dealt != fold, dealt == fold
            centre = rows[train].mean(axis=0)
            inside = rows[train] - centre
            coefficients = discriminant_coefficients(inside @ inside.T, columns[train, column], 90)
            weights = inside.T @ coefficients
            expected = (rows[test] - centre) @ weights / np.linalg.norm(weights)
            np.testing.assert_allclose(found[test, column], expected, atol=1e-10)


def test_permutation_control_stands_out_for_a_generator_and_not_for_none(residuals):
    method = recipe("auto")
    stacks = stacks_of(method, residuals)
    nulls = permutation_control(method, stacks, Labelled(LABELS, np.arange(60), seed=1), 100)
    assert nulls.whole.observed > 2 * nulls.whole.shuffled.max()
    assert nulls.specific.observed > nulls.specific.shuffled.max()
    assert abs(nulls.whole.shuffled.mean()) < 0.3
    nothing = np.random.default_rng(9).permutation(LABELS)
    none = permutation_control(method, stacks, Labelled(nothing, np.arange(60), seed=1), 100)
    assert none.whole.p > 0.02


def test_permutation_p_is_uniform_without_a_generator():
    method = recipe("tile", {"periods": [4, 8]})
    p = []
    for seed in range(40):
        rng = np.random.default_rng([10, seed])
        stacks = {"tile": rng.normal(size=(24, 3, 32, 32))}
        known = Labelled(np.arange(24) < 12, np.arange(24), seed=seed)
        nulls = permutation_control(method, stacks, known, 39)
        p.append(nulls.whole.p)
    assert 0.35 < np.mean(p) < 0.65
    assert np.mean(np.array(p) <= 0.1) < 0.25


def test_control_covers_what_learns_a_difference():
    assert covers(recipe("auto")) and covers(recipe("spectrum"))
    assert not covers(recipe("mean")) and not covers(recipe("dif"))


def fingerprint(real, generated, null=None):
    ids = [tuple(f"{k:064x}" for k in range(len(s))) for s in (real, generated)]
    calibration = Calibration(real, generated, *ids, *ids, "test")
    small = Fingerprint.__new__(Fingerprint)
    object.__setattr__(small, "calibration", calibration)
    object.__setattr__(small, "null", null)
    return small


def test_weak_is_what_shuffles_reach():
    rng = np.random.default_rng(11)
    shuffled = rng.normal(0, 0.3, 200)
    real, generated = rng.normal(size=50), rng.normal(2, 1, size=50)
    top = np.quantile(shuffled, 0.99)
    assert is_weak(fingerprint(real, generated, NullControl(top, shuffled, 0)))
    assert not is_weak(fingerprint(real, generated, NullControl(top + 0.01, shuffled, 0)))
    # Too few shuffles to place anything: the held-out scores decide.
    few = NullControl(-5.0, shuffled[:5], 0)
    assert not is_weak(fingerprint(real, generated, few))
    assert is_weak(fingerprint(real, rng.normal(size=50), few))


def test_permutation_p_of_held_out_scores_is_exact_in_the_limit():
    calibration = fingerprint(np.array([0.0, 1.0]), np.array([2.0, 3.0])).calibration
    # One of the six ways to choose two of four reaches the observed difference.
    assert permutation_p(calibration) == pytest.approx(1 / 6, abs=0.04)
    assert separation(np.array([2.0, 3.0, 0.0, 1.0]), np.array([1, 1, 0, 0], bool)) > 0
