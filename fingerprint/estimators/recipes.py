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

OF_CONDITIONS: Listed = (
    ("tile", {"periods": [8]}),
    ("cyclic", {"period": 2}),
    ("spectrum", {}),
    ("blocks", {}),
    ("cooccurrence", {"scale": 2}),
    ("highpass", {}),
)
"""Parts that are learned from versions of images, where a method joins several."""

OF_CODING = ("blocks", "spectrum")
"""What the coding of an image is measured by."""
