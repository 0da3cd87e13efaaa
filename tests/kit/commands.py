"""Running ``fp`` from a test, and the small laboratory that its tests share."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from unittest import mock

import pytest
from synthetic import Generator, write_generated, write_photographs

from fp.cli.main import main
from fp.denoisers.cache import ResidualCache
from fp.fingerprint.extraction.extraction import extract
from fp.fingerprint.extraction.options import ExtractOptions
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store.bank import write_bank

TABLES = ("detections.jsonl", "detections.csv", "attributions.csv")

EPOCH = "1700000000"

HEAVY = (
    "torch", "numba", "scipy", "scipy.stats", "skimage", "sklearn", "h5py", "matplotlib", "pywt",
)  # fmt: skip
LIGHTER = ("numpy", "PIL", "rich")  # a list may need these, a help text does not

_IMPORTED = """
import sys
from fp.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as leaving:
    assert leaving.code == 0, leaving.code
print("imported:", *sorted(set({packages}) & set(sys.modules)))
"""


@dataclass(frozen=True)
class Outcome:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one sentence of a failure; anything else on standard error is a failed test."""
        assert self.err.startswith("fp: "), self.err
        assert self.err.endswith(".\n"), self.err
        assert self.err.count("\n") == 1, self.err
        return self.err[4:-1]


def fp(*arguments: object) -> Outcome:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as leaving,
    ):
        main([str(argument) for argument in arguments])
    code = leaving.value.code
    assert isinstance(code, int)
    return Outcome(code, out.getvalue(), err.getvalue())


def fp_process(*arguments: object, **environment: object) -> Outcome:
    """Run a command in a process of its own, to its end."""
    with start(*arguments, **environment) as process:
        out, err = process.communicate(timeout=120)
    return Outcome(process.returncode, out, err)


def start(*arguments: object, **environment: object) -> subprocess.Popen[str]:
    """Start a command in a process of its own."""
    texts = {name: str(value) for name, value in environment.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "fp.cli.main", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that a signal to its group is not one to ours
        # A suite that was started in the background ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env={**os.environ, "OMP_NUM_THREADS": "1", "SOURCE_DATE_EPOCH": EPOCH, **texts},
    )


def imported(*arguments: object) -> set[str]:
    """Run a command in a fresh process and say which of these packages it loaded."""
    code = _IMPORTED.format(packages=HEAVY + LIGHTER)
    found = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return set(found.stdout.rpartition("imported:")[2].split())


def wait_for(
    condition: Callable[[], bool], process: subprocess.Popen[str], patience: float = 60
) -> None:
    """Wait until something holds, or the process has ended."""
    end = time.monotonic() + patience
    while not condition() and process.poll() is None:
        assert time.monotonic() < end, "the command is stuck"
        time.sleep(0.002)


@contextlib.contextmanager
def environment(**values: object) -> Iterator[None]:
    """Set environment variables for a block."""
    with mock.patch.dict(os.environ, {name: str(value) for name, value in values.items()}):
        yield


@dataclass(frozen=True)
class Laboratory:
    """Small folders of pictures, and fingerprints of two generators.

    Parameters
    ----------
    folder : Path
        Holds ``real``, ``made0``, ``made1`` and ``unknown``, which has some of each.
    """

    folder: Path

    @property
    def real(self) -> Path:
        """Reference photographs."""
        return self.folder / "real"

    @property
    def unknown(self) -> Path:
        """Pictures of all three origins that no fingerprint was made from; names tell which."""
        return self.folder / "unknown"

    def made(self, seed: int) -> Path:
        """Pictures of a generator."""
        return self.folder / f"made{seed}"

    @property
    def cache(self) -> Path:
        """Folder of residuals."""
        return self.folder / "cache"

    def fingerprint(self, seed: int, options: ExtractOptions) -> Fingerprint:
        """Extract a generator's fingerprint."""
        cache = ResidualCache(self.cache)
        return extract(self.made(seed), self.real, f"gen {seed}", options, cache).fingerprint

    @cached_property
    def single(self) -> Path:
        """A bank of the first generator."""
        return self._bank(
            "single.h5",
            [self.fingerprint(0, ExtractOptions(folds=4, denoiser="wavelet", conditions=False))],
        )

    @cached_property
    def pair(self) -> Path:
        """A bank of both."""
        options = ExtractOptions(folds=4, denoiser="wavelet", conditions=False)
        return self._bank("pair.h5", [self.fingerprint(seed, options) for seed in (0, 1)])

    @cached_property
    def small(self) -> Path:
        """A bank of the first generator that examines 32 x 32 pixels."""
        options = ExtractOptions(method="mean", folds=4, size=(32, 32), denoiser="wavelet")
        return self._bank("small.h5", [self.fingerprint(0, options)])

    def _bank(self, name: str, members: list[Fingerprint]) -> Path:
        write_bank(self.folder / name, members)
        return self.folder / name


_made: list[Laboratory] = []


def laboratory(factory: pytest.TempPathFactory) -> Laboratory:
    """Return the laboratory, made once a session."""
    if not _made:
        _made.append(laboratory_in(factory.mktemp("laboratory")))
    return _made[0]


def laboratory_in(folder: Path) -> Laboratory:
    """Make a laboratory in a folder."""
    lab = Laboratory(folder)
    write_photographs(lab.real, 24)
    write_photographs(lab.unknown, 8, first=1000)
    for seed in (0, 1):
        write_generated(lab.made(seed), 24, Generator(seed))
        write_generated(lab.unknown, 8, Generator(seed), first=1000)
    return lab


def tables(folder: Path) -> dict[str, bytes]:
    """Read the tables that a detection wrote."""
    return {name: (folder / name).read_bytes() for name in TABLES}


def json_rows(folder: Path) -> list[dict[str, object]]:
    """Read ``detections.jsonl``."""
    text = (folder / "detections.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.split("\n")[:-1]]


def csv_rows(table: Path) -> list[dict[str, str]]:
    """Read a table."""
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def state(folder: Path) -> Mapping[str, tuple[int, int, str]]:
    """Return mode, time of change and hash of everything in a folder."""
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        status = path.lstat()
        digest = ""
        if path.is_file() and not path.is_symlink() and status.st_size < 2**24:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path)] = (status.st_mode, status.st_mtime_ns, digest)
    return found
