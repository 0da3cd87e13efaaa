"""From a stored fingerprint and features of images to scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fp.fingerprint.estimators.protocol import Fitted
from fp.fingerprint.learning import method as learning
from fp.fingerprint.learning.fusion import Fusion
from fp.fingerprint.learning.method import Recipe, Scored, Stacks
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.model.joined import Part
from fp.fingerprint.model.typicality import SCORES
from fp.system.errors import UsageError


def recipe_of(fingerprint: Fingerprint) -> Recipe:
    """Return the method that a fingerprint was made with, with the parameters that it stores.

    UsageError if this fp does not know the method or a parameter, or the parts are not the
    method's.
    """
    made = learning.recipe(fingerprint.method, _parameters(fingerprint))
    joined = fingerprint.joined
    views = set() if joined is None else set(joined.typicality.views) - {SCORES, *made.reads}
    if made.joins != (joined is not None) or views:
        raise UsageError(
            f"Fingerprint {fingerprint.name!r} of method {fingerprint.method!r} does not have the "
            "parts of that method; extract it again."
        )
    return made


def recipe_of_parts(method: str, parts: Sequence[Part]) -> Recipe:
    """Return a method that joins stored parts, with the parameters that they store."""
    listed = [[part.method, part.parameters.get("method", {})] for part in parts]
    return learning.recipe(method, {"parts": listed})


def _parameters(fingerprint: Fingerprint) -> dict[str, Any]:
    if fingerprint.joined is None:
        return dict(fingerprint.parameters.get("method", {}))
    parts = fingerprint.joined.parts
    return {"parts": [[part.method, part.parameters.get("method", {})] for part in parts]}


def fitted_of(fingerprint: Fingerprint) -> list[Fitted]:
    """Return what the estimators of a fingerprint have learned, one or several."""
    if fingerprint.joined is None:
        return [Fitted(fingerprint.pattern, fingerprint.offset)]
    return [Fitted(part.pattern, part.offset) for part in fingerprint.joined.parts]


def score(fingerprint: Fingerprint, stacks: Stacks, recipe: Recipe) -> Scored:
    """Score images by a fingerprint and its recipe, which is made once."""
    joined, fitted = fingerprint.joined, fitted_of(fingerprint)
    if joined is None:
        return learning.score(recipe, fitted, None, None, stacks)
    fusion = Fusion(fingerprint.pattern[0], np.array([fingerprint.offset, joined.specific_offset]))
    return learning.score(recipe, fitted, fusion, joined.typicality, stacks)
