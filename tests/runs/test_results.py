"""What a detection leaves on disk: the journal, the tables, the manifest."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import resource
import shutil
import signal
import tracemalloc
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from commands import csv_rows, fp, json_rows, state, tables
from synthetic import ODD_NAMES, photograph, save

from fp.fingerprint.decision.rows import Finding
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.detection.opening import StoredBank, open_bank
from fp.fingerprint.store.bank import write_bank
from fp.images.loading import display_path
from fp.runs.examination import (
    Examiner,
    Item,
    examiner_of,
    list_items,
)
from fp.runs.journal import open_journal
from fp.runs.options import RunOptions
from fp.runs.results import JOURNAL, LISTING, MANIFEST, REPORT, TABLES, detect_into
from fp.system.errors import InputError, IntegrityError, OutputError, UsageError
from fp.system.workers import run_in_order

RUN = {"bank": [{"name": "a.h5", "sha256": "0"}], "options": {"fpr": 0.05}, "tool_version": "1"}


def row(path: str, score: float = 0.1) -> dict[str, object]:
    return {"detection": {"path": path, "score": score}, "attributions": []}


ROWS = [row("b/2.png"), row("a b.png", 1 / 3), row("naïve, \\\\ 'x'.png")]


def write_journal(path: Path, rows=ROWS) -> bytes:
    with open_journal(path) as journal:
        journal.begin(RUN)
        for entry in rows:
            journal.append(entry)
    return path.read_bytes()


def paths_of(rows):
    return [entry["detection"]["path"] for entry in rows]


def read_journal(path: Path) -> list[dict[str, object]]:
    with open_journal(path) as journal:
        journal.begin(RUN)
        return list(journal.rows([p for p in paths_of(ROWS) if p in journal]))


# --- the journal ---


def test_rows_come_back_in_the_order_that_is_asked_for(tmp_path):
    write_journal(tmp_path / "j")
    with open_journal(tmp_path / "j") as journal:
        journal.begin(RUN)
        assert list(journal.rows(reversed(paths_of(ROWS)))) == ROWS[::-1]
        assert "b/2.png" in journal
        assert "b/3.png" not in journal


def test_a_journal_torn_anywhere_keeps_its_whole_lines_and_goes_on(tmp_path):
    whole = write_journal(tmp_path / "j")
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    for cut in range(len(whole)):
        (tmp_path / "j").write_bytes(whole[:cut])
        kept = max(0, sum(end <= cut for end in ends) - 1)
        with open_journal(tmp_path / "j") as journal:
            journal.begin(RUN)
            assert [p in journal for p in paths_of(ROWS)] == [i < kept for i in range(len(ROWS))]
            for entry in ROWS[kept:]:
                journal.append(entry)
        assert (tmp_path / "j").read_bytes() == whole


def test_damage_anywhere_before_the_last_line_is_noticed(tmp_path):
    whole = write_journal(tmp_path / "j")
    for at in range(0, whole.rindex(b"\n", 0, -1), 7):
        (tmp_path / "j").write_bytes(whole[:at] + bytes([whole[at] ^ 2]) + whole[at + 1 :])
        with pytest.raises(IntegrityError, match="start afresh with --overwrite"):
            read_journal(tmp_path / "j")


def test_the_journal_of_another_run_is_refused_and_left_alone(tmp_path):
    whole = write_journal(tmp_path / "j")
    for change in ({"options": {"fpr": 0.1}}, {"bank": []}, {"tool_version": "2"}):
        with (
            open_journal(tmp_path / "j") as journal,
            pytest.raises(InputError, match=f"{tmp_path}/j was begun with another bank"),
        ):
            journal.begin({**RUN, **change})
    assert (tmp_path / "j").read_bytes() == whole


def test_a_file_system_that_cannot_sync_costs_no_row(tmp_path, monkeypatch):
    def refused(_):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", refused)
    rows = [row(f"{number}.png") for number in range(200)]
    write_journal(tmp_path / "j", rows)
    with open_journal(tmp_path / "j") as journal:
        journal.begin(RUN)
        assert all(entry["detection"]["path"] in journal for entry in rows)


def test_only_one_run_is_at_a_journal(tmp_path):
    with (
        open_journal(tmp_path / "j") as journal,
        pytest.raises(OutputError, match="is being written by another run"),
        open_journal(tmp_path / "j"),
    ):
        journal.begin(RUN)
    assert read_journal(tmp_path / "j") == []


def test_a_journal_that_its_run_removed_meanwhile_is_not_written_to(tmp_path, monkeypatch):
    write_journal(tmp_path / "j")
    opened = os.open

    def open_late(path, *arguments, **options):
        descriptor = opened(path, *arguments, **options)
        (tmp_path / "j").unlink()  # by the run that held it until now
        return descriptor

    monkeypatch.setattr(os, "open", open_late)
    with pytest.raises(OutputError, match="another run"), open_journal(tmp_path / "j"):
        pass
    assert not (tmp_path / "j").exists()


def test_a_journal_that_nothing_was_written_to_is_not_left_behind(tmp_path):
    with open_journal(tmp_path / "j") as journal:
        assert journal.is_empty
    assert not (tmp_path / "j").exists()


@contextmanager
def disk_of(most_bytes: int):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_one_sentence_and_what_was_written_is_kept(tmp_path):
    whole = write_journal(tmp_path / "j", ROWS[:2])
    (tmp_path / "j").unlink()
    with (
        pytest.raises(OutputError, match=r"/j cannot be written: .*; choose another place\.$"),
        open_journal(tmp_path / "j") as journal,
        disk_of(len(whole) + 20),
    ):
        journal.begin(RUN)
        for entry in ROWS:
            journal.append(entry)
    assert (tmp_path / "j").read_bytes()[: len(whole)] == whole
    assert read_journal(tmp_path / "j") == ROWS[:2]


# --- the files of a run ---


def test_folders_bind_links_and_named_files_do_not(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    for path in (tmp_path / "a" / "1.png", inner / "2.png", tmp_path / "3.png"):
        path.touch()
    found = list_items([tmp_path / "a", inner, tmp_path / "3.png"])
    assert found == [
        Item(tmp_path / "3.png", None),
        Item(tmp_path / "a" / "1.png", tmp_path / "a"),
        Item(inner / "2.png", inner),
    ]
    assert list_items([inner, tmp_path / "3.png", tmp_path / "a"]) == found


def test_a_link_out_of_its_folder_is_followed_only_where_it_was_named(lab, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    save(photograph(1), tmp_path / "outside.png")
    link = folder / "link.png"
    link.symlink_to(tmp_path / "outside.png")
    for inputs, status in (([folder], "not_examined"), ([link], "examined"), ([folder, link], "")):
        detect_into(
            tmp_path / "o",
            examiner_of(lab.single, DetectOptions()),
            list_items(inputs),
            RunOptions(overwrite=True),
        )
        (only,) = json_rows(tmp_path / "o")
        assert status in ("", only["status"])


def test_no_file_at_all_is_an_error_that_names_the_folder(tmp_path):
    with pytest.raises(InputError, match=f"^{tmp_path}: there is no file"):
        list_items([tmp_path])


# --- the bank of a run ---


def test_a_bank_replaced_under_the_same_name_is_read_again(lab, tmp_path):
    bank = tmp_path / "bank.h5"
    items = list_items([lab.unknown])[:1]
    members = open_bank(StoredBank.at(lab.pair))
    names = []
    for member in members:
        write_bank(bank, [member], overwrite=True)
        detect_into(
            tmp_path / "o", examiner_of(bank, DetectOptions()), items, RunOptions(overwrite=True)
        )
        names.append(json_rows(tmp_path / "o")[0]["fingerprint"])
    assert names == ["gen 0", "gen 1"]


def test_a_bank_that_changes_in_the_course_of_a_run_ends_it(lab, tmp_path):
    bank = tmp_path / "bank.h5"
    members = open_bank(StoredBank.at(lab.pair))
    write_bank(bank, members[:1])
    stored = StoredBank.at(bank)
    write_bank(bank, members[1:], overwrite=True)
    with pytest.raises(IntegrityError, match=r"bank\.h5 changed while it was in use"):
        open_bank(stored)


# --- tables and manifest ---


def test_every_name_comes_back_exactly_from_both_tables(lab, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ODD_NAMES:
        raw = name if isinstance(name, bytes) else name.encode()
        save(photograph(3), os.fsencode(folder) + b"/" + raw)
    items = list_items([folder])
    detect_into(tmp_path / "o", examiner_of(lab.single, DetectOptions()), items)
    paths = [display_path(item.path) for item in items]
    assert [entry["path"] for entry in json_rows(tmp_path / "o")] == paths
    assert [entry["path"] for entry in csv_rows(tmp_path / "o" / "detections.csv")] == paths
    assert [entry["path"] for entry in csv_rows(tmp_path / "o" / "attributions.csv")] == paths
    # One line a file, also for readers that know nothing of quotes.
    assert (tmp_path / "o" / "detections.csv").read_bytes().count(b"\n") == len(ODD_NAMES) + 1
    # The text leads back to the bytes of the name.
    names = {os.fsencode(item.path.name) for item in items}
    assert names == {n if isinstance(n, bytes) else n.encode() for n in ODD_NAMES}
    assert {unescaped(Path(path).name) for path in paths} == names


def unescaped(text: str) -> bytes:
    """Undo `display_path`, by its description."""
    found, at = b"", 0
    while at < len(text):
        kind = text[at + 1] if text[at] == "\\" else ""
        if kind == "\\":
            found, at = found + b"\\", at + 2
        elif kind:
            digits = {"x": 2, "u": 4}[kind]
            code = int(text[at + 2 : at + 2 + digits], 16)
            found += bytes([code]) if kind == "x" else chr(code).encode()
            at += 2 + digits
        else:
            found, at = found + text[at].encode(), at + 1
    return found


def test_both_tables_say_the_same_to_the_last_bit(lab, tmp_path):
    detect_into(
        tmp_path / "o", examiner_of(lab.pair, DetectOptions(fpr=0.1)), list_items([lab.unknown])
    )
    lines = json_rows(tmp_path / "o")
    table = csv_rows(tmp_path / "o" / "detections.csv")
    assert len(lines) == len(table) == 24
    for line, cells in zip(lines, table, strict=True):
        assert list(line) == list(cells)
        for name, value in line.items():
            if isinstance(value, list):
                assert cells[name] == "; ".join(value)
            elif isinstance(value, float):
                assert float(cells[name]) == value
            else:
                assert cells[name] == ("" if value is None else str(value))


def test_the_manifest_vouches_for_bank_options_files_and_tables(lab, tmp_path):
    items = list_items([lab.unknown])[:3]
    detect_into(tmp_path / "o", examiner_of(lab.single, DetectOptions(fpr=0.2)), items)
    manifest = json.loads((tmp_path / "o" / MANIFEST).read_text("utf-8"))
    digest = {
        name: hashlib.sha256((tmp_path / "o" / name).read_bytes()) for name in (*TABLES, REPORT)
    }
    assert manifest["outputs"] == {name: found.hexdigest() for name, found in digest.items()}
    bank = hashlib.sha256(lab.single.read_bytes()).hexdigest()
    assert manifest["bank"] == [{"name": "single.h5", "sha256": bank}]
    assert manifest["options"]["fpr"] == 0.2
    assert manifest["files"]["count"] == manifest["summary"]["images"] == 3
    assert str(lab.folder) not in json.dumps(manifest), "a manifest says what, not where"


def test_a_run_that_is_interrupted_goes_on_behind_its_last_row(lab, tmp_path):
    items = list_items([lab.unknown])
    detect_into(tmp_path / "whole", examiner_of(lab.single, DetectOptions()), items)

    def stop(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        detect_into(
            tmp_path / "o",
            examiner_of(lab.single, DetectOptions()),
            items,
            RunOptions(progress=stop),
        )
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == [JOURNAL]
    again, told = [], []
    detect_into(
        tmp_path / "o",
        examiner_of(lab.single, DetectOptions()),
        items,
        RunOptions(
            resume=True,
            report=lambda detection: again.append(detection.path),
            progress=lambda done, total: told.append((done, total)),
        ),
    )
    assert again == [display_path(item.path) for item in items[5:]]
    assert told == [(done, len(items)) for done in range(5, len(items) + 1)]
    assert tables(tmp_path / "o") == tables(tmp_path / "whole")


def replaced_while(lab, tmp_path, stop_at: int | None) -> tuple[Path, list[Item]]:
    """Examine a folder, to its end or up to a file, and put another picture in the first place."""
    folder = tmp_path / "pictures"
    shutil.copytree(lab.unknown, folder)
    items = list_items([folder])

    def stop(done, total):
        if done == stop_at:
            raise KeyboardInterrupt

    with contextlib.suppress(KeyboardInterrupt):
        detect_into(
            tmp_path / "o",
            examiner_of(lab.single, DetectOptions()),
            items,
            RunOptions(progress=stop),
        )
    shutil.copy2(items[-1].path, items[0].path)  # with its old time, too
    return folder, items


def test_a_resumed_run_does_not_keep_the_row_of_a_file_that_was_replaced(lab, tmp_path):
    _, items = replaced_while(lab, tmp_path, 5)
    again = []
    how = RunOptions(resume=True, report=lambda row: again.append(row.path))
    detect_into(tmp_path / "o", examiner_of(lab.single, DetectOptions()), items, how)
    assert again == [display_path(item.path) for item in (items[0], *items[5:])]
    detect_into(tmp_path / "whole", examiner_of(lab.single, DetectOptions()), items)
    assert tables(tmp_path / "o") == tables(tmp_path / "whole")
    assert len({row["sha256"] for row in json_rows(tmp_path / "o")}) == len(items) - 1


def test_a_resumed_run_looks_again_at_a_file_that_was_not_decoded(lab, tmp_path):
    items = list_items([lab.unknown])
    first = tmp_path / "a.png"
    first.write_bytes(b"still copying")
    whole = [Item(first, None), *items[:4]]

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        detect_into(
            tmp_path / "o",
            examiner_of(lab.single, DetectOptions()),
            whole,
            RunOptions(progress=stop),
        )
    shutil.copy(items[0].path, first)
    detect_into(
        tmp_path / "o", examiner_of(lab.single, DetectOptions()), whole, RunOptions(resume=True)
    )
    assert [row["status"] for row in json_rows(tmp_path / "o")] == ["examined"] * 5


def test_a_finished_run_is_not_one_about_a_file_that_was_replaced(lab, tmp_path):
    _, items = replaced_while(lab, tmp_path, None)
    with pytest.raises(InputError, match="is another file than the one"):
        detect_into(
            tmp_path / "o", examiner_of(lab.single, DetectOptions()), items, RunOptions(resume=True)
        )


class DeadlyExaminer(Examiner):
    """Stands for a decoder that ends its process at one file."""

    def __call__(self, item: Item) -> Finding:
        if item.path.name == "photo 1004.png":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(item)


@pytest.mark.slow
def test_a_file_that_ends_its_process_is_a_row_when_the_run_is_resumed(lab, tmp_path, monkeypatch):
    items = list_items([lab.unknown])
    detect_into(tmp_path / "whole", examiner_of(lab.single, DetectOptions()), items)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        detect_into(
            tmp_path / "o",
            examiner_of(lab.single, DetectOptions()),
            items,
            RunOptions(progress=stop),
        )
    monkeypatch.setattr("fp.runs.examination.Examiner", DeadlyExaminer)
    found = detect_into(
        tmp_path / "o", examiner_of(lab.single, DetectOptions()), items, RunOptions(resume=True)
    )
    assert found.not_examined == {"worker_died": 1}
    for ours, theirs in zip(json_rows(tmp_path / "o"), json_rows(tmp_path / "whole"), strict=True):
        if ours["path"].endswith("photo 1004.png"):
            assert ours["reasons"] == ["worker_died"]
            assert ours["message"] == (
                f"{ours['path']} ended the process that examined it, or took longer than 120 "
                "seconds."
            )
        else:
            assert ours == theirs


@pytest.mark.slow
def test_a_file_that_ends_its_process_takes_nothing_else_with_it(lab, tmp_path, monkeypatch):
    """The first time, with one process and few files; and the command gives each its time."""
    limits = []

    def noticed(*arguments, **options):
        limits.append(options["seconds"])
        return run_in_order(*arguments, **options)

    monkeypatch.setattr("fp.runs.examination.Examiner", DeadlyExaminer)
    monkeypatch.setattr("fp.runs.examination.run_in_order", noticed)
    files = sorted(lab.unknown.rglob("photo 100[345].*"))
    outcome = fp(
        "detect", lab.single, *files, "-o", tmp_path / "o", "--jobs", 1, "--max-seconds", 77
    )
    assert outcome.code == 3
    assert limits == [77.0]
    rows = json_rows(tmp_path / "o")
    deadly = ["photo 1004.png" in row["path"] for row in rows]
    assert sorted(deadly) == [False, False, True]
    assert [row["reasons"] == ["worker_died"] for row in rows] == deadly
    assert [row["status"] == "not_examined" for row in rows] == deadly


def test_a_resumed_run_is_about_the_files_that_are_named_now(lab, tmp_path):
    items = list_items([lab.unknown])

    def stop(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        detect_into(
            tmp_path / "o",
            examiner_of(lab.single, DetectOptions()),
            items[:9],
            RunOptions(progress=stop),
        )
    detect_into(
        tmp_path / "o",
        examiner_of(lab.single, DetectOptions()),
        items[3:12],
        RunOptions(resume=True),
    )
    detect_into(tmp_path / "whole", examiner_of(lab.single, DetectOptions()), items[3:12])
    assert tables(tmp_path / "o") == tables(tmp_path / "whole")


def test_a_finished_run_is_resumed_only_for_what_it_was_about(lab, tmp_path):
    items = list_items([lab.unknown])[:4]
    found = detect_into(tmp_path / "o", examiner_of(lab.single, DetectOptions()), items)
    before = state(tmp_path / "o")
    again = []
    assert found == detect_into(
        tmp_path / "o",
        examiner_of(lab.single, DetectOptions()),
        items,
        RunOptions(resume=True, report=again.append),
    )
    assert again == []
    for bank, files, options in (
        (lab.pair, items, DetectOptions(fpr=0.1)),
        (lab.single, items, DetectOptions(fpr=0.1)),
        (lab.single, items[:3], DetectOptions()),
    ):
        with pytest.raises(InputError, match="holds the results of another"):
            detect_into(tmp_path / "o", examiner_of(bank, options), files, RunOptions(resume=True))
    assert state(tmp_path / "o") == before


def test_an_overwriting_run_leaves_the_old_tables_until_it_is_done(lab, tmp_path):
    items = list_items([lab.unknown])
    detect_into(tmp_path / "o", examiner_of(lab.single, DetectOptions()), items[:4])
    old = tables(tmp_path / "o")
    seen = []
    detect_into(
        tmp_path / "o",
        examiner_of(lab.single, DetectOptions()),
        items[4:8],
        RunOptions(overwrite=True, report=lambda _: seen.append(tables(tmp_path / "o"))),
    )
    assert seen == [old] * 4
    assert [r["path"] for r in json_rows(tmp_path / "o")] == [
        display_path(item.path) for item in items[4:8]
    ]


def test_only_what_a_killed_run_left_is_swept_away(lab, tmp_path):
    for name in (".detections.csv.0123abcd.tmp", ".mine.0123abcd.tmp", ".detections.csv.tmp"):
        (tmp_path / name).touch()
    detect_into(tmp_path, examiner_of(lab.single, DetectOptions()), list_items([lab.unknown])[:1])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [*TABLES, REPORT, LISTING, MANIFEST, ".mine.0123abcd.tmp", ".detections.csv.tmp"]
    )


@pytest.mark.parametrize("name", [*TABLES, REPORT, MANIFEST])
def test_foreign_files_of_these_names_are_never_replaced_unasked(lab, tmp_path, name):
    (tmp_path / name).write_text("mine")
    before = state(tmp_path / name)
    for resume in (False, True):
        with pytest.raises((OutputError, IntegrityError), match=f"/{name} (exists|is no)"):
            detect_into(
                tmp_path,
                examiner_of(lab.single, DetectOptions()),
                list_items([lab.unknown]),
                RunOptions(resume=resume),
            )
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert state(tmp_path / name) == before


def test_rates_that_cannot_be_are_refused():
    for rate in (0.0, -1.0, 0.6, float("nan"), float("inf")):
        with pytest.raises(UsageError, match=r"use 0 < rate <= 0\.5"):
            DetectOptions(fpr=rate)


def test_memory_does_not_grow_with_the_number_of_images(lab, tmp_path):
    rng = np.random.default_rng(1)
    for number in range(120):
        save(rng.integers(0, 256, (32, 32, 3), np.uint8), tmp_path / f"{number:04d}.bmp")
    items = list_items([tmp_path])
    detect_into(tmp_path / "warm", examiner_of(lab.small, DetectOptions()), items[:2])
    peaks = []
    for count in (20, 120):
        tracemalloc.start()
        detect_into(tmp_path / str(count), examiner_of(lab.small, DetectOptions()), items[:count])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Names and their places in the journal stay; a residual of this size alone has 12 KiB.
    assert peaks[1] - peaks[0] < 100 * 3 * 1024, peaks
