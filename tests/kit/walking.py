"""The documentation walked as a newcomer does: every block in its order, in a prepared folder."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from commands import fp
from published import write_published
from scipy.ndimage import gaussian_filter
from synthetic import Generator, photograph, save, write_generated, write_photographs

CANNOT_RUN = {
    "python -m venv .venv": "the tests run in an environment already",
    ". .venv/bin/activate": "the tests run in an environment already",
    "git clone ADDRESS fp && cd fp": "its address is the reader's to fill in",
    "python -m venv .venv && . .venv/bin/activate": "the tests run in an environment already",
    "python -m pip install -c constraints.txt torch --index-url "
    "https://download.pytorch.org/whl/cpu": "fetches torch; what is tested is installed",
    "python -m pip install -c constraints.txt .": "fetches torch; what is tested is installed",
    "python -m pip install -c constraints.txt . && fp demo": "fetches torch; start.md has the demo",
    'python -m pip install -c constraints.txt ".[dev]" && '
    "python -m pytest -n 2 --dist loadfile": "is what runs now",
    **{
        f"python benchmarks/fuzz.py {door} --count 10205 --seed 1 --work fuzz/": "takes an hour"
        for door in ("images", "containers", "fingerprints", "patterns", "cases")
    },
    "python benchmarks/fuzz.py command --count 300 --seed 1 --work fuzz/": "takes minutes",
    "python benchmarks/fuzz.py report --work fuzz/": "reports on the runs above",
    "pip install atheris": "fetches a package",
    **{
        f"python benchmarks/fuzz_coverage.py {door} --minutes 30 --work fuzz/": "takes half an hour"
        for door in ("images", "containers", "fingerprints", "patterns", "cases")
    },
    "python benchmarks/fuzz_coverage.py report --work fuzz/": "reports on the runs above",
    "python benchmarks/flips.py run --flips 1 --seed 0 --work flips/": "takes minutes",
    "python benchmarks/flips.py run --flips 1200 --seed 1 --work flips/": "takes an hour",
    "python benchmarks/flips.py report --work flips/": "reports on the runs above",
    "python benchmarks/kills.py run --kills 50 --seed 1 --work kills/": "takes half an hour",
    "python benchmarks/kills.py report --work kills/": "reports on the run above",
}
"""Commands that no test can run here, each with its reason; all others are run."""

PAPER = (
    "fp extract --method dif --denoiser dncnn --generated sd14/ --real photographs/ -o sd14-dif.h5"
)
CROSS_FIT = (
    "fp extract --method dif --cross-fit --folds 2 --generated sd14/ --real photographs/ "
    "-o sd14-all.h5"
)

INSTEAD = {
    "fp demo": "fp demo --quick",
    **{command: f"{command} --steps 20" for command in (PAPER, CROSS_FIT)},
}
"""What is run in another form: tests/demo/test_demo.py has the whole demo, and 480 steps of dif,
once and three times, take minutes."""

EXIT = {
    "fp detect mine.h5 fp-demo/images/unknown -o case/": 3,  # two of the demo's files are broken
    # A quarter of the few images here supports no claim at 0.05, as the text says.
    PAPER: 3,
}
"""Exit codes that the text announces."""

KINDS = ("console", "output", "python", "toml", "text")

_FENCE = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"\\?[+-]?\d+(?:\\?\.\d+)?")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    kind: str
    code: str
    line: int


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page in their order."""
    text = page.read_text("utf-8")
    return [
        Block(found["kind"].strip(), found["code"], text.count("\n", 0, found.start()) + 1)
        for found in _FENCE.finditer(text)
        if not found["kind"].startswith("{")  # a directive of the site, such as its contents
    ]


def commands_of(code: str) -> Iterator[str]:
    """Yield the commands of a console block: a line each, continued after a backslash."""
    for line in code.replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.strip()


def stock(folder: Path) -> None:
    """Make the folders that the documentation speaks of, small."""
    write_generated(folder / "sd14", 32, Generator(0))
    write_generated(folder / "midjourney", 32, Generator(1))
    write_photographs(folder / "photographs", 32)
    for place, count in (("unknown", 4), ("seized", 2), ("pictures", 4)):
        write_generated(folder / place, count, Generator(0), first=1000)
        write_photographs(folder / place, count, first=1000)
    for seed, name in ((0, "parent"), (1, "stranger")):
        write_generated(folder / "generators" / name, 32, Generator(seed), first=2000)
    write_photographs(folder / "dataset" / "real", 36, first=3000)
    for seed, name in ((0, "first"), (1, "second")):
        write_generated(folder / "dataset" / "generated" / name, 36, Generator(seed), first=3000)
    save(photograph(4000, 256), folder / "picture.png")
    drawn = np.mean([Generator(0).draw(5000 + n) for n in range(64)], axis=0).transpose(2, 0, 1)
    write_published(folder / "chk_0.pt", drawn - gaussian_filter(drawn, (0, 1, 1)))
    paths = sorted(path for path in (folder / "dataset").rglob("*") if path.is_file())
    rows = [
        f"{path.relative_to(folder / 'dataset')},{'generated' in path.parts:d}.5" for path in paths
    ]
    (folder / "scores.csv").write_text("path,score\n" + "\n".join(rows) + "\n", "utf-8")


class Walk:
    """One page, walked from its first block to its last."""

    def __init__(self, page: Path, folder: Path) -> None:
        self.page = page
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "page"}
        self.said = ""

    def run(self, block: Block) -> None:
        """Do what a block says; anything that goes wrong fails the test and names the line."""
        place = f"{self.page.name}:{block.line}"
        assert block.kind in KINDS, f"{place}: a block must be one of {', '.join(KINDS)}"
        with contextlib.chdir(self.folder):
            getattr(self, f"_{block.kind}")(block, place)

    def _console(self, block: Block, place: str) -> None:
        self.said = ""
        for line in commands_of(block.code):
            if line not in CANNOT_RUN:
                self._command(INSTEAD.get(line, line), EXIT.get(line, 0), place)

    def _command(self, command: str, expected: int, place: str) -> None:
        if command.startswith("fp ") and not re.search(r"[|<>;$&]", command):
            outcome = fp(*shlex.split(command)[1:])
            code, out, err = outcome.code, outcome.out, outcome.err
        else:
            found = subprocess.run(
                ["bash", "-c", command],
                env={**os.environ, "PATH": f"{self._shims()}:{os.environ['PATH']}"},
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            code, out, err = found.returncode, found.stdout, found.stderr
        assert code == expected, f"{place}: {command}: exit code {code}\n{out}{err}"
        self.said += err + out

    def _shims(self) -> Path:
        folder = self.folder / ".bin"
        folder.mkdir(exist_ok=True)
        shim = folder / "fp"
        shim.write_text(f'#!/bin/sh\nexec {sys.executable} -m fp.cli.main "$@"\n', "utf-8")
        shim.chmod(0o755)
        return folder

    def _output(self, block: Block, place: str) -> None:
        """Check that the lines were said, in this order; numbers and '...' stand for others."""
        said = self.said.splitlines()
        for line in block.code.splitlines():
            if line.strip() == "...":
                continue
            pattern = re.escape(line).replace(re.escape("..."), ".*")
            pattern = _NUMBER.sub(r"[+-]?\\d+(?:\\.\\d+)?", pattern)
            where = [n for n, other in enumerate(said) if re.fullmatch(pattern, other.rstrip())]
            assert where, f"{place}: nothing said {line!r}, but\n{self.said}"
            said = said[where[0] + 1 :]

    def _python(self, block: Block, place: str) -> None:
        code = compile("\n" * block.line + block.code, str(self.page), "exec", dont_inherit=True)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(code, self.names)
        self.said = out.getvalue()

    def _toml(self, block: Block, place: str) -> None:
        """Write a file that the block names in its first line."""
        tomllib.loads(block.code)
        name = re.match(r"# (\S+\.toml)\n", block.code)
        assert name, f"{place}: the first line must be a comment with the name of the file"
        (self.folder / name[1]).write_text(block.code, "utf-8")

    def _text(self, block: Block, place: str) -> None:
        """Check that no command hides in it."""
        if self.page.name == "commands.md":  # help texts, whose examples test_cli.py parses
            return
        for line in block.code.splitlines():
            assert not re.match(r"(\$ )?(fp|python|pip) ", line), f"{place}: name it console"


def copy_of(stocked: Path, folder: Path, text: str) -> None:
    """Write a page's own copy of the folders and of fingerprints that it does not make."""
    for path in stocked.iterdir():
        made = re.search(rf"""(-o |bank add |save\("){re.escape(path.name)}""", text)
        if path.is_dir():
            shutil.copytree(path, folder / path.name)
        elif path.suffix != ".h5" or not made:
            shutil.copy2(path, folder / path.name)


def make_fingerprints(folder: Path) -> None:
    """Make the fingerprints that pages take for granted."""
    with contextlib.chdir(folder):
        for name, kind, title in (("sd14", "sd14", "SD 1.4"), ("midjourney", "midjourney", "M")):
            arguments = ("--generated", kind, "--real", "photographs", "--name", title)
            assert fp("extract", *arguments, "-o", f"{name}.h5", "--jobs", 1).code == 0
        assert fp("bank", "add", "bank.h5", "sd14.h5", "midjourney.h5").code == 0
        shutil.copy2("bank.h5", "generators.h5")
