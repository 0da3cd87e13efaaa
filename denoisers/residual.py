"""The residual of an image: what a denoiser takes for noise, less the usual.

R = f_D(X) - M_D: f_D returns the noise of the RGB image X, M_D is the denoiser's own
mean residual over photographs, brought to the size of X by the rule in `mean_residual`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from fp.denoisers.mean_residual import MeanResidual
from fp.system.arrays import Floats, Pixels
from fp.system.errors import DenoiserError


@dataclass(frozen=True)
class DenoiserIdentity:
    """Everything that decides the values of a residual.

    Residuals are comparable only between equal identities: extraction, calibration and detection
    never mix two.

    Parameters
    ----------
    name : str
        Name in the registry.
    version : int
        Raised whenever the same parameters would give other values.
    parameters : dict
        All parameters with their values; JSON types only.
    precision : str
        Arithmetic of the network, such as ``"float32"`` or ``"bfloat16-inner"``.
    weights_sha256 : str
        Hash of the weights, empty for a denoiser without weights.
    mean_residual_sha256 : str
        Hash of the mean residual that is subtracted, empty where none is.
    """

    name: str
    version: int
    parameters: dict[str, Any] = field(default_factory=dict)
    precision: str = "float32"
    weights_sha256: str = ""
    mean_residual_sha256: str = ""

    def as_json(self) -> str:
        """Return the identity as canonical JSON (sorted keys)."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> DenoiserIdentity:
        """Read what `as_json` wrote."""
        return cls(**json.loads(text))

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal."""
        return hashlib.sha256(self.as_json().encode()).hexdigest()


@runtime_checkable
class Denoiser(Protocol):
    """What a denoiser has to offer; see CONTRIBUTING.md for adding one."""

    @property
    def name(self) -> str:
        """Name in the registry."""

    @property
    def identity(self) -> DenoiserIdentity:
        """Identity of this denoiser, less the mean residual."""

    def noise(self, image_chw: Floats) -> Floats:
        """Estimate the noise of an image: shape (3, H, W), float32, image in [0, 1]."""


@dataclass(frozen=True)
class Residual:
    """A denoiser with its mean residual: the function from an image to its residual.

    Parameters
    ----------
    denoiser : Denoiser
        What estimates the noise.
    mean : MeanResidual, optional
        The denoiser's mean residual over photographs; None subtracts nothing.
    """

    denoiser: Denoiser
    mean: MeanResidual | None = None

    @property
    def identity(self) -> DenoiserIdentity:
        """Identity of the residuals that this makes."""
        digest = "" if self.mean is None else self.mean.sha256
        return replace(self.denoiser.identity, mean_residual_sha256=digest)

    def __call__(self, image_hwc: Pixels) -> Floats:
        """Compute the residual of an image.

        Parameters
        ----------
        image_hwc : ndarray of uint8, shape (H, W, 3)
            The examined part of an image.

        Returns
        -------
        ndarray of float32, shape (3, H, W)
            R = f_D(X) - M_D, in the unit of the image range [0, 1].

        Raises
        ------
        DenoiserError
            If the image is not 8-bit RGB, or the denoiser returns another shape than the image's,
            another type than float32, or values that are not finite.
        """
        if image_hwc.dtype != np.uint8 or image_hwc.ndim != 3 or image_hwc.shape[2] != 3:
            raise DenoiserError(
                f"An image is uint8 of shape (H, W, 3), "
                f"not {image_hwc.dtype} of shape {image_hwc.shape}."
            )
        image_chw = np.ascontiguousarray(image_hwc.transpose(2, 0, 1), dtype=np.float32)
        image_chw /= 255
        noise = self.denoiser.noise(image_chw)
        if noise.shape != image_chw.shape or noise.dtype != np.float32:
            raise DenoiserError(
                f"Denoiser {self.denoiser.name!r} returned {noise.dtype} of shape {noise.shape} "
                f"for an image of shape {image_chw.shape}; it must keep the shape, in float32."
            )
        if not np.isfinite(noise).all():
            raise DenoiserError(f"Denoiser {self.denoiser.name!r} returned values not finite.")
        if self.mean is not None:
            noise = noise - self.mean.at_size(*noise.shape[1:])
        return noise
