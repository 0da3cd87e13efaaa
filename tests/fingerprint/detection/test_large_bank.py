"""A large bank says of an image what the same bank says when it is held whole."""

from __future__ import annotations

import gc
import weakref
from dataclasses import fields, replace

import h5py
import numpy as np
import pytest
from commands import csv_rows, fp, tables
from golden_bank import full
from PIL import Image
from synthetic import SIDE, photograph, save

from fp.denoisers import registry
from fp.fingerprint.decision import likelihood
from fp.fingerprint.decision.sorted_scores import SortedScores
from fp.fingerprint.detection import opening
from fp.fingerprint.detection.banks import WholeBank
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.detection.large_bank import LISTED, LargeBank
from fp.fingerprint.detection.opening import StoredBank, open_for_examination
from fp.fingerprint.estimators.pixels import coding_statistics
from fp.fingerprint.estimators.tile import Tile
from fp.fingerprint.learning import distribution
from fp.fingerprint.model.calibration import Calibration, NullControl
from fp.fingerprint.store.bank import read_bank, write_bank
from fp.fingerprint.store.lazy import LazyBank
from fp.images.crop import CropRule
from fp.images.loading import load_image
from fp.system.errors import FormatError, IntegrityError, UsageError

KNOWN = (("lossless",), ("JPEG", "lossless"), ("JPEG",))
COUNT = 100
REFERENCES = 40
IMAGES = 8
FLAT = np.ones((3, SIDE, SIDE), np.float32)


def ids(first: int, count: int) -> tuple[str, ...]:
    return tuple(f"{first + k:064x}" for k in range(count))


def member(rng: np.random.Generator, index: int, images: list[np.ndarray], *, shared: bool):
    """Make a fingerprint like an extracted one; some are weak, too large, or separate nothing."""
    side = (4, 8, 16)[index % 3]
    pattern = rng.standard_normal((3, side, side)).astype(np.float32)
    if index % 4 == 0:  # one that some image carries
        tile = images[index % len(images)]
        blocks = 32 // side
        pattern += 40 * tile.reshape(3, blocks, side, blocks, side).mean((1, 3)).astype(np.float32)
    count = 30 + index % 3
    apart = -0.01 if index == 7 else 0.05
    scores = rng.normal(0, 0.02, REFERENCES), rng.normal(apart, 0.02, count)
    first = 0 if shared else 1000 * index
    calibration = Calibration(
        *scores,
        ids(first, REFERENCES),
        ids(10**6 + first, count),
        tuple(f"photo {k}" for k in range(REFERENCES)),
        tuple(f"made {k // 2}" for k in range(count)),
        "test",
    )
    larger = index % 25 == 24
    return replace(
        full(f"generator {index:03d} é"),
        method="tile",
        pattern=pattern,
        offset=0.0,
        crop=CropRule(2 * SIDE, 2 * SIDE) if larger else CropRule(SIDE, SIDE),
        denoiser=registry.get("median").identity,
        calibration=calibration,
        null=NullControl(0.1 if index == 11 else 3.0, rng.normal(0, 0.3, 100), 0),
        parameters={},
        preparation="none",
        history={},
    )


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for index in range(IMAGES):
        save(photograph(index), folder / f"picture {index:02d}.png")
    return folder


@pytest.fixture(scope="module")
def folded(pictures):
    residual = registry.get("median")
    crop = CropRule(SIDE, SIDE)
    parts = [crop.apply(load_image(path).rgb_hwc) for path in sorted(pictures.iterdir())]
    return [Tile().features(residual(part)) for part in parts]


@pytest.fixture(scope="module")
def make(tmp_path_factory, folded):
    made = {}

    def bank(*, shared):
        if shared not in made:
            rng = np.random.default_rng(5)
            made[shared] = tmp_path_factory.mktemp("bank") / "bank.h5"
            members = [member(rng, k, folded, shared=shared) for k in range(COUNT)]
            write_bank(made[shared], members)
        return made[shared]

    return bank


@pytest.mark.slow
def test_every_answer_is_that_of_a_bank_that_is_held_whole(make, pictures, tmp_path):
    tiny = tmp_path / "tiny.png"
    save(photograph(0, SIDE // 2), tiny)
    images = [load_image(path) for path in [*sorted(pictures.iterdir())[:2], tiny]]
    decisions, reasons = set(), set()
    for shared in (True, False):
        path = make(shared=shared)
        large, whole = LargeBank(path, 2**30), WholeBank(read_bank(path))
        assert len(large) == len(whole) == COUNT
        assert large.weak == whole.weak != ()
        assert np.array_equal(large.family.largest, whole.family.largest) or not shared
        assert large.family.references == whole.family.references
        for options in (
            DetectOptions(),
            DetectOptions(fpr=0.3),
            DetectOptions(fpr=0.5),
            DetectOptions("nearest-mean"),
        ):
            for image in images:
                found, expected = (bank.examine(image, options) for bank in (large, whole))
                assert found.detection == expected.detection
                assert found.attributions == expected.attributions[:LISTED]
                decisions.add(found.detection.decision)
                reasons |= {*found.detection.reasons}
    assert decisions == {"supports_generator", "inconclusive", "not_examined"}
    assert {"several_candidates", "fits_both", "too_small"} <= reasons


@pytest.mark.slow
@pytest.mark.parametrize("options", [("--fpr", "0.3"), ("--rule", "nearest-mean")])
def test_the_tables_have_the_same_bytes(options, make, pictures, tmp_path, monkeypatch):
    command = ("detect", make(shared=True), pictures, *options, "--jobs", "1", "-o")
    open_for_examination.cache_clear()
    assert fp(*command, tmp_path / "large").code == 0
    monkeypatch.setattr(opening, "SMALLEST", COUNT + 1)
    open_for_examination.cache_clear()
    assert fp(*command, tmp_path / "whole").code == 0
    large, whole = tables(tmp_path / "large"), tables(tmp_path / "whole")
    for name in ("detections.csv", "detections.jsonl"):
        assert large[name] == whole[name]
    rows = csv_rows(tmp_path / "whole" / "attributions.csv")
    listed = [row for row in rows if int(row["rank"]) <= LISTED]
    assert csv_rows(tmp_path / "large" / "attributions.csv") == listed
    assert len(listed) == LISTED * IMAGES


def test_the_reference_is_supported_only_where_all_say_so(make, pictures, tmp_path):
    sources = [f for f in read_bank(make(shared=True)) if f.crop.width == SIDE and f.mu_g > f.mu_r]
    low = [
        replace(f, calibration=replace(f.calibration, generated=f.calibration.generated + 1))
        for f in sources[:20]
    ]
    write_bank(tmp_path / "bank.h5", low)
    image = load_image(sorted(pictures.iterdir())[1])
    options = DetectOptions(fpr=0.1)
    large, whole = LargeBank(tmp_path / "bank.h5", 2**30), WholeBank(low)
    found = large.examine(image, options)
    assert found.detection == whole.examine(image, options).detection
    assert found.detection.decision == "supports_reference"


@pytest.mark.parametrize("rule", ["conformal", "nearest-mean"])
def test_the_coding_is_asked_of_every_fingerprint(make, pictures, tmp_path, rule):
    kept = [f for f in read_bank(make(shared=True)) if f.crop.width == SIDE][:12]
    rows = np.stack([coding_statistics(photograph(1000 + k)) for k in range(60)])
    tests = [distribution.learn(rows, np.arange(60) % 10, codings) for codings in KNOWN]
    members = [replace(f, distribution=tests[k % 3] if k % 4 else None) for k, f in enumerate(kept)]
    write_bank(tmp_path / "bank.h5", members)
    large, whole = LargeBank(tmp_path / "bank.h5", 2**30), WholeBank(members)
    Image.fromarray(photograph(0)).save(tmp_path / "a.jpg", quality=50)
    save(np.kron(photograph(1)[:32, :32], np.ones((2, 2, 1), np.uint8)), tmp_path / "odd.png")
    options, reasons = DetectOptions(rule, fpr=0.1), []
    for path in (min(pictures.iterdir()), tmp_path / "a.jpg", tmp_path / "odd.png"):
        image = load_image(path)
        found, expected = (bank.examine(image, options) for bank in (large, whole))
        assert found.detection == expected.detection
        assert found.attributions == expected.attributions[:LISTED]
        told = {a.fingerprint: "coding_not_calibrated" in a.reasons for a in expected.attributions}
        reasons.append([told[f.name] for f in members if f.distribution is not None])
        assert not any(told[f.name] for f in members if f.distribution is None)
    assert not any(reasons[0]) and any(reasons[1]) and all(reasons[2])


def test_little_memory_changes_nothing_and_too_little_is_refused(make, pictures):
    path = make(shared=True)
    image = load_image(min(pictures.iterdir()))
    ample, tight = LargeBank(path, 2**30), LargeBank(path, 600_000)
    assert tight._lazy._bytes < ample._lazy._bytes / 5
    assert tight.examine(image, DetectOptions()) == ample.examine(image, DetectOptions())
    for size in (COUNT, COUNT + 1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(opening, "SMALLEST", size)
            with pytest.raises(UsageError, match=r"--memory allows 0 MiB; raise --memory"):
                open_for_examination(StoredBank.at(path, 2**15))


def test_only_many_tiles_make_a_large_bank(make, tmp_path):
    path = make(shared=True)
    open_for_examination.cache_clear()  # another test may have opened it as a whole bank
    assert isinstance(open_for_examination(StoredBank.at(path)), LargeBank)
    first, second, third, *_ = LazyBank(path)[:3]
    other = replace(second, method="mean", pattern=FLAT)
    for name, chosen, kind in (
        ("few.h5", [first, second], WholeBank),
        ("mixed.h5", [first, other, third], WholeBank),
        ("many.h5", [first, second, third], LargeBank),
    ):
        write_bank(tmp_path / name, chosen)
        stored = StoredBank.at(tmp_path / name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(opening, "SMALLEST", 3)
            assert isinstance(open_for_examination(stored), kind)


def test_what_cannot_be_used_is_refused_when_the_bank_is_opened(make, tmp_path):
    members = LazyBank(make(shared=True))[:3]
    members[1] = replace(members[1], pattern=np.zeros((3, 5, 5), np.float32))
    write_bank(tmp_path / "bank.h5", members)
    with pytest.raises(FormatError, match="'generator 001 é' has a pattern of shape"):
        LargeBank(tmp_path / "bank.h5", 2**30)
    with h5py.File(tmp_path / "bank.h5", "r+") as file:
        file["000000/pattern"][0, 0, 0] += 1
    with pytest.raises(IntegrityError, match="something was changed"):
        LargeBank(tmp_path / "bank.h5", 2**30)


def test_scores_have_the_bits_of_an_inner_product(folded):
    weights = np.random.default_rng(1).standard_normal((3, 32, 32)).astype(np.float32)
    made = Tile().template(weights)
    expected = [tile.ravel() @ made.weights.ravel() / made.norm for tile in folded]
    assert Tile().score(np.stack(folded), weights).tolist() == expected


def test_places_among_sorted_scores_are_counted():
    rng = np.random.default_rng(2)
    scores = [np.sort(rng.integers(0, 9, size).astype(float)) for size in (1, 7, 64, 2)]
    ordered = SortedScores.of(scores)
    for value in (-1.0, 0.0, 3.0, 3.5, 8.0, 9.0):
        values = np.full(4, value)
        assert ordered.below(values).tolist() == [np.count_nonzero(s < value) for s in scores]
        assert ordered.up_to(values).tolist() == [np.count_nonzero(s <= value) for s in scores]


def test_a_judge_goes_with_its_fingerprint(make, pictures):
    bank = LargeBank(make(shared=True), 2**30)
    bank.examine(load_image(min(pictures.iterdir())), DetectOptions())
    assert 0 < len(bank._judges) <= LISTED
    assert bank._judge(3) is bank._judge(3)
    gone = weakref.ref(bank._judge(3).fingerprint)
    bank._judge(4)
    bank._lazy.limit(1)
    assert set(bank._judges) == {4}
    gc.collect()
    assert gone() is None


def test_a_bank_makes_a_judge_once_and_hangs_nothing_onto_fingerprints(make, pictures, monkeypatch):
    members = read_bank(make(shared=True))[:3]
    bank, made = WholeBank(members), []
    fit = likelihood.fit
    monkeypatch.setattr(likelihood, "fit", lambda found: made.append(found) or fit(found))
    for path in sorted(pictures.iterdir())[:3]:
        bank.examine(load_image(path), DetectOptions())
    assert len(made) == len(members)
    assert all(vars(one).keys() == {field.name for field in fields(one)} for one in members)


@pytest.mark.parametrize(
    ("text", "code"),
    [pytest.param("600K", 0, marks=pytest.mark.slow), ("1", 2), ("2X", 2), ("0", 2)],
)
def test_memory_is_given_in_bytes(text, code, make, pictures, tmp_path):
    image = min(pictures.iterdir())
    outcome = fp("detect", make(shared=True), image, "-o", tmp_path / "o", "--memory", text)
    assert outcome.code == code
