"""How well a denoiser denoises: PSNR on whole photographs with Gaussian noise of known strength."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from fp.denoisers.residual import Denoiser
from fp.images.loading import find_images, load_image
from fp.system.arrays import Floats
from fp.system.errors import InputError


@dataclass(frozen=True)
class Psnr:
    """PSNR of a denoiser at one strength of noise.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise, in grey levels of 255.
    mean, low, high : float
        Mean PSNR over the images in dB, and its 95 % interval (Student's t over images); the mean
        itself for a single image.
    n : int
        Number of images.
    """

    sigma: float
    mean: float
    low: float
    high: float
    n: int


def psnr(estimate: Floats, truth: Floats) -> float:
    """Return the peak signal-to-noise ratio, -10 log10 of the mean squared error, in dB.

    Of images, or of their noise, of one shape, in units of the full range.
    """
    error = np.mean(np.square(estimate - truth, dtype=np.float64))
    return float(-10 * np.log10(error)) if error > 0 else float("inf")


def evaluate(
    denoiser: Denoiser,
    folder: Path,
    sigmas: Sequence[float] = (5.0, 10.0, 15.0),
    seed: int = 0,
) -> list[Psnr]:
    """Return the PSNR on whole images of a folder, at each sigma of noise. Sigma is in grey levels.

    Noise is Gaussian, seeded by the seed, the strength and the image's place in the sorted folder,
    and neither clipped nor rounded; nor is the denoised image. `InputError` if there is no image,
    `ImageError` if one cannot be read.
    """
    paths = find_images([folder])
    if not paths:
        raise InputError(f"{folder} holds no image; name a folder of photographs.")
    values: list[list[float]] = [[] for _ in sigmas]
    for place, path in enumerate(paths):
        clean = load_image(path).rgb_hwc.transpose(2, 0, 1) / np.float32(255)
        for sigma, measured in zip(sigmas, values, strict=True):
            # Thousandths of a grey level: a seed is made of whole numbers.
            rng = np.random.default_rng([seed, place, round(sigma * 1000)])
            noise = rng.standard_normal(clean.shape, np.float32) * np.float32(sigma / 255)
            measured.append(psnr(denoiser.noise(clean + noise), noise))
    return [_summary(sigma, each) for sigma, each in zip(sigmas, values, strict=True)]


def _summary(sigma: float, values: list[float]) -> Psnr:
    n, mean = len(values), float(np.mean(values))
    half = 0.0
    if n > 1:
        half = float(student.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return Psnr(sigma, mean, mean - half, mean + half, n)
