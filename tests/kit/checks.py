"""The checks that need no test: format, lint, types, imports, docstrings.

As a program it runs those that are named, one after the other, and all where none is:
``python tests/kit/checks.py lint types``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from import_graph import CONFIGURATION
from project import PROJECT

ROOMS: tuple[str, ...] = tuple(
    folder
    for package, folder in CONFIGURATION["setuptools"]["package-dir"].items()
    if package != "fp"
)
"""Folders of the package."""


def _ruff(*arguments: str) -> list[str]:
    return ["-m", "ruff", *arguments, "."]


def _types() -> list[str]:
    (_installed() / "fp").mkdir(parents=True, exist_ok=True)
    for room in ROOMS:
        link = _installed() / "fp" / room
        if not link.is_symlink():
            link.symlink_to(PROJECT / room, target_is_directory=True)
    return ["-m", "mypy"]


def _installed() -> Path:
    """Where mypy finds the folders under the names that they have when they are installed."""
    return PROJECT / ".mypy_cache" / "installed"


def _tests_of(name: str) -> list[str]:
    return ["-m", "pytest", "-q", f"tests/house/test_{name}.py"]


CHECKS: dict[str, Callable[[], list[str]]] = {
    "format": lambda: _ruff("format", "--check"),
    "lint": lambda: _ruff("check"),
    "types": _types,
    "imports": lambda: _tests_of("imports"),
    "docstrings": lambda: _tests_of("docstrings"),
}


def check(name: str) -> subprocess.CompletedProcess[str]:
    """Run a check from the project's folder; what it says is on its standard output."""
    return subprocess.run(
        [sys.executable, *CHECKS[name]()],
        cwd=PROJECT,
        env={**os.environ, "MYPYPATH": str(_installed())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def main(*names: str) -> int:
    """Run checks, print what each of them says, and return how many failed."""
    failed = 0
    for name in names or CHECKS:
        found = check(name)
        print(f"{name}: {'ok' if found.returncode == 0 else found.stdout}")
        failed += found.returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
