"""Images as they come: experts, gate, phases and factors, against oracles and end to end."""

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from commands import fp, json_rows
from PIL import Image
from scipy.stats import chisquare
from sklearn.linear_model import LogisticRegression
from synthetic import Generator, photograph, save, write_generated, write_photographs

from fp.api.bank import Bank
from fp.fingerprint.conditions import crossed, gate, learning, phases
from fp.fingerprint.conditions.describing import describe
from fp.fingerprint.conditions.examining import (
    Account,
    Reading,
    judge_accounts,
)
from fp.fingerprint.conditions.hypotheses import check_any, hypotheses
from fp.fingerprint.conditions.judges import Judges
from fp.fingerprint.conditions.pixel_parts import with_pixels
from fp.fingerprint.conditions.worst import Worst, moved
from fp.fingerprint.decision.judge import Features, Judge
from fp.fingerprint.decision.likelihood import LikelihoodRatio
from fp.fingerprint.detection.banks import examine
from fp.fingerprint.detection.detection import DetectOptions, residual_for
from fp.fingerprint.estimators.folds import Labelled, deal
from fp.fingerprint.estimators.pixels import block_statistics
from fp.fingerprint.estimators.templates import correlate_phases
from fp.fingerprint.extraction.extraction import ExtractOptions, extract
from fp.fingerprint.learning.fusion import newton
from fp.fingerprint.learning.method import recipe
from fp.fingerprint.model import conditions as experts
from fp.fingerprint.model.calibration import NullControl
from fp.fingerprint.model.conditions import Conditions
from fp.fingerprint.model.ladder import (
    CHAIN,
    ELSEWHERE,
    LADDER,
    Augmentation,
    End,
    alike,
    elsewhere,
    ends,
    log_prior,
    reach,
    strengths,
    varies,
    version,
)
from fp.fingerprint.store.bank import read_bank, read_summaries, write_bank
from fp.fingerprint.store.conformance import verify_bank
from fp.fingerprint.store.record import elements_of
from fp.fingerprint.store.rules import contents
from fp.images.crop import CropRule
from fp.images.degradations import Degradation
from fp.images.loading import load_image
from fp.runs.examination import list_items
from fp.runs.results import detect_into
from fp.system.errors import ImageError, UsageError

CONDITIONS = ("none", "jpeg:60", "blur:4")
GENERATOR = Generator(strength=0.03)
COUNT = 40


def fake_stacks(rng, n=48, shift=0.0):
    """Draw features of the names and shapes of `lattice` with pixels, separated by `shift`."""
    shapes = {
        "tile": (3, 32, 32),
        "cyclic": (68, 8, 8),
        "cosine": (1, 16, 16),
        "blocks": (12, 8, 8),
        "cooccurrence-2": (6, 2, 9),
        "cooccurrence-4": (6, 2, 9),
        "highpass": (3, 8, 8),
    }
    labels = np.arange(n) < n // 2
    moves = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return labels, {
        name: (rng.normal(size=(n, *shape)) + shift * labels[:, None, None, None] * moves[name])
        for name, shape in shapes.items()
    }


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("conditions")
    write_generated(root / "generated", COUNT, GENERATOR)
    write_photographs(root / "real", COUNT)
    return root


@pytest.fixture(scope="module")
def options():
    return ExtractOptions(
        null=0, audit=False, dif=None, augment=Augmentation(CONDITIONS), windows=True
    )


@pytest.fixture(scope="module")
def fingerprint(folders, options):
    return extract(folders / "generated", folders / "real", "G", options).fingerprint


def asked(pixels, fingerprint, tmp_path, **given):
    path = tmp_path / "asked.png"
    save(pixels, path)
    found = examine(load_image(path), [fingerprint], DetectOptions(**given))
    return found.detection


# The ladder


@pytest.mark.parametrize(
    ("rung", "low", "high"),
    [
        ("blur:0.5", 0.25, 0.75),  # no blur is a neighbour
        ("blur:3", 2.5, 3.5),
        ("blur:5", 4.5, 5.5),  # beyond the last rung as far as before it
        ("resize:0.25", 0.21, 0.29),
        ("resize:0.75", 0.625, 0.875),
        ("resize:1.5", 1.25, 1.75),
    ],
)
def test_half_of_the_versions_of_a_rung_lie_around_it(rung, low, high):
    versions = [version(rung, LADDER, f"image {n}") for n in range(400)]
    assert versions == [version(rung, LADDER, f"image {n}") for n in range(400)]
    found = np.array([float(text.partition(":")[2]) for text in versions if text != rung])
    assert 150 < found.size < 250
    assert low - 1e-3 <= found.min() < low + 0.1 * (high - low)
    assert high - 0.1 * (high - low) < found.max() <= high + 1e-3
    assert varies(rung)


@pytest.mark.parametrize(
    ("rung", "strengths", "qualities"),
    [
        ("blur:1+jpeg:75", (0.1, 1.5), (62, 82)),  # down to nothing; the middles of 50, 75, 90
        ("blur:1+jpeg:90", (0.1, 1.5), (82, 98)),
        ("resize:0.5+jpeg:30", (0.25, 1.0), (20, 40)),
        ("resize:0.5+webp:80", (0.25, 1.0), (60, 98)),  # no other quality beside it
        ("jpeg:75+resize:1.5", (1.0, 1.75), (55, 95)),
    ],
)
def test_every_version_of_a_chain_lies_around_it(rung, strengths, qualities):
    versions = [dict(Degradation(version(rung, LADDER, str(n))).steps()) for n in range(400)]
    kinds = [kind for kind, _ in Degradation(rung).steps()]
    assert all(list(found) == kinds for found in versions)
    for kind in kinds:
        low, high = strengths if kind in ("blur", "resize") else qualities
        values = np.array([found[kind] for found in versions])
        near = 0.1 * (high - low)
        assert low - 0.5e-3 <= values.min() < low + near + 1e-3
        assert high - near - 1e-3 < values.max() <= high + 0.5e-3


@pytest.mark.parametrize(
    "rung", ["resize:0.25", "resize:0.01", "resize:1", "resize:8", "blur:0.1", "blur:50"]
)
def test_a_rung_that_stands_alone_has_versions_that_can_be(rung):
    kind, strength = rung.split(":")
    for number in range(200):
        text = version(rung, ("none", rung, "blur:2+jpeg:75"), str(number))
        Degradation(text)  # refuses what cannot be
        assert text.startswith(f"{kind}:") and float(text.split(":")[1]) >= float(strength) / 2


def test_other_rungs_are_learned_as_they_are():
    fixed = [rung for rung in (*LADDER, "blur:1+resize:0.5") if not varies(rung)]
    assert {"none", "jpeg:75", "webp:50", "nearest:0.5", "noise:5", "blur:1+resize:0.5"} <= {*fixed}
    for rung in fixed:
        assert {version(rung, LADDER, str(n)) for n in range(20)} == {rung}


# Learning


def test_newton_finds_the_minimum_of_the_logistic_regression():
    rng = np.random.default_rng(0)
    labels = rng.random(200) < 0.3
    columns = rng.normal(size=(200, 4)) * (1, 5, 0.1, 2) + labels[:, None] * (1, 0, 0.2, 1)
    weights, offset = newton(columns, labels)
    standard = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    model = LogisticRegression(class_weight="balanced", tol=1e-10, max_iter=1000)
    model.fit(standard, labels)
    np.testing.assert_allclose(
        columns @ weights - offset, model.decision_function(standard), atol=1e-4
    )


def test_folds_that_can_be_asked_learn_what_a_plain_cross_fit_learns():
    labels, stacks = fake_stacks(np.random.default_rng(1), shift=0.05)
    groups = np.arange(labels.size)
    method = with_pixels(recipe("lattice"))
    plain = method.learn(stacks, labels, groups, folds=6, seed=3)
    found = crossed.learn(method, stacks, labels, groups, deal(groups, labels, 6, 3))
    for place, (part, held) in enumerate(zip(found.parts, plain.parts, strict=True)):
        np.testing.assert_allclose(part.fitted.pattern, held.fitted.pattern, rtol=1e-3, atol=1e-6)
        spread = held.scores.std()
        np.testing.assert_allclose(found.held[:, place], held.scores, atol=1e-3 * spread)


def test_a_score_is_by_what_had_not_seen_the_image():
    """With nothing to learn, training scores separate and held-out scores do not.

    The weights that join the parts must not know the fold either: by plain held-out scores they
    do, and the mean below is 0.4.
    """
    held = []
    for seed in range(12):
        labels, stacks = fake_stacks(np.random.default_rng(seed), n=80)
        groups = np.arange(80)
        folds = deal(groups, labels, 8, 0)
        found = crossed.learn(with_pixels(recipe("lattice")), stacks, labels, groups, folds)
        scores = found.score(stacks, folds)[:, 0]
        held.append((scores[labels].mean() - scores[~labels].mean()) / scores.std())
        for part in found.parts:
            own, other = (crossed._scores(part, stacks, f) for f in (folds, (folds + 1) % 8))
            assert other[labels].mean() - other[~labels].mean() > 1.0 * other.std()  # it saw them
            assert own[labels].mean() - own[~labels].mean() < 1.0 * own.std()
    assert abs(np.mean(held)) < 0.2


def test_nested_scores_are_by_weights_without_both_folds():
    labels, stacks = fake_stacks(np.random.default_rng(3), shift=0.05, n=48)
    groups = np.arange(48)
    folds = deal(groups, labels, 4, 0)
    method = with_pixels(recipe("lattice"))
    found = crossed.learn(method, stacks, labels, groups, folds)
    inside = (folds != 1) & (folds != 3)
    for part in found.parts:
        assert np.isnan(part.nested[np.arange(4), [np.argmax(folds == f) for f in range(4)]]).all()
        estimator = part.estimator
        fitted = estimator.fit(stacks[estimator.reads][inside], labels[inside], groups[inside])
        for one, other in ((1, 3), (3, 1)):
            asked_of = folds == other
            plain = estimator.score(
                stacks[estimator.reads][asked_of], fitted.pattern, fitted.offset
            )
            np.testing.assert_allclose(
                part.nested[one, asked_of], plain, atol=1e-3 * plain.std() + 1e-9
            )


# Strengths


def test_scores_are_moved_to_the_worst_strength():
    strength = np.array([0.75, 0.8, 0.9, 1.0, 1.0, 1.1, 1.2, 1.25, 1.4, np.nan])
    scores = 3 * strength + np.tile([0.1, -0.1], 5)
    scores[-1] = 7.0
    highest = moved(scores, strength, (0.75, 1.25), 1.0)
    slope = np.polyfit(strength[:9], scores[:9], 1)[0]
    wanted = scores[:9] + np.maximum(0, slope * (1.25 - strength[:9]))
    np.testing.assert_allclose(highest[:9], wanted)
    assert highest[-1] == 7.0  # an image without a strength stays
    assert highest[8] == scores[8]  # what lies beyond is not made better
    lowest = moved(scores, strength, (0.75, 1.25), -1.0)
    np.testing.assert_allclose(
        lowest[:9], scores[:9] + np.minimum(0, slope * (0.75 - strength[:9]))
    )
    few = moved(scores[:7], strength[:7], (0.75, 1.25), 1.0)
    assert few is not None and (few == scores[:7]).all()


def test_a_rate_holds_at_the_worst_strength_of_a_rung():
    rng = np.random.default_rng(5)
    reach = (0.75, 1.25)
    strength = np.where(rng.random(2000) < 0.5, 1.0, rng.uniform(*reach, 2000))
    scores = 8 * strength + rng.normal(size=2000)
    tested = moved(scores[:1000], strength[:1000], reach, 1.0)
    there = 8 * 1.25 + rng.normal(size=2000)
    share = np.mean([(1 + np.sum(tested >= s)) / 1001 <= 0.05 for s in there])
    plain = np.mean([(1 + np.sum(scores[:1000] >= s)) / 1001 <= 0.05 for s in there])
    assert 0.03 < share < 0.07 < 0.3 < plain


def test_strengths_are_those_of_the_versions():
    keys = [str(n) for n in range(50)]
    found = strengths("blur:2", LADDER, keys)
    texts = [version("blur:2", LADDER, key) for key in keys]
    assert [f"blur:{value:.4g}" for value in found] == texts
    assert np.isnan(strengths("jpeg:75", LADDER, keys)).all()
    assert reach("blur:2", LADDER) == (1.75, 2.5) and reach("jpeg:75", LADDER) is None


def test_learning_knows_of_chains_and_compares_like_strengths_alone(monkeypatch):
    rungs = ("none", "jpeg:75", "blur:2", "blur:3", "blur:2+jpeg:75")
    labels, stacks = fake_stacks(np.random.default_rng(6), shift=0.05, n=40)
    keys = [f"image {n}" for n in range(40)]
    asked = []

    class Kept(Worst):
        def tested(self, scores):
            asked.append((self, scores))
            return super().tested(scores)

    monkeypatch.setattr(learning, "Worst", Kept)
    # All rungs look nearly alike, so that each sends versions to every other.
    noise = np.random.default_rng(7)
    each = [
        {name: rows + 0.1 * noise.normal(size=rows.shape) for name, rows in stacks.items()}
        for _ in rungs
    ]
    given = each, Labelled(labels, np.arange(40), 4), keys, Augmentation(rungs)
    found = learning.learn(recipe("lattice"), *given)
    assert found.gate.log_prior.tolist() == log_prior(rungs)
    for rung, expert, (one, many) in zip(
        rungs, found.experts, zip(asked[::2], asked[1::2], strict=True), strict=True
    ):
        assert one[0] is many[0] and one[0].reach == reach(rung, rungs)
        same = [strengths(other, rungs, keys) for other in rungs if alike(rung, other)]
        known = np.isfinite(one[0].strength)
        wanted = {(n, float(s[n])) for s in same for n in range(40)}
        pairs = zip(one[0].image[known].tolist(), one[0].strength[known].tolist(), strict=True)
        assert set(pairs) <= wanted and known.any() == bool(same)
        # Each asks with every version that came, of a phase that is searched and of one known.
        for (worst, scores), held in ((one, expert.searched), (many, expert)):
            assert scores.shape == worst.image.shape
            assert np.unique(scores).size == scores.size > labels.size
            for label, kept in ((False, held.real), (True, held.generated)):
                for image, score in zip(np.flatnonzero(labels == label), kept, strict=True):
                    assert np.isclose(scores[worst.image == image], score).any()
            assert (held.tested.real == worst.tested(scores).real).all()


def test_reference_images_at_another_scale_are_known_to_p_values_alone():
    rungs = ("none", "jpeg:75")
    labels, stacks = fake_stacks(np.random.default_rng(6), shift=0.05, n=40)
    noise = np.random.default_rng(7)
    each = [
        {name: rows + 0.1 * noise.normal(size=rows.shape) for name, rows in stacks.items()}
        for _ in rungs
    ]
    keys = [f"image {n}" for n in range(40)]
    given = each, Labelled(labels, np.arange(40), 4), keys, Augmentation(rungs)
    plain = learning.learn(recipe("lattice"), *given)
    # At another scale the reference images look as the generator's do.
    others = [{name: rows[labels] for name, rows in stacks.items()} for stacks in each]
    found = learning.learn(recipe("lattice"), *given, others=others)
    for before, after in zip(plain.experts, found.experts, strict=True):
        for one, two in ((before, after), (before.searched, after.searched)):
            # Up to the order of sums, which goes by the number of versions.
            for name in ("real", "generated", "pattern", "offset"):
                np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-9)
            np.testing.assert_allclose(one.tested.generated, two.tested.generated, rtol=1e-9)
            assert (one.tested.real <= two.tested.real + 1e-9).all()
        assert np.mean(after.tested.real) > np.mean(before.tested.real) + 0.5 * (
            np.mean(before.generated) - np.mean(before.real)
        )
    for name in ("means", "calibration"):
        assert (getattr(found.gate, name) == getattr(plain.gate, name)).all()
    assert found.gate.temperature == plain.gate.temperature


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rungs", "expected"), [(("none", "jpeg:60"), 0), (("none", "jpeg:60+resize:0.5"), 16)]
)
def test_a_ladder_that_knows_of_resizing_has_reference_images_at_another_scale(
    folders, monkeypatch, rungs, expected
):
    kept = {}

    def learn(method, stacks, known, keys, augmentation, told, others):
        kept.update(stacks=stacks, labels=known.labels, others=others, keys=keys)
        raise KeyboardInterrupt

    monkeypatch.setattr("fp.fingerprint.conditions.learning_run.learn", learn)
    options = ExtractOptions(null=0, audit=False, dif=None, augment=Augmentation(rungs))
    with pytest.raises(KeyboardInterrupt):
        extract(folders / "generated", folders / "real", "G", options)
    assert len(kept["stacks"]) == 2 and len(kept["others"]) == expected
    first = list(kept["labels"]).index(False)
    image = next(
        path
        for path in (folders / "real").rglob("*")
        if path.is_file() and sha256(path) == kept["keys"][first]
    )
    pixels = CropRule(64, 64).apply(np.asarray(Image.open(image).convert("RGB")))
    for number, stacks in enumerate(kept["others"]):
        assert {len(rows) for rows in stacks.values()} == {int(np.sum(~kept["labels"]))}
        seen = Degradation(elsewhere(kept["keys"][first])[number]).apply(pixels)
        np.testing.assert_allclose(stacks["blocks"][0], block_statistics(seen), atol=1e-5)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_every_reference_image_is_enlarged_and_compressed_in_all_ranges():
    texts = [elsewhere(f"image {n}") for n in range(200)]
    assert texts[0] == elsewhere("image 0") != texts[1]
    for number, ((low, high), quality) in enumerate(ELSEWHERE):
        steps = [list(Degradation(each[number]).steps()) for each in texts]
        factors = np.array([one[0][1] for one in steps])
        assert {one[0][0] for one in steps} == {"enlarge"}
        assert low <= factors.min() < low + 0.2 * (high - low)
        assert high >= factors.max() > high - 0.2 * (high - low)
        assert [len(one) for one in steps] == [1 if quality is None else 2] * 200
        if quality is not None:
            found = [one[1][1] for one in steps]
            assert quality[0] <= min(found) and max(found) < quality[1]


def test_the_worst_version_of_every_image_is_tested():
    labels = np.array([False, False, True, True])
    image = np.array([0, 1, 2, 3, 0, 2])
    scores = np.array([1.0, 2.0, 5.0, 6.0, 3.0, 4.0])
    found = Worst(image, labels, np.full(6, np.nan), None).tested(scores)
    assert found.real.tolist() == [3.0, 2.0] and found.generated.tolist() == [4.0, 6.0]


def test_where_the_condition_is_unclear_both_experts_must_say_the_same(fingerprint, monkeypatch):
    image = GENERATOR.draw(993)
    conditions = fingerprint.conditions
    (account,) = [
        Account.of(h, residual_for(fingerprint.denoiser))
        for h in hypotheses(image, fingerprint.crop, fingerprint.native_sizes)
    ]
    clear = judge_accounts(
        "", [account], Judges.of(fingerprint), "conformal", 0.05, lambda p, evidence: p
    )
    assert clear.decision == "supports_generator"
    blur = CONDITIONS.index("blur:4")
    expert = conditions.experts[blur]
    # An expert to which every reference image looks like the generator's has nothing to say.
    silent = replace(expert, tested=experts.Tested(expert.real + 1e6, expert.generated))
    loud = replace(conditions.experts[0], condition="blur:4")
    read = type(conditions).read
    monkeypatch.setattr(type(conditions), "read", lambda *given: replace(read(*given), second=blur))
    for second, wanted in ((silent, "inconclusive"), (loud, "supports_generator")):
        changed = (*conditions.experts[:blur], second, *conditions.experts[blur + 1 :])
        made = replace(fingerprint, conditions=replace(conditions, experts=changed))
        row = judge_accounts(
            "", [account], Judges.of(made), "conformal", 0.05, lambda p, evidence: p
        )
        assert row.decision == wanted and row.log10_lr == clear.log10_lr
        assert ("condition_unclear" in row.reasons) == (wanted == "inconclusive")


def test_the_ratio_is_over_the_conditions_that_an_image_is_probably_in(fingerprint, monkeypatch):
    image, conditions = GENERATOR.draw(994), fingerprint.conditions
    (account,) = [
        Account.of(h, residual_for(fingerprint.denoiser))
        for h in hypotheses(image, fingerprint.crop, fingerprint.native_sizes)
    ]

    def judged(*probable):
        placed = experts.Placement(0, 0.5, 0, probable)
        monkeypatch.setattr(type(conditions), "read", lambda *_: placed)
        return judge_accounts(
            "", [account], Judges.of(fingerprint), "conformal", 0.05, lambda p, _: p
        )

    clean, blurred, both = judged((0, 1.0)), judged((2, 1.0)), judged((0, 0.7), (2, 0.3))
    judge = Judges.of(fingerprint).expert(0, False)
    assert clean.log10_lr == judge.ratio(clean.score) and clean.conditions == ("none 1.00",)
    assert (clean.log10_lr_low, clean.log10_lr_high) == judge.resampled.interval(clean.score)
    assert clean.at_bound == judge.ratio.at_bound(clean.score)
    assert both.conditions == ("none 0.70", "blur:4 0.30")
    for name in ("log10_lr", "log10_lr_specific"):
        odds = [10 ** getattr(row, name) for row in (clean, blurred)]
        chance = 0.7 * odds[0] / (1 + odds[0]) + 0.3 * odds[1] / (1 + odds[1])
        assert getattr(both, name) == pytest.approx(np.log10(chance / (1 - chance)))
    low, high = sorted((clean.log10_lr, blurred.log10_lr))
    assert low < both.log10_lr < high
    lows = sorted((clean.log10_lr_low, blurred.log10_lr_low))
    assert lows[0] <= both.log10_lr_low <= lows[1] and both.log10_lr_low < both.log10_lr_high
    assert not both.at_bound or (clean.at_bound and blurred.at_bound)
    # All else is the first expert's.
    for name in ("score", "p_real", "p_bank", "p_generated", "condition", "decision"):
        assert getattr(both, name) == getattr(clean, name)


def test_without_a_temperature_the_nearest_condition_is_certain(fingerprint, tmp_path):
    conditions = fingerprint.conditions
    stack = block_statistics(GENERATOR.draw(995))[None]
    hot = replace(conditions.gate, temperature=1e6)
    found = replace(conditions, gate=hot).read(stack)
    assert found.probable[0][0] == found.expert
    assert [share for _, share in found.probable] == pytest.approx([1 / 3] * 3, abs=1e-3)
    older = replace(
        fingerprint, conditions=replace(conditions, gate=replace(hot, temperature=None))
    )
    assert older.conditions.read(stack).probable == ((found.expert, 1.0),)
    path = tmp_path / "older.h5"
    write_bank(path, [older])
    (back,) = read_bank(path)
    assert back.conditions.gate.temperature is None and back.uuid == older.uuid
    path = tmp_path / "newer.h5"
    write_bank(path, [fingerprint])
    assert verify_bank(path) == []
    (back,) = read_bank(path)
    assert back.conditions.gate.temperature == conditions.gate.temperature > 1
    damaged = elements_of(fingerprint) | {"conditions/gate@temperature": np.array(0.0)}
    (fault,) = contents(damaged).faults
    assert fault == ("conditions", "is not valid (the temperature of the gate is not positive)")


def test_the_size_of_an_image_says_which_conditions_it_can_be_in(fingerprint):
    names = ("none", "resize:0.75", "blur:4")
    pairs = zip(fingerprint.conditions.experts, names, strict=True)
    told = replace(
        fingerprint.conditions,
        experts=tuple(replace(expert, condition=name) for expert, name in pairs),
    )
    stack = block_statistics(GENERATOR.draw(996))[None]
    free, bound = told.read(stack), told.read(stack, 0.8)
    assert free == told.read(stack, 1.0) and free.expert == 0
    assert (bound.expert, bound.second, bound.probable) == (1, 1, ((1, 1.0),))
    measured = told.gate.measure(stack, np.array([False, True, False]))
    assert bound.p == told.gate.p(1, float(measured.distance[0])) < free.p


def test_experts_are_tested_in_the_worst_case(fingerprint):
    for expert in fingerprint.conditions.experts:
        for found in (expert, expert.searched):
            assert (found.tested.real >= found.real).all()
            assert (found.tested.generated <= found.generated).all()
    index = CONDITIONS.index("blur:4")
    expert = fingerprint.conditions.experts[index]
    assert (expert.tested.real > expert.real).any()  # at another strength
    judge = Judges.of(fingerprint).expert(index, False)
    assert (judge.calibration_tested.real == expert.tested.real).all()
    assert (judge.fingerprint.calibration.real == expert.real).all()


def test_phases_are_inner_products_with_rolled_features():
    rng = np.random.default_rng(3)
    rows, weights = rng.normal(size=(2, 3, 8, 8)), rng.normal(size=(3, 8, 8))
    found = correlate_phases(rows, weights)
    for y, x in ((0, 0), (1, 5), (7, 3)):
        rolled = np.roll(rows, (-y, -x), axis=(2, 3))
        np.testing.assert_allclose(found[:, y, x], (rolled * weights).sum(axis=(1, 2, 3)))


def test_the_largest_over_phases_does_not_depend_on_the_phase():
    labels, stacks = fake_stacks(np.random.default_rng(4), shift=0.05)
    groups = np.arange(labels.size)
    folds = deal(groups, labels, 6, 0)
    found = crossed.learn(with_pixels(recipe("lattice")), stacks, labels, groups, folds)
    at_home = found.score(stacks, folds)[:, 0]
    largest = crossed.moved(found, stacks, folds)
    excess = largest.still + largest.moving - at_home
    assert (excess >= -1e-6).all() and (excess > 1e-3).any()
    shifted = {
        name: np.roll(s, (3, 5), (2, 3)) if name in ("tile", "cyclic", "highpass") else s
        for name, s in stacks.items()
    }
    again = crossed.moved(found, shifted, folds)
    np.testing.assert_allclose(again.moving, largest.moving, atol=1e-6)
    np.testing.assert_allclose(again.still, largest.still, atol=1e-6)


def test_an_expert_is_calibrated_with_what_the_gate_sends_to_it():
    where = np.array([[0, 1, 1, 2], [0, 0, 2, 2], [2, 0, 0, 2]])
    likeliest = np.where(np.arange(4) == 2, 0, where)

    def draw(shares, seed):
        return learning.Sent.to(0, where, likeliest, shares, np.random.default_rng(seed))

    come = [draw(np.ones(3), s) for s in range(50)]
    sent = {(0, 0), (1, 0), (1, 1), (2, 1), (2, 2), (0, 3)}  # nothing of 3 was: its own version
    first = set(sent)
    sent |= {(0, 2), (1, 2)}  # without the prior
    drawn = set()
    for each in come:
        pairs = list(zip(each.condition.tolist(), each.image.tolist(), strict=True))
        assert set(pairs) == sent and len(pairs) == len(sent)
        assert each.image[each.drawn].tolist() == [0, 1, 2, 3]
        drawn |= {pairs[place] for place in each.drawn}
    assert drawn == first
    # Of image 1 the versions 0 and 1 were sent to the expert: drawn as 1 to 3.
    many = [draw(np.array([1.0, 3.0, 1.0]), seed) for seed in range(2000)]
    often = np.mean([each.condition[each.drawn[1]] == 1 for each in many])
    assert often == pytest.approx(0.75, abs=0.04)  # four standard deviations
    stacks = [np.arange(4.0)[:, None] + 10 * k for k in range(3)]
    # Versions that only p-values know of come too, and are never drawn.
    where = np.vstack([where, [0, -1, 2, -1]])
    likeliest = np.vstack([likeliest, [0, -1, 0, -1]])
    for each in (draw(np.ones(3), seed) for seed in range(50)):
        pairs = list(zip(each.condition.tolist(), each.image.tolist(), strict=True))
        assert set(pairs) == sent | {(3, 0), (3, 2)}
        assert {pairs[place] for place in each.drawn} <= first
    others = [np.array([[70.0], [72.0]])]
    taken = each.taken(stacks, others, np.array([0, 9, 1, 9]))[:, 0].tolist()
    wanted = [70.0 + i if k == 3 else 10.0 * k + i for k, i in pairs]
    assert taken == wanted
    taken = come[0].taken(stacks)[:, 0].tolist()
    assert taken == [10.0 * k + i for k, i in zip(come[0].condition, come[0].image, strict=True)]


# The gate


@pytest.fixture(scope="module")
def clouds():
    rng = np.random.default_rng(5)
    centres = 3 * rng.normal(size=(3, 40))
    stacks = [centre + rng.normal(size=(120, 40)) for centre in centres]
    found = gate.learn(stacks, np.arange(120) % 10)
    return centres, found.gate, found.sent, found.distances


def test_the_gate_sends_images_where_they_belong(clouds):
    centres, found, sent, _ = clouds
    for k, where in enumerate(sent):
        assert (where == k).mean() > 0.98
    fresh = np.random.default_rng(6).normal(size=(50, 40)) + centres[1]
    assert (found.measure(fresh).nearest == 1).mean() > 0.95


def test_what_nothing_is_learned_from_is_measured_by_a_gate_without_its_image():
    rng = np.random.default_rng(5)
    # Clouds so near to each other that the gate that knew an image would judge it otherwise.
    stacks = [rng.normal(size=(60, 12)) + move for move in (0.0, 0.4)]
    folds, whose = np.arange(60) % 10, np.arange(0, 60, 3)
    plain = gate.learn(stacks, folds)
    found = gate.learn(stacks, folds, others=[stacks[1][whose]], whose=whose)
    assert (found.gate.calibration == plain.gate.calibration).all()
    for before, after in ((plain.sent, found.sent), (plain.likeliest, found.likeliest)):
        assert len(after) == 3 and (after[2][whose] == before[1][whose]).all()
        assert (np.delete(after[2], whose) == -1).all()
        assert set(after[2][whose]) == {0, 1}
    known = found.gate.measure(stacks[1][whose]).nearest
    assert (known != found.sent[2][whose]).any()


def test_the_distance_is_mahalanobis(clouds):
    centres, found, _, _ = clouds
    x = centres[2] + np.random.default_rng(7).normal(size=40)
    measured = found.measure(x[None])
    k = int(measured.nearest[0])
    z = (x - found.centre) / found.scale
    along = found.basis @ z
    y = np.append(along, np.log(max(float(z @ z - along @ along), 1e-12))) - found.means[k]
    covariance = np.linalg.inv(found.roots[k].astype(float) @ found.roots[k].astype(float).T)
    assert measured.distance[0] == pytest.approx(y @ np.linalg.solve(covariance, y), rel=1e-3)


def test_the_range_ends_at_its_level_and_not_before(clouds):
    centres, found, _, _ = clouds
    rng = np.random.default_rng(8)
    inside = found.measure(centres[0] + rng.normal(size=(400, 40)))
    p = [found.p(k, d) for k, d in zip(inside.nearest, inside.distance, strict=True)]
    assert np.mean(np.array(p) <= 0.1) < 0.16  # 0.1 and three standard deviations
    outside = found.measure(centres[0] + 6 + rng.normal(size=(50, 40)))
    p = [found.p(k, d) for k, d in zip(outside.nearest, outside.distance, strict=True)]
    assert max(p) <= 0.01


def test_ladders_end_at_the_strongest_compression():
    # From JPEG 15 to 10, and from WebP 80 to 50: by quality, wherever they stand.
    assert [(LADDER[end.last], LADDER[end.before]) for end in ends(LADDER)] == [
        ("jpeg:10", "jpeg:15"),
        ("webp:50", "webp:80"),
    ]
    assert ends(("none", "jpeg:60", "jpeg:9", "blur:1", "blur:3")) == (End(2, 1),)
    assert ends(CONDITIONS) == ()


def test_a_rare_condition_needs_more_evidence():
    rng = np.random.default_rng(12)
    stacks = [rng.normal(size=(200, 12)) + move for move in (0.0, 0.8)]
    folds = np.arange(200) % 10
    alike, rare = (gate.learn(stacks, folds, (), prior).gate for prior in ((), (0.0, -5.0)))
    rows = np.concatenate(stacks)
    found = alike.measure(rows)
    each = found.misfits.T
    nearest = np.argmin(each - 2 * np.array([[0.0], [-5.0]]), axis=0)
    assert (rare.measure(rows).nearest == nearest).all()
    assert (rare.measure(rows).likeliest == found.nearest).all()
    assert (found.nearest == np.argmin(each, axis=0)).all()
    assert (nearest == 1).sum() < (found.nearest == 1).sum()
    assert log_prior(("none", "jpeg:75", "blur:1+jpeg:75")) == [0.0, 0.0, CHAIN]


def test_what_lies_beyond_the_end_of_a_ladder_is_told():
    """Three clouds in a row: the fourth of it lies beyond, what lies aside or before does not."""
    rng = np.random.default_rng(12)
    way = 4 * rng.normal(size=40) / np.sqrt(40)
    spread = rng.uniform(0.5, 2, 40)

    def cloud(steps, n):
        return steps * way + spread * rng.normal(size=(n, 40))

    (end,) = ends(("none", "jpeg:30", "jpeg:10"))
    stacks = [cloud(steps, 200) for steps in (0, 2, 4)]
    found = gate.learn(stacks, np.arange(200) % 10, [end]).gate

    def told(rows):
        return np.array([found.p_beyond(0, value) for value in found.along(rows, end)])

    own = found.along(cloud(4, 4000), end)
    assert abs(own.mean()) < 0.2 and 0.8 < own.std() < 1.2
    assert (told(cloud(4, 4000)) <= 0.05).mean() == pytest.approx(0.05, abs=0.04)
    assert (told(cloud(6, 400)) <= 0.03).mean() > 0.8
    assert (told(cloud(2, 400)) > 0.5).all()
    rows = cloud(5, 5)
    alone = [found.along(row[None], end)[0] for row in rows]
    assert found.along(rows, end).tolist() == alone


def test_measuring_alone_and_together_gives_the_same_bits(clouds):
    centres, found, _, _ = clouds
    rows = np.random.default_rng(9).normal(size=(5, 40)) + centres[0]
    together = found.measure(rows).distance
    assert together.tolist() == [found.measure(row[None]).distance[0] for row in rows]


# Sizes


def test_the_accounts_of_a_size():
    image = photograph(0, 128)
    crop, sizes = CropRule(64, 64), ["96x96", "128x128"]
    (native,) = hypotheses(image, crop, sizes)
    assert (native.factor, native.searched) == (1.0, False)
    assert np.array_equal(native.part, image[:64, :64])
    cut, *others = hypotheses(image, crop, ["96x96"])
    assert (cut.factor, cut.searched) == (1.0, True)
    assert [(h.factor, h.searched) for h in others] == [(128 / 96, False)]
    assert all(h.part.shape == (64, 64, 3) for h in others)
    factors = [h.factor for h in hypotheses(image[:, :100], crop, ["96x96"])]
    assert factors[0] == 1.0 and {0.75, 1.25, 1.5} <= set(factors)
    small = image[:32, :32]
    with pytest.raises(ImageError, match="32 x 32 pixels and the fingerprint needs 64 x 64"):
        check_any(list(hypotheses(small, crop, ["96x96"])), small, crop)


def test_a_crop_of_a_jpeg_is_read_from_its_grid_on():
    whole = Degradation("jpeg:60").apply(photograph(3, 128))
    crop = CropRule(64, 64)
    found = next(hypotheses(whole[3:83, 5:85], crop, ()))
    assert (found.searched, found.grid, found.filled) == (True, (5, 3), (0, 0))
    assert np.array_equal(found.part, whole[8:72, 8:72])
    none = next(hypotheses(photograph(3, 128)[3:83, 5:85], crop, ()))
    assert none.grid is None and np.array_equal(none.part, photograph(3, 128)[3:67, 5:69])


def test_what_a_crop_lacks_behind_its_grid_goes_on_as_before():
    whole = Degradation("jpeg:60").apply(photograph(3, 128))
    found = next(hypotheses(whole[3:67, 8:72], CropRule(64, 64), ()))
    assert (found.grid, found.filled) == ((5, 0), (8, 0))
    assert np.array_equal(found.part[:56], whole[8:64, 8:72])
    assert np.array_equal(found.part[56:], found.part[48:56][::-1])

    def rows(image_hwc):
        return np.tile(np.arange(64.0, dtype=np.float32)[:, None], (3, 1, 64))

    # The lattice goes on: a period of 32 rows before, and nothing of the mirrored rows.
    assert found.residual(rows)[0, :, 0].tolist() == [*range(56), *range(24, 32)]


def test_the_evidence_of_several_phases_is_their_mean():
    looks = [phases.Look(None, {}, weight=weight) for weight in (0.05, 0.95)]
    rng = np.random.default_rng(10)
    search, grid = rng.normal(size=(2, 50))
    found = phases.mean_ratio([search, grid], looks)
    np.testing.assert_allclose(10**found, 0.05 * 10**search + 0.95 * 10**grid)
    assert phases.mean_ratio([-400.0, -500.0], looks) == pytest.approx(-400 + np.log10(0.05))


def test_several_phases_are_calibrated_together():
    """A reference image has each p-value with the same probability, whatever the dependence."""
    rng = np.random.default_rng(11)
    n = 19

    @dataclass(frozen=True, eq=False)
    class Known(phases.Look):
        free: float = 0.0

    told = []
    for _ in range(400):
        search = rng.normal(size=n + 1)
        scores = [search, search * 0.7 + rng.normal(size=n + 1)]
        looks = []
        for values, weight in zip(scores, (0.5, 0.5), strict=True):
            judge = SimpleNamespace(
                ratio=LikelihoodRatio(1.0, 0.0, -9.0, 9.0),
                calibration_tested=SimpleNamespace(real=values[1:]),
            )
            looks.append(Known(judge, {}, weight=weight, free=values[0]))
        told.append(phases.p_jointly(looks))
    counts = np.bincount(np.round(np.array(told) * (n + 1)).astype(int), minlength=n + 2)[1:]
    assert counts.size == n + 1 and chisquare(counts).pvalue > 0.001


def test_a_scaled_image_is_brought_back():
    image = photograph(0, 128)
    scaled = np.asarray(Image.fromarray(image).resize((96, 96), Image.Resampling.BICUBIC))
    (found,) = hypotheses(scaled, CropRule(128, 128), ["128x128"])
    assert np.array_equal(found.part, Degradation("resize:0.75").apply(image))


# Options


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("jpeg:75", "none"), "begins with none"),
        (("none",), "two conditions or more"),
        (("none", "jpeg:75", "jpeg:75"), "each of them once"),
        (("none", "gouache:3"), "Unknown degradation 'gouache'"),
    ],
)
def test_an_impossible_ladder_is_refused(given, told):
    with pytest.raises(UsageError, match=told):
        Augmentation(given)


def test_augmenting_goes_with_closed_forms_or_one_estimator():
    assert Augmentation().conditions == LADDER and LADDER[0] == "none"
    names = [part.name for part in with_pixels(recipe("auto")).parts]
    assert names[-5:] == ["cosine", "blocks", "cooccurrence", "cooccurrence", "highpass"]
    with pytest.raises(UsageError, match="--method auto or lattice"):
        with_pixels(recipe("auto", {"parts": [["tile", {}], ["dif", {}]]}))
    with pytest.raises(UsageError, match="speaks of the generator; spectrum has none"):
        with_pixels(recipe("spectrum"))
    assert with_pixels(recipe("tile")) == recipe("tile")
    with pytest.raises(UsageError, match="leave out --match or --augment"):
        ExtractOptions(match="jpeg:75", augment=Augmentation(CONDITIONS))


# From folders to answers


def test_the_fingerprint_itself_is_the_same_with_and_without(folders, options, fingerprint):
    plain = extract(
        folders / "generated", folders / "real", "G", replace(options, augment=None)
    ).fingerprint
    assert plain.conditions is None and fingerprint.conditions is not None
    assert plain.pattern.tobytes() == fingerprint.pattern.tobytes()
    assert plain.calibration.real.tobytes() == fingerprint.calibration.real.tobytes()
    # The gate of the experts takes the place of the test of the coding.
    assert plain.distribution is not None and fingerprint.distribution is None
    alone, bare = replace(fingerprint, conditions=None), replace(plain, distribution=None)
    assert alone.uuid == bare.uuid != fingerprint.uuid


def test_experts_say_how_well_they_separate(fingerprint):
    found = {line.condition: line for line in describe(fingerprint)}
    assert tuple(found) == CONDITIONS
    assert found["none"].auc > 0.95 and found["none"].p == 0.001 and not found["none"].hidden
    assert fingerprint.parameters["augment"]["conditions"] == list(CONDITIONS)
    assert fingerprint.parameters["conditions"]["none"]["auc"] == found["none"].auc


@pytest.mark.parametrize("condition", CONDITIONS)
def test_an_image_is_judged_by_the_expert_for_its_condition(fingerprint, tmp_path, condition):
    change = Degradation(condition)
    rows = [asked(change.apply(GENERATOR.draw(900 + i)), fingerprint, tmp_path) for i in range(8)]
    assert sum(row.condition == condition for row in rows) >= 7
    assert all(row.factor == 1.0 and row.phase is None for row in rows)
    real = [asked(change.apply(photograph(900 + i)), fingerprint, tmp_path) for i in range(8)]
    assert sum(row.decision == "supports_generator" for row in real) <= 2


def test_an_image_in_no_known_condition_gets_no_answer(fingerprint, tmp_path):
    noisy = Degradation("noise:60")
    rows = [asked(noisy.apply(GENERATOR.draw(950 + i)), fingerprint, tmp_path) for i in range(4)]
    assert {row.decision for row in rows} == {"inconclusive"}
    assert all("outside_calibrated_range" in row.reasons for row in rows)
    assert all(row.p_condition <= fingerprint.conditions.outside for row in rows)
    forced = asked(noisy.apply(GENERATOR.draw(950)), fingerprint, tmp_path, rule="nearest-mean")
    assert forced.decision != "inconclusive"


def test_the_phase_of_a_crop_is_found(fingerprint, tmp_path):
    found = []
    for index in range(6):
        whole = GENERATOR.draw(980 + index, 128)
        row = asked(whole[3 : 3 + 72, 5 : 5 + 72], fingerprint, tmp_path)
        if row.factor == 1.0:
            found.append(row.phase)
    # Cut at (3, 5): a period of eight begins at (5, 3).
    periods = [tuple(int(part) % 8 for part in phase.split(",")) for phase in found]
    assert len(periods) >= 4 and periods.count((5, 3)) >= len(periods) - 1


def test_what_was_scaled_and_then_compressed_lies_outside(fingerprint, tmp_path):
    compress = Degradation("jpeg:60")
    for index in range(4):
        picture = Image.fromarray(GENERATOR.draw(970 + index)).resize((48, 48), Image.BICUBIC)
        assert asked(np.asarray(picture), fingerprint, tmp_path).p_condition > 0
        picture = Image.fromarray(GENERATOR.draw(970 + index)).resize((96, 96), Image.BICUBIC)
        found = list(hypotheses(compress.apply(np.asarray(picture)), fingerprint.crop, ["64x64"]))
        assert [(one.factor, one.chained) for one in found] == [(1.0, False), (1.5, True)]
        (account,) = (Account.of(one, residual_for(fingerprint.denoiser)) for one in found[1:])
        row = judge_accounts(
            "", [account], Judges.of(fingerprint), "conformal", 0.05, lambda p, _: p
        )
        assert (row.decision, row.p_condition) == ("inconclusive", 0)
        assert row.reasons[0] == "outside_calibrated_range"


def test_of_accounts_that_say_the_same_the_plausible_one_speaks(fingerprint, monkeypatch):
    image = GENERATOR.draw(975)
    features = Features(residual_for(fingerprint.denoiser)(image), image)
    accounts = [Account(factor, False, features) for factor in (1.25, 1.0, 0.75)]
    plausible = {1.25: 0.05, 1.0: 0.5, 0.75: 0.1}
    monkeypatch.setattr(
        "fp.fingerprint.conditions.examining._read",
        lambda account, _: Reading(
            account, experts.Placement(0, plausible[account.factor], 0, ((0, 1.0),))
        ),
    )
    row = judge_accounts("", accounts, Judges.of(fingerprint), "conformal", 0.05, lambda p, _: p)
    assert (row.factor, row.p_condition) == (1.0, 0.5)


def test_a_scale_that_was_tried_supports_no_generator(fingerprint, monkeypatch):
    image = GENERATOR.draw(976)
    features = Features(residual_for(fingerprint.denoiser)(image), image)
    known, tried = Account(1.0, True, features), Account(0.75, True, features)
    told = Account(0.75, False, features)  # by the sides of the image
    plausible = {1.0: 0.1, 0.75: 0.9}
    monkeypatch.setattr(
        "fp.fingerprint.conditions.examining._read",
        lambda account, _: Reading(
            account, experts.Placement(0, plausible[account.factor], 0, ((0, 1.0),))
        ),
    )

    def judged(*accounts, rule="conformal"):
        return judge_accounts("", accounts, Judges.of(fingerprint), rule, 0.05, lambda p, _: p)

    claims = "supports_generator"
    assert judged(known).decision == judged(told).decision == claims
    alone = judged(tried)
    assert (alone.decision, alone.reasons[0]) == ("inconclusive", "scale_unknown")
    assert alone.log10_lr > 0 and judged(tried, rule="nearest-mean").decision == claims
    # The tried scale is the more plausible one, and neither has the row nor costs the other a test.
    both = judged(tried, known)
    assert (both.decision, both.factor, both.reasons) == (claims, 1.0, ())
    assert both.p_bank == both.p_real
    assert judged(told, known).p_bank == 2 * judged(told, known).p_real
    photo = photograph(976, 64)
    features = Features(residual_for(fingerprint.denoiser)(photo), photo)
    row = judged(Account(0.75, True, features))
    assert row.decision == "supports_reference" and "scale_unknown" not in row.reasons


def test_a_grid_tells_the_phase_of_a_crop(fingerprint, tmp_path):
    compress, rows = Degradation("jpeg:60"), []
    for index in range(6):
        whole = compress.apply(GENERATOR.draw(985 + index, 256))
        rows.append(asked(whole[3 : 3 + 200, 5 : 5 + 180], fingerprint, tmp_path))
    crops = [row for row in rows if row.factor == 1.0]
    assert len(crops) >= 5 and sum(row.phase == "grid 5,3" for row in crops) >= len(crops) - 1
    assert sum(row.log10_lr > 1 for row in crops) >= len(crops) - 1
    assert not phases.is_searched("grid 5,3") and phases.is_searched("5,3")
    assert not phases.is_searched(None)


@pytest.mark.parametrize(("place", "weight"), [((0, 0), 0.5), ((3, 5), 0.95)])
def test_the_search_is_heard_beside_the_grid(fingerprint, place, weight):
    """A crop before compression has its grid at the first pixel and its lattice anywhere."""
    y, x = place
    whole = Degradation("jpeg:60").apply(photograph(3, 128))
    seen = next(hypotheses(whole[y : y + 100, x : x + 100], CropRule(64, 64), ()))
    account = Account.of(seen, residual_for(fingerprint.denoiser))
    judges = partial(Judges.of(fingerprint).expert, 1)
    grid, search = phases.looks(account.features, judges, True, account.grid)
    assert (grid.weight, search.weight) == (weight, pytest.approx(1 - weight))
    assert grid.phase == f"grid {-y % 8},{-x % 8}" and phases.is_searched(search.phase)
    assert grid.judge is judges(False) and search.judge is judges(True)
    # From the image's first pixel: the part begins at the grid.
    at_best = phases.find_phase(search.judge, account.features.of(search.judge.recipe))
    told = tuple(int(part) for part in search.phase.split(","))
    assert told == tuple((at_best[0] + (-y % 8, -x % 8)) % at_best[1])
    (known,) = phases.looks(account.features, judges, False, None)
    assert known.phase is None and known.free == grid.free


def test_weak_is_said_of_the_fingerprint_and_hidden_of_a_condition(fingerprint, tmp_path):
    rng = np.random.default_rng(4)
    first, second, third = fingerprint.conditions.experts
    shape = second.real.shape
    blind = replace(second, real=rng.normal(size=shape), generated=rng.normal(size=shape))
    conditions = replace(fingerprint.conditions, experts=(first, blind, third))
    image = Degradation("jpeg:60").apply(GENERATOR.draw(961))
    row = asked(image, replace(fingerprint, conditions=conditions), tmp_path)
    assert row.decision == "inconclusive" and row.reasons[0] == "condition_hides_generator"
    assert "weak_fingerprint" not in row.reasons
    null = NullControl(0.1, np.linspace(1, 2, 200), 0)
    row = asked(image, replace(fingerprint, null=null), tmp_path)
    assert "weak_fingerprint" in row.reasons and "condition_hides_generator" not in row.reasons


def test_the_examined_share_is_of_the_image_that_was_asked_about(fingerprint, tmp_path):
    row = asked(
        Degradation("resize:0.75").apply(GENERATOR.draw(960))[:48, :48], fingerprint, tmp_path
    )
    assert (row.factor, row.examined) == (0.75, 1.0)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_map_flags_nothing_where_windows_are_not_calibrated(fingerprint, tmp_path, condition):
    change = Degradation(condition)
    for index in range(4):
        image = change.apply(GENERATOR.draw(970 + index))
        row = asked(image, fingerprint, tmp_path, mapped=True)
        outside = "outside_calibrated_range" in row.reasons
        assert (row.map_generated is not None) == (row.condition == "none" and not outside)
        assert (row.map_generated is None) == (row.map_reference is None)


def test_a_program_gets_the_shares_of_a_map_that_the_tables_have(fingerprint, tmp_path):
    save(GENERATOR.draw(974), tmp_path / "asked.png")
    write_bank(tmp_path / "fp.h5", [fingerprint])
    items = list_items([tmp_path / "asked.png"])
    detect_into(tmp_path / "o", tmp_path / "fp.h5", items, DetectOptions(mapped=True))
    (wanted,) = json_rows(tmp_path / "o")
    (row,) = Bank([fingerprint]).detect(GENERATOR.draw(974), mapped=True)
    assert wanted["map_generated"] is not None
    assert (row.map_generated, row.map_reference) == (
        wanted["map_generated"],
        wanted["map_reference"],
    )


def test_a_case_speaks_by_the_calibration_of_the_expert(fingerprint, tmp_path):
    write_bank(tmp_path / "fp.h5", [fingerprint])
    expert = Judges.of(fingerprint).expert(CONDITIONS.index("jpeg:60"), False).ratio
    assert expert.upper < Judge(fingerprint).ratio.upper
    Image.fromarray(GENERATOR.draw(975)).save(tmp_path / "asked.jpg", quality=60)
    case = tmp_path / "case"
    assert fp("case", "init", case, "--title", "T").code == 0
    assert fp("case", "add", case, tmp_path / "asked.jpg").code == 0
    assert fp("case", "run", case, tmp_path / "fp.h5", "--jobs", 1).code == 0
    assert fp("case", "export", case, "-o", tmp_path / "case.zip").code == 0
    (row,) = json_rows(case / "runs" / "R01")
    text = (case / "report.md").read_text("utf-8")
    assert row["condition"] == "jpeg:60" and row["log10_lr"] == expert.upper
    assert row["at_bound"] and "stands at the bound of the calibration" in text
    assert row["conditions"] == ["jpeg:60 1.00"] and "the ratio is over" not in text
    assert "| judged as an image in the condition | `jpeg:60`" in text
    assert "experts for images in the conditions `none`, `jpeg:60`, `blur:4`" in text
    assert "Windows of 32 pixels are calibrated" in text


def test_experts_survive_the_file(fingerprint, tmp_path):
    path = tmp_path / "fp.h5"
    write_bank(path, [fingerprint])
    assert verify_bank(path) == []
    (back,) = read_bank(path)
    assert back.uuid == fingerprint.uuid
    assert back.conditions.names == CONDITIONS
    for read, wrote in zip(back.conditions.experts, fingerprint.conditions.experts, strict=True):
        for mine, its in ((read, wrote), (read.searched, wrote.searched)):
            assert (mine.tested is None) == (its.tested is None)
            if its.tested is not None:
                assert (mine.tested.real == its.tested.real).all()
                assert (mine.tested.generated == its.tested.generated).all()
    image = GENERATOR.draw(990)
    assert asked(image, back, tmp_path) == asked(image, fingerprint, tmp_path)
    with h5py.File(path) as file:
        assert file["000000"].attrs["encoding-version"] == b"1.3"
    assert "none, jpeg:60, blur:4" in back._repr_html_()
    (summary,) = read_summaries(path)
    assert set(summary.fingerprint.parameters["conditions"]) == set(CONDITIONS)


def test_what_lies_beyond_the_last_rung_is_outside(fingerprint, tmp_path):
    names = ("none", "jpeg:60", "jpeg:10")
    pairs = zip(fingerprint.conditions.experts, names, strict=True)
    experts = tuple(replace(expert, condition=name) for expert, name in pairs)
    plain = fingerprint.conditions.gate
    stack = block_statistics(Degradation("blur:4").apply(GENERATOR.draw(991)))[None]
    found = Conditions(experts, plain, 0.03).read(stack)
    p = found.p
    assert found.expert == 2 and p > 0.1
    (end,) = ends(names)
    along = plain.along(stack, end)[0]
    near, far = (np.full((1, 99), along + step) for step in (1e-6, -1e-6))
    near, far = (Conditions(experts, replace(plain, beyond=held), 0.03) for held in (near, far))
    assert near.read(stack) == found and far.read(stack) == replace(found, p=0.01)
    image = Degradation("blur:4").apply(GENERATOR.draw(991))
    row = asked(image, replace(fingerprint, conditions=far), tmp_path)
    assert row.decision == "inconclusive" and row.reasons[0] == "outside_calibrated_range"
    path = tmp_path / "fp.h5"
    write_bank(path, [replace(fingerprint, conditions=far)])
    assert verify_bank(path) == []
    (back,) = read_bank(path)
    assert back.conditions.read(stack) == replace(found, p=0.01)
    with pytest.raises(ValueError, match="as many ends of ladders"):
        Conditions(experts, replace(plain, beyond=np.zeros((2, 1))), 0.03)


def test_a_damaged_expert_is_refused(fingerprint, tmp_path):
    conditions = fingerprint.conditions
    expert = conditions.experts[0]
    with pytest.raises(ValueError, match="another number of scores"):
        replace(expert, real=expert.real[1:])
    with pytest.raises(ValueError, match="as many conditions as there are experts"):
        replace(conditions, experts=conditions.experts[1:])
    path = tmp_path / "fp.h5"
    write_bank(path, [fingerprint])
    with h5py.File(path, "r+") as file:
        file["000000/conditions/gate/scale"][...] = 0
    assert any("hash" in f.message or "changed" in f.message for f in verify_bank(path))
