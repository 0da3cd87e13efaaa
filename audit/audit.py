"""Do two folders differ in more than their origin? Confounds between the classes, found and named.

docs/audit.md says what is measured, what each code means and by which rule it is how severe.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from threadpoolctl import threadpool_limits

from fp.audit.asked import compare_asked
from fp.audit.checks import compare_classes, has_border
from fp.audit.copies import copies
from fp.audit.findings import CODES, SEVERITIES, Audit, AuditFinding, finding
from fp.audit.fixed_places import FEWEST as FEWEST_SIGNS
from fp.audit.fixed_places import MOST as MOST_SIGNS
from fp.audit.fixed_places import shared
from fp.audit.measuring import Folder, Properties
from fp.audit.mixture import FEWEST, MOST, Split, two_clusters
from fp.audit.preparation import joined, steps_of
from fp.system.paths import display_path

__all__ = ["FEW", "audit"]

FEW = 32
"""Images of a class below which an audit says that it may have overlooked something."""

Item = TypeVar("Item")

_SMALLEST_CLUSTER = 0.05
_LEAST_SHARING = 0.2  # of the pictures: a few look-alikes are no fault of the folder
_ALPHA_SPLIT = 0.02  # of a test of its own, which is not corrected with the comparisons


def audit(
    generated: Folder, real: Folder, tests: Sequence[Folder] = (), prepared: str = "none"
) -> Audit:
    """Return the confounds between two measured classes; `tests` are further measured folders.

    `prepared` is what both classes went through alike before their pixels were measured.
    """
    steps = steps_of([[i.container for i in folder.images] for folder in (generated, real)])
    # One thread: the same sums have the same bits on every machine.
    with threadpool_limits(1):
        split = _split(generated.images)
        findings = compare_classes(generated.images, real.images, joined(steps), prepared)
        findings += _few_seeds(generated.images)
    if split is not None:
        findings.append(_mixture(generated.images, split))
    further = [image for folder in tests for image in folder.images]
    findings += copies(generated.images, real.images, further if tests else None)
    findings += compare_asked(further, [*generated.images, *real.images])
    findings.append(_few(len(generated.images), len(real.images)))
    order = list(CODES)
    findings.sort(key=lambda f: (-SEVERITIES.index(f.severity), order.index(f.code)))
    skipped = tuple(file for folder in (generated, real, *tests) for file in folder.skipped)
    counts = len(generated.images), len(real.images)
    return Audit(tuple(findings), *counts, skipped, steps, prepared)


def _tiled(images: Sequence[Properties]) -> list[Properties]:
    """Return the images whose tiles are tested, spread evenly over the order of their hashes."""
    return _spread([image for image in images if image.tile is not None], MOST)


def _spread(items: Sequence[Item], most: int) -> list[Item]:
    if len(items) <= most:
        return list(items)
    return [items[k * len(items) // most] for k in range(most)]


def _split(images: Sequence[Properties]) -> Split | None:
    tiles = [image.tile for image in _tiled(images)]
    if len(tiles) < FEWEST:
        return None
    return two_clusters(np.array(tiles, dtype=np.float64))


def _mixture(images: Sequence[Properties], split: Split) -> AuditFinding:
    found = split.p <= _ALPHA_SPLIT and split.smaller >= _SMALLEST_CLUSTER
    tested = zip(_tiled(images), split.members, strict=True)
    members = sorted(display_path(image.path) for image, inside in tested if inside)
    words = (
        f"their residuals fall into two clusters, of {split.smaller:.0%} and "
        f"{1 - split.smaller:.0%} of the images"
        if found
        else "their residuals form one cluster"
    )
    return finding(
        "mixed_generators",
        CODES["mixed_generators"].cap if found else "none",
        f": {words} (dip {split.statistic:.3f}, p = {split.p:.3f}).",
        "dip",
        split.statistic,
        p=split.p,
        examples=tuple(members[:3]),
    )


def _few_seeds(images: Sequence[Properties]) -> list[AuditFinding]:
    """Return what is said of pictures that share a pattern at fixed places."""
    # A frame stands at fixed places as well, and has a code of its own.
    signed = [(i, i.signs) for i in images if i.signs is not None and not has_border(i)]
    shapes = Counter(signs.shape for _, signs in signed)
    common = max(shapes, key=lambda shape: (shapes[shape], shape), default=None)
    fitting = [(image, signs) for image, signs in signed if signs.shape == common]
    if len(fitting) < FEWEST_SIGNS:
        return []
    tested = _spread(fitting, MOST_SIGNS)
    found = shared([signs for _, signs in tested])
    share = float(found.members.mean())
    many = share >= _LEAST_SHARING
    sharing = zip(tested, found.members, strict=True)
    names = sorted(display_path(image.path) for (image, _), inside in sharing if inside)
    words = f": {int(found.members.sum())} of {len(tested)} pictures share one with another"
    if many:
        words += f", with {found.others:.1f} others in the mean"
    return [
        finding(
            "few_seeds",
            CODES["few_seeds"].cap if many else "none",
            f"{words}.",
            "share",
            share,
            examples=tuple(names[:3]),
        )
    ]


def _few(n_generated: int, n_real: int) -> AuditFinding:
    fewest = min(n_generated, n_real)
    severity = CODES["few_images"].cap if fewest < FEW else "none"
    words = f": {n_generated} generated and {n_real} real."
    return finding("few_images", severity, words, "images", float(fewest))
