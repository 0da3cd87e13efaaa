"""Families of planted lattices whose ancestry is known, and the parts that find them."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import newick
import numpy as np
import pytest
from family_tree import FAMILIES, SIDE, draw, write_tree
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import binomtest
from sklearn.metrics import adjusted_rand_score, roc_auc_score
from synthetic import save

from fp.cli.lineage import summary
from fp.denoisers.cache import ResidualCache
from fp.denoisers.population import Reduction
from fp.fingerprint.estimators.folds import deal
from fp.images.crop import CropRule
from fp.lineage import figures, tables
from fp.lineage.analysis import Lineage, _decided, analyse
from fp.lineage.clusters import Cluster, Families, find_families
from fp.lineage.collection import WANTED, Collection, collect
from fp.lineage.cross_detection import cross_detect
from fp.lineage.intervals import auc, share
from fp.lineage.kinship import normalise, respond
from fp.lineage.levels import compare
from fp.lineage.null import (
    adjusted_for_many,
    permutation_p,
    presence_p,
    strangers,
    within_reach,
)
from fp.lineage.options import LineageOptions
from fp.lineage.pairs import relate
from fp.lineage.report import as_html
from fp.lineage.sample import Sample
from fp.lineage.traces import every_level, level, placements, trace
from fp.lineage.whitening import filtered, filters_outside, whiten
from fp.system.errors import InputError, UsageError
from fp.system.folders import list_classes, list_generators


def gather(folder: Path, cache: Path) -> Collection:
    return collect(
        list_generators(folder / "generated", folder / "real", WANTED),
        Reduction("wavelet", CropRule(SIDE, SIDE)),
        ResidualCache(cache),
    )


OPTIONS = LineageOptions(denoiser="wavelet", samples=40)


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    write_tree(folder)
    return folder


@pytest.fixture(scope="module")
def collection(planted) -> Collection:
    return gather(planted, planted / "cache")


@pytest.fixture(scope="module")
def found(collection) -> Lineage:
    return analyse(collection, OPTIONS)


def labels(found: Lineage) -> list[int]:
    family = {m: n for n, cluster in enumerate(found.families.clusters) for m in cluster.members}
    return [family[member] for member in range(len(found.names))]


def test_planted_families_are_found(found):
    truth = [FAMILIES[name] for name in found.names]
    assert adjusted_rand_score(truth, labels(found)) == 1.0
    assert {*found.strides} == {8}
    for pair in found.pairs:
        names = found.names[pair.first], found.names[pair.second]
        if FAMILIES[names[0]] != FAMILIES[names[1]]:
            assert pair.relation != "kin", names
        assert pair.low <= pair.kinship <= pair.high
    support = {len(cluster.members): cluster.support for cluster in found.families.clusters}
    assert min(support.values()) > 0.8


def test_kinship_is_high_within_and_low_between_the_planted_families(found):
    kinship = {
        frozenset((found.names[p.first], found.names[p.second])): p.kinship for p in found.pairs
    }
    assert kinship[frozenset(("root a", "child a"))] > kinship[frozenset(("root a", "lone"))] + 0.4
    between = [v for k, v in kinship.items() if len({FAMILIES[name] for name in k}) == 2]
    assert abs(np.mean(between)) < 0.25


def test_photographs_are_no_family(planted, tmp_path):
    for name, first in (("one", 2000), ("two", 3000), ("three", 4000)):
        (tmp_path / "generated" / name).mkdir(parents=True)
        for source in range(first, first + 16):
            save(draw(None, source), tmp_path / "generated" / name / f"{source}.png")
    (tmp_path / "real").symlink_to(planted / "real")
    lineage = analyse(gather(tmp_path, planted / "cache"), OPTIONS)
    assert all(pair.relation != "kin" for pair in lineage.pairs)
    assert all(len(cluster.members) == 1 for cluster in lineage.families.clusters)


def as_webp(collection, named):
    def coded(folder):
        few = np.arange(len(folder.images)) % 2 == 0  # half of them are enough
        return replace(folder, coded=few) if folder.name in named else folder

    return replace(collection, generators=tuple(map(coded, collection.generators)))


def test_what_a_codec_may_have_left_makes_no_kin(collection, found):
    def relations(lineage):
        names = lineage.names
        return {frozenset((names[p.first], names[p.second])): p for p in lineage.pairs}

    both = frozenset(("root a", "child a"))
    assert relations(found)[both].relation == "kin"
    one = analyse(as_webp(collection, ("root a",)), OPTIONS)
    assert relations(one)[both].relation == "kin"
    assert one.notes == found.notes
    lineage = analyse(as_webp(collection, both), OPTIONS)
    pair = relations(lineage)[both]
    assert (pair.relation, pair.reasons) == ("undecided", ("both_compressed",))
    assert sorted(both) not in [
        sorted(lineage.names[m] for m in cluster.members) for cluster in lineage.families.clusters
    ]
    (note,) = set(lineage.notes) - set(found.notes)
    assert all(name in note for name in both)


@pytest.mark.parametrize(
    ("suffix", "options", "coded"),
    [
        (".webp", {"lossless": True}, False),
        (".webp", {"quality": 90}, True),
        (".jpg", {"quality": 90}, True),
    ],
)
def test_a_folder_knows_whether_it_was_compressed(tmp_path, suffix, options, coded):
    for name in ("a", "b", "real"):
        (tmp_path / name).mkdir()
        for number in range(8):
            picture = Image.fromarray(draw(None, 1000 + number))
            picture.save(tmp_path / name / f"{name}{number * 37}x{suffix}", **options)
    reduction = Reduction("wavelet", CropRule(SIDE, SIDE))
    folders, cache = [tmp_path / "a", tmp_path / "b"], ResidualCache(tmp_path / "cache")
    found = collect(list_classes(folders, tmp_path / "real"), reduction, cache)
    assert [folder.is_coded for folder in found.folders] == [coded] * 3
    if coded:  # the same pixels in another file
        for path in tmp_path.glob(f"*/*{suffix}"):
            with Image.open(path) as image:
                image.save(path.with_suffix(".png"))
            path.unlink()
        again = collect(list_classes(folders, tmp_path / "real"), reduction, cache)
        assert [folder.is_coded for folder in again.folders] == [suffix == ".jpg"] * 3


def test_a_fingerprint_detects_its_own_folder_and_not_a_stranger(found):
    crossed = found.cross_detection
    own = np.diagonal(crossed.auc.value)
    assert own.min() > 0.9
    lone, other = crossed.folders.index("lone"), crossed.folders.index("root b")
    assert crossed.flagged.value[lone, other] < 0.5
    for estimate in (crossed.flagged, crossed.accuracy, crossed.auc):
        assert (estimate.low <= estimate.value).all() and (estimate.value <= estimate.high).all()


def scored(collection, rows, monkeypatch) -> np.ndarray:
    """Return the scores behind the matrix, a row an image."""
    from fp.lineage import cross_detection

    seen = {}
    monkeypatch.setattr(cross_detection, "tabulate", lambda *a: seen.update(answers=a[2]))
    cross_detection.cross_detect(collection.names, rows, collection.sample(4, 0), 8)
    return np.stack([np.concatenate(one.scores) for one in seen["answers"]], axis=1)


def test_no_source_is_on_both_sides(collection, monkeypatch):
    traces = np.concatenate([folder.traces for folder in collection.folders])
    rows, groups = every_level(traces, 8), collection.groups()
    dealt = deal(groups, collection.members() != len(collection.generators), 4, 0)
    before = scored(collection, rows, monkeypatch)
    for part in range(4):
        first = groups[dealt == part].min()
        # What a fingerprint has not seen can be anything.
        changed = np.where(((dealt == part) & (groups != first))[:, None], 9 - 3 * rows, rows)
        after = scored(collection, changed, monkeypatch)
        same = groups == first
        assert same.any() and (after[same] == before[same]).all()
        assert (after[dealt != part] != before[dealt != part]).all(axis=0).all()


def test_a_strong_pattern_sets_off_no_stranger_and_a_weak_kin_is_seen(collection):
    rng = np.random.default_rng(3)
    own = {name: rng.normal(size=12 * 64) / np.sqrt(12 * 64) for name in FAMILIES}
    own["child a"] = 0.5 * own["root a"]
    own["lone"] *= 40  # an unfinished network
    own["reference"] = np.zeros(12 * 64)
    names = (*collection.names, "reference")
    rows = 12 * np.stack([own[names[k]] for k in collection.members()])
    rows += rng.normal(size=rows.shape)
    crossed = cross_detect(collection.names, rows, collection.sample(4, 0), 8)
    flagged = {
        (a, b): crossed.flagged.value[i, j]
        for i, a in enumerate(crossed.fingerprints)
        for j, b in enumerate(crossed.folders)
    }
    assert min(flagged["root a", "child a"], flagged["child a", "root a"]) > 0.5
    assert all(share == 0 for pair, share in flagged.items() if pair.count("lone") == 1)
    assert flagged["lone", "lone"] == 1


def test_names_and_order_of_folders_change_nothing(planted, found, tmp_path):
    (tmp_path / "generated").mkdir()
    (tmp_path / "real").symlink_to(planted / "real")
    renamed = {name: f"{9 - i} {name[::-1]}" for i, name in enumerate(sorted(FAMILIES))}
    for name, other in renamed.items():
        (tmp_path / "generated" / other).mkdir()
        for path in (planted / "generated" / name).iterdir():
            (tmp_path / "generated" / other / path.name).write_bytes(path.read_bytes())
    again = analyse(gather(tmp_path, planted / "cache"), OPTIONS)
    assert again.names == tuple(renamed[name] for name in found.names)
    assert again.pairs == found.pairs
    assert (again.kinship == found.kinship).all()
    assert again.families.clusters == found.families.clusters
    assert (again.cross_detection.auc.low == found.cross_detection.auc.low).all()


def test_inner_products_skip_pairs_of_one_source():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(24, 5))
    member = np.repeat([0, 1, 2], 8)
    groups = np.concatenate([np.arange(8), np.arange(8), np.arange(8, 16)])
    got = respond(rows, member, groups, 2, 0).products

    def mean(i, j):
        pairs = [
            rows[a] @ rows[b]
            for a in np.flatnonzero(member == i)
            for b in np.flatnonzero(member == j)
            if groups[a] != groups[b]
        ]
        return np.mean(pairs)

    for i in range(2):
        for j in range(2):
            expected = mean(i, j) - mean(i, 2) - mean(2, j) + mean(2, 2)
            assert got[i, j] == pytest.approx(expected)


def test_whitened_noise_is_white_and_knows_no_place():
    rng = np.random.default_rng(1)
    size = 12 * 16
    drawn = rng.normal(size=(400, size))
    mixed = 2 * drawn + 0.5 * drawn[:, placements(4)[0, 1]]  # with the next pixel: no phase
    member = np.arange(400) % 2
    given = mixed + 5 * member[:, None]
    white = whiten(given, member, 4)
    centred = white - np.stack([white[member == k].mean(0) for k in (0, 1)])[member]
    assert centred.var() == pytest.approx(1, abs=0.02)
    # Right and lower neighbours count alike, so it is their average that is taken out.
    beside = [np.mean(centred * centred[:, placements(4)[0, step]]) for step in (1, 4)]
    before = [np.mean(mixed * mixed[:, placements(4)[0, step]]) for step in (1, 4)]
    assert abs(np.mean(beside)) < 0.02 < np.mean(before)
    for way in placements(4).reshape(-1, size)[::17]:
        assert whiten(given[:, way], member, 4) == pytest.approx(white[:, way])


def test_whitening_outside_of_a_part_is_whitening_without_it():
    rng = np.random.default_rng(2)
    rows = level(rng.normal(size=(60, 4, 3, 16, 16)), 4) + rng.normal(size=(1, 192))
    member, parts = np.arange(60) % 3, np.arange(60) % 5 % 3
    rows += 4 * (member == 1)[:, None]
    filters = filters_outside(rows, member, parts, 4)
    for part, one in enumerate(filters):
        rest = parts != part
        expected = whiten(rows[rest], member[rest], 4)
        assert filtered(rows[rest], one, 4) == pytest.approx(expected, abs=1e-8)


def test_folders_of_nothing_are_like_nobody_on_average():
    rng = np.random.default_rng(9)
    found = []
    for _ in range(10):
        traces = rng.normal(size=(64, 4, 3, 16, 16))
        member = np.repeat(np.arange(4), 16)
        white = whiten(level(traces, 8), member, 8)
        found.append(respond(white, member, np.arange(64), 0, 0).products)
    average, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(len(found))
    # Fewer images than numbers: a covariance of its own would make this 20 errors above 0.
    assert (np.abs(average) < 5 * error).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_kinship_ignores_the_size_of_patterns(seed):
    rng = np.random.default_rng(seed)
    patterns = rng.normal(size=(4, 6))
    scale = rng.uniform(0.1, 10, 4)
    one = normalise(patterns @ patterns.T)
    other = normalise((patterns * scale[:, None]) @ (patterns * scale[:, None]).T)
    assert one == pytest.approx(other)


def test_a_generator_without_pattern_is_like_nobody():
    products = np.array([[-0.1, 0.3], [0.3, 1.0]])
    assert normalise(products)[0, 1] == 0


def test_p_of_strangers_is_spread_out_and_of_kin_small():
    rng = np.random.default_rng(2)
    others = rng.normal(size=(40, 12 * 16))
    p = permutation_p(others, others, 4)
    off = p[~np.eye(40, dtype=bool)]
    assert binomtest(int((off <= 0.05).sum()), off.size, 0.05).pvalue > 1e-4
    assert off.min() >= 1 / strangers(4)
    kin = others[:2].copy()
    kin[1] = 0.7 * kin[0] + 0.7 * kin[1]
    assert permutation_p(kin, kin, 4)[0, 1] == 1 / strangers(4)


@pytest.mark.parametrize("apart", [0, 100])
def test_a_pattern_is_found_whether_or_not_both_classes_drew_one_source(apart):
    rng = np.random.default_rng(10)
    rows, pattern = rng.normal(size=(120, 30)), np.full(30, 0.3)
    member = np.repeat([0, 1, 2], 40)
    rows[:40] += pattern
    groups = np.r_[np.arange(40), np.arange(40), np.arange(40) + apart]
    there, nothing = presence_p(rows, member, groups, 199, 0)
    assert there <= 0.01 < nothing


@pytest.mark.parametrize(
    ("period", "own", "kin"), [(4, 0.0, True), (4, 1.0, False), (8, 0.0, True), (8, 1.0, True)]
)
def test_kin_by_a_short_lattice_are_alike_at_every_level_of_it(period, own, kin):
    rng = np.random.default_rng(12)
    shared = rng.normal(size=(4, 3, period, period))

    def pattern():
        fine = np.tile(rng.normal(size=(4, 3, period // 2, period // 2)), (1, 1, 2, 2))
        return np.tile(shared + own * fine, (1, 1, 16 // period, 16 // period))

    traces = rng.normal(size=(120, 4, 3, 16, 16))
    member = np.repeat([0, 1, 2], 40)
    for k in (0, 1):
        traces[member == k] += pattern()
    groups = np.r_[np.arange(40), np.arange(40), np.arange(40, 80)]
    found = compare(traces, Sample.of(member, groups, 4, 0), 8, 20, 0)
    assert tuple(found.strides) == (period, period)
    assert found.p[0, 1] == 1 / strangers(period)  # they do share something
    assert (found.kinship[0, 1] > 0.41) == kin


def test_a_pair_counts_by_its_weaker_direction_and_only_if_tested():
    p = np.full((3, 3), np.nan)
    p[0, 1], p[1, 0] = 0.01, 0.04
    q = adjusted_for_many(p)
    assert q[0, 1] == q[1, 0] == 0.04  # the others are no tests
    p[0, 2] = p[2, 0] = 0.01
    q = adjusted_for_many(p)
    assert q[0, 2] == pytest.approx(0.02) and q[0, 1] == pytest.approx(0.04)
    assert np.isnan(q[1, 2])


def test_placements_are_what_turned_images_give():
    rng = np.random.default_rng(3)
    picture = rng.normal(size=(3, 64, 64)).astype(np.float32)
    ways = placements(16)
    one = trace(picture).ravel()
    assert (ways[0, 0] == np.arange(one.size)).all()
    turned = {"mirrored": picture[:, :, ::-1], "transposed": np.swapaxes(picture, 1, 2)}
    for name, image in turned.items():
        other = trace(np.ascontiguousarray(image)).ravel()
        hits = [np.allclose(other, one[way], atol=1e-5) for way in ways[:, 0]]
        assert sum(hits) == 1, name
    for turn in ways.reshape(-1, ways.shape[-1])[::97]:
        assert np.unique(turn).size == one.size


def test_a_level_has_its_own_period_only_and_nothing_symmetric():
    rng = np.random.default_rng(4)
    traces = rng.normal(size=(5, 4, 3, 16, 16))
    rows = level(traces, 8)
    tiles = rows.reshape(5, 4, 3, 8, 8)
    halves = tiles.reshape(5, 4, 3, 2, 4, 2, 4).mean(axis=(3, 5))
    assert np.abs(halves).max() < 1e-9
    assert np.abs(sum(rows[:, turn] for turn in placements(8)[:, 0])).max() < 1e-9


def test_a_flat_image_leaves_no_trace():
    assert not trace(np.full((3, 32, 32), 0.5, np.float32)).any()


def test_wilson_and_area_agree_with_others():
    for hits, n in ((0, 10), (3, 10), (10, 10), (50, 64)):
        ours = share(np.array(float(hits)), np.array(float(n)))
        theirs = binomtest(hits, n).proportion_ci(method="wilson")
        assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    rng = np.random.default_rng(5)
    a, b = rng.normal(1, 1, 40).round(1), rng.normal(0, 1, 50).round(1)
    ours = auc(a, b, 40, 50)
    truth = np.repeat([1, 0], [40, 50])
    assert ours.value == pytest.approx(roc_auc_score(truth, np.r_[a, b]))
    apart = auc(a + 100, b, 40, 50)
    assert apart.value == 1 and 0.8 < apart.low < 1


def test_intervals_of_the_area_cover():
    rng = np.random.default_rng(6)
    truth = 0.7602499  # of two unit normals one unit apart
    hits = 0
    for _ in range(200):
        ours = auc(rng.normal(1, 1, 30), rng.normal(0, 1, 30), 30, 30)
        hits += ours.low <= truth <= ours.high
    assert 180 <= hits <= 200


def test_what_is_said_of_a_pair():
    def said(low, high, p, q, coded=False):
        return relate(low, high, p, q, 0.4, 0.05, coded)

    assert said(0.5, 0.7, (0.01, 0.01), 0.01) == ("kin", ())
    assert said(0.5, 0.7, (0.01, 0.2), 0.3) == ("undecided", ("one_direction_only",))
    assert said(0.3, 0.7, (0.01, 0.01), 0.01) == ("undecided", ("interval_contains_cut",))
    assert said(0.2, 0.3, (0.01, 0.01), 0.01)[0] == "undecided"
    assert said(-0.1, 0.3, (0.01, 0.01), 0.01)[0] == "not_shown"
    assert said(0.1, 0.3, (0.5, 0.5), 0.6)[0] == "not_shown"
    assert said(0.5, 0.7, (0.5, 0.5), 0.6) == ("undecided", ("not_beyond_strangers",))
    assert said(0.5, 0.7, (0.01, 0.01), 0.01, True) == ("undecided", ("both_compressed",))
    assert said(-0.1, 0.3, (0.01, 0.01), 0.01, True)[0] == "not_shown"
    nothing = float("nan")
    assert said(0, 0, (nothing, nothing), nothing) == ("not_shown", ("no_common_pattern",))


def reach_of(p, strangers, rate):
    return within_reach(p, adjusted_for_many(p), strangers, rate)


def test_a_pair_that_no_data_could_decide_says_so_and_no_other_does():
    """At a stride of 2 no p is below 1/64; at 8 none below 1/1024."""
    p = np.full((4, 4), 0.5)
    few, many = np.full((4, 4), strangers(2)), np.full((4, 4), strangers(8))
    alone = np.full((2, 2), 0.5)
    assert reach_of(alone, few[:2, :2], 0.05).all()
    assert not reach_of(p, few, 0.05)[0, 1], "6 pairs: 6/64 is more than 0.05"
    assert reach_of(p, many, 0.05).all()
    helped = p.copy()
    helped[1:, 1:] = 1 / 64  # beside three small ones 1/64 is significant
    assert reach_of(helped, few, 0.05)[0, 1]
    untested = p.copy()
    untested[0, 1] = untested[1, 0] = np.nan
    assert reach_of(untested, few, 0.05)[0, 1]
    undecided = relate(0.5, 0.7, (0.5, 0.5), 0.6, 0.4, 0.05, reach=False)
    assert undecided == ("undecided", ("no_data_could_decide",))
    # Where the kinship itself is too low, there was something to decide by.
    assert relate(0.1, 0.3, (0.5, 0.5), 0.6, 0.4, 0.05, reach=False)[0] == "not_shown"
    assert relate(0.5, 0.7, (0.01, 0.01), 0.01, 0.4, 0.05, reach=False) == ("kin", ())


@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_what_is_within_reach_is_what_the_least_p_would_have_shown(count, seed):
    rng = np.random.default_rng(seed)
    few = rng.choice([strangers(2), strangers(4)], size=(count, count))
    few = np.maximum(few, few.T)
    p = np.ceil(few * rng.uniform(0, 1, (count, count)) ** rng.integers(1, 6)) / few
    p[rng.uniform(size=p.shape) < 0.1] = np.nan
    found = reach_of(p, few, 0.05)
    assert (found == found.T).all()
    for i, j in zip(*np.triu_indices(count, 1), strict=True):
        if np.isnan(p[i, j]) or np.isnan(p[j, i]):
            assert found[i, j]
            continue
        best = p.copy()
        best[i, j] = best[j, i] = 1 / few[i, j]
        assert found[i, j] == (adjusted_for_many(best)[i, j] <= 0.05)


def test_who_is_alone_for_want_of_strangers_has_no_support(found):
    pair = found.pairs[0]
    open_pair = replace(pair, relation="undecided", reasons=("no_data_could_decide",))
    alone = Families(
        found.families.tree,
        found.families.branches,
        tuple(Cluster((member,), 1.0) for member in range(len(found.names))),
        found.families.order,
        found.families.cut,
    )
    told = _decided(alone, [open_pair])
    assert [c.support for c in told.clusters].count(None) == 2
    for member in (pair.first, pair.second):
        assert told.clusters[member].support is None
    page = as_html(replace(found, families=told))
    name = found.names[pair.first]
    assert f"{name} (no data could have decided)" in page and f"{name} (support" not in page
    assert "being alone says nothing" in page
    assert "no data could have decided" in "\n".join(summary(replace(found, families=told)))
    rows = tables.cluster_rows(replace(found, families=told))
    assert [row["support"] for row in rows if row["generator"] == name] == [None]
    assert _decided(alone, [pair]).clusters == alone.clusters


def test_families_follow_the_cut():
    kinship = np.array([[1, 0.9, 0.1], [0.9, 1, 0.1], [0.1, 0.1, 1]])
    resampled = np.stack([kinship, np.eye(3)])
    families = find_families(kinship, resampled, 0.5)
    assert [c.members for c in families.clusters] == [(0, 1), (2,)]
    assert families.clusters[0].support == 0.5
    assert [c.members for c in find_families(kinship, resampled, 0.05).clusters] == [(0, 1, 2)]
    assert families.branches[0].kinship == pytest.approx(0.9)


def test_the_tree_reads_back(found):
    (root,) = newick.loads(tables.as_newick(found).strip())
    leaves = {leaf.unquoted_name for leaf in root.get_leaves()}
    assert leaves == set(found.names)
    deepest = {len({leaf.unquoted_name for leaf in n.get_leaves()}) for n in root.walk()}
    assert deepest == {len(b.members) for b in found.families.branches} | {1}
    closest = max(found.families.branches, key=lambda branch: branch.kinship)
    heights = [leaf.length for leaf in root.get_leaves()]
    assert min(heights) == pytest.approx((1 - closest.kinship) / 2, abs=1e-5)


def test_graph_and_json_hold_what_was_found(found):
    graph = ElementTree.fromstring(tables.as_graphml(found))
    space = "{http://graphml.graphdrawing.org/xmlns}"
    edges = list(graph.iter(f"{space}edge"))
    assert len(edges) == sum(pair.relation != "not_shown" for pair in found.pairs)
    assert len(list(graph.iter(f"{space}node"))) == len(found.names)
    content = json.loads(tables.as_json(found))
    assert len(content["pairs"]) == 15
    assert len(content["cross_detection"]["entries"]) == 36
    assert content["options"]["cut"] == OPTIONS.cut


def test_the_report_asks_for_nothing_and_escapes_names(found):
    def renamed(name):
        return "<script>alert(1)</script>" if name == found.names[0] else name

    hostile = replace(
        found,
        names=tuple(map(renamed, found.names)),
        cross_detection=replace(
            found.cross_detection,
            fingerprints=tuple(map(renamed, found.cross_detection.fingerprints)),
            folders=tuple(map(renamed, found.cross_detection.folders)),
        ),
        notes=("<img src=x onerror=alert(1)>",),
    )
    html = as_html(hostile)
    assert "<script>alert" not in html and "<img src=x" not in html
    assert "default-src 'none'" in html
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!data:|#)""", html)
    assert html.count("data:image/svg+xml;base64,") == 6  # light and dark
    for word in ("proves", "match", "is fake"):
        assert word not in html


def test_figures_survive_odd_names(found):
    odd = replace(found, names=("$x_{", "東京" * 30, *found.names[2:]))
    for figure in (figures.tree, figures.graph):
        assert figure(odd).axes[0].get_title(loc="left")
    axes = figures.heat_map(found).axes[0]
    shown = [label.get_text() for label in axes.get_xticklabels()]
    assert shown == [found.names[i] for i in found.families.order]


def test_bad_options_and_folders_are_refused(tmp_path):
    for wrong in ({"period": 3}, {"folds": 1}, {"samples": 2}, {"cut": 1.5}):
        with pytest.raises(UsageError):
            LineageOptions(**wrong)
    with pytest.raises(InputError, match="holds 0 folders"):
        list_generators(tmp_path, tmp_path, WANTED)


@pytest.fixture(scope="module")
def everything(corpus, tmp_path_factory) -> Collection:
    return collect(
        list_generators(corpus / "generated", corpus / "real", WANTED),
        Reduction("wavelet", CropRule(256, 256)),
        ResidualCache(tmp_path_factory.mktemp("cache")),
    )


@pytest.mark.slow
@pytest.mark.corpus
def test_the_corpus_lines_are_told_apart(everything):
    lineage = analyse(everything, OPTIONS)
    assert min(lineage.strides) > 0

    def line(name):
        return name.partition("_denoise")[0]

    for cluster in lineage.families.clusters:
        assert len({line(lineage.names[m]) for m in cluster.members}) == 1
    kin = {
        frozenset((lineage.names[p.first], lineage.names[p.second]))
        for p in lineage.pairs
        if p.relation == "kin"
    }
    assert frozenset(("w2x_photo_denoise0x", "w2x_photo_denoise1x")) in kin
    assert all(len({line(name) for name in pair}) == 1 for pair in kin)


@pytest.mark.slow
@pytest.mark.corpus
def test_real_photographs_in_folders_are_no_kin(everything):
    whole = everything.reference

    def some(name, first, last):
        kept = slice(first, last)
        return replace(whole, name=name, images=whole.images[kept], traces=whole.traces[kept])

    photographs = some("one", 0, 100), some("two", 100, 200)
    mixed = Collection((*everything.generators, *photographs), some("rest", 200, 300))
    lineage = analyse(mixed, OPTIONS)
    for pair in lineage.pairs:
        if {"one", "two"} & {lineage.names[pair.first], lineage.names[pair.second]}:
            assert pair.relation == "not_shown"


def test_no_order_is_named(found):
    """Kinship has no direction: which came first, the images do not say."""
    assert not any("descends" in line or "came first" in line for line in summary(found))
    assert "which came first, is not said" in as_html(found)
    assert "direction" not in vars(found.pairs[0])
