"""Training of a DnCNN: seeded, resumable after a kill, bit for bit the same.

Every batch follows from the seed and the number of its step alone, and a checkpoint holds
everything else, so a resumed run sees the same batches and ends in the same weights as an
undisturbed one (same machine, same number of threads).
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from fp.denoisers.dncnn_network import TrainableDnCNN
from fp.denoisers.dncnn_weights import save_weights
from fp.denoisers.optimiser import Optimiser
from fp.denoisers.training_options import TrainingOptions
from fp.images.loading import find_images, load_image
from fp.system.arrays import Pixels
from fp.system.errors import FormatError, InputError, IntegrityError, UsageError
from fp.system.paths import is_file

FORMAT = "fp-training-checkpoint 1"

CHECKPOINT = "checkpoint.safetensors"
"""Name of the checkpoint in the working folder of a training."""

Photographs = Sequence[Pixels]


@dataclass(frozen=True)
class Progress:
    """Where a training stands.

    Parameters
    ----------
    step, steps, depth : int
        Steps done and in all, and convolutions of the network now.
    loss : float
        Mean loss a patch since the last report: half the sum of squared errors.
    seconds : float
        Time since this process started or resumed.
    """

    step: int
    steps: int
    depth: int
    loss: float
    seconds: float


def read_photographs(folder: Path, patch: int) -> list[Pixels]:
    """Load the photographs of a folder that hold a patch, in order of paths.

    Each uint8 (H, W, 3). `InputError` if there is none, `ImageError` if one cannot be read.
    """
    images = [load_image(path).rgb_hwc for path in find_images([folder])]
    images = [image for image in images if min(image.shape[:2]) >= patch]
    if not images:
        raise InputError(f"{folder} holds no image of at least {patch} pixels a side; add some.")
    return images


def draw_batch(
    photographs: Photographs, options: TrainingOptions, step: int
) -> tuple[Tensor, Tensor]:
    """Return the noisy patches of one step and their noise. Only seed and step decide them.

    Each float32 (batch, 3, patch, patch): photographs in [0, 1] with noise added, neither clipped
    nor rounded; and the noise.
    """
    rng = np.random.default_rng([options.seed, step])
    side = options.patch
    clean = np.empty((options.batch, side, side, 3), np.float32)
    for target in clean:
        image = photographs[int(rng.integers(len(photographs)))]
        y, x = (int(rng.integers(extent - side + 1)) for extent in image.shape[:2])
        turned = np.rot90(image[y : y + side, x : x + side], int(rng.integers(4)))
        target[:] = turned[:, ::-1] if rng.integers(2) else turned
    sigma = rng.uniform(*options.sigma, (options.batch, 1, 1, 1)).astype(np.float32)
    noise = rng.standard_normal(clean.shape, np.float32) * (sigma / np.float32(255))
    noisy = clean / np.float32(255) + noise
    # A permuted view of (N, H, W, C) memory is what torch calls channels_last.
    return torch.from_numpy(noisy).permute(0, 3, 1, 2), torch.from_numpy(noise).permute(0, 3, 1, 2)


class _Run:
    """Network, optimiser and step of a training, with their file."""

    def __init__(self, options: TrainingOptions, photographs: Photographs, digest: str) -> None:
        self.options, self.photographs, self.digest = options, photographs, digest
        self.step = 0
        self.network = self._network(options.depth_at(0))
        self.optimiser = self._optimiser()

    def _network(self, depth: int) -> TrainableDnCNN:
        shape = replace(self.options.architecture, depth=depth)
        source = torch.Generator().manual_seed(self.options.seed)
        return TrainableDnCNN(shape, source, getattr(torch, self.options.inner))

    def _optimiser(self) -> Optimiser:
        names = [name for name, _ in self.network.named_parameters()]
        kernels = frozenset(name for name in names if name.endswith("convolution.weight"))
        return Optimiser(self.options.rates, kernels)

    def _grow(self, noisy: Tensor) -> None:
        old = {id(p): name for name, p in self.network.named_parameters()}
        self.network.deepen(self.options.depth_at(self.step), noisy)
        state, self.optimiser = self.optimiser.state, self._optimiser()
        renamed = {old[id(p)]: n for n, p in self.network.named_parameters() if id(p) in old}
        for key, tensor in state.items():
            kind, _, name = key.partition(".")
            self.optimiser.state[f"{kind}.{renamed[name]}"] = tensor

    def advance(self) -> Tensor:
        """Do one step and return its loss."""
        noisy, noise = draw_batch(self.photographs, self.options, self.step)
        self.network.train()
        if self.options.depth_at(self.step) > len(self.network.blocks) + 2:
            self._grow(noisy)
        if self.step >= self.options.steps - self.options.kept_statistics:
            self.network.keep_statistics()
        loss: Tensor = (self.network(noisy) - noise).square().sum() / (2 * self.options.batch)
        self.network.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        parameters: dict[str, Tensor] = dict(self.network.named_parameters())
        self.optimiser.step(parameters, self.options.share_at(self.step))
        self.step += 1
        return loss.detach()

    def save(self, path: Path) -> None:
        """Write a checkpoint; a kill leaves either the old one or the new one."""
        tensors = {f"network.{n}": t for n, t in self.network.state_dict().items()}
        tensors |= {f"optimiser.{n}": t for n, t in self.optimiser.state.items()}
        facts = {
            "format": FORMAT,
            "options": self.options.as_json(),
            "photographs_sha256": self.digest,
            "step": str(self.step),
            "depth": str(len(self.network.blocks) + 2),
        }
        partial = path.with_suffix(".part")
        save_file({n: t.contiguous() for n, t in tensors.items()}, partial, facts)
        partial.replace(path)

    def load(self, path: Path) -> None:
        """Continue from a checkpoint."""
        facts, tensors = _read_checkpoint(path)
        if facts.get("photographs_sha256") != self.digest:
            raise IntegrityError(
                f"{path} was trained on other photographs; name the same folder or another "
                "working folder."
            )
        self._compare(facts.get("options", "{}"), int(facts["step"]), path)
        self.step = int(facts["step"])
        self.network = self._network(int(facts["depth"]))
        self.network.load_state_dict(_part(tensors, "network."))
        self.optimiser = self._optimiser()
        for name, tensor in _part(tensors, "optimiser.").items():
            layout = torch.channels_last if tensor.dim() == 4 else torch.contiguous_format
            self.optimiser.state[name] = tensor.contiguous(memory_format=layout)

    def _compare(self, earlier_json: str, step: int, path: Path) -> None:
        """Refuse other options, but for an end that the steps done cannot have felt."""
        earlier, current = json.loads(earlier_json), json.loads(self.options.as_json())
        before = TrainingOptions.from_json(earlier_json)
        # Another end of the training is no other training, as long as no step has felt it.
        same_so_far = all(
            abs(before.share_at(done) - self.options.share_at(done)) < 1e-9 for done in range(step)
        ) and all(step <= o.steps - o.kept_statistics for o in (before, self.options))
        free = ("steps", "decay", "bends", "kept_statistics") if same_so_far else ()
        different = [k for k in current if k not in free and current[k] != earlier.get(k)]
        if different:
            raise UsageError(
                f"{path} was begun with other options ({', '.join(different)}); give the same or "
                "another working folder."
            )


def train(
    options: TrainingOptions,
    photographs: Path,
    work_dir: Path,
    progress: Callable[[Progress], None] = lambda _: None,
    checkpoint_seconds: float = 120.0,
    report_steps: int = 100,
) -> TrainableDnCNN:
    """Return a trained DnCNN, set to evaluation; an interrupted training goes on.

    Minimises sum over the batch of ||f(y + n) - n||^2 / (2 batch) (arXiv 1608.03981, equation 1).
    Goes on from the `CHECKPOINT` of the working folder where there is one; one is written every
    `checkpoint_seconds`, and at the end in any case. `progress` is called every `report_steps`
    steps. `UsageError` if the checkpoint was begun with other options, `IntegrityError` if with
    other photographs, `FormatError` if it is no checkpoint, `InputError` if no photograph is large
    enough.
    """
    images = read_photographs(photographs, options.patch)
    digest = hashlib.sha256()
    for image in images:
        digest.update(repr(image.shape).encode() + image.tobytes())
    run = _Run(options, images, digest.hexdigest())
    work_dir.mkdir(parents=True, exist_ok=True)
    checkpoint = work_dir / CHECKPOINT
    if checkpoint.is_file():
        run.load(checkpoint)
    start = saved = time.monotonic()
    losses: list[Tensor] = []
    while run.step < options.steps:
        losses.append(run.advance())
        now = time.monotonic()
        if run.step % report_steps == 0:
            mean = float(torch.stack(losses).mean())
            depth = options.depth_at(run.step - 1)
            progress(Progress(run.step, options.steps, depth, mean, now - start))
            losses.clear()
        if now - saved >= checkpoint_seconds or run.step == options.steps:
            run.save(checkpoint)
            saved = now
    return run.network.eval()


def export(work_dir: Path, folder: Path) -> Path:
    """Write the weights of a training, finished or not, as they ship.

    Return the file of tensors; its description beside it holds the options, the steps done and the
    hash of the photographs. `InputError` if there is no checkpoint, `FormatError` if it is none.
    """
    path = work_dir / CHECKPOINT
    if not is_file(path):
        raise InputError(f"{work_dir} holds no {CHECKPOINT}; name the folder of a training.")
    facts, tensors = _read_checkpoint(path)
    options = TrainingOptions.from_json(facts["options"])
    network = TrainableDnCNN(replace(options.architecture, depth=int(facts["depth"])))
    network.load_state_dict(_part(tensors, "network."))
    provenance = {
        "training": json.loads(facts["options"]),
        "steps_done": int(facts["step"]),
        "photographs_sha256": facts["photographs_sha256"],
    }
    return save_weights(network, options.name, folder, provenance)


def _read_checkpoint(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    try:
        with safe_open(path, "pt") as file:
            facts: dict[str, str] = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError:
        facts, tensors = {}, {}
    if facts.get("format") != FORMAT:
        raise FormatError(f"{path} is not a checkpoint of a training; remove it.")
    return facts, tensors


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
