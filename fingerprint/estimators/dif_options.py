"""The parameters of the DIF optimisation; they load without torch, as a finished pattern does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from fp.system.errors import UsageError


@dataclass(frozen=True)
class DifOptions:
    """Parameters of the optimisation; the defaults are those of docs/method.md.

    Parameters
    ----------
    steps : int
        Steps at most.
    batch : int
        Residuals a step, an even number. With fewer residuals than this, the largest even number
        of them.
    learning_rate, weight_decay : float
        Of AdamW.
    ema : float
        Decay of the moving average of the network's output, in [0, 1).
    input_noise : float
        Standard deviation of the normal noise that each step adds to the input.
    input_scale : float
        The input is uniform in [0, input_scale), drawn once.
    margin : float, optional
        Correlation by which residuals of two classes should differ; 4.4 / sqrt(3 H W) by default.
    seed : int
        Of all random draws, 0 or more.
    mode : {"fast", "reference"}
        ``"fast"`` runs in bfloat16 where the processor has it, in channels_last, with torch's
        number of threads as the caller set it. ``"reference"`` is float32 on one thread of the
        CPU: the same residuals, options, release of torch and kind of processor give the same
        bits, whatever the number of cores or the load.
    device : {"cpu", "auto", "cuda"}
        ``"auto"`` takes a CUDA device where there is one; fast mode only.
    patience : int, optional
        Stop when the mean loss of the last `patience` steps is no lower than 95 % of that of the
        `patience` steps before, and lower than half of what a pattern that separates nothing
        pays; never, by default.
    checkpoint_every : int
        Steps between two checkpoints.

    Raises
    ------
    UsageError
        A value outside its range.
    """

    steps: int = 480
    batch: int = 64
    learning_rate: float = 5e-4
    weight_decay: float = 0.01
    ema: float = 0.99
    input_noise: float = 0.03
    input_scale: float = 0.1
    margin: float | None = None
    seed: int = 0
    mode: Literal["fast", "reference"] = "fast"
    device: Literal["cpu", "auto", "cuda"] = "cpu"
    patience: int | None = None
    checkpoint_every: int = 50

    def __post_init__(self) -> None:
        ranges = {
            "steps": (self.steps >= 1, "1 or more"),
            "batch": (self.batch >= 2 and self.batch % 2 == 0, "an even number, 2 or more"),
            "learning_rate": (self.learning_rate > 0, "positive"),
            "weight_decay": (self.weight_decay >= 0, "0 or more"),
            "ema": (0 <= self.ema < 1, "in [0, 1)"),
            "input_noise": (self.input_noise >= 0, "0 or more"),
            "input_scale": (self.input_scale > 0, "positive"),
            "margin": (self.margin is None or self.margin > 0, "positive"),
            "seed": (self.seed >= 0, "0 or more"),
            "mode": (self.mode in ("fast", "reference"), "'fast' or 'reference'"),
            "device": (self.device in ("cpu", "auto", "cuda"), "'cpu', 'auto' or 'cuda'"),
            "patience": (self.patience is None or self.patience >= 1, "1 or more"),
            "checkpoint_every": (self.checkpoint_every >= 1, "1 or more"),
        }
        for name, (holds, rule) in ranges.items():
            if not holds:
                raise UsageError(f"{name} is {getattr(self, name)!r} but must be {rule}.")

    def margin_at(self, height: int, width: int) -> float:
        """Return the margin for a pattern of this size in pixels: 0.01 at 256x256."""
        return self.margin if self.margin is not None else 4.4 / math.sqrt(3 * height * width)
