"""The network of the DnCNN denoisers, as trained and as folded for use.

Zhang et al., "Beyond a Gaussian Denoiser" (arXiv 1608.03981): 3x3 convolutions with zero padding,
batch norm and ReLU between them, and the noise as output. No convolution has a bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Architecture:
    """Shape of a DnCNN.

    Parameters
    ----------
    depth, width : int
        Number of convolutions, at least 3, and channels between them.
    """

    depth: int
    width: int


ARCHITECTURES = {"dncnn": Architecture(17, 64), "dncnn-small": Architecture(7, 32)}
"""Shapes of the denoisers that ship, by name."""


class Block(nn.Module):
    """Convolution without bias, batch norm, ReLU; as many channels in as out."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(width)

    @torch.no_grad()
    def add_identity(self) -> None:
        """Add to the kernel the one that passes every channel on."""
        self.convolution.weight[:, :, 1, 1] += torch.eye(self.convolution.in_channels)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, width, H, W) to the same shape, non-negative."""
        return functional.relu(self.norm(self.convolution(features)), inplace=True)


class TrainableDnCNN(nn.Module):
    """The network with its batch norm, float32 at both ends.

    Input of the blocks is non-negative, so kernels near the identity carry it through any depth;
    with random kernels seventeen layers stall at the start. Initial weights are drawn from the
    generator; the blocks compute in float32 or bfloat16 (autocast, weights stay float32).
    """

    def __init__(
        self,
        architecture: Architecture,
        generator: torch.Generator | None = None,
        inner_dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        width = architecture.width
        self.architecture = architecture
        self.inner_dtype = inner_dtype
        self.first = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.blocks = nn.ModuleList(Block(width) for _ in range(architecture.depth - 2))
        self.last = nn.Conv2d(width, 3, 3, padding=1, bias=False)
        _start(self.first.weight, 1.0, generator)
        for block in self.inner():
            _start(block.convolution.weight, 0.1, generator)
            block.add_identity()
        # A network that begins by answering "no noise" does not have to unlearn its own noise.
        _start(self.last.weight, 0.03, generator)
        self._lay_out()

    def _lay_out(self) -> None:
        """Store kernels channels last, as the features are: the faster order on processors."""
        for kernel in self.parameters():
            if kernel.dim() == 4:
                kernel.data = kernel.data.contiguous(memory_format=torch.channels_last)

    def inner(self) -> list[Block]:
        """Return the blocks between first and last convolution, in order."""
        return [block for block in self.blocks if isinstance(block, Block)]

    def forward(self, image: Tensor) -> Tensor:
        """Estimate the noise: (N, 3, H, W) float32 in, the same out."""
        features = functional.relu(self.first(image), inplace=True)
        mixed = self.inner_dtype != torch.float32
        with torch.autocast(image.device.type, self.inner_dtype, enabled=mixed):
            for block in self.blocks:
                features = block(features)
        noise: Tensor = self.last(features.float())
        return noise

    @torch.no_grad()
    def deepen(self, depth: int, image: Tensor) -> None:
        """Insert blocks that change nothing yet, spread evenly (Net2Net, arXiv 1511.05641).

        Up to a depth, in convolutions, that is not smaller than now. The image is a training batch,
        (N, 3, H, W): the statistics of its features at the new places make batch norm the identity
        there.
        """
        old = self.inner()
        self.architecture = Architecture(depth, self.architecture.width)
        total = depth - 2
        ends = [(i + 1) * total // len(old) for i in range(len(old))]
        features, blocks = functional.relu(self.first(image)), list[Block]()
        for block, end in zip(old, ends, strict=True):
            features = block(features)
            blocks.append(block)
            while len(blocks) < end:
                blocks.append(_identity_block(features))
        self.blocks = nn.ModuleList(blocks)
        self._lay_out()

    def keep_statistics(self) -> None:
        """Set batch norm to its running statistics from now on, as in use."""
        for block in self.inner():
            block.norm.eval()


def _identity_block(features: Tensor) -> Block:
    block = Block(features.shape[1])
    nn.init.zeros_(block.convolution.weight)
    block.add_identity()
    mean = features.mean((0, 2, 3))
    variance = features.var((0, 2, 3), unbiased=False)
    norm = block.norm
    norm.bias.copy_(mean)
    norm.weight.copy_((variance + norm.eps).sqrt())
    for statistic, value in ((norm.running_mean, mean), (norm.running_var, variance)):
        assert statistic is not None
        statistic.copy_(value)
    return block


@torch.no_grad()
def _start(kernel: Tensor, gain: float, generator: torch.Generator | None) -> None:
    nn.init.kaiming_normal_(kernel, nonlinearity="relu", generator=generator)
    kernel.mul_(gain)
