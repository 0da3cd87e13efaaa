# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Why a CNN leaves a fingerprint
#
# A network that draws pictures leaves a faint pattern in each of them. Where does it come from?
#
# This notebook repeats an experiment of Sinitsa and Fried (*Deep Image Fingerprint*,
# arXiv 2303.10762, figure 1). Three small networks get the easiest task there is: draw one flat
# gray image, whatever noise comes in. A flat image has no content. What is left in the networks'
# output is their own.
#
# It needs no data and runs in under a minute.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

torch.set_num_threads(1)
plt.rcParams.update({"figure.dpi": 110, "font.size": 9})
SIDE, CHANNELS, GRAY = 64, 16, 0.0  # 0 is the middle of the range -1 to 1
SMALL_STEPS, LARGE_STEPS = 300, 120

# %% [markdown]
# ## Three networks
#
# Networks that draw are built from two kinds of parts that treat some pixels differently from
# others.
#
# * **Padding.** A convolution looks at the neighbours of a pixel. At the border there are none, so
#   zeros are put in their place. The network can tell where the border is.
# * **Upsampling.** The picture grows by two, again and again. A pixel at an even place is computed
#   with other weights than one at an odd place. The network can tell the places on a lattice apart.
#
# The first network has both: it is a small U-Net, built like that which the method `dif` of fp
# optimises. The second has padding and no upsampling, the third upsampling and no padding.


# %%
def block(inputs: int, outputs: int) -> nn.Module:
    """Return two convolutions with zeros around the picture, each normalised."""
    parts: list[nn.Module] = []
    for channels in (inputs, outputs):
        parts += [nn.Conv2d(channels, outputs, 3, padding=1), nn.BatchNorm2d(outputs)]
        parts += [nn.LeakyReLU(0.01)]
    return nn.Sequential(*parts)


class UNet(nn.Module):
    """Four halvings and four doublings; each level also sees what it was before the halving."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 256)) -> None:
        super().__init__()
        raised = (256, 128, 64, 32)
        self.down = nn.ModuleList(map(block, (CHANNELS, *widths[:-1]), widths))
        self.middle = block(256, 256)
        self.grow = nn.ModuleList(nn.ConvTranspose2d(w, w, 2, stride=2) for w in raised)
        self.up = nn.ModuleList(
            block(low + high, out)
            for low, high, out in zip(raised, widths[::-1], (128, 64, 32, 32), strict=True)
        )
        self.last = nn.Conv2d(32, 3, 1)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        before = []
        for down in self.down:
            before.append(down(picture))
            picture = nn.functional.max_pool2d(before[-1], 2)
        picture = self.middle(picture)
        for grow, up in zip(self.grow, self.up, strict=True):
            picture = up(torch.cat([before.pop(), grow(picture)], dim=1))
        return torch.tanh(self.last(picture))


def padded(width: int = 32, layers: int = 6) -> nn.Module:
    """Convolutions with zeros around the picture; the picture keeps its size."""
    parts: list[nn.Module] = []
    for index in range(layers):
        parts += [nn.Conv2d(width if index else CHANNELS, width, 3, padding=1), nn.LeakyReLU(0.1)]
    return nn.Sequential(*parts, nn.Conv2d(width, 3, 1), nn.Tanh())


class Upsampler(nn.Module):
    """Three steps that double the size; what the border sees of its end is cut off."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        for index in range(3):
            parts += [
                nn.ConvTranspose2d(width if index else CHANNELS, width, 4, stride=2, padding=1),
                nn.LeakyReLU(0.1),
            ]
        self.inside = nn.Sequential(*parts, nn.Conv2d(width, 3, 3), nn.Tanh())

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        # From 16 x 16 to 128 x 128; what lies near the border is not looked at.
        drawn = self.inside(inputs)
        cut = (drawn.shape[-1] - SIDE) // 2 // 8 * 8
        return drawn[..., cut : cut + SIDE, cut : cut + SIDE]


torch.manual_seed(0)
NETWORKS = {
    "U-Net: padding and upsampling": (UNet(), SIDE),
    "padding, no upsampling": (padded(), SIDE),
    "upsampling, no padding": (Upsampler(), SIDE // 4),
}

# %% [markdown]
# ## One flat gray image
#
# Each network is optimised to draw flat gray from noise. The noise is new in every step, so no
# network can learn one input by heart. Afterwards each draws many pictures, each from new noise:
# 64 by the U-Net, 512 by the small ones. Their average is the **residual pattern**: what is the
# same in all of them. There is no content to
# subtract, so no denoiser is needed here.


# %%
def optimise(network: nn.Module, side: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Optimise a network to draw gray; the loss of each step, and the average of its pictures."""
    noise = torch.Generator().manual_seed(seed)
    network = network.to(memory_format=torch.channels_last)
    large = sum(p.numel() for p in network.parameters()) > 1_000_000
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(LARGE_STEPS if large else SMALL_STEPS):
        drawn = network(torch.randn(1, CHANNELS, side, side, generator=noise))
        loss = ((drawn - GRAY) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    total = torch.zeros(3, SIDE, SIDE)
    batches, size = (64, 1) if large else (8, 64)  # the U-Net takes its statistics from a batch
    with torch.no_grad():
        for _ in range(batches):
            total += network(torch.randn(size, CHANNELS, side, side, generator=noise)).mean(0)
    return np.array(losses), (total / batches).numpy()


LOSSES, PATTERNS = {}, {}
for seed, (name, (network, side)) in enumerate(NETWORKS.items(), start=1):
    LOSSES[name], PATTERNS[name] = optimise(network, side, seed)

# %% [markdown]
# All three come close to flat gray: their pictures stray from it by about one grey level of 255 or
# less. Nobody would see that. The U-Net is large and gets fewer steps.

# %%
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
for (name, losses), style in zip(LOSSES.items(), ("-", "--", ":"), strict=True):
    axes.plot(127.5 * np.sqrt(losses), style, label=name)
axes.axhline(1, color="0.2", linewidth=0.8)
axes.annotate("one grey level", (axes.get_xlim()[1], 1), ha="right", va="bottom", fontsize=8)
axes.set_yscale("log")
axes.set_xlabel("step of the optimisation")
axes.set_ylabel("deviation from gray, grey levels")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# ## What is left
#
# Above: the average picture, contrast stretched until its structure can be seen. Below: its
# spectrum, which shows what repeats, and how often. The middle of a spectrum is what changes
# slowly; a bright point at 1/4 is a pattern that repeats every 4 pixels.

# %%
figure, axes = plt.subplots(2, 3, figsize=(9, 5.6), layout="constrained")
for column, (name, pattern) in enumerate(PATTERNS.items()):
    gray = pattern.mean(axis=0) - pattern.mean()
    power = np.abs(np.fft.fftshift(np.fft.fft2(gray))) ** 2
    decibels = 10 * np.log10(power / power.mean() + 1e-9)
    axes[0, column].imshow(gray, "gray", vmin=-3 * gray.std(), vmax=3 * gray.std())
    half = 0.5 / SIDE  # the middle of a point is its frequency
    ends = (-0.5 - half, 0.5 - half)
    axes[1, column].imshow(
        decibels, "cividis", vmin=-20, vmax=20, extent=(*ends, *ends), origin="lower"
    )
    axes[0, column].axis("off")
    axes[1, column].set_xlabel("cycles a pixel")
    deviation = 127.5 * pattern.std()
    axes[0, column].set_title(f"{name}\ndeviation {deviation:.2g} grey levels", fontsize=9)
bar = figure.colorbar(axes[1, 0].images[0], ax=axes[1], shrink=0.8)
bar.set_label("decibels above the average")
plt.show()

# %% [markdown]
# * **Padding, no upsampling.** The inside is even. The border is not: the network knows where it
#   is. A pattern that lies along straight edges gives lines in the spectrum, along its two axes,
#   and no lattice.
# * **Upsampling, no padding.** There is no border. A lattice covers the whole picture, and the
#   spectrum has single bright points at multiples of 1/8: three steps of two repeat every
#   2 x 2 x 2 = 8 pixels.
# * **U-Net.** It has both parts, and both show: a border with lines along the axes of the spectrum,
#   and a fine lattice over all of the picture. The lattice lies at multiples of 1/8 again. Most of
#   it is at 1/2, the left and the lower edge of the spectrum: pixels at even and odd places differ.
#
# The next figure measures it: the share of the pattern's energy that repeats every 8 pixels, away
# from the border. Some of the energy of any noise does so by chance; the dashed line says how much.

# %%
INSIDE = slice(16, 48)


def share_that_repeats(pattern: np.ndarray, period: int) -> float:
    """Return the share of a pattern's energy that is the same in every block of this side."""
    centred = pattern - pattern.mean(axis=(1, 2), keepdims=True)
    blocks = centred.reshape(3, pattern.shape[1] // period, period, -1, period)
    return np.mean(blocks.mean(axis=(1, 3)) ** 2) / np.mean(centred**2)


SHARES = {
    name: share_that_repeats(pattern[:, INSIDE, INSIDE], 8) for name, pattern in PATTERNS.items()
}
CHANCE = (8**2 - 1) / (32 * 32 - 1)
figure, axes = plt.subplots(figsize=(6, 2), layout="constrained")
axes.barh(list(SHARES), [100 * share for share in SHARES.values()], color="#0072B2")
axes.axvline(100 * CHANCE, color="0.2", linestyle="--", label="noise without any pattern")
axes.invert_yaxis()
axes.set_xlim(0, 100)
axes.set_xlabel("energy that repeats every 8 pixels, % of the inside")
axes.legend(frameon=False, fontsize=8)
plt.show()

# %% [markdown]
# ## What follows, and what does not
#
# * The pattern follows from how the network is built, and its exact shape from its weights. The
#   weights of two trainings differ, and so may their patterns. That is what fp looks for.
# * A lattice alone says nothing about a picture. JPEG has one of 8 pixels, every upscaler has one,
#   and the network of `dif` draws one by itself, as the first column shows. What counts is whether
#   a pattern separates held-out images better than shuffled labels do. The notebook *How far can I
#   trust this fingerprint?* does that.
# * A flat image is the easiest case. In a picture with content the pattern is far below the
#   content, so hundreds of images are needed to find it.
