"""Moments of colour differences in fine structure, with a linear classifier.

A camera interpolates colours between its pixels, and a decoder draws all three at once: how red,
green and blue vary together differs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fp.evaluation.baselines.linear import AtScales
from fp.system.arrays import Array, Doubles, Pixels

MAPS = np.array(
    [
        *([1, 1, 1], [1, -1, 0], [0, 1, -1], [1, 0, -1]),
        *([-0.169, -0.331, 0.5], [0.5, -0.419, -0.081]),
    ]
)
"""Six linear maps of red, green and blue: their sum, three differences, and Cb and Cr of JPEG."""

_PAIRS = np.triu_indices(len(MAPS), 1)


@dataclass(frozen=True)
class Chroma(AtScales):
    """The baseline; an image is reduced by means of blocks."""

    scales: tuple[int, ...] = (1, 2, 4)

    name: ClassVar[str] = "chroma"

    def features(self, image_hwc: Pixels) -> tuple[Array, ...]:
        """Return the moments of six colour maps of four kinds of differences, at each scale.

        Of each map they are log deviation, skewness, log kurtosis and the share of zeros; of each
        two maps the correlation.
        """
        found = []
        for scale in self.scales:
            rows, columns = (side // scale for side in image_hwc.shape[:2])
            whole = image_hwc[: rows * scale, : columns * scale].astype(np.float64)
            small = whole.reshape(rows, scale, columns, scale, 3).mean(axis=(1, 3))
            found += [_moments(MAPS @ kind.reshape(-1, 3).T) for kind in _differences(small)]
        return (np.concatenate(found).astype(np.float32),)


def _differences(image_hwc: Doubles) -> tuple[Doubles, ...]:
    along, across = (np.diff(image_hwc, axis=axis) for axis in (1, 0))
    both = np.diff(along, axis=0)
    around = image_hwc[1:-1, 1:-1] - 0.25 * (
        image_hwc[:-2, 1:-1] + image_hwc[2:, 1:-1] + image_hwc[1:-1, :-2] + image_hwc[1:-1, 2:]
    )
    return along, across, both, around


def _moments(values: Doubles) -> Doubles:
    """Return the numbers of one kind of differences, shape (6, N)."""
    size = values.shape[1]
    centred = values - values.mean(axis=1, keepdims=True)
    deviation = np.sqrt(np.einsum("ij,ij->i", centred, centred) / size)
    # Flat images have none.
    standard = centred / np.maximum(deviation, 1e-3)[:, None]
    squared = standard * standard
    return np.concatenate(
        [
            np.log(deviation + 1e-3),
            np.cbrt(np.einsum("ij,ij->i", squared, standard) / size),
            np.log(np.einsum("ij,ij->i", squared, squared) / size + 1e-3),
            (np.abs(values) < 0.5).mean(axis=1),
            (standard @ standard.T / size)[_PAIRS],
        ]
    )
