"""Numbers of an image that a coding changes."""

from __future__ import annotations

import numpy as np

from fp.fingerprint.decision.judge import Features
from fp.fingerprint.estimators import registry as estimators
from fp.fingerprint.estimators.recipes import OF_CODING
from fp.system.arrays import Doubles

_GRID, _WEIGHT = 0.5, 10.0


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
