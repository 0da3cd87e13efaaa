"""Image generators with a known family tree: trained here, so that lineage has a ground truth.

    python benchmarks/zoo.py --seed 100 --work .work/zoo

trains small convolutional autoencoders on the photographs of the corpus (FP_CORPUS), one after the
other on one thread, and lets each redraw the same photographs. A finished network is kept and not
trained again, so an interrupted run goes on where it was. Written are, under WORK/zoo-SEED,
``generated/NAME/STEM.png``, ``real/STEM.png`` (reference photographs that no network has drawn) and
``tree.json``.

Every network is a function of (seed, its name): where the same number of threads and the same
processor are used, the same images come out.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

PROJECT = Path(__file__).parent.parent
CORPUS = Path(os.environ.get("FP_CORPUS", PROJECT.parent / "shared" / "corpus"))
SUFFIXES = {".jpg", ".png", ".webp"}


@dataclass(frozen=True)
class Plan:
    """Size of a zoo and length of its trainings.

    Parameters
    ----------
    channels : tuple of int
        Widths at a half, a quarter and an eighth of the resolution.
    batch, crop : int
        Number and side of the training crops of a step.
    steps, fine_steps : int
        Steps of a root and of a fine-tune.
    rate, gentle, strong : float
        Learning rates of a root and of the two kinds of fine-tunes; each falls along a cosine.
    checkpoints : tuple of float
        Parts of a root's training after which its weights are kept.
    images, references : int
        Photographs that every network redraws, and reference photographs.
    """

    channels: tuple[int, int, int] = (32, 64, 128)
    batch: int = 8
    crop: int = 64
    steps: int = 4000
    fine_steps: int = 1200
    rate: float = 2e-3
    gentle: float = 3e-4
    strong: float = 1e-3
    checkpoints: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8)
    images: int = 64
    references: int = 128


SMALL = Plan((16, 32, 64), steps=2000, fine_steps=600)
"""A tenth of the work: for looking around, not for figures."""

TINY = Plan((8, 12, 16), batch=4, crop=32, steps=60, fine_steps=20, images=24, references=24)
"""A zoo that is trained in seconds: for tests of this program, not of lineage."""

PLANS = {"full": Plan(), "small": SMALL, "tiny": TINY}


@dataclass(frozen=True)
class Member:
    """One network of the zoo.

    Parameters
    ----------
    name : str
        Name of its folder.
    family : str
        Root that it descends from.
    parent : str or None
        Network whose weights it starts from; None for a root.
    content : int
        Half of the training photographs that it sees.
    rate : float
        Learning rate.
    steps : int
        Number of steps.
    initial : str
        What draws a root's first weights: equal strings, equal weights.
    architecture : str
        ``"transposed"``, or ``"resize"`` for the unrelated one.
    """

    name: str
    family: str
    parent: str | None
    content: int
    rate: float
    steps: int
    initial: str
    architecture: str = "transposed"


def members(plan: Plan) -> tuple[Member, ...]:
    """Return all networks, parents before children, and the checkpoints of roots A and B."""

    def root(name: str, content: int, initial: str, architecture: str = "transposed") -> Member:
        return Member(name, name, None, content, plan.rate, plan.steps, initial, architecture)

    def child(name: str, family: str, parent: str, content: int, rate: float) -> Member:
        return Member(name, family, parent, content, rate, plan.fine_steps, "")

    return (
        root("A", 0, "A"),
        root("B", 0, "B"),
        child("A-gentle", "A", "A", 1, plan.gentle),
        child("A-strong", "A", "A", 1, plan.strong),
        child("B-gentle", "B", "B", 1, plan.gentle),
        child("A-grandchild", "A", "A-gentle", 0, plan.gentle),
        root("A-other-content", 1, "A"),
        root("unrelated", 0, "unrelated", "resize"),
    )


class Autoencoder(nn.Module):
    """Three strided convolutions down, three steps of two up again."""

    def __init__(self, channels: tuple[int, int, int], architecture: str) -> None:
        super().__init__()
        a, b, c = channels
        self.encoder = nn.Sequential(
            *down(3, a), *down(a, b), *down(b, c), nn.Conv2d(c, c, 3, padding=1)
        )
        up = transposed if architecture == "transposed" else resized
        self.decoder = nn.Sequential(
            nn.SiLU(), *up(c, b), nn.SiLU(), *up(b, a), nn.SiLU(), *up(a, 3)
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(image))


def down(inside: int, outside: int) -> list[nn.Module]:
    return [nn.Conv2d(inside, outside, 4, 2, 1), nn.SiLU()]


def transposed(inside: int, outside: int) -> list[nn.Module]:
    return [nn.ConvTranspose2d(inside, outside, 4, 2, 1)]


def resized(inside: int, outside: int) -> list[nn.Module]:
    return [nn.Conv2d(inside, 4 * outside, 3, padding=1), nn.PixelShuffle(2)]


def number(*words: object) -> int:
    """Draw a seed from words."""
    digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
    return int.from_bytes(digest[:6], "big")


def photographs(folder: Path) -> dict[str, np.ndarray]:
    """Read a folder of photographs, by stem."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return {path.stem: np.asarray(Image.open(path).convert("RGB")) for path in found}


def train(net: Autoencoder, member: Member, photos: list[np.ndarray], plan: Plan, seed: int, keep):
    """Train a network in place; `keep` is called with the number of every finished step."""
    rng = np.random.default_rng(number(seed, member.name, "crops"))
    optimiser = torch.optim.Adam(net.parameters(), member.rate)
    for step in range(member.steps):
        rate = member.rate * 0.5 * (1 + math.cos(math.pi * step / member.steps))
        for group in optimiser.param_groups:
            group["lr"] = rate
        wanted = _crops(photos, plan, rng)
        with torch.autocast("cpu", torch.bfloat16):  # a quarter of the time of float32
            drawn = net(wanted)
        loss = redrawing_loss(drawn.float(), wanted)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        keep(step + 1, loss)


def _crops(photos: list[np.ndarray], plan: Plan, rng: np.random.Generator) -> torch.Tensor:
    crops = []
    for index in rng.integers(0, len(photos), plan.batch):
        photo = photos[index]
        top = rng.integers(0, photo.shape[0] - plan.crop + 1)
        left = rng.integers(0, photo.shape[1] - plan.crop + 1)
        crop = photo[top : top + plan.crop, left : left + plan.crop]
        crops.append(crop[:, ::-1] if rng.integers(2) else crop)
    stack = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
    return (stack.float() / 255).contiguous(memory_format=torch.channels_last)


def redrawing_loss(drawn: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    off = drawn - wanted
    gradient = off.diff(dim=-1).abs().mean() + off.diff(dim=-2).abs().mean()
    return off.abs().mean() + 0.5 * gradient


def grow(folder: Path, corpus: Path, plan: Plan, seed: int, report=print) -> None:
    """Train what is missing of a zoo and let it draw.

    Parameters
    ----------
    folder : Path
        The zoo's own folder.
    corpus : Path
        Holds ``photos/train`` and ``real``.
    plan : Plan
        Sizes.
    seed : int
        Seed of everything.
    report : callable
        Called with a line on each network.
    """
    torch.set_num_threads(1)
    train_photos = list(photographs(corpus / "photos" / "train").values())
    order = np.random.default_rng(number(seed, "contents")).permutation(len(train_photos))
    halves = [[train_photos[i] for i in part] for part in np.array_split(order, 2)]
    real = photographs(corpus / "real")
    stems = np.random.default_rng(number(seed, "inputs")).permutation(sorted(real)).tolist()
    inputs = sorted(stems[: plan.images])
    references = sorted(stems[plan.images : plan.images + plan.references])
    for stem in references:
        _save(folder / "real" / f"{stem}.png", real[stem])
    tree = []
    for member in members(plan):
        names = [member.name]
        marks = {member.steps: member.name}
        if member.name in ("A", "B"):
            for part in plan.checkpoints:
                marks[round(part * member.steps)] = f"{member.name}-{round(100 * part)}"
            names = list(marks.values())
        if not all(_weights(folder, name).exists() for name in names):
            _make(folder, member, halves[member.content], plan, seed, marks, report)
        for name in names:
            row = {"checkpoint_of": None if name == member.name else member.name}
            tree.append({**asdict(member), "name": name, **row})
            if not (folder / "generated" / name).exists():
                _draw(folder, name, member.architecture, {s: real[s] for s in inputs}, plan)
    found = {
        "seed": seed,
        "plan": asdict(plan),
        "members": tree,
        "inputs": inputs,
        "references": references,
    }
    (folder / "tree.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def _make(folder, member, photos, plan, seed, marks, report):
    torch.manual_seed(number(seed, member.initial))
    net = Autoencoder(plan.channels, member.architecture).to(memory_format=torch.channels_last)
    if member.parent is not None:
        net.load_state_dict(load_file(_weights(folder, member.parent)))

    def keep(step, loss):
        if step in marks:
            path = _weights(folder, marks[step])
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            save_file({k: v.contiguous() for k, v in net.state_dict().items()}, part)
            part.replace(path)
            report(f"{folder.name} {marks[step]}: step {step}, loss {loss.item():.4f}")

    train(net, member, photos, plan, seed, keep)


def _draw(folder, name, architecture, inputs, plan):
    net = Autoencoder(plan.channels, architecture)
    net.load_state_dict(load_file(_weights(folder, name)))
    place = folder / f".{name}.part"
    with torch.no_grad():
        for stem, pixels in inputs.items():
            image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
            drawn = net(image)[0].clamp(0, 1).mul(255).round().to(torch.uint8)
            _save(place / f"{stem}.png", drawn.permute(1, 2, 0).numpy())
    (folder / "generated").mkdir(exist_ok=True)
    place.rename(folder / "generated" / name)


def _weights(folder: Path, name: str) -> Path:
    return folder / "weights" / f"{name}.safetensors"


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, compress_level=1)


@click.command()
@click.option("--seed", "seeds", type=int, multiple=True, default=(100,), show_default=True)
@click.option(
    "--work", type=click.Path(path_type=Path), default=PROJECT / ".work" / "zoo", show_default=True
)
@click.option("--corpus", type=click.Path(path_type=Path), default=CORPUS, show_default=True)
@click.option(
    "--size", type=click.Choice(list(PLANS)), default="full", show_default=True, help="Size."
)
def main(seeds: tuple[int, ...], work: Path, corpus: Path, size: str) -> None:
    """Train zoos and let them draw."""
    for seed in seeds:
        folder = work / (f"zoo-{seed}" if size == "full" else f"zoo-{size}-{seed}")
        grow(
            folder,
            corpus,
            PLANS[size],
            seed,
            lambda line: print(line, file=sys.stderr, flush=True),
        )


if __name__ == "__main__":
    main()
