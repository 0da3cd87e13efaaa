"""The case that tests of cases share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cases import made_case


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """Return the folder with sources, case and archive, which no test changes."""
    return made_case(tmp_path_factory)


@pytest.fixture
def case(made, tmp_path) -> Path:
    """Return a copy of the case, in another place."""
    return Path(shutil.copytree(made / "case", tmp_path / "moved" / "case"))
