"""The optimiser of the denoisers: orthogonal steps for the inner kernels, Adam for the rest.

A kernel of an inner convolution, seen as a matrix of outputs by inputs, is moved by its momentum
with all singular values brought near one (Jordan et al. 2024, "Muon"); with few steps to spend this
learns faster than Adam: docs/denoisers.md has the figures. First and last layer and batch
norm follow Adam (Kingma and Ba 2015). All state is plain tensors by name, so that a checkpoint
holds it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Rates:
    """Constants of the optimiser.

    Parameters
    ----------
    orthogonal : float
        Length of a step of an inner kernel, in singular values.
    adam : float
        Learning rate of all other parameters.
    momentum : float
        Share of the old momentum that an orthogonal step keeps.
    betas : tuple of float
        Adam's decay of the first and the second moment.
    clip : float
        Largest norm of the whole gradient; a longer one is shortened to it.
    """

    orthogonal: float = 0.02
    adam: float = 0.002
    momentum: float = 0.95
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = 1.0


def orthogonalised(matrix: Tensor, iterations: int = 5) -> Tensor:
    """Return a matrix (M, N), float32, with all singular values brought near one, vectors kept.

    By steps of the quintic Newton-Schulz iteration x <- a x + b x^3 + c x^5 on singular values,
    fastest with M <= N. They end between about 0.7 and 1.2, unless they were tiny.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x: Tensor = matrix / (matrix.norm() + 1e-7)
    for _ in range(iterations):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


class Optimiser:
    """Steps for named parameters, with state that can be saved as named tensors.

    Those of `orthogonal_names` take orthogonal steps; all others follow Adam.
    """

    def __init__(self, rates: Rates, orthogonal_names: frozenset[str]) -> None:
        self.rates = rates
        self.orthogonal_names = orthogonal_names
        self.state: dict[str, Tensor] = {}

    @torch.no_grad()
    def step(self, parameters: dict[str, Tensor], share: float) -> None:
        """Move every parameter that has a gradient; `share` in [0, 1] is a factor on both rates."""
        gradients = {n: p.grad for n, p in parameters.items() if p.grad is not None}
        norm = torch.stack([g.norm() for g in gradients.values()]).norm()
        shorten = (self.rates.clip / (norm + 1e-12)).clamp(max=1.0)
        for name, gradient in gradients.items():
            gradient = gradient * shorten
            if name in self.orthogonal_names:
                self._orthogonal(name, parameters[name], gradient, share)
            else:
                self._adam(name, parameters[name], gradient, share)

    def _moment(self, kind: str, name: str, like: Tensor) -> Tensor:
        return self.state.setdefault(f"{kind}.{name}", torch.zeros_like(like))

    def _orthogonal(self, name: str, parameter: Tensor, gradient: Tensor, share: float) -> None:
        keep = self.rates.momentum
        moment = self._moment("momentum", name, parameter).mul_(keep).add_(gradient)
        ahead = (gradient + keep * moment).flatten(1)
        move = orthogonalised(ahead).reshape(parameter.shape)
        parameter.add_(move, alpha=-self.rates.orthogonal * share)

    def _adam(self, name: str, parameter: Tensor, gradient: Tensor, share: float) -> None:
        (keep1, keep2), count = self.rates.betas, self._count(name)
        first = self._moment("first", name, parameter).lerp_(gradient, 1 - keep1)
        second = self._moment("second", name, parameter).lerp_(gradient.square(), 1 - keep2)
        root = (second / (1 - keep2**count)).sqrt().add_(1e-8)
        parameter.addcdiv_(first / (1 - keep1**count), root, value=-self.rates.adam * share)

    def _count(self, name: str) -> int:
        count = self.state.setdefault(f"count.{name}", torch.zeros(1, dtype=torch.int64))
        return int(count.add_(1).item())
