"""``fp detect`` as a user meets it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import random
import re
import shutil
import signal
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import h5py
import held_images  # noqa: F401 - its kinds join the others
import numpy as np
import pytest
from bad_images import KINDS
from commands import (
    EPOCH,
    TABLES,
    csv_rows,
    environment,
    fp,
    fp_process,
    imported,
    json_rows,
    start,
    state,
    tables,
    wait_for,
)
from scipy.stats import beta
from synthetic import photograph, save

from fp.fingerprint.store.bank import read_bank, write_bank
from fp.images.loading import REASONS, display_path, find_images, load_with_claims

JOURNAL = "detections.journal"

COLUMNS = re.findall(
    r"\w+",
    """
    path status decision fingerprint score rho mu_r mu_g p_real p_generated p_bank p_typical
    p_reference
    log10_lr log10_lr_low log10_lr_high at_bound specific log10_lr_specific q_real nearest_mean
    condition p_condition p_content log10_lr_rest p_rest posterior candidates reasons
    message sha256 pixels_sha256 format width height mode converted orientation
    claimed examined windows windows_effective crop_score crop_log10_lr crop_decision map
    map_generated map_reference
    """,
)


@pytest.fixture(autouse=True)
def quiet(lab):
    with environment(FP_CACHE=lab.cache, SOURCE_DATE_EPOCH=EPOCH):
        yield


def truth(row) -> str:
    """Say what a file of ``unknown`` is: ``photo``, ``made0`` or ``made1``."""
    return Path(row["path"]).name.partition(" ")[0]


# --- the whole way ---


def test_one_fingerprint_and_a_folder_give_a_row_a_file(lab, tmp_path):
    before = state(lab.unknown)
    outcome = fp_process("detect", lab.single, lab.unknown, "-o", tmp_path / "case")
    assert (outcome.code, outcome.err) == (0, "")
    case = f"{tmp_path}/case"
    told = f"24 files, 1 fingerprint, results in {case}, report in {case}/report.html\n"
    assert outcome.out.startswith(told)
    assert sorted(path.name for path in (tmp_path / "case").iterdir()) == sorted(
        [*TABLES, "inputs.jsonl", "manifest.json", "report.html"]
    )
    rows = json_rows(tmp_path / "case")
    assert list(rows[0]) == COLUMNS
    assert [row["path"] for row in rows] == [display_path(p) for p in find_images([lab.unknown])]
    assert {(row["width"], row["height"], row["status"]) for row in rows} == {(64, 64, "examined")}
    assert {row["format"] for row in rows} == {"PNG", "BMP", "TIFF", "WEBP"}
    decided = Counter((truth(row), row["decision"]) for row in rows)
    assert decided["made0", "supports_generator"] >= 7
    assert decided["photo", "supports_reference"] >= 6
    assert decided["photo", "supports_generator"] == decided["made0", "supports_reference"] == 0
    assert all((row["nearest_mean"] == "generated") == (truth(row) == "made0") for row in rows)
    (member,) = read_bank(lab.single)
    for row in rows:
        assert (row["mu_r"], row["mu_g"]) == (member.mu_r, member.mu_g)
        # The p-values by their definition, from the scores that the file holds.
        for name, scores, sign in (("real", member.calibration.real, 1), ("generated", None, -1)):
            held = member.calibration.generated if scores is None else scores
            beyond = sum(sign * score >= sign * row["score"] for score in held)
            assert row[f"p_{name}"] == (1 + beyond) / (1 + len(held))
        assert row["rho"] is None, "a joined score is no correlation"
        assert row["log10_lr_low"] <= row["log10_lr_high"]
        assert abs(row["log10_lr"]) <= math.log10(25), "24 images carry no larger ratio"
        assert row["p_typical"] >= 1 / 25
        assert (row["specific"] > 0) == (truth(row) == "made0")
        assert row["q_real"] is None
    assert state(lab.unknown) == before


def test_a_bank_gives_each_image_to_one_of_its_generators(lab, tmp_path):
    outcome = fp("detect", lab.pair, lab.unknown, "-o", tmp_path / "o", "--fpr", "0.1")
    assert (outcome.code, outcome.err) == (0, "")
    rows = json_rows(tmp_path / "o")
    given = Counter(
        (truth(row), row["fingerprint"] if row["decision"] == "supports_generator" else "-")
        for row in rows
    )
    assert given["made0", "gen 0"] >= 7
    assert given["made1", "gen 1"] >= 7
    assert given["photo", "-"] >= 7
    attributions = csv_rows(tmp_path / "o" / "attributions.csv")
    assert [(a["path"], a["rank"]) for a in attributions] == [
        (row["path"], rank) for row in rows for rank in ("1", "2")
    ]
    best = {a["path"]: a for a in attributions if a["rank"] == "1"}
    for row in rows:
        first = best[row["path"]]
        assert (first["fingerprint"], float(first["score"])) == (row["fingerprint"], row["score"])
        assert float(first["p_real"]) == row["p_real"]


@pytest.mark.slow
def test_a_folder_of_fingerprints_is_the_bank_of_them_all(lab, tmp_path):
    folder = tmp_path / "bank"
    folder.mkdir()
    for number, member in enumerate(read_bank(lab.pair)):
        write_bank(folder / f"{number}.h5", [member])
    (folder / "notes.txt").write_text("not a fingerprint")
    for name, bank in (("file", lab.pair), ("folder", folder)):
        assert fp("detect", bank, lab.unknown, "-o", tmp_path / name, "--fpr", "0.1").code == 0
    assert tables(tmp_path / "file") == tables(tmp_path / "folder")
    manifest = json.loads((tmp_path / "folder" / "manifest.json").read_text())
    assert [entry["name"] for entry in manifest["bank"]] == ["0.h5", "1.h5"]


def test_the_paper_rule_is_never_inconclusive(lab, tmp_path):
    outcome = fp(
        *("detect", lab.single, lab.unknown, "-o", tmp_path / "o", "--rule", "nearest-mean"),
        *("--fpr", "0.001"),  # which it has no use for
    )
    assert outcome.code == 0
    words = {"generated": "supports_generator", "real": "supports_reference"}
    for row in json_rows(tmp_path / "o"):
        assert row["decision"] == words[row["nearest_mean"]]


@pytest.mark.slow
def test_a_wavelet_fingerprint_never_loads_torch(lab, tmp_path):
    arguments = ("detect", lab.single, lab.unknown / "photo 1000.png", "-o")
    found = imported(*arguments, tmp_path / "o")
    assert "h5py" in found and "torch" not in found
    found = imported(*arguments, tmp_path / "p", "--report", "none")
    assert "h5py" in found
    assert not found & {"torch", "matplotlib", "jinja2"}


# --- what decisions must not depend on ---


@pytest.mark.slow
def test_the_same_bytes_whatever_the_jobs_the_batch_and_the_order(lab, tmp_path, monkeypatch):
    monkeypatch.chdir(lab.folder)  # so that a copy has the same relative paths
    arguments = ("detect", lab.small, "unknown", "--fpr", "0.1")
    assert fp(*arguments, "-o", tmp_path / "one", "--jobs", "1").code == 0
    reference = tables(tmp_path / "one")

    assert fp(*arguments, "-o", tmp_path / "one", "--jobs", "1", "--overwrite").code == 0
    assert tables(tmp_path / "one") == reference, "the same command twice"

    lines = reference["detections.jsonl"].splitlines(keepends=True)
    paths = find_images([Path("unknown")])
    for path, line in list(zip(paths, lines, strict=True))[::5]:
        assert fp("detect", lab.small, path, "-o", tmp_path / "o", "--overwrite").code == 0
        assert tables(tmp_path / "o")["detections.jsonl"] == line, "alone and together"

    shuffled = random.Random(5).sample(paths, len(paths))
    for path in shuffled:
        copy = tmp_path / "copy" / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.setattr("fp.system.workers.FEWEST_FOR_WORKERS", 2)
    assert fp(*arguments, "-o", tmp_path / "two", "--jobs", "2").code == 0
    assert tables(tmp_path / "two") == reference, "two jobs, made in another order"
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path / "copy")
    assert fp("detect", lab.small, *shuffled, "-o", tmp_path / "named", "--fpr", "0.1").code == 0
    assert tables(tmp_path / "named") == reference, "named one by one"


# --- files that cannot be examined ---


def test_every_kind_of_bad_file_is_a_row_and_changes_no_other(lab, tmp_path):
    folder = tmp_path / "in"
    shutil.copytree(lab.unknown / "sub folder", folder / "good")
    made = {}
    for number, kind in enumerate(KINDS.values()):
        if not kind.as_nobody:
            place = folder / f"{number}"
            place.mkdir()
            path = kind.make(place, tmp_path / f"outside {number}")
            if kind.listed:
                made[display_path(path)] = kind
    before = state(folder)
    outcome = fp("-v", "detect", lab.small, folder, "-o", tmp_path / "all")
    assert outcome.code == 3
    assert state(folder) == before
    rows = {row["path"]: row for row in json_rows(tmp_path / "all")}
    assert list(rows) == [display_path(path) for path in find_images([folder])]

    refused = {}
    for path, kind in made.items():
        row = rows[path]
        if kind.reason is None and not kind.too_small:
            assert row["status"] == "examined", row
            assert (row["format"], tuple(row["converted"])) == (kind.format, kind.converted)
            assert row["orientation"] == kind.orientation
            assert row["message"] == ""
            if kind.rgb is not None:
                assert (row["height"], row["width"]) == kind.rgb.shape[:2]
            continue
        refused[path] = row
        assert row["status"] == row["decision"] == "not_examined"
        assert row["reasons"] == [kind.reason or "too_small"], path
        assert row["message"].startswith(path)
        assert row["message"].endswith(".")
        assert row["message"].isprintable()
        assert row["score"] is None
        assert row["p_real"] is None
    assert len(refused) > 60
    assert {reason for row in refused.values() for reason in row["reasons"]} <= set(REASONS)

    counted = Counter(reason for row in rows.values() for reason in row["reasons"])
    summary = {f"  not examined: {r} ({counted[r]})" for r in REASONS if counted[r]}
    named = {
        f"not examined ({row['reasons'][0]}): {row['message']}"
        for row in rows.values()
        if row["status"] == "not_examined"
    }
    assert set(outcome.err.splitlines()) == summary | named

    fp("detect", lab.small, folder / "good", "-o", tmp_path / "good")
    for name, content in tables(tmp_path / "good").items():
        lines = set(content.splitlines())
        assert lines <= set((tmp_path / "all" / name).read_bytes().splitlines())


def in_this_process(task, items, *_, **__):
    """Stand for workers where a test reaches into the examination."""
    return map(task, items)


def test_a_file_that_vanishes_meanwhile_is_a_row(lab, tmp_path, monkeypatch):
    folder = tmp_path / "in"
    shutil.copytree(lab.unknown / "sub folder", folder)
    paths = find_images([folder])

    def load(path, *arguments):
        paths[1].unlink(missing_ok=True)
        return load_with_claims(path, *arguments)

    monkeypatch.setattr("fp.runs.examination.run_in_order", in_this_process)
    monkeypatch.setattr("fp.runs.examination.load_with_claims", load)
    outcome = fp("detect", lab.small, folder, "-o", tmp_path / "o")
    assert outcome.code == 3
    assert outcome.err == "  not examined: not_found (1)\n"
    rows = json_rows(tmp_path / "o")
    assert [row["reasons"] for row in rows if row["status"] == "not_examined"] == [["not_found"]]
    assert rows[1]["message"] == f"{paths[1]} is not there (any more)."


def test_an_image_smaller_than_one_fingerprint_is_scored_by_the_other(lab, tmp_path):
    members = [*read_bank(lab.single), read_bank(lab.small)[0].renamed("small")]
    write_bank(tmp_path / "bank.h5", members)
    save(photograph(5, side=40), tmp_path / "image.png")
    fp("detect", tmp_path / "bank.h5", tmp_path / "image.png", "-o", tmp_path / "o", "--fpr", "0.1")
    (row,) = json_rows(tmp_path / "o")
    assert row["status"] == "examined"
    assert row["fingerprint"] == "small"
    # One of two has not spoken, so the bank as a whole does not support the reference.
    assert row["decision"] == "inconclusive"
    assert "too_small" in row["reasons"]
    scores = {a["fingerprint"]: a["score"] for a in csv_rows(tmp_path / "o" / "attributions.csv")}
    assert scores == {"small": repr(row["score"]), "gen 0": ""}


# --- what cannot work ---


@pytest.fixture
def odd(lab, tmp_path):
    """Banks, inputs and outputs that nothing can come of."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.h5").write_text("hello")
    (tmp_path / "nothing.h5").write_bytes(b"")
    (tmp_path / "truncated.h5").write_bytes(lab.single.read_bytes()[:-3000])
    (tmp_path / "head.h5").write_bytes(lab.single.read_bytes()[:500])
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["measurements"] = [1, 2, 3]
    for name, key, value in (
        ("future", "encoding-version", "2.0"),
        ("other", "encoding-type", "x"),
    ):
        shutil.copyfile(lab.single, tmp_path / f"{name}.h5")
        with h5py.File(tmp_path / f"{name}.h5", "r+") as file:
            file.attrs[key] = value
    shutil.copyfile(lab.single, tmp_path / "changed.h5")
    with h5py.File(tmp_path / "changed.h5", "r+") as file:
        pattern = file["000000/pattern"]
        pattern[0, 0, 0] = pattern[0, 0, 0] + 1
    twice = tmp_path / "twice"
    twice.mkdir()
    for name in ("a.h5", "b.h5"):
        shutil.copyfile(lab.single, twice / name)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(lab.unknown)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "manifest.json").write_text("{}")
    return tmp_path


REFUSED = {
    "bank missing": ({"bank": "{odd}/no.h5"}, 4, "{odd}/no.h5 cannot be read: No such"),
    "bank of text": ({"bank": "{odd}/text.h5"}, 4, "{odd}/text.h5 is not an HDF5 file"),
    "bank of nothing": ({"bank": "{odd}/nothing.h5"}, 4, "{odd}/nothing.h5 is "),
    "bank truncated": ({"bank": "{odd}/truncated.h5"}, 5, "{odd}/truncated.h5"),
    "bank of 500 bytes": ({"bank": "{odd}/head.h5"}, 5, "{odd}/head.h5"),
    "bank of somebody else": ({"bank": "{odd}/foreign.h5"}, 4, "{odd}/foreign.h5"),
    "bank of another type": ({"bank": "{odd}/other.h5"}, 4, "{odd}/other.h5"),
    "bank of the future": ({"bank": "{odd}/future.h5"}, 4, "{odd}/future.h5"),
    "bank changed": ({"bank": "{odd}/changed.h5"}, 5, "{odd}/changed.h5"),
    "bank with a name twice": ({"bank": "{odd}/twice"}, 4, "both hold a fingerprint named 'gen 0'"),
    "bank without a file": ({"bank": "{odd}/empty"}, 4, "{odd}/empty holds no file *.h5"),
    "bank of a long name": ({"bank": "/" + "n" * 300}, 4, "nnn"),
    "input missing": ({"input": "{odd}/no"}, 4, "{odd}/no does not exist"),
    "input empty": ({"input": "{odd}/empty"}, 4, "{odd}/empty: there is no file"),
    "input of a long name": ({"input": "/" + "n" * 300}, 4, "does not exist or cannot be reached"),
    "rate out of reach": (
        {"--fpr": "0.01"},
        2,
        "A false-positive rate of 0.01 needs at least 99 reference images: "
        "with 24 the smallest conformal p-value is 1 / (24 + 1) = 0.04; raise --fpr or extract "
        "with more reference images.",
    ),
    "rate shared": (
        {"bank": "{lab}/pair.h5", "--fpr": "0.03"},
        2,
        "A false-positive rate of 0.03 needs at least 33 reference images",
    ),
    "rate zero": ({"--fpr": "0"}, 2, "A false-positive rate of 0.0 is not possible"),
    "rate of nothing": ({"--fpr": "nan"}, 2, "A false-positive rate of nan is not possible"),
    "rate of all": ({"--fpr": "1", "--rule": "nearest-mean"}, 2, "rate of 1.0 is not possible"),
    "jobs": ({"--jobs": "0"}, 2, "0 is not in the range"),
    "output a file": ({"-o": "{odd}/file"}, 4, "{odd}/file cannot be written: it exists already"),
    "output below a file": ({"-o": "{odd}/file/o"}, 4, "its folder is not a folder; choose"),
    "output a loop": ({"-o": "{odd}/loop"}, 4, "{odd}/loop cannot be "),
    "output too long": ({"-o": "{odd}/" + "n" * 300}, 4, "the name is too long; choose a shorter"),
    "output in the input": ({"-o": "{lab}/unknown/o"}, 4, "lies inside the input {lab}/unknown"),
    "output is the input": ({"-o": "{lab}/unknown"}, 4, "lies inside the input {lab}/unknown"),
    "output behind a link": ({"-o": "{odd}/link/o"}, 4, "lies inside the input {lab}/unknown"),
    "input behind a link": (
        {"input": "{odd}/link", "-o": "{lab}/unknown/o"},
        4,
        "lies inside the input {odd}/link",
    ),
    "output there": ({"-o": "{odd}/done"}, 4, "{odd}/done/manifest.json exists already; choose"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_work_is_one_sentence_and_writes_nothing(lab, odd, case):
    changes, code, words = case
    given = {
        "bank": lab.single,
        "input": lab.unknown,
        "-o": odd / "o",
        "--jobs": "1",
        "x": lab.pair,
    }
    given |= {key: text.format(odd=odd, lab=lab.folder) for key, text in changes.items()}
    options = [x for name in given if name[0] == "-" for x in (name, given[name])]
    before = state(odd), state(lab.unknown)
    outcome = fp("detect", given["bank"], given["input"], *options)
    assert outcome.code == code, outcome.err
    assert words.format(odd=odd, lab=lab.folder) in outcome.sentence
    assert (state(odd), state(lab.unknown)) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused_before_the_work(lab, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    for output in (tmp_path / "closed", tmp_path / "closed" / "o"):
        outcome = fp("detect", lab.single, lab.unknown, "-o", output)
        assert outcome.code == 4
        assert "writing there is not allowed" in outcome.sentence


def test_a_fingerprint_of_another_denoiser_or_method_is_refused(lab, tmp_path):
    (member,), (plain,) = read_bank(lab.single), read_bank(lab.small)
    other = replace(member.denoiser, version=99)
    for name, changed, code, words in (
        ("identity", replace(member, denoiser=other), 4, "version, parameters, precision or"),
        ("method", replace(member, method="oracle"), 2, "Unknown method 'oracle'; there are "),
        (
            "shape",
            replace(plain, pattern=plain.pattern[:, :16]),
            4,
            "cannot be correlated with pat",
        ),
        ("parts", replace(plain, method="auto"), 2, "does not have the parts of that method"),
    ):
        write_bank(tmp_path / f"{name}.h5", [changed])
        outcome = fp("detect", tmp_path / f"{name}.h5", lab.unknown, "-o", tmp_path / "o")
        assert outcome.code == code
        assert words in outcome.sentence
    assert not (tmp_path / "o").exists()


# --- interruption ---


@pytest.fixture
def interrupted(lab, tmp_path):
    """A folder with the journal of three rows."""
    loaded = []

    def load(path, *arguments):
        loaded.append(path)
        if len(loaded) == 4:
            raise KeyboardInterrupt
        return load_with_claims(path, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fp.runs.examination.run_in_order", in_this_process)
        patch.setattr("fp.runs.examination.load_with_claims", load)
        outcome = fp("detect", lab.small, lab.unknown, "-o", tmp_path / "o")
    assert outcome.code == 1
    assert outcome.sentence == (
        f"Interrupted; the rows of finished images are kept in {tmp_path}/o: go on with --resume."
    )
    assert [path.name for path in (tmp_path / "o").iterdir()] == [JOURNAL]
    return tmp_path / "o"


def test_an_interrupted_run_waits_for_a_decision(lab, interrupted):
    before = state(interrupted)
    outcome = fp("detect", lab.small, lab.unknown, "-o", interrupted)
    assert outcome.code == 4
    assert "go on with --resume, or replace it with --overwrite" in outcome.sentence
    for bank, *options in (
        (lab.small, "--fpr", "0.2"),
        (lab.small, "--rule", "nearest-mean"),
        (lab.single,),
    ):
        outcome = fp("detect", bank, lab.unknown, "-o", interrupted, "--resume", *options)
        assert outcome.code == 4
        assert f"{interrupted}/{JOURNAL} was begun with another bank" in outcome.sentence
    assert state(interrupted)[str(interrupted / JOURNAL)] == before[str(interrupted / JOURNAL)]
    assert fp("detect", lab.small, lab.unknown, "-o", interrupted, "--overwrite").code == 0


def test_a_damaged_journal_is_an_integrity_failure(lab, interrupted):
    content = (interrupted / JOURNAL).read_bytes()
    (interrupted / JOURNAL).write_bytes(content.replace(b'"score": ', b'"score": 1', 1))
    outcome = fp("detect", lab.small, lab.unknown, "-o", interrupted, "--resume")
    assert outcome.code == 5
    assert f"{interrupted}/{JOURNAL} holds a line that is not as fp wrote it" in outcome.sentence


def test_ctrl_c_ends_workers_and_says_what_is_kept(lab, tmp_path):
    folder = many(lab, tmp_path, 2000)
    with start("detect", lab.small, folder, "-o", tmp_path / "o", "--jobs", "2") as process:
        wait_for(lambda: rows_in(tmp_path / "o") > 20, process)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert err == (
        f"fp: Interrupted; the rows of finished images are kept in {tmp_path}/o: go on with "
        "--resume.\n"
    )


def many(lab, tmp_path: Path, count: int) -> Path:
    """Return a folder of many pictures that take no room."""
    folder = tmp_path / "many"
    folder.mkdir()
    paths = find_images([lab.unknown])
    for number in range(count):
        path = paths[number % len(paths)]
        os.link(path, folder / f"{number:04d}{path.suffix}")
    return folder


def rows_in(folder: Path) -> int:
    """Count the finished rows of a run; -1 where it has not begun."""
    try:
        return (folder / JOURNAL).read_bytes().count(b"\n") - 1
    except FileNotFoundError:
        return -1


def workers_of(parent: int) -> list[int]:
    found = []
    with contextlib.suppress(OSError):  # a process that ended while it was looked at
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            called = Path(f"/proc/{child}/cmdline").read_bytes()
            if b"spawn_main" in called or called == Path(f"/proc/{parent}/cmdline").read_bytes():
                found.append(int(child))
    return found


def test_two_runs_never_share_an_output(lab, tmp_path):
    folder = many(lab, tmp_path, 2000)
    with start("detect", lab.small, folder, "-o", tmp_path / "o", "--jobs", "1") as process:
        wait_for(lambda: rows_in(tmp_path / "o") > 0, process)
        for option in ((), ("--resume",), ("--overwrite",)):
            outcome = fp("detect", lab.small, folder, "-o", tmp_path / "o", *option)
            assert outcome.code == 4
            assert f"{tmp_path}/o is being written by another run; choose" in outcome.sentence
        assert process.poll() is None
        process.kill()
    assert rows_in(tmp_path / "o") > 0


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_and_ends_the_same(lab, tmp_path):
    count = 400
    folder = many(lab, tmp_path, count)
    assert fp("detect", lab.small, folder, "-o", tmp_path / "whole", "--jobs", "1").code == 0
    expected = tables(tmp_path / "whole")
    chance = random.Random(2)

    output = tmp_path / "early"
    arguments = ("detect", lab.small, folder, "-o", output, "--resume", "--jobs")
    kept: list[bytes] = []
    for jobs, rows in ((1, 0), (2, 10), (1, 30), (1, 50)):
        with start(*arguments, jobs) as process:
            wait_for(lambda n=rows: rows_in(output) >= n, process)
            time.sleep(chance.uniform(0, 0.02))
            process.kill()
        assert [path.name for path in output.iterdir()] == [JOURNAL]
        lines = (output / JOURNAL).read_bytes().splitlines(keepends=True)
        whole = [line for line in lines if line.endswith(b"\n")]
        assert whole[: len(kept)] == kept, "a finished row was lost or examined again"
        kept = whole
        with (output / JOURNAL).open("ab") as file:  # the power may fail within a line
            file.write(b'0123abcd {"detection": {"path": "x')
    with start(*arguments, 2) as process:
        # As soon as there is one: on a fast machine the rest may be done within a moment.
        victims: list[int] = []
        wait_for(lambda: bool(victims.extend(workers_of(process.pid)) or victims), process)
        os.kill(victims[0], signal.SIGKILL)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert tables(output) == expected

    output = tmp_path / "late"  # while the tables are written
    arguments = ("detect", lab.small, folder, "-o", output, "--resume", "--jobs")
    for _ in range(2):
        with start(*arguments, 1) as process:
            wait_for(lambda: rows_in(output) == count, process)
            time.sleep(chance.uniform(0, 0.03))
            process.kill()
        for name in TABLES:
            assert not (output / name).exists() or (output / name).read_bytes() == expected[name]
    outcome = fp(*arguments, "1")
    assert (outcome.code, outcome.err) == (0, "")
    assert tables(output) == expected
    assert sorted(path.name for path in output.iterdir()) == sorted(
        [*TABLES, "inputs.jsonl", "manifest.json", "report.html"]
    )


@pytest.mark.slow
def test_false_discovery_rate_over_the_folder(lab, tmp_path):
    plain, corrected = tmp_path / "plain", tmp_path / "corrected"
    assert fp("detect", lab.single, lab.unknown, "-o", plain).code == 0
    assert fp("detect", lab.single, lab.unknown, "-o", corrected, "--fdr", "0.05").code == 0
    p = np.array([row["p_real"] for row in json_rows(plain)])
    q = np.array([row["q_real"] for row in json_rows(corrected)])
    # Benjamini and Hochberg by their definition.
    order = np.argsort(p)
    scaled = p[order] * p.size / np.arange(1, p.size + 1)
    expected = np.empty(p.size)
    expected[order] = np.minimum(1, np.minimum.accumulate(scaled[::-1])[::-1])
    np.testing.assert_allclose(q, expected)
    for before, after in zip(json_rows(plain), json_rows(corrected), strict=True):
        survives = after["q_real"] <= 0.05
        if before["decision"] == "supports_generator" and not survives:
            assert after["decision"] == "inconclusive"
            assert after["reasons"][-1] == "beyond_false_discovery_rate"
        else:
            assert after["decision"] == before["decision"]
    outcome = fp("detect", lab.single, lab.unknown, "-o", tmp_path / "o", "--fdr", "1.5")
    assert outcome.code == 2 and "false-discovery rate of 1.5" in outcome.sentence


@pytest.mark.slow
def test_a_weak_fingerprint_says_so_in_every_answer(lab, tmp_path):
    """Two halves of the same photographs: there is no generator to find."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for index, folder in enumerate(folders):
        folder.mkdir()
        for k in range(16):
            save(photograph(5000 + 16 * index + k), folder / f"{k + 16 * index}.png")
    bank = tmp_path / "weak.h5"
    outcome = fp("extract", "--generated", folders[0], "--real", folders[1], "-o", bank)
    assert outcome.code == 3 and "WEAK" in outcome.out
    outcome = fp("detect", bank, lab.unknown, "-o", tmp_path / "o", "--fpr", "0.1")
    assert "weak fingerprint: a separates no better" in outcome.out
    assert all("weak_fingerprint" in row["reasons"] for row in json_rows(tmp_path / "o"))


@pytest.mark.slow
def test_claims_on_other_generators_are_counted_and_stored(lab, tmp_path):
    bank = tmp_path / "g.h5"
    outcome = fp(
        *("extract", "--generated", lab.made(0), "--real", lab.real, "-o", bank),
        *("--background", lab.made(1), "--no-audit"),
    )
    assert outcome.code == 0, outcome.err
    (member,) = read_bank(bank)
    (foreign,) = member.parameters["specificity"]["foreign"]
    assert (foreign["name"], foreign["images"]) == ("made1", 24)
    assert fp("detect", bank, lab.made(1), "-o", tmp_path / "o").code == 0
    claimed = [r["decision"] for r in json_rows(tmp_path / "o")].count("supports_generator")
    assert foreign["claimed"] == claimed
    assert foreign["upper"] == pytest.approx(beta.ppf(0.95, claimed + 1, 24 - claimed), abs=1e-9)
    assert f"claims {claimed} of 24 of made1" in outcome.out
