"""The calibration of windows, from the folds that calibrate whole images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from fp.fingerprint.estimators.folds import Labelled
from fp.fingerprint.estimators.protocol import Fitted
from fp.fingerprint.estimators.recipes import DEFAULT
from fp.fingerprint.learning.fusion import Fusion, fuse
from fp.fingerprint.learning.method import Recipe
from fp.fingerprint.model.windows import Windows, WindowSize
from fp.fingerprint.windows.calibration import fit_dependence, sizes_within
from fp.fingerprint.windows.fields import Fields, Weights, fields_of_residual, weighed
from fp.fingerprint.windows.search_learning import learn_search
from fp.images.crop import CropRule
from fp.system.arrays import Array, Doubles, Flags, Floats, Indices
from fp.system.errors import UsageError

Tally = Callable[[int, int], None]

SMALLEST_CROP = 64


def usable(method: Recipe, crop: CropRule) -> tuple[int, ...]:
    """Return the numbers of the parts that windows can be scored by.

    UsageError if none of them speaks of the generator, or the crop is too small.
    """
    found = tuple(number for number, part in enumerate(method.parts) if part.in_windows)
    if not method.specific[list(found)].any():
        raise UsageError(
            f"Windows cannot be scored by method {method.name!r}: nothing of it both speaks of the "
            f"generator and can be read of a part of an image; use {DEFAULT}."
        )
    if not sizes_within(crop.height, crop.width):
        raise UsageError(
            f"Windows need an examined part of at least {SMALLEST_CROP} x {SMALLEST_CROP} pixels, "
            f"not {crop.width} x {crop.height}."
        )
    return found


def learn_windows(
    method: Recipe,
    crop: CropRule,
    stacks: Mapping[str, Array],
    known: Labelled,
    fitted: Sequence[Fitted],
    residuals: Iterable[Floats],
    chosen: Indices,
    progress: Tally | None = None,
) -> Windows:
    """Score windows of images by patterns that had not seen them, and join the parts.

    Return the calibration of every size of which two windows fit beside each other. `stacks` and
    `known` are of all N images, with the folds of the cross-fitted scores; `residuals` those of the
    M `chosen` ones, which calibrate, in their order. `fitted` is what the parts have learned of
    all; that of dear ones calibrates too.

    The sums of all images at all phases are held until all are read: for each part 256 bytes a cell
    of 16 x 16 pixels at most, 150 KB for an image of 256 x 256 and `auto`.
    """
    numbers = usable(method, crop)
    labels, groups, dealt = known.labels, known.groups, known.deal()
    parts = [method.parts[number] for number in numbers]
    used = [part.settle(stacks[part.reads], labels, groups) for part in parts]
    by_fold = {}
    for fold in np.unique(dealt[chosen]):
        inside = dealt != fold
        by_fold[fold] = Weights(
            tuple(
                (part, part.fit(stacks[part.reads][inside], labels[inside], groups[inside]))
                if part.calibration == "cross-fitted"
                else (part, fitted[number])  # learned once, without all that calibrates
                for number, part in zip(numbers, used, strict=True)
            )
        )
    fields = []
    for done, (number, residual) in enumerate(zip(chosen, residuals, strict=True), start=1):
        fields.append(fields_of_residual(residual, by_fold[dealt[number]], searched=True))
        if progress is not None:
            progress(done, chosen.size)
    specific = method.specific[list(numbers)]
    shown = replace(known, labels=labels[chosen], groups=groups[chosen])
    sizes = tuple(
        _calibrated(size, fields, specific, shown) for size in sizes_within(crop.height, crop.width)
    )
    return Windows(numbers, sizes)


def _calibrated(
    size: int,
    fields: Sequence[Fields],
    specific: Flags,
    known: Labelled,
) -> WindowSize:
    """Join the parts' scores of M images by weights that had not seen them."""
    scores = np.stack([each.scores(size, size // 2) for each in fields])
    # A spectrum says nothing of windows below 64 pixels, and would only be weighed by chance.
    own = np.asarray(scores.std(axis=(0, 2, 3)) > 0) | specific
    odds = np.empty((len(scores), 2, *scores.shape[2:]))
    labels, groups, dealt = known.labels, known.groups, known.deal()
    starts = {}
    for fold in np.unique(dealt):
        inside, outside = dealt != fold, dealt == fold
        found = _fused(scores[inside], own, specific, labels[inside], groups[inside])
        held = weighed(found.weights, found.offsets, scores[outside].swapaxes(0, 1))
        odds[outside] = held.swapaxes(0, 1)
        starts[int(fold)] = found
    whole = _fused(scores, own, specific, labels, groups)
    alone = odds[:, :, ::2, ::2]
    of_real, of_generated = (fit_dependence(alone[labels == k, 0]) for k in (False, True))
    means = alone[:, 1].mean(axis=(1, 2))
    return WindowSize(
        size,
        whole.weights,
        whole.offsets,
        odds[~labels, 0],
        odds[labels, 0],
        means[~labels],
        means[labels],
        of_real,
        of_generated,
        learn_search(size, fields, whole, starts, specific, labels, groups, dealt),
    )


def _fused(
    scores: Doubles,
    own: Flags,
    specific: Flags,
    labels: Flags,
    groups: Indices,
) -> Fusion:
    # Windows side by side: half of an overlapping one is counted already.
    rows = scores[:, :, ::2, ::2].transpose(0, 2, 3, 1)
    each = rows.shape[1] * rows.shape[2]
    columns = rows.reshape(-1, rows.shape[3])
    found = fuse(columns[:, own], specific[own], np.repeat(labels, each), np.repeat(groups, each))
    weights = np.zeros((2, own.size), np.float32)
    weights[:, own] = found.weights
    return Fusion(weights, found.offsets)
