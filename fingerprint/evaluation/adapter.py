"""Methods of fp as recipes: features, learning with held-out scores, and scoring, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from fp.fingerprint import estimators
from fp.fingerprint.crossfit import Groups, HeldOut, learn_and_hold_out
from fp.fingerprint.estimators import Array, Course, Estimator, Fitted, Labels, Scores
from fp.fingerprint.estimators.dif import Dif


@dataclass(frozen=True, eq=False)
class EstimatorLearned:
    """A pattern with its held-out scores."""

    estimator: Estimator
    held: HeldOut

    def score(self, stacks: tuple[Array, ...]) -> Scores:
        """Score images, shape (M,)."""
        fitted = self.held.fitted
        return self.estimator.score(stacks[0], fitted.pattern, fitted.offset)


@dataclass(frozen=True)
class EstimatorRecipe:
    """One estimator."""

    estimator: Estimator

    @property
    def name(self) -> str:
        """Name of the method."""
        return self.estimator.name

    def features(self, residual_chw: NDArray[np.float32]) -> tuple[Array, ...]:
        """Reduce a residual."""
        return (self.estimator.features(residual_chw),)

    def learn(
        self,
        stacks: tuple[Array, ...],
        labels: Labels,
        groups: Groups,
        folds: int,
        seed: int,
        course: Course | None = None,
    ) -> EstimatorLearned:
        """Learn, and score images that the pattern has not seen."""
        estimator = self.estimator
        if isinstance(estimator, Dif):
            estimator = replace(estimator, options=replace(estimator.options, seed=seed))
        held = learn_and_hold_out(estimator, stacks[0], labels, groups, folds, seed, course)
        return EstimatorLearned(estimator, held)


@dataclass(frozen=True, eq=False)
class FusedLearned:
    """Several patterns with one score."""

    parts: tuple[EstimatorLearned, ...]
    weights: Scores
    held: HeldOut

    def score(self, stacks: tuple[Array, ...]) -> Scores:
        """Score images, shape (M,)."""
        found = [part.score((stack,)) for part, stack in zip(self.parts, stacks, strict=True)]
        return np.asarray(np.stack(found, axis=1) @ self.weights)


@dataclass(frozen=True)
class FusedRecipe:
    """Logistic fusion of several estimators' held-out scores."""

    name: str
    parts: tuple[EstimatorRecipe, ...]

    def features(self, residual_chw: NDArray[np.float32]) -> tuple[Array, ...]:
        """Reduce a residual."""
        return tuple(part.features(residual_chw)[0] for part in self.parts)

    def learn(
        self,
        stacks: tuple[Array, ...],
        labels: Labels,
        groups: Groups,
        folds: int,
        seed: int,
        course: Course | None = None,
    ) -> FusedLearned:
        """Learn, and score images that the patterns have not seen."""
        parts = tuple(
            part.learn((stack,), labels, groups, folds, seed, course)
            for part, stack in zip(self.parts, stacks, strict=True)
        )
        scores = np.stack([part.held.scores for part in parts], axis=1)
        spread = np.where(scores.std(axis=0) > 0, scores.std(axis=0), 1.0)
        model = LogisticRegression(class_weight="balanced")
        model.fit((scores - scores.mean(axis=0)) / spread, labels)
        weights = model.coef_[0] / spread
        pattern = Fitted(np.zeros((1, 1, 1), np.float32))
        held = HeldOut(scores @ weights, np.arange(labels.size), pattern, parts[0].held.scheme)
        return FusedLearned(parts, weights, held)


def recipe(
    method: str, parameters: Mapping[str, Any] | None = None
) -> EstimatorRecipe | FusedRecipe:
    """Make a method of fp by name."""
    if method == "auto":
        parts = tuple(EstimatorRecipe(estimators.get(name)) for name in ("tile", "spectrum"))
        return FusedRecipe("auto", parts)
    return EstimatorRecipe(estimators.get(method, **(parameters or {})))
