"""``fp bank import``: a published pattern becomes a fingerprint that knows the user's images."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from commands import EPOCH, environment, fp, state
from published import write_published
from synthetic import Generator, write_generated, write_photographs

from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.store.bank import read_bank
from fp.system.hashing import hash_file


@pytest.fixture(scope="module")
def chk(lab, tmp_path_factory):
    """A published file: the generator's mean residual, from pictures that nobody else has."""
    folder = tmp_path_factory.mktemp("their images")
    write_generated(folder / "made", 24, Generator(0), first=7000)
    write_photographs(folder / "real", 24, first=7000)
    options = ExtractOptions(method="mean", denoiser="wavelet", audit=False)
    theirs = extract(folder / "made", folder / "real", "theirs", options).fingerprint
    return write_published(folder / "chk_0.pt", -40 * theirs.pattern + 3)


@pytest.fixture(autouse=True)
def quiet(lab):
    with environment(FP_CACHE=lab.cache, SOURCE_DATE_EPOCH=EPOCH):
        yield


def words(lab, chk, output, *more):
    folders = ("--generated", lab.made(0), "--real", lab.real, "--denoiser", "wavelet", "--jobs", 1)
    return "bank", "import", chk, "--name", "gen 0", *folders, "-o", output, *more


@pytest.fixture(scope="module")
def made(lab, chk, tmp_path_factory):
    output = tmp_path_factory.mktemp("made") / "gen 0.h5"
    with environment(FP_CACHE=lab.cache, SOURCE_DATE_EPOCH=EPOCH):
        return fp(*words(lab, chk, output)), output


def test_all_images_calibrate_and_the_origin_is_kept(made, lab, chk):
    outcome, output = made
    assert (outcome.code, outcome.err) == (0, "")
    (found,) = read_bank(output)
    assert (found.name, found.method) == ("gen 0", "dif")
    held = found.calibration
    assert held.real.size == held.generated.size == 24
    assert held.scheme == "cross-fitted, 10 folds"
    assert found.mu_g > found.mu_r + 0.1  # the file has the other sign
    assert found.parameters["imported"] == {
        "file": "chk_0.pt",
        "sha256": hash_file(chk),
        "steps": 6,
    }
    np.testing.assert_allclose(found.history["loss"], [1.0, 0.9, 0.8, 0.7, 0.6, 0.5])
    manifest = json.loads(output.with_name("gen 0.h5.manifest.json").read_text("utf-8"))
    assert "bank import" in json.dumps(manifest)
    listing = output.with_name("gen 0.h5.inputs.jsonl").read_text("utf-8")
    inputs = [json.loads(line) for line in listing.splitlines()]
    assert [row["sha256"] for row in inputs if row["role"] == "published"] == [hash_file(chk)]
    assert outcome.out.startswith("gen 0: dif fingerprint on wavelet residuals, 64 x 64\n")


def test_it_tells_the_generator_from_photographs_and_from_another(made, lab):
    lines = fp("detect", made[1], lab.unknown, "--json", "--jobs", 1).out.splitlines()
    rows = {Path(row["path"]).name: row["decision"] for row in map(json.loads, lines)}
    claimed = {name for name, decision in rows.items() if decision == "supports_generator"}
    own = {name for name in rows if name.startswith("made0")}
    assert len(own) == 8 and len(rows) == 24
    assert len(claimed & own) >= 6 and len(claimed - own) <= 1


def test_smaller_images_are_refused_and_larger_ones_cut(lab, chk, tmp_path):
    write_photographs(tmp_path / "small", 24, side=48)
    write_generated(tmp_path / "large", 24, Generator(0), side=128)
    rest = ("--real", lab.real, "--name", "g", "--denoiser", "wavelet", "--jobs", 1)
    rest += ("-o", tmp_path / "g.h5")
    outcome = fp("bank", "import", chk, "--generated", tmp_path / "small", *rest)
    assert outcome.code == 4
    assert "holds 0 usable source images, 24 too small" in outcome.sentence
    assert not (tmp_path / "g.h5").exists()
    fp("bank", "import", chk, "--generated", tmp_path / "large", *rest)
    (found,) = read_bank(tmp_path / "g.h5")
    assert found.native_sizes == {"128x128": 24}
    assert (found.crop.height, found.crop.width, found.crop.anchor) == (64, 64, "centre")


def test_what_is_no_published_fingerprint_is_one_sentence(lab, made, tmp_path):
    before = state(lab.made(0)), state(lab.real)
    shutil.copyfile(made[1], tmp_path / "mine.h5")
    outcome = fp(*words(lab, tmp_path / "mine.h5", tmp_path / "out.h5"))
    assert outcome.code == 4
    assert "mine.h5 is no published DIF fingerprint: it holds no tensor" in outcome.sentence
    outcome = fp(*words(lab, tmp_path / "no.pt", tmp_path / "out.h5"))
    assert (outcome.code, "There is no file" in outcome.sentence) == (4, True)
    assert not (tmp_path / "out.h5").exists()
    assert (state(lab.made(0)), state(lab.real)) == before


def test_nothing_is_written_over_and_not_into_the_inputs(lab, chk, made, tmp_path):
    assert "exists already" in fp(*words(lab, chk, made[1])).sentence
    assert "lies inside the input" in fp(*words(lab, chk, lab.real / "x.h5")).sentence
    outcome = fp(*words(lab, chk, tmp_path / "x.h5", "--device", "cpu"))
    assert outcome.code == 2 and "--device belongs to trained denoisers" in outcome.sentence


def test_the_papers_denoiser_is_the_default(lab, chk, tmp_path):
    given = ("--generated", lab.made(0), "--real", lab.real, "--device", "cpu", "--jobs", 1)
    output = tmp_path / "gen.h5"
    own = ("--cache", tmp_path / "residuals")  # the laboratory's are of one denoiser
    outcome = fp("bank", "import", chk, "--name", "gen 0", *given, *own, "-o", output)
    assert outcome.code in (0, 3)  # a pattern of other residuals may be weak
    assert read_bank(output)[0].denoiser.name == "dncnn"
