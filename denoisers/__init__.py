"""Images in, residuals out: the first two rooms on the way from a picture to a decision."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fp.denoisers.cache import ResidualCache
    from fp.denoisers.crop import CropRule
    from fp.denoisers.errors import FpError
    from fp.denoisers.images import Limits, LoadedImage, find_images, load_image
    from fp.denoisers.registry import available, get, register
    from fp.denoisers.residual import Denoiser, DenoiserIdentity, Residual

__all__ = [
    "CropRule",
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

# Imported when they are asked for: the errors live here too, and 'fp --help' needs nothing else.
_HOME = {
    "cache": ("ResidualCache",),
    "crop": ("CropRule",),
    "errors": ("FpError",),
    "images": ("Limits", "LoadedImage", "find_images", "load_image"),
    "registry": ("available", "get", "register"),
    "residual": ("Denoiser", "DenoiserIdentity", "Residual"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"fp.denoisers.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
