"""A second look where the closed forms are weak, with `dif` joined.

It costs minutes and three quarters of the calibration images, so it is kept only where it finds
what the closed forms did not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fp.fingerprint.estimators import registry as estimators
from fp.fingerprint.estimators.recipes import SECOND_LOOK
from fp.fingerprint.learning.method import Recipe
from fp.fingerprint.learning.strength import is_weak, permutation_p
from fp.fingerprint.model.fingerprint import Fingerprint

FEWEST = 76
"""Fewest images of a class: with `dif` a quarter of them calibrates, and 19 reach p = 0.05."""


def is_due(fingerprint: Fingerprint, recipe: Recipe) -> bool:
    """Return whether a fingerprint of closed forms calls for a second look.

    It does where it joins closed forms only, is weak, and has 76 images or more of each class.
    """
    found = fingerprint.calibration
    enough = min(found.real.size, found.generated.size) >= FEWEST
    return recipe.joins and recipe.is_closed_form and enough and is_weak(fingerprint)


def with_dif(recipe: Recipe, parameters: Mapping[str, Any]) -> Recipe:
    """Join `dif`, with parameters that differ from its defaults, to a method that joins parts."""
    return replace(recipe, parts=(*recipe.parts, estimators.get(SECOND_LOOK, **parameters)))


def choose(first: Fingerprint, second: Fingerprint) -> Fingerprint:
    """Choose between the closed forms, which are weak, and the same with `dif`.

    It is the second where its held-out scores separate (permutation p at most 0.01), else the
    first; its parameters tell what was tried. Both looks err with a chance of 1 %, so of patterns
    that are none up to 2 % pass.
    """
    chosen = first if is_weak(second) else second
    told = {"joined": chosen is second, "p": permutation_p(second.calibration)}
    return replace(chosen, parameters={**chosen.parameters, "second_look": told})
