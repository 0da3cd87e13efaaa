"""Cases: what they keep, what breaks them, what their report says and how."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import zipfile
from functools import partial
from pathlib import Path

import pytest
from commands import EPOCH, environment, fp, json_rows, start, state
from hostile import ODD, places, put, small_disk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from synthetic import ODD_NAMES, photograph, save

from fp.case import read_log
from fp.case.exhibits import _Describe
from fp.images.loading import Limits
from fp.manifest.entry import canonical, seal


def verify(*arguments):
    return fp("verify", *arguments, "--jobs", 1)


def flip(path: Path, place: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 1 << bit]))


# --- what it keeps ---


def test_a_case_keeps_exhibits_by_hash_and_names_that_break_nothing(made):
    case, before = made / "case", state(made / "seized")
    entries = read_log(case)
    exhibits = [entry for entry in entries if entry["kind"] == "exhibit"]
    assert len(exhibits) == len(ODD_NAMES) + 5
    for entry in exhibits:
        stored = case / entry["stored"]
        assert re.fullmatch(r"exhibits/E\d{4}\.(png|jpg|bin)", entry["stored"])
        assert "\n" not in entry["name"]
        assert stored.stat().st_size == entry["bytes"]
    (broken,) = (entry for entry in exhibits if entry["reason"])
    assert (broken["reason"], broken["name"]) == ("damaged", "broken.png")
    kinds = [entry["kind"] for entry in entries if entry["kind"] != "exhibit"]
    assert kinds == ["init", "refused", "note", "bank", "run", "report"]
    assert state(made / "seized") == before
    rows = json_rows(case / "runs" / "R01")
    assert [row["path"] for row in rows] == [entry["stored"] for entry in exhibits]


def test_files_of_equal_bytes_are_one_exhibit(case, made):
    before = len(read_log(case))
    outcome = fp("case", "add", case, made / "seized" / "made.png")
    assert outcome.code == 0
    assert re.search(r"made.png is exhibit E\d{4} already", outcome.err)
    assert len(read_log(case)) == before


class DeadlyDescribe(_Describe):
    """Stands for a decoder that ends its process at one file."""

    def __call__(self, item):
        if item.path.name == "deadly.png":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(item)


@pytest.mark.slow
def test_an_exhibit_that_ends_the_decoder_is_an_exhibit(case, tmp_path, monkeypatch):
    monkeypatch.setattr("fp.case.exhibits._Describe", DeadlyDescribe)
    for number, name in enumerate(("deadly.png", "sound.png")):
        save(photograph(2900 + number), tmp_path / name)
    outcome = fp("case", "add", case, tmp_path / "deadly.png", tmp_path / "sound.png")
    assert outcome.code == 0
    assert "deadly.png (worker_died)" in outcome.out
    deadly, sound = read_log(case)[-2:]
    assert (deadly["reason"], deadly["format"]) == ("worker_died", None)
    assert (case / deadly["stored"]).read_bytes() == (tmp_path / "deadly.png").read_bytes()
    assert (sound["reason"], sound["format"]) == (None, "PNG")
    assert verify(case).code == 0


def test_a_picture_that_was_allowed_to_be_large_may_be_so_later(lab, tmp_path, monkeypatch):
    monkeypatch.setattr("fp.case.verification.Limits", partial(Limits, pixels=32 * 32))
    case = tmp_path / "case"
    assert fp("case", "init", case, "--title", "t").code == 0
    assert fp("case", "add", case, next(lab.unknown.rglob("photo 1004.png"))).code == 0
    assert read_log(case)[-1]["size"]
    assert verify(case).code == 0


def test_a_link_to_the_same_bytes_is_not_the_file(case, tmp_path):
    for place in (case / "exhibits", case / "exhibits" / "E0001.png", case / "report.html"):
        aside = tmp_path / place.name
        place.rename(aside)
        place.symlink_to(aside)
        outcome = verify(case)
        place.unlink()
        aside.rename(place)
        assert outcome.code == 5
        assert f"{place.name}" in outcome.out
        assert verify(case).code == 0


def test_exhibits_may_stay_where_they_are(lab, tmp_path):
    case = tmp_path / "case"
    shutil.copytree(lab.unknown, tmp_path / "disk")
    assert fp("case", "init", case, "--title", "t").code == 0
    assert fp("case", "add", case, tmp_path / "disk", "--reference").code == 0
    assert list((case / "exhibits").iterdir()) == []
    with environment(FP_CACHE=lab.cache):
        assert fp("case", "run", case, lab.single, "--jobs", 1, "--exhibit", "E0002").code == 0
        (row,) = json_rows(case / "runs" / "R01")
        assert row["status"] == "examined"
        assert verify(case).code == 0
        (tmp_path / "disk").rename(tmp_path / "elsewhere")
        assert verify(case).out.count("missing: ") == 24
        assert verify(case, "--no-inputs").code == 0
        root = f"{tmp_path}/disk={tmp_path}/elsewhere"
        assert verify(case, "--root", root).code == 0
        assert fp("rerun", case, "--root", root, "--jobs", 1).code == 0


def test_a_case_that_was_moved_is_as_recorded_and_gives_the_same_again(case, made, tmp_path):
    before = state(case)
    outcome = verify(case)
    assert (outcome.code, outcome.err) == (0, "")
    assert read_log(case)[-1]["sha256"] in outcome.out
    again = fp("rerun", case, "-o", tmp_path / "again", "--jobs", 1)
    assert again.code == 0, again.out + again.err
    assert again.out.count("same bytes: ") == 4
    assert state(case) == before


def test_a_wrong_call_is_refused_and_changes_nothing(case, lab, tmp_path):
    before = state(case)
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "file").touch()
    for arguments, code in (
        (("note", tmp_path, "x"), 4),
        (("note", case, " "), 2),
        (("init", case, "--title", "x"), 4),
        (("init", tmp_path / "plain", "--title", "x"), 4),
        (("add", case, tmp_path / "nothing"), 4),
        (("add", case, tmp_path), 4),  # the case lies inside
        (("run", case, lab.single, "--exhibit", "E9999"), 2),
        (("run", case, lab.single, "--fpr", "0.0001"), 2),
        (("export", case, "-o", tmp_path / "x.tar"), 2),
        (("export", case, "-o", case / "x.zip"), 4),
    ):
        outcome = fp("case", *arguments)
        assert outcome.code == code, (arguments, outcome)
        assert outcome.sentence
    assert state(case) == before


# --- what breaks it ---


@pytest.mark.parametrize("what", ["case", "case.zip"])
def test_one_flipped_bit_anywhere_is_found(made, tmp_path, what):
    copy = tmp_path / what
    (shutil.copytree if what == "case" else shutil.copy)(made / what, copy)
    files = sorted(p for p in copy.rglob("*") if p.is_file()) if what == "case" else [copy]
    assert verify(copy, "--no-pixels").code == 0

    @settings(
        max_examples=60 if what == "case" else 25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(files), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
    def anywhere(path, share, bit):
        place = int(share * path.stat().st_size)
        flip(path, place, bit)
        try:
            outcome = verify(copy, "--no-pixels")
        finally:
            flip(path, place, bit)
        assert outcome.code in (4, 5), f"{path.name} at {place}, bit {bit}: {outcome}"
        if outcome.code == 5 and what == "case":
            assert path.name in outcome.out or path.parent.name in outcome.out

    anywhere()
    assert verify(copy, "--no-pixels").code == 0


def test_every_bit_of_a_log_and_of_the_end_of_an_archive_counts(made, tmp_path):
    case, archive = tmp_path / "case", tmp_path / "case.zip"
    shutil.copytree(made / "case", case)
    shutil.copy(made / "case.zip", archive)
    rng = random.Random(2)
    log, size = case / "log.jsonl", archive.stat().st_size
    for _ in range(60):
        place, bit = rng.randrange(log.stat().st_size), rng.randrange(8)
        flip(log, place, bit)
        assert verify(case, "--no-pixels").code in (4, 5), (place, bit)
        flip(log, place, bit)
    for _ in range(15):
        place, bit = size - 1 - rng.randrange(400), rng.randrange(8)
        flip(archive, place, bit)
        assert verify(archive, "--no-pixels").code == 5, (place, bit)
        flip(archive, place, bit)


def test_the_chain_breaks_where_any_entry_is_removed(case):
    log = case / "log.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    for number in range(len(lines)):
        log.write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
        outcome = verify(case, "--no-pixels")
        assert outcome.code in (4, 5), f"line {number + 1} of {len(lines)}"
    # The last entry together with the closing line, and a closing line made for what is left.
    (note,) = (n for n, line in enumerate(lines) if b'"kind":"note"' in line)
    last = json.loads(lines[note - 1])
    closing = canonical({"entries": note, "last": last["sha256"]}) + b"\n"
    log.write_bytes(b"".join(lines[:note]) + closing)
    outcome = verify(case, "--no-pixels")
    assert outcome.code == 5 and "added: " in outcome.out, "its files are there still"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("missing", "exhibits/E0001.png"),
        ("missing", "report.html"),
        ("missing", "banks/B01/0001.h5"),
        ("missing", "runs/R01/detections.csv"),
        ("added", "more.txt"),
        ("added", "exhibits/E0099.png"),
        ("added", "runs/R01/more.csv"),
        ("added", "runs/R02/manifest.json"),
        ("added", ".hidden"),
    ],
)
def test_what_is_missing_or_added_is_named(case, tmp_path, kind, name):
    path = case / name
    if kind == "missing":
        path.unlink()
    else:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    outcome = verify(case, "--no-pixels")
    assert outcome.code == 5
    assert f"{kind}: {case}/{name} " in outcome.out
    refused = fp("case", "export", case, "-o", tmp_path / "x.zip")
    assert refused.code == 5 and not (tmp_path / "x.zip").exists()


def test_a_log_of_a_forger_never_ends_in_an_internal_error(case, tmp_path):
    """Also where he knows how to seal."""
    log = case / "log.jsonl"
    lines = log.read_bytes().splitlines()
    entries = [json.loads(line) for line in lines[:-1]]
    choices = [(n, place) for n, entry in enumerate(entries) for place in places(entry)]

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(choices), ODD)
    def forged(choice, odd):
        number, place = choice
        changed = json.loads(json.dumps(entries))
        put(changed[number], place, odd)
        previous, sealed = None, []
        for entry in changed:
            told = {k: v for k, v in entry.items() if k not in ("sha256", "previous")}
            sealed.append(seal(told, previous))
            previous = sealed[-1]["sha256"]
        closing = {"entries": len(sealed), "last": previous}
        log.write_bytes(b"".join(canonical(entry) + b"\n" for entry in (*sealed, closing)))
        assert verify(case, "--no-pixels").code in (0, 4, 5), (number, place, odd)
        output = tmp_path / "x.zip"
        assert fp("case", "export", case, "-o", output, "--overwrite").code in (0, 4, 5), (
            number,
            place,
            odd,
        )
        assert not (tmp_path / "out.txt").exists()
        assert fp("case", "status", case).code in (0, 4, 5), (number, place, odd)
        output = tmp_path / "x.jsonld"
        assert fp("case", "export", case, "-o", output, "--overwrite").code in (0, 4, 5)

    forged()


# --- the archive ---


def test_an_archive_verifies_itself_and_unpacks_to_the_case(made, tmp_path):
    outcome = verify(made / "case.zip")
    assert (outcome.code, outcome.err) == (0, "")
    with zipfile.ZipFile(made / "case.zip") as archive:
        archive.extractall(tmp_path)
    sums = (tmp_path / "case" / "SHA256SUMS").read_text().splitlines()
    assert {line.split("  ")[1] for line in sums} == {
        path.relative_to(made / "case").as_posix()
        for path in (made / "case").rglob("*")
        if path.is_file()
    }
    (tmp_path / "case" / "SHA256SUMS").unlink()
    assert verify(tmp_path / "case").code == 0


@pytest.mark.parametrize(
    "damage", ["a name that is no UTF-8", "a file that goes on behind the end"]
)
def test_an_archive_that_python_trips_over_is_one_sentence(made, tmp_path, damage):
    archive = tmp_path / "case.zip"
    content = bytearray((made / "case.zip").read_bytes())
    first = content.index(b"PK\x01\x02")
    last = content.rindex(b"PK\x01\x02")
    if damage.startswith("a name"):
        content[first + 8 : first + 10] = (0x800).to_bytes(2, "little")
        content[first + 46] = 0xFF
    else:
        # The last file lies before the directory; it now ends one byte behind the archive.
        size = int.from_bytes(content[last + 20 : last + 24], "little") + len(content) - first + 1
        content[last + 20 : last + 28] = size.to_bytes(4, "little") * 2
    archive.write_bytes(content)
    outcome = verify(archive)
    assert outcome.code == 5
    assert "cannot be read as an archive" in outcome.out + outcome.err


@pytest.mark.parametrize(
    "name",
    ["../out.txt", "/etc/out.txt", "case/../../out.txt", "other/a", "case/.hidden", "case/a\nb"],
)
def test_an_archive_of_strangers_leads_nowhere(tmp_path, name):
    archive = tmp_path / "in" / "x.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, "x")
    outcome = verify(archive)
    assert outcome.code == 5 and outcome.sentence
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_archive_that_unpacks_to_more_than_it_holds_is_refused(tmp_path):
    archive = tmp_path / "x.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("case/log.jsonl", b"\0" * 2**24)
    outcome = verify(archive)
    assert outcome.code == 5
    assert "holds what no archive of a case does" in outcome.out


# --- full disks and kills ---


def test_a_full_disk_leaves_the_case_as_it_was(lab, tmp_path):
    case = tmp_path / "case"
    assert fp("case", "init", case, "--title", "t").code == 0
    assert fp("case", "note", case, "before").code == 0
    entries = read_log(case)
    with small_disk(3000):
        for command in (("add", case, lab.unknown), ("note", case, "x" * 4000)):
            outcome = fp("case", *command)
            assert outcome.code == 4 and "cannot be written" in outcome.sentence
            assert not list((case / "exhibits").iterdir())
            assert verify(case).code == 0
    assert read_log(case) == entries
    # What a killed command leaves: the numbers of no exhibit, whatever their kind.
    for name in ("E0001.webp", "E0099.bin"):
        (case / "exhibits" / name).write_bytes(b"x")
    assert fp("case", "add", case, lab.unknown).code == 0
    assert verify(case).code == 0


@pytest.mark.slow
def test_killed_at_any_moment_a_case_is_whole_and_goes_on(lab, tmp_path):
    case = tmp_path / "case"
    rng = random.Random(4)
    assert fp("case", "init", case, "--title", "t").code == 0
    for command in (("add", case, lab.unknown), ("run", case, lab.single, "--jobs", 1)):
        for _ in range(3):
            process = start("case", *command, FP_CACHE=lab.cache)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(rng.uniform(0.2, 1.5))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            read_log(case)
        with environment(FP_CACHE=lab.cache, SOURCE_DATE_EPOCH=EPOCH):
            assert fp("case", *command).code == 0
    assert verify(case).code == 0
    runs = [entry for entry in read_log(case) if entry["kind"] == "run"]
    assert len(json_rows(case / runs[-1]["folder"])) == 24
