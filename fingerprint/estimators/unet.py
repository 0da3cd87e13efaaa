"""The network of Deep Image Fingerprint: a U-Net that draws one pattern.

Architecture of Sinitsa and Fried (arXiv 2303.10762): 3,705,667 parameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

INPUT_CHANNELS = 16
ENCODER_WIDTHS = (32, 64, 128, 256)
MIDDLE_WIDTH = 256
DECODER_WIDTHS = (128, 64, 32, 32)
SIDE_MULTIPLE = 16
SLOPE = 0.01


def _block(inputs: int, outputs: int) -> nn.Sequential:
    """Chain two 3x3 convolutions, each with batch norm and leaky ReLU."""
    return nn.Sequential(
        *_convolution(inputs, outputs),
        *_convolution(outputs, outputs),
    )


def _convolution(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(inputs, outputs, 3, padding=1),
        _batch_norm(outputs),
        nn.LeakyReLU(SLOPE, inplace=True),
    )


def _upsampling(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(channels, channels, 2, stride=2),
        _batch_norm(channels),
    )


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    # Batch statistics always, as the method has it, so that running ones would only cost time.
    return nn.BatchNorm2d(channels, track_running_stats=False)


class FingerprintUNet(nn.Module):
    """Generator network g of DIF: an input of noise in, a pattern in (-1, 1) out.

    Build it with `draw_network`, which draws the weights from a generator of its own.
    """

    def __init__(self) -> None:
        super().__init__()
        inputs = (INPUT_CHANNELS, *ENCODER_WIDTHS[:-1])
        self.encoder = nn.ModuleList(map(_block, inputs, ENCODER_WIDTHS))
        self.middle = _block(ENCODER_WIDTHS[-1], MIDDLE_WIDTH)
        below = (MIDDLE_WIDTH, *DECODER_WIDTHS[:-1])
        skips = tuple(reversed(ENCODER_WIDTHS))
        self.upsampling = nn.ModuleList(map(_upsampling, below))
        self.decoder = nn.ModuleList(
            _block(up + skip, width)
            for up, skip, width in zip(below, skips, DECODER_WIDTHS, strict=True)
        )
        self.last = nn.Conv2d(DECODER_WIDTHS[-1], 3, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Draw a pattern (1, 3, H, W) in (-1, 1) of noise (1, 16, H, W); see `sides_fit`."""
        skips: list[Tensor] = []
        features = inputs
        for block in self.encoder:
            features = block(features)
            skips.append(features)
            features = F.max_pool2d(features, 2)
        features = self.middle(features)
        for upsampling, block in zip(self.upsampling, self.decoder, strict=True):
            raised = upsampling(features)
            _keep_gradient_dense(raised)
            features = block(torch.cat((skips.pop(), raised), dim=1))
        with torch.autocast(inputs.device.type, enabled=False):
            return torch.tanh(self._project(features.to(self.last.weight.dtype)))

    def _project(self, features: Tensor) -> Tensor:
        # A 1x1 convolution to three channels has no fast path on the CPU in channels_last, where
        # it is a plain matrix product.
        if not features.is_contiguous(memory_format=torch.channels_last):
            projected: Tensor = self.last(features)
            return projected
        pixels = features.permute(0, 2, 3, 1)
        weight = self.last.weight.flatten(1)
        return F.linear(pixels, weight, self.last.bias).permute(0, 3, 1, 2)


def _keep_gradient_dense(raised: Tensor) -> None:
    # The gradient of a concatenation is a slice; in channels_last, batch norm takes a strided
    # path on it that is five times slower than the copy.
    if raised.requires_grad and raised.is_contiguous(memory_format=torch.channels_last):
        raised.register_hook(  # type: ignore[no-untyped-call]
            lambda gradient: gradient.contiguous(memory_format=torch.channels_last)
        )


def draw_network(generator: torch.Generator) -> FingerprintUNet:
    """Build the network on the CPU in training mode, with weights drawn from a generator.

    Weights and biases of a convolution are uniform in +-1/sqrt(fan-in), PyTorch's own rule; batch
    norm starts at scale 1 and shift 0. The global random state is neither read nor moved.
    """
    with torch.device("meta"):
        network = FingerprintUNet()
    network = network.to_empty(device="cpu").float().train()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                # Fan-in as PyTorch counts it: for a transposed convolution over its outputs.
                bound = 1.0 / math.sqrt(module.weight[0].numel())
                module.weight.uniform_(-bound, bound, generator=generator)
                if module.bias is not None:
                    module.bias.uniform_(-bound, bound, generator=generator)
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.fill_(1.0)
                module.bias.fill_(0.0)
    return network


def sides_fit(sides: Sequence[int]) -> bool:
    """Return whether the network can draw a pattern of this height and width.

    It can where both are multiples of 16 and the middle block keeps more than one pixel, of which
    batch norm needs two.
    """
    return (
        all(side > 0 and side % SIDE_MULTIPLE == 0 for side in sides)
        and math.prod(sides) > SIDE_MULTIPLE**2
    )
