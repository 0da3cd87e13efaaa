"""Statistics against oracles, splits by source, baselines that find what was planted."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from project import PROJECT
from scipy.stats import beta, binom, kurtosis, skew
from scipy.stats import t as student
from sklearn.linear_model import Ridge
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score
from synthetic import Generator, photograph, save, write_generated, write_photographs

from fp.evaluation import statistics
from fp.evaluation.baselines.augmentations import RANGES, augment, drawn
from fp.evaluation.baselines.chroma import MAPS, Chroma
from fp.evaluation.baselines.linear import learn_linear
from fp.evaluation.baselines.rich import RichModel
from fp.evaluation.bench import Bench
from fp.evaluation.cells import AttributionCell, Row, dealt
from fp.evaluation.configuration import default_text, read_configuration
from fp.evaluation.dataset import read_dataset
from fp.evaluation.features import FeatureStore
from fp.evaluation.methods import Choice, read_scores
from fp.evaluation.splits import contents, divide
from fp.evaluation.summary import MEAN, comparisons, figures_of, with_means
from fp.evaluation.tables import markdown
from fp.fingerprint.estimators.cooccurrence import cooccurrences
from fp.system.errors import InputError, UsageError


def test_statistics_agree_with_their_oracles():
    rng = np.random.default_rng(0)
    labels = np.arange(60) < 25
    scores = rng.normal(size=60) + labels
    pairs = list(itertools.product(scores[labels], scores[~labels]))
    by_hand = np.mean([a > b for a, b in pairs])
    assert statistics.auc(labels, scores) == pytest.approx(by_hand)
    assert statistics.auc(labels, scores) == pytest.approx(roc_auc_score(labels, scores))
    ratio = 10.0**scores
    expected = np.log2(1 + 1 / ratio[labels]).mean() / 2 + np.log2(1 + ratio[~labels]).mean() / 2
    assert statistics.cllr(scores, labels) == pytest.approx(expected)
    assert statistics.cllr(np.zeros(60), labels) == pytest.approx(1.0)


@pytest.mark.parametrize(("count", "n"), [(0, 59), (1, 20), (3, 128), (7, 300)])
def test_the_upper_bound_is_clopper_pearsons(count, n):
    bound = statistics.upper_bound(count, n)
    assert binom.cdf(count, n, bound) == pytest.approx(0.05)
    assert bound == pytest.approx(beta.ppf(0.95, count + 1, n - count))
    assert statistics.upper_bound(n, n) == 1.0


def test_a_paired_interval_is_that_of_the_differences():
    first, second = [0.9, 0.8, 0.95, 0.7], [0.85, 0.8, 0.9, 0.6]
    found = statistics.paired(first, second)
    d = np.subtract(first, second)
    half = student.ppf(0.975, 3) * d.std(ddof=1) / 2
    assert (found.low, found.high) == pytest.approx((d.mean() - half, d.mean() + half))


@pytest.mark.parametrize("name", ["chroma", "srm"])
def test_scales_from_a_configuration_are_those_of_the_class(name):
    made = Choice(name, '{"scales": [1, 2]}').make()
    assert made == type(made)(scales=(1, 2)) and made.parameters() == {"scales": [1, 2]}
    with pytest.raises(UsageError, match=f"'{name}' does not take these parameters"):
        Choice(name, '{"scales": 5}').make()


@pytest.mark.parametrize(("name", "augmented"), [("cnn", False), ("cnn-augmented", True)])
def test_the_name_of_a_network_says_whether_its_images_are_augmented(name, augmented):
    made = Choice(name).make()
    assert (made.name, made.augmented) == (name, augmented)
    with pytest.raises(UsageError, match="does not take these parameters"):
        Choice(name, '{"augmented": true}').make()


def row(method, generator, seed, value, shuffled=False, condition="none"):
    return Row(
        "p", method, "", generator, 8, seed, "none", condition, shuffled, "accuracy", value, 5
    )


def test_figures_average_seeds_and_keep_nulls_apart():
    rows = [row("a", g, s, 0.5 + 0.1 * s) for g in ("x", "y") for s in range(3)]
    rows += [row("a", g, 0, 0.5, shuffled=True) for g in ("x", "y")]
    figures = {f.generator: f for f in figures_of(with_means(rows))}
    assert figures[MEAN].value.value == pytest.approx(0.6) and figures[MEAN].value.n == 3
    assert figures["x"].null is not None and figures["x"].null.value == 0.5
    assert figures[MEAN].n == 10


def test_a_mean_over_generators_needs_all_of_them():
    rows = [row("a", "x", 0, 1.0), row("a", "y", 0, 0.5), row("b", "x", 0, 1.0)]
    assert {f.method for f in figures_of(with_means(rows)) if f.generator == MEAN} == {"a"}


def test_comparisons_use_common_seeds_and_say_tie():
    rows = [row("a", "x", s, 0.9 + 0.01 * s) for s in range(4)]
    rows += [row("b", "x", s, 0.8 + 0.01 * s) for s in range(3)]
    rows += [row("c", "x", s, 0.9 + 0.01 * (3 - s)) for s in range(4)]
    found = {c.second: c for c in comparisons(rows, "a")}
    assert found["b"].difference.n == 3
    assert (found["b"].outcome, found["c"].outcome) == ("ahead", "tie")


def test_the_linear_classifier_is_ridge_regression():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, 90)) + 3
    labels = np.arange(40) < 20
    x[labels, :5] += 1
    learned = learn_linear((x,), labels, np.arange(40), 5, 0)
    standard = (x - x.mean(0)) / x.std(0)
    penalty = learned.held.fitted.chosen["penalty"] * x.shape[1]
    oracle = Ridge(penalty).fit(standard, np.where(labels, 1.0, -1.0))
    new = rng.normal(size=(7, 90)) + 3
    expected = oracle.predict((new - x.mean(0)) / x.std(0))
    assert learned.score((new,)) == pytest.approx(expected, abs=1e-9)
    assert learned.held.scores.shape == (40,)


def test_augmentations_are_seeded_and_keep_pictures():
    image = photograph(0)
    for seed in range(18):
        found = augment(image, np.random.default_rng(seed))
        assert found.dtype == np.uint8 and found.shape == image.shape
        assert np.array_equal(found, augment(image, np.random.default_rng(seed)))
    assert np.array_equal(image, photograph(0))


def test_augmentations_are_none_to_all_in_any_order_each_once_within_its_range():
    chains = [drawn(np.random.default_rng(seed)).steps() for seed in range(300)]
    assert {len(chain) for chain in chains} == set(range(len(RANGES) + 1))
    assert {chain[0][0] for chain in chains if chain} == set(RANGES)
    for chain in chains:
        assert len({name for name, _ in chain}) == len(chain)
        assert all(RANGES[name][0] <= number <= RANGES[name][1] for name, number in chain)
    assert {number for chain in chains for name, number in chain if name == "flip"} == {1, 2}


def test_chroma_tells_planes_that_vary_together_from_planes_that_do_not():
    rng = np.random.default_rng(0)
    grey = rng.normal(128, 12, (64, 64, 1))
    alone = np.clip(rng.normal(128, 12, (64, 64, 3)), 0, 255).astype(np.uint8)
    alike = np.clip(grey + rng.normal(0, 1, (64, 64, 3)), 0, 255).astype(np.uint8)
    of_maps = [Chroma(scales=(1,)).features(image)[0].reshape(4, -1) for image in (alone, alike)]
    along = np.diff(alone.astype(float), axis=1).reshape(-1, 3) @ MAPS.T
    expected = along - along.mean(axis=0)
    np.testing.assert_allclose(of_maps[0][0, :6], np.log(expected.std(axis=0) + 1e-3), rtol=1e-5)
    np.testing.assert_allclose(of_maps[0][0, 6:12], np.cbrt(skew(along)), atol=1e-5)
    np.testing.assert_allclose(of_maps[0][0, 12:18], np.log(kurtosis(along) + 3.001), atol=1e-5)
    np.testing.assert_allclose(
        of_maps[0][0, 24:], np.corrcoef(along.T)[np.triu_indices(6, 1)], atol=1e-5
    )
    # The sum varies more, and the differences of red, green and blue less.
    assert (of_maps[1][0, 0] > of_maps[0][0, 0]) and (of_maps[1][0, 1:4] < of_maps[0][0, 1:4]).all()


def test_a_rich_model_has_the_counts_of_each_scale():
    image = photograph(3)
    found = RichModel(scales=(1, 2)).features(image)[0]
    assert np.array_equal(found, np.stack([cooccurrences(image, 1), cooccurrences(image, 2)]))


@pytest.mark.parametrize("name", ["dct", "chroma", "srm", "cnn"])
def test_a_baseline_gives_held_out_scores_and_the_same_twice(name):
    parameters = '{"steps": 2, "batch": 4, "side": 32}' if name == "cnn" else "{}"
    method = Choice(name, parameters).make()
    pictures = [photograph(i) for i in range(8)] + [Generator().draw(i) for i in range(8)]
    stacks = tuple(map(np.stack, zip(*map(method.features, pictures), strict=True)))
    labels = np.arange(16) >= 8
    first, second = (method.learn(stacks, labels, np.arange(16), 4, 0) for _ in range(2))
    assert np.array_equal(first.score(stacks), second.score(stacks))
    assert np.isfinite(first.held.scores).all()
    assert 4 <= first.held.index.size <= 16


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    root = tmp_path_factory.mktemp("bench")
    write_photographs(root / "real", 30)
    for seed in (0, 1):  # the same stems: the same photograph under two generators
        write_generated(root / "generated" / f"g{seed}", 24, Generator(seed))
        for path in (root / "generated" / f"g{seed}").rglob("made*"):
            path.rename(path.with_name(path.name.replace(f"made{seed}", "picture")))
    save(photograph(0), root / "generated" / "g1" / "copy.png")
    data = read_dataset(root)
    return Bench(data, FeatureStore(root / "f", root / "c", 2**30), kin=(("g0", "g1"),))


def test_a_source_is_never_on_both_sides(bench):
    parts = divide(bench, ("real", "g0", "g1"), 10, seed=3)
    train, test = np.concatenate(parts.train), np.concatenate(parts.test)
    assert [part.size for part in parts.train] == [10, 10, 10]
    assert not set(bench.groups[train]) & set(bench.groups[test])
    sources = [p.source for p in bench.dataset.pictures]
    assert not {sources[n] for n in train} & {sources[n] for n in test}
    again = divide(bench, ("real", "g0", "g1"), 10, seed=3)
    assert all(np.array_equal(a, b) for a, b in zip(parts.train, again.train, strict=True))
    with pytest.raises(UsageError, match="need more than g0 has"):
        divide(bench, ("real", "g0", "g1"), 24, seed=3)


def test_contents_are_folders_and_clusters_only_where_they_are_asked_for(bench):
    with pytest.raises(UsageError, match="no two folders"):
        contents(bench)
    names, distinct = contents(bench, 3)
    assert distinct == ("cluster 1", "cluster 2", "cluster 3")
    assert set(names[bench.numbers(["real"])]) == set(distinct)


def test_contents_are_folders_where_all_have_them(tmp_path):
    for place, first in (("real", 0), ("generated/g", 50)):
        for number, content in enumerate(("cats", "dogs")):
            (tmp_path / place / content).mkdir(parents=True)
            save(photograph(first + number), tmp_path / place / content / f"{first + number}.png")
    data = read_dataset(tmp_path)
    names, distinct = contents(Bench(data, FeatureStore(tmp_path, tmp_path, 1)))
    assert distinct == ("cats", "dogs") and set(names) == {"cats", "dogs"}


@pytest.fixture(scope="module")
def prompted(tmp_path_factory):
    """Two generators that drew four pictures of each prompt, and photographs in folders."""
    root = tmp_path_factory.mktemp("prompted")
    for number, content in enumerate(("cats", "dogs", "hats")):
        write_photographs(root / "real" / content, 12, first=12 * number)
    for seed in (0, 1):
        folder = root / "generated" / f"g{seed}"
        folder.mkdir(parents=True)
        for number in range(48):
            name = f"a thing {'abcdefghijkl'[number % 12]}-{number // 12}.png"
            save(Generator(seed).draw(number), folder / name)
    return Bench(read_dataset(root), FeatureStore(root / "f", root / "c", 2**30))


def test_a_split_by_contents_keeps_folders_and_prompts_whole_and_one_by_images_does_not(prompted):
    told = [p.content or p.source for p in prompted.dataset.pictures]
    assert len(set(told)) == 3 + 12
    for by in ("contents", "images"):
        both = set()
        for seed in range(4):
            parts = divide(prompted, ("real", "g0", "g1"), 12, seed, by)
            train, test = np.concatenate(parts.train), np.concatenate(parts.test)
            assert [part.size for part in parts.train] == [12, 12, 12] and not set(train) & set(
                test
            )
            both |= {told[n] for n in train} & {told[n] for n in test}
        assert bool(both) == (by == "images")


def test_the_distance_of_contents_is_that_of_the_nearest_thumbnail_of_the_class(prompted):
    parts = divide(prompted, ("real", "g0"), 12, 0, "contents")
    found = parts.distances(prompted)
    looks = [np.array(p.look) for p in prompted.dataset.pictures]
    expected = [
        min(np.sqrt(((looks[asked] - looks[known]) ** 2).mean()) for known in train)
        for train, test in zip(parts.train, parts.test, strict=True)
        for asked in test
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def cell_of(split_by):
    return AttributionCell(
        "p", Choice("dct"), "", ("g0", "g1"), 12, 0, shuffled=False, split_by=split_by
    )


def test_precision_recall_and_f1_are_those_of_equally_large_classes(prompted):
    truth = np.repeat([0, 1, 2], [40, 10, 20])
    called = np.where(np.arange(70) % 5 == 0, (truth + 1) % 3, truth)
    called[truth == 2] = 0
    names = ("real", "g0", "g1")
    rows = list(cell_of("sources")._count(prompted, names, truth, called, "none"))
    found = {(row.generator, row.metric): row.value for row in rows}
    weights = 1 / np.bincount(truth)[truth]
    oracle = precision_recall_fscore_support(truth, called, sample_weight=weights, zero_division=0)
    for metric, values in zip(("precision", "recall", "F1"), oracle, strict=False):
        assert [found[name, metric] for name in names] == pytest.approx(values.tolist())
        if metric != "recall":
            assert found["(all)", metric] == pytest.approx(values.mean())
    assert found["g1", "precision"] == found["g1", "F1"] == 0
    assert found["(all)", "accuracy"] == pytest.approx(oracle[1].mean())
    lines = markdown(figures_of(rows), (), (), "").splitlines()
    head = "| truth | called real | called g0 | called g1 | recall | precision | F1 |"
    start = lines.index(head)
    assert lines[start + 4].startswith("| g1 | 100.0 | 0.0 | 0.0 | 0.0 | 0.0 | 0.0 |")
    told = " | ".join(f"{100 * values.mean():.1f}" for values in (oracle[0], oracle[2]))
    assert lines[start + 5] == f"| (all) |  |  |  |  | {told} |"


def test_the_far_half_of_the_contents_is_counted_apart(prompted):
    truth = np.repeat([0, 1], [8, 4])
    called = np.where(np.arange(12) % 4 < 2, truth, 1 - truth)
    distances = np.where(called == truth, 0.1, 0.4)
    rows = list(cell_of("contents")._by_distance(distances, truth, called, "none"))
    assert [(row.metric, row.value, row.n) for row in rows] == [
        ("near contents", 1.0, 6),
        ("far contents", 0.0, 6),
    ]


def test_a_protocol_of_looks_has_clusters_and_a_semantic_one_says_what_it_lacks(bench):
    for kind, cells in (("looks", True), ("semantic", False)):
        text = (
            f"methods = ['dct']\nsizes = [8]\nseeds = 1\nnulls = 0\n[[protocol]]\nkind = '{kind}'"
        )
        (protocol,) = read_configuration(text).protocols
        left_out = []
        assert bool(list(protocol.cells(bench, left_out))) == cells
        assert any("no two folders" in line for line in left_out) != cells


def test_a_mix_is_dealt_evenly():
    told = dealt("mix", ("a", "b", "c"), 9, 0)
    assert sorted(told) == ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    assert dealt("jpeg:75", ("a",), 9, 0) == "jpeg:75"


def test_what_is_no_data_set_is_refused(tmp_path):
    with pytest.raises(InputError, match="real/ and generated/"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("path,points\na,1\n", "path and score"),
        ("path,score\na,many\n", "path and score"),
        ("path,score\na,nan\n", "finite"),
        ("path,score,threshold\na,1,0\nb,1,2\n", "different thresholds"),
        ("path,score\n", "no row"),
        ("path,score real,score g\na,1\n", "path and score"),
        ("path,score real,score g,threshold\na,1,2,0\n", "take the threshold out"),
    ],
)
def test_a_wrong_table_of_scores_is_refused(tmp_path, text, words):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        read_scores("theirs", tmp_path / "s.csv")


def test_scores_of_classes_decide_closed_sets_and_their_difference_detects(prompted, tmp_path):
    wrong = {"g0": "g1", "g1": "g1", "real": "real"}
    lines = ["path,score real,score g1,score g0"]
    for member in prompted.dataset.members:
        best = wrong[member.name]
        shown = [3.0 if name == best else 1.0 for name in ("real", "g1", "g0")]
        lines += [",".join([p.name, *map(str, shown)]) for p in member.pictures]
    (tmp_path / "s.csv").write_text("\n".join(lines))
    bench = replace(prompted, given=(read_scores("theirs", tmp_path / "s.csv"),))
    text = """methods = ["dct"]\nsizes = [12]\nseeds = 2\nnulls = 1
        [[protocol]]\nkind = "sample_size"
        [[protocol]]\nkind = "attribution"\ntrain = ["none", "mix"]"""
    left_out, found = [], {}
    for protocol in read_configuration(text, ["theirs"]).protocols:
        cells = [c for c in protocol.cells(bench, left_out) if c.method.name == "theirs"]
        if protocol.kind == "attribution":
            assert [(c.seed, c.shuffled, c.trained_on) for c in cells] == [
                (0, False, "none"),
                (1, False, "none"),
            ]
        for cell in (c for c in cells if not c.shuffled):
            for row in cell.measure(bench).rows:
                found.setdefault((row.generator, row.metric), set()).add(row.value)
    assert not any("no scores" in line for line in left_out)
    assert found["g0", "called g1"] == found["g1", "called g1"] == {1.0}
    assert [*found["(all)", "accuracy"]] == pytest.approx([2 / 3])
    assert found["g1", "accuracy"] == {1.0} and found["g0", "auc"] == {1.0}


def test_one_score_tells_no_generators_apart(prompted, tmp_path):
    lines = ["path,score", *(f"{p.name},1" for p in prompted.dataset.pictures)]
    (tmp_path / "s.csv").write_text("\n".join(lines))
    bench = replace(prompted, given=(read_scores("theirs", tmp_path / "s.csv"),))
    text = "methods = []\nsizes = [12]\nnulls = 0\n[[protocol]]\nkind = 'attribution'"
    (protocol,) = read_configuration(f"compare = 'dct'\n{text}", ["theirs"]).protocols
    left_out = []
    assert not list(protocol.cells(bench, left_out))
    assert any("theirs has no scores for all classes" in line for line in left_out)


def test_scores_cannot_take_the_name_of_a_method(tmp_path):
    with pytest.raises(UsageError, match="another --scores NAME"):
        read_scores("tile", tmp_path / "s.csv")


def test_the_shipped_configuration_and_those_of_the_benchmarks_are_valid():
    for path in PROJECT.glob("benchmarks/*.toml"):
        read_configuration(path.read_text("utf-8"))
    kinds = {p.kind for p in read_configuration(default_text(), ["theirs"]).protocols}
    assert {"sample_size", "compression", "degradation", "semantic", "attribution"} <= kinds


def test_a_choice_is_told_by_its_parameters():
    assert Choice("tile", json.dumps({"periods": [8]})).identity() != Choice("tile").identity()
