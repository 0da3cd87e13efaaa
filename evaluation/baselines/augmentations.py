"""Random changes of training images, after Community Forensics.

J. Park, A. Owens, "Community Forensics" (arXiv 2411.04125): a random number of operations in random
order from JPEG compression, resizing with a random interpolation, cropping, flipping, rotation,
translation, shear, padding and cut-out. All but cropping are degradations.
"""

from __future__ import annotations

import numpy as np

from fp.images.degradations import Degradation
from fp.system.arrays import Pixels

RANGES: dict[str, tuple[float, float]] = {
    "jpeg": (50, 100),
    "anykernel": (0.5, 1.5),
    "enlarge": (1, 1.5),
    "flip": (1, 2),
    "rotate": (-30, 30),
    "translate": (-0.2, 0.2),
    "shear": (-0.2, 0.2),
    "pad": (1, 16),
    "cutout": (0.1, 0.4),
}
"""From which numbers each kind of degradation draws its own."""


def drawn(rng: np.random.Generator) -> Degradation:
    """Draw a chain of none to all of `RANGES`, in random order."""
    count = int(rng.integers(0, len(RANGES) + 1))
    names = [list(RANGES)[place] for place in rng.permutation(len(RANGES))[:count]]
    steps = [f"{name}:{_number(name, rng)}" for name in names]
    return Degradation("+".join(steps) or "none")


def _number(name: str, rng: np.random.Generator) -> str:
    if name == "flip":
        return str(rng.integers(1, 3))
    return f"{rng.uniform(*RANGES[name]):.3f}"


def augment(image_hwc: Pixels, rng: np.random.Generator) -> Pixels:
    """Return an image (H, W, 3) changed at random, of the same size."""
    return drawn(rng).apply(image_hwc, int(rng.integers(2**31)))
