"""Nothing is claimed of an image that went through a coding that no calibration image had."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from golden_bank import GOLDEN
from PIL import Image
from scipy.stats import betabinom
from synthetic import Generator, photograph, save, write_generated, write_photographs

from fp.fingerprint.detection.banks import examine
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.learning import distribution
from fp.fingerprint.model.distribution import LEVEL, OutOfDistribution
from fp.fingerprint.model.typicality import View
from fp.fingerprint.store.bank import read_bank, write_bank
from fp.images.loading import LoadedImage, load_image

SIDE = 128
TRAINED = 50
FRESH = 50
STRONG = Generator(0, 0.02)
OPTIONS = ExtractOptions(method="tile", null=0, audit=False)
REASON = "coding_not_calibrated"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("coding")
    write_generated(root / "made", TRAINED, STRONG, side=SIDE)
    write_photographs(root / "real", TRAINED, side=SIDE)
    return root


@pytest.fixture(scope="module")
def fingerprint(folders):
    return extract(folders / "made", folders / "real", "G", OPTIONS).fingerprint


def asked(fingerprint, path, **options):
    return examine(load_image(path), [fingerprint], DetectOptions(**options)).detection


def of_pixels(fingerprint, array):
    image = LoadedImage(Path("array"), "", "", "", (), None, array)
    return examine(image, [fingerprint], DetectOptions()).detection


def jpeg(array, quality):
    coded = io.BytesIO()
    Image.fromarray(array).save(coded, "JPEG", quality=quality)
    return np.asarray(Image.open(coded).convert("RGB"))


@pytest.mark.parametrize("quality", [97, 90, 75, 50])
@pytest.mark.parametrize("draw", [photograph, STRONG.draw])
def test_nothing_is_said_of_a_jpeg_in_file_or_pixels(fingerprint, tmp_path, draw, quality):
    for seed in range(900, 905):
        image = draw(seed, SIDE)
        Image.fromarray(image).save(tmp_path / "a.jpg", quality=quality)
        save(jpeg(image, quality), tmp_path / "b.png")
        shifted = np.pad(image, ((3, 0), (5, 0), (0, 0)), "edge")
        save(jpeg(shifted, quality)[3:, 5:], tmp_path / "off the grid.png")
        for name in ("a.jpg", "b.png", "off the grid.png"):
            row = asked(fingerprint, tmp_path / name)
            assert (row.decision, row.reasons[-1]) == ("inconclusive", REASON)
            assert row.p_condition <= LEVEL
            assert None not in (row.score, row.p_real, row.p_generated, row.log10_lr)


def test_a_lossy_webp_is_told_by_its_file_and_a_lossless_one_is_not(fingerprint, tmp_path):
    image = STRONG.draw(900, SIDE)
    Image.fromarray(image).save(tmp_path / "lossy.webp", quality=95)
    save(image, tmp_path / "lossless.webp")
    row = asked(fingerprint, tmp_path / "lossy.webp")
    assert (row.decision, row.reasons[-1]) == ("inconclusive", REASON)
    assert asked(fingerprint, tmp_path / "lossless.webp").decision == "supports_generator"


def test_pixels_without_a_file_are_asked_by_themselves(fingerprint):
    image = STRONG.draw(901, SIDE)
    assert REASON not in of_pixels(fingerprint, image).reasons
    assert REASON in of_pixels(fingerprint, jpeg(image, 85)).reasons


@pytest.mark.parametrize(
    ("draw", "decision"), [(STRONG.draw, "supports_generator"), (photograph, "supports_reference")]
)
def test_images_like_the_calibration_images_keep_their_answer(fingerprint, draw, decision):
    images = [draw(n, SIDE) for n in range(1000, 1000 + FRESH)]
    before, now = (
        sum(of_pixels(each, image).decision == decision for image in images)
        for each in (replace(fingerprint, distribution=None), fingerprint)
    )
    assert before >= 0.8 * FRESH and before - now <= 5


def test_images_like_the_calibration_images_are_withheld_at_the_level(fingerprint):
    test = fingerprint.distribution
    assert test.calibration.size == 2 * TRAINED and test.codings == ("lossless",)
    images = [draw(n, SIDE) for draw in (photograph, STRONG.draw) for n in range(2000, 2150)]
    withheld = sum(of_pixels(fingerprint, image).p_condition <= LEVEL for image in images)
    # Farther than all but one of n: of new images a share that is spread as Beta(2, n - 1).
    farther = int(LEVEL * (test.calibration.size + 1))
    spread = betabinom(len(images), farther, test.calibration.size + 1 - farther)
    assert withheld <= spread.ppf(0.999)


def test_the_p_value_is_conformal_whatever_the_numbers_are():
    rng = np.random.default_rng(3)
    mixing = rng.standard_normal((30, 60))
    found = []
    for _ in range(60):
        rows = (rng.standard_normal((90, 30)) @ mixing).astype(np.float32)
        test = distribution.learn(rows[:50], np.arange(50) % 10, ["lossless"] * 50)
        found += [test.p(row) <= 0.1 for row in rows[50:]]
    assert 0.05 < np.mean(found) < 0.13


def test_few_calibration_images_withhold_what_is_farther_than_all():
    view = View(np.zeros(1, np.float32), np.zeros((0, 1), np.float32), np.zeros(0), 1.0)
    test = OutOfDistribution(np.ones(1, np.float32), view, np.arange(1.0, 17.0), ("JPEG",))
    inside, beyond = (test.p(np.array([x], np.float32)) for x in (4.0, 4.5))
    assert (inside, beyond) == (2 / 17, 1 / 17)
    assert test.covers(inside, "JPEG") and test.covers(inside, "lossless")
    assert not test.covers(beyond, "JPEG") and not test.covers(inside, "lossy WebP")


def test_the_rule_of_the_paper_keeps_its_call_and_says_the_reason(fingerprint, tmp_path):
    Image.fromarray(photograph(904, SIDE)).save(tmp_path / "a.jpg", quality=97)
    row = asked(fingerprint, tmp_path / "a.jpg", rule="nearest-mean")
    assert (row.decision, row.reasons) == ("supports_reference", (REASON,))


def test_the_test_travels_in_the_file_and_older_files_answer_as_before(fingerprint, tmp_path):
    older = replace(fingerprint, distribution=None)
    write_bank(tmp_path / "new.h5", [fingerprint])
    write_bank(tmp_path / "old.h5", [older])
    Image.fromarray(photograph(904, SIDE)).save(tmp_path / "a.jpg", quality=97)
    (read,), (plain,) = read_bank(tmp_path / "new.h5"), read_bank(tmp_path / "old.h5")
    rows = [asked(each, tmp_path / "a.jpg") for each in (fingerprint, read, plain)]
    assert rows[0] == rows[1]
    assert (rows[2].p_condition, rows[2].decision) == (None, "supports_reference")
    told = {"decision": rows[0].decision, "reasons": rows[0].reasons}
    assert replace(rows[2], p_condition=rows[0].p_condition, **told) == rows[0]
    assert all(member.distribution is None for member in read_bank(GOLDEN))


def test_in_a_bank_each_fingerprint_speaks_for_itself(fingerprint, tmp_path):
    Image.fromarray(photograph(904, SIDE)).save(tmp_path / "a.jpg", quality=97)
    bank = [fingerprint, replace(fingerprint, name="without", distribution=None)]
    found = examine(load_image(tmp_path / "a.jpg"), bank, DetectOptions())
    by_name = {row.fingerprint: row.decision for row in found.attributions}
    assert by_name == {"without": "supports_reference", "G": "inconclusive"}
    assert found.detection.decision == "inconclusive"
    assert REASON in found.detection.reasons


def test_what_all_images_were_prepared_by_is_known(folders, tmp_path):
    options = replace(OPTIONS, match="jpeg:80")
    matched = extract(folders / "made", folders / "real", "G", options).fingerprint
    assert matched.distribution.codings == ("JPEG", "lossless")
    image = STRONG.draw(905, SIDE)
    for name, quality in (("a.png", None), ("a.jpg", 95), ("a.webp", 95)):
        Image.fromarray(image).save(tmp_path / name, **({"quality": quality} if quality else {}))
        assert (REASON in asked(matched, tmp_path / name).reasons) == (name == "a.webp")


def test_the_crop_speaks_for_a_large_image_too(folders, tmp_path):
    options = replace(OPTIONS, windows=True)
    windowed = extract(folders / "made", folders / "real", "G", options).fingerprint
    image = STRONG.draw(906, 2 * SIDE)
    save(image, tmp_path / "a.png")
    Image.fromarray(image).save(tmp_path / "a.jpg", quality=95)
    save(jpeg(image, 95)[:, :96], tmp_path / "narrow.png")  # smaller than the crop
    whole = asked(windowed, tmp_path / "a.png")
    assert whole.windows == 16 and whole.decision == "supports_generator"
    for name in ("a.jpg", "narrow.png"):
        row = asked(windowed, tmp_path / name)
        assert row.windows > 1 and row.p_condition is not None
        assert (row.decision, row.reasons[-1]) == ("inconclusive", REASON)


@pytest.mark.slow
@pytest.mark.corpus
def test_no_photograph_is_claimed_as_its_camera_stored_it(corpus, tmp_path):
    for name, folder in (("made", "generated/tae_flux2"), ("real", "real")):
        (tmp_path / name).mkdir()
        for path in sorted((corpus / folder).glob("*.*"))[:96]:
            (tmp_path / name / path.name).write_bytes(path.read_bytes())
    found = extract(
        tmp_path / "made", tmp_path / "real", "G", ExtractOptions(null=0, conditions=False)
    ).fingerprint
    for path in sorted((corpus / "photos" / "val").iterdir())[:40]:
        assert asked(found, path).decision == "inconclusive"
    own = sorted((corpus / "generated" / "tae_flux2").glob("*.*"))[96:146]
    assert sum(asked(found, path).decision == "supports_generator" for path in own) >= 43
