"""Bulk products against the exact kernels, and their bits against any batch and thread."""

from __future__ import annotations

import numpy as np
import pytest

from fp.fingerprint.correlation import bulk, kernels
from fp.fingerprint.correlation.bulk import TileBank, correlate_many
from fp.fingerprint.correlation.kernels import correlate
from fp.fingerprint.estimators.tile import Tile, refold
from fp.system.errors import InputError


def noise(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(("n", "k"), [(1, 1), (5, 3), (37, 130), (130, 5)])
@pytest.mark.parametrize("size", [(3, 32, 32), (3, 40, 50), (1, 2, 3)])
def test_bulk_correlation_is_the_exact_one(n, k, size):
    residuals, patterns = noise(1, n, *size) * 1e-3 + np.float32(0.2), noise(2, k, *size)
    found = correlate_many(residuals, patterns)
    assert found.shape == (n, k)
    np.testing.assert_allclose(found, correlate(residuals, patterns), atol=1e-6, rtol=0)


@pytest.mark.parametrize("threads", [1, 4])
def test_a_pair_has_the_same_bits_anywhere(threads, monkeypatch):
    monkeypatch.setattr(kernels, "_threads", threads)
    residuals, patterns = noise(3, 70, 3, 32, 64), noise(4, 135, 3, 32, 64)
    whole = correlate_many(residuals, patterns)
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(70), rng.permutation(135)
    assert np.array_equal(
        correlate_many(residuals[rows], patterns[columns]), whole[np.ix_(rows, columns)]
    )
    for i, k in ((0, 0), (69, 134), (33, 128)):
        alone = correlate_many(residuals[i : i + 1], patterns[k : k + 1])
        assert alone.tolist() == whole[i : i + 1, k : k + 1].tolist()


def test_threads_do_not_change_a_bit(monkeypatch):
    residuals, patterns = noise(5, 70, 3, 32, 32), noise(6, 9, 3, 32, 32)
    found = []
    for threads in (1, 2, 4):
        monkeypatch.setattr(kernels, "_threads", threads)
        found.append(correlate_many(residuals, patterns))
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_a_constant_correlates_with_nothing():
    images = noise(7, 3, 3, 32, 32)
    images[1] = 0.3
    assert correlate_many(images, images)[1].tolist() == [0.0, 0.0, 0.0]
    assert correlate_many(images, images)[0, 0] == pytest.approx(1.0, abs=1e-6)


def test_what_cannot_be_correlated_is_refused():
    with pytest.raises(InputError, match=r"\(N, C, H, W\)"):
        correlate_many(noise(1, 2, 3, 32, 32), noise(1, 2, 3, 32, 64))
    broken = noise(1, 3, 3, 32, 32)
    broken[2, 0, 5, 5] = np.nan
    with pytest.raises(InputError, match="Image 2 contains NaN"):
        correlate_many(broken, broken)
    with pytest.raises(InputError, match="fold with the period"):
        TileBank(noise(1, 2, 3, 8, 8)).correlate(np.zeros((1, 3, 4, 4)))
    with pytest.raises(InputError, match=r"\(K, C, P, P\)"):
        TileBank(noise(1, 2, 3, 8, 4))


@pytest.mark.parametrize("period", [4, 8, 32])
def test_a_tile_bank_gives_the_scores_of_the_tile_method(period):
    tile = Tile(periods=(period,))
    features = np.stack([tile.features(residual) for residual in noise(8, 6, 3, 64, 96)])
    weights = noise(9, 21, 3, period, period) + np.float32(0.1)
    expected = np.stack([tile.score(features, one) for one in weights], axis=1)
    found = TileBank(weights).correlate(refold(features, period))
    np.testing.assert_allclose(found, expected, atol=1e-6, rtol=0)


def test_a_tile_has_the_same_bits_in_any_bank_and_batch():
    weights = noise(10, 300, 3, 8, 8)
    tiles = np.random.default_rng(11).standard_normal((9, 3, 8, 8))
    whole = TileBank(weights).correlate(tiles)
    order = np.random.default_rng(12).permutation(300)
    assert np.array_equal(TileBank(weights[order]).correlate(tiles), whole[:, order])
    for i in range(9):
        assert np.array_equal(TileBank(weights).correlate(tiles[i : i + 1]), whole[i : i + 1])


@pytest.mark.parametrize("period", [4, 8, 32])
def test_phases_are_the_correlations_with_moved_weights(period):
    weights = noise(13, 5, 3, period, period)
    tile = np.random.default_rng(14).standard_normal((3, period, period))
    found = TileBank(weights).phases(tile)
    assert found.shape == (5, period, period)
    for y, x in ((0, 0), (1, 0), (0, 3), (2, 1)):
        moved = TileBank(np.roll(weights, (y, x), (2, 3))).correlate(tile[None])[0]
        np.testing.assert_allclose(found[:, y, x], moved, atol=1e-6)


def test_an_empty_batch_has_no_rows():
    assert TileBank(noise(1, 3, 3, 8, 8)).correlate(np.zeros((0, 3, 8, 8))).shape == (0, 3)
    assert correlate_many(noise(1, 2, 3, 8, 8)[:0], noise(1, 2, 3, 8, 8)).shape == (0, 2)
    assert bulk.SPAN % 32 == 0
