"""Surroundings that others reported as trouble: folders, disks and environments that misbehave."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

NOBODY = 65534


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Act as a user whom permissions bind."""
    if os.geteuid() != 0:
        yield
        return
    try:
        os.seteuid(NOBODY)
    except OSError:
        pytest.skip("root here, and cannot become anybody else")
    try:
        yield
    finally:
        os.seteuid(0)


def too_deep(root: Path) -> None:
    """Make folders in each other until their path is longer than the system takes."""
    here = Path.cwd()
    try:
        os.chdir(root)
        for _ in range(20):
            Path("d" * 240).mkdir()
            os.chdir("d" * 240)
        Path("deepest").mkdir()
    finally:
        os.chdir(here)
