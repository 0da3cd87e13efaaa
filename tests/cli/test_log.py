"""``--log FILE``: appended to on request, never into evidence, and the run is the same."""

from __future__ import annotations

import re
import shutil

import pytest
from commands import environment, fp, fp_process, laboratory, state
from hostile import small_disk
from synthetic import photograph, save

from fp.cli import look as look_command

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARNING|ERROR) (.*)")


@pytest.fixture
def folder(tmp_path):
    """Make a folder in which a file is broken, with a name that would forge a line."""
    place = tmp_path / "seized pictures"
    place.mkdir()
    save(photograph(1), place / "a.png")
    (place / "b\n2026-01-01T00:00:00Z INFO forged.png").write_bytes(b"no picture")
    save(photograph(2), place / "c.png")
    return place


def lines(path):
    """Return level and text of each record; all lines are records."""
    found = [LINE.fullmatch(line) for line in path.read_text("utf-8").splitlines()]
    assert all(found)
    return [(each[1], each[2]) for each in found]


@pytest.mark.slow
def test_a_log_has_the_call_the_trouble_of_each_file_and_the_end(folder, tmp_path):
    log = tmp_path / "runs of today.log"
    plain = fp("look", folder)
    assert fp("--log", log, "look", folder) == plain and plain.code == 3
    call, trouble, end = lines(log)
    assert call[0] == "INFO" and f"look '{folder}'" in call[1]
    assert trouble[0] == "WARNING" and trouble[1].startswith("not examined (not_an_image): ")
    assert "INFO forged" in trouble[1]
    assert end == ("INFO", "ended with exit code 3")
    assert fp("look", folder / "a.png", "--log", log).code == 0  # behind the command, and appended
    assert [text for _, text in lines(log)][-1] == "ended with exit code 0"
    assert len(lines(log)) == 5 and lines(log)[:3] == [call, trouble, end]
    assert fp("look", folder) == plain and len(lines(log)) == 5  # on request alone


def test_an_error_is_logged_as_it_is_said(tmp_path):
    log = tmp_path / "a.log"
    said = fp("--log", log, "look", tmp_path / "gone.png").sentence
    assert [("ERROR", said), ("INFO", "ended with exit code 4")] == lines(log)[1:]
    usage = fp("look", "--log", log, "--no-such-option")
    assert usage.code == 2


def test_the_traceback_of_an_internal_error_is_in_the_log(folder, tmp_path, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(look_command, "_print", broken)
    outcome = fp("--log", tmp_path / "a.log", "look", folder / "a.png")
    text = (tmp_path / "a.log").read_text("utf-8")
    assert outcome.code == 1 and "Traceback" not in outcome.err
    assert "\n  Traceback (most recent call last):" in text and "in broken" in text
    assert text.endswith("INFO ended with exit code 1\n")


def test_a_log_goes_into_no_folder_of_the_command(folder, tmp_path, monkeypatch):
    before = state(tmp_path)
    for log in (folder / "a.log", tmp_path / "seized pictures" / "." / "b.log"):
        for given in (("--log", log, "look", folder), ("look", folder, f"--log={log}")):
            refused = fp(*given)
            assert refused.code == 4 and "lies inside" in refused.sentence
    monkeypatch.chdir(tmp_path)
    assert "lies inside ." in fp("look", ".", "--log", "a.log").sentence
    odd = tmp_path / "a=b"
    shutil.copytree(folder, odd)
    assert "lies inside" in fp("look", odd, "--log", odd / "a.log").sentence
    shutil.rmtree(odd)
    (tmp_path / "link").symlink_to(folder)
    assert "lies inside" in fp("look", folder, "--log", tmp_path / "link" / "a.log").sentence
    (tmp_path / "link").unlink()
    assert set(state(tmp_path)) == set(before)


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n", b"notes of mine\n", None])
def test_what_is_no_log_is_not_appended_to(folder, tmp_path, content):
    place = tmp_path / "other"
    if content is None:
        place.symlink_to(tmp_path / "nowhere")
    else:
        place.write_bytes(content)
    refused = fp("--log", place, "look", folder / "a.png")
    assert refused.code == 4 and "is no log of fp" in refused.sentence and refused.out == ""
    assert not (tmp_path / "nowhere").exists()
    assert content is None or place.read_bytes() == content


def test_a_place_that_cannot_be_written_is_a_sentence(folder, tmp_path):
    refused = fp("--log", tmp_path / "none" / "a.log", "look", folder)
    assert refused.code == 4 and "its folder does not exist" in refused.sentence
    assert fp("--log", tmp_path / "x", "look", folder, "--log", tmp_path / "y").code in (2, 4)


@pytest.mark.slow
def test_a_log_that_cannot_grow_is_named_once_and_the_run_goes_on(folder, tmp_path):
    log = tmp_path / "a.log"
    assert fp("--log", log, "look", folder / "a.png").code == 0
    plain, size = fp("look", folder), log.stat().st_size
    with small_disk(size + 10):
        full = fp("--log", log, "look", folder)
    assert (full.code, full.out) == (plain.code, plain.out)
    assert (
        full.sentence == f"{log} cannot be written: files may not be that large there; choose "
        "another place."
    )


@pytest.mark.slow
def test_detect_logs_each_file_and_says_it_with_v_alone(tmp_path_factory, folder, tmp_path):
    lab = laboratory(tmp_path_factory)
    with environment(FP_CACHE=lab.cache):
        bank = lab.single
    log = tmp_path / "a.log"
    asked = ("detect", bank, folder, "--jobs", 1)
    written = fp(*asked, "-o", tmp_path / "o", "--log", log)
    assert written.code == 3 and "forged" not in written.err
    assert "forged" in fp(*asked, "-o", tmp_path / "p", "-v", "--log", log).err
    told = [text for level, text in lines(log) if level == "WARNING"]
    each = [text for text in told if text.startswith("not examined (not_an_image): ")]
    assert len(each) == 2 and each[0] == each[1] and str(folder) in each[0]
    assert fp_process("--log", log, *asked).code == 3
    assert next(text for level, text in lines(log)[8:] if level == "WARNING") == each[0]


def test_completion_makes_no_log(tmp_path):
    asked = f"fp --log {tmp_path / 'a.log'} look --js"
    found = fp_process(_FP_COMPLETE="bash_complete", COMP_WORDS=asked, COMP_CWORD=4)
    assert "--json" in found.out and list(tmp_path.iterdir()) == []
