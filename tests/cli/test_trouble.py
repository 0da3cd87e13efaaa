"""Kinds of trouble that users of such tools report: each costs a row or a sentence, never a run."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys

import pytest
from commands import environment, fp, fp_process, json_rows
from troubled import too_deep

from fp.images.loading import Limits
from fp.system.errors import UsageError


@pytest.fixture(autouse=True)
def quiet(lab):
    with environment(FP_CACHE=lab.cache):
        yield


@pytest.fixture
def deep(lab, tmp_path):
    """Give a folder of some pictures, beside which a folder lies too deep to be reached."""
    folder = tmp_path / "pictures"
    shutil.copytree(lab.real, folder)
    too_deep(folder)
    return folder


# --- one entry of a folder ---


def test_a_folder_too_deep_is_one_row_of_a_detection(lab, deep, tmp_path):
    outcome = fp("detect", lab.single, deep, "-o", tmp_path / "out", "--jobs", 1)
    assert outcome.code == 3, outcome.err
    rows = json_rows(tmp_path / "out")
    refused = [row for row in rows if row["status"] == "not_examined"]
    assert len(rows) == 25 and len(refused) == 1
    assert refused[0]["reasons"] == ["not_readable"] and "name too long" in refused[0]["message"]


def test_a_folder_too_deep_is_one_file_of_an_audit(lab, deep):
    outcome = fp("audit", "--generated", lab.made(0), "--real", deep, "--jobs", 1)
    assert outcome.code == 3, outcome.err
    assert outcome.err.count("not examined") == 1 and "name too long" in outcome.err


def test_a_folder_too_deep_is_refused_alone_by_a_case(deep, tmp_path):
    assert fp("case", "init", tmp_path / "case", "--title", "deep").code == 0
    outcome = fp("case", "add", tmp_path / "case", deep)
    assert outcome.code == 3, outcome.err
    assert len(list((tmp_path / "case" / "exhibits").iterdir())) == 24


@pytest.mark.parametrize(
    "arguments",
    [
        ("bank", "add", "{long}", "{bank}"),
        ("lineage", "--images", "{made}", "--real", "{long}", "-o", "{out}"),
        ("evaluate", "{long}", "-o", "{out}"),
        ("verify", "{long}"),
        ("bank", "show", "{long}"),
        ("extract", "--generated", "{made}", "--real", "{long}", "-o", "{out}"),
    ],
)
def test_a_name_too_long_is_one_sentence(lab, tmp_path, arguments):
    places = {
        "long": tmp_path / ("n" * 300),
        "bank": lab.single,
        "made": lab.folder,
        "out": tmp_path / "out",
    }
    outcome = fp(*(text.format(**places) for text in arguments))
    assert outcome.code == 4
    assert "Internal" not in outcome.sentence


def test_links_to_elsewhere_are_said_to_be_links_and_not_too_small(lab, tmp_path):
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "pictures").symlink_to(lab.made(0))
    outcome = fp("extract", "--generated", linked, "--real", lab.real, "-o", tmp_path / "g.h5")
    assert outcome.code == 4
    assert "leads out of the input folder" in outcome.sentence


# --- the environment ---


def test_no_variable_of_the_environment_dates_the_log_of_a_case(tmp_path):
    with environment(SOURCE_DATE_EPOCH="315532800"):
        assert fp("case", "init", tmp_path / "case", "--title", "t").code == 0
    written = (tmp_path / "case" / "log.jsonl").read_text("utf-8")
    assert '"time_utc":"20' in written and '"time_utc":"1980' not in written


def test_a_time_that_is_none_is_one_sentence(lab, tmp_path):
    with environment(SOURCE_DATE_EPOCH="yesterday"):
        outcome = fp("detect", lab.single, lab.unknown, "-o", tmp_path / "out", "--jobs", 1)
    assert outcome.code == 2 and "SOURCE_DATE_EPOCH is 'yesterday'" in outcome.sentence
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("fixed", "code"), [("yesterday", 2), ("9" * 30, 2), ("", 0)])
def test_a_time_that_is_none_ends_no_fresh_process_with_an_internal_error(tmp_path, fixed, code):
    # numpy reads the variable too, when it is imported.
    outcome = fp_process("case", "init", tmp_path / "case", "--title", "t", SOURCE_DATE_EPOCH=fixed)
    assert outcome.code == code and "Internal error" not in outcome.err
    assert (tmp_path / "case").exists() == (code == 0)
    assert code == 0 or f"SOURCE_DATE_EPOCH is '{fixed}'" in outcome.sentence


@pytest.mark.parametrize(
    "arguments",
    [
        ("detect", "{bank}", "{unknown}", "-o", "{out}", "--max-seconds", "nan"),
        ("detect", "{bank}", "{unknown}", "-o", "{out}", "--max-seconds", "inf"),
        ("detect", "{bank}", "{unknown}", "-o", "{out}", "--fpr", "nan"),
        ("detect", "{bank}", "{unknown}", "-o", "{out}", "--fdr", "nan"),
        ("rerun", "{unknown}", "--tolerance", "nan"),
        ("denoiser", "evaluate", "--photographs", "{unknown}", "--sigma", "nan"),
    ],
)
def test_what_is_no_number_is_no_limit(lab, tmp_path, arguments):
    places = {"bank": lab.single, "unknown": lab.unknown, "out": tmp_path / "out"}
    outcome = fp(*(text.format(**places) for text in arguments))
    assert outcome.code == 2 and ("nan" in outcome.sentence or "inf" in outcome.sentence)


@pytest.mark.parametrize("limits", [{"seconds": math.nan}, {"seconds": math.inf}, {"pixels": 0}])
def test_limits_that_limit_nothing_are_refused(limits):
    with pytest.raises(UsageError, match="not possible"):
        Limits(**limits)


def test_a_folder_that_is_gone_is_one_sentence(lab, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    found = subprocess.run(
        [
            *("sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', gone, sys.executable, "-P"),
            *("-m", "fp.cli.main", "audit", "--generated", lab.made(0), "--real", lab.real),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (found.returncode, found.stdout) == (4, "")
    assert found.stderr == "fp: The folder that you are in is gone; change to one that is there.\n"


_IN_THIS_LOCALE = """
import sys
from fp.system.paths import display_path, find_images, path_of
(found,) = find_images([path_of(sys.argv[1])])
assert found.read_bytes() == b"here", found
print(ascii(display_path(found)), sys.getfilesystemencoding())
"""


def test_files_are_found_and_shown_alike_in_every_locale(tmp_path):
    folder = tmp_path / "ein Ordner für 日本"
    folder.mkdir()
    (folder / "é \N{SNOWMAN}.png").write_bytes(b"here")
    told = set()
    encodings = set()
    for mode in ("0", "1"):
        found = subprocess.run(
            # Given as a manifest has it: as text, which the command line never was.
            [sys.executable, "-c", _IN_THIS_LOCALE.replace("sys.argv[1]", ascii(str(folder)))],
            capture_output=True,
            text=True,
            check=False,
            env={
                **os.environ,
                "PYTHONUTF8": mode,
                "PYTHONCOERCECLOCALE": "0",
                "LC_ALL": "C",
            },
        )
        assert found.returncode == 0, found.stderr
        text, _, encoding = found.stdout.strip().rpartition(" ")
        told.add(text)
        encodings.add(encoding)
    assert encodings == {"ascii", "utf-8"}
    assert told == {ascii(f"{folder}/é \N{SNOWMAN}.png")}
