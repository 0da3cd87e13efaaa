"""What a fingerprint of several parts has beside its joined score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fp.fingerprint.model.calibration import NullControl
from fp.fingerprint.model.typicality import Typicality
from fp.system.arrays import Doubles, Floats


@dataclass(frozen=True, eq=False)
class Part:
    """One estimator of a fingerprint that joins several.

    Parameters
    ----------
    method : str
        Name of the estimator.
    pattern : ndarray of float32, shape (C, H, W)
        Its pattern or weights.
    offset : float
        What is subtracted from the inner product; 0 for correlations.
    real, generated : ndarray of float64, shape (n_r,) and (n_g,)
        Its held-out scores, in the order of the fingerprint's calibration.
    parameters : mapping
        ``method``: the estimator's parameters; beside it what the estimator chose; JSON types.
    """

    method: str
    pattern: Floats
    offset: float
    real: Doubles
    generated: Doubles
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Joined:
    """What a fingerprint of several parts has beside its joined score.

    A `ValueError` refuses numbers of scores that do not fit each other.

    Parameters
    ----------
    parts : tuple of Part
        The estimators; the fingerprint's pattern (1, 2, K) holds their weights: row 0 for all,
        row 1 for those that speak of the generator alone.
    specific_offset : float
        Offset of row 1.
    specific_real, specific_generated : ndarray of float64, shape (n_r,) and (n_g,)
        Held-out joined scores of the generator's evidence alone.
    typicality : Typicality
        What is ordinary for the generator.
    specific_null : NullControl, optional
        The shuffled-label control of the generator's evidence alone.
    """

    parts: tuple[Part, ...]
    specific_offset: float
    specific_real: Doubles
    specific_generated: Doubles
    typicality: Typicality
    specific_null: NullControl | None = None

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("A joined fingerprint needs at least one part.")
        for part in self.parts:
            if (part.real.size, part.generated.size) != (
                self.specific_real.size,
                self.specific_generated.size,
            ):
                raise ValueError(f"Part {part.method!r} has another number of scores.")
            if part.pattern.ndim != 3 or not np.isfinite(part.pattern).all():
                raise ValueError(f"The pattern of part {part.method!r} is not finite (C, H, W).")
