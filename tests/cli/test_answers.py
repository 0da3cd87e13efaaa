"""Answers on the terminal: what a picture, or some, are told of, and that nothing is written."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from commands import environment, fp, fp_process, imported, json_rows, state

from fp.fingerprint.decision.decision import REASONS
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.detection.opening import open_for_examination
from fp.reports.words import (
    DECISIONS,
    FOOTNOTE,
    Question,
    answer,
    brief,
    deciding,
    limits,
    ratio,
    short,
)
from fp.runs.answering import question_of
from fp.runs.examination import examiner_of

CLAIM = "not {}, as far as this fingerprint can see; other generators were not asked"


@pytest.fixture(autouse=True)
def quiet(lab):
    with environment(FP_CACHE=lab.cache):
        yield


@pytest.fixture(scope="module")
def rows(lab, tmp_path_factory):
    """Give the rows that the same bank and files have in a folder of results."""
    output = tmp_path_factory.mktemp("rows") / "o"
    assert fp("detect", lab.single, lab.unknown, "-o", output, "--jobs", 1).code == 0
    return json_rows(output)


@pytest.mark.slow
def test_a_picture_does_not_wait_for_what_only_learning_and_drawing_need(lab, rows):
    loaded = imported("detect", "--quiet", lab.single, rows[0]["path"])
    assert "numba" in loaded
    assert loaded.isdisjoint({"torch", "scipy.stats", "sklearn", "skimage", "matplotlib"})


def one_of(rows, decision):
    return next(row for row in rows if row["decision"] == decision)


def unwrapped(text):
    return " ".join(text.split())


@pytest.mark.parametrize("decision", ["supports_generator", "supports_reference", "inconclusive"])
def test_one_picture_gets_an_answer_with_what_limits_it_and_nothing_is_written(
    lab, rows, tmp_path, monkeypatch, decision
):
    monkeypatch.chdir(tmp_path)
    row = one_of(rows, decision)
    before = state(lab.folder)
    outcome = fp("detect", lab.single, row["path"], "--jobs", 1)
    assert (outcome.code, outcome.err) == (0, "")
    assert state(lab.folder) == before and list(tmp_path.iterdir()) == []
    said = unwrapped(outcome.out)
    asked = Question(1, "conformal", 0.05, 0.117)
    assert f"{row['path']} {answer(row, asked)}" in said
    assert "gen 0" in said and "of pictures like the reference images, 5 % may be claimed" in said
    for code in row["reasons"]:
        assert unwrapped(REASONS[code]) in said
    told = ratio(row)
    assert told is None or unwrapped(told) in said
    assert "photograph" not in re.sub(re.escape(row["path"]), "", outcome.out)


def test_what_is_not_this_generator_is_called_no_photograph(rows):
    row = one_of(rows, "supports_reference")
    asked = Question(1, "conformal", 0.05, None)
    assert answer(row, asked) == CLAIM.format("gen 0")
    of_three = answer(row, Question(3, "conformal", 0.05, None))
    assert "none of the 3 generators" in of_three and "other generators were not asked" in of_three
    told = [answer(row, asked), short(row, asked), *limits(row, asked), FOOTNOTE, str(DECISIONS)]
    assert not any(re.search("photo|camera|real\\b|authentic", text) for text in told)
    assert "nothing can be claimed at this rate" in " ".join(limits(row, asked))
    told = " ".join(limits(row, replace(asked, certified=0.0788)))
    assert "5 % may be claimed by mistake, as was asked" in told
    assert "no more than 7.9 % are (95 % confidence)" in told


def test_the_side_of_a_ratio_is_that_of_its_sign(rows):
    asked = Question(1, "conformal", 0.05, None)
    row = {**one_of(rows, "supports_generator"), "reasons": [], "at_bound": False}
    for log10_lr, side in ((0.7, "for it"), (-0.7, "against it")):
        told = short({**row, "log10_lr": log10_lr}, asked)
        assert told == f"supports gen 0, ratio 5 {side}"
        limit = "the ratio speaks for the other side than the decision"
        assert (limit in limits({**row, "log10_lr": log10_lr}, asked)) == (log10_lr < 0)
    row = {**one_of(rows, "supports_reference"), "reasons": [], "log10_lr": 0.7}
    assert short(row, asked).endswith("ratio 5 for it")
    assert short({**row, "log10_lr": -2.0}, asked).endswith("ratio 100 against it")


def test_a_claim_is_not_told_without_what_weakens_it(rows):
    asked = Question(1, "conformal", 0.05, None)
    row = {**one_of(rows, "supports_generator"), "reasons": ["few_sources", "audit_serious"]}
    assert brief(row, asked) == [
        (None, answer(row, asked)),
        (None, f"but {REASONS['few_sources']}"),
        (None, f"but {REASONS['audit_serious']}"),
    ]
    row |= {"decision": "inconclusive", "reasons": ["few_sources"]}
    assert brief(row, asked) == [(None, f"{answer(row, asked)}; {REASONS['few_sources']}")]


def test_an_undecided_picture_has_its_reason_where_the_answer_is_alone(lab, rows):
    row = one_of(rows, "inconclusive")
    said = unwrapped(fp("detect", lab.single, row["path"], "--quiet").out)
    asked = Question(1, "conformal", 0.05, None)
    assert said == unwrapped(" ".join([row["path"], *(text for _, text in brief(row, asked))]))
    assert brief(row, asked)[0] == (None, f"{answer(row, asked)}; {deciding(row)}")


def test_what_stands_beside_an_answer_is_said_in_short_too(rows):
    asked = Question(3, "conformal", 0.05, None, {"gen 0": ("gen 1",)})
    row = {**one_of(rows, "supports_generator"), "reasons": ["audit_serious", "several_candidates"]}
    assert short(row, asked) == (
        "supports gen 0 (not told from gen 1) (audit_serious, several_candidates)"
    )
    told = "supports gen 0 (not told from gen 1), and another generator of the bank, as far as"
    assert answer(row, asked).startswith(told)
    row = {**one_of(rows, "inconclusive"), "reasons": ["audit_serious", "fits_both"]}
    assert short(row, asked) == f"inconclusive; {REASONS['fits_both']}"
    row["reasons"] = ["audit_serious"]
    assert short(row, asked) == f"inconclusive; {REASONS['audit_serious']}"


def test_a_picture_too_small_for_one_of_a_bank_has_its_words(rows):
    asked = Question(2, "conformal", 0.05, None)
    row = {**one_of(rows, "inconclusive"), "reasons": ["too_small", "few_sources"]}
    assert answer(row, asked) == (
        "inconclusive: whether a generator of the bank drew it cannot be said"
    )
    assert short(row, asked) == f"inconclusive; {REASONS['too_small']}"
    assert limits(row, asked)[0] == REASONS["too_small"]


def test_some_files_get_a_line_each_and_counts(lab, rows, tmp_path):
    folder = tmp_path / "some"
    folder.mkdir()
    for row in rows[:5]:
        shutil.copy(row["path"], folder)
    (folder / "not one.png").write_bytes(b"no picture")
    outcome = fp("detect", lab.single, folder, "--jobs", 1)
    assert outcome.code == 3
    lines = outcome.out.splitlines()
    assert len([line for line in lines if line.startswith(os.fspath(folder))]) == 5
    assert any(line.startswith("not examined: ") and "not one.png" in line for line in lines)
    assert any(line.startswith("6 files: ") and "not examined 1" in line for line in lines)
    assert unwrapped(FOOTNOTE) in unwrapped(outcome.out)
    assert "not examined: not_an_image (1)" in outcome.err
    silent = fp("detect", lab.single, folder, "--jobs", 1, "--quiet")
    assert (silent.code, silent.err) == (3, "")
    assert silent.out.splitlines() == lines[:6]


@pytest.mark.parametrize("options", [("--json",), ("-o", "-"), ("--json", "-o", "-", "--quiet")])
def test_json_lines_are_those_of_the_table(lab, rows, options):
    outcome = fp("detect", lab.single, lab.unknown, "--jobs", 1, *options)
    assert (outcome.code, outcome.err) == (0, "")
    assert [json.loads(line) for line in outcome.out.splitlines()] == rows


def test_a_false_discovery_rate_is_over_all_that_is_printed(lab, tmp_path):
    asked = ("detect", lab.single, lab.unknown, "--jobs", 1, "--fdr", 0.04)
    printed = fp(*asked, "--json")
    assert fp(*asked, "-o", tmp_path / "o").code == 0
    found = [json.loads(line) for line in printed.out.splitlines()]
    assert found == json_rows(tmp_path / "o")
    assert any("beyond_false_discovery_rate" in row["reasons"] for row in found)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--resume",), "--resume is about a folder"),
        (("--map",), "--map is about a folder"),
        (("--shard", "1/2"), "--shard is about a folder"),
        (("--report", "none"), "--report is about a folder"),
        (("--overwrite",), "--overwrite is about a folder"),
        (("--json", "-o", "folder"), "choose one"),
    ],
)
def test_what_would_be_lost_is_refused(lab, options, told):
    outcome = fp("detect", lab.single, lab.unknown, *options)
    assert outcome.code == 2 and told in outcome.sentence


def test_a_quiet_run_into_a_folder_says_nothing(lab, tmp_path):
    outcome = fp("detect", lab.single, lab.unknown, "-o", tmp_path / "o", "--quiet", "--jobs", 1)
    assert (outcome.code, outcome.out, outcome.err) == (0, "", "")
    assert fp("rerun", tmp_path / "o").code == 0


@pytest.mark.parametrize("place", ["before", "behind"])
def test_more_can_be_asked_for_before_and_behind_the_command(lab, tmp_path, place):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    call = ["detect", lab.single, broken, "-o", tmp_path / "o", "--jobs", 1]
    call = ["-v", *call] if place == "before" else [*call, "-v"]
    outcome = fp(*call)
    assert outcome.code == 3 and "not examined (not_an_image): " in outcome.err
    missing = ["bank", "list", tmp_path / "nothing.h5"]
    missing = ["-vv", *missing] if place == "before" else [*missing, "-vv"]
    assert "Traceback" in fp_process(*missing).err


def test_a_bank_is_not_opened_again_to_say_what_is_asked(lab, monkeypatch):
    examiner = examiner_of(lab.single, DetectOptions())
    opened = open_for_examination(examiner.bank)
    monkeypatch.setattr("fp.runs.examination.open_for_examination", None)
    certified = opened.family.certified(0.05)
    assert certified is not None
    assert question_of(examiner) == Question(1, "conformal", 0.05, certified, opened.kin)
    assert examiner.facts.weak == opened.weak


def test_a_name_from_a_bank_steers_no_terminal(lab, rows):
    row = {**one_of(rows, "supports_generator"), "fingerprint": "a\x1b[2Jb\nc"}
    from fp.cli.telling import printable

    assert "\x1b" not in printable(answer(row, Question(1, "conformal", 0.05, None)))


def test_python_runs_the_command_by_the_name_of_the_package(tmp_path):
    for arguments, code in ((["--version"], 0), (["verify", "nothing"], 4)):
        found = subprocess.run(
            [sys.executable, "-m", "fp", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.returncode == code, found.stderr
        assert (found.stdout + found.stderr).startswith("fp")


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_reader_that_has_seen_enough_is_no_error(lab, options):
    reads, writes = os.pipe()
    os.close(reads)
    try:
        found = subprocess.run(
            [sys.executable, "-m", "fp.cli.main", "detect", lab.single, lab.unknown, *options],
            stdout=writes,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writes)
    assert (found.returncode, found.stderr) == (1, "")
