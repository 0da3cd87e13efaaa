"""Methods of fp as the evaluation wants them, with what a decision rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fp.fingerprint.estimators.folds import Labelled
from fp.fingerprint.learning import method as learning
from fp.fingerprint.learning.crossfit import HeldOut
from fp.fingerprint.learning.method import Learned, Recipe
from fp.fingerprint.model.typicality import LEVEL
from fp.system.arrays import Array, Doubles, Flags, Floats, Indices


@dataclass(frozen=True, eq=False)
class Likeness:
    """How like a generator's own images others are.

    Parameters
    ----------
    typical : ndarray of bool, shape (M,)
        Whether the test of typicality lets a claim stand.
    distance : ndarray of float64, shape (M,)
        What fingerprints of a bank are ranked by.
    """

    typical: Flags
    distance: Doubles


@dataclass(frozen=True, eq=False)
class FpLearned:
    """A method of fp that has learned."""

    learned: Learned
    names: tuple[str, ...]

    @property
    def held(self) -> HeldOut:
        """Scores of training images by patterns that had not seen them."""
        return self.learned.held

    def score(self, stacks: tuple[Array, ...]) -> Doubles:
        """Score images, shape (M,)."""
        return self.learned.score(dict(zip(self.names, stacks, strict=True)))

    def likeness(self, stacks: tuple[Array, ...]) -> Likeness | None:
        """Compare images with the generator's own; None where the method does not know them."""
        typical = self.learned.typicality
        found = self.learned.score_all(dict(zip(self.names, stacks, strict=True))).distances
        if typical is None or found is None:
            return None
        p = np.array([typical.p(float(value)) for value in found.statistic])
        return Likeness(p > LEVEL, found.total)


@dataclass(frozen=True)
class FpMethod:
    """A method of fp."""

    recipe: Recipe

    @property
    def name(self) -> str:
        """Name of the method."""
        return self.recipe.name

    def parameters(self) -> dict[str, Any]:
        """Return all parameters of its parts; JSON types only."""
        return {"parts": [[part.name, part.parameters()] for part in self.recipe.parts]}

    def features(self, seen: Floats) -> tuple[Array, ...]:
        """Reduce a residual."""
        found = self.recipe.features(seen)
        return tuple(found[name] for name in self.recipe.reads)

    def learn(
        self, stacks: tuple[Array, ...], labels: Flags, groups: Indices, folds: int, seed: int
    ) -> FpLearned:
        """Learn, and score images that the patterns have not seen."""
        names = self.recipe.reads
        seeded = replace(self.recipe, parts=tuple(part.seeded(seed) for part in self.recipe.parts))
        named = dict(zip(names, stacks, strict=True))
        return FpLearned(seeded.learn(named, Labelled(labels, groups, folds, seed)), names)


def recipe(method: str, parameters: Mapping[str, Any] | None = None) -> FpMethod:
    """Make a method of fp by name."""
    return FpMethod(learning.recipe(method, parameters))
