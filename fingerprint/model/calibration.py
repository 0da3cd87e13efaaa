"""Held-out scores of both classes, and what a fingerprint joins of several parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fp.system.arrays import Doubles


@dataclass(frozen=True, eq=False)
class Calibration:
    """Scores of images that the pattern had not seen when it scored them.

    Parameters
    ----------
    real, generated : ndarray of float64, shape (n_r,) and (n_g,)
        Held-out scores of the reference images and of the generator's.
    real_sha256, generated_sha256 : tuple of str
        Hash of each image's file, in the order of the scores.
    real_source, generated_source : tuple of str
        Source of each image (by default the stem of its name): the unit of resampling.
    scheme : str
        How the scores were held out, in words.

    Raises
    ------
    ValueError
        If a class is empty, a score is not finite, or the lengths differ.
    """

    real: Doubles
    generated: Doubles
    real_sha256: tuple[str, ...]
    generated_sha256: tuple[str, ...]
    real_source: tuple[str, ...]
    generated_source: tuple[str, ...]
    scheme: str

    def __post_init__(self) -> None:
        for label in ("real", "generated"):
            scores = getattr(self, label)
            if scores.ndim != 1 or scores.size == 0:
                raise ValueError(f"A calibration needs at least one score of class {label}.")
            if not np.isfinite(scores).all():
                raise ValueError(f"A calibration score of class {label} is not finite.")
            for other in (f"{label}_sha256", f"{label}_source"):
                if len(getattr(self, other)) != scores.size:
                    raise ValueError(
                        f"{other} has {len(getattr(self, other))} entries for {scores.size} scores."
                    )

    @property
    def mu_r(self) -> float:
        """Mean score of the reference images."""
        return float(self.real.mean())

    @property
    def mu_g(self) -> float:
        """Mean score of the generator's images."""
        return float(self.generated.mean())


@dataclass(frozen=True, eq=False)
class NullControl:
    """The same extraction with shuffled labels: what separation looks like without a generator.

    Parameters
    ----------
    observed : float
        Held-out separation d' with the true labels.
    shuffled : ndarray of float64, shape (n,)
        Held-out separation d' of each extraction with shuffled labels.
    seed : int
        Seed of the shuffles.
    """

    observed: float
    shuffled: Doubles
    seed: int

    @property
    def p(self) -> float:
        """Permutation p-value of the observed separation, at least 1 / (n + 1)."""
        exceeding = int(np.count_nonzero(self.shuffled >= self.observed))
        return (1 + exceeding) / (1 + self.shuffled.size)
