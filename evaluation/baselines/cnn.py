"""A small convolutional network trained from scratch on the same images.

The stand-in for the learned attributors of the papers, which are large and pre-trained.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fp.evaluation.baselines.augmentations import augment
from fp.fingerprint.estimators.folds import deal
from fp.fingerprint.estimators.protocol import Fitted
from fp.fingerprint.learning.crossfit import HeldOut
from fp.system.arrays import Array, Doubles, Flags, Indices, Pixels

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class CnnLearned:
    """A trained network.

    Parameters
    ----------
    network : torch.nn.Module
        From (N, 3, H, W) to one logit an image.
    held : HeldOut
        Its logits of the quarter that it was not trained on.
    """

    network: nn.Module
    held: HeldOut

    def score(self, stacks: tuple[Array, ...]) -> Doubles:
        """Score whole images, shape (M,)."""
        return _logits(self.network, stacks[0])


@dataclass(frozen=True)
class SmallCnn:
    """The baseline.

    Parameters
    ----------
    augmented : bool
        Whether training images are changed as in Community Forensics.
    steps, batch, side : int
        Steps of Adam, images a step, and side of the random training crops in pixels.
    """

    augmented: bool = False
    steps: int = 150
    batch: int = 24
    side: int = 96

    kind: ClassVar[str] = "cnn"

    @property
    def name(self) -> str:
        """Name of the method."""
        return "cnn-augmented" if self.augmented else "cnn"

    def parameters(self) -> dict[str, Any]:
        """Return all parameters; JSON types only."""
        return asdict(self)

    def features(self, image_hwc: Pixels) -> tuple[Array, ...]:
        """Return the image itself."""
        return (np.ascontiguousarray(image_hwc),)

    def learn(
        self, stacks: tuple[Array, ...], labels: Flags, groups: Indices, folds: int, seed: int
    ) -> CnnLearned:
        """Train on three quarters of the images and hold out the fourth."""
        import torch
        from torch.nn import functional

        dealt = deal(groups, labels, 4, seed)
        train, test = np.flatnonzero(dealt != 0), np.flatnonzero(dealt == 0)
        network = _network(seed)
        optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, total_steps=self.steps)
        pools = [train[labels[train] == label] for label in (False, True)]
        for step in range(self.steps):
            rng = np.random.default_rng([seed, step])
            # As many of each class in every batch.
            places = np.concatenate([rng.choice(pool, self.batch // 2) for pool in pools])
            images = np.stack([self._crop(stacks[0][place], rng) for place in places])
            truth = torch.from_numpy(labels[places].astype(np.float32))
            loss = functional.binary_cross_entropy_with_logits(
                network(_tensor(images))[:, 0], truth
            )
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
        network.eval()
        scores = _logits(network, stacks[0][test])
        pattern = Fitted(np.zeros((1, 1, 1), np.float32))
        return CnnLearned(network, HeldOut(scores, test, pattern, "held-out quarter"))

    def _crop(self, image: Pixels, rng: np.random.Generator) -> Pixels:
        side = min(self.side, *image.shape[:2])
        if self.augmented:
            image = augment(image, rng)
        top, left = (int(rng.integers(0, length - side + 1)) for length in image.shape[:2])
        return image[top : top + side, left : left + side]


def _network(seed: int) -> nn.Module:
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for wide, (inside, outside) in enumerate(((3, 16), (16, 32), (32, 48), (48, 64))):
            # The first layer keeps the full grid: the traces are at the scale of a pixel.
            layers += [
                nn.Conv2d(inside, outside, 3, 1 if wide == 0 else 2, padding=1, bias=False),
                nn.BatchNorm2d(outside),
                nn.ReLU(),
            ]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 1))


def _tensor(images: Pixels) -> Tensor:
    import torch

    return torch.from_numpy(images.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1)


def _logits(network: nn.Module, images: Array) -> Doubles:
    import torch

    with torch.inference_mode():
        found = [float(network(_tensor(image[None]))[0, 0]) for image in images]
    return np.array(found, dtype=np.float64)
