"""What extraction takes of every image while it is in memory: its features, and what is audited.

Every file is read, decoded and denoised once, and what is asked of it is computed where that
happens: in the workers, where there are several.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fp.audit.audit import audit
from fp.audit.findings import Audit
from fp.audit.measuring import Folder, Properties, measure_part
from fp.denoisers.population import Population, Seen
from fp.denoisers.residual import DenoiserIdentity
from fp.fingerprint.estimators.pixels import coding_statistics
from fp.fingerprint.learning.method import Recipe
from fp.system.arrays import Array, Floats


@dataclass(frozen=True, eq=False)
class Taken:
    """What was taken of an image.

    Parameters
    ----------
    features : dict of str to ndarray
        What the parts of the method read, by name.
    properties : Properties or None
        What is audited.
    coding : tuple of (ndarray of float32, str), or None
        Numbers that tell a coding, and how the file is stored; see
        `fp.fingerprint.learning.distribution`.
    """

    features: dict[str, Array]
    properties: Properties | None
    coding: tuple[Floats, str] | None = None


@dataclass(frozen=True)
class Take:
    """What is taken of each image; small, so that it travels to workers.

    Parameters
    ----------
    method : Recipe
        The method whose features are wanted.
    denoiser : DenoiserIdentity or None
        Identity of the residuals, where images are audited.
    coded : bool
        Whether the numbers that tell a coding are taken.
    """

    method: Recipe
    denoiser: DenoiserIdentity | None
    coded: bool = False

    def __call__(self, seen: Seen) -> Taken:
        """Reduce the residual, and measure the image."""
        features = self.method.features(seen.residual)
        coding = (coding_statistics(seen.part), seen.stored.compression) if self.coded else None
        if self.denoiser is None:
            return Taken(features, None, coding)
        known = self.denoiser, seen.residual
        return Taken(features, measure_part(seen.image, seen.stored, seen.part, known), coding)


def stacked(rows: Iterable[dict[str, Array]], count: int) -> dict[str, Array]:
    """Stack the features of images by name, shape (count, ...).

    Each row is emptied as it is stacked, since twice as many may not fit into memory.
    """
    stacks: dict[str, Array] = {}
    for index, row in enumerate(rows):
        for name in tuple(row):
            feature = row.pop(name)
            if name not in stacks:
                stacks[name] = np.empty((count, *feature.shape), dtype=feature.dtype)
            stacks[name][index] = feature
    return stacks


def audit_of(populations: Iterable[Population], prepared: str) -> Audit:
    """Audit the generator's and the reference images by what was taken of them, see `Taken`.

    `prepared` is what both classes went through alike, the text of a `Degradation`.
    """
    generated, real = (
        Folder(tuple(taken.properties for taken in each.taken), each.skipped)
        for each in populations
    )
    return audit(generated, real, prepared=prepared)
