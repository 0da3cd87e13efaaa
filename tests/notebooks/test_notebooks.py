"""The notebooks run from a clean kernel, and the two forms of each say the same."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest
from project import PROJECT
from public_surface import ROOMS

running = pytest.importorskip("running_notebooks")

NAMES = ("a_case", "a_lineage_question", "how_far_can_i_trust_it", "why_a_cnn_leaves_a_fingerprint")

MOST_BYTES = 2**20
"""Of a notebook with its outputs."""

# In a process of its own: the kernel's client brings its own warnings and its own event loop.
RUN = """
import json
import sys
from pathlib import Path
from running_notebooks import run, told
print(json.dumps(told(run(Path(sys.argv[1]), Path(sys.argv[2])))))
"""


def pair(script: Path):
    """Read both forms of a notebook."""
    read = running.jupytext.read
    return read(script), read(script.with_suffix(".ipynb"))


def test_the_four_notebooks_are_there():
    assert tuple(path.stem for path in running.SCRIPTS) == NAMES
    assert tuple(path.stem for path in sorted(running.FOLDER.glob("*.ipynb"))) == NAMES


@pytest.mark.parametrize("script", running.SCRIPTS, ids=lambda path: path.stem)
def test_both_forms_say_the_same(script):
    written, notebook = pair(script)
    assert [(cell.cell_type, cell.source) for cell in written.cells] == [
        (cell.cell_type, cell.source) for cell in notebook.cells
    ], "generate it again: jupytext --update --to ipynb notebooks/*.py"


def is_public(room, name):
    """Return whether a front door of fp has this name."""
    return room in ROOMS and (name in import_module(room).__all__ or name == "__version__")


def not_public(source):
    """Return what code takes from fp that is no public name, and modules that it runs by name."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name not in (*ROOMS, "fp")]
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names if not is_public(node.module, alias.name)]
            found += [f"{node.module}.{name}" for name in names]
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in ROOMS:
            found += [ast.unparse(node)] * (not is_public(ast.unparse(node.value), node.attr))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found += [node.value] * bool(re.fullmatch(r"fp(\.\w+)+", node.value))
    return [name for name in found if name.startswith("fp.")]


@pytest.mark.parametrize("script", running.SCRIPTS, ids=lambda path: path.stem)
def test_it_uses_public_names_alone(script):
    written, _ = pair(script)
    code = "\n".join(cell.source for cell in written.cells if cell.cell_type == "code")
    assert not not_public(code)


def test_what_is_no_public_name_is_found():
    allowed = "import fp.fingerprint\nfrom fp.lineage import find_families\nimport fpdf\n"
    assert not_public(allowed + "fp.fingerprint.look('a.png')\nfp('detect')\n'fp'") == []
    for wrong, name in (
        ("from fp.fingerprint import Bank, tile", "fp.fingerprint.tile"),
        ("from fp.reports.figures import INK", "fp.reports.figures.INK"),
        ("import fp.demo.images as made", "fp.demo.images"),
        ("import fp.fingerprint\nfp.fingerprint.store.bank.read_bank", "fp.fingerprint.store"),
        ("run(['-m', 'fp.cli.main'])", "fp.cli.main"),
    ):
        assert not_public(wrong) == [name]


@pytest.mark.parametrize("script", running.SCRIPTS, ids=lambda path: path.stem)
def test_its_figures_come_with_it_and_nothing_of_the_machine(script):
    _, notebook = pair(script)
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    assert sum("image/png" in out.get("data", {}) for out in outputs) >= 3
    assert script.with_suffix(".ipynb").stat().st_size <= MOST_BYTES
    texts = [out.get("text", "") + str(out.get("data", {}).get("text/plain")) for out in outputs]
    assert not re.search(r"/(home|root|tmp|work|Users)/", "".join(texts))


@pytest.mark.parametrize("script", running.SCRIPTS, ids=lambda path: path.stem)
def test_the_text_gives_no_verdict(script):
    text = script.read_text("utf-8")
    assert not re.search(r"\bmatch(es|ed)?\b(?<!--match)|\bprove[sdn]?\b|\bis (a )?fake\b", text)


@pytest.mark.slow
@pytest.mark.parametrize("script", running.SCRIPTS, ids=lambda path: path.stem)
def test_it_runs_from_a_clean_kernel(script, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    own = {"FP_CACHE": str(tmp_path / "cache"), "IPYTHONDIR": str(tmp_path / "ipython")}
    own["PYTHONPATH"] = str(PROJECT / "tests" / "kit")
    started = time.monotonic()
    found = subprocess.run(
        [sys.executable, "-c", RUN, script, work],
        env={**os.environ, "OMP_NUM_THREADS": "1", **own},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert found.returncode == 0, found.stdout + found.stderr[-4000:]
    cells = json.loads(found.stdout)
    assert not [line for cell in cells for line in cell if line.startswith("stderr: ")]
    _, notebook = pair(script)
    assert cells == running.told(notebook), "run it again: python tests/kit/running_notebooks.py"
    # All four together stay well under ten minutes, also on a machine that does other things.
    assert time.monotonic() - started < 150
