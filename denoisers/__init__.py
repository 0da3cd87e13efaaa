"""Images in, residuals out: the first rooms from a picture to a decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fp.system.front_door import front_door

if TYPE_CHECKING:
    from fp.denoisers.cache import ResidualCache
    from fp.denoisers.registry import available, get, register
    from fp.denoisers.residual import Denoiser, DenoiserIdentity, Residual
    from fp.images.crop import CropRule
    from fp.images.degradations import Degradation
    from fp.images.loading import Limits, LoadedImage, find_images, load_image
    from fp.system.errors import FpError

__all__ = [
    "CropRule",
    "Degradation",
    "Denoiser",
    "DenoiserIdentity",
    "FpError",
    "Limits",
    "LoadedImage",
    "Residual",
    "ResidualCache",
    "available",
    "find_images",
    "get",
    "load_image",
    "register",
]

# Imported when they are asked for: 'fp denoiser list' needs no network.
__getattr__, __dir__ = front_door(
    __name__,
    {
        "fp.denoisers.cache": ("ResidualCache",),
        "fp.denoisers.registry": ("available", "get", "register"),
        "fp.denoisers.residual": ("Denoiser", "DenoiserIdentity", "Residual"),
        "fp.images.crop": ("CropRule",),
        "fp.images.degradations": ("Degradation",),
        "fp.images.loading": ("Limits", "LoadedImage", "find_images", "load_image"),
        "fp.system.errors": ("FpError",),
    },
)
