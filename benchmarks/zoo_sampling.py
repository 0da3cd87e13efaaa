"""Two generators that draw pictures and redraw no photograph: trained here, every setting known.

    python benchmarks/zoo_sampling.py --seed 100 --work .work/zoo

trains, one after the other on one thread, a narrow autoencoder, a latent diffusion model in its
latents and a GAN on the photographs of the corpus (FP_CORPUS). A 4 x 4 thumbnail of a photograph
stands for a prompt. Interrupted, it goes on where it was: the state of a training is kept every few
minutes, and every step draws from (seed, network, number of the step) alone. With `--minutes` it
stops by itself.

Written are, under WORK/sampling-SEED, ``weights/``, ``real/STEM.png`` (photographs, reduced as
those of the training were), ``prompts.npz`` (thumbnails of other photographs) and ``plan.json``.
`draw` and `paint` make pictures of them. No photograph of the training is in ``real`` or gave a
thumbnail.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
import torch
import zoo
from PIL import Image
from safetensors.torch import load_file
from sampling_networks import SAMPLERS, Codec, Critic, Denoiser, Painter, noises, thumbnails
from torch import nn
from trainings import Clock, OutOfTimeError, Training, part_of, run

SIDE = 128


@dataclass(frozen=True)
class Plan:
    """Sizes of the networks and lengths of their trainings.

    Parameters
    ----------
    channels : tuple of int
        Widths of the autoencoder.
    width, gan_width : int
        Widths of the U-Net and of the GAN at their finest level.
    crops : int
        Crops of each training photograph.
    codec_batch, batch, gan_batch : int
        Images of a step of each training.
    codec_steps, steps, gan_steps : int
        Steps of the three trainings.
    checkpoints : tuple of float
        Parts of the diffusion model's and the GAN's training after which the weights are kept.
    prompts, references : int
        Photographs that give a thumbnail, and reference photographs.
    """

    channels: tuple[int, int, int] = (32, 64, 128)
    width: int = 64
    gan_width: int = 16
    crops: int = 8
    codec_batch: int = 16
    batch: int = 32
    gan_batch: int = 8
    codec_steps: int = 1200
    steps: int = 2000
    gan_steps: int = 800
    checkpoints: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 1.0)
    prompts: int = 128
    references: int = 128


TINY = Plan(
    (4, 4, 8), 8, 2, 1, 4, 4, 4, codec_steps=6, steps=10, gan_steps=5, prompts=24, references=24
)
"""Trained in seconds: for tests of this program, not of any claim."""

PLANS = {"full": Plan(), "tiny": TINY}


def of_zoo(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say which zoo it asks: `name` below the folder `zoos`."""
    name = click.option("--zoo", "name", default="sampling-100", show_default=True)
    zoos = click.option(
        "--zoos",
        type=click.Path(path_type=Path),
        default=zoo.PROJECT / ".work" / "zoo",
        show_default=True,
        help="Folder of the zoos.",
    )
    return name(zoos(command))


def grow(folder: Path, corpus: Path, plan: Plan, clock: Clock) -> None:
    """Train what is missing, and write photographs and thumbnails.

    Parameters
    ----------
    folder : Path
        The zoo's own folder.
    corpus : Path
        Holds ``photos/train`` and ``real``.
    plan : Plan
        Sizes.
    clock : Clock
        Seed, end and report.

    Raises
    ------
    OutOfTimeError
        If the clock's end came before that of a training.
    """
    torch.set_num_threads(1)
    _photographs(folder, corpus, plan, clock.seed)
    crops = _crops(corpus / "photos" / "train", plan, clock.seed)
    weights = folder / "weights"
    if not (weights / "codec.safetensors").exists():
        path = weights / "codec.safetensors"
        marks = {plan.codec_steps: "codec"}
        run(_codec(crops, plan, clock.seed), path, plan.codec_steps, marks, clock)
    made = (("diffusion", plan.steps, _diffusion), ("gan", plan.gan_steps, _gan))
    for name, steps, make in made:
        marks = {round(part * steps): f"{name}-{round(100 * part)}" for part in plan.checkpoints}
        if not all((weights / f"{mark}.safetensors").exists() for mark in marks.values()):
            training = make(crops, plan, clock.seed, folder)
            run(training, weights / f"{name}.safetensors", steps, marks, clock)
    text = json.dumps({"seed": clock.seed, "plan": asdict(plan)}, indent=1)
    (folder / "plan.json").write_text(text + "\n", "utf-8")


def _photographs(folder: Path, corpus: Path, plan: Plan, seed: int) -> None:
    """Write the reference photographs and the thumbnails, from photographs that no network sees."""
    real = zoo.photographs(corpus / "real")
    order = np.random.default_rng(zoo.number(seed, "prompts")).permutation(sorted(real)).tolist()
    for stem in order[plan.prompts : plan.prompts + plan.references]:
        path = folder / "real" / f"{stem}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        _reduced(real[stem], SIDE).save(path, compress_level=1)
    stems = sorted(order[: plan.prompts])
    images = [np.asarray(_reduced(real[stem], SIDE)) for stem in stems]
    small = torch.cat([thumbnails(_tensor(image[None])) for image in images])
    np.savez(folder / "prompts.npz", stems=stems, thumbnails=small.numpy())


def _reduced(pixels: np.ndarray, side: int) -> Image.Image:
    """Reduce a photograph to `side` pixels on its short side."""
    image = Image.fromarray(pixels)
    scale = side / min(image.size)
    size = [max(side, round(scale * length)) for length in image.size]
    return image.resize((size[0], size[1]), Image.Resampling.LANCZOS)


def _crops(photos: Path, plan: Plan, seed: int) -> np.ndarray:
    """Return crops of the reduced training photographs, uint8 (N, 128, 128, 3)."""
    rng = np.random.default_rng(zoo.number(seed, "crops"))
    found = []
    for pixels in zoo.photographs(photos).values():
        for _ in range(plan.crops):
            image = np.asarray(_reduced(pixels, int(rng.integers(SIDE, 3 * SIDE // 2 + 1))))
            top, left = (rng.integers(0, length - SIDE + 1) for length in image.shape[:2])
            crop = image[top : top + SIDE, left : left + SIDE]
            found.append(crop[:, ::-1] if rng.integers(2) else crop)
    return np.stack(found)


def _tensor(images: np.ndarray) -> torch.Tensor:
    stack = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2)
    return (stack.float() / 255).contiguous(memory_format=torch.channels_last)


def _codec(crops: np.ndarray, plan: Plan, seed: int) -> Training:
    torch.manual_seed(zoo.number(seed, "codec"))
    net = Codec(plan.channels).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(net.parameters())

    def step(number: int, rng: np.random.Generator) -> torch.Tensor:
        images = crops[rng.integers(0, len(crops), plan.codec_batch)]
        top, left = rng.integers(0, SIDE // 2 + 1, 2)
        wanted = _tensor(images[:, top : top + SIDE // 2, left : left + SIDE // 2])
        with torch.autocast("cpu", torch.bfloat16):
            drawn = net(wanted)
        loss = zoo.redrawing_loss(drawn.float(), wanted)
        _stepped(optimiser, loss)
        return loss

    return Training({"codec": net}, [optimiser], [2e-3], step)


def _diffusion(crops: np.ndarray, plan: Plan, seed: int, folder: Path) -> Training:
    codec = _codec_of(folder, plan)
    with torch.no_grad():
        parts = [_tensor(part) for part in np.array_split(crops, math.ceil(len(crops) / 64))]
        latents = torch.cat([codec.encoder(part) for part in parts])
        small = torch.cat([thumbnails(part) for part in parts])
    torch.manual_seed(zoo.number(seed, "diffusion"))
    net = Denoiser(plan.width).to(memory_format=torch.channels_last)
    average = Denoiser(plan.width)
    average.load_state_dict(net.state_dict())
    optimiser = torch.optim.Adam(net.parameters(), betas=(0.9, 0.99))

    def step(number: int, rng: np.random.Generator) -> torch.Tensor:
        chosen = torch.from_numpy(rng.integers(0, len(latents), plan.batch))
        # Stratified angles: the loss of a step says more about the network than about luck.
        where = (torch.arange(plan.batch) + torch.rand(plan.batch)) / plan.batch
        angle = where * math.pi / 2
        latent = latents[chosen]
        noise = torch.randn(latent.shape)
        cos, sin = angle.cos()[:, None, None, None], angle.sin()[:, None, None, None]
        noisy = (cos * latent + sin * noise).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            v = net(noisy, angle, small[chosen])
        loss = (v.float() - (cos * noise - sin * latent)).square().mean()
        _stepped(optimiser, loss)
        _averaged(average, net, min(0.995, (number + 1) / (number + 10)))
        return loss

    return Training({"diffusion": average, "raw": net}, [optimiser], [1e-3], step)


def _gan(crops: np.ndarray, plan: Plan, seed: int, folder: Path) -> Training:
    torch.manual_seed(zoo.number(seed, "gan"))
    painter = Painter(plan.gan_width, SIDE).to(memory_format=torch.channels_last)
    critic = Critic(plan.gan_width, SIDE).to(memory_format=torch.channels_last)
    average = Painter(plan.gan_width, SIDE)
    average.load_state_dict(painter.state_dict())
    paints = torch.optim.Adam(painter.parameters(), betas=(0.0, 0.99))
    judges = torch.optim.Adam(critic.parameters(), betas=(0.0, 0.99))

    def step(number: int, rng: np.random.Generator) -> torch.Tensor:
        photos = _tensor(crops[rng.integers(0, len(crops), plan.gan_batch)])
        with torch.autocast("cpu", torch.bfloat16):
            drawn = painter(torch.randn(plan.gan_batch, painter.noise))
            said = critic(torch.cat([photos, drawn.detach()])).float()
        right, wrong = said.split(plan.gan_batch)
        _stepped(judges, (1 - right).relu().mean() + (1 + wrong).relu().mean())
        with torch.autocast("cpu", torch.bfloat16):
            loss = -critic(drawn).float().mean()
        _stepped(paints, loss)
        _averaged(average, painter, min(0.99, (number + 1) / (number + 10)))
        return loss

    nets = {"gan": average, "raw": painter, "critic": critic}
    return Training(nets, [paints, judges], [1e-3, 1e-3], step)


def _stepped(optimiser: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(optimiser.param_groups[0]["params"], 1.0)
    optimiser.step()


def _averaged(average: nn.Module, net: nn.Module, keep: float) -> None:
    with torch.no_grad():
        for mean, new in zip(average.parameters(), net.parameters(), strict=True):
            mean.lerp_(new, 1 - keep)
        for mean, new in zip(average.buffers(), net.buffers(), strict=True):
            mean.copy_(new)


def _codec_of(folder: Path, plan: Plan) -> Codec:
    codec = Codec(plan.channels)
    codec.load_state_dict(part_of(load_file(folder / "weights" / "codec.safetensors"), "codec"))
    return codec.eval()


@dataclass(frozen=True)
class Setting:
    """How the diffusion model draws.

    Parameters
    ----------
    checkpoint : int
        Per cent of the training after which the weights were kept.
    sampler : str
        One of `SAMPLERS`.
    steps : int
        Steps from noise to latent.
    """

    checkpoint: int = 100
    sampler: str = "ddim"
    steps: int = 20


def plan_of(folder: Path) -> Plan:
    """Return the plan of a finished zoo."""
    told = json.loads((folder / "plan.json").read_text("utf-8"))["plan"]
    return Plan(**{key: tuple(v) if isinstance(v, list) else v for key, v in told.items()})


def prompts(folder: Path) -> tuple[list[str], torch.Tensor]:
    """Return the stems of the photographs whose thumbnails are prompts, and the thumbnails."""
    with np.load(folder / "prompts.npz", allow_pickle=False) as found:
        return found["stems"].tolist(), torch.from_numpy(found["thumbnails"])


def draw(
    folder: Path, plan: Plan, setting: Setting, seeds: list[int], thumbs: torch.Tensor
) -> np.ndarray:
    """Draw a picture from each initial noise (a seed) and thumbnail, uint8 (N, 128, 128, 3)."""
    codec = _codec_of(folder, plan)
    net = Denoiser(plan.width)
    weights = folder / "weights" / f"diffusion-{setting.checkpoint}.safetensors"
    net.load_state_dict(part_of(load_file(weights), "diffusion"))

    def pictures() -> Iterator[np.ndarray]:
        for start in range(0, len(seeds), 64):
            follow = partial(_velocity, net, thumbs[start : start + 64])
            few = seeds[start : start + 64]
            latent = SAMPLERS[setting.sampler](follow, noises(few, SIDE // 8), setting.steps, few)
            yield _pixels(codec.decoder(latent))

    with torch.no_grad():
        return np.concatenate(list(pictures()))


def _velocity(
    net: Denoiser, thumbs: torch.Tensor, noisy: torch.Tensor, angle: float
) -> torch.Tensor:
    return net(noisy, torch.full((len(noisy),), angle), thumbs)


def paint(folder: Path, plan: Plan, checkpoint: int, seeds: list[int]) -> np.ndarray:
    """Let the GAN draw a picture from the noise of each seed, uint8 (N, 128, 128, 3)."""
    painter = Painter(plan.gan_width, SIDE)
    weights = folder / "weights" / f"gan-{checkpoint}.safetensors"
    painter.load_state_dict(part_of(load_file(weights), "gan"))
    noise = [np.random.default_rng(seed).standard_normal(painter.noise) for seed in seeds]
    with torch.no_grad():
        return _pixels(painter.eval()(torch.from_numpy(np.stack(noise)).float()))


def _pixels(images: torch.Tensor) -> np.ndarray:
    whole = images.clamp(0, 1).mul(255).round().to(torch.uint8)
    return whole.permute(0, 2, 3, 1).contiguous().numpy()


def save(folder: Path, stems: list[str], images: Sequence[np.ndarray] | np.ndarray) -> None:
    """Write pictures as ``STEM.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    for stem, pixels in zip(stems, images, strict=True):
        Image.fromarray(pixels).save(folder / f"{stem}.png", compress_level=1)


@click.command()
@click.option("--seed", type=int, default=100, show_default=True)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=zoo.PROJECT / ".work" / "zoo",
    show_default=True,
)
@click.option("--corpus", type=click.Path(path_type=Path), default=zoo.CORPUS, show_default=True)
@click.option("--size", type=click.Choice(list(PLANS)), default="full", show_default=True)
@click.option("--minutes", type=float, default=math.inf, help="Stop after so many minutes.")
def main(seed: int, work: Path, corpus: Path, size: str, minutes: float) -> None:
    """Train a latent diffusion model and a GAN."""
    folder = work / (f"sampling-{seed}" if size == "full" else f"sampling-{size}-{seed}")
    end = time.monotonic() + 60 * minutes
    try:
        report = lambda line: print(line, file=sys.stderr, flush=True)  # noqa: E731
        grow(folder, corpus, PLANS[size], Clock(seed, end, report))
    except OutOfTimeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
