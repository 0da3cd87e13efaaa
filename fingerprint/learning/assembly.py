"""From what a method learned to the fingerprint that is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fp.denoisers.population import Examined, Reduction
from fp.fingerprint.learning.crossfit import HeldOut
from fp.fingerprint.learning.method import Learned
from fp.fingerprint.learning.permutation import Nulls
from fp.fingerprint.model.calibration import Calibration
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.model.joined import Joined, Part
from fp.system.arrays import Doubles, Flags
from fp.system.environment import describe, now_utc, tool_version


def assemble(
    name: str,
    parameters: Mapping[str, Any],
    reduction: Reduction,
    images: Sequence[Examined],
    labels: Flags,
    learned: Learned,
    nulls: Nulls | None,
) -> Fingerprint:
    """Make the fingerprint of what was learned from images of both classes.

    `parameters` are all of the extraction with defaults resolved, of JSON types only; `nulls` the
    shuffled-label controls, where they were run.
    """
    held, fitted = learned.held, learned.held.fitted
    fusion = learned.fusion
    generated = [image for image, label in zip(images, labels, strict=True) if label]
    return Fingerprint(
        name=name,
        method=learned.recipe.name,
        pattern=fitted.pattern if fusion is None else fusion.weights[None],
        offset=fitted.offset if fusion is None else float(fusion.offsets[0]),
        crop=reduction.crop,
        preparation=reduction.preparation,
        denoiser=reduction.residual().identity,
        calibration=calibration([images[i] for i in held.index], labels[held.index], held),
        null=None if nulls is None else nulls.whole,
        parameters=parameters,
        native_sizes=dict(sorted(Counter(image.size for image in generated).items())),
        formats=dict(sorted(Counter(image.format for image in generated).items())),
        history=_history(learned),
        environment=describe(),
        created_utc=now_utc(),
        tool_version=tool_version(),
        joined=_joined(learned, labels, nulls),
    )


def _history(learned: Learned) -> dict[str, Doubles]:
    return {name: v for part in learned.parts for name, v in part.fitted.history.items()}


def _joined(learned: Learned, labels: Flags, nulls: Nulls | None) -> Joined | None:
    if learned.fusion is None or learned.specific is None or learned.typicality is None:
        return None
    is_generated = labels[learned.held.index]
    parts = [
        Part(
            estimator.name,
            held.fitted.pattern,
            held.fitted.offset,
            held.scores[~is_generated],
            held.scores[is_generated],
            {"method": estimator.parameters()} | held.fitted.chosen,
        )
        for estimator, held in zip(learned.recipe.parts, learned.parts, strict=True)
    ]
    return Joined(
        tuple(parts),
        float(learned.fusion.offsets[1]),
        learned.specific.scores[~is_generated],
        learned.specific.scores[is_generated],
        learned.typicality,
        None if nulls is None else nulls.specific,
    )


def calibration(images: Sequence[Examined], labels: Flags, held: HeldOut) -> Calibration:
    """Sort the held-out scores of images by class, with their hashes and sources."""
    real, generated = (
        [image for image, label in zip(images, labels, strict=True) if label == wanted]
        for wanted in (False, True)
    )
    return Calibration(
        real=held.scores[~labels],
        generated=held.scores[labels],
        real_sha256=tuple(image.sha256 for image in real),
        generated_sha256=tuple(image.sha256 for image in generated),
        real_source=tuple(image.source for image in real),
        generated_source=tuple(image.source for image in generated),
        scheme=held.scheme,
    )
