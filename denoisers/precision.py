"""The fastest arithmetic for the inner layers of a network, measured once per processor."""

from __future__ import annotations

import contextlib
import hashlib
import time
from functools import lru_cache
from pathlib import Path

import torch
from torch.nn import functional

from fp.denoisers.cache import default_folder
from fp.system.atomic_files import write_text_atomic
from fp.system.environment import processor
from fp.system.errors import OutputError

PRECISIONS = {"float32": torch.float32, "bfloat16-inner": torch.bfloat16}
"""Arithmetic of the inner layers by the name that the identity carries."""

_WIDTH, _SIDE = 64, 48  # as many channels as `dncnn` has, on few pixels
_TURNS = 5
_LONGEST = 0.02  # seconds of one convolution after which no more are timed
_CLEARLY = 1.25  # how many times as fast bfloat16 must be: less is not worth its rounding


def best_precision(device: torch.device) -> str:
    """Return "bfloat16-inner" where a device multiplies it clearly faster than float32, else that.

    A processor is measured at first use, in about 50 ms, and the result is kept in the cache
    folder: all processes and all later runs must agree, since residuals of two precisions are never
    mixed. Where nothing can be kept, the processor is asked for its instructions instead.
    """
    if device.type == "cuda":
        return "bfloat16-inner" if torch.cuda.is_bf16_supported(False) else "float32"
    return _of_processor(default_folder()) if device.type == "cpu" else "float32"


@lru_cache(maxsize=4)
def _of_processor(folder: Path) -> str:
    key = hashlib.sha256(f"{processor()} {torch.__version__}".encode()).hexdigest()[:16]
    kept = folder / f"precision-{key}.txt"
    found = _read(kept)
    if found is None:
        # Where another process was first, what that one found holds for all.
        with contextlib.suppress(OSError, OutputError):
            folder.mkdir(parents=True, exist_ok=True)
            write_text_atomic(kept, _faster(_seconds()))
        found = _read(kept)
    return found if found in PRECISIONS else _by_instructions()


def _read(kept: Path) -> str | None:
    try:
        return kept.read_text("ascii", "replace")
    except OSError:
        return None


def _faster(seconds: dict[str, float]) -> str:
    clearly = seconds["bfloat16-inner"] * _CLEARLY < seconds["float32"]
    return "bfloat16-inner" if clearly else "float32"


@torch.inference_mode()
def _seconds() -> dict[str, float]:
    """Measure one inner convolution in each arithmetic: the least of some turns."""
    features = torch.ones(1, _WIDTH, _SIDE, _SIDE).contiguous(memory_format=torch.channels_last)
    kernel = torch.ones(_WIDTH, _WIDTH, 3, 3).contiguous(memory_format=torch.channels_last)
    inputs = {name: (features.to(dtype), kernel.to(dtype)) for name, dtype in PRECISIONS.items()}
    found: dict[str, float] = {}
    for turn in range(_TURNS + 1):
        for name, (image, weights) in inputs.items():
            if found.get(name, 0.0) > _LONGEST:
                continue
            begin = time.perf_counter()
            functional.conv2d(image, weights, padding=1)
            taken = time.perf_counter() - begin
            if turn:  # the first time, code is compiled
                found[name] = min(taken, found.get(name, taken))
    return found


def _by_instructions() -> str:
    # torch's own question to the processor has no public name yet; without it float32 is safe.
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return "bfloat16-inner" if supported() else "float32"
