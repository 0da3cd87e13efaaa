"""What several test files share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every machine, and none of them judged by how busy the machine is: a suite
# that passes here passes there. Wider searches belong to benchmarks/fuzz.py.
settings.register_profile("fp", derandomize=True, deadline=None)
settings.load_profile("fp")


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Return the folder of real images, or skip where it is missing."""
    beside = Path(__file__).parents[2] / "shared" / "corpus"
    folder = Path(os.environ.get("FP_CORPUS") or beside)
    if not (folder / "photos" / "val").is_dir():
        pytest.skip(f"no image corpus at {folder}; FP_CORPUS names its place")
    return folder


@pytest.fixture(scope="session")
def content(tmp_path_factory) -> bytes:
    """Return the bytes of a bank of two fingerprints, one of them with every element."""
    from golden_bank import full, small

    from fp.fingerprint.store.bank import write_bank

    path = tmp_path_factory.mktemp("written") / "bank.h5"
    write_bank(path, [full(), small()])
    return path.read_bytes()


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """Return the folders and banks that tests of commands share."""
    from commands import laboratory

    return laboratory(tmp_path_factory)


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """Return the folder with a case, its sources and its archive, which no test changes."""
    from cases import made_case

    return made_case(tmp_path_factory)


@pytest.fixture
def case(made, tmp_path) -> Path:
    """Return a copy of the case, in another place."""
    return Path(shutil.copytree(made / "case", tmp_path / "moved" / "case"))


@pytest.fixture
def bank(content, tmp_path) -> Path:
    """Return a file of its own that holds the bank of `content`."""
    path = tmp_path / "bank.h5"
    path.write_bytes(content)
    return path
