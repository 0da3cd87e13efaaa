"""Images in, residuals out: the first two rooms on the way from a picture to a decision."""

from fp.denoisers.crop import CropRule
from fp.denoisers.images import LoadedImage, find_images, load_image
from fp.denoisers.registry import available, get, register
from fp.denoisers.residual import Denoiser, DenoiserIdentity, Residual

__all__ = [
    "CropRule",
    "Denoiser",
    "DenoiserIdentity",
    "LoadedImage",
    "Residual",
    "available",
    "find_images",
    "get",
    "load_image",
    "register",
]
