"""A method from its name to its scores: one estimator or several joined.

``lattice`` joins the closed forms that speak of the generator; ``auto`` adds the spectrum, and
`dif` where it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fp.fingerprint.estimators import registry as estimators
from fp.fingerprint.estimators.folds import Labelled
from fp.fingerprint.estimators.protocol import Course, Estimator, Fitted
from fp.fingerprint.estimators.recipes import JOINED
from fp.fingerprint.learning import typicality
from fp.fingerprint.learning.crossfit import HeldOut, learn_and_hold_out
from fp.fingerprint.learning.fusion import Fusion, fuse, hold_out
from fp.fingerprint.model.typicality import SCORES, Distances, Typicality
from fp.system.arrays import Array, Doubles, Flags, Floats, Indices
from fp.system.errors import UsageError
from fp.system.workers import side_by_side

Stacks = Mapping[str, Array]
"""Features of images by name; rows are images."""


@dataclass(frozen=True)
class Recipe:
    """How a method learns and scores.

    Parameters
    ----------
    name : str
        Name of the method.
    parts : tuple of Estimator
        Its estimators; one, unless the method joins several.
    """

    name: str
    parts: tuple[Estimator, ...]

    @property
    def joins(self) -> bool:
        """Whether the scores of several parts are joined."""
        return self.name in JOINED

    @property
    def specific(self) -> Flags:
        """Which parts speak of the generator; a baseline does, where it stands alone."""
        known = ("generator-specific",) if self.joins else ("generator-specific", "baseline")
        return np.array([part.role in known for part in self.parts])

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the features that its parts read, each once."""
        return tuple(dict.fromkeys(part.reads for part in self.parts))

    @property
    def is_closed_form(self) -> bool:
        """Whether no part of it takes minutes to learn."""
        return not any(part.dear for part in self.parts)

    @property
    def scores_all(self) -> bool:
        """Whether every image that it learns from gets a held-out score."""
        return all(part.calibration == "cross-fitted" for part in self.parts)

    @property
    def correlates(self) -> bool:
        """Whether its score is a correlation."""
        return not self.joins and self.parts[0].correlates

    @property
    def any_coding(self) -> bool:
        """Whether what it claims needs no test of the coding."""
        return not self.joins and self.parts[0].any_coding

    def features(self, residual_chw: Floats) -> dict[str, Array]:
        """Reduce a residual (3, H, W) to the features that its parts read, by name."""
        readers = {part.reads: part for part in self.parts}
        return {name: readers[name].features(residual_chw) for name in self.reads}

    def views(self, stacks: Stacks) -> dict[str, Doubles]:
        """Return what tells what is typical of a generator, by the names of the features."""
        readers = {part.reads: part for part in self.parts}
        found = {name: readers[name].view(stacks[name]) for name in self.reads}
        return {name: rows for name, rows in found.items() if rows is not None}

    def fitting(self, side: int) -> Recipe:
        """Return the method without the parts that need a larger square."""
        if not self.joins:
            return self
        return replace(self, parts=tuple(p for p in self.parts if p.smallest <= side))

    def learn(
        self, stacks: Stacks, known: Labelled, course: Course | None = None, jobs: int = 1
    ) -> Learned:
        """Learn from images, and score them by what had not seen them.

        `stacks` holds features (N, ...) by name; a source group is never on both sides. The result
        does not depend on the number of parts that are learned at once.
        """

        def hold(part: Estimator) -> HeldOut:
            return learn_and_hold_out(part, stacks[part.reads], known, course)

        # A long fit stays in the main thread, where an interrupt reaches it.
        held = tuple(side_by_side(hold, self.parts, jobs if self.is_closed_form else 1))
        if not self.joins:
            return Learned(self, held, held[0])
        # A part that holds back a quarter scores that quarter alone; the fusion learns there.
        index = held[0].index
        for other in held[1:]:
            index = np.intersect1d(index, other.index)
        parts = np.column_stack([h.scores[np.searchsorted(h.index, index)] for h in held])
        specific = self.specific
        scored = known.of(index)
        fusion = fuse(parts, specific, scored.labels, scored.groups)
        scores = hold_out(parts, specific, scored.labels, scored.groups, known.seed)
        scheme = f"{held[-1].scheme}, then joined by weights from the other folds"
        views = self.views({name: stacks[name][index] for name in self.reads}) | {SCORES: parts}
        typical = typicality.learn(views, scored.labels, scored.deal())
        whole = HeldOut(scores[:, 0], index, held[0].fitted, scheme)
        return Learned(
            self,
            tuple(_at(h, index) for h in held),
            whole,
            replace(whole, scores=scores[:, 1]),
            fusion,
            typical,
        )


@dataclass(frozen=True, eq=False)
class Learned:
    """What a method learned, with scores of images that it had not seen.

    Parameters
    ----------
    recipe : Recipe
        The method.
    parts : tuple of HeldOut
        Pattern and held-out scores of each part.
    held : HeldOut
        Held-out scores of the method; for one part its own.
    specific : HeldOut or None
        The same from the generator's evidence alone, where parts are joined.
    fusion : Fusion or None
        Weights of the parts, where they are joined.
    typicality : Typicality or None
        What is ordinary for the generator, where parts are joined.
    """

    recipe: Recipe
    parts: tuple[HeldOut, ...]
    held: HeldOut
    specific: HeldOut | None = None
    fusion: Fusion | None = None
    typicality: Typicality | None = None

    def score(self, stacks: Stacks) -> Doubles:
        """Score images, shape (M,), by their features."""
        return self.score_all(stacks).score

    def score_all(self, stacks: Stacks) -> Scored:
        """Score images with all that the parts say."""
        fitted = [part.fitted for part in self.parts]
        return score(self.recipe, fitted, self.fusion, self.typicality, stacks)


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of M images.

    Parameters
    ----------
    score : ndarray of float64, shape (M,)
        Score of the method.
    parts : ndarray of float64, shape (M, K)
        Score of each part.
    specific : ndarray of float64, shape (M,), or None
        Joined score of the generator's evidence alone.
    distances : Distances or None
        Distances from the generator's own images.
    """

    score: Doubles
    parts: Doubles
    specific: Doubles | None = None
    distances: Distances | None = None


def score(
    recipe: Recipe,
    fitted: Sequence[Fitted],
    fusion: Fusion | None,
    typical: Typicality | None,
    stacks: Stacks,
) -> Scored:
    """Score M images, given by their features, by what was learned.

    The scores of an image do not depend on the others.
    """
    parts = np.column_stack(
        [
            part.score(stacks[part.reads], found.pattern, found.offset)
            for part, found in zip(recipe.parts, fitted, strict=True)
        ]
    )
    if fusion is None:
        return Scored(parts[:, 0], parts)
    joined = fusion.apply(parts)
    distances = None
    if typical is not None:
        distances = typical.measure({**recipe.views(stacks), SCORES: parts})
    return Scored(joined[:, 0], parts, joined[:, 1], distances)


def recipe(method: str, parameters: Mapping[str, Any] | None = None) -> Recipe:
    """Make a method: ``auto``, ``lattice``, or an estimator by its name.

    The parameters are the estimator's; of joined methods ``parts``, a list of [name, parameters]
    that replaces their own. UsageError if the method or a parameter is unknown.
    """
    given = dict(parameters or {})
    if method not in JOINED:
        if method not in names():
            raise UsageError(f"Unknown method {method!r}; there are {', '.join(names())}.")
        return Recipe(method, (estimators.get(method, **given),))
    listed = given.pop("parts", JOINED[method][0])
    if given:
        raise UsageError(f"Method {method!r} does not take {', '.join(sorted(given))}.")
    made = Recipe(method, tuple(estimators.get(name, **chosen) for name, chosen in listed))
    if not made.specific.any():
        raise UsageError(f"Method {method!r} needs a part that speaks of the generator.")
    return made


def names() -> list[str]:
    """Return the names of all methods, sorted."""
    return sorted([*JOINED, *estimators.names()])


def available() -> dict[str, str]:
    """Return the names of all methods with one line on each."""
    joined = {name: summary for name, (_, summary) in JOINED.items()}
    return dict(sorted({**estimators.available(), **joined}.items()))


def _at(held: HeldOut, index: Indices) -> HeldOut:
    chosen = np.searchsorted(held.index, index)
    return replace(held, scores=held.scores[chosen], index=index)
