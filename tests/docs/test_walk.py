"""Every command and code block of README and docs is executed, page by page."""

from __future__ import annotations

import re
from doctest import DocTestFinder, DocTestRunner
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name

import pytest
from commands import environment
from project import PROJECT
from public_surface import ROOMS
from walking import (
    CANNOT_RUN,
    Walk,
    blocks,
    commands_of,
    copy_of,
    make_fingerprints,
    stock,
)

PAGES = [
    PROJECT / "README.md",
    *sorted(PROJECT.glob("docs/*.md")),
    *sorted(PROJECT.glob("docs/results/*.md")),
]


@pytest.fixture(scope="module")
def stocked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stock")
    stock(folder)
    with environment(FP_CACHE=tmp_path_factory.mktemp("residuals")):
        make_fingerprints(folder)
        yield folder


SLOW = ("conditions.md", "look.md", "maps.md", "performance.md", "start.md", "tasks.md")
"""Pages that learn more than once, or from several versions of each image."""

MARKED = [pytest.param(p, marks=[pytest.mark.slow] * (p.name in SLOW), id=p.name) for p in PAGES]


@pytest.mark.parametrize("page", MARKED)
def test_every_block_of_the_page_runs(page: Path, stocked, tmp_path, monkeypatch):
    # A second process would take longer to start than all the work here; results are the same.
    monkeypatch.setattr("fp.system.workers.usable_cores", lambda: 1)
    # Nor does a second thread pay in a network over 64 x 64 pixels.
    monkeypatch.setattr("fp.fingerprint.estimators.dif.usable_cores", lambda: 1)
    found = blocks(page)
    if not found:
        return
    copy_of(stocked, tmp_path, page.read_text("utf-8"))
    walk = Walk(page, tmp_path)
    for block in found:
        walk.run(block)


EXAMPLES = (
    *(f"fp.fingerprint.{n}" for n in ("Bank", "Detections", "audit_folders", "decide", "extract")),
    *("fp.fingerprint.look", "fp.lineage.find_families", "fp.denoisers.get"),
    *("fp.denoisers.Degradation", "fp.denoisers.load_image"),
)
"""The public names that one begins with: their docstrings show how, and what comes out."""


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_a_public_name_runs(name, stocked, tmp_path, monkeypatch):
    monkeypatch.setattr("fp.system.workers.usable_cores", lambda: 1)
    copy_of(stocked, tmp_path, "")
    monkeypatch.chdir(tmp_path)
    (found,) = DocTestFinder(recurse=False).find(resolve_name(name), name)
    said = []
    ran = DocTestRunner().run(found, out=said.append)
    assert ran.attempted > 1 and not said, "".join(said)


def test_no_public_name_has_an_example_that_is_not_run():
    for room in ROOMS:
        for name in import_module(room).__all__:
            shown = ">>>" in (resolve_name(f"{room}.{name}").__doc__ or "")
            assert shown == (f"{room}.{name}" in EXAMPLES), name


def test_no_block_hides_from_the_walk():
    for page in PAGES:
        text = page.read_text("utf-8")
        assert text.count("```") == 2 * len(re.findall(r"^```[^\n]*\n.*?^```$", text, re.M | re.S))
        assert not re.search(r"^~~~", text, re.MULTILINE), page.name
        rest = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
        # Indented code is text, too: no command stands in it.
        for command in re.findall(r"^(?:    |\t)(?:\$ )?((?:fp|python|pip) .*)$", rest, re.M):
            raise AssertionError(f"{page.name}: {command} must stand in a console block")


def test_what_cannot_run_is_still_there():
    shown = {
        command
        for page in PAGES
        for block in blocks(page)
        if block.kind == "console"
        for command in commands_of(block.code)
    }
    assert set(CANNOT_RUN) <= shown
    for command in CANNOT_RUN:
        if "benchmarks/" in command:
            assert (PROJECT / command.split()[1]).is_file()
