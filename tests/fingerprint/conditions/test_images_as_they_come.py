"""Images as they come: what a fingerprint with default options says of them."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import synthetic
from commands import fp
from PIL import Image
from synthetic import Generator, photograph, save, write_generated, write_photographs

from fp.fingerprint.conditions.judging import CodingJudge, judge_of
from fp.fingerprint.decision.judge import Judge
from fp.fingerprint.detection.banks import WholeBank, examine
from fp.fingerprint.detection.detection import DetectOptions, unscored
from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.store.bank import read_bank, write_bank
from fp.images.degradations import Degradation
from fp.images.loading import LoadedImage, load_image

SIDE = 128
STRONG = Generator(0, 0.03)
OPTIONS = ExtractOptions(null=0, audit=False)


@pytest.fixture(scope="module", autouse=True)
def edges():
    """Draw every picture with an edge meanwhile: they differ in contrast then, as photographs."""
    smooth = synthetic._smooth

    def with_edge(rng, side):
        field, height = smooth(rng, side), rng.uniform(-25, 25)
        edge = np.where(np.arange(side) > side * rng.uniform(0.2, 0.8), height, 0.0)
        return 127.5 + 0.7 * (field - 127.5) + edge[:, None, None]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "_smooth", with_edge)
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("as they come")
    write_generated(root / "made", 60, STRONG, side=SIDE)
    write_photographs(root / "real", 60, side=SIDE)
    return root


@pytest.fixture(scope="module")
def fingerprint(folders):
    return extract(folders / "made", folders / "real", "G", OPTIONS).fingerprint


def judged(fingerprint, array, **options):
    image = LoadedImage(Path("array"), "", "", "", (), None, array)
    return examine(image, [fingerprint], DetectOptions(**options)).detection


def decisions(fingerprint, draw, text, count=24):
    rows = [
        judged(fingerprint, Degradation(text).apply(draw(seed, SIDE)))
        for seed in range(5000, 5000 + count)
    ]
    return [row.decision for row in rows], rows


@pytest.mark.parametrize("text", ["none", "jpeg:90", "jpeg:70", "webp:80", "resize:0.75+jpeg:85"])
def test_photographs_are_not_claimed_and_images_of_the_generator_are_not_cleared(fingerprint, text):
    real, _ = decisions(fingerprint, photograph, text)
    own, _ = decisions(fingerprint, STRONG.draw, text)
    assert real.count("supports_generator") <= 3
    assert own.count("supports_reference") <= 3
    if text in ("none", "jpeg:90"):
        assert own.count("supports_generator") >= 18


def test_the_measured_coding_is_told(fingerprint):
    _, rows = decisions(fingerprint, photograph, "jpeg:60")
    told = [row.condition for row in rows]
    assert sum(text.startswith(("jpeg:", "resize")) and "jpeg:" in text for text in told) >= 18
    _, rows = decisions(fingerprint, photograph, "none")
    assert [row.condition for row in rows].count("none") >= 18


def test_the_file_does_not_matter_the_pixels_do(fingerprint, tmp_path):
    coded = io.BytesIO()
    Image.fromarray(photograph(7, SIDE)).save(coded, "JPEG", quality=80)
    (tmp_path / "a.jpg").write_bytes(coded.getvalue())
    save(load_image(tmp_path / "a.jpg").rgb_hwc, tmp_path / "b.png")
    one, two = (
        examine(load_image(tmp_path / name), [fingerprint], DetectOptions()).detection
        for name in ("a.jpg", "b.png")
    )
    same = ("path", "sha256", "format")
    assert replace(one, **dict.fromkeys(same)) == replace(two, **dict.fromkeys(same))


@pytest.mark.parametrize(
    "make",
    [
        lambda rng: rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8),
        lambda rng: np.full((SIDE, SIDE, 3), 128, np.uint8),
        lambda rng: (rng.random((SIDE, SIDE, 1)) > 0.5).astype(np.uint8).repeat(3, 2) * 255,
    ],
)
def test_nothing_is_said_of_what_no_calibration_image_was_like(fingerprint, make):
    row = judged(fingerprint, make(np.random.default_rng(0)))
    assert row.decision == "inconclusive"
    assert {"coding_not_calibrated", "unlike_reference", "unlike_generator"} & set(row.reasons)
    assert row.score is not None and row.p_condition is not None


def test_a_low_score_alone_clears_no_image(fingerprint):
    """An image that is unlike the reference images is not supported as one of them."""
    known = fingerprint.conditions
    strict = replace(known.distance_of_real, held=known.distance_of_real.held - 100)
    unlike = replace(fingerprint, conditions=replace(known, distance_of_real=strict))
    row, changed = (judged(each, photograph(5001, SIDE)) for each in (fingerprint, unlike))
    assert row.decision == "supports_reference"
    assert (changed.decision, changed.reasons) == ("inconclusive", ("unlike_reference",))


def test_p_values_count_images_and_not_versions(fingerprint):
    row = judged(fingerprint, STRONG.draw(5000, SIDE))
    assert row.p_real >= 1 / 61 and row.p_real == pytest.approx(1 / 61, abs=0.02)
    assert fingerprint.conditions.parts[0].real.size == 60 * 7
    assert row.mu_r == pytest.approx(fingerprint.conditions.real.mean())


def test_means_are_those_of_the_score_that_is_told(fingerprint):
    """Also where an image was not scored, and where a fingerprint tells of itself."""
    row = judged(fingerprint, STRONG.draw(5000, SIDE))
    left_out = unscored("small.png", fingerprint, "too_small")
    expected = fingerprint.conditions.real.mean(), fingerprint.conditions.generated.mean()
    for told in (row, left_out, fingerprint):
        assert (told.mu_r, told.mu_g) == pytest.approx(expected)


def test_it_comes_back_from_a_file_and_says_the_same(fingerprint, tmp_path):
    write_bank(tmp_path / "g.h5", [fingerprint])
    (again,) = read_bank(tmp_path / "g.h5")
    assert again.uuid == fingerprint.uuid
    for seed in range(6000, 6004):
        image = Degradation("jpeg:80").apply(STRONG.draw(seed, SIDE))
        assert judged(again, image) == judged(fingerprint, image)
    assert (tmp_path / "g.h5").stat().st_size < 3e6


@pytest.mark.slow
def test_the_processes_do_not_matter(folders, fingerprint):
    again = extract(folders / "made", folders / "real", "G", OPTIONS, jobs=2).fingerprint
    assert again.uuid == fingerprint.uuid
    np.testing.assert_array_equal(again.conditions.real, fingerprint.conditions.real)


def test_the_power_in_every_kind_of_version_is_kept(fingerprint):
    told = fingerprint.parameters["conditions"]
    assert len(told) == 7 and told[0]["kind"] == "as found" and told[0]["auc"] > 0.95
    assert fingerprint.parameters["specificity"]["own"] == told[0]["power"]


@pytest.mark.parametrize(
    "options",
    [
        {"conditions": False},
        {"match": "jpeg:80"},
        {"method": "tile"},
    ],
)
def test_without_conditions_the_coding_of_the_calibration_images_counts(folders, options):
    found = extract(folders / "made", folders / "real", "G", replace(OPTIONS, **options))
    assert found.fingerprint.conditions is None and found.fingerprint.distribution is not None
    assert type(judge_of(found.fingerprint)) is Judge


def test_a_bank_of_both_kinds_is_examined_with_one_residual(folders, fingerprint, monkeypatch):
    plain = extract(
        folders / "made", folders / "real", "P", replace(OPTIONS, conditions=False)
    ).fingerprint
    bank = WholeBank((fingerprint, plain))
    assert [type(judge) for judge in bank.judges] == [CodingJudge, Judge]
    asked = []
    from fp.fingerprint.detection import detection

    whole = detection.residual_for
    monkeypatch.setattr(
        detection, "residual_for", lambda identity: asked.append(1) or whole(identity)
    )
    found = bank.examine(
        LoadedImage(Path("a"), "", "", "", (), None, STRONG.draw(1, SIDE)), DetectOptions(fpr=0.1)
    )
    assert len(asked) == 1 and len(found.attributions) == 2
    assert {row.fingerprint: row.p_reference is None for row in found.attributions} == {
        "G": False,
        "P": True,
    }


@pytest.mark.slow
def test_the_command_says_what_was_calibrated(folders, tmp_path):
    given = ("--generated", folders / "made", "--real", folders / "real", "--null", 0)
    outcome = fp("extract", *given, "-o", tmp_path / "a.h5", "--jobs", 1)
    assert outcome.code == 0, outcome.err
    assert "conditions" in outcome.out and "JPEG 35 to 79" in outcome.out
    plain = fp("extract", *given, "-o", tmp_path / "b.h5", "--jobs", 1, "--conditions", "none")
    assert plain.code == 0 and "JPEG 35 to 79" not in plain.out
    shown = fp("bank", "show", tmp_path / "a.h5", "--json")
    assert "JPEG 35 to 79" in json.dumps(json.loads(shown.out))


def test_what_is_learned_once_has_no_conditions_and_is_looked_at_once(folders):
    """A part that holds images back cannot be learned anew for every two folds."""
    brief = {"steps": 2, "mode": "reference", "seed": 0}
    parts = [["tile", {}], ["dif", brief]]
    found = extract(
        folders / "made",
        folders / "real",
        "G",
        replace(OPTIONS, method="lattice", method_parameters={"parts": parts}, dif=None),
    )
    assert found.fingerprint.conditions is None and found.fingerprint.distribution is not None


def test_lattice_speaks_of_the_generator_alone():
    from fp.fingerprint.conditions.learning import recipe_of_versions
    from fp.fingerprint.learning.method import recipe

    roles = {part.role for part in recipe_of_versions(recipe("lattice"), 256).parts}
    assert roles == {"generator-specific"}


def test_whether_it_is_weak_follows_from_what_decides(fingerprint):
    known = fingerprint.conditions
    noise = np.random.default_rng(0).normal(size=60)
    hidden = replace(fingerprint, conditions=replace(known, real=noise, generated=noise[::-1]))
    assert not judge_of(fingerprint).weak and judge_of(hidden).weak


def test_a_bank_counts_sources_as_each_of_its_fingerprints_does(fingerprint):
    """Ten prompts, six pictures each: no p-value is smaller than one eleventh."""
    held = fingerprint.calibration
    sources = tuple(f"prompt {number // 6}" for number in range(60))
    few = replace(fingerprint, calibration=replace(held, real_source=sources))
    bank = WholeBank((few, replace(few, name="H")))
    assert bank.family.largest is not None and bank.family.smallest_p == pytest.approx(1 / 11)
    image = LoadedImage(Path("a"), "", "", "", (), None, STRONG.draw(5000, SIDE))
    for row in bank.examine(image, DetectOptions(fpr=0.2)).attributions:
        assert row.p_bank >= row.p_real >= 1 / 11


def test_the_power_that_is_told_is_that_of_fresh_images(fingerprint):
    told = {each["kind"]: each["power"] for each in fingerprint.parameters["conditions"]}
    fresh, _ = decisions(fingerprint, STRONG.draw, "jpeg:87", 40)
    share = fresh.count("supports_generator") / 40
    assert abs(share - told["JPEG 76 to 98"]) < 0.25


def test_of_large_pictures_no_more_is_seen_than_512_pixels(tmp_path, monkeypatch):
    """What is learned and what is asked are the same part, and the rest costs nothing."""
    monkeypatch.setattr("fp.fingerprint.model.conditions.MOST_SIDE", 96)
    write_generated(tmp_path / "made", 20, STRONG, side=SIDE)
    write_photographs(tmp_path / "real", 20, side=SIDE)
    options = replace(OPTIONS, background=(tmp_path / "made",))
    found = extract(tmp_path / "made", tmp_path / "real", "G", options).fingerprint
    assert (found.crop.height, found.crop_in_use.height) == (SIDE, 96)
    whole, other = STRONG.draw(7000, SIDE), photograph(7000, SIDE)
    other[:96, :96] = whole[:96, :96]
    one, two = judged(found, whole, fpr=0.1), judged(found, other, fpr=0.1)
    assert replace(one, pixels_sha256="") == replace(two, pixels_sha256="")
    assert one.examined == pytest.approx(96**2 / SIDE**2)
    assert judged(found, whole[:96, :96], fpr=0.1).score == one.score
    (claims,) = found.parameters["specificity"]["foreign"]
    assert claims["images"] == 20


def test_a_picture_smoother_than_all_references_is_claimed_by_nobody(fingerprint):
    """The generator's own pattern on a clear sky: nothing is known of such a sky."""
    own = STRONG.draw(5000, SIDE)
    assert judged(fingerprint, own).decision == "supports_generator"
    cells = own.reshape(SIDE // 4, 4, SIDE // 4, 4, 3).mean((1, 3))
    noise = own - cells.repeat(4, axis=0).repeat(4, axis=1)
    sky = np.clip(np.rint(150 + noise), 0, 255).astype(np.uint8)
    row = judged(fingerprint, sky)
    assert row.decision == "inconclusive" and "content_not_calibrated" in row.reasons
    assert row.p_content < 0.02 < judged(fingerprint, own).p_content
    kept = judged(fingerprint, sky, rule="nearest-mean")
    assert kept.decision != "inconclusive" and "content_not_calibrated" in kept.reasons
