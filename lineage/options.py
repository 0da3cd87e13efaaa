"""Parameters of a lineage analysis."""

from __future__ import annotations

from dataclasses import dataclass, field

from fp.denoisers import registry
from fp.images.loading import Limits
from fp.lineage.clusters import CUT
from fp.lineage.levels import PERIODS
from fp.system.errors import UsageError


@dataclass(frozen=True)
class LineageOptions:
    """Everything that decides the result, beside the images.

    Parameters
    ----------
    denoiser : str
        Name of the denoiser.
    period : int
        Longest period of a lattice in pixels: 2, 4, 8 or 16.
    folds : int
        Number of parts into which sources are dealt for cross-detection.
    samples : int
        Number of bootstrap samples.
    cut : float
        Kinship at which families are cut, in (0, 1).
    rate : float
        Rate of false discoveries among the pairs of which both directions answer.
    seed : int
        Seed of folds and bootstrap.
    limits : Limits
        Sizes beyond which a file is refused.
    """

    denoiser: str = registry.DEFAULT
    period: int = 8
    folds: int = 5
    samples: int = 200
    cut: float = CUT
    rate: float = 0.05
    seed: int = 0
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.period not in PERIODS:
            raise UsageError(f"The period must be one of {PERIODS}, not {self.period}.")
        if self.folds < 2:
            raise UsageError(f"Held-out scores need at least 2 folds, not {self.folds}.")
        if self.samples < 20:
            raise UsageError(f"Support needs at least 20 bootstrap samples, not {self.samples}.")
        for name in ("cut", "rate"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"The {name} lies between 0 and 1, not at {getattr(self, name)}.")
