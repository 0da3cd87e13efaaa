"""Windows at every phase of the lattice: sums, mixtures, what a map finds at any offset."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from synthetic import Generator, photograph, save, write_generated, write_photographs

from fp.denoisers import registry
from fp.fingerprint.decision.judge import Judge
from fp.fingerprint.detection.banks import examine
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.estimators import registry as estimators
from fp.fingerprint.estimators.cells import repeating
from fp.fingerprint.estimators.protocol import Fitted
from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.model.windows import CELL, Search, Windows
from fp.fingerprint.windows import searching
from fp.fingerprint.windows.combining import weights_of, window_judge_of
from fp.fingerprint.windows.fields import Weights, fields_of, fields_of_residual
from fp.fingerprint.windows.maps import calibrated_level, draw_map
from fp.fingerprint.windows.searching import Readings, mixed, read, search_image
from fp.images.loading import load_image

WAVELET = registry.get("wavelet")
STRONG = Generator(3, strength=0.02)
SHAPES = (
    ("tile", (3, 8, 8)),
    ("tile", (3, 4, 4)),
    ("cyclic", (68, 8, 8)),
    ("cyclic", (68, 2, 2)),
    ("spectrum", (3, 64, 33)),
)


def weights(rng, shapes=SHAPES):
    patterns = [(kind, rng.normal(size=shape).astype(np.float32)) for kind, shape in shapes]
    return Weights(tuple((estimators.get(kind), Fitted(found)) for kind, found in patterns))


def rolled(given, y, x):
    """Return the weights of a lattice that begins at pixel (y, x)."""
    return Weights(
        tuple(
            (part, Fitted(np.roll(found.pattern, (y, x), (-2, -1))) if part.moves else found)
            for part, found in given.parts
        )
    )


# Sums


@pytest.mark.parametrize("shape", [(3, 96, 128), (3, 75, 150)])
def test_the_sums_at_all_phases_are_those_of_rolled_weights(shape):
    rng = np.random.default_rng(0)
    residual, given = rng.normal(size=shape).astype(np.float32), weights(rng)
    found = fields_of_residual(residual, given, searched=True)
    assert [len(sums) for sums in found.moved] == [8, 4, 8, 2]
    for y in range(8):
        for x in range(8):
            expected = fields_of_residual(residual, rolled(given, y, x)).sums
            for number, sums in enumerate(found.moved):
                one = sums[y % len(sums), x % len(sums)]
                most = np.abs(expected[number]).max()
                np.testing.assert_allclose(one, expected[number], rtol=0, atol=3e-6 * most)


def test_a_streamed_image_gives_the_sums_at_all_phases_of_the_whole():
    image, given = photograph(2, 384)[:176], weights(np.random.default_rng(1))
    whole = fields_of_residual(WAVELET(image), given, searched=True)
    streamed = fields_of(image, WAVELET, given, 128, searched=True)
    for one, two in zip(whole.moved, streamed.moved, strict=True):
        np.testing.assert_allclose(one, two, rtol=0, atol=3e-6 * np.abs(one).max())
    for name in ("energy", "count", "sums"):  # nothing else changes
        plain = getattr(fields_of_residual(WAVELET(image), given), name)
        np.testing.assert_array_equal(getattr(whole, name), plain)


def test_of_a_longer_period_that_is_searched_which_repeats():
    rng = np.random.default_rng(2)
    short, long = rng.normal(size=(3, 4, 4)), rng.normal(size=(3, 32, 32))
    long -= np.tile(long.reshape(3, 4, 8, 4, 8).mean((1, 3)), (1, 4, 4))  # nothing repeats
    np.testing.assert_array_equal(
        repeating(np.tile(short, (1, 8, 8)).astype(np.float32)), short.astype(np.float32)
    )
    both = (np.tile(short, (1, 8, 8)) + long).astype(np.float32)
    np.testing.assert_allclose(repeating(both), np.tile(short, (1, 2, 2)), atol=1e-6)
    assert repeating(np.ones((3, 8, 8), np.float32)).shape == (3, 1, 1)


# Mixtures


def readings(rng, shape=(3, 2)):
    own = rng.normal(size=(3, *shape))
    moved = {0: rng.normal(size=(8, 8, *shape)), 2: rng.normal(size=(2, 2, *shape))}
    return Readings(own, {k: v.astype(np.float32) for k, v in moved.items()})


def test_a_mixture_is_the_mean_likelihood_ratio_over_the_phases():
    rng = np.random.default_rng(3)
    given, w = readings(rng), np.array([3.0, 1.0, 2.0], np.float32)
    found = mixed(given.log_odds(w, 0.5))
    for place in np.ndindex(found.whole.shape):
        own = w @ given.own[:, *place] - 0.5
        terms = [0.5 * np.exp(own)]
        for y in range(8):
            for x in range(8):
                moved = (given.moved[0][y, x, *place], given.moved[2][y % 2, x % 2, *place])
                odds = w[0] * moved[0] + w[1] * given.own[1, *place] + w[2] * moved[1] - 0.5
                terms.append(np.exp(odds) / 128)
        assert found.whole[place] == pytest.approx(np.log(sum(terms)), abs=1e-6)
        assert found.alike[place] == pytest.approx(np.log(128 * sum(terms[1:])), abs=1e-6)
        assert found.phase[place] == np.argmax(terms)


def test_the_scores_at_the_best_phase_give_its_log_odds():
    given, w = readings(np.random.default_rng(4)), np.array([3.0, 1.0, 2.0], np.float32)
    phase = mixed(given.log_odds(w, 0.0)).phase
    each = np.stack(list(given.log_odds(w, 0.0)))
    expected = np.take_along_axis(each, phase[None], axis=0)[0]
    np.testing.assert_allclose(np.tensordot(w, given.at(phase), 1), expected, rtol=1e-6)


def search_of(given, real=None):
    scores = np.zeros((2, 3, 3)) if real is None else real
    ones = np.ones((2, len(given.parts)), np.float32)
    return Search(ones, np.zeros(2), np.array([[1.0, 0.0]] * 2), scores, scores + 1)


def test_a_window_at_its_own_phase_reads_what_it_always_did():
    rng = np.random.default_rng(5)
    given, residual = weights(rng), rng.normal(size=(3, 128, 160)).astype(np.float32)
    found = fields_of_residual(residual, given, searched=True)
    for size, step in ((64, 32), (32, 16), (128, 16)):
        seen = read(found, size, step)
        np.testing.assert_array_equal(seen.own, found.scores(size, step))
        for number, planes in seen.moved.items():
            np.testing.assert_allclose(planes[0, 0], seen.own[number], rtol=1e-3, atol=1e-6)


def test_windows_do_not_depend_on_the_band_that_they_are_scored_in(monkeypatch):
    rng = np.random.default_rng(6)
    given, residual = weights(rng), rng.normal(size=(3, 256, 128)).astype(np.float32)
    found = fields_of_residual(residual, given, searched=True)
    whole = search_image(search_of(given), found, 64, 16)
    assert whole.odds.shape == (2, 13, 5) and whole.alike.shape == (13, 5)
    monkeypatch.setattr(searching, "_BAND", 4)
    bands = search_image(search_of(given), found, 64, 16)
    for name in ("odds", "alike", "phase"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(bands, name))


def test_with_all_phases_alike_nothing_depends_on_where_the_lattice_lies():
    rng = np.random.default_rng(9)
    given, residual = weights(rng, SHAPES[:4]), rng.normal(size=(3, 128, 128)).astype(np.float32)
    found = fields_of_residual(residual, given, searched=True)
    moved = fields_of_residual(residual, rolled(given, 3, 6), searched=True)
    one, two = (search_image(search_of(given), each, 64, 16) for each in (found, moved))
    np.testing.assert_allclose(one.alike, two.alike, rtol=1e-4)
    assert np.abs(one.odds[0] - two.odds[0]).max() > 0.1


def test_no_residual_is_no_evidence_at_any_phase():
    given = weights(np.random.default_rng(7))
    found = fields_of_residual(np.zeros((3, 96, 96), np.float32), given, searched=True)
    still = np.array([[1, 1, 1, 1, 0]] * 2, np.float32)
    seen = search_image(replace(search_of(given), weights=still), found, 64, 16)
    np.testing.assert_allclose(seen.odds, 0, atol=1e-9)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("scale", np.array([[-1.0, 0.0]] * 2), "slopes"),
        ("scale", np.ones((1, 2)), r"\(2, 2\)"),
        ("weights", np.ones((1, 5), np.float32), r"\(2, K\)"),
        ("real", np.zeros((2, 4, 4)), "do not fit"),
        ("offsets", np.array([0.0, np.nan]), "not finite"),
    ],
)
def test_an_impossible_search_is_refused(field, value, told):
    with pytest.raises(ValueError, match=told):
        replace(search_of(weights(np.random.default_rng(8))), **{field: value})


# From folders to maps


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    root = tmp_path_factory.mktemp("searching")
    write_generated(root / "made", 32, STRONG, side=128)
    write_photographs(root / "real", 32, side=128)
    options = ExtractOptions(method="lattice", null=0, audit=False, windows=True)
    return extract(root / "made", root / "real", "G", options).fingerprint


def drawn_of(fingerprint, pixels, searched=True):
    fields = fields_of(pixels, WAVELET, weights_of(fingerprint), searched=searched)
    return draw_map(fields, window_judge_of(Judge(fingerprint)).windows, 0.05)


def whole(cells):
    return np.kron(cells, np.ones((CELL, CELL), cells.dtype))


@pytest.mark.parametrize("offset", [(0, 0), (3, 6), (5, 1)])
def test_a_region_is_found_at_any_offset_and_its_phase_is_told(lab, offset):
    mask = np.zeros((256, 256), bool)
    mask[64:192, 96:224] = True
    pasted = np.roll(STRONG.draw(950, 256), offset, (0, 1))
    pixels = np.where(mask[..., None], pasted, photograph(950, 256))
    found = drawn_of(lab, pixels)
    assert found.searched
    assert roc_auc_score(mask.ravel(), whole(found.log10_lr).ravel()) > 0.9
    flagged = whole(found.generated)
    assert flagged[80:176, 112:208].mean() > 0.7
    assert flagged[:, :32].mean() < 0.1
    inside = np.s_[6:10, 8:12]  # cells whose nearest window lies within the region
    phase = np.stack([found.phase_y[inside], found.phase_x[inside]])
    assert (phase == np.array(offset)[:, None, None]).mean() > 0.8


def test_without_the_search_a_region_at_another_phase_is_lost(lab):
    pixels = np.roll(STRONG.draw(951, 256), (3, 6), (0, 1))
    found, plain = drawn_of(lab, pixels), drawn_of(lab, pixels, searched=False)
    assert not plain.searched and not plain.phase_y.any()
    assert found.generated.mean() > 0.8 > 0.2 > plain.generated.mean()


def test_a_crop_of_a_generated_picture_is_not_told_to_be_unlike_it(lab):
    pixels = STRONG.draw(952, 256)[3:, 5:]
    found, plain = drawn_of(lab, pixels), drawn_of(lab, pixels, searched=False)
    assert found.reference.mean() < 0.2 < plain.reference.mean()


def test_held_out_windows_score_as_new_ones_do(lab):
    search = window_judge_of(Judge(lab)).windows.search
    held = search.real.mean((1, 2)), search.generated.mean((1, 2))
    gap = held[1].mean() - held[0].mean()
    for label, draw in enumerate((photograph, STRONG.draw)):
        new = []
        for number in range(500, 520):
            fields = fields_of(draw(number, 128), WAVELET, weights_of(lab), searched=True)
            seen = search_image(search, fields, 64, 32)
            new.append((seen.odds[0], seen.alike)[label].mean())
        spread = np.hypot(held[label].std() / np.sqrt(32), np.std(new) / np.sqrt(20))
        # Ten folds know a little less than all images together.
        assert abs(np.mean(new) - held[label].mean()) < 4 * spread + 0.03 * gap


def test_the_level_is_that_of_the_searched_scores(lab):
    search = window_judge_of(Judge(lab)).windows.search
    level = calibrated_level(search, True, 0.05)
    flagged = [drawn_of(lab, photograph(number, 128)).generated.any() for number in range(600, 640)]
    assert 0 < level <= 0.05 + 1e-9
    # One of 32 images calibrates the level: the rate itself is Beta(1, 32) distributed.
    assert np.mean(flagged) < 0.2


def test_one_map_of_a_bank_is_that_of_its_fingerprint_alone(lab, tmp_path):
    path = tmp_path / "large.png"
    save(np.roll(STRONG.draw(953, 256), (2, 7), (0, 1)), path)
    image, options = load_image(path), DetectOptions(mapped=True)
    alone = examine(image, [lab], options).map
    among = examine(image, [lab, lab.renamed("other")], options).map
    np.testing.assert_array_equal(alone.log10_lr, among.log10_lr)
    assert alone.searched and among.searched


def test_a_fingerprint_of_before_the_search_draws_the_map_that_it_did(lab, tmp_path):
    path = tmp_path / "large.png"
    save(STRONG.draw(954, 256), path)
    sizes = tuple(replace(size, search=None) for size in lab.windows.sizes)
    older = replace(lab, windows=Windows(lab.windows.parts, sizes))
    assert older.uuid == lab.uuid
    found = examine(load_image(path), [older], DetectOptions(mapped=True)).map
    plain = drawn_of(lab, STRONG.draw(954, 256), searched=False)
    assert not found.searched
    np.testing.assert_array_equal(found.array, plain.array)
