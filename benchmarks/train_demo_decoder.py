"""Train the tiny decoder of ``fp demo``: the command that made demo/data/.

    python benchmarks/train_demo_decoder.py --photographs PHOTOS/train

One thread, seeded: the same photographs, release of torch and kind of processor give the same
weights. The photographs themselves go nowhere.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor
from torch.nn.functional import l1_loss

from fp.demo.tiny_decoder import FORMAT, NAME, SHIPPED, STRIDE, TinyAutoencoder
from fp.images.loading import find_images, load_image

Photographs = list[NDArray[np.uint8]]


@dataclass(frozen=True)
class Recipe:
    """All that decides the weights, beside the photographs.

    Parameters
    ----------
    steps, batch, patch : int
        Steps, patches a step, and side of a patch in pixels.
    learning_rate : float
        Of Adam at the start; it falls to 0 along a half cosine.
    gradient_weight : float
        Weight of the L1 loss of horizontal and vertical differences.
    seed : int
        Of weights and patches.
    """

    steps: int = 3000
    batch: int = 16
    patch: int = 64
    learning_rate: float = 2e-3
    gradient_weight: float = 0.5
    seed: int = 0


def loss(drawn: Tensor, wanted: Tensor, gradient_weight: float) -> Tensor:
    """Compute the L1 loss plus the weighted L1 loss of differences of neighbours."""
    total = l1_loss(drawn, wanted)
    for axis in (2, 3):
        total = total + gradient_weight * l1_loss(drawn.diff(dim=axis), wanted.diff(dim=axis))
    return total


def draw_batch(photographs: Photographs, recipe: Recipe, rng: np.random.Generator) -> Tensor:
    """Draw patches of random photographs at random offsets, shape (batch, 3, patch, patch)."""
    patches = []
    for _ in range(recipe.batch):
        photograph = photographs[int(rng.integers(len(photographs)))]
        top, left = (int(rng.integers(side - recipe.patch + 1)) for side in photograph.shape[:2])
        patches.append(photograph[top : top + recipe.patch, left : left + recipe.patch])
    stacked = np.ascontiguousarray(np.stack(patches).transpose(0, 3, 1, 2))
    return torch.from_numpy(stacked).float() / 255


def train(photographs: Photographs, recipe: Recipe) -> TinyAutoencoder:
    """Train the autoencoder, with a line of progress every 200 steps."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    network = TinyAutoencoder()
    optimiser = torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    started = time.monotonic()
    for step in range(1, recipe.steps + 1):
        wanted = draw_batch(photographs, recipe, rng)
        found = loss(network(wanted), wanted, recipe.gradient_weight)
        optimiser.zero_grad()
        found.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if step % 200 == 0:
            seconds = time.monotonic() - started
            print(f"step {step}/{recipe.steps}  loss {found.item():.4f}  {seconds:.0f} s")
    return network.eval()


def save_decoder(network: TinyAutoencoder, folder: Path, provenance: Mapping[str, Any]) -> Path:
    """Write the weights, in half precision to keep the package small, with their checksum.

    The folder is made where missing; the provenance says, in JSON types, how the weights were made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = save({name: t.half().contiguous() for name, t in network.state_dict().items()})
    facts = {
        "format": FORMAT,
        "sha256": hashlib.sha256(content).hexdigest(),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        **provenance,
    }
    path = folder / f"{NAME}.safetensors"
    path.write_bytes(content)
    path.with_suffix(".json").write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n")
    return path


def provenance(paths: list[Path], recipe: Recipe) -> dict[str, Any]:
    """Return what made the weights; the photographs by one hash over all of their files."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return {
        "command": "python benchmarks/train_demo_decoder.py",
        "recipe": asdict(recipe),
        "photographs": len(paths),
        "photographs_sha256": digest.hexdigest(),
        "stride": STRIDE,
        "torch": str(torch.__version__),
    }


def main() -> None:
    """Read the options, train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photographs", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--output", type=Path, default=SHIPPED, help="folder of the weights")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    options = parser.parse_args()
    torch.set_num_threads(1)
    recipe = Recipe(steps=options.steps, seed=options.seed)
    paths = find_images([options.photographs])
    photographs = [load_image(path, options.photographs).rgb_hwc for path in paths]
    network = train(photographs, recipe)
    print(save_decoder(network, options.output, provenance(paths, recipe)))


if __name__ == "__main__":
    main()
