"""What extraction takes of every image while it is in memory.

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
from fp.denoisers.population import Population, Reduction, Seen
from fp.denoisers.residual import DenoiserIdentity
from fp.fingerprint.conditions.coding import coding_numbers
from fp.fingerprint.conditions.content import content_numbers
from fp.fingerprint.conditions.learning import Versions
from fp.fingerprint.conditions.versions import versions
from fp.fingerprint.decision.judge import Features
from fp.fingerprint.estimators.pixels import coding_statistics
from fp.fingerprint.learning.method import Recipe
from fp.images.degradations import Degradation
from fp.system.arrays import Array, Doubles, Floats


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
    versions : tuple of Version
        What conditions are learned from, where they are.
    """

    features: dict[str, Array]
    properties: Properties | None
    coding: tuple[Floats, str] | None = None
    versions: tuple[Version, ...] = ()


@dataclass(frozen=True, eq=False)
class Version:
    """What was taken of a version of an image.

    Parameters
    ----------
    kind : int
        Its place in `fp.fingerprint.conditions.versions.KINDS`.
    text : str
        What the image went through, as the text of a `Degradation`.
    features : dict of str to ndarray
        What the parts read, by name, in float32.
    numbers : ndarray of float32, shape (p,)
        `fp.fingerprint.conditions.coding.coding_numbers`.
    content : ndarray of float64, shape (4,)
        `fp.fingerprint.conditions.content.content_numbers`.
    """

    kind: int
    text: str
    features: dict[str, Array]
    numbers: Floats
    content: Doubles


@dataclass(frozen=True)
class Take:
    """What is taken of each image; small, so that it travels to workers.

    Parameters
    ----------
    method : Recipe
        The method whose features are wanted.
    denoiser : DenoiserIdentity or None
        Identity of the residuals, where images are audited.
    versions : Versions or None
        Which versions are examined too; without any, the numbers that tell a coding are taken.
    """

    method: Recipe
    denoiser: DenoiserIdentity | None
    versions: ExaminedVersions | None = None

    def __call__(self, seen: Seen) -> Taken:
        """Reduce the residual, and measure the image."""
        features = self.method.features(seen.residual)
        measured = None
        if self.denoiser is not None:
            known = self.denoiser, seen.residual
            measured = measure_part(seen.image, seen.stored, seen.part, known)
        if self.versions is None:
            coding = coding_statistics(seen.part), seen.stored.compression
            return Taken(features, measured, coding)
        return Taken(features, measured, versions=self.versions.of(seen))


@dataclass(frozen=True)
class ExaminedVersions:
    """Which versions of an image are examined, and for what; small, as `Take` is.

    Parameters
    ----------
    recipe : Recipe
        The parts that learn from them.
    reduction : Reduction
        How an image becomes a residual, at the part that is seen.
    rows : int
        Number of versions of each image.
    """

    recipe: Recipe
    reduction: Reduction
    rows: int

    def of(self, seen: Seen) -> tuple[Version, ...]:
        """Examine the versions of an image."""
        return tuple(
            self._version(seen, kind, text)
            for kind, text in versions(seen.image.pixels_sha256, self.rows)
        )

    def _version(self, seen: Seen, kind: int, text: str) -> Version:
        part, residual = self.reduction.part(seen.image.rgb_hwc), seen.residual
        if text != "none" or part.shape != seen.part.shape:
            part = Degradation(text).apply(part)
            residual = self.reduction.residual()(part)
        features = Features(residual, part)
        stacks = features.of(self.recipe)
        return Version(
            kind,
            text,
            {name: stack[0].astype(np.float32) for name, stack in stacks.items()},
            coding_numbers(features)[0].astype(np.float32),
            content_numbers(features)[0],
        )


def versions_of(populations: Iterable[Population]) -> Versions:
    """Return all versions of the images of both classes, in their order; see `Taken`."""
    taken = [each for population in populations for each in population.taken]
    rows = [version for each in taken for version in each.versions]
    image = np.repeat(np.arange(len(taken)), [len(each.versions) for each in taken])
    return Versions(
        image,
        np.array([row.kind for row in rows]),
        [row.text for row in rows],
        stacked((row.features for row in rows), len(rows)),
        np.stack([row.numbers for row in rows]).astype(np.float64),
        np.stack([row.content for row in rows]),
    )


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
