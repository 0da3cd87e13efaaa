"""From Python: the same rows as the command, a surface that is written down, HTML that is safe."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from commands import csv_rows, json_rows
from commands import fp as command
from PIL import Image
from public_surface import SNAPSHOT, surface
from synthetic import Generator, photograph

import fp.fingerprint
import fp.lineage
from fp.fingerprint import Bank, Detections, DetectOptions, Fingerprint, NullControl
from fp.fingerprint.decision.rows import Detection
from fp.fingerprint.detection.large_bank import LargeBank
from fp.images.loading import load_image, picture_of
from fp.system.errors import InputError, OutputError, UsageError

EVIL = '<img src="http://evil.example/x.png" onerror="alert(1)"><script>1</script>'


def test_the_public_surface_is_the_one_that_is_written_down():
    assert surface() == SNAPSHOT.read_text("utf-8"), (
        "others build on these names: if the change is meant, tell of it in CHANGELOG.md and run "
        "python tests/kit/public_surface.py"
    )


@pytest.mark.parametrize("room", ["fp.denoisers", "fp.fingerprint", "fp.lineage"])
def test_a_room_is_entered_without_loading_anything_heavy(room):
    code = (
        f"import sys, {room} as room; heavy = {{'torch', 'numpy', 'numba', 'scipy', 'h5py'}};"
        "print(sorted(heavy & set(sys.modules)), set(room.__all__) <= set(dir(room)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[] True\n"


def test_extraction_is_the_commands_whatever_a_path_is(lab, tmp_path):
    fp_command = fp_bank(lab, tmp_path)
    for kind in (str, Path):
        found = fp.fingerprint.extract(
            kind(lab.made(0)), kind(lab.real), cache=kind(lab.cache), folds=4, audit=False
        )
        assert found.fingerprint.name == "made0"
        assert found.fingerprint.uuid == fp_command.uuid


def fp_bank(lab, tmp_path) -> Fingerprint:
    where = tmp_path / "command.h5"
    arguments = ["--generated", lab.made(0), "--real", lab.real, "-o", where]
    outcome = command("extract", *arguments, "--folds", 4, "--no-audit", "--cache", lab.cache)
    assert outcome.code == 0, outcome.err
    return next(iter(Bank.open(where)))


@pytest.mark.parametrize(("jobs", "fdr"), [(1, None), (1, 0.1), (2, 1e-6)])
def test_rows_are_those_of_the_command(lab, tmp_path, jobs, fdr):
    asked = [] if fdr is None else ["--fdr", fdr]
    command("detect", lab.pair, lab.unknown, "-o", tmp_path / "case", *asked)
    expected = json_rows(tmp_path / "case")
    for bank in (Bank.open(str(lab.pair)), Bank(Bank.open(lab.pair))):
        found = bank.detect(lab.unknown, fdr=fdr, jobs=jobs)
        assert json.loads(json.dumps(found.as_dicts())) == expected
        assert sum(found.counts.values()) == len(found) == len(expected)
    beyond = [row for row in found if "beyond_false_discovery_rate" in row.reasons]
    assert bool(beyond) == (fdr == 1e-6)


def test_pixels_get_the_figures_of_their_file(lab):
    bank = Bank.open(lab.single)
    paths = sorted(path for path in lab.unknown.rglob("*") if path.is_file())[:4]
    of_files = bank.detect(paths)
    arrays = [load_image(path).rgb_hwc for path in paths]
    of_arrays = bank.detect(arrays)
    assert [row.path for row in of_arrays] == [f"array {k}" for k in range(4)]
    for one, other in zip(of_files, of_arrays, strict=True):
        assert (one.score, one.decision, one.pixels_sha256) == (
            other.score,
            other.decision,
            other.pixels_sha256,
        )
        assert other.sha256 is None and other.format is None
    assert bank.detect({"mine": arrays[0]})[0].path == "mine"
    assert bank.detect(arrays[0])[0].score == of_files[0].score
    alone = bank[bank.names[0]].detect(iter(paths[:1]), options=DetectOptions(fpr=0.1))
    assert alone[0].score == of_files[0].score and alone.options.fpr == 0.1


@pytest.mark.parametrize("door", ["fp.fingerprint", "fp.lineage", "fp.denoisers"])
def test_every_door_tells_the_version(door):
    code = f"import {door}, fp; print(fp.__version__); fp.nothing"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert found.stdout.strip() == version("fp-forensics")
    assert "module 'fp' has no attribute 'nothing'" in found.stderr


def test_pictures_of_pillow_get_the_figures_of_their_file(lab):
    bank = Bank.open(lab.single)
    paths = sorted(path for path in lab.unknown.rglob("*") if path.is_file())[:6]
    opened = [Image.open(path) for path in paths]
    of_files, of_images = bank.detect(paths), bank.detect(opened)
    for one, other in zip(of_files, of_images, strict=True):
        assert (one.path, one.score, one.decision, one.pixels_sha256, one.converted) == (
            other.path,
            other.score,
            other.decision,
            other.pixels_sha256,
            other.converted,
        )
    grey = Image.fromarray(load_image(paths[0]).rgb_hwc).convert("L")
    (row,) = bank.detect(grey)
    assert (row.path, row.converted) == ("image 0", ("grayscale to RGB",))
    assert bank.detect({"mine": opened[0]})[0].path == "mine"
    mixed = bank.detect([load_image(paths[0]).rgb_hwc, opened[1]])
    assert [row.score for row in mixed] == [row.score for row in of_files.rows[:2]]


def test_deep_and_turned_pictures_of_pillow_are_as_their_files(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)
    Image.fromarray(rgb).save(tmp_path / "turned.tif", tiffinfo={274: 6})
    Image.fromarray(rgb[..., 0].astype(np.uint16) << 8).save(tmp_path / "deep.png")
    for name in ("turned.tif", "deep.png"):
        of_file, held = load_image(tmp_path / name), Image.open(tmp_path / name)
        for _ in range(2):  # opened, then loaded
            found = picture_of(held, "x")
            if name == "deep.png" or held.getexif().get(274):
                assert found.pixels_sha256 == of_file.pixels_sha256
                assert found.converted == of_file.converted


def test_classes_in_memory_make_the_fingerprint_of_their_files(lab, tmp_path):
    classes = []
    for place, folder in enumerate((lab.made(0), lab.real)):
        arrays = [load_image(p).rgb_hwc for p in sorted(folder.rglob("*")) if p.is_file()]
        classes.append(arrays)
        for number, pixels in enumerate(arrays):
            (tmp_path / f"{place}").mkdir(exist_ok=True)
            Image.fromarray(pixels).save(
                tmp_path / f"{place}" / f"{number:06d}.png", compress_level=1
            )
    settings = {"method": "tile", "folds": 4, "conditions": False, "audit": False}
    of_files = fp.fingerprint.extract(tmp_path / "0", tmp_path / "1", "g", **settings)
    in_memory = fp.fingerprint.extract(
        [Image.fromarray(pixels) for pixels in classes[0]],
        {f"{number:06d}": pixels for number, pixels in enumerate(classes[1])},
        "g",
        **settings,
    )
    assert in_memory.fingerprint.uuid == of_files.fingerprint.uuid
    found = fp.fingerprint.audit_folders(*classes)
    assert (found.n_generated, found.n_real) == (len(classes[0]), len(classes[1]))
    with pytest.raises(UsageError, match="give a name"):
        fp.fingerprint.extract(classes[0], classes[1])
    with pytest.raises(InputError, match="name a folder"):
        fp.fingerprint.extract([str(lab.real)], lab.real, "g")


def test_rows_become_a_data_frame_where_pandas_is(lab, monkeypatch):
    found = Bank.open(lab.pair).detect(sorted(lab.unknown.glob("*.png"))[:2])
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match="pip install pandas"):
        found.to_pandas()
    frames = SimpleNamespace(DataFrame=lambda rows, columns: (rows, columns))
    monkeypatch.setitem(sys.modules, "pandas", frames)
    rows, columns = found.to_pandas()
    assert rows == found.as_dicts() and columns == list(rows[0])
    rows, columns = found.to_pandas(attributions=True)
    assert len(rows) == 4 and columns == list(rows[0])


def test_a_fingerprint_is_drawn_with_tested_images_among_its_scores(lab):
    bank = Bank.open(lab.pair)
    found = bank.detect(sorted(lab.unknown.glob("*.png"))[:2])
    axes = bank["gen 0"].plot(found)
    assert axes.figure is not None
    drawn = {text.get_text() for text in axes.texts}
    assert {Path(row.path).name for row in found} <= {Path(name).name for name in drawn}
    assert bank["gen 0"].plot(axes=axes) is axes


def test_ratios_and_the_null_control_are_drawn_into_axes_of_ones_own(lab):
    bank = Bank.open(lab.pair)
    found = bank.detect(sorted(lab.unknown.glob("*.png"))[:2])
    axes = found.plot()
    named = [label.get_text() for label in axes.get_yticklabels()]
    assert named == [Path(row.path).name for row in found]
    assert found.plot(axes) is axes
    null = NullControl(3.0, np.linspace(-1, 1, 50), 0)
    axes = null.plot()
    assert axes.lines[-1].get_xdata()[0] == 3.0 and null.plot(axes) is axes


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((64, 64, 3)), "'array 0' is float64 of shape (64, 64, 3); give 8-bit RGB"),
        (np.zeros((64, 64), np.uint8), "uint8 of shape (64, 64)"),
        ({"x": None}, "'x' is NoneType"),
        ([], "There is no image"),
        (["here.png", np.zeros((64, 64, 3), np.uint8)], "ndarray is no path"),
        ("nowhere/", "nowhere"),
    ],
)
def test_what_is_no_picture_is_one_sentence(lab, images, words):
    with pytest.raises(InputError, match=re.escape(words)) as error:
        Bank.open(lab.single).detect(images)
    assert str(error.value).endswith(".")


def test_a_mistyped_setting_or_name_is_answered_with_what_was_meant(lab):
    bank = Bank.open(lab.pair)
    for call, meant in (
        (lambda: bank.detect(lab.unknown, fprr=0.1), "did you mean 'fpr'"),
        (lambda: fp.fingerprint.extract(lab.made(0), lab.real, metod="tile"), "mean 'method"),
        (lambda: bank["gen0"], "did you mean 'gen 0'"),
        (lambda: bank[0], "named 0; see .names"),
        (lambda: fp.lineage.find_families(lab.folder, lab.real, perod=4), "mean 'period"),
        (
            lambda: fp.fingerprint.extract(lab.made(0), lab.real, conditions="none"),
            "'conditions' is True or False, not 'none'",
        ),
    ):
        with pytest.raises((UsageError, InputError), match=meant):
            call()


def test_a_cache_inside_of_an_input_is_refused(lab):
    inside = lab.made(0) / "cache"
    for call in (
        lambda: fp.fingerprint.extract(lab.made(0), lab.real, cache=inside),
        lambda: fp.lineage.find_families(lab.made(0).parent, lab.real, cache=inside),
    ):
        with pytest.raises(OutputError, match="lies inside the input"):
            call()
    assert not inside.exists()


def test_a_rate_out_of_reach_is_refused_and_a_name_twice(lab):
    bank = Bank.open(lab.single)
    with pytest.raises(UsageError, match="reference images"):
        bank.detect(lab.unknown, fpr=0.0001)
    with pytest.raises(UsageError, match="named 'gen 0': 2"):
        Bank([*bank, *bank])
    with pytest.raises(UsageError, match="no fingerprint"):
        Bank([])


def test_a_bank_is_saved_and_opened_again(lab, tmp_path):
    bank = Bank.open(lab.pair)
    bank.save(tmp_path / "again.h5")
    assert [f.uuid for f in Bank.open(tmp_path / "again.h5")] == [f.uuid for f in bank]
    with pytest.raises(OutputError):
        bank.save(tmp_path / "again.h5")
    bank["gen 1"].save(tmp_path / "one.h5")
    assert Bank.open(tmp_path / "one.h5").names == ("gen 1",)


def test_a_large_bank_stays_in_its_file_and_answers_alike(lab, tmp_path):
    found = fp.fingerprint.extract(lab.made(0), lab.real, method="tile", folds=4, cache=lab.cache)
    names = [f"line {number:02d}" for number in range(66)]
    whole = Bank(found.fingerprint.renamed(name) for name in names)
    whole.save(tmp_path / "large.h5")
    large = Bank.open(tmp_path / "large.h5")
    assert isinstance(large._tester, LargeBank)
    assert large.names == tuple(names) and len(large) == 66
    assert large["line 07"].uuid == whole["line 07"].uuid
    assert [row.score for row in large.detect(lab.unknown)] == [
        row.score for row in whole.detect(lab.unknown)
    ]
    assert "and 46 more fingerprints" in large._repr_html_()


class Seen(HTMLParser):
    """What a browser would make of it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def seen(html: str) -> Seen:
    parser = Seen()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


def test_results_show_themselves_escaped_and_ask_for_nothing(lab):
    options = {"folds": 4, "cache": lab.cache}
    extraction = fp.fingerprint.extract(lab.made(0), lab.real, EVIL, **options)
    bank = Bank([extraction.fingerprint])
    found = bank.detect({EVIL: Generator(0).draw(2000), "b": photograph(2000)})
    audit = fp.fingerprint.audit_folders(lab.made(0), lab.real)
    shown = [extraction, extraction.fingerprint, bank, found, found[0], audit]
    for thing in shown:
        html = thing._repr_html_()
        parser = seen(html)
        assert parser.tags <= {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td"}
        assert parser.attributes <= {"class", "style", "scope"}
    assert EVIL not in found._repr_html_()
    assert "&lt;img" in found._repr_html_()
    assert "supports_generator" in found._repr_html_()
    assert "rate certified" in found._repr_html_()
    assert repr(bank).startswith("<Bank of 1: ")


def test_long_results_are_cut_and_say_so(lab):
    row = Detection("x.png", "not_examined", "not_examined", reasons=("damaged",), message="torn.")
    finding = fp.fingerprint.Finding(row)
    html = Detections((finding,) * 25, DetectOptions())._repr_html_()
    assert html.count("x.png") == 20
    assert "and 5 more rows" in html


def test_families_from_python_are_those_of_the_command(lab, tmp_path):
    many = tmp_path / "many"
    for seed in (0, 1):
        shutil.copytree(lab.made(seed), many / f"g{seed}")
    found = fp.lineage.find_families(str(many), lab.real, cache=lab.cache, samples=20)
    arguments = ["--images", many, "--real", lab.real, "--samples", 20, "--cache", lab.cache]
    assert command("lineage", *arguments, "-o", tmp_path / "lineage").code == 0
    (row,) = csv_rows(tmp_path / "lineage" / "pairs.csv")
    (pair,) = found.pairs
    names = (found.names[pair.first], found.names[pair.second])
    assert (*names, pair.relation) == (row["first"], row["second"], row["relation"])
    assert pair.kinship == pytest.approx(float(row["kinship"]), abs=1e-9)
    seen(found._repr_html_())


def test_pictures_of_any_name_are_files_for_a_while():
    from fp.api.pictures import folder_of

    picture = np.zeros((32, 32, 3), np.uint8)
    with folder_of({"図" * 120: picture, "a\0b/c": picture, "..": picture}) as place:
        names = sorted(path.name for path in place.rglob("*.png"))
    assert [len(name.encode()) <= 255 for name in names] == [True] * 3
    assert "a_b_c.png" in names and "000002.png" in names
    assert not place.exists()
