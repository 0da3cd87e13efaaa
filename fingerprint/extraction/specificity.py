"""Does a fingerprint claim the images of other generators? Counted, where a background is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from fp.denoisers.cache import ResidualCache
from fp.denoisers.population import Reduction, examined_again, survey
from fp.fingerprint.conditions.judging import judge_of
from fp.fingerprint.conditions.versions import KINDS
from fp.fingerprint.decision.judge import Features
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.model.typicality import LEVEL
from fp.images.loading import display_path
from fp.system.errors import InputError
from fp.system.folders import ImageFolder
from fp.system.progress import Progress

FPR = 0.05
"""False-positive rate at which claims are counted."""


@dataclass(frozen=True)
class Claims:
    """How many images of a folder a fingerprint claims.

    Parameters
    ----------
    name : str
        Name of the folder.
    images : int
        Images that were examined.
    claimed : int
        Those called ``supports_generator``.
    upper : float
        Upper bound (one-sided, 95 %, Clopper-Pearson) of the share that it would claim.
    """

    name: str
    images: int
    claimed: int
    upper: float


def foreign_claims(
    fingerprint: Fingerprint,
    folders: Sequence[Path],
    reduction: Reduction,
    store: ResidualCache,
    jobs: int = 1,
    progress: Progress | None = None,
) -> tuple[Claims, ...]:
    """Count the claims of a fingerprint on folders of other generators' images.

    Nothing is learned from them; the reduction is the fingerprint's own. InputError if a folder has
    no image that can be examined.
    """
    judge = judge_of(fingerprint)
    found = []
    for folder in folders:
        listed = ImageFolder.at(folder)
        images = survey(listed, reduction, store, jobs, progress).images
        if not images:
            raise InputError(
                f"{display_path(folder)} holds no image that can be examined; name a folder of "
                "another generator's images."
            )
        claimed = 0
        for image, part, residual in examined_again(images, reduction, store):
            if (crop := fingerprint.crop_in_use) != reduction.crop:
                part = crop.apply(image.rgb_hwc)
                residual = reduction.residual()(part)
            features = Features(residual, part)
            row = judge.examine("", features, image.compression, "conformal", FPR)
            claimed += row.decision == "supports_generator"
        bound = binomtest(claimed, len(images), alternative="less").proportion_ci(0.95, "exact")
        found.append(Claims(listed.name, len(images), claimed, float(bound.high)))
    return tuple(found)


def own_share(fingerprint: Fingerprint) -> float:
    """Return the share of the generator's held-out images that its fingerprint would claim.

    By the conformal rule at rate 0.05 and the test of typicality, each image ranked among the
    others of its class; where there are conditions, of its images as found (of the first kind of
    version that there is, where none was drawn as found).
    """
    if fingerprint.conditions is not None:
        told = {each["kind"]: each["power"] for each in fingerprint.parameters["conditions"]}
        return float(told.get(KINDS[0], next(iter(told.values()))))
    calibration = fingerprint.calibration
    generated, real = calibration.generated, calibration.real
    above = np.array([np.count_nonzero(real >= score) for score in generated])
    claimed = (1 + above) / (1 + real.size) <= FPR
    below = np.array([np.count_nonzero(generated <= score) for score in generated])
    claimed &= below / generated.size > FPR
    if fingerprint.joined is not None:
        distances = fingerprint.joined.typicality.calibration
        farther = np.array([np.count_nonzero(distances >= d) for d in distances])
        claimed &= farther / distances.size > LEVEL
    return float(claimed.mean())


def describe(fingerprint: Fingerprint, foreign: Sequence[Claims]) -> dict[str, Any]:
    """Return rate, own share and claims on each folder, as stored; JSON types only."""
    return {
        "fpr": FPR,
        "own": own_share(fingerprint),
        "foreign": [asdict(claims) for claims in foreign],
    }
