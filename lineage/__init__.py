"""Cross-detection matrices and the families of generators that they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fp.system.front_door import front_door

if TYPE_CHECKING:
    from fp.api.families import find_families
    from fp.lineage.analysis import Lineage
    from fp.lineage.options import LineageOptions

__all__ = ["Lineage", "LineageOptions", "find_families"]

__getattr__, __dir__ = front_door(
    __name__,
    {
        "fp.api.families": ("Lineage", "find_families"),
        "fp.lineage.options": ("LineageOptions",),
    },
)
