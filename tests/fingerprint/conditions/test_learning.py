"""What is learned from versions, against plain references, and that nothing is seen twice."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest
from sklearn.linear_model import Ridge

from fp.fingerprint.conditions.judging import SeenImages
from fp.fingerprint.conditions.learning import (
    Versions,
    learn,
    recipe_of_versions,
    ridge,
)
from fp.fingerprint.conditions.versions import KINDS, settings, versions
from fp.fingerprint.estimators.folds import Labelled
from fp.fingerprint.estimators.recipes import OF_CONDITIONS
from fp.fingerprint.learning.method import Recipe, recipe
from fp.fingerprint.model.conditions import (
    ALONE,
    HIGHEST,
    LOWEST,
    ConditionsFusion,
    Expected,
    Neighbours,
    Regression,
    compressed,
    curves,
    distances,
    evidence,
)

SIZES = {"tile": (3, 32, 32), "cyclic": (68, 8, 8), "highpass": (3, 8, 8)}


def drawn(images, separation=0.0, seed=0):
    """Draw features of versions: noise that the versions of an image share, and a difference."""
    rng = np.random.default_rng(seed)
    parts = [part for part in recipe_of_versions(recipe("auto"), 256).parts if part.reads in SIZES]
    labels = np.arange(images) < images // 2
    rows = [versions(f"{number:016x}") for number in range(images)]
    image = np.repeat(np.arange(images), len(KINDS))
    stacks = {}
    for name, shape in SIZES.items():
        shared = rng.normal(size=(images, *shape))
        found = shared[image] + rng.normal(size=(image.size, *shape))
        direction = rng.normal(size=shape) / np.sqrt(np.prod(shape))
        found += separation * labels[image][:, None, None, None] * direction
        stacks[name] = found.astype(np.float32)
    kind = np.array([each for row in rows for each, _ in row])
    numbers = rng.normal(size=(image.size, 30)) + kind[:, None] * np.arange(30) / 20
    texts = [text for row in rows for _, text in row]
    content = rng.normal(size=(image.size, 4))
    given = Versions(image, kind, texts, stacks, numbers, content)
    return Recipe("auto", tuple(parts)), given, Labelled(labels, np.arange(images))


def test_the_parts_are_named_and_those_from_elsewhere_stay():
    method = recipe_of_versions(recipe("auto"), 256)
    assert [part.name for part in method.parts] == [name for name, _ in OF_CONDITIONS]
    small = recipe_of_versions(recipe("auto"), 32)
    assert "spectrum" not in [part.name for part in small.parts]
    own = replace(method.parts[0])
    object.__setattr__(own, "name", "own")
    found = recipe_of_versions(Recipe("auto", (*recipe("auto").parts, own)), 256)
    assert found.parts[-1] is own and len(found.parts) == len(method.parts) + 1


@pytest.mark.parametrize("shape", [(60, 7), (20, 50)])
def test_a_ridge_regression_is_that_of_the_textbook(shape):
    rng = np.random.default_rng(1)
    rows, targets = rng.normal(3, 2, shape), rng.normal(size=(shape[0], 2))
    found = ridge(rows, targets, 0.2)
    z = (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-6)
    inner = z.T @ z if shape[1] <= shape[0] else z @ z.T
    known = Ridge(alpha=0.2 * np.trace(inner) / len(inner), fit_intercept=False)
    known.fit(z, targets - targets.mean(axis=0))
    np.testing.assert_allclose(found(rows), known.predict(z) + targets.mean(axis=0), atol=1e-9)
    np.testing.assert_array_equal(found(rows)[:3], found(rows[:3]))


def test_a_generator_that_is_none_is_claimed_no_more_than_photographs():
    """With labels that mean nothing, held-out scores do not separate in any kind of version."""
    aucs, claimed = [], []
    for seed in range(4):
        learned = learn(*drawn(60, 0.0, seed))
        aucs += [power.auc for power in learned.powers]
        claimed += [power.power for power in learned.powers]
    assert abs(np.mean(aucs) - 0.5) < 0.06
    assert np.mean(claimed) < 0.1


def test_a_difference_is_found_and_the_held_out_numbers_are_standard():
    method, given, known = drawn(80, 15.0)
    learned = learn(method, given, known)
    found = learned.conditions
    assert np.mean([power.auc for power in learned.powers]) > 0.9
    assert [power.kind for power in learned.powers] == list(KINDS)
    assert found.generated.mean() > found.real.mean()
    assert (found.real.size, found.generated.size) == (40, 40)
    for expected in (found.score_of_real, found.score_of_generated, found.distance_of_real):
        assert expected.held.size == 280
        assert abs(np.median(expected.held)) < 0.5 and 0.7 < expected.held.std() < 2
    # Fresh images of either class have ordinary p-values.
    _, fresh, _ = drawn(80, 15.0)
    rng = np.random.default_rng(9)
    shifted = {
        name: rows + rng.normal(0, 1, rows.shape).astype(np.float32)
        for name, rows in fresh.stacks.items()
    }
    scores = np.column_stack(
        [
            estimator.score(shifted[estimator.reads], part.pattern, part.offset)
            for estimator, part in zip(method.parts, found.parts, strict=True)
        ]
    )
    coding = (found.coding(fresh.numbers) - found.settings[0]) / found.settings[1]
    joined, curved = found.fusion(scores, found.content.bend(fresh.content[:, :1])), curves(coding)
    labels = known.labels[fresh.image]
    assert found.score_of_real.standardise(joined, curved)[labels].mean() > 1
    assert found.score_of_generated.standardise(joined, curved)[~labels].mean() < -1


def test_resized_photographs_keep_the_rate_where_their_coding_does_not_tell_them():
    """Versions that were resized score higher, and nothing that is measured says so."""
    method, given, known = drawn(360, 15.0)
    method = Recipe("auto", tuple(part for part in method.parts if part.reads == "highpass"))
    labels, resized = known.labels[given.image], settings(given.texts)[:, 2:4].any(axis=1)
    rows = given.stacks["highpass"]
    apart = rows[labels].mean(axis=0) - rows[~labels].mean(axis=0)
    rows = (rows + 0.3 * (resized & ~labels)[:, None, None, None] * apart).astype(np.float32)
    untold = np.random.default_rng(4).normal(size=given.numbers.shape)

    def some(inside):
        texts = [text for text, kept in zip(given.texts, inside, strict=True) if kept]
        told = given.image[inside], given.kind[inside], texts, {"highpass": rows[inside]}
        return Versions(*told, untold[inside], given.content[inside])

    first = given.image < 270  # 180 of the generator, and half of the references
    kept = Labelled(known.labels[:270], known.groups[:270])
    found = learn(method, some(first), kept).conditions
    rest = some(~first)
    asked = SeenImages.of(found, method, rest.stacks, rest.numbers, rest.content)
    z = found.score_of_real.standardise(asked.score, asked.curved)
    claimed = np.array([found.p_of_score(each, 90) <= 0.05 for each in z])
    assert claimed[resized[~first]].mean() <= 0.08


def test_every_version_of_a_reference_image_is_known_by_its_kind():
    method, given, known = drawn(40, 15.0)
    found = learn(method, given, known).conditions
    np.testing.assert_array_equal(found.kinds, given.kind[~known.labels[given.image]])


@pytest.mark.parametrize("versions_", [ALONE - 1, ALONE])
def test_a_high_score_is_ranked_among_the_versions_of_each_kind_if_there_are_enough(versions_):
    method, given, known = drawn(40, 15.0)
    usual = learn(method, given, known).conditions
    kinds = np.repeat(np.arange(7), versions_)
    held = np.random.default_rng(3).normal(size=kinds.size) + 2.0 * (kinds == 4)
    found = replace(usual, kinds=kinds, score_of_real=replace(usual.score_of_real, held=held))
    shares = [np.mean(held[kinds == kind] >= 1.9) for kind in range(7)]
    assert shares[4] > 0.4 > 4 * max(shares[:4] + shares[5:])
    share = shares[4] if versions_ == ALONE else np.mean(held >= 1.9)
    assert found.p_of_score(1.9, 40) == pytest.approx((1 + 40 * share) / 41)
    assert found.p_of_score(held.max() + 1, 40) == pytest.approx(1 / 41)


@pytest.mark.parametrize("far", [-1e3, 1e3])
def test_far_from_all_codings_a_deviation_stays_within_four_times_the_usual(far):
    flat = Regression(np.zeros(17), np.ones(17), np.zeros((17, 1)), np.zeros(1))
    steep = replace(flat, weights=np.eye(17)[:, :1], offset=np.array([np.log(2.0)]))
    found = Expected(flat, steep, np.zeros(3))
    curved = far * np.eye(17)[:1]
    assert found.deviation(0 * curved) == pytest.approx(2.0)
    assert found.deviation(curved) == pytest.approx(8.0 if far > 0 else 0.5)
    assert np.isfinite(found.standardise(np.array([3.0]), curved)).all()


def test_learning_twice_gives_the_same_bits():
    method, given, known = drawn(40, 15.0)
    one, two = learn(method, given, known), learn(method, given, known)
    np.testing.assert_array_equal(one.conditions.real, two.conditions.real)
    for a, b in zip(one.conditions.parts, two.conditions.parts, strict=True):
        np.testing.assert_array_equal(a.pattern, b.pattern)


def test_shares_count_what_is_at_least_as_extreme():
    nothing = Regression(np.zeros(17), np.ones(17), np.zeros((17, 1)), np.zeros(1))
    found = Expected(nothing, nothing, np.array([-1.0, 0.0, 0.0, 2.0]))
    assert [found.share_above(z) for z in (-2, 0, 0.1, 2, 3)] == [1, 0.75, 0.25, 0.25, 0]
    assert [found.share_below(z) for z in (-2, -1, 0, 3)] == [0, 0.25, 0.75, 1]
    np.testing.assert_array_equal(found.standardise(np.array([3.0]), np.zeros((1, 17))), [3.0])


def test_a_part_adds_no_more_however_far_an_image_lies_along_it():
    flat = Regression(np.zeros(2), np.ones(2), np.zeros((2, 3)), np.zeros(3))
    fusion = ConditionsFusion(flat, np.ones(3), np.ones(3), 0.0)
    bent = np.zeros((9, 2))
    assert fusion(np.array([[1e9, 0.0, 0.0]]), bent[:1])[0] == HIGHEST
    assert fusion(np.array([[-1e9, 0.0, 0.0]]), bent[:1])[0] == LOWEST
    rows = np.random.default_rng(2).normal(size=(9, 3))
    np.testing.assert_array_equal(fusion(rows, bent)[4:], fusion(rows[4:], bent[4:]))


@pytest.mark.parametrize("place", range(4))
def test_what_only_the_content_of_the_pictures_explains_is_no_evidence(place):
    """A generator that is none, whose pictures are smoother: smooth photographs score no higher."""
    method, given, known = drawn(200)
    labels = known.labels[given.image]
    rng = np.random.default_rng(5)
    smooth = rng.normal(size=known.labels.size) + 1.0 * known.labels
    stacks = {}
    for name, rows in given.stacks.items():
        direction = rng.normal(size=rows.shape[1:]) / np.sqrt(rows[0].size)
        stacks[name] = rows + (12 * smooth[given.image])[:, None, None, None] * direction
        stacks[name] = stacks[name].astype(np.float32)
    seen = given.content.copy()
    seen[:, place] = -smooth[given.image]
    confounded = replace(given, stacks=stacks, content=seen)
    shares = {}
    for title, versions_ in (
        ("told", confounded),
        ("kept from it", replace(confounded, content=given.content)),
    ):
        held = learn(method, versions_, known).conditions.score_of_real.held
        shares[title] = np.corrcoef(held, smooth[given.image[~labels]])[0, 1]
    assert abs(shares["told"]) < 0.2
    assert shares["kept from it"] > 0.4  # else the test could not fail


def test_pictures_of_a_content_that_hardly_any_reference_shows_are_told():
    _, given, known = drawn(200)
    found = learn(*drawn(200)).conditions
    held = given.content[~known.labels[given.image]]
    middle, spread = held.mean(axis=0), held.std(axis=0)
    for place in range(4):
        for by, shown in ((-6, False), (-1, True), (0, True), (1, True), (6, False)):
            asked = middle + by * spread * (np.arange(4) == place)
            assert found.shows(found.p_of_content(asked)) is shown
    assert found.p_of_content(middle + 9 * spread) == 1 / 101
    # Each number alone is ordinary, and the two together are not.
    alike = given.content.copy()
    alike[:, 1] = alike[:, 0] + 0.1 * alike[:, 1]
    method, given, known = drawn(200)
    found = learn(method, replace(given, content=alike), known).conditions
    assert not found.shows(found.p_of_content(np.array([1.5, -1.5, 0, 0])))
    assert found.shows(found.p_of_content(np.array([1.0, 1.0, 0, 0])))


@pytest.mark.parametrize(("images", "numbers"), [(40, 1), (100, 2), (200, 4), (400, 4)])
def test_few_references_carry_few_numbers_of_content(images, numbers):
    method, given, known = drawn(images)
    few = Recipe("auto", tuple(part for part in method.parts if part.reads == "highpass"))
    found = learn(few, given, known).conditions
    assert found.content.centre.shape == (numbers,)
    assert found.fusion.expected.centre.shape == (2 * numbers,)
    rows = SeenImages.of(found, few, given.stacks, given.numbers, given.content)
    assert rows.content.shape == (len(given.image), numbers)
    assert len(rows.p_values(found, few, given.stacks, (20, 20))) == len(given.image)


def test_content_is_withheld_where_p_is_at_most_one_in_fifty_or_the_smallest():
    found = learn(*drawn(200)).conditions
    assert [found.shows(p) for p in (0.021, 0.02, 0.01)] == [True, False, False]
    few = replace(found, real=found.real[:19])
    assert [few.shows(p) for p in (0.06, 1 / 20)] == [True, False]


def test_the_p_value_of_the_content_of_other_references_is_uniform():
    found = learn(*drawn(240)).conditions
    fresh = np.random.default_rng(3).normal(size=(400, 4))
    p = np.array([found.p_of_content(row) for row in fresh])
    assert kstest(p, "uniform").statistic < 0.1


def test_the_evidence_is_the_log_odds_of_normal_classes_and_nothing_where_they_are_alike():
    one = np.ones(1)
    assert evidence(2 * one, (0 * one, one), (3 * one, one))[0] == pytest.approx(1.5)
    assert evidence(2 * one, (0 * one, 2 * one), (3 * one, 2 * one))[0] == pytest.approx(0.375)
    assert evidence(9 * one, (1 * one, one), (1 * one, one))[0] == 0
    assert evidence(9 * one, (2 * one, one), (1 * one, one))[0] == 0


def test_neighbours_are_the_five_nearest_and_never_versions_of_the_same_image():
    points = np.arange(12.0)[:, None]
    assert distances(np.array([[0.0], [20.0]]), points).tolist() == [2.0, 11.0]
    learned = learn(*drawn(40)).conditions.neighbours
    assert isinstance(learned, Neighbours) and learned.held.size == 280
    # Held-out distances are larger than those to versions of the same image would be.
    exact = learned.points.astype(np.float64)
    assert learned.held.mean() > distances(exact, exact).mean()


def test_shares_of_the_coding_are_uniform_for_images_like_the_calibration():
    found = learn(*drawn(60)).conditions.neighbours
    fresh = drawn(60, seed=0)[1].numbers
    rng = np.random.default_rng(3)
    kind = np.tile(np.arange(7), 60)
    fresh = rng.normal(size=fresh.shape) + kind[:, None] * np.arange(30) / 20
    shares = [found.share_farther(row) for row in fresh]
    assert kstest(shares, "uniform").statistic < 0.15
    assert found.share_farther(np.full(30, 40.0)) == 0


def test_distances_are_compressed_evenly():
    assert compressed(np.array([-np.e + 1, 0.0, np.e - 1])) == pytest.approx([-1, 0, 1])
