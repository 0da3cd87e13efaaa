"""The one type that every estimator gives and every test of an image starts from."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fp.denoisers.residual import DenoiserIdentity
from fp.fingerprint.model.calibration import Calibration, NullControl
from fp.fingerprint.model.conditions import Conditions, seen_of
from fp.fingerprint.model.distribution import OutOfDistribution
from fp.fingerprint.model.joined import Joined
from fp.fingerprint.model.windows import Windows
from fp.images.crop import CropRule
from fp.images.degradations import Degradation
from fp.system.arrays import Doubles, Floats

_NAMESPACE = uuid.UUID("5f6c0e1e-2d0c-5e6b-9f53-6a3f3c0b7a11")


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
        `fp.images.degradations.Degradation`; ``"none"`` leaves images as they are.
    windows : Windows, optional
        Calibration of windows, where it was asked for.
    conditions : Conditions, optional
        What judges images as they come, by their measured coding; without it, images are tested as
        if they came from the generator directly.
    distribution : OutOfDistribution, optional
        What tells images that no calibration image is like, where there are no conditions; nothing
        is claimed of them. Files of before format 1.4 have none.
    rest : Conditions, optional
        The same against all others of the bank that it was learned with, references among them:
        what tells it from its peers, whose names are ``peers`` of the parameters. Those that it
        cannot be told from are left out, and are ``kin`` there.
    """

    name: str
    method: str
    pattern: Floats
    crop: CropRule
    denoiser: DenoiserIdentity
    calibration: Calibration
    offset: float = 0.0
    null: NullControl | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    native_sizes: Mapping[str, int] = field(default_factory=dict)
    formats: Mapping[str, int] = field(default_factory=dict)
    history: Mapping[str, Doubles] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    created_utc: str = ""
    tool_version: str = ""
    joined: Joined | None = None
    preparation: str = "none"
    windows: Windows | None = None
    conditions: Conditions | None = None
    distribution: OutOfDistribution | None = None
    rest: Conditions | None = None

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
        if self.conditions is not None and (
            self.conditions.real.shape,
            self.conditions.generated.shape,
        ) != (self.calibration.real.shape, self.calibration.generated.shape):
            raise ValueError("The conditions have another number of images.")

    @property
    def rivals(self) -> int:
        """Number of generators that a claim must hold against, itself among them, without kin."""
        return max(1, len(self.parameters.get("peers", ())) - len(self.parameters.get("kin", ())))

    @property
    def calibration_in_use(self) -> Calibration:
        """Held-out scores of both classes that the score of an image is compared with.

        Where there are conditions these are the evidence of one version of each image.
        """
        if self.conditions is None:
            return self.calibration
        found = self.conditions
        return replace(self.calibration, real=found.real, generated=found.generated)

    @property
    def crop_in_use(self) -> CropRule:
        """Which part of an image its answer speaks of: with conditions at most 512 x 512 pixels."""
        return self.crop if self.conditions is None else seen_of(self.crop)

    @property
    def mu_r(self) -> float:
        """Mean held-out score of the reference images; with conditions, of their evidence."""
        return self.calibration_in_use.mu_r

    @property
    def mu_g(self) -> float:
        """Mean held-out score of the generator's images; with conditions, of their evidence."""
        return self.calibration_in_use.mu_g

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
        for part in (each for held in (self.conditions, self.rest) if held for each in held.parts):
            digest.update(np.ascontiguousarray(part.pattern, "<f4").tobytes())
        if self.distribution is not None:
            digest.update(np.ascontiguousarray(self.distribution.calibration, "<f8").tobytes())
        return str(uuid.uuid5(_NAMESPACE, digest.hexdigest()))

    def renamed(self, name: str) -> Fingerprint:
        """Return the same fingerprint under another name."""
        return replace(self, name=name)

    if TYPE_CHECKING:  # methods of convenience: `fp.api.bank` stands above and registers them

        def detect(self, images: Any, **settings: Any) -> Any:
            """Test images against this fingerprint; see `fp.api.bank`."""

        def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
            """Write the fingerprint into a file; see `fp.api.bank`."""
