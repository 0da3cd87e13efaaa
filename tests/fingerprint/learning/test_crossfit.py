"""Groups, folds, shuffles and held-out scores: nothing is scored by what has seen it."""

from dataclasses import dataclass, field
from itertools import product
from pathlib import PurePath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fp.denoisers.population import sources_of
from fp.fingerprint.estimators.folds import Labelled, deal, group, separation, shuffle_labels
from fp.fingerprint.estimators.mean import Mean
from fp.fingerprint.estimators.protocol import Fitted
from fp.fingerprint.learning.crossfit import learn_and_hold_out, null_control
from fp.system.errors import InputError


def test_source_is_the_stem():
    paths = [PurePath("cats/0001.png"), PurePath("dogs/0002.jpg"), PurePath("0001.webp")]
    assert sources_of(paths) == ["0001", "0002", "0001"]


def test_source_is_the_path_where_stems_say_nothing():
    paths = [PurePath(f"{i:04d}/image.png") for i in range(6)]
    assert sources_of(paths) == [f"{i:04d}/image" for i in range(6)]


def test_pictures_of_one_prompt_are_one_source():
    paths = [PurePath(f"a prompt {n:02d}_{i}.png") for n in range(8) for i in range(3)]
    assert sources_of(paths) == [f"a prompt {n:02d}" for n in range(8) for _ in range(3)]
    # Of a camera all names begin alike, and most seeds stand alone.
    for name in ("IMG_{:04d}", "{:05d}", "{:05d}-12345{:05d}"):
        paths = [PurePath(name.format(n, n) + ".png") for n in range(40)]
        assert sources_of(paths) == [path.stem for path in paths]


def test_files_that_tell_one_prompt_are_one_source_and_names_still_count():
    paths = [PurePath(f"{n:04d}.png") for n in range(24)]
    prompts = [f"prompt {n // 2}" for n in range(20)] + [None] * 4
    found = sources_of(paths, prompts)
    assert found[:4] == ["0000", "0000", "0002", "0002"]
    assert found[20:] == ["0020", "0021", "0022", "0023"]
    # What nobody shares changes no name.
    assert sources_of(paths, [f"prompt {n}" for n in range(24)]) == sources_of(paths)
    # Two files of one name and three of one prompt are one source together.
    chained = [PurePath("a/0000.png"), *paths]
    assert set(sources_of(chained, ["x", *prompts])[:3]) == {"0000"}
    assert len(set(sources_of(chained, ["prompt 5", *prompts]))) == 13


def test_fewer_prompts_than_folds_could_be_made_of_leave_the_names():
    paths = [PurePath(f"{n:04d}.png") for n in range(24)]
    assert sources_of(paths, ["one prompt"] * 24) == [path.stem for path in paths]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("counts", list(product(range(4), repeat=3)))
def test_without_any_fold_both_classes_are_left(counts, seed):
    """However many sources have images of one class, of the other, and of both."""
    generated, real, both = counts
    if min(generated, real) + both < 2:
        return
    labels = np.array([True] * generated + [False] * real + [True, False] * both)
    alone = generated + real
    groups = np.array([*range(alone), *np.repeat(np.arange(alone, alone + both), 2)])
    dealt = deal(groups, labels, 5, seed)
    assert dealt.max() >= 1
    for fold in range(dealt.max() + 1):
        assert set(labels[dealt != fold]) == {True, False}


def test_equal_bytes_and_equal_sources_chain_into_one_group():
    groups = group(["a", "b", "b", "c", "d"], ["1", "1", "2", "2", "3"])
    assert len(set(groups[:4])) == 1
    assert groups[4] != groups[0]


def test_groups_do_not_depend_on_order():
    sources, digests = list("abcdefgh"), list("11345678")
    forward = group(sources, digests)
    backward = group(sources[::-1], digests[::-1])[::-1]
    np.testing.assert_array_equal(forward, backward)


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=4, max_size=80))
@settings(max_examples=60, deadline=None)
def test_a_group_never_falls_into_two_folds(pairs):
    groups = np.array([g for g, _ in pairs])
    labels = np.array([label for _, label in pairs])
    fewest = min(len(set(groups[labels])), len(set(groups[~labels])))
    if fewest < 2:
        with pytest.raises(InputError, match="two source images"):
            deal(groups, labels, 5)
        return
    folds = deal(groups, labels, 5, seed=1)
    assert all(len(set(folds[groups == g])) == 1 for g in set(groups))
    assert set(folds) == set(range(folds.max() + 1))


def test_every_class_is_spread_evenly():
    groups = np.arange(50)
    labels = groups < 20
    folds = deal(groups, labels, 10)
    assert set(np.bincount(folds[labels])) == {2}
    assert set(np.bincount(folds[~labels])) == {3}


@dataclass
class Spy:
    """Remembers what it was fitted on, and what it scored after that."""

    calibration: str
    name = "spy"
    role = "baseline"
    seen: list = field(default_factory=list)
    scored: list = field(default_factory=list)

    def settle(self, features, labels, groups):
        return self

    def fit(self, features, labels, groups, course=None):
        self.seen.append(set(features[:, 0].astype(int)))
        return Fitted(np.full((1, 1, 1), len(self.seen) - 1, dtype=np.float32))

    def score(self, features, pattern, offset=0.0):
        ids = features[:, 0].astype(int)
        assert not self.seen[int(pattern[0, 0, 0])] & set(ids), "scored what it had seen"
        self.scored.extend(ids)
        return features[:, 0].astype(float)


@pytest.mark.parametrize("calibration", ["cross-fitted", "held-out quarter"])
def test_no_image_and_no_sibling_is_scored_by_what_has_seen_it(calibration):
    labels = np.arange(40) % 2 == 0
    groups = np.repeat(np.arange(20), 2)  # each group holds one image of each class
    features = np.stack([groups, groups], axis=1).astype(np.float64)
    spy = Spy(calibration)
    held = learn_and_hold_out(spy, features, Labelled(labels, groups, 5))
    share = 1 if calibration == "cross-fitted" else 4
    assert held.scores.size == held.index.size == 40 // share
    np.testing.assert_array_equal(held.scores, groups[held.index])
    if calibration == "cross-fitted":
        assert spy.seen[-1] == set(groups), "the final pattern uses every image"


def test_shuffling_keeps_the_counts_and_the_groups():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 2)
    labels = groups < 12
    shuffled = shuffle_labels(labels, groups, rng)
    assert shuffled.sum() == labels.sum()
    assert all(len(set(shuffled[groups == g])) == 1 for g in range(30))
    assert (shuffled != labels).any()


def test_shuffling_inside_mixed_groups_keeps_their_counts():
    groups = np.repeat(np.arange(25), 4)
    labels = np.tile([True, False, False, False], 25)
    shuffled = shuffle_labels(labels, groups, np.random.default_rng(1))
    assert all(shuffled[groups == g].sum() == 1 for g in range(25))
    assert (shuffled != labels).any()


def test_training_scores_of_the_mean_lie_and_held_out_ones_do_not():
    """Noise without any generator, scored by its own mean: it correlates for that reason alone."""
    rng = np.random.default_rng(2)
    features = rng.normal(size=(60, 3, 32, 32)).astype(np.float32)
    labels = np.arange(60) < 30
    own = Mean().score(features, Mean().fit(features, labels, np.arange(60)).pattern)
    assert separation(own, labels) > 3
    held = learn_and_hold_out(Mean(), features, Labelled(labels, np.arange(60), 10, 0))
    assert abs(separation(held.scores, labels[held.index])) < 1


def test_null_control_is_centred_and_the_observed_stands_out():
    rng = np.random.default_rng(3)
    features = rng.normal(size=(60, 3, 32, 32)).astype(np.float32)
    labels = np.arange(60) < 30
    features[labels] += 0.15 * rng.normal(size=(3, 32, 32)).astype(np.float32)
    groups = np.arange(60)
    held = learn_and_hold_out(Mean(), features, Labelled(labels, groups, 5, 0))
    observed = separation(held.scores, labels)
    null = null_control(Mean(), features, Labelled(labels, groups, 5, 4), observed, 19)
    assert null.shuffled.size == 19
    assert abs(null.shuffled.mean()) < 0.5
    assert null.observed > null.shuffled.max()
    assert null.p == pytest.approx(1 / 20)


def test_separation_counts_pooled_deviations():
    labels = np.array([True, True, False, False])
    assert separation(np.array([3.0, 5.0, 0.0, 2.0]), labels) == pytest.approx(3.0)
    assert separation(np.ones(4), labels) == 0.0
