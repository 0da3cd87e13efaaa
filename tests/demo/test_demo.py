"""The demo: the whole way works without a network, and what it shows is there to be seen."""

import csv
import io
import itertools
import json
import os
import re
import shutil
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
from commands import csv_rows, environment, fp, fp_process, state
from PIL import Image
from project import PROJECT
from sklearn.metrics import roc_auc_score

from fp.demo import demo as demonstration
from fp.demo import tiny_decoder
from fp.demo.figures import Example, Panel, draw_demonstration
from fp.demo.images import PHOTOGRAPHS, PITCH, SIDE, SPOILT, deal_regions
from fp.denoisers import get, load_image
from fp.fingerprint.correlation.lattice import average, lattice_share, power_spectrum
from fp.fingerprint.store.bank import read_bank
from fp.system.errors import FormatError, InputError, IntegrityError
from fp.system.paths import display_path, path_of

EPOCH = "1700000000"

FEWEST_SOURCES = 8
LATTICE_FACTOR = 10  # measured: 30
LARGEST_WEIGHTS = 300_000


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "made here"
    outcome = fp_process("demo", "--quick", "-o", folder, NUMBA_NUM_THREADS=1)
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    return folder, outcome.out


def sources(folder):
    return csv_rows(folder / "images" / "sources.csv")


def is_generated(row):
    return row["drawn_by"] == "tiny decoder"


# What is left behind


def test_outputs_are_there_and_read_back(demo):
    folder, _ = demo
    found = sorted(path.name for path in folder.iterdir())
    assert found == ["case", "demo.png", "fingerprint.h5", "images"]
    (fingerprint,) = read_bank(folder / "fingerprint.h5")
    assert fingerprint.method == "auto"
    assert fingerprint.mu_g > fingerprint.mu_r
    manifest = json.loads((folder / "case" / "manifest.json").read_text("utf-8"))
    assert manifest["command"] == "detect"
    with Image.open(folder / "demo.png") as picture:
        picture.load()
        assert picture.width == 1080


def test_sources_list_every_image(demo):
    folder, _ = demo
    listed = {row["file"] for row in sources(folder)}
    images = folder / "images"
    found = {path.relative_to(images).as_posix() for path in images.glob("*/*")}
    assert found == listed | {f"unknown/{name}" for name in SPOILT}


def test_no_region_is_used_twice(demo):
    rows = sources(demo[0])
    for one, other in itertools.combinations(rows, 2):
        if one["photograph"] == other["photograph"]:
            apart = (abs(int(one[axis]) - int(other[axis])) >= SIDE for axis in ("top", "left"))
            assert any(apart), f"{one['file']} overlaps {other['file']}"


def test_each_class_has_sources_of_its_own(demo):
    stems = {
        kind: [Path(row["file"]).stem for row in sources(demo[0]) if row["file"].startswith(kind)]
        for kind in ("real/", "generated/", "unknown/")
    }
    everything = list(itertools.chain(*stems.values()))
    assert len(set(everything)) == len(everything)
    assert min(len(stems["real/"]), len(stems["generated/"])) >= FEWEST_SOURCES


def test_neither_photograph_nor_phase_tells_the_classes_apart(demo):
    rows = [row for row in sources(demo[0]) if not row["file"].startswith("unknown/")]
    for generated in (True, False):
        own = [row for row in rows if is_generated(row) == generated]
        assert {row["photograph"] for row in own} == {f"{p.package}/{p.file}" for p in PHOTOGRAPHS}
        assert len({(int(row["top"]) % 8, int(row["left"]) % 8) for row in own}) > 8


# What it shows


def test_unknown_generated_images_score_higher(demo):
    folder, _ = demo
    truth = {Path(row["file"]).name: is_generated(row) for row in sources(folder)}
    scored = [
        (truth[Path(row["path"]).name], float(row["score"]))
        for row in csv_rows(folder / "case" / "detections.csv")
        if row["status"] == "examined"
    ]
    labels, scores = map(np.array, zip(*scored, strict=True))
    assert min(labels.sum(), (~labels).sum()) >= 5
    assert roc_auc_score(labels, scores) > 0.9


def test_generator_leaves_a_lattice_and_photographs_do_not(demo):
    residual = get("wavelet")
    shares = {
        kind: lattice_share(
            average(
                residual(load_image(path).rgb_hwc)
                for path in sorted((demo[0] / "images" / kind).glob("*.png"))
            ),
            8,
        )
        for kind in ("real", "generated")
    }
    assert shares["generated"] > LATTICE_FACTOR * shares["real"]


def test_files_that_cannot_be_examined_are_named_with_their_reason(demo):
    folder, out = demo
    rows = {Path(row["path"]).name: row for row in csv_rows(folder / "case" / "detections.csv")}
    for name in SPOILT:
        assert rows[name]["status"] == "not_examined"
        reason = rows[name]["reasons"].replace("_", " ")
        assert re.search(rf"^  {name} +not examined: {reason}$", out, re.MULTILINE)


def test_table_has_every_unknown_file_from_the_highest_score_down(demo):
    folder, out = demo
    shown = re.findall(r"^  (\S+\.(?:png|txt)) ", out, re.MULTILINE)
    assert sorted(shown) == sorted(path.name for path in (folder / "images" / "unknown").iterdir())
    scores = [float(score) for score in re.findall(r"^  \S+\.png +([-+]\d+\.\d{3}) ", out, re.M)]
    assert len(scores) == len(shown) - len(SPOILT)
    assert scores == sorted(scores, reverse=True)


def test_words_claim_nothing_that_the_images_cannot_carry(demo):
    _, out = demo
    assert "No error rate follows" in out
    texts = (PROJECT / "cli" / "demo.py", PROJECT / "demo" / "demo.py")
    for text in (out, *(path.read_text("utf-8") for path in texts)):
        assert not re.search(r"\bmatch|\bprove|\bfake|\baccura", text, re.IGNORECASE)


# Again, and in the way


@pytest.mark.slow
def test_overwriting_gives_the_same_and_leaves_other_files_alone(demo, tmp_path, monkeypatch):
    before, _ = demo
    folder = tmp_path / "again"
    shutil.copytree(before, folder)
    (folder / "mine.txt").write_text("kept")
    # In full this time, though shortened; on one core, since threads of a test that wait for each
    # other on a busy machine take minutes.
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    monkeypatch.setattr(demonstration, "DIF_STEPS", 2)
    with environment(SOURCE_DATE_EPOCH=EPOCH):
        outcome = fp("demo", "--overwrite", "-o", folder)
    assert outcome.code == 0, outcome.err
    assert "Method dif" in outcome.out
    assert "shuffled labels" in outcome.out
    assert [found.method for found in read_bank(folder / "fingerprint-dif.h5")] == ["dif"]
    assert (folder / "mine.txt").read_text() == "kept"
    for path in sorted((before / "images").rglob("*.*")):
        assert (folder / path.relative_to(before)).read_bytes() == path.read_bytes()
    first, second = (
        [row["score"] for row in csv_rows(made / "case" / "detections.csv")]
        for made in (before, folder)
    )
    assert first == second


def test_an_existing_folder_is_refused_and_left_alone(tmp_path):
    before = state(tmp_path)
    outcome = fp("demo", "-o", tmp_path)
    assert outcome.code == 4
    assert "exists already" in outcome.sentence
    assert "--overwrite" in outcome.sentence
    assert state(tmp_path) == before


def test_images_of_somebody_else_are_not_taken_for_the_demos(tmp_path):
    mine = tmp_path / "images" / "real" / "mine.png"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    outcome = fp("demo", "--overwrite", "-o", tmp_path)
    assert outcome.code == 4
    assert mine.as_posix() in outcome.sentence
    assert not list((tmp_path / "images" / "generated").iterdir())


def test_a_place_that_cannot_be_a_folder_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    outcome = fp("demo", "-o", tmp_path / "file" / "below")
    assert outcome.code == 4
    assert "cannot be written" in outcome.sentence


# The parts


@pytest.mark.parametrize(("height", "width"), [(128, 128), (300, 451), (512, 512), (500, 741)])
def test_regions_lie_inside_and_none_is_left_out(height, width):
    regions = list(deal_regions(PHOTOGRAPHS[0], height, width))
    places = {(region.top, region.left) for region in regions}
    assert len(places) == len(regions)
    assert len(regions) == ((height - SIDE) // PITCH + 1) * ((width - SIDE) // PITCH + 1)
    assert all(top + SIDE <= height and left + SIDE <= width for top, left in places)
    assert all(region.redrawn for region in regions if region.folder == "generated")
    assert not any(region.redrawn for region in regions if region.folder == "real")


def test_a_missing_photograph_is_one_sentence(monkeypatch, tmp_path):
    missing = PHOTOGRAPHS[-1].__class__("x", "sklearn", "datasets/images/x.jpg", "nobody")
    monkeypatch.setattr("fp.demo.images.PHOTOGRAPHS", (missing,))
    outcome = fp("demo", "-o", tmp_path / "demo")
    assert outcome.code == 4
    assert "install scikit-learn from its wheel" in outcome.sentence
    assert not (tmp_path / "demo").exists()


def weights(folder):
    for path in tiny_decoder.SHIPPED.glob(f"{tiny_decoder.NAME}.*"):
        shutil.copy(path, folder)
    return folder / f"{tiny_decoder.NAME}.safetensors", folder / f"{tiny_decoder.NAME}.json"


def test_weights_that_ship_are_small_and_draw_what_they_are_given():
    assert sum(path.stat().st_size for path in tiny_decoder.SHIPPED.iterdir()) <= LARGEST_WEIGHTS
    rows, columns = np.mgrid[:64, :96]
    picture = np.stack([2 * rows, 2 * columns, rows + columns], axis=2).astype(np.uint8)
    drawn = tiny_decoder.load_decoder().redraw(picture)
    assert drawn.shape == picture.shape
    assert drawn.dtype == np.uint8
    assert np.abs(drawn.astype(float) - picture).mean() < 8


def test_weights_are_part_of_the_wheel():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["fp.demo"]
    for path in tiny_decoder.SHIPPED.iterdir():
        assert any(fnmatch(f"data/{path.name}", pattern) for pattern in patterns), path.name


def test_changed_weights_are_refused(tmp_path):
    tensors, _ = weights(tmp_path)
    content = bytearray(tensors.read_bytes())
    content[-1] ^= 1
    tensors.write_bytes(content)
    with pytest.raises(IntegrityError, match="install the package again"):
        tiny_decoder.load_decoder(tmp_path)


def test_missing_weights_are_refused(tmp_path):
    tensors, _ = weights(tmp_path)
    tensors.unlink()
    with pytest.raises(InputError, match="is missing; install"):
        tiny_decoder.load_decoder(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "other", "sha256": ""}'])
def test_weights_of_another_format_are_refused(tmp_path, text):
    _, described = weights(tmp_path)
    described.write_text(text)
    with pytest.raises(FormatError, match="install the package again"):
        tiny_decoder.load_decoder(tmp_path)


def test_decoder_refuses_sides_that_it_cannot_draw():
    with pytest.raises(InputError, match="100 x 64 pixels"):
        tiny_decoder.TinyAutoencoder().redraw(np.zeros((64, 100, 3), np.uint8))


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_lattice_share_of_a_repeated_tile_is_all():
    repeated = np.tile(noise(3, 8, 8), (1, 8, 12))
    assert lattice_share(repeated, 8) == pytest.approx(1)
    assert lattice_share(repeated, 16) == pytest.approx(1)
    assert lattice_share(repeated, 4) < 0.5


def test_lattice_share_of_noise_is_that_of_its_points():
    shares = [lattice_share(noise(3, 64, 64, seed=seed), 8) for seed in range(20)]
    assert np.mean(shares) == pytest.approx((8 * 8 - 1) / (64 * 64 - 1), rel=0.1)


def test_lattice_share_is_the_energy_of_the_folded_pattern():
    pattern = noise(3, 32, 64) + 5
    centred = pattern - pattern.mean(axis=(1, 2), keepdims=True)
    folded = centred.reshape(3, 4, 8, 8, 8).mean(axis=(1, 3))
    expected = (folded**2).sum() * (4 * 8) / (centred**2).sum()
    assert lattice_share(pattern, 8) == pytest.approx(expected, rel=1e-4)


def test_lattice_share_refuses_a_period_that_does_not_divide():
    with pytest.raises(InputError, match="64 x 32 has no lattice of period 7"):
        lattice_share(noise(3, 32, 64), 7)


def test_spectrum_shows_a_wave_at_its_frequency():
    wave = np.cos(2 * np.pi * np.arange(64) / 8)[None, None, :] * np.ones((3, 64, 1))
    for side in (None, 32):
        power = power_spectrum(wave.astype(np.float32), side)
        middle, step = len(power) // 2, len(power) // 8
        assert {tuple(place) for place in np.argwhere(power > power.max() / 2)} == {
            (middle, middle - step),
            (middle, middle + step),
        }


def test_average_weighs_all_residuals_alike():
    one, other = noise(3, 16, 16, seed=1), noise(3, 16, 16, seed=2)
    np.testing.assert_allclose(average([one, 100 * other]), average([100 * one, other]), atol=1e-5)
    np.testing.assert_allclose(average([one, -3 * one]), 0, atol=1e-6)
    with pytest.raises(InputError, match="no residual to average"):
        average([])


ORANGE, BLUE = (
    Example(("supports the generator", "score +1.0"), np.full((64, 64, 3), colour, np.uint8))
    for colour in ((255, 128, 0), (0, 0, 255))
)


def test_picture_shows_the_images_before_any_pattern():
    panels = [Panel("Noise", "Nothing to see.", noise(3, 64, 64))]
    with Image.open(io.BytesIO(draw_demonstration("Images", (ORANGE, BLUE), panels))) as picture:
        drawn = np.asarray(picture.convert("RGB"))
    place = {}
    for name, colour in (("orange", (255, 128, 0)), ("blue", (0, 0, 255))):
        rows, columns = np.nonzero((drawn == colour).all(2))
        place[name] = rows.max(), columns.mean()
    assert place["orange"][1] < drawn.shape[1] / 2 < place["blue"][1]
    assert max(lowest for lowest, _ in place.values()) < drawn.shape[0] / 2


def test_its_end_names_the_picture_and_the_report(demo):
    folder, out = demo
    named = [line.rpartition(": ")[2] for line in out.splitlines()[-2:]]
    assert named == [display_path(folder / "demo.png"), display_path(folder / "case/report.html")]
    assert all(path_of(name).is_file() for name in named)


def test_picture_has_a_row_for_each_pattern():
    panels = [Panel("Noise", "Nothing to see.", noise(3, 64, 64, seed=n)) for n in range(3)]
    flat = Panel("Flat", "Not even noise.", np.zeros((3, 32, 32), np.float32))
    heights = []
    for rows in (panels[:1], panels[:2], [*panels[:2], flat]):
        drawn = io.BytesIO(draw_demonstration("Patterns", (ORANGE, BLUE), rows))
        with Image.open(drawn) as picture:
            heights.append(picture.height)
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], abs=1)
    assert heights[1] > heights[0]


def test_sources_give_credit(demo):
    with (demo[0] / "images" / "sources.csv").open(newline="", encoding="utf-8") as file:
        assert all(row["credit"] for row in csv.DictReader(file))
