"""Numbers of an image for `Conditions`: those that a coding changes, and its roughness."""

from __future__ import annotations

import numpy as np

from fp.fingerprint.decision.judge import Features
from fp.fingerprint.estimators import registry as estimators
from fp.fingerprint.estimators.recipes import OF_CODING
from fp.system.arrays import Doubles, Pixels

_GRID, _WEIGHT = 0.5, 10.0
_CELL, _FLOOR = 4, 0.3


def coding_numbers(features: Features) -> Doubles:
    """Return the coding numbers of an examined part, shape (1, p), computed once for all who ask.

    They are the statistics of 8 x 8 cosine transforms; the residual's log power spectrum in bins of
    4 x 3, where the part is large enough for one; and the strength of the JPEG grid, up to 1/2 and
    times 10, so that ridge regressions hear one number among a thousand.
    """
    return features.once("coding numbers", lambda: _measured(features))


def _measured(features: Features) -> Doubles:
    blocks, spectrum = map(estimators.get, OF_CODING)
    rows = [features.of_part(blocks).reshape(1, -1)]
    if min(features.size) >= spectrum.smallest:
        view = spectrum.view(features.of_part(spectrum))
        rows.append(np.zeros((1, 0)) if view is None else view)
    rows.append(np.array([[min(features.grid_strength, _GRID) * _WEIGHT]]))
    return np.hstack(rows).astype(np.float64)


def roughness(features: Features) -> Doubles:
    """Return how much the examined part varies from place to place, shape (1,).

    It is a natural logarithm, computed once for all who ask.

    Notes
    -----
    With m the mean of the three channels over cells of 4 x 4 pixels, in grey values, and d the
    differences of m between neighbouring cells, it is the mean of ln(d^2 + 0.3): about -1 for a
    clear sky, 5 for grass. A codec hardly changes it, since it keeps what is as coarse as that.
    """
    return features.once("roughness", lambda: _varying(features.image_hwc))


def _varying(image: Pixels) -> Doubles:
    height, width = (side // _CELL for side in image.shape[:2])
    cells = image[: height * _CELL, : width * _CELL].reshape(height, _CELL, width, _CELL, 3)
    means = cells.mean(axis=(1, 3, 4))
    steps = np.concatenate([np.diff(means, axis=0).ravel(), np.diff(means, axis=1).ravel()])
    return np.array([np.log(np.square(steps) + _FLOOR).mean()])
