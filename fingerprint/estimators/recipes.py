"""Which estimators a method joins, by name: the only place that lists them."""

from __future__ import annotations

from typing import Any

Listed = tuple[tuple[str, dict[str, Any]], ...]
"""Estimators with the parameters that differ from their defaults."""

LATTICE: Listed = (
    ("tile", {}),
    ("tile", {"covariance": "diagonal"}),
    ("cyclic", {"period": 8}),
    ("cyclic", {"period": 2}),
)
JOINED: dict[str, tuple[Listed, str]] = {
    "lattice": (LATTICE, "tile and cyclic joined: all closed forms that speak of the generator"),
    "auto": ((*LATTICE, ("spectrum", {})), "lattice and spectrum joined; the default"),
}
"""Methods that join parts, with what they are."""

DEFAULT = "auto"

SECOND_LOOK = "dif"
"""What a joined method tries where its closed forms are weak; it is optimised, by steps."""

OF_EXPERTS: Listed = (
    ("cosine", {}),
    ("blocks", {}),
    ("cooccurrence", {"scale": 2}),
    ("cooccurrence", {"scale": 4}),
    ("highpass", {}),
)
"""Parts that look at pixels: experts of a joined method have them beside those of the method."""

OF_GATE = "blocks"
"""What the gate between experts reads: it does not move with the place of a crop."""
