"""How a denoiser is trained: all but the photographs, and the recipes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

import numpy as np

from fp.denoisers.dncnn_network import ARCHITECTURES, Architecture
from fp.denoisers.optimiser import Rates
from fp.system.errors import UsageError


@dataclass(frozen=True)
class TrainingOptions:
    """Everything that decides the weights, together with the photographs.

    Parameters
    ----------
    name : str
        Name of the denoiser that is trained.
    architecture : Architecture
        Its shape at the end.
    steps : int
        Number of batches.
    growth : tuple of (int, int)
        Pairs (step, depth) at which the network is deepened; the first at step 0. Empty: the full
        depth from the start.
    batch, patch : int
        Patches a step, and their side in pixels.
    sigma : tuple of float
        Bounds of the noise's standard deviation, uniform for each patch, in grey levels of 255.
    rates : Rates
        Constants of the optimiser.
    warmup, decay : int
        First steps, over which the rates rise from zero, and last ones, over which they fall to it.
    bends : tuple of (int, float)
        Points (step, share of the full rates) through which the fall goes; empty: straight.
    kept_statistics : int
        Last steps, in which batch norm uses its running statistics as it will in use.
    inner : str
        Arithmetic of the inner layers: "float32" or "bfloat16".
    seed : int
        Seed of weights, patches and noise.
    """

    name: str
    architecture: Architecture
    steps: int
    growth: tuple[tuple[int, int], ...] = ()
    batch: int = 8
    patch: int = 48
    sigma: tuple[float, float] = (5.0, 15.0)
    rates: Rates = field(default_factory=Rates)
    warmup: int = 100
    decay: int = 1000
    bends: tuple[tuple[int, float], ...] = ()
    kept_statistics: int = 0
    inner: str = "bfloat16"
    seed: int = 0

    def __post_init__(self) -> None:
        depths = [depth for _, depth in self.growth]
        if self.growth and (
            self.growth[0][0] != 0
            or depths[-1] != self.architecture.depth
            or list(self.growth) != sorted(self.growth)
            or depths != sorted(depths)
        ):
            raise UsageError(
                f"The growth {self.growth} has to start at step 0 and to rise to depth "
                f"{self.architecture.depth}."
            )
        if min(self.steps, self.batch, self.patch, self.warmup, self.decay) < 1:
            raise UsageError("Steps, batch, patch, warm-up and decay of a training are at least 1.")
        bends = [(self.steps - self.decay, 1.0), *self.bends, (self.steps, 0.0)]
        if bends != sorted(bends) or any(not 0 <= share <= 1 for _, share in bends):
            raise UsageError(
                f"The bends {self.bends} have to lie between step {bends[0][0]} and {self.steps}, "
                "with shares from 0 to 1."
            )
        if self.inner not in ("float32", "bfloat16"):
            raise UsageError(f"Inner arithmetic {self.inner!r} is not float32 or bfloat16.")

    def depth_at(self, step: int) -> int:
        """Return the number of convolutions during a step."""
        reached = [depth for start, depth in self.growth if start <= step]
        return reached[-1] if reached else self.architecture.depth

    def share_at(self, step: int) -> float:
        """Return the factor on the learning rates in a step. They rise, stay and fall to zero."""
        fall = (self.steps - step) / self.decay
        if self.bends:
            points = [(self.steps - self.decay, 1.0), *self.bends, (self.steps, 0.0)]
            at, shares = zip(*points, strict=True)
            fall = float(np.interp(step, at, shares))
        return min(1.0, (step + 1) / self.warmup, fall)

    def as_json(self) -> str:
        """Return the options as canonical JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> TrainingOptions:
        """Read what `as_json` wrote."""
        facts = json.loads(text)
        facts["architecture"] = Architecture(**facts["architecture"])
        facts["rates"] = Rates(**{**facts["rates"], "betas": tuple(facts["rates"]["betas"])})
        facts["bends"] = tuple((step, share) for step, share in facts.get("bends", ()))
        facts["growth"] = tuple((step, depth) for step, depth in facts["growth"])
        return cls(**{**facts, "sigma": tuple(facts["sigma"])})


RECIPES = {
    "dncnn": TrainingOptions(
        "dncnn",
        ARCHITECTURES["dncnn"],
        steps=13200,
        growth=((0, 7), (3000, 11), (6000, 17)),
        decay=6500,
        bends=((8300, 0.42857142857142855), (10400, 0.18532818532818532)),
        kept_statistics=1000,
    ),
    "dncnn-small": TrainingOptions(
        "dncnn-small",
        ARCHITECTURES["dncnn-small"],
        steps=24000,
        decay=16000,
        kept_statistics=2000,
    ),
}
"""Options that made the weights that ship, by name of the denoiser."""
