"""The workbench: data set, features and settings, as every cell of a table needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from fp.evaluation.adapter import FpLearned, Likeness
from fp.evaluation.dataset import REAL, Dataset
from fp.evaluation.features import FeatureStore, Wanted
from fp.evaluation.methods import Choice, GivenScores, Trained
from fp.fingerprint.decision import likelihood
from fp.fingerprint.estimators.folds import group, shuffle_labels
from fp.fingerprint.model.calibration import Calibration
from fp.system.arrays import Array, Doubles, Flags, Indices
from fp.system.errors import InputError, UsageError

SplitBy = Literal["sources", "contents", "images"]
"""What lies on one side of a split as a whole."""

MIX = "mix"
"""Condition of training images that were dealt over several conditions."""


@dataclass(frozen=True, eq=False)
class Detector:
    """A learned method with its calibration.

    Parameters
    ----------
    learned : Trained
        What gives scores.
    calibration : Calibration
        Its held-out scores.
    ratio : LikelihoodRatio
        From a score to log10 LR.
    images : ndarray of int
        The images that the held-out scores belong to.
    threshold : float or None
        A threshold that came with the scores.
    """

    learned: Trained
    calibration: Calibration
    ratio: likelihood.LikelihoodRatio
    images: Indices
    threshold: float | None = None

    def evidence(self, scores: Doubles) -> Doubles:
        """Return log10 LR without its bounds, so that a forced decision is never a tie."""
        if self.threshold is not None:
            return scores - self.threshold
        return np.asarray(self.ratio.slope * scores + self.ratio.intercept)

    def likeness(self, stacks: tuple[Array, ...]) -> Likeness | None:
        """Compare images with the generator's own, where the method knows them."""
        if isinstance(self.learned, FpLearned):
            return self.learned.likeness(stacks)
        return None

    def claims(self, scores: Doubles, fpr: float) -> Flags:
        """Return which scores alone claim the generator at a rate; see `decision.decide`."""
        real = np.sort(self.calibration.real)
        if self.calibration.mu_g <= self.calibration.mu_r:
            return np.zeros(scores.size, dtype=bool)
        under_h1 = 1 + real.size - np.searchsorted(real, scores, "left")
        rare = under_h1 / (1 + real.size) <= fpr
        return np.asarray(rare & self.ordinary(scores, fpr))

    def ordinary(self, scores: Doubles, fpr: float) -> Flags:
        """Return which scores are ordinary for the generator: p_generated > fpr."""
        generated = np.sort(self.calibration.generated)
        under_h2 = 1 + np.searchsorted(generated, scores, "right")
        return np.asarray(under_h2 / (1 + generated.size) > fpr)


@dataclass(frozen=True)
class Bench:
    """What every cell needs.

    Parameters
    ----------
    dataset : Dataset
        The images.
    store : FeatureStore
        Their features.
    given : tuple of GivenScores
        Methods of others.
    folds : int
        Folds of cross-fitted scores.
    fpr : float
        Rate of the conformal decisions.
    kin, siblings : tuple of tuple of str
        Lines of generators that are kin, and those so close that they may be taken for each other.
    """

    dataset: Dataset
    store: FeatureStore
    given: tuple[GivenScores, ...] = ()
    folds: int = 10
    fpr: float = 0.05
    kin: tuple[tuple[str, ...], ...] = ()
    siblings: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def groups(self) -> Indices:
        """Source of each image."""
        return self.dataset.groups()

    def units(self, by: SplitBy) -> Indices:
        """Return what is never on both sides of a split: the group of each image.

        A content is the folder of an image, or its source where there is no folder. No group is
        torn by a content that has a part of it.
        """
        if by == "sources":
            return self.groups
        pictures = self.dataset.pictures
        if by == "images":
            return group([p.sha256 for p in pictures], [p.sha256 for p in pictures])
        return group([p.content or p.source for p in pictures], list(map(str, self.groups)))

    def numbers(self, names: Sequence[str]) -> Indices:
        """Return the numbers of the images of several classes."""
        return np.concatenate([self.dataset.numbers(name) for name in names])

    def detection(self, generator: str) -> tuple[Indices, Flags]:
        """Return photographs and a generator's images, with labels."""
        numbers = self.numbers([REAL, generator])
        return numbers, numbers >= len(self.dataset.member(REAL).pictures)

    def are_kin(self, first: str, second: str) -> bool:
        """Return whether two generators are of one line."""
        return first == second or any({first, second} <= set(line) for line in self.kin)

    def stranger_to_scores(
        self, method: Choice, conditions: Sequence[str], names: Sequence[str], closed: bool = False
    ) -> bool:
        """Return whether a method of others has no scores for some conditions or classes.

        A `closed` set needs a score for every class.
        """
        if method.sees != "scores":
            return False
        table = self._table(method)
        missing = set(names) - set(table.classes) if closed or table.classes else set()
        return bool(missing) or not set(conditions) <= table.conditions

    def wanted(
        self, names: Sequence[str], denoiser: str, conditions: Sequence[str], method: Choice
    ) -> list[Wanted]:
        """Return the features that `stacks` will open."""
        if method.sees == "scores":
            return []
        return [
            Wanted(name, denoiser if method.sees == "residual" else "", condition, method)
            for name in names
            for condition in conditions
        ]

    def stacks(
        self, method: Choice, denoiser: str, numbers: Indices, conditions: Sequence[str] | str
    ) -> tuple[Array, ...]:
        """Return the features of N images, (N, ...) a part, under one condition or one each."""
        each = np.full(numbers.size, conditions) if isinstance(conditions, str) else conditions
        each = np.asarray(each, dtype=object)
        if method.sees == "scores":
            return (self._given(method, numbers, each),)
        found: list[Array] = []
        for member in self.dataset.members:
            own = self.dataset.numbers(member.name)
            for condition in dict.fromkeys(each):
                here = np.isin(numbers, own) & (each == condition)
                if not here.any():
                    continue
                (wanted,) = self.wanted([member.name], denoiser, [condition], method)
                parts = self.store.parts(self.dataset, wanted)
                if parts is None:
                    raise InputError(f"Features of {member.name} are gone; run again.")
                if not found:
                    found = [np.empty((numbers.size, *p.shape[1:]), p.dtype) for p in parts]
                for target, part in zip(found, parts, strict=True):
                    target[here] = part[numbers[here] - own[0]]
        return tuple(found)

    def _table(self, method: Choice) -> GivenScores:
        for given in self.given:
            if given.name == method.name:
                return given
        raise UsageError(f"There are no scores named {method.name!r}; give --scores.")

    def _given(self, method: Choice, numbers: Indices, conditions: Array) -> Doubles:
        table = dict(self._table(method).rows)
        pictures = self.dataset.pictures
        found = []
        for number, condition in zip(numbers, conditions, strict=True):
            name = pictures[number].name
            scores = table.get((name, condition))
            if scores is None:
                raise InputError(f"The scores {method.name!r} have none for {name} ({condition}).")
            found.append(scores)
        return np.array(found)

    def scores_of_classes(
        self, method: Choice, names: Sequence[str], numbers: Indices, condition: str
    ) -> Doubles:
        """Return what a method of others says for each of several classes, shape (N, K)."""
        columns = [self._table(method).classes.index(name) for name in names]
        (found,) = self.stacks(method, "", numbers, condition)
        return np.asarray(found[:, columns], dtype=np.float64)

    def _name(self, number: int) -> str:
        """Return the class of an image."""
        sizes = np.cumsum([len(member.pictures) for member in self.dataset.members])
        return self.dataset.members[int(np.searchsorted(sizes, number, "right"))].name

    def learn(
        self,
        method: Choice,
        denoiser: str,
        numbers: Indices,
        labels: Flags,
        conditions: Sequence[str] | str,
        seed: int,
        shuffled: bool = False,
    ) -> Detector:
        """Learn from images and calibrate on the scores that were held out.

        Labels are True for the generator's images; `shuffled` learns from shuffled ones, the null
        control. Conditions are one for all images or one each; the seed is that of folds and
        shuffle.
        """
        groups = self.groups[numbers]
        generator = self._name(numbers[labels][0])
        if shuffled:
            labels = shuffle_labels(labels, groups, np.random.default_rng([seed, 1]))
        stacks = self.stacks(method, denoiser, numbers, conditions)
        threshold = None
        learned: Trained
        if method.sees == "scores":
            given = self._table(method).learn(stacks, generator)
            learned, threshold = given, given.threshold
        else:
            learned = method.make().learn(stacks, labels, groups, self.folds, seed)
        held, own = learned.held, labels[learned.held.index]
        pictures = self.dataset.pictures
        told = [pictures[n] for n in numbers[held.index]]
        real = [p for p, generated in zip(told, own, strict=True) if not generated]
        made = [p for p, generated in zip(told, own, strict=True) if generated]
        calibration = Calibration(
            held.scores[~own],
            held.scores[own],
            tuple(p.sha256 for p in real),
            tuple(p.sha256 for p in made),
            tuple(p.source for p in real),
            tuple(p.source for p in made),
            held.scheme,
        )
        return Detector(
            learned, calibration, likelihood.fit(calibration), numbers[held.index], threshold
        )
