"""The house itself: lint, types, layers, docstrings and the links of the documentation."""

import os
import re
import subprocess
import sys

import pytest
from import_graph import CONFIGURATION
from project import PROJECT

ROOMS = CONFIGURATION["setuptools"]["package-dir"].values()


def run(*command, **environment):
    found = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=PROJECT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_ruff_finds_nothing():
    run("ruff", "check", "--no-cache", ".")
    run("ruff", "format", "--no-cache", "--check", ".")


def test_types_hold(tmp_path):
    # The folders under the names that they have when they are installed.
    (tmp_path / "fp").mkdir()
    for room in ROOMS:
        (tmp_path / "fp" / room).symlink_to(PROJECT / room, target_is_directory=True)
    run("mypy", "--cache-dir", str(tmp_path / "cache"), MYPYPATH=str(tmp_path))


def test_docstrings_are_numpydoc():
    modules = [str(path) for room in ROOMS for path in sorted((PROJECT / room).rglob("*.py"))]
    run("numpydoc.hooks.validate_docstrings", *modules)


@pytest.mark.parametrize("page", sorted(PROJECT.glob("*.md")) + sorted(PROJECT.glob("docs/*.md")))
def test_links_lead_somewhere(page):
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_nothing_is_pickled():
    forbidden = re.compile(r"\bpickle\b|torch\.load|torch\.save|allow_pickle\s*=\s*True|joblib")
    for room in ROOMS:
        for path in (PROJECT / room).rglob("*.py"):
            for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
                code = line.partition("#")[0]
                assert not forbidden.search(code), f"{path}:{number}: {line.strip()}"


def test_modules_stay_readable():
    long = {
        str(path.relative_to(PROJECT)): lines
        for room in ROOMS
        for path in (PROJECT / room).rglob("*.py")
        if (lines := len(path.read_text("utf-8").splitlines())) > 450
    }
    assert not long, f"modules to divide: {long}"
