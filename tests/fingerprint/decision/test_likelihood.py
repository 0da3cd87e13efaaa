"""Likelihood ratios: calibrated, bounded, and no larger than the data can carry."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta, binomtest
from sklearn.linear_model import LogisticRegression

from fp.fingerprint.decision.likelihood import certified_rate, empirical_bounds, fit, resample
from fp.fingerprint.model.calibration import Calibration


def calibration(real, generated):
    ids = tuple(map(str, range(max(real.size, generated.size))))
    r, g = ids[: real.size], ids[: generated.size]
    return Calibration(real, generated, r, g, r, g, "test")


def cllr(real, generated):
    """Cost of log10 likelihood ratios (Bruemmer and du Preez 2006)."""
    return 0.5 * (np.mean(np.log2(1 + 10.0**-generated)) + np.mean(np.log2(1 + 10.0**real)))


def test_gaussian_scores_give_the_true_ratio():
    rng = np.random.default_rng(0)
    ratio = fit(calibration(rng.normal(0, 1, 4000), rng.normal(2, 1, 4000)))
    for score in (-0.5, 0.5, 1.0, 2.0, 2.5):
        true = (2 * score - 2) / np.log(10)
        assert ratio(score) == pytest.approx(true, abs=0.12)


def test_ratios_of_new_images_are_calibrated():
    rng = np.random.default_rng(1)
    ratio = fit(calibration(rng.normal(0, 1, 300), rng.normal(2, 1, 300)))
    real, generated = rng.normal(0, 1, 3000), rng.normal(2, 1, 3000)
    given = cllr(*(np.array([ratio(s) for s in x]) for x in (real, generated)))
    best = cllr(*(((2 * x - 2) / np.log(10)) for x in (real, generated)))
    assert given - best < 0.02


@pytest.mark.parametrize("n", [20, 128])
def test_no_ratio_exceeds_what_the_number_of_images_carries(n):
    rng = np.random.default_rng(2)
    ratio = fit(calibration(rng.normal(0, 1, n), rng.normal(50, 1, n)))
    assert ratio(1e6) == pytest.approx(ratio.upper)
    assert 0 < ratio.upper <= np.log10(n + 1)
    assert -np.log10(n + 1) <= ratio.lower < 0
    assert ratio.at_bound(1e6)
    assert not ratio.at_bound(25.0)


def test_scores_without_information_carry_nothing():
    rng = np.random.default_rng(3)
    ratio = fit(calibration(rng.normal(size=200), rng.normal(size=200)))
    assert abs(ratio(3.0)) < 0.5


def test_unit_of_the_score_does_not_matter():
    rng = np.random.default_rng(4)
    real, generated = rng.normal(0, 1, 100), rng.normal(2, 1, 100)
    first = fit(calibration(real, generated))
    second = fit(calibration(real * 1e-3 + 7, generated * 1e-3 + 7))
    assert second(1.2e-3 + 7) == pytest.approx(first(1.2), abs=1e-6)


def test_bounds_by_hand():
    """Three of each class, perfectly apart at 10^5: (3/4) / (1/4) = 3 is all they carry."""
    lower, upper = empirical_bounds(np.full(3, -5.0), np.full(3, 5.0))
    assert upper == pytest.approx(np.log10(3))
    assert lower == pytest.approx(-np.log10(3))


def test_a_ratio_below_what_the_data_carry_is_its_own_bound():
    assert empirical_bounds(np.full(99, -0.3), np.full(99, 0.3))[1] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("n", "bound"), [(128, 0.0231), (256, 0.0116), (512, 0.0058), (1024, 0.0029), (2048, 0.0015)]
)
def test_certified_rate_without_false_alarms(n, bound):
    assert certified_rate(1 / (n + 1), n) == pytest.approx(bound, abs=5e-5)
    assert certified_rate(1 / (n + 1), n) == pytest.approx(1 - 0.05 ** (1 / n))


@pytest.mark.parametrize("n", [128, 256, 512, 1024])
@pytest.mark.parametrize("rate", [0.01, 0.02, 0.05])
def test_certified_rate_is_clopper_pearsons_and_the_beta_tail(n, rate):
    j = int(np.floor(rate * (n + 1)))
    found = certified_rate(rate, n)
    exact = binomtest(j - 1, n, alternative="less").proportion_ci(0.95, "exact").high
    assert found == pytest.approx(exact, rel=1e-6)
    assert beta.cdf(found, j, n + 1 - j) == pytest.approx(0.95)
    assert found == beta.ppf(0.95, j, n + 1 - j), "not the same bits"


@pytest.mark.parametrize(
    ("n", "rate", "most"),
    [(128, 0.05, 2), (256, 0.02, 1), (256, 0.05, 6), (512, 0.01, 1), (512, 0.05, 17),
     (1024, 0.01, 4), (1024, 0.05, 39), (2048, 0.01, 12), (2048, 0.05, 85)],
)  # fmt: skip
def test_most_exceedances_for_a_certified_rate(n, rate, most):
    """A table of Clopper-Pearson bounds: k exceedances certify the rate, k + 1 do not."""
    assert certified_rate((most + 1) / (n + 1), n) <= rate
    assert certified_rate((most + 2) / (n + 1), n) > rate


def test_a_rate_out_of_reach_certifies_nothing():
    assert certified_rate(0.001, 128) == 0.0


def test_interval_covers_the_true_ratio_and_shrinks_with_images():
    covered, widths = 0, {}
    for n in (40, 400):
        widths[n] = []
        for seed in range(30):
            rng = np.random.default_rng([n, seed])
            found = resample(calibration(rng.normal(0, 1, n), rng.normal(2, 1, n)), seed)
            low, high = found.interval(2.0)
            covered += low <= 2 / np.log(10) <= high
            widths[n].append(high - low)
    assert covered >= 50
    assert np.mean(widths[40]) > 2 * np.mean(widths[400])


def test_resampling_moves_whole_sources():
    rng = np.random.default_rng(7)
    real, generated = rng.normal(0, 1, 20), rng.normal(2, 1, 20)
    single = calibration(real, generated)
    copies = calibration(np.repeat(real, 8), np.repeat(generated, 8))
    sources = tuple(str(k // 8) for k in range(160))
    grouped = replace(copies, real_source=sources, generated_source=sources)
    width = {
        name: np.diff(resample(made).interval(3.0))[0]
        for name, made in (("single", single), ("copies", copies), ("grouped", grouped))
    }
    assert width["grouped"] == pytest.approx(width["single"], rel=0.4)
    assert width["copies"] < 0.6 * width["grouped"]


def test_many_fits_at_once_agree_with_scikit_learn():
    rng = np.random.default_rng(8)
    for distance in (0.0, 1.0, 5.0, 30.0):
        real, generated = rng.normal(0, 1, 100), rng.normal(distance, 1, 60)
        ratio = fit(calibration(real, generated))
        scores, labels = np.concatenate([real, generated]), np.arange(160) >= 100
        z = (scores - scores.mean()) / scores.std()
        oracle = LogisticRegression(class_weight="balanced", C=100, tol=1e-10, max_iter=1000)
        oracle.fit(z[:, None], labels)
        expected = oracle.coef_[0, 0] / scores.std() / np.log(10)
        assert ratio.slope == pytest.approx(expected, abs=1e-5)
