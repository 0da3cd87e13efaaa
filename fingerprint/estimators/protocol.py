"""What an estimator is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from fp.system.arrays import Array, Doubles, Flags, Floats, Indices, Pixels

Role = Literal["generator-specific", "processing", "baseline"]
"""What a high score speaks about: the generator, the way of synthesis or resampling, or neither."""


Scheme = Literal["cross-fitted", "held-out quarter"]
"""Cheap estimators learn once a fold; for dear ones a quarter of the images is held back."""


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


class Estimator(Protocol):
    """From residuals to a pattern, and from a pattern to scores; see CONTRIBUTING.md."""

    @property
    def name(self) -> str:
        """Name in the registry."""

    @property
    def reads(self) -> str:
        """Name of its features; estimators with the same name share them."""

    @property
    def role(self) -> Role:
        """What a high score speaks about."""

    @property
    def calibration(self) -> Scheme:
        """How its held-out scores are made."""

    @property
    def correlates(self) -> bool:
        """Whether its score is a correlation, in [-1, 1]."""

    def parameters(self) -> dict[str, Any]:
        """Give all parameters; JSON types only."""

    def features(self, residual_chw: Floats) -> Array:
        """Reduce a residual of shape (3, H, W) to what this estimator needs of it."""

    def settle(self, features: Array, labels: Flags, groups: Indices) -> Estimator:
        """Decide what the folds of a cross-fit must share, such as a period.

        Scores of patterns with different periods have different scales and cannot stand in one
        calibration. An estimator with nothing to decide gives itself.
        """

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

    def score(self, features: Array, pattern: Floats, offset: float = 0.0) -> Doubles:
        """Score images, shape (N,), by a pattern and its offset."""


@runtime_checkable
class SeesPixels(Protocol):
    """An estimator that looks at the examined part itself, not at its residual."""

    def pixel_features(self, image_hwc: Pixels) -> Array:
        """Reduce an image of shape (H, W, 3) to what this estimator needs of it."""
