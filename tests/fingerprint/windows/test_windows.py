"""Windows: sums over cells, dependence, whole images, maps."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest
from commands import fp
from PIL import Image
from scipy.stats import kstest
from sklearn.metrics import roc_auc_score
from synthetic import ODD_NAMES, Generator, photograph, save, write_generated, write_photographs

from fp.denoisers import registry
from fp.denoisers.parts import residual_of_part
from fp.fingerprint.decision.judge import Judge
from fp.fingerprint.detection.banks import WholeBank, examine
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.estimators import registry as estimators
from fp.fingerprint.estimators.cyclic import cyclic_covariance
from fp.fingerprint.estimators.protocol import Fitted
from fp.fingerprint.estimators.spectrum import log_power_spectrum
from fp.fingerprint.estimators.tile import Tile
from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.model.calibration import Calibration
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.model.windows import ALIKE, CELL, Dependence, Search, Windows, WindowSize
from fp.fingerprint.store.bank import read_bank, read_summaries, write_bank
from fp.fingerprint.windows.calibration import fit_dependence
from fp.fingerprint.windows.combining import weights_of, window_judge_of
from fp.fingerprint.windows.fields import Weights, fields_of, fields_of_residual, window_odds
from fp.fingerprint.windows.maps import calibrated_level, draw_map
from fp.images.crop import CropRule
from fp.images.loading import load_image
from fp.runs.examination import examiner_of, list_items
from fp.runs.map_files import name_of
from fp.runs.options import RunOptions
from fp.runs.results import detect_into
from fp.system.errors import UsageError

WAVELET = registry.get("wavelet")
STRONG = Generator(3, strength=0.02)


def weights(rng, kinds=("tile", "cyclic", "spectrum")):
    shapes = {"tile": (3, 8, 8), "cyclic": (68, 8, 8), "spectrum": (3, 64, 33)}
    return weigh([(k, rng.normal(size=shapes[k]).astype(np.float32)) for k in kinds])


def weigh(parts):
    """Return the weights of windows from patterns of named estimators."""
    return Weights(tuple((estimators.get(k), Fitted(pattern)) for k, pattern in parts))


# Sums over cells


def test_the_residual_of_a_part_is_that_of_the_whole():
    image = photograph(1, 1024)[:960, :1000]
    whole = WAVELET(image)
    for rows, columns in (((0, 64), (0, 1000)), ((448, 900), (512, 1000)), ((900, 960), (7, 9))):
        part = residual_of_part(WAVELET, image, rows, columns)
        np.testing.assert_allclose(part, whole[:, slice(*rows), slice(*columns)], rtol=0, atol=2e-7)


@pytest.mark.parametrize("shape", [(176, 1400), (1100, 71), (64, 64)])
def test_a_streamed_image_gives_the_sums_of_the_whole(shape):
    image = photograph(2, 1408)[: shape[0], : shape[1]]
    found = weights(np.random.default_rng(0))
    whole = fields_of_residual(WAVELET(image), found)
    for part in (512, 128):
        streamed = fields_of(image, WAVELET, found, part)
        for name in ("energy", "count", "sums"):
            expected = getattr(whole, name)
            assert getattr(streamed, name).shape == expected.shape
            np.testing.assert_allclose(
                getattr(streamed, name), expected, rtol=0, atol=1e-6 * np.abs(expected).max()
            )


def test_a_window_of_the_whole_residual_scores_as_the_estimators_do():
    rng = np.random.default_rng(1)
    residual = rng.normal(size=(3, 64, 64)).astype(np.float32)
    residual -= residual.mean()
    tile, cyclic, spectrum = (
        rng.normal(size=shape).astype(np.float32) for shape in ((3, 8, 8), (68, 8, 8), (3, 64, 33))
    )
    found = weigh([("tile", tile), ("cyclic", cyclic), ("spectrum", spectrum)])
    scores = fields_of_residual(residual, found).scores(64)[:, 0, 0]
    method = Tile(periods=(8,))
    assert scores[0] == pytest.approx(
        method.score(method.features(residual)[None], tile)[0], abs=1e-6
    )
    # The estimator looks at the middle of the image only; with the same pixels, the same sum.
    wide = np.tile(residual, (1, 3, 3))
    inside = fields_of_residual(wide, found)
    centre = cyclic_covariance(wide[:, 56:136, 56:136].copy())
    assert inside.scores(64)[1, 4, 4] == pytest.approx(float((cyclic * centre).sum()), abs=2e-3)
    # One block, so that the logarithm of the mean is the mean of the logarithms.
    centred = (spectrum - spectrum.mean()).astype(np.float64)
    expected = float((centred * log_power_spectrum(residual)).sum())
    assert scores[2] == pytest.approx(expected, rel=1e-4)


def test_no_residual_is_no_evidence():
    found = fields_of_residual(np.zeros((3, 96, 96), np.float32), weights(np.random.default_rng(0)))
    assert np.abs(found.scores(64)[:2]).max() == 0.0
    assert np.isfinite(found.scores(64)).all()


# Dependence


def correlated(rng, count, side, dependence):
    """Draw fields of windows with a known dependence."""
    place = np.array([(y, x) for y in range(side) for x in range(side)], float)
    distance = np.hypot(*(place[:, None] - place[None]).transpose(2, 0, 1))
    values, vectors = np.linalg.eigh(dependence.at(distance))
    root = vectors * np.sqrt(np.maximum(values, 0))
    return (rng.normal(size=(count, side * side)) @ root.T).reshape(count, side, side)


KNOWN = Dependence(0.08, 0.35, 1.5)


def test_the_effective_number_is_that_of_the_mean_correlation():
    rows, columns = 3, 5
    place = np.array([(y, x) for y in range(rows) for x in range(columns)], float)
    distance = np.hypot(*(place[:, None] - place[None]).transpose(2, 0, 1))
    matrix = KNOWN.at(distance)
    n = rows * columns
    mean_pair = (matrix.sum() - n) / (n * (n - 1))
    expected = (1 + (n - 1) * mean_pair) / n
    assert KNOWN.variance_of_mean(rows, columns) == pytest.approx(expected, rel=1e-12)
    assert Dependence(0, 0, 1).variance_of_mean(4, 6) == pytest.approx(1 / 24)
    assert ALIKE.variance_of_mean(4, 6) == pytest.approx(1.0)


def test_a_known_dependence_is_found():
    rng = np.random.default_rng(2)
    found = fit_dependence(correlated(rng, 2000, 5, KNOWN))
    for distance in (1.0, 2.0, 3.0, 5.0):
        assert found.at(np.array(distance)) == pytest.approx(
            float(KNOWN.at(np.array(distance))), abs=0.04
        )
    # Extrapolated to sixteen times the area.
    assert found.variance_of_mean(20, 20) == pytest.approx(KNOWN.variance_of_mean(20, 20), rel=0.25)


def test_what_cannot_be_known_is_taken_for_wholly_dependent():
    assert fit_dependence(np.random.default_rng(0).normal(size=(50, 1, 1))) == ALIKE
    assert fit_dependence(np.zeros((50, 3, 3))) == ALIKE


@pytest.mark.parametrize("given", [(-0.1, 0.5, 1.0), (0.6, 0.6, 1.0), (0.1, 0.1, 0.0)])
def test_an_impossible_dependence_is_refused(given):
    with pytest.raises(ValueError, match=r"correlation|dependence"):
        Dependence(*given)


# Whole images, on scores with known dependence


def overlapping(alone):
    """Put windows side by side onto the half-overlapping grid; those between are not looked at."""
    count, rows, columns = alone.shape
    found = np.zeros((count, 2 * rows - 1, 2 * columns - 1))
    found[:, ::2, ::2] = alone
    return found


def fingerprint_of(real, generated):
    """Make a fingerprint whose windows have these log odds, side by side."""
    windows = WindowSize(
        64,
        np.array([[1.0], [1.0]], np.float32),
        np.zeros(2),
        overlapping(real),
        overlapping(generated),
        real.mean((1, 2)),
        generated.mean((1, 2)),
        fit_dependence(real),
        fit_dependence(generated),
    )
    names = [tuple(f"{k}{i:063d}" for i in range(len(x))) for k, x in ((0, real), (1, generated))]
    means = real.mean((1, 2)), generated.mean((1, 2))
    calibration = Calibration(*means, *names, *names, "given")
    return Fingerprint(
        "known",
        "tile",
        np.ones((3, 8, 8), np.float32),
        CropRule(256, 256),
        WAVELET.identity,
        calibration,
        windows=Windows((0,), (windows,)),
    )


class Given:
    """Stands for the fields of an image whose windows have these log odds."""

    kinds = ("tile",)
    moved = ()

    def __init__(self, odds):
        self.odds = odds

    def scores(self, size, step):
        return self.odds[None]


@pytest.fixture(scope="module")
def known():
    rng = np.random.default_rng(5)
    real, generated = (correlated(rng, 400, 4, KNOWN) + m for m in (-0.7, 0.7))
    return window_judge_of(Judge(fingerprint_of(real, generated)))


@pytest.mark.parametrize("side", [2, 4, 8, 16])
def test_p_values_of_any_size_are_uniform_under_their_proposition(known, side):
    rng = np.random.default_rng(side)
    found = [
        known.judge(Given(odds), "conformal", 0.05)
        for odds in correlated(rng, 400, side, KNOWN) - 0.7
    ]
    if side < 16:  # beyond, the dependence is extrapolated from four windows to sixteen
        assert kstest([f.answer.p_real for f in found], "uniform").pvalue > 1e-4
    assert np.mean([f.answer.p_real <= 0.05 for f in found]) < 0.09


def test_ratios_of_large_images_mean_what_they_say(known):
    """Of independent tests: the share of h1 among ratios near a value is as the value says."""
    rng = np.random.default_rng(9)
    free = {}
    for label, mean in ((False, -0.7), (True, 0.7)):
        found = [
            known.judge(Given(odds), "conformal", 0.05)
            for odds in correlated(rng, 1500, 8, KNOWN) + mean
        ]
        gain = known.effective(8, 8) / known.effective(4, 4)
        free[label] = np.array([gain * known.ratio.free(f.score) for f in found])
    for low, high in ((-1.0, -0.5), (-0.5, 0.0), (0.0, 0.5), (0.5, 1.0)):
        counts = [np.count_nonzero((v >= low) & (v < high)) for v in (free[True], free[False])]
        observed = np.log10(counts[0] / counts[1])
        assert low - 0.3 < observed < high + 0.3


def test_more_windows_tell_more_and_never_more_than_the_model_allows(known):
    sides = (1, 2, 4, 8, 16, 64)
    effective = [known.effective(side, side) for side in sides]
    assert effective == sorted(effective)
    limit = 1 / min(known.windows.of_real.floor, known.windows.of_generated.floor)
    assert effective[-1] < limit


# From folders to maps


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    root = tmp_path_factory.mktemp("windows")
    write_generated(root / "made", 32, STRONG, side=128)
    write_photographs(root / "real", 32, side=128)
    options = ExtractOptions(null=0, audit=False, dif=None, conditions=False)
    plain = extract(root / "made", root / "real", "G", options).fingerprint
    found = extract(root / "made", root / "real", "G", replace(options, windows=True)).fingerprint
    write_bank(root / "g.h5", [found])
    return root, plain, found


def test_windows_change_nothing_else(lab):
    _, plain, found = lab
    assert plain.windows is None and found.windows is not None
    assert found.uuid != plain.uuid
    without = replace(found, windows=None)
    assert without.uuid == plain.uuid
    np.testing.assert_array_equal(without.calibration.real, plain.calibration.real)


def test_windows_come_back_from_the_file(lab):
    root, _, found = lab
    (read,) = read_bank(root / "g.h5")
    (summary,) = read_summaries(root / "g.h5")
    assert read.uuid == found.uuid
    assert summary.windows == tuple(each.size for each in found.windows.sizes) == (32, 64)
    assert json.loads(fp("bank", "show", root / "g.h5", "--json").out)[0]["windows"] == [32, 64]
    assert "32, 64" in found._repr_html_()
    assert read.windows.parts == found.windows.parts
    for one, two in zip(read.windows.sizes, found.windows.sizes, strict=True):
        for field in fields(Search):
            np.testing.assert_array_equal(
                *(getattr(each.search, field.name) for each in (one, two)), strict=True
            )
        for field in fields(WindowSize):
            if field.name == "search":
                continue
            np.testing.assert_array_equal(
                *(getattr(each, field.name) for each in (one, two)), strict=True
            )


def test_held_out_windows_of_an_image_come_from_patterns_that_had_not_seen_it(lab):
    _, _, found = lab
    judge = window_judge_of(Judge(found))
    # New images of both kinds score as the held-out ones do.
    residual, own = WAVELET, weights_of(found)
    for label, draw in (("real", photograph), ("generated", STRONG.draw)):
        held = getattr(judge.windows, label)[:, ::2, ::2].mean((1, 2))
        new = []
        for number in range(500, 525):
            fields = fields_of(draw(number, 128), residual, own)
            new.append(window_odds(judge.windows, fields, 64)[0].mean())
        spread = np.hypot(held.std() / np.sqrt(held.size), np.std(new) / 5)
        assert abs(np.mean(new) - held.mean()) < 4 * spread


def load(pixels, path):
    save(pixels, path)
    return load_image(path)


def test_a_large_image_is_examined_as_a_whole(lab, tmp_path):
    _, plain, found = lab
    image = load(STRONG.draw(900, 384), tmp_path / "large.png")
    row = examine(image, [found], DetectOptions()).detection
    crop = examine(image, [found], DetectOptions(whole=False)).detection
    assert row.windows == 36 and 1 <= row.windows_effective <= 36
    assert row.examined == 1.0 and crop.examined == pytest.approx((128 / 384) ** 2)
    assert row.crop_score == crop.score and row.crop_decision == crop.decision
    assert crop.windows is None
    assert replace(examine(image, [plain], DetectOptions()).detection, path="") == replace(
        crop, path=""
    )
    assert row.decision == "supports_generator"
    photo = load(photograph(901, 384)[:200], tmp_path / "photo.png")
    row = examine(photo, [found], DetectOptions()).detection
    assert row.decision == "supports_reference"
    assert row.examined == pytest.approx(3 * 6 * 64**2 / (200 * 384))
    bounds = window_judge_of(Judge(found)).ratio
    assert row.at_bound == (row.log10_lr in (bounds.lower, bounds.upper))
    assert crop.at_bound == Judge(found).ratio.at_bound(crop.score)
    between = set()
    for share in (0.1, 0.2, 0.3, 0.5):
        mixed = (1 - share) * photograph(901, 384) + share * STRONG.draw(900, 384)
        image = load(np.rint(mixed).astype(np.uint8), tmp_path / f"{share}.png")
        row = examine(image, [found], DetectOptions()).detection
        assert row.at_bound == (row.log10_lr in (bounds.lower, bounds.upper))
        between.add(row.at_bound)
    assert between == {True, False}


def test_an_image_that_is_too_narrow_for_the_crop_is_examined_by_its_windows(lab, tmp_path):
    _, plain, found = lab
    image = load(STRONG.draw(905, 512)[:100], tmp_path / "low.png")
    assert examine(image, [plain], DetectOptions()).detection.reasons == ("too_small",)
    row = examine(image, [found], DetectOptions()).detection
    assert row.windows == 8 and row.examined == pytest.approx(8 * 64**2 / (100 * 512))
    assert row.p_real <= 0.05 < row.p_generated and row.log10_lr > 0
    assert row.crop_decision == "not_examined" and row.crop_score is None
    # Whether it is like the generator's other images was not measured.
    assert row.decision == "inconclusive" and row.reasons == ("typicality_unknown",)
    photo = load(photograph(906, 512)[:, :100], tmp_path / "narrow.png")
    assert examine(photo, [found], DetectOptions()).detection.decision == "supports_reference"
    tiny = load(photograph(907, 64)[:60], tmp_path / "tiny.png")
    assert examine(tiny, [found], DetectOptions()).detection.reasons == ("too_small",)


def test_a_small_image_keeps_its_answer(lab, tmp_path):
    _, plain, found = lab
    image = load(STRONG.draw(902, 128), tmp_path / "small.png")
    one, two = (examine(image, [f], DetectOptions()).detection for f in (plain, found))
    assert one == two


def test_a_bank_is_examined_as_a_whole_where_all_have_windows(lab, tmp_path):
    _, plain, found = lab
    image = load(STRONG.draw(903, 256), tmp_path / "large.png")
    both = examine(image, [found, found.renamed("other")], DetectOptions())
    assert [row.windows for row in both.attributions] == [16, 16]
    mixed = examine(image, [found, plain.renamed("other")], DetectOptions())
    assert [row.windows for row in mixed.attributions] == [None, None]


def scene(inside=True):
    host, guest = photograph(950, 256), STRONG.draw(950, 256)
    if not inside:
        host, guest = guest, host
    mask = np.zeros((256, 256), bool)
    mask[64:192, 96:224] = True
    return np.where(mask[..., None], guest, host), mask


@pytest.mark.parametrize("inside", [True, False])
def test_a_map_shows_where(lab, inside):
    _, _, found = lab
    pixels, mask = scene(inside)
    judge = window_judge_of(Judge(found))
    drawn = draw_map(fields_of(pixels, WAVELET, weights_of(found)), judge.windows, 0.05)
    evidence = np.kron(drawn.log10_lr, np.ones((CELL, CELL))) * (1 if inside else -1)
    assert roc_auc_score(mask.ravel(), evidence.ravel()) > 0.9
    flagged = drawn.generated if inside else drawn.reference
    whole = np.kron(flagged, np.ones((CELL, CELL), bool))
    assert whole[80:176, 112:208].mean() > 0.7
    assert whole[:, :32].mean() < 0.1


def test_untouched_photographs_are_flagged_at_the_stated_rate():
    rng = np.random.default_rng(11)
    strong = Dependence(0.4, 0.3, 2.0)  # windows of an image have much in common
    real, generated = correlated(rng, 200, 7, strong), correlated(rng, 200, 7, strong) + 4
    windows = WindowSize(
        64, np.ones((2, 1), np.float32), np.zeros(2), real, generated,
        real.mean((1, 2)), generated.mean((1, 2)), ALIKE, ALIKE,
    )  # fmt: skip
    assert calibrated_level(windows, True, 0.004) == 0.0  # 1 / 201 is more
    for rate in (0.05, 0.2):
        flagged = []
        for odds in correlated(rng, 400, 7, strong):
            # Every second cell carries a tested window; those between repeat their neighbours.
            given = Given(np.kron(odds, np.ones((2, 2)))[:13, :13])
            drawn = draw_map(given, windows, rate)
            flagged.append(bool(drawn.generated.any()))
        # 200 images calibrate: the rate itself is Beta distributed around what was asked for.
        assert np.mean(flagged) < rate + 4 * np.sqrt(rate * (1 - rate) / 200)


@pytest.mark.slow
def test_maps_are_written_with_the_tables(lab, tmp_path):
    root, _, _ = lab
    inputs = tmp_path / "in"
    inputs.mkdir()
    pixels, _ = scene()
    for name in ODD_NAMES[5:10]:
        raw = name if isinstance(name, bytes) else name.encode()
        save(pixels, str(inputs).encode() + b"/" + raw)
    Image.fromarray(pixels[:60, :60]).save(inputs / "small.png")
    output = tmp_path / "out"
    assert fp("detect", root / "g.h5", inputs, "-o", output, "--map").code == 3
    rows = [json.loads(line) for line in (output / "detections.jsonl").read_text().splitlines()]
    manifest = json.loads((output / "manifest.json").read_text())
    named = {row["map"] for row in rows if row["map"]}
    assert len(named) == 5
    assert {path.name for path in (output / "maps").iterdir()} == {
        f"{name}{suffix}" for name in named for suffix in (".npy", ".png")
    }
    for row in rows:
        if row["status"] == "not_examined":
            assert row["map"] is None
            continue
        assert row["map"] == name_of(row["path"])
        array = np.load(output / "maps" / f"{row['map']}.npy", allow_pickle=False)
        assert array.dtype == np.float32 and array.shape == (6, 16, 16)
        assert f"maps/{row['map']}.png" in manifest["outputs"]
        assert 0 < row["map_generated"] < 1 and 0 < row["map_reference"] < 1
        with Image.open(output / "maps" / f"{row['map']}.png") as picture:
            assert picture.format == "PNG"
    assert manifest["whole_folder"] is True
    assert fp("verify", output).code == 0
    assert fp("rerun", output).code == 0
    # A later run without maps leaves none behind.
    assert fp("detect", root / "g.h5", inputs, "-o", output, "--overwrite").code == 3
    assert not (output / "maps").exists()


@pytest.mark.slow
def test_maps_of_an_interrupted_run_are_those_of_an_unhindered_one(lab, tmp_path):
    root, _, _ = lab
    inputs = tmp_path / "in"
    inputs.mkdir()
    for number in range(3):
        save(STRONG.draw(960 + number, 128), inputs / f"{number}.png")
    items, options = list_items([inputs]), DetectOptions(mapped=True)
    detect_into(tmp_path / "whole", examiner_of(root / "g.h5", options), items)

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        detect_into(
            tmp_path / "o", examiner_of(root / "g.h5", options), items, RunOptions(progress=stop)
        )
    detect_into(tmp_path / "o", examiner_of(root / "g.h5", options), items, RunOptions(resume=True))
    names = sorted(path.name for path in (tmp_path / "whole" / "maps").iterdir())
    assert len(names) == 6
    assert sorted(path.name for path in (tmp_path / "o" / "maps").iterdir()) == names
    for name in (*names, "../detections.csv"):
        one, two = (tmp_path / folder / "maps" / name for folder in ("whole", "o"))
        assert one.read_bytes() == two.read_bytes()


def test_a_map_needs_windows(lab):
    root, plain, found = lab
    with pytest.raises(UsageError, match="--windows"):
        WholeBank([plain]).check(DetectOptions(mapped=True))
    with pytest.raises(UsageError, match=r"128 pixels.*at least 256 pixels"):
        WholeBank([found]).check(DetectOptions(window=128))
    refused = fp("detect", root / "g.h5", root, "-o", "x", "--map", "--shard", "1/2")
    assert refused.code == 2 and "--shard" in refused.err


@pytest.mark.parametrize(
    ("method", "size"), [("fourier", (64, 64)), ("spectrum", (64, 64)), ("tile", (32, 32))]
)
def test_windows_that_cannot_be_are_refused_before_the_work(lab, method, size):
    root, _, _ = lab
    options = ExtractOptions(method=method, windows=True, size=size)
    with pytest.raises(UsageError, match="Windows"):
        extract(root / "made", root / "real", "G", options)


def test_a_map_of_an_image_with_a_ragged_border_covers_its_whole_cells(lab):
    _, _, found = lab
    judge = window_judge_of(Judge(found))
    pixels = photograph(3, 256)[:143, :201]
    drawn = draw_map(fields_of(pixels, WAVELET, weights_of(found)), judge.windows, 0.05)
    assert drawn.array.shape == (6, 8, 12)
    assert np.isfinite(drawn.array).all()
