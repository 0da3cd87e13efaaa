"""Runs over what people have in hand: archives, PDFs and all formats, in one folder."""

from __future__ import annotations

import json
import shutil

import pytest
from bad_images import picture, saved
from commands import fp, json_rows, state, tables
from held_images import PDF, pdf, pdf_picture, zipped

from fp.case import open_case
from fp.fingerprint.detection.detection import DetectOptions
from fp.images.loading import display_path, find_images
from fp.runs.examination import examiner_of, list_items
from fp.runs.options import RunOptions
from fp.runs.results import REPORT, detect_into
from fp.system.hashing import hash_file


@pytest.fixture
def held(lab, tmp_path):
    """Return a folder with an archive of the laboratory's unknown pictures, a PDF, and others."""
    folder = tmp_path / "in hand"
    folder.mkdir()
    paths = find_images([lab.unknown])
    inside = {path.relative_to(lab.unknown).as_posix(): path.read_bytes() for path in paths}
    inside = {name: data for name, data in inside.items() if name.isprintable()}
    (folder / "evidence of May.zip").write_bytes(zipped({**inside, "inner.zip": zipped({})}))
    jpeg = saved(picture(), "JPEG")
    (folder / "letter.pdf").write_bytes(pdf([(pdf_picture(b"/DCTDecode"), jpeg)]))
    (folder / "move.gif").write_bytes(saved(picture(), "GIF"))
    (folder / "torn.zip").write_bytes(zipped(inside)[:-30])
    shutil.copy(paths[0], folder / "z.png")
    return folder


@pytest.mark.slow
def test_files_in_an_archive_get_the_rows_of_the_files(lab, held, tmp_path):
    before = state(held)
    assert fp("detect", lab.single, held, "-o", tmp_path / "o", "--jobs", "1").code == 3
    assert fp("detect", lab.single, lab.unknown, "-o", tmp_path / "plain", "--jobs", "1").code == 0
    assert state(held) == before
    rows = {row["path"]: row for row in json_rows(tmp_path / "o")}
    assert list(rows) == [display_path(path) for path in find_images([held])]
    archive = display_path(held / "evidence of May.zip")
    assert rows[f"{archive}/inner.zip"]["reasons"] == ["not_an_image"]
    assert rows[display_path(held / "torn.zip")]["reasons"] == ["damaged"]
    plain = {row["path"]: row for row in json_rows(tmp_path / "plain")}
    same = 0
    for path, row in plain.items():
        inside = f"{archive}/{path.removeprefix(display_path(lab.unknown) + '/')}"
        if inside in rows:
            assert rows[inside] | {"path": ""} == row | {"path": ""}
            same += 1
    assert same >= 5
    pages = [path for path in rows if "letter.pdf" in path]
    assert pages == [display_path(held / ("letter.pdf/page 1 picture 1" if PDF else "letter.pdf"))]
    listed = (tmp_path / "o" / "inputs.jsonl").read_text("utf-8").splitlines()
    hashes = {each["path"]: each["sha256"] for each in map(json.loads, listed)}
    for path, row in rows.items():
        if row["status"] == "examined":
            assert hashes[path] == row["sha256"]
    page = (tmp_path / "o" / REPORT).read_text("utf-8")
    assert page.count("data:image/webp") >= same  # previews of files in the archive


@pytest.mark.slow
def test_a_run_over_archives_is_verified_repeated_and_the_same_with_two_jobs(
    lab, held, tmp_path, monkeypatch
):
    assert fp("detect", lab.single, held, "-o", tmp_path / "o", "--jobs", "1").code == 3
    assert fp("verify", tmp_path / "o").code == 0
    assert fp("rerun", tmp_path / "o", "-o", tmp_path / "again", "--jobs", "1").code == 0
    monkeypatch.setattr("fp.system.workers.FEWEST_FOR_WORKERS", 2)
    assert fp("detect", lab.single, held, "-o", tmp_path / "two", "--jobs", "2").code == 3
    assert tables(tmp_path / "two") == tables(tmp_path / "o")
    archive = held / "evidence of May.zip"
    names = [path.relative_to(archive).as_posix() for path in find_images([archive])]
    changed = {name: b"other" if name == names[0] else b"" for name in names[:-1]}
    archive.write_bytes(zipped(changed))
    outcome = fp("verify", tmp_path / "o")
    assert outcome.code == 5
    shown = display_path(archive)
    assert f"changed: {shown}/{display_path(find_images([archive])[0].relative_to(archive))}" in (
        outcome.out + outcome.err
    )
    assert f"missing: {shown}/{names[-1]}" in outcome.out + outcome.err


@pytest.mark.slow
def test_an_interrupted_run_over_archives_goes_on(lab, held, tmp_path):
    items = list_items([held])

    def stop(done, total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        detect_into(
            tmp_path / "o",
            examiner_of(lab.single, DetectOptions()),
            items,
            RunOptions(progress=stop),
        )
    again = []
    how = RunOptions(resume=True, report=lambda row: again.append(row.path))
    detect_into(tmp_path / "o", examiner_of(lab.single, DetectOptions()), items, how)
    assert 0 < len(again) < len(items)
    detect_into(tmp_path / "whole", examiner_of(lab.single, DetectOptions()), items)
    assert tables(tmp_path / "o") == tables(tmp_path / "whole")


def test_one_file_in_an_archive_is_named_like_any_file(lab, held):
    path = find_images([held / "evidence of May.zip"])[0]
    outcome = fp("detect", lab.single, path)
    assert outcome.code in (0, 3) and path.name in outcome.out


def test_files_in_an_archive_become_exhibits(held, tmp_path):
    case = tmp_path / "case"
    assert fp("case", "init", case, "--title", "In hand").code == 0
    fp("case", "add", case, held / "evidence of May.zip")
    with open_case(case) as opened:
        exhibits = opened.of("exhibit")
    assert len(exhibits) >= 5
    for entry in exhibits:
        assert hash_file(case / entry["stored"]) == entry["file_sha256"]
        assert "evidence of May.zip/" in entry["origin"]
    assert fp("verify", case).code == 0
