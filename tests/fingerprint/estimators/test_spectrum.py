"""Power spectra and their discriminant; the Fourier baseline."""

import numpy as np
import pytest
from scipy.signal.windows import hann
from sklearn.metrics import roc_auc_score

from fp.fingerprint.estimators.folds import Labelled
from fp.fingerprint.estimators.fourier import Fourier
from fp.fingerprint.estimators.spectrum import Spectrum, log_power_spectrum, power_spectrum
from fp.fingerprint.learning.crossfit import learn_and_hold_out
from fp.system.errors import InputError


def both_halves(spectrum, window=64):
    """Sum a half-plane spectrum over the whole plane."""
    weight = np.full(window // 2 + 1, 2.0)
    weight[[0, -1]] = 1.0
    return (spectrum * weight).sum(axis=(-2, -1))


def test_one_window_keeps_parsevals_energy():
    rng = np.random.default_rng(0)
    residual = rng.normal(size=(3, 64, 64)).astype(np.float32)
    taper = np.outer(hann(64, sym=False), hann(64, sym=False))
    energy = (np.square(residual * taper).sum(axis=(1, 2))) / np.square(taper).sum()
    found = both_halves(power_spectrum(residual)) / 64**2
    np.testing.assert_allclose(found, energy, rtol=1e-10)


def test_windows_overlap_by_half_and_are_averaged():
    rng = np.random.default_rng(1)
    residual = rng.normal(size=(1, 128, 96)).astype(np.float32)
    parts = [
        power_spectrum(residual[:, y : y + 64, x : x + 64]) for y in (0, 32, 64) for x in (0, 32)
    ]
    np.testing.assert_allclose(power_spectrum(residual), np.mean(parts, axis=0), rtol=1e-10)


@pytest.mark.parametrize("window", [24, 32, 64, 128])
@pytest.mark.parametrize("size", [(128, 128), (160, 200)])
def test_windows_of_any_side_have_the_power_of_their_transforms(window, size):
    residual = np.random.default_rng(2).normal(size=(2, *size)).astype(np.float32)
    taper = np.outer(hann(window, sym=False), hann(window, sym=False))
    taper /= np.linalg.norm(taper)
    starts = [range(0, side - window + 1, window // 2) for side in size]
    parts = [
        np.square(np.abs(np.fft.rfft2(residual[:, y : y + window, x : x + window] * taper)))
        for y in starts[0]
        for x in starts[1]
    ]
    expected = np.mean(parts, axis=0)
    np.testing.assert_allclose(power_spectrum(residual, window), expected, rtol=1e-9, atol=1e-12)


def test_a_wave_peaks_in_its_bin():
    x = np.arange(192)
    wave = np.cos(2 * np.pi * x * 8 / 64).astype(np.float32)
    residual = np.broadcast_to(wave, (3, 128, 192)).copy()
    peak = np.unravel_index(np.argmax(power_spectrum(residual)[0]), (64, 33))
    assert peak == (0, 8)


def test_strength_of_the_residual_does_not_matter():
    residual = np.random.default_rng(2).normal(size=(3, 64, 64)).astype(np.float32)
    first, second = log_power_spectrum(residual), log_power_spectrum(residual * 1e-3)
    np.testing.assert_allclose(first, second, atol=1e-5)
    assert first.mean() == pytest.approx(0.0, abs=1e-12)


def test_flat_images_have_a_finite_spectrum_and_small_ones_none():
    assert np.isfinite(log_power_spectrum(np.zeros((3, 64, 64), dtype=np.float32))).all()
    with pytest.raises(InputError, match="64 x 64 windows needs images of that size"):
        log_power_spectrum(np.zeros((3, 32, 64), dtype=np.float32))


def processed(n=60, seed=3):
    """Make residuals; those of the first half are smoothed a little along the rows."""
    rng = np.random.default_rng(seed)
    residuals = rng.normal(size=(n, 3, 128, 128)).astype(np.float32)
    labels = np.arange(n) < n // 2
    residuals[labels] += 0.05 * np.roll(residuals[labels], 1, axis=3)
    return residuals, labels


def test_spectrum_separates_held_out_images_in_units_of_their_deviation():
    residuals, labels = processed()
    estimator = Spectrum()
    features = np.stack([estimator.features(r) for r in residuals])
    held = learn_and_hold_out(estimator, features, Labelled(labels, np.arange(labels.size), 6, 0))
    assert roc_auc_score(labels, held.scores) > 0.95
    own = estimator.score(features[~labels], held.fitted.pattern, held.fitted.offset)
    assert own.mean() == pytest.approx(0.0, abs=1e-5)
    assert 0.2 < held.scores[~labels].std() < 3


def test_spectrum_does_not_move_with_the_crop():
    wide = np.random.default_rng(4).normal(size=(3, 128, 256)).astype(np.float32)
    first = log_power_spectrum(wide[:, :, :192])
    second = log_power_spectrum(wide[:, :, 5:197])
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] > 0.5
    lattice = np.zeros((1, 128, 192), dtype=np.float32)
    lattice[:, ::8, ::8] = 1.0
    moved = np.roll(lattice, (3, 5), axis=(1, 2))
    strong = power_spectrum(lattice) > power_spectrum(lattice).max() / 100
    assert power_spectrum(moved)[strong] == pytest.approx(power_spectrum(lattice)[strong], rel=0.02)


def test_fourier_is_the_correlation_with_the_mean_magnitude():
    residuals, labels = processed(n=20)
    estimator = Fourier()
    features = np.stack([estimator.features(r) for r in residuals])
    fitted = estimator.fit(features, labels, np.arange(20))
    expected = np.mean([np.abs(np.fft.rfft2(r)) for r in residuals[labels]], axis=0)
    np.testing.assert_allclose(fitted.pattern, expected, rtol=1e-4)
    scores = estimator.score(features, fitted.pattern)
    direct = [np.corrcoef(f.ravel(), expected.ravel())[0, 1] for f in features]
    assert scores == pytest.approx(direct, abs=1e-5)
