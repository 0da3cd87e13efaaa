"""DIF fingerprints as their authors publish them, read without running what a file asks for.

A file ``chk_N.pt`` is a dict that torch saved: ``Fingerprint`` is the moving average of what the
network drew, float32 (1, 3, H, W), ``Loss`` has the loss of each step. ``Train Real`` and ``Train
Fake`` are means over batches that the pattern was learned from; nothing is calibrated on them.
"""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from fp.fingerprint.estimators.folds import sign_of
from fp.fingerprint.estimators.pattern import Pattern
from fp.fingerprint.estimators.protocol import Course, Estimator, Fitted
from fp.images.crop import SIDE
from fp.system.arrays import Array, Doubles, Flags, Floats, Indices
from fp.system.errors import FormatError, InputError
from fp.system.paths import display_path, is_file

MOST_BYTES = 64 * 2**20
"""Of a file, and of all that is packed in it: a published one has 0.8 MB."""

MOST_SIDE = 2048


@dataclass(frozen=True, eq=False)
class Published:
    """A published fingerprint.

    Parameters
    ----------
    pattern : ndarray of float32, shape (3, H, W)
        Zero mean and unit norm. Its sign is arbitrary.
    losses : ndarray of float64, shape (S,)
        Loss of each of S steps; none where the file does not tell.
    file, sha256 : str
        Name of the file, and hash of its bytes.
    """

    pattern: Floats
    losses: Doubles
    file: str
    sha256: str

    @property
    def estimator(self) -> Estimator:
        """What learns from images that the pattern has not seen: its sign, and nothing else."""
        return _Signed(self)

    @property
    def origin(self) -> dict[str, Any]:
        """Where the pattern is from; JSON types only."""
        return {"file": self.file, "sha256": self.sha256, "steps": int(self.losses.size)}


@dataclass(frozen=True, eq=False)
class _Signed(Pattern):
    """A published pattern whose sign comes from scores of the images at hand.

    It is one bit, and cross-fitted like any pattern: where folds disagree about it, the held-out
    scores show that.
    """

    published: Published

    name: ClassVar[str] = "dif"

    def parameters(self) -> dict[str, Any]:
        """Return what the registry makes the scoring estimator by."""
        return {"cross_fit": True}

    def fit(
        self,
        features: Array,
        labels: Flags,
        groups: Indices,
        course: Course | None = None,
    ) -> Fitted:
        """Fix the sign; see `Estimator.fit`."""
        pattern = self.published.pattern
        sign = sign_of(self.score(features, pattern), labels)
        return Fitted(sign * pattern, history={"loss": self.published.losses})


def read_published(path: Path) -> Published:
    """Read a published fingerprint. Tensors, numbers and texts are taken, and no code is run.

    InputError if there is no such file or it cannot be read, FormatError if it holds anything else,
    or a pattern that no part of an image fits.
    """
    if not is_file(path):
        raise InputError(f"There is no file {display_path(path)}; name a published fingerprint.")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"{display_path(path)} cannot be read: {error.strerror}; check the file."
        ) from error
    held = _contents(content)
    drawn = held.get("Fingerprint") if isinstance(held, dict) else None
    try:
        pattern, losses = _checked_pattern(drawn), _checked_losses(held)
    except ValueError as error:
        raise FormatError(
            f"{display_path(path)} is no published DIF fingerprint: {error}; name a file such as "
            "chk_0.pt of its authors."
        ) from None
    digest = hashlib.sha256(content).hexdigest()
    return Published(pattern, losses, display_path(Path(path.name)), digest)


def _contents(content: bytes) -> Any:
    """Return what torch reads from bytes when it may make nothing but tensors. None if nothing."""
    import torch

    if len(content) > MOST_BYTES or _unpacked(content) > MOST_BYTES:
        return None
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception:  # of a hostile file it may be anything
        return None


def _unpacked(content: bytes) -> int:
    """Return the bytes of all that an archive says to hold; 0 where it is none."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return 0


def _checked_pattern(drawn: Any) -> Floats:
    import torch

    if not isinstance(drawn, torch.Tensor):
        raise ValueError("it holds no tensor 'Fingerprint' that can be read without running code")
    shape = tuple(drawn.shape)
    if len(shape) != 4 or shape[:2] != (1, 3) or drawn.layout != torch.strided:
        raise ValueError(f"its tensor has shape {shape} and not (1, 3, H, W)")
    if any(side % SIDE or not 0 < side <= MOST_SIDE for side in shape[2:]):
        raise ValueError(
            f"its pattern has {shape[3]} x {shape[2]} pixels, and sides are multiples of {SIDE} up "
            f"to {MOST_SIDE}"
        )
    if not drawn.is_floating_point():
        raise ValueError(f"its tensor is of {drawn.dtype} and not of floating point")
    pattern: Doubles = drawn[0].detach().double().numpy().copy()
    pattern -= pattern.mean()
    norm = float(np.linalg.norm(pattern))
    if not (math.isfinite(norm) and norm > 0):
        raise ValueError("its pattern is constant or not finite")
    pattern /= norm
    return pattern.astype(np.float32)


def _checked_losses(held: Any) -> Doubles:
    told = held.get("Loss", [])
    if not isinstance(told, list) or not all(isinstance(each, float) for each in told):
        raise ValueError("its 'Loss' is no list of numbers")
    losses = np.array(told, dtype=np.float64)
    if not np.isfinite(losses).all():
        raise ValueError("its 'Loss' has values that are not finite")
    return losses
