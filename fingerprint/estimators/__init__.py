"""What an estimator is, and the estimators by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fp.denoisers.errors import UsageError

Array = NDArray[Any]
Scores = NDArray[np.float64]
Labels = NDArray[np.bool_]

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

    pattern: NDArray[np.float32]
    offset: float = 0.0
    chosen: dict[str, Any] = field(default_factory=dict)
    history: dict[str, Scores] = field(default_factory=dict)


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

    def features(self, residual_chw: NDArray[np.float32]) -> Array:
        """Reduce a residual of shape (3, H, W) to what this estimator needs of it."""

    def settle(self, features: Array, labels: Labels, groups: NDArray[np.intp]) -> Estimator:
        """Decide what the folds of a cross-fit must share, such as a period.

        Scores of patterns with different periods have different scales and cannot stand in one
        calibration. An estimator with nothing to decide gives itself.
        """

    def fit(
        self,
        features: Array,
        labels: Labels,
        groups: NDArray[np.intp],
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

    def score(self, features: Array, pattern: NDArray[np.float32], offset: float = 0.0) -> Scores:
        """Score images, shape (N,), by a pattern and its offset."""


@runtime_checkable
class SeesPixels(Protocol):
    """An estimator that looks at the examined part itself, not at its residual."""

    def pixel_features(self, image_hwc: NDArray[np.uint8]) -> Array:
        """Reduce an image of shape (H, W, 3) to what this estimator needs of it."""


def _mean(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.mean import Mean

    return Mean(**parameters)


def _cyclic(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.cyclic import Cyclic

    return Cyclic(**parameters)


def _tile(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.tile import Tile

    return Tile(**parameters)


def _dif(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.dif import Dif
    from fp.fingerprint.estimators.dif_options import DifOptions

    return Dif(DifOptions(**parameters))


def _spectrum(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.spectrum import Spectrum

    return Spectrum(**parameters)


def _fourier(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.fourier import Fourier

    return Fourier(**parameters)


def _cosine(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.pixels import Cosine

    return Cosine(**parameters)


def _blocks(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.pixels import Blocks

    return Blocks(**parameters)


def _cooccurrence(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.cooccurrence import Cooccurrence

    return Cooccurrence(**parameters)


def _highpass(**parameters: Any) -> Estimator:
    from fp.fingerprint.estimators.highpass import HighPass

    return HighPass(**parameters)


_OF_PIXELS: dict[str, Callable[..., Estimator]] = {
    "blocks": _blocks,
    "cooccurrence": _cooccurrence,
    "cosine": _cosine,
    "highpass": _highpass,
}
"""Parts that look at pixels: no methods by themselves, so `available` does not name them."""

_REGISTRY: dict[str, tuple[Callable[..., Estimator], str]] = {
    "cyclic": (_cyclic, "discriminant of covariances folded to the lattice; outlives JPEG"),
    "dif": (_dif, "U-Net with a deep prior, optimised so that the correlation separates"),
    "fourier": (_fourier, "Fourier magnitudes against their mean (Joslin, Hao 2020); baseline"),
    "mean": (_mean, "mean residual of the generated images (Marra et al. 2018); baseline"),
    "tile": (_tile, "discriminant of the residual folded to one period; closed form"),
    "spectrum": (_spectrum, "discriminant of the residual's power spectrum; sees processing"),
}


def register(name: str, make: Callable[..., Estimator], summary: str) -> None:
    """Add an estimator.

    Parameters
    ----------
    name : str
        Its name, not yet taken.
    make : callable
        Takes parameters as keywords and gives an object with the `Estimator` protocol.
    summary : str
        One line that says what it is.

    Raises
    ------
    UsageError
        If the name is taken.
    """
    if name in _REGISTRY:
        raise UsageError(f"An estimator named {name!r} exists already; choose another name.")
    _REGISTRY[name] = (make, summary)


def available() -> dict[str, str]:
    """Give the names of all estimators with one line on each."""
    return {name: summary for name, (_, summary) in sorted(_REGISTRY.items())}


def get(name: str, **parameters: Any) -> Estimator:
    """Make an estimator by name.

    Parameters
    ----------
    name : str
        A key of `available`.
    **parameters
        The estimator's own parameters.

    Returns
    -------
    Estimator
        The estimator.

    Raises
    ------
    UsageError
        If the name or a parameter is unknown.
    """
    makers = {**_OF_PIXELS, **{known: make for known, (make, _) in _REGISTRY.items()}}
    if name not in makers:
        raise UsageError(f"Unknown method {name!r}; there are {', '.join(available())}.")
    try:
        return makers[name](**parameters)
    except TypeError as error:
        raise UsageError(f"Method {name!r} does not take these parameters: {error}.") from None
