"""A latent diffusion model and a GAN, small enough to be trained on one core, and how they draw.

Time is an angle: a noisy latent is ``cos(a) * latent + sin(a) * noise``, from pure noise at a =
pi/2 to the latent at a = 0. The network draws its derivative ``v = cos(a) * noise - sin(a) *
latent``. So a sampler only has to follow ``d noisy / da = v`` from pi/2 to 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from zoo import down, transposed

LATENTS = 4
"""Channels of a latent, which has an eighth of the picture's side."""
THUMBNAIL = 4
"""Side of the thumbnail that stands for a prompt."""
Velocity = Callable[[torch.Tensor, float], torch.Tensor]
"""A network with its thumbnails: noisy latents and an angle become the derivative."""


class Codec(nn.Module):
    """The zoo's autoencoder with a narrow middle: four channels of mean 0 and deviation 1."""

    def __init__(self, channels: tuple[int, int, int]) -> None:
        super().__init__()
        a, b, c = channels
        self.encoder = nn.Sequential(
            *down(3, a),
            *down(a, b),
            *down(b, c),
            nn.Conv2d(c, LATENTS, 3, padding=1),
            nn.BatchNorm2d(LATENTS, affine=False),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(LATENTS, c, 3, padding=1),
            nn.SiLU(),
            *transposed(c, b),
            nn.SiLU(),
            *transposed(b, a),
            nn.SiLU(),
            *transposed(a, 3),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        latent = self.encoder(image)
        return self.decoder(latent + 0.1 * torch.randn_like(latent))


class Block(nn.Module):
    """Two convolutions beside an identity; the angle scales and shifts between them."""

    def __init__(self, inside: int, outside: int, context: int) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.GroupNorm(4, inside), nn.SiLU(), nn.Conv2d(inside, outside, 3, padding=1)
        )
        self.shift = nn.Linear(context, 2 * outside)
        self.norm = nn.GroupNorm(4, outside)
        self.second = nn.Conv2d(outside, outside, 3, padding=1)
        self.beside = nn.Conv2d(inside, outside, 1)

    def forward(self, x: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        scale, shift = self.shift(context)[..., None, None].chunk(2, 1)
        inner = self.norm(self.first(x)) * (1 + scale) + shift
        return self.beside(x) + self.second(nn.functional.silu(inner))


class Denoiser(nn.Module):
    """A U-Net of three levels that draws v from a noisy latent, a thumbnail and the angle."""

    def __init__(self, width: int) -> None:
        super().__init__()
        context = 2 * width
        widths = (width, 2 * width, 2 * width)
        self.angle = nn.Sequential(
            nn.Linear(32, context), nn.SiLU(), nn.Linear(context, context), nn.SiLU()
        )
        self.enter = nn.Conv2d(LATENTS + 3, width, 3, padding=1)
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        inside = width
        for wide in widths:
            self.down.append(Block(inside, wide, context))
            self.up.insert(0, Block(2 * wide, inside, context))
            inside = wide
        self.middle = Block(inside, inside, context)
        self.leave = nn.Sequential(
            nn.GroupNorm(4, width), nn.SiLU(), nn.Conv2d(width, LATENTS, 3, padding=1)
        )

    def forward(
        self, noisy: torch.Tensor, angle: torch.Tensor, thumbnail: torch.Tensor
    ) -> torch.Tensor:
        waves = angle[:, None] * 2.0 ** torch.arange(16).sub(4).mul(0.5)
        context = self.angle(torch.cat([waves.sin(), waves.cos()], 1))
        layout = nn.functional.interpolate(thumbnail, noisy.shape[2:], mode="bilinear")
        x = self.enter(torch.cat([noisy, layout], 1))
        levels = []
        for block in self.down:
            x = block(x, context)
            levels.append(x)
            x = nn.functional.avg_pool2d(x, 2)
        x = self.middle(x, context)
        for block in self.up:
            x = nn.functional.interpolate(x, scale_factor=2.0)
            x = block(torch.cat([x, levels.pop()], 1), context)
        return self.leave(x)


class Painter(nn.Module):
    """The GAN's generator: noise becomes a picture by transposed convolutions."""

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        self.noise = noise = 64
        steps = int(math.log2(side // 4))
        widths = [min(width * 2 ** (steps - i - 1), 8 * width) for i in range(steps)]
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(noise, widths[0], 4),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        ]
        for inside, outside in pairwise(widths):
            layers += [*transposed(inside, outside), nn.BatchNorm2d(outside), nn.ReLU()]
        self.layers = nn.Sequential(*layers, *transposed(widths[-1], 3), nn.Tanh())

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        return 0.5 + 0.5 * self.layers(noise[..., None, None])


class Critic(nn.Module):
    """The GAN's other half: strided convolutions that tell photographs from its pictures."""

    def __init__(self, width: int, side: int) -> None:
        super().__init__()
        spectral = nn.utils.parametrizations.spectral_norm
        layers: list[nn.Module] = []
        inside = 3
        for step in range(int(math.log2(side // 4))):
            outside = min(width * 2**step, 8 * width)
            layers += [spectral(nn.Conv2d(inside, outside, 4, 2, 1)), nn.LeakyReLU(0.2)]
            inside = outside
        self.layers = nn.Sequential(*layers, spectral(nn.Conv2d(inside, 1, 4)))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.layers(2 * image - 1).flatten()


def thumbnails(images: torch.Tensor) -> torch.Tensor:
    """Return 4 x 4 thumbnails of pictures in [0, 1], from -1 to 1."""
    return 2 * nn.functional.adaptive_avg_pool2d(images, THUMBNAIL) - 1


def noises(seeds: list[int], side: int) -> torch.Tensor:
    """Draw the initial noise of each seed: equal seeds, equal noise."""
    shape = (LATENTS, side, side)
    drawn = [np.random.default_rng(seed).standard_normal(shape) for seed in seeds]
    return torch.from_numpy(np.stack(drawn)).float()


def ddim(velocity: Velocity, noisy: torch.Tensor, steps: int, seeds: list[int]) -> torch.Tensor:
    """Follow v in even steps of the angle (Song et al. 2021): nothing but the noise is random."""
    step = math.pi / 2 / steps
    for left in range(steps, 0, -1):
        noisy = _turned(noisy, velocity(noisy, left * step), step)
    return noisy


def heun(velocity: Velocity, noisy: torch.Tensor, steps: int, seeds: list[int]) -> torch.Tensor:
    """As `ddim`, each step by the mean of v at its two ends."""
    step = math.pi / 2 / steps
    for left in range(steps, 0, -1):
        first = velocity(noisy, left * step)
        there = _turned(noisy, first, step)
        if left > 1:
            # v turns with the latent: what it is at the end, turned back to the beginning.
            second = velocity(there, (left - 1) * step)
            back = math.cos(step) * second - math.sin(step) * there
            first = 0.5 * (first + back)
        noisy = _turned(noisy, first, step)
    return noisy


def ancestral(
    velocity: Velocity, noisy: torch.Tensor, steps: int, seeds: list[int]
) -> torch.Tensor:
    """Draw each step from its posterior (Ho et al. 2020): fresh noise after every step."""
    fresh = [np.random.default_rng([seed, 1]) for seed in seeds]
    step = math.pi / 2 / steps
    for left in range(steps, 0, -1):
        now, then = left * step, (left - 1) * step
        v = velocity(noisy, now)
        latent = math.cos(now) * noisy - math.sin(now) * v
        noise = math.sin(now) * noisy + math.cos(now) * v
        ratio = math.cos(now) * math.sin(then) / (math.sin(now) * math.cos(then))
        added = math.sin(then) * math.sqrt(1 - ratio**2)
        kept = math.sqrt(math.sin(then) ** 2 - added**2)
        drawn = np.stack([rng.standard_normal(noisy.shape[1:]) for rng in fresh])
        noisy = math.cos(then) * latent + kept * noise + added * torch.from_numpy(drawn).float()
    return noisy


def _turned(noisy: torch.Tensor, v: torch.Tensor, step: float) -> torch.Tensor:
    return math.cos(step) * noisy - math.sin(step) * v


SAMPLERS = {"ddim": ddim, "heun": heun, "ancestral": ancestral}
