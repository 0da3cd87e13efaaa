"""Whatever learns from images and scores images, behind one small protocol."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint
from itertools import chain
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from fp.evaluation.adapter import recipe
from fp.evaluation.dataset import REAL
from fp.fingerprint.estimators.protocol import Fitted
from fp.fingerprint.learning import method as learning
from fp.fingerprint.learning.crossfit import HeldOut
from fp.images.loading import display_path
from fp.system.arrays import Array, Doubles, Flags, Indices
from fp.system.errors import InputError, UsageError

_PLACES: dict[str, tuple[str, dict[str, Any]]] = {
    "dct": ("fp.evaluation.baselines.dct:CosineSpectrum", {}),
    "gram": ("fp.evaluation.baselines.gram:GramMatrices", {}),
    "chroma": ("fp.evaluation.baselines.chroma:Chroma", {}),
    "srm": ("fp.evaluation.baselines.rich:RichModel", {}),
    "cnn": ("fp.evaluation.baselines.cnn:SmallCnn", {"augmented": False}),
    "cnn-augmented": ("fp.evaluation.baselines.cnn:SmallCnn", {"augmented": True}),
}
"""Where each baseline is, and what its name fixes. A module is imported when it is asked for."""

BASELINES = tuple(_PLACES)
"""Baselines that look at pixels, by name."""

_OF_CLASS = "score "
"""How the columns of classes begin in a table of scores."""

_OPTIMISED = ("cnn", "cnn-augmented")

Sees = Literal["residual", "pixels", "scores"]
"""What a method starts from."""


class Trained(Protocol):
    """What a method has learned."""

    @property
    def held(self) -> HeldOut:
        """Scores of training images by patterns that had not seen them."""

    def score(self, stacks: tuple[Array, ...]) -> Doubles:
        """Score images, shape (M,)."""


class Method(Protocol):
    """From an image to what is needed of it, and from that to scores."""

    @property
    def name(self) -> str:
        """Name of the method."""

    def features(self, seen: Array) -> tuple[Array, ...]:
        """Reduce a residual (3, H, W) or an image (H, W, 3)."""

    def learn(
        self, stacks: tuple[Array, ...], labels: Flags, groups: Indices, folds: int, seed: int
    ) -> Trained:
        """Learn from images whose features are stacked; groups are never split."""


@dataclass(frozen=True)
class Choice:
    """A method by name with its parameters. It is small, so that it travels and can be hashed.

    Parameters
    ----------
    name : str
        Name of a method.
    parameters : str
        Its parameters as JSON.
    """

    name: str
    parameters: str = "{}"

    @property
    def sees(self) -> Sees:
        """What it starts from."""
        if self.name in BASELINES:
            return "pixels"
        return "residual" if self.name in known() else "scores"

    @property
    def is_dear(self) -> bool:
        """Whether it is optimised, which takes minutes."""
        if self.name in known():
            return not recipe(self.name, json.loads(self.parameters)).recipe.is_closed_form
        return self.name in _OPTIMISED

    def make(self) -> Method:
        """Make the method; once a process."""
        return _made(self.name, self.parameters)

    def identity(self) -> dict[str, Any]:
        """Return what decides its results, less the code; JSON types only."""
        made = self.make()
        given = getattr(made, "parameters", None)
        parameters = given() if callable(given) else json.loads(self.parameters)
        return {"name": self.name, "parameters": parameters}


def known() -> tuple[str, ...]:
    """Return the names of fp's own methods."""
    return tuple(learning.names())


@lru_cache(maxsize=32)
def _made(name: str, parameters: str) -> Method:
    given: Mapping[str, Any] = json.loads(parameters)
    try:
        if name in _PLACES:
            place, fixed = _PLACES[name]
            made: Method = EntryPoint("", place, "").load()(**fixed, **given)
            return made
    except TypeError as error:
        raise UsageError(f"Method {name!r} does not take these parameters: {error}.") from None
    if name not in known():
        raise UsageError(
            f"Unknown method {name!r}; there are {', '.join((*known(), *BASELINES))}, and what "
            "--scores names."
        )
    return recipe(name, given)


@dataclass(frozen=True, eq=False)
class GivenLearned:
    """Scores that somebody else's method gave.

    Parameters
    ----------
    held : HeldOut
        Those of the training images.
    threshold : float or None
        The method's own threshold.
    weights : ndarray of float64, shape (K,)
        From the K scores of an image to the one that is judged.
    """

    held: HeldOut
    threshold: float | None
    weights: Doubles

    def score(self, stacks: tuple[Array, ...]) -> Doubles:
        """Return the scores themselves, or the generator's less that of photographs."""
        return np.asarray(stacks[0] @ self.weights, dtype=np.float64)


@dataclass(frozen=True)
class GivenScores:
    """A method of others, known by its scores only.

    Parameters
    ----------
    name : str
        Its name in the tables.
    rows : tuple of ((str, str), tuple of float)
        Scores by image (path below the data set) and condition.
    threshold : float or None
        Its own threshold; None to calibrate on the training images.
    sha256 : str
        Hash of the table.
    classes : tuple of str
        What each score speaks for; empty where there is one, which is higher for generated.
    """

    name: str
    rows: tuple[tuple[tuple[str, str], tuple[float, ...]], ...]
    threshold: float | None
    sha256: str
    classes: tuple[str, ...] = ()

    @property
    def conditions(self) -> frozenset[str]:
        """Conditions of which there are scores."""
        return frozenset(condition for (_, condition), _ in self.rows)

    def learn(self, stacks: tuple[Array, ...], generator: str) -> GivenLearned:
        """Return the training images' scores as held out: nothing here has learned from them."""
        weights = np.ones(1)
        if self.classes:
            signs = {REAL: -1.0, generator: 1.0}
            weights = np.array([signs.get(name, 0.0) for name in self.classes])
        scores = np.asarray(stacks[0] @ weights, dtype=np.float64)
        held = HeldOut(
            scores, np.arange(scores.size), Fitted(np.zeros((1, 1, 1), np.float32)), "given"
        )
        return GivenLearned(held, self.threshold, weights)


def read_scores(name: str, path: Path) -> GivenScores:
    """Read somebody else's scores from a CSV with the columns ``path`` and ``score``.

    Paths are below the data set, scores higher for generated. Instead of ``score`` there may be a
    column for each class, ``score real`` and ``score NAME``, higher where the image is of it.
    ``condition`` may be added, and ``threshold`` where there is one score. `InputError` if the
    table cannot be read or a score is no finite number, `UsageError` if the name is taken.
    """
    if name in known() or name in BASELINES or not name:
        raise UsageError(f"A method cannot be named {name!r} here; choose another --scores NAME.")
    shown = display_path(path)
    try:
        content = path.read_bytes()
        lines = list(csv.DictReader(content.decode("utf-8-sig").splitlines()))
        columns = [key for key in (lines[0] if lines else ()) if (key or "").startswith(_OF_CLASS)]
        rows = {
            (r["path"], r.get("condition") or "none"): tuple(
                float(r[column]) for column in columns or ["score"]
            )
            for r in lines
        }
        thresholds = {float(r["threshold"]) for r in lines if r.get("threshold")}
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise InputError(
            f"{shown} is no table with the columns path and score ({error})."
        ) from error
    if not rows or not all(map(math.isfinite, [*chain(*rows.values()), *thresholds])):
        raise InputError(f"{shown} has no row, or a score that is no finite number.")
    if columns and thresholds:
        raise InputError(f"{shown} has a threshold and scores of classes; take the threshold out.")
    if len(thresholds) > 1:
        raise InputError(f"{shown} has {len(thresholds)} different thresholds; give one.")
    classes = tuple(column.removeprefix(_OF_CLASS) for column in columns)
    digest = hashlib.sha256(content).hexdigest()
    threshold = next(iter(thresholds), None)
    return GivenScores(name, tuple(sorted(rows.items())), threshold, digest, classes)
