"""``fp audit``, and the audit of ``fp extract``, as a user meets them."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path

import pytest
from commands import EPOCH, environment, fp, fp_process, state
from PIL import Image
from synthetic import ODD_NAMES, photograph, save, write_photographs

from fp.audit.findings import CODES
from fp.fingerprint.store.bank import read_bank


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Photographs as JPEG and, other ones, without loss."""
    root = tmp_path_factory.mktemp("audit")
    (root / "jpeg").mkdir()
    for seed in range(20):
        Image.fromarray(photograph(seed)).save(root / "jpeg" / f"a {seed}.jpg", quality=80)
    write_photographs(root / "plain", 20, first=100)
    write_photographs(root / "other", 20, first=200)
    return root


@pytest.fixture(autouse=True)
def quiet(folders):
    with environment(FP_CACHE=folders / "cache", SOURCE_DATE_EPOCH=EPOCH):
        yield


def asked(folders: Path, generated: str, *more: object) -> tuple[object, ...]:
    return ("--generated", folders / generated, "--real", folders / "plain", "--jobs", 1, *more)


@pytest.mark.slow
def test_a_confound_comes_first_with_its_size_and_its_remedy(folders):
    before = state(folders / "jpeg"), state(folders / "plain")
    outcome = fp("audit", *asked(folders, "jpeg"))
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert lines[0] == "20 generated and 20 reference images"
    assert lines[1].startswith("serious  compression: The compression: JPEG in 20 of 20 (100%)")
    assert "0 of 20 (0%) of the reference" in lines[1]
    assert "--match" in lines[2]
    assert lines[3] == f"         e.g. {folders}/jpeg/a 0.jpg"
    assert "no confound found" not in outcome.out
    assert (state(folders / "jpeg"), state(folders / "plain")) == before


def test_where_nothing_differs_it_says_what_was_looked_at(folders):
    outcome = fp("audit", *asked(folders, "other"))
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[:2] == [
        "20 generated and 20 reference images",
        "no confound found; what differs a little:",
    ]
    assert lines[2].startswith("note     few_images")
    assert lines[-2].startswith("nothing found about: the file format, the compression, ")
    assert lines[-1].startswith("--match: Both classes would be re-encoded by jpeg:90 (no file ")


def test_files_hold_every_finding_and_a_row_an_image(folders, tmp_path):
    output = tmp_path / "new" / "out"
    more = ("--test", folders / "other", "--test", folders / "jpeg", "-o", output)
    assert fp("audit", *asked(folders, "jpeg", *more)).code == 0
    assert sorted(path.name for path in output.iterdir()) == [
        "audit.csv",
        "audit.json",
        "inputs.jsonl",
        "manifest.json",
        "report.html",
    ]
    content = json.loads((output / "audit.json").read_text("utf-8"))
    found = {finding["code"]: finding for finding in content["findings"]}
    assert set(found) <= set(CODES)
    assert {"duplicates_test", "compression", "few_images", "exif"} <= set(found)
    assert (content["n_generated"], content["n_real"], content["skipped"]) == (20, 20, [])
    assert found["duplicates_test"]["value"] == 20
    with (output / "audit.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = [row["class"] for row in rows]
    assert [kinds.count(kind) for kind in ("generated", "real", "test")] == [20, 20, 40]
    assert rows[0]["quality"] == "80"
    assert rows[0]["width"] == rows[0]["height"] == "64"


def test_the_same_bytes_twice_and_never_over_another_audit(folders, tmp_path):
    first, second = tmp_path / "1", tmp_path / "2"
    arguments = ("audit", *asked(folders, "jpeg"))
    assert fp(*arguments, "-o", first).code == fp(*arguments, "-o", second).code == 0
    for name in ("audit.json", "audit.csv", "report.html"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    refused = fp(*arguments, "-o", first)
    assert refused.code == 4
    assert "audit.json exists already; choose another folder" in refused.sentence
    assert fp(*arguments, "-o", first, "--overwrite").code == 0


def test_broken_and_oddly_named_files_are_no_end(folders, tmp_path):
    folder = tmp_path / "odd"
    shutil.copytree(folders / "other", folder)
    for seed, name in enumerate(ODD_NAMES):
        raw = name if isinstance(name, bytes) else name.encode()
        save(photograph(500 + seed), os.path.join(os.fsencode(folder), raw))  # noqa: PTH118
    (folder / "broken.png").write_bytes((folders / "jpeg" / "a 1.jpg").read_bytes()[:500])
    (folder / "words.txt").write_text("words")
    before = state(folder)
    outcome = fp("audit", "--generated", folder, "--real", folders / "plain", "-o", tmp_path / "o")
    assert outcome.code == 3
    assert outcome.err.count("not examined (") == 2
    assert outcome.out.startswith("32 generated and 20 reference images\n")
    assert state(folder) == before
    assert len((tmp_path / "o" / "audit.csv").read_bytes().decode("utf-8")) > 0


REFUSED = {
    "missing": (["--generated", "{root}/no"], "does not exist"),
    "a file": (["--generated", "{root}/jpeg/a 0.jpg"], "is no folder; name a folder"),
    "shared": (["--generated", "{root}/plain"], "share files; name two folders"),
    "empty": (["--generated", "{odd}"], "holds no usable image; name a folder of images"),
    "test missing": (["--test", "{root}/no"], "does not exist"),
    "output in an input": (["-o", "{root}/plain/out"], "lies inside the input"),
    "output a file": (["-o", "{root}/jpeg.txt/x"], "cannot be written"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_work_is_one_sentence(folders, tmp_path, case):
    arguments, words = case
    (folders / "jpeg.txt").write_text("x")
    filled = [argument.format(root=folders, odd=tmp_path) for argument in arguments]
    defaults = {"--generated": folders / "jpeg", "--real": folders / "plain"}
    rest = [x for pair in defaults.items() if pair[0] not in filled for x in pair]
    outcome = fp("audit", *rest, "--jobs", 1, *filled)
    assert outcome.code == 4
    assert words in outcome.sentence


# fp extract


QUICK = ("--method", "mean", "--folds", "2", "--denoiser", "wavelet")


def test_extract_warns_and_keeps_what_it_found(folders, tmp_path):
    outcome = fp("extract", *asked(folders, "jpeg", *QUICK), "-o", tmp_path / "f.h5")
    assert outcome.code == 0
    assert outcome.err.startswith("audit: serious (compression): The compression: JPEG in 20 of 20")
    (found,) = read_bank(tmp_path / "f.h5")
    kept = {item["code"]: item["severity"] for item in found.parameters["audit"]}
    assert kept["compression"] == "serious"
    skipped = fp("extract", *asked(folders, "jpeg", *QUICK), "--no-audit", "-o", tmp_path / "n.h5")
    assert (skipped.code, skipped.err) == (0, "")
    assert "audit" not in read_bank(tmp_path / "n.h5")[0].parameters


def test_an_audit_says_what_matching_would_do_and_what_remains(folders, tmp_path):
    before = state(folders / "jpeg"), state(folders / "plain")
    told = fp("audit", *asked(folders, "jpeg"))
    assert (
        "--match: Both classes would be re-encoded by jpeg:80 (20 JPEGs, nine tenths from quality "
        "80 to 80 by their tables); whether" in told.out
    )
    after = fp("audit", *asked(folders, "jpeg"), "--match", "-o", tmp_path / "after")
    assert "--match: Measured after both classes were re-encoded by jpeg:80; whether" in after.out
    assert "serious" in told.out and "serious" not in after.out
    written = json.loads((tmp_path / "after" / "audit.json").read_text())
    assert written["prepared"] == "jpeg:80"
    assert [step["text"] for step in written["match"]] == ["jpeg:80"]
    assert (state(folders / "jpeg"), state(folders / "plain")) == before
    assert fp("audit", *asked(folders, "jpeg"), "--match", "gouache:3").code == 2


@pytest.mark.slow
def test_match_is_recorded_shown_and_repeated(folders, tmp_path):
    before = state(folders / "jpeg"), state(folders / "plain")
    output = tmp_path / "f.h5"
    outcome = fp("extract", *asked(folders, "jpeg", *QUICK), "--match", "-o", output)
    assert outcome.code == 3 and "WEAK" in outcome.out
    assert "  preparation  jpeg:80, " in outcome.out
    assert "serious" not in outcome.err
    assert "preparation    jpeg:80" in fp("bank", "show", output).out
    given = fp_process(
        "extract", *asked(folders, "jpeg", *QUICK), "--match", "jpeg:60", "-o", tmp_path / "g.h5"
    )
    assert given.code == 3
    assert "  preparation  jpeg:60, " in given.out
    assert (state(folders / "jpeg"), state(folders / "plain")) == before
    assert fp("detect", output, folders / "other", "-o", tmp_path / "case").code == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gouache:3", "Unknown degradation 'gouache'"),
        ("jpeg:0", "between 1 and 100"),
        ("x", "no nu"),
    ],
)
def test_a_match_that_is_none_is_a_usage_error(folders, tmp_path, text, words):
    outcome = fp("extract", *asked(folders, "jpeg"), "--match", text, "-o", tmp_path / "f.h5")
    assert outcome.code == 2
    assert words in outcome.sentence
    assert outcome.out == ""
