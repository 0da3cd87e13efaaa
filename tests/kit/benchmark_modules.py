"""The benchmarks as modules, imported as they import each other, and forgotten afterwards."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import torch
from project import PROJECT

_FOLDER = PROJECT / "benchmarks"


@contextmanager
def imported(names: tuple[str, ...]) -> Iterator[SimpleNamespace]:
    """Lend the benchmarks of these names; the number of threads is put back after them."""
    before = set(sys.modules)
    sys.path.insert(0, str(_FOLDER))
    threads = torch.get_num_threads()
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    finally:
        torch.set_num_threads(threads)
        sys.path.remove(str(_FOLDER))
        for name in set(sys.modules) - before:
            if (_FOLDER / f"{name}.py").exists():
                sys.modules.pop(name, None)
