"""The DnCNN denoisers in use: batch norm folded, bfloat16 in the middle.

Folding is exact: w (x - m) / sqrt(v + e) + b is a convolution with scaled kernels and a bias. The
ends stay in float32 because rounding the picture to bfloat16 (up to a grey level near white) swamps
fingerprints of a hundredth of one.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fp.denoisers.dncnn_network import Block
from fp.denoisers.dncnn_weights import SHIPPED, NetworkWeights, load_weights
from fp.denoisers.precision import PRECISIONS, best_precision
from fp.denoisers.residual import DenoiserIdentity
from fp.system.arrays import Floats
from fp.system.errors import DenoiserError, UsageError


def folded(block: Block) -> tuple[Tensor, Tensor]:
    """Return kernel and bias of the one convolution that equals a block without its ReLU.

    w gamma / sqrt(v + e), float32 (width, width, 3, 3), and beta - m gamma / sqrt(v + e), (width,).
    """
    norm = block.norm
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
    kernel = block.convolution.weight.double() * scale[:, None, None, None]
    bias = norm.bias.double() - norm.running_mean.double() * scale
    return kernel.float(), bias.float()


class DnCNN:
    """A DnCNN denoiser.

    One call uses as many threads as torch is set to; the fastest use of several cores is one
    process a core, each with one thread. The name is that in the registry and of the weights in the
    folder. `precision` is a key of `PRECISIONS`, by default `best_precision`, and part of the
    identity: to use a fingerprint on another machine, force the precision it was extracted with.
    `device` is as for `device_of`. `DenoiserError` if the weights are missing or precision or
    device unknown, `IntegrityError` if the weights are not those of their checksum.
    """

    VERSION: ClassVar[int] = 1

    def __init__(
        self,
        name: str = "dncnn",
        precision: str | None = None,
        device: str = "cpu",
        folder: Path = SHIPPED,
    ) -> None:
        self._device = device_of(device)
        self._precision = precision or best_precision(self._device)
        if self._precision not in PRECISIONS:
            raise DenoiserError(
                f"Unknown precision {self._precision!r}; there are {', '.join(PRECISIONS)}."
            )
        self._weights = load_weights(name, folder)
        self._prepare()

    @torch.inference_mode()
    def _prepare(self) -> None:
        network, inner = self._weights.unfolded(), PRECISIONS[self._precision]
        self._first = self._place(network.first.weight, torch.float32)
        self._last = self._place(network.last.weight, torch.float32)
        self._inner = [
            (self._place(kernel, inner), bias.to(self._device, inner))
            for kernel, bias in map(folded, network.inner())
        ]

    def _place(self, kernel: Tensor, dtype: torch.dtype) -> Tensor:
        return kernel.detach().to(self._device, dtype, memory_format=torch.channels_last)

    @property
    def name(self) -> str:
        """Name in the registry."""
        return self._weights.name

    @property
    def precision(self) -> str:
        """Arithmetic in use, a key of `PRECISIONS`."""
        return self._precision

    @property
    def weights(self) -> NetworkWeights:
        """The weights, as they were trained."""
        return self._weights

    @property
    def identity(self) -> DenoiserIdentity:
        """Identity of this denoiser, less the mean residual."""
        return DenoiserIdentity(
            self.name,
            self.VERSION,
            precision=self._precision,
            weights_sha256=self._weights.sha256,
        )

    @torch.inference_mode()
    def noise(self, image_chw: Floats) -> Floats:
        """Return the noise of an image in [0, 1], float32 (3, H, W) with any H and W from 1.

        Of the same shape and unit; a `DenoiserError` refuses other shapes.
        """
        if image_chw.ndim != 3 or image_chw.shape[0] != 3 or image_chw.size == 0:
            raise DenoiserError(
                f"{self.name} takes an image of shape (3, H, W), not {image_chw.shape}."
            )
        # Channels last in memory is what the convolutions are fast on.
        image_hwc = np.array(image_chw.transpose(1, 2, 0), dtype=np.float32, order="C")
        image = torch.from_numpy(image_hwc).to(self._device).permute(2, 0, 1)[None]
        with _plain_float32(self._device):
            noise = self._forward(image)[0].cpu()
        return np.ascontiguousarray(noise.numpy())

    @torch.inference_mode()
    def inner_features(self, image_chw: Floats) -> list[Floats]:
        """Return the features of an image in [0, 1], float32 (3, H, W), after each layer's ReLU.

        Of all layers but the last, in order, each of shape (width, H, W).
        """
        image = torch.from_numpy(np.array(image_chw, dtype=np.float32)).to(self._device)[None]
        with _plain_float32(self._device):
            features = functional.conv2d(image, self._first, padding=1).relu_()
            found = [features]
            features = features.to(PRECISIONS[self._precision])
            for kernel, bias in self._inner:
                features = functional.conv2d(features, kernel, bias, padding=1).relu_()
                found.append(features)
        return [np.ascontiguousarray(layer[0].float().cpu().numpy()) for layer in found]

    def _forward(self, image: Tensor) -> Tensor:
        features = functional.conv2d(image, self._first, padding=1).relu_()
        features = features.to(PRECISIONS[self._precision])
        for kernel, bias in self._inner:
            features = functional.conv2d(features, kernel, bias, padding=1).relu_()
        return functional.conv2d(features.float(), self._last, padding=1)


def device_of(name: str) -> torch.device:
    """Return the device of a name: "cpu", "auto" (a GPU where there is one), or one of torch's.

    DenoiserError if torch knows no such device, UsageError if it is a GPU and there is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DenoiserError(f"Unknown device {name!r}; use cpu, auto or cuda.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("torch sees no CUDA device on this machine; use cpu or auto.")
    return device


def _plain_float32(device: torch.device) -> AbstractContextManager[None]:
    if device.type != "cuda":
        return nullcontext()
    # cuDNN may round float32 factors to 10 bits (TF32), which is coarser than the ends allow.
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
