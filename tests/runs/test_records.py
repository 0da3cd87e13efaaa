"""Many files looked at: one that ends its process takes nothing else with it."""

from __future__ import annotations

import os
import signal

import pytest
from commands import fp
from synthetic import photograph, save

from fp.audit.record import FileRecord
from fp.denoisers.population import Skipped
from fp.images.loading import Limits
from fp.runs.examination import list_items
from fp.runs.records import _Look, records


class DeadlyLook(_Look):
    """Stands for a decoder that ends its process at one file."""

    def __call__(self, item):
        if item.path.name == "b deadly.png":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(item)


@pytest.mark.slow
def test_a_file_that_ends_its_process_takes_nothing_else_with_it(tmp_path, monkeypatch):
    for number, name in enumerate(("a.png", "b deadly.png", "c.png")):
        save(photograph(number), tmp_path / name)
    monkeypatch.setattr("fp.runs.records._Look", DeadlyLook)
    found = list(records(list_items([tmp_path]), Limits(seconds=77)))
    assert [type(each) for each in found] == [FileRecord, Skipped, FileRecord]
    assert found[1].reason == "worker_died" and "longer than 77 seconds" in found[1].message
    assert [each.path.name for each in found] == ["a.png", "b deadly.png", "c.png"]


@pytest.mark.slow
def test_the_command_gives_each_file_its_time(tmp_path, monkeypatch):
    save(photograph(1), tmp_path / "a.png")
    limits = []

    def noticed(items, given, jobs):
        limits.append((given.seconds, given.pixels, jobs))
        return iter([Skipped(items[0].path, "worker_died", "a.png took too long.")])

    monkeypatch.setattr("fp.runs.records.records", noticed)
    asked = ("--max-seconds", 77, "--max-pixels", 99, "--jobs", 1)
    outcome = fp("look", tmp_path / "a.png", *asked)
    assert (outcome.code, outcome.out) == (3, "not examined: a.png took too long.\n")
    assert limits == [(77.0, 99, 1)]
