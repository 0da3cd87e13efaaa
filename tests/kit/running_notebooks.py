"""Notebooks run from a clean kernel, each in a folder of its own.

    python tests/kit/running_notebooks.py

runs all of them and puts what they print and draw into their second form, NAME.ipynb.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from project import PROJECT

FOLDER = PROJECT / "notebooks"
SCRIPTS = sorted(FOLDER.glob("*.py"))


def run(script: Path, folder: Path) -> Any:
    """Return a notebook as it was run from its first form, in an empty folder."""
    notebook = jupytext.read(script)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    return notebook


def told(notebook: Any) -> list[list[str]]:
    """Return what each cell of code printed and drew; numbers but those of figures are open."""
    return [[*_told_by(cell)] for cell in notebook.cells if cell.cell_type == "code"]


def _told_by(cell: Any) -> list[str]:
    found: list[str] = []
    for output in cell.outputs:
        if output.output_type == "stream":
            text, kind = output.text, output.name
            if found and found[-1].startswith(f"{kind}: "):
                found[-1] += _open(text)  # it comes in pieces, as the kernel sends it
            else:
                found.append(f"{kind}: {_open(text)}")
        else:
            plain = output.data.get("text/plain", "")
            figure = plain.startswith("<Figure")
            found.append(f"{sorted(output.data)} {plain if figure else _open(plain)}")
    return found


def _open(text: str) -> str:
    return re.sub(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+(\.\d+)?", "0", text)


def main() -> None:
    """Run all notebooks and put their outputs where they are read."""
    for script in SCRIPTS:
        shipped = script.with_suffix(".ipynb")
        with TemporaryDirectory() as folder:
            made = run(script, Path(folder))
        kept = nbformat.read(shipped, as_version=4)
        for cell, other in zip(kept.cells, made.cells, strict=True):
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = other.outputs, other.execution_count
                cell.metadata.pop("execution", None)  # when it was
        nbformat.write(kept, shipped)
        sys.stdout.write(f"{shipped.name}: {shipped.stat().st_size / 1024:.0f} KiB\n")


if __name__ == "__main__":
    main()
