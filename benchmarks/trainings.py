"""Trainings that can be interrupted: the state is kept every few minutes, without a pickle."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import zoo
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

KEPT_EVERY = 120
"""Seconds between two states of a training."""


@dataclass
class Training:
    """A training that can be interrupted.

    Parameters
    ----------
    nets : dict of str to Module
        Everything whose weights are kept, averages included.
    optimisers : list of Optimizer
        Their state is kept as well.
    rates : list of float
        Their learning rates at the beginning; each falls along a cosine.
    step : callable
        Takes the number of a step and its random generator, changes the networks, returns the loss.
    """

    nets: dict[str, nn.Module]
    optimisers: list[torch.optim.Optimizer]
    rates: list[float]
    step: Callable[[int, np.random.Generator], torch.Tensor]


@dataclass(frozen=True)
class Clock:
    """Seed of a zoo, when to stop, and where to say how far it is."""

    seed: int
    end: float
    report: Callable[[str], None]

    def over(self) -> bool:
        """Return whether it is time to stop."""
        return time.monotonic() > self.end


class OutOfTimeError(Exception):
    """The minutes are over; the state is kept."""


def run(training: Training, path: Path, steps: int, marks: dict[int, str], clock: Clock) -> None:
    """Train from the last kept state to the last step; keep weights at every mark.

    The state goes to ``path.state``, the weights of step k to ``path`` with the stem ``marks[k]``.
    """
    state = path.with_suffix(".state")
    done = _restored(training, state)
    kept = time.monotonic()
    while done < steps:
        for optimiser, rate in zip(training.optimisers, training.rates, strict=True):
            warm = min(1.0, (done + 1) / 100)
            now = rate * warm * 0.5 * (1 + math.cos(math.pi * done / steps))
            for group in optimiser.param_groups:
                group["lr"] = now
        drawn = zoo.number(clock.seed, path.stem, done)
        torch.manual_seed(drawn)
        loss = training.step(done, np.random.default_rng(drawn))
        done += 1
        if done in marks:
            _kept(training, path.with_stem(marks[done]), done, with_state=False)
            clock.report(f"{marks[done]}: step {done} of {steps}, loss {loss.item():.4f}")
        late = clock.over()
        if late or time.monotonic() - kept > KEPT_EVERY or done == steps:
            _kept(training, state, done, with_state=True)
            clock.report(f"{path.stem}: step {done} of {steps}, loss {loss.item():.4f}")
            kept = time.monotonic()
        if late and done < steps:
            raise OutOfTimeError(f"{path.stem} is at step {done} of {steps}; start again to go on")


def _kept(training: Training, path: Path, done: int, with_state: bool) -> None:
    tensors = {}
    for name, net in training.nets.items():
        for key, value in net.state_dict().items():
            tensors[f"{name}/{key}"] = value.contiguous().clone()
    if with_state:
        for i, optimiser in enumerate(training.optimisers):
            for j, entry in optimiser.state_dict()["state"].items():
                for key, value in entry.items():
                    tensors[f"optimiser-{i}/{j}/{key}"] = value.contiguous().clone()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    save_file(tensors, part, {"step": str(done)})
    part.replace(path)


def _restored(training: Training, path: Path) -> int:
    if not path.exists():
        return 0
    tensors = load_file(path)
    for name, net in training.nets.items():
        net.load_state_dict(part_of(tensors, name))
    for i, optimiser in enumerate(training.optimisers):
        entries: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in part_of(tensors, f"optimiser-{i}").items():
            j, what = key.split("/")
            entries.setdefault(int(j), {})[what] = value
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": entries, "param_groups": groups})
    with safe_open(path, "pt") as file:
        return int(file.metadata()["step"])


def part_of(tensors: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """Return the tensors of one network of a kept training."""
    start = f"{name}/"
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}
