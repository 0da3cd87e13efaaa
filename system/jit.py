"""How loops are compiled: by Numba, kept on disk, without leave to reorder a sum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core import event

from fp.system.first_use import compiling

_Function = TypeVar("_Function", bound=Callable[..., Any])


class _Compilations(event.Listener):
    """Listener for each loop that is compiled, but not for those found on disk."""

    def on_start(self, event: object) -> None:
        compiling()

    def on_end(self, event: object) -> None:
        pass


event.register("numba:compile", _Compilations())  # type: ignore[no-untyped-call]


def compiled(function: _Function, *, parallel: bool = False, reordered: bool = False) -> _Function:
    """Compile a function of arrays and numbers when it is first called.

    With `parallel` its ``prange`` loops run on several threads. With `reordered` the compiler may
    settle another order of its sums, once for the processor; without, no fast-math flag is set, so
    sums keep the order that is written.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "parallel": parallel}
    if reordered:
        options["fastmath"] = {"reassoc", "contract"}
    try:
        kernel = numba.njit(function, cache=True, **options)
    except RuntimeError:  # no folder for the cache is writable: compile in each process instead
        kernel = numba.njit(function, **options)
    return cast(_Function, kernel)


def compiled_parallel(function: _Function) -> _Function:
    """Compile a function whose ``prange`` loops run on several threads; see `compiled`."""
    return compiled(function, parallel=True)


def compiled_reordered(function: _Function) -> _Function:
    """Compile a function whose sums the compiler may order as the processor likes it."""
    return compiled(function, reordered=True)
