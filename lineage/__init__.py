"""Cross-detection matrices and the families of generators that they show."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fp.lineage.analysis import Lineage, LineageOptions
    from fp.lineage.api import find_families

__all__ = ["Lineage", "LineageOptions", "find_families"]

_HOME = {"analysis": ("Lineage", "LineageOptions"), "api": ("find_families",)}


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"fp.lineage.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
