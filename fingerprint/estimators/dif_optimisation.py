"""Deep Image Fingerprint: a network draws a pattern that tells two classes apart.

The optimisation of Sinitsa and Fried (arXiv 2303.10762), see docs/method.md. Residuals never
change, so they are normalised once; a step is then one forward and backward pass of the network
on one input, and one product of its output with a batch of residuals.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from fp.denoisers.dncnn import device_of
from fp.denoisers.precision import best_precision
from fp.fingerprint.estimators.dif_options import DifOptions
from fp.fingerprint.estimators.unet import INPUT_CHANNELS, draw_network, sides_fit
from fp.images.loading import display_path
from fp.system.arrays import Doubles, Flags, Floats
from fp.system.atomic_files import write_bytes_atomic
from fp.system.errors import FormatError, InputError

Progress = Callable[[int, int, float], None]

CHECKPOINT_FORMAT = "fp-dif-checkpoint"
CHECKPOINT_VERSION = 1

PLATEAU = 0.95

# How far to go and how often to save do not change a step, so a checkpoint outlives them.
_NOT_IN_A_STEP = ("steps", "patience", "checkpoint_every")

# What a random stream is for; its index is the epoch or the step, so that no state is kept.
_WEIGHTS, _INPUT, _ORDER, _NOISE = range(4)


@dataclass(frozen=True, eq=False)
class DifResult:
    """What an optimisation found.

    Parameters
    ----------
    pattern : ndarray, shape (3, H, W), float32
        Fingerprint: zero mean, unit norm. Its sign is arbitrary; the caller fixes it from scores
        of images that the optimisation did not see, and takes its centres from them too, since
        the pattern correlates with the residuals that it was made from for that reason alone.
    history : ndarray, shape (steps_run,), float32
        Loss of each step.
    steps_run : int
        Steps, with those of a checkpoint that the run started from.
    stopped_early : bool
        True where the loss had reached a plateau.
    seconds : float
        Wall time, with that of the checkpoint.
    """

    pattern: Floats
    history: Floats
    steps_run: int
    stopped_early: bool
    seconds: float


def optimise(
    residuals: NDArray[np.floating[Any]],
    labels: Flags,
    options: DifOptions | None = None,
    *,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
) -> DifResult:
    """Find the pattern whose correlation separates two classes of residuals.

    Residuals (N, 3, H, W) of one size, H and W multiples of 16, may be a memory map and are not
    modified; labels are True for generated, and both classes present. A checkpoint is resumed from
    where it exists, and saved to; a resumed run takes the same steps as an undisturbed one, in
    reference mode to the bit. InputError if residuals or labels do not fit, or the checkpoint is of
    another extraction; FormatError if the file in its place is none; OutputError if it cannot be
    written.

    Notes
    -----
    A step draws F = g(z + noise), takes rho_i = <R_i, F> over the batch, both at zero mean and
    unit norm, and descends on `separation_loss`. Each epoch orders the residuals anew and leaves
    out the last ones, where they fill no batch: each is as likely to be left out as any other.
    The fingerprint is the exponential moving average of F, started at zero. The usual correction
    for that start is a positive factor, which no correlation sees; it is left out.

    Memory is one normalised copy of the residuals in float32, one batch, and the network.

    References
    ----------
    .. [1] S. Sinitsa and O. Fried, "Deep Image Fingerprint: Towards Low Budget Synthetic Image
       Detection and Model Lineage Analysis", arXiv:2303.10762.
    """
    options = options or DifOptions()
    started = time.perf_counter()
    labels = _checked_labels(residuals, labels)
    rows = _normalised(residuals)
    with _scope(options):
        run = _Run(rows, labels, residuals.shape[2:], options)
        earlier = 0.0
        identity = ""
        if checkpoint is not None:
            identity = _identity(rows, labels, options)
            earlier = _resume(run, checkpoint, identity) if checkpoint.exists() else 0.0
        # Separating nothing costs one for each pair of two classes, a share of 2 p (1 - p).
        ceiling = float(labels.mean() * (1 - labels.mean()))
        stopped = plateau(run.losses, options.patience, ceiling)
        while run.step < options.steps and not stopped:
            loss = run.advance()
            stopped = plateau(run.losses, options.patience, ceiling)
            ended = stopped or run.step == options.steps
            if checkpoint is not None and (ended or run.step % options.checkpoint_every == 0):
                _save(run, checkpoint, identity, earlier + time.perf_counter() - started)
            if progress is not None:
                progress(run.step, options.steps, loss)
        pattern = run.pattern()
    return DifResult(
        pattern=pattern,
        history=np.asarray(run.losses, dtype=np.float32),
        steps_run=run.step,
        stopped_early=stopped and run.step < options.steps,
        seconds=earlier + time.perf_counter() - started,
    )


def separation_loss(correlations: Tensor, generated: Tensor, margin: float) -> Tensor:
    """Return the loss of a batch. Its k-th residual is paired with the (k + B/2)-th; B is even.

    With D = \\|rho_i - rho_j\\| a pair of one class pays D, a pair of two pays max(0, m - D); the
    loss is the mean over pairs, divided by the margin m.
    """
    first, second = correlations.chunk(2)
    distance = (first - second).abs()
    class_of_first, class_of_second = generated.chunk(2)
    shortfall = (margin - distance).clamp(min=0)
    pays = torch.where(class_of_first == class_of_second, distance, shortfall)
    return pays.mean() / margin


def plateau(losses: list[float], patience: int | None, ceiling: float) -> bool:
    """Return whether the loss has stopped falling: never, where the patience is None.

    It has where the mean of the last `patience` steps lies below the ceiling, and no lower than
    `PLATEAU` times that of as many steps before. A plateau above the ceiling precedes a find.
    """
    if patience is None or len(losses) < 2 * patience:
        return False
    before, last = (
        math.fsum(losses[-2 * patience : -patience]),
        math.fsum(losses[-patience:]),
    )
    return PLATEAU * before <= last < ceiling * patience


class _Run:
    """One optimisation in progress: all that changes from step to step, and the step."""

    def __init__(
        self,
        rows: Floats,
        labels: Flags,
        sides: tuple[int, ...],
        options: DifOptions,
    ) -> None:
        height, width = sides
        reference = options.mode == "reference"
        device = device_of("cpu" if reference else options.device)
        self.options = options
        self.device = device
        self.reduced = not reference and best_precision(device) != "float32"
        self.layout = torch.contiguous_format if reference else torch.channels_last
        self.margin = options.margin_at(height, width)
        network = draw_network(_generator(options.seed, _WEIGHTS)).to(device)
        self.network = network.to(memory_format=self.layout)  # type: ignore[call-overload]
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(),
            lr=options.learning_rate,
            weight_decay=options.weight_decay,
            fused=True,
        )
        self.input = options.input_scale * torch.rand(
            (1, INPUT_CHANNELS, height, width),
            generator=_generator(options.seed, _INPUT),
            dtype=torch.float32,
        )
        self.average = torch.zeros((3, height, width), dtype=torch.float32, device=device)
        self.losses: list[float] = []
        self.rows = torch.from_numpy(rows).to(device)
        self.generated = torch.from_numpy(labels).to(device)
        size = min(options.batch, len(rows) - len(rows) % 2)
        # Allocated once: paging in a fresh batch each step takes ten times as long as filling it.
        self.batch = torch.empty((size, rows.shape[1]), dtype=torch.float32, device=device)

    @property
    def step(self) -> int:
        """Steps done."""
        return len(self.losses)

    def advance(self) -> float:
        """Take one step; return its loss."""
        drawn = self._batch_indices().to(self.device)
        torch.index_select(self.rows, 0, drawn, out=self.batch)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.reduced):
            output = self.network(self._noisy_input())
        flat = output.flatten()
        centred = flat - flat.mean()
        correlations = torch.mv(self.batch, centred / centred.norm())
        loss = separation_loss(correlations, self.generated[drawn], self.margin)
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        self.average.lerp_(output.detach()[0], 1.0 - self.options.ema)
        self.losses.append(loss.item())
        return self.losses[-1]

    def pattern(self) -> Floats:
        """Return the moving average at zero mean and unit norm."""
        average = self.average.cpu().numpy().astype(np.float64)
        average -= average.mean()
        return (average / _norm(average)).astype(np.float32)

    def _batch_indices(self) -> Tensor:
        size = len(self.batch)
        epoch, position = divmod(self.step, len(self.rows) // size)
        order = torch.randperm(
            len(self.rows), generator=_generator(self.options.seed, _ORDER, epoch)
        )
        return order[position * size : (position + 1) * size]

    def _noisy_input(self) -> Tensor:
        noise = torch.empty_like(self.input).normal_(
            0.0,
            self.options.input_noise,
            generator=_generator(self.options.seed, _NOISE, self.step),
        )
        return noise.add_(self.input).to(self.device, memory_format=self.layout)

    def tensors(self) -> dict[str, Tensor]:
        """Return all that a resumed run needs, on the CPU; losses count the steps."""
        tensors = {
            "input": self.input,
            "average": self.average,
            "losses": torch.tensor(self.losses, dtype=torch.float64),
        }
        for name, parameter in self.network.named_parameters():
            tensors[f"weights/{name}"] = parameter.detach()
            for moment in ("exp_avg", "exp_avg_sq"):
                tensors[f"{moment}/{name}"] = self.optimiser.state[parameter][moment]
        return {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take over what `tensors` gave."""
        self.losses = tensors["losses"].tolist()
        self.input.copy_(tensors["input"])
        self.average.copy_(tensors["average"])
        for name, parameter in self.network.named_parameters():
            with torch.no_grad():
                parameter.copy_(tensors[f"weights/{name}"])
            state = self.optimiser.state[parameter]
            state["step"] = torch.tensor(float(self.step), dtype=torch.float32)
            if self.device.type == "cuda":
                state["step"] = state["step"].to(self.device)
            for moment in ("exp_avg", "exp_avg_sq"):
                state[moment] = torch.empty_like(parameter).copy_(tensors[f"{moment}/{name}"])


def _checked_labels(residuals: NDArray[np.floating[Any]], labels: Flags) -> Flags:
    if residuals.ndim != 4 or residuals.shape[1] != 3:
        raise InputError(f"residuals have shape {residuals.shape} but must have (N, 3, H, W).")
    if not np.issubdtype(residuals.dtype, np.floating):
        raise InputError(f"residuals are {residuals.dtype} but must be floating point.")
    height, width = residuals.shape[2:]
    if not sides_fit((height, width)):
        raise InputError(
            f"residuals are {width}x{height} pixels but dif needs both sides to be multiples of 16 "
            "and more than 16x16; crop them."
        )
    labels = np.asarray(labels)
    if labels.dtype != np.bool_ or labels.shape != residuals.shape[:1]:
        raise InputError(
            f"labels are {labels.dtype} of shape {labels.shape} but must be one bool for each of "
            f"the {len(residuals)} residuals."
        )
    if labels.all() or not labels.any():
        raise InputError(
            f"all {len(labels)} residuals are of one class; give both generated and real ones."
        )
    return labels.copy()


def _normalised(residuals: NDArray[np.floating[Any]]) -> Floats:
    # Row by row, so that a memory map is never held in memory beside its copy.
    rows = np.empty((len(residuals), math.prod(residuals.shape[1:])), dtype=np.float32)
    for index, residual in enumerate(residuals):
        row = np.array(residual, dtype=np.float64).ravel()
        with np.errstate(invalid="ignore"):  # infinities, refused in a sentence below
            row -= row.mean()
            norm = _norm(row)
        if not (math.isfinite(norm) and norm > 0):
            what = "constant" if norm == 0 else "not finite"
            raise InputError(f"residual {index} is {what}; leave its image out.")
        row /= norm
        rows[index] = row
    return rows


def _norm(values: Doubles) -> float:
    # NumPy's own norm is a product in BLAS, whose bits follow the number of threads.
    return math.sqrt(np.square(values).sum())


def _generator(seed: int, purpose: int, index: int = 0) -> torch.Generator:
    mixed = np.random.SeedSequence((seed, purpose, index)).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(mixed[0]))


@contextmanager
def _scope(options: DifOptions) -> Iterator[None]:
    """Record gradients whatever the caller's mode; in reference mode, one thread, one result."""
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if options.mode == "reference":
            stack.callback(torch.set_num_threads, torch.get_num_threads())
            stack.callback(
                torch.use_deterministic_algorithms,
                torch.are_deterministic_algorithms_enabled(),
                warn_only=torch.is_deterministic_algorithms_warn_only_enabled(),
            )
            torch.set_num_threads(1)
            torch.use_deterministic_algorithms(True)
        yield


def _identity(rows: Floats, labels: Flags, options: DifOptions) -> str:
    """State as JSON what every step depends on: options, residuals and labels."""
    content = hashlib.sha256(repr(rows.shape).encode())
    content.update(rows.data)
    content.update(labels.data)
    kept = {name: value for name, value in asdict(options).items() if name not in _NOT_IN_A_STEP}
    return json.dumps(kept | {"residuals and labels": content.hexdigest()}, sort_keys=True)


def _save(run: _Run, path: Path, identity: str, seconds: float) -> None:
    metadata = {
        "format": CHECKPOINT_FORMAT,
        "version": str(CHECKPOINT_VERSION),
        "identity": identity,
        "seconds": repr(seconds),
    }
    write_bytes_atomic(path, save(run.tensors(), metadata), overwrite=True)


def _resume(run: _Run, path: Path, identity: str) -> float:
    """Read a checkpoint into a run; return the seconds it had taken."""
    name = display_path(path)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise FormatError(
            f"checkpoint {name} cannot be read ({error}); remove it to start anew."
        ) from error
    kind = (metadata.get("format"), metadata.get("version"))
    if kind != (CHECKPOINT_FORMAT, str(CHECKPOINT_VERSION)):
        raise FormatError(
            f"{name} is no dif checkpoint of version {CHECKPOINT_VERSION}; remove it to start anew."
        )
    theirs, ours = json.loads(metadata["identity"]), json.loads(identity)
    differing = sorted(k for k in theirs | ours if theirs.get(k) != ours.get(k))
    if differing:
        raise InputError(
            f"checkpoint {name} is of another extraction (it differs in {', '.join(differing)}); "
            "remove it or name another."
        )
    done = len(tensors["losses"])
    if done > run.options.steps:
        raise InputError(
            f"checkpoint {name} has {done} steps, more than the {run.options.steps} asked for; "
            "ask for more or remove it."
        )
    run.restore(tensors)
    return float(metadata["seconds"])
