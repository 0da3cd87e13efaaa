"""What an estimator is: all that the other rooms know of one."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np

from fp.fingerprint.estimators.cells import PERIOD, BlockScores, CellMeasure, Cells
from fp.fingerprint.estimators.templates import Scorer, Template
from fp.fingerprint.model.windows import CELL
from fp.system.arrays import Array, Doubles, Flags, Floats, Indices, Pixels
from fp.system.errors import UsageError

Role = Literal["generator-specific", "processing", "baseline"]
"""What a high score speaks about: the generator, the way of synthesis or resampling, or neither."""


Scheme = Literal["cross-fitted", "held-out quarter"]
"""Cheap estimators learn once a fold; for dear ones a quarter of the images is held back, unless
asked otherwise."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """What an estimator learns.

    Parameters
    ----------
    pattern : ndarray of float32, shape (C, H, W)
        The pattern, or weights in the estimator's own domain.
    offset : float
        What is subtracted from the inner product of weights and features; 0 for correlations.
    chosen : dict
        What the estimator decided by itself, such as a period; JSON types only.
    history : dict of str to ndarray of float64
        Course of the training; may be empty.
    """

    pattern: Floats
    offset: float = 0.0
    chosen: dict[str, Any] = field(default_factory=dict)
    history: dict[str, Doubles] = field(default_factory=dict)


@dataclass(frozen=True)
class Course:
    """How a long fit reports and survives an interruption; without it, it does neither.

    Parameters
    ----------
    progress : callable, optional
        Called with the number of steps done and their total.
    checkpoint : Path, optional
        File to resume from, written as the fit goes on.
    """

    progress: Callable[[int, int], None] | None = None
    checkpoint: Path | None = None

    def part(self, number: int, count: int) -> Course:
        """Return the course of one of several fits, counted from 0, that follow each other."""
        told = self.progress

        def progress(done: int, total: int) -> None:
            if told is not None:
                told(number * total + done, count * total)

        file = self.checkpoint
        kept = None if file is None else file.with_name(f"{file.name}-{number}")
        return Course(progress, kept)


@dataclass(frozen=True, eq=False)
class CrossFit:
    """What an estimator learned from all images, and without each fold.

    Parameters
    ----------
    estimator : Estimator
        The estimator, with what its folds share settled.
    fitted : Fitted
        What it learned from all images.
    folds : tuple of Scorer
        What it learned without the images of each fold.
    nested : ndarray of float64, shape (F, N), or None
        At [f, i] the score of training image i by what was learned without its own fold and
        without fold f; NaN for the images of fold f. None where it learned once.
    """

    estimator: Estimator
    fitted: Fitted
    folds: tuple[Scorer, ...]
    nested: Doubles | None = None

    def rows(self, features: Array) -> Array:
        """Return features as the folds score them, shape (N, ...)."""
        return self.estimator.refold(features, self.fitted.pattern.shape[-1])


class Estimator(ABC):
    """From residuals to a pattern, and from a pattern to scores.

    A subclass says its `name` and has `features`, `fit` and `score`; all else has a default that
    is right, if not fast, for whatever is learned from residuals. See CONTRIBUTING.md.

    Attributes
    ----------
    name : str
        Name in the registry, and in files.
    role : {"generator-specific", "processing", "baseline"}
        What a high score speaks about.
    dear : bool
        Whether it takes minutes to learn, so that it is not learned hundreds of times.
    calibration : {"cross-fitted", "held-out quarter"}
        How its held-out scores are made.
    correlates : bool
        Whether its score is a correlation, in [-1, 1].
    sees : {"residual", "pixels"}
        What it reads of an examined part.
    moves : bool
        Whether its features belong to a phase of the lattice: the last two axes of features and of
        pattern are then rows and columns, and both repeat after a period.
    smallest : int
        Least side in pixels of the part that it reads.
    in_windows : bool
        Whether windows of an image can be scored by it.
    any_coding : bool
        Whether reference images score alike under every coding, so that a claim needs no test of
        the coding, alone.
    in_large_banks : bool
        Whether banks of many such fingerprints are held as columns; see `template`.
    """

    name: ClassVar[str]
    role: ClassVar[Role] = "generator-specific"
    dear: ClassVar[bool] = False
    correlates: ClassVar[bool] = False
    sees: ClassVar[Literal["residual", "pixels"]] = "residual"
    moves: ClassVar[bool] = False
    in_windows: ClassVar[bool] = True
    any_coding: ClassVar[bool] = False
    in_large_banks: ClassVar[bool] = False

    @property
    def calibration(self) -> Scheme:
        """How its held-out scores are made."""
        return "held-out quarter" if self.dear else "cross-fitted"

    @property
    def smallest(self) -> int:
        """Least side in pixels of the part that it reads."""
        return 1

    @property
    def reads(self) -> str:
        """Name of its features; estimators with the same name share them."""
        given = self.parameters()
        return f"{self.name} {json.dumps(given, sort_keys=True)}" if given else self.name

    def parameters(self) -> dict[str, Any]:
        """Return all parameters; JSON types only. Files keep them, and the registry takes them."""
        return asdict(self) if is_dataclass(self) else {}

    def seeded(self, seed: int) -> Self:
        """Return the same with another seed, where it draws anything at random."""
        return self

    def features(self, residual_chw: Floats) -> Array:
        """Reduce a residual of shape (3, H, W) to what this estimator needs of it."""
        raise UsageError("What pixels say is a part of the conditions of 'fp extract' alone.")

    def pixel_features(self, image_hwc: Pixels) -> Array:
        """Reduce an image of shape (H, W, 3) likewise, where it is pixels that are seen."""
        raise UsageError(f"Estimator {self.name!r} reads residuals, not pixels.")

    def read(self, residual_chw: Floats, image_hwc: Pixels | None = None) -> Array:
        """Return the features of an examined part, of which the pixels may be at hand."""
        if self.sees == "pixels" and image_hwc is not None:
            return self.pixel_features(image_hwc)
        return self.features(residual_chw)

    def settle(self, features: Array, labels: Flags, groups: Indices) -> Estimator:
        """Decide what the folds of a cross-fit must share, such as a period.

        Scores of patterns with different periods have different scales and cannot stand in one
        calibration. An estimator with nothing to decide gives itself.
        """
        return self

    @abstractmethod
    def fit(
        self,
        features: Array,
        labels: Flags,
        groups: Indices,
        course: Course | None = None,
    ) -> Fitted:
        """Learn a pattern, with the sign that gives the generator's images higher scores.

        Parameters
        ----------
        features : ndarray, shape (N, ...)
            Stacked results of `features`; not changed.
        labels : ndarray of bool, shape (N,)
            True for the generator's images.
        groups : ndarray of int, shape (N,)
            Source of each image; an inner cross-validation never splits a source.
        course : Course, optional
            Progress and checkpoint of a long fit.
        """

    @abstractmethod
    def score(self, features: Array, pattern: Floats, offset: float = 0.0) -> Doubles:
        """Score images, shape (N,), by a pattern and its offset."""

    def template(self, pattern: Floats) -> Template:
        """Return what folded features are multiplied with, where it is in large banks.

        The score is the inner product over the norm, less the offset, to the last bit.
        """
        raise NotImplementedError(f"the score of {self.name} is no inner product")

    # At other phases of the lattice.

    def refold(self, features: Array, period: int) -> Array:
        """Return features (N, ...) folded to the period of a pattern, which `score` takes too."""
        return features

    def roll(self, features: Array, y: int, x: int) -> Array:
        """Return features (N, ...) as if the lattice began at pixel (y, x)."""
        return np.roll(features, (-y, -x), axis=(-2, -1)) if self.moves else features

    def score_at_phases(self, features: Array, pattern: Floats, offset: float = 0.0) -> Doubles:
        """Score images at all phases, shape (N, P, Q), by a pattern (C, P, Q) that moves."""
        rows, columns = pattern.shape[-2:]
        found = np.empty((len(features), rows, columns))
        for y, x in np.ndindex(rows, columns):
            found[:, y, x] = self.score(self.roll(features, y, x), pattern, offset)
        return found

    # Many patterns at once.

    def cross(self, features: Array, labels: Flags, groups: Indices, folds: Indices) -> CrossFit:
        """Learn from all images, and without each fold, and without each two of them.

        Parameters
        ----------
        features, labels, groups
            As in `fit`.
        folds : ndarray of int, shape (N,)
            Fold of each image, from 0. A dear estimator learns once, without fold 0.

        Returns
        -------
        CrossFit
            All that was learned.
        """
        if self.calibration == "held-out quarter":
            inside = folds != 0
            alone = self.fit(features[inside], labels[inside], groups[inside])
            return CrossFit(self, alone, (_Alone(self, alone),))
        settled = self.settle(features, labels, groups)

        def without(mask: Flags) -> _Alone:
            return _Alone(settled, settled.fit(features[mask], labels[mask], groups[mask]))

        def scores_without(mask: Flags) -> Doubles:
            found = np.full(labels.size, np.nan)
            found[~mask] = without(mask).score(features[~mask])
            return found

        whole = settled.fit(features, labels, groups)
        return cross_fitted(settled, whole, folds, without, scores_without)

    def shuffled(self, features: Array) -> list[Doubles]:
        """Return what a shrunk discriminant learns from, for label shuffles that share its work.

        Of each candidate, of which the best is taken, rows (N, p); nothing where the estimator is
        no such discriminant.
        """
        return []

    @property
    def shares_shuffles(self) -> bool:
        """Whether `shuffled` gives anything."""
        return False

    @classmethod
    def cells(cls, parts: Sequence[tuple[Self, Fitted]]) -> Cells:
        """Prepare patterns of this estimator for the windows of images.

        The default scores blocks of the smallest side that is read; a window's score is the mean
        over the blocks inside it. Other phases are searched where the period divides 8.
        """
        return BlockScores(tuple(_block(estimator, fitted) for estimator, fitted in parts))

    def view(self, features: Array) -> Doubles | None:
        """Return the few numbers (N, p) that tell what is typical of a generator, or None."""
        return None

    def picture(self, pattern: Floats, side: int) -> Floats | None:
        """Return the pattern in pixels (C, H, W), of at least this side; None where it has none."""
        return None


@dataclass(frozen=True, eq=False)
class _Alone:
    """One thing learned, scored as the estimator scores it."""

    estimator: Estimator
    fitted: Fitted

    def score(self, rows: Array) -> Doubles:
        return self.estimator.score(rows, self.fitted.pattern, self.fitted.offset)

    def score_at_phases(self, rows: Array) -> Doubles:
        return self.estimator.score_at_phases(rows, self.fitted.pattern, self.fitted.offset)


def _block(
    estimator: Estimator, fitted: Fitted
) -> tuple[CellMeasure, Callable[[Floats, tuple[int, int]], Doubles]]:
    pattern, offset = fitted.pattern, fitted.offset
    period = max(pattern.shape[-2:]) if estimator.moves else 1
    block = -(-max(estimator.smallest, period) // CELL) * CELL
    phases = period if estimator.moves and block == CELL and PERIOD % period == 0 else 0

    def score(part_chw: Floats, place: tuple[int, int]) -> Doubles:
        features = estimator.features(part_chw)[None]
        if phases:
            return np.asarray(estimator.score_at_phases(features, pattern, offset)[0])
        return estimator.score(estimator.roll(features, -place[0], -place[1]), pattern, offset)

    return CellMeasure("blocks", block, phases), score


def cross_fitted(
    estimator: Estimator,
    fitted: Fitted,
    folds: Indices,
    without: Callable[[Flags], Scorer],
    scores_without: Callable[[Flags], Doubles],
) -> CrossFit:
    """Return what was learned from all images, and what `without` learns from masks.

    It is asked without each fold; `scores_without` is as in `nested_scores`.
    """
    return CrossFit(
        estimator,
        fitted,
        tuple(without(folds != fold) for fold in range(int(folds.max()) + 1)),
        nested_scores(folds, scores_without),
    )


def nested_scores(folds: Indices, scores_without: Callable[[Flags], Doubles]) -> Doubles:
    """Score every image by what knows neither its own fold nor another one. That is done for each
    other fold.

    `folds` (N,) are counted from 0; `scores_without` takes a mask of the images to learn from to
    the scores (N,) of all, of which those of learned ones are not used. Return `CrossFit.nested`.
    """
    count = int(folds.max()) + 1
    found = np.full((count, folds.size), np.nan)
    for one in range(count):
        for other in range(one):
            scores = scores_without((folds != one) & (folds != other))
            found[one, folds == other] = scores[folds == other]
            found[other, folds == one] = scores[folds == one]
    return found
