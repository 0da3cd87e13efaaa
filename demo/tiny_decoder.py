"""The demo's image generator: a tiny convolutional autoencoder that redraws a picture.

It is here because its pictures have a known maker, are free to show, and need no download. The
decoder draws from a grid of one point for 8 x 8 pixels, upsampling by two three times, as the
decoders of diffusion models do; what it leaves behind is therefore a real lattice, not a planted
one.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from fp.system.arrays import Pixels
from fp.system.errors import FormatError, InputError, IntegrityError

FORMAT = "fp-tiny-decoder-weights 1"

NAME = "tiny-decoder"

STRIDE = 8
"""Pixels a side for which the decoder has one point to draw from."""

SHIPPED = Path(__file__).parent / "data"
"""Folder of the weights that come with the package."""


class TinyAutoencoder(nn.Module):
    """Encoder of stride 8, and a decoder of three transposed convolutions of stride 2.

    Notes
    -----
    Encoder: 3x3 convolutions of stride 2 to 24, 48 and 48 channels. Decoder: 4x4 transposed
    convolutions of stride 2 to 40, 24 and 16 channels, then a 3x3 convolution to RGB. Leaky ReLU
    (0.1) after all but the last layer of either half.
    """

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 24, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(24, 48, 3, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(48, 48, 3, stride=2, padding=1),
        )
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(48, 40, 4, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.ConvTranspose2d(40, 24, 4, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.ConvTranspose2d(24, 16, 4, stride=2, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(16, 3, 3, padding=1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Redraw images (N, 3, H, W) in [0, 1]; sides are multiples of 8, values not clipped."""
        drawn: Tensor = self.decoder(self.encoder(images))
        return drawn

    def redraw(self, image_hwc: Pixels) -> Pixels:
        """Return a picture (H, W, 3) redrawn; `InputError` if a side is no multiple of 8."""
        height, width = image_hwc.shape[:2]
        if height % STRIDE or width % STRIDE:
            raise InputError(
                f"The tiny decoder cannot draw {width} x {height} pixels; "
                f"both sides must be multiples of {STRIDE}."
            )
        with torch.inference_mode():
            image_chw = torch.from_numpy(np.ascontiguousarray(image_hwc.transpose(2, 0, 1)))
            drawn = self((image_chw.float() / 255)[None])[0].clamp(0, 1)
            pixels = (drawn * 255).round().to(torch.uint8).permute(1, 2, 0)
        return np.ascontiguousarray(pixels.numpy())


def load_decoder(folder: Path = SHIPPED) -> TinyAutoencoder:
    """Return the autoencoder of a folder, ready to draw in float32, its checksum verified.

    `InputError` if a file is missing, `IntegrityError` if the tensors are not those of the
    checksum, `FormatError` if the files are of another format.
    """
    described, path = folder / f"{NAME}.json", folder / f"{NAME}.safetensors"
    try:
        text, content = described.read_text(encoding="utf-8"), path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{error.filename} is missing; install the package again.") from None
    expected = _stated_sha256(text, described)
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise IntegrityError(
            f"{path} has SHA-256 {found[:12]}... where {described.name} says {expected[:12]}...; "
            "install the package again."
        )
    network = TinyAutoencoder()
    try:
        network.load_state_dict({name: half.float() for name, half in load(content).items()})
    except (SafetensorError, RuntimeError) as error:
        raise FormatError(
            f"{path} does not hold the tiny decoder; install the package again."
        ) from error
    return network.eval()


def _stated_sha256(text: str, described: Path) -> str:
    try:
        facts = json.loads(text)
        stated, digest = facts["format"], str(facts["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(
            f"{described} does not describe the tiny decoder; install the package again."
        ) from error
    if stated != FORMAT:
        raise FormatError(
            f"{described} has format {stated!r} and must have {FORMAT!r}; "
            "install the package again."
        )
    return digest
