"""The one type that every estimator gives and every test of an image starts from."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fp.denoisers.crop import CropRule
from fp.denoisers.degradations import Degradation
from fp.denoisers.residual import DenoiserIdentity
from fp.fingerprint.fitting.typicality import Typicality
from fp.fingerprint.windows.calibration import Windows

if TYPE_CHECKING:
    from fp.fingerprint.conditions.experts import Conditions
    from fp.fingerprint.examining.answers import Detections, Pictures

FloatArray = NDArray[np.float32]
Scores = NDArray[np.float64]

_NAMESPACE = uuid.UUID("5f6c0e1e-2d0c-5e6b-9f53-6a3f3c0b7a11")


@dataclass(frozen=True, eq=False)
class Calibration:
    """Scores of images that the pattern had not seen when it scored them.

    Parameters
    ----------
    real, generated : ndarray of float64, shape (n_r,) and (n_g,)
        Held-out scores of the reference images and of the generator's.
    real_sha256, generated_sha256 : tuple of str
        Hash of each image's file, in the order of the scores.
    real_source, generated_source : tuple of str
        Source of each image (by default the stem of its name): the unit of resampling.
    scheme : str
        How the scores were held out, in words.

    Raises
    ------
    ValueError
        If a class is empty, a score is not finite, or the lengths differ.
    """

    real: Scores
    generated: Scores
    real_sha256: tuple[str, ...]
    generated_sha256: tuple[str, ...]
    real_source: tuple[str, ...]
    generated_source: tuple[str, ...]
    scheme: str

    def __post_init__(self) -> None:
        for label in ("real", "generated"):
            scores = getattr(self, label)
            if scores.ndim != 1 or scores.size == 0:
                raise ValueError(f"A calibration needs at least one score of class {label}.")
            if not np.isfinite(scores).all():
                raise ValueError(f"A calibration score of class {label} is not finite.")
            for other in (f"{label}_sha256", f"{label}_source"):
                if len(getattr(self, other)) != scores.size:
                    raise ValueError(
                        f"{other} has {len(getattr(self, other))} entries for {scores.size} scores."
                    )

    @property
    def mu_r(self) -> float:
        """Mean score of the reference images."""
        return float(self.real.mean())

    @property
    def mu_g(self) -> float:
        """Mean score of the generator's images."""
        return float(self.generated.mean())


@dataclass(frozen=True, eq=False)
class NullControl:
    """The same extraction with shuffled labels: what separation looks like without a generator.

    Parameters
    ----------
    observed : float
        Held-out separation d' with the true labels.
    shuffled : ndarray of float64, shape (n,)
        Held-out separation d' of each extraction with shuffled labels.
    seed : int
        Seed of the shuffles.
    """

    observed: float
    shuffled: Scores
    seed: int

    @property
    def p(self) -> float:
        """Permutation p-value of the observed separation, at least 1 / (n + 1)."""
        exceeding = int(np.count_nonzero(self.shuffled >= self.observed))
        return (1 + exceeding) / (1 + self.shuffled.size)


@dataclass(frozen=True, eq=False)
class Part:
    """One estimator of a fingerprint that joins several.

    Parameters
    ----------
    method : str
        Name of the estimator.
    pattern : ndarray of float32, shape (C, H, W)
        Its pattern or weights.
    offset : float
        What is subtracted from the inner product; 0 for correlations.
    real, generated : ndarray of float64, shape (n_r,) and (n_g,)
        Its held-out scores, in the order of the fingerprint's calibration.
    parameters : mapping
        ``method``: the estimator's parameters; beside it what the estimator chose; JSON types.
    """

    method: str
    pattern: FloatArray
    offset: float
    real: Scores
    generated: Scores
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Joined:
    """What a fingerprint of several parts has beside its joined score.

    Parameters
    ----------
    parts : tuple of Part
        The estimators; the fingerprint's pattern (1, 2, K) holds their weights: row 0 for all,
        row 1 for those that speak of the generator alone.
    specific_offset : float
        Offset of row 1.
    specific_real, specific_generated : ndarray of float64, shape (n_r,) and (n_g,)
        Held-out joined scores of the generator's evidence alone.
    typicality : Typicality
        What is ordinary for the generator.
    specific_null : NullControl, optional
        The shuffled-label control of the generator's evidence alone.

    Raises
    ------
    ValueError
        If a number of scores does not fit the others.
    """

    parts: tuple[Part, ...]
    specific_offset: float
    specific_real: Scores
    specific_generated: Scores
    typicality: Typicality
    specific_null: NullControl | None = None

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("A joined fingerprint needs at least one part.")
        for part in self.parts:
            if (part.real.size, part.generated.size) != (
                self.specific_real.size,
                self.specific_generated.size,
            ):
                raise ValueError(f"Part {part.method!r} has another number of scores.")
            if part.pattern.ndim != 3 or not np.isfinite(part.pattern).all():
                raise ValueError(f"The pattern of part {part.method!r} is not finite (C, H, W).")


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """A generator's fingerprint with everything that a test of an image needs to know.

    Parameters
    ----------
    name : str
        Name of the generator, as the user gave it.
    method : str
        Name of the estimator.
    pattern : ndarray of float32, shape (C, H, W)
        Full pattern, or the weights that the estimator repeats or applies; its sign is such that
        the generator's images score higher: mu_g > mu_r.
    crop : CropRule
        Which part of an image is examined.
    denoiser : DenoiserIdentity
        Which residuals the pattern speaks about.
    calibration : Calibration
        Held-out scores of both classes.
    offset : float
        What is subtracted from the inner product of pattern and features; 0 for correlations.
    null : NullControl, optional
        The shuffled-label control, where it was asked for.
    parameters : mapping
        All parameters of the extraction with defaults resolved, and what the estimator chose by
        itself; JSON types only.
    native_sizes : mapping of str to int
        Number of the generator's images of each size ``"WIDTHxHEIGHT"``: the resolution that the
        fingerprint speaks about.
    formats : mapping of str to int
        Number of the generator's images of each file format.
    history : mapping of str to ndarray of float64
        Course of the training, such as the loss of every step; may be empty.
    environment : mapping of str to str
        Versions and processor of the extraction.
    created_utc : str
        Time of the extraction, ISO 8601, UTC.
    tool_version : str
        Version of fp that made it.
    joined : Joined, optional
        The parts, for a method that joins several.
    preparation : str
        What every cropped image went and goes through before its residual, as the text of a
        `fp.denoisers.degradations.Degradation`; ``"none"`` leaves images as they are.
    windows : Windows, optional
        Calibration of windows, where it was asked for.
    conditions : Conditions, optional
        Experts for images as they come, where the fingerprint was extracted with them; without it,
        images are tested as if they came from the generator directly.
    """

    name: str
    method: str
    pattern: FloatArray
    crop: CropRule
    denoiser: DenoiserIdentity
    calibration: Calibration
    offset: float = 0.0
    null: NullControl | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    native_sizes: Mapping[str, int] = field(default_factory=dict)
    formats: Mapping[str, int] = field(default_factory=dict)
    history: Mapping[str, Scores] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    created_utc: str = ""
    tool_version: str = ""
    joined: Joined | None = None
    preparation: str = "none"
    windows: Windows | None = None
    conditions: Conditions | None = None

    def __post_init__(self) -> None:
        if self.pattern.ndim != 3 or self.pattern.dtype != np.float32:
            raise ValueError(
                f"A pattern is float32 of shape (C, H, W), "
                f"not {self.pattern.dtype} of shape {self.pattern.shape}."
            )
        if not np.isfinite(self.pattern).all():
            raise ValueError(f"The pattern of {self.name!r} has values that are not finite.")
        if self.joined and self.pattern.shape != (1, 2, len(self.joined.parts)):
            raise ValueError(
                f"The pattern of {len(self.joined.parts)} parts has shape (1, 2, K), "
                f"not {self.pattern.shape}."
            )
        Degradation(self.preparation)  # refuses what it does not know
        for expert in self.conditions.experts if self.conditions else ():
            if (expert.real.shape, expert.generated.shape) != (
                self.calibration.real.shape,
                self.calibration.generated.shape,
            ):
                raise ValueError(f"Expert {expert.condition!r} has another number of scores.")

    @property
    def mu_r(self) -> float:
        """Mean held-out score of the reference images."""
        return self.calibration.mu_r

    @property
    def mu_g(self) -> float:
        """Mean held-out score of the generator's images."""
        return self.calibration.mu_g

    @property
    def uuid(self) -> str:
        """Identity derived from pattern, crop, preparation, denoiser and calibration."""
        digest = hashlib.sha256()
        head = [self.name, self.method, self.crop.height, self.crop.width, self.crop.anchor]
        # Left out where there is none, so that older files keep their identity.
        tail = [] if self.preparation == "none" else [self.preparation]
        digest.update(json.dumps([*head, self.denoiser.as_json(), *tail]).encode())
        digest.update(np.ascontiguousarray(self.pattern, "<f4").tobytes())
        for scores in (self.calibration.real, self.calibration.generated):
            digest.update(np.ascontiguousarray(scores, "<f8").tobytes())
        for part in self.joined.parts if self.joined else ():
            digest.update(np.ascontiguousarray(part.pattern, "<f4").tobytes())
        for each in self.windows.sizes if self.windows else ():
            for scores in (each.real, each.generated):
                digest.update(np.ascontiguousarray(scores, "<f8").tobytes())
        for expert in self.conditions.experts if self.conditions else ():
            digest.update(expert.condition.encode())
            for part in expert.joined.parts:
                digest.update(np.ascontiguousarray(part.pattern, "<f4").tobytes())
        return str(uuid.uuid5(_NAMESPACE, digest.hexdigest()))

    def renamed(self, name: str) -> Fingerprint:
        """Give the same fingerprint under another name."""
        return replace(self, name=name)

    def detect(self, images: Pictures, **settings: Any) -> Detections:
        """Test images against this fingerprint alone; nothing is written.

        Parameters
        ----------
        images : str, Path, ndarray, or several of one kind
            As for `fp.fingerprint.api.Bank.detect`.
        **settings
            The same arguments, such as ``fpr=0.01`` or ``jobs=2``.

        Returns
        -------
        Detections
            A row for every image.
        """
        from fp.fingerprint.api import Bank

        return Bank([self]).detect(images, **settings)

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the fingerprint into a file, whole or not at all; as `Bank.save`."""
        from fp.fingerprint.store import write_bank

        write_bank(Path(path), [self], overwrite=overwrite)

    def _repr_html_(self) -> str:
        from fp.fingerprint.showing import show_fingerprint

        return show_fingerprint(self)
