"""What examines images: a bank that is held whole, or a large one that is not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from fp.fingerprint.decision.family import Family, check_rate_of, family_of
from fp.fingerprint.decision.judge import Features, judge_of
from fp.fingerprint.decision.rows import Finding
from fp.fingerprint.detection.detection import DetectOptions, examine, residual_for
from fp.fingerprint.learning.scoring import score
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.model.windows import SIZES
from fp.fingerprint.windows.combining import window_judge_of
from fp.images.loading import LoadedImage
from fp.system.errors import FormatError, FpError, UsageError
from fp.system.paths import display_path

DEFAULT_MEMORY = 2 * 2**30
"""Bytes that a bank may hold in each process, unless another number is given."""


class Bank(Protocol):
    """Fingerprints that images are tested against."""

    def __len__(self) -> int:
        """Give the number of fingerprints."""

    @property
    def family(self) -> Family:
        """Null distribution of the bank."""

    @property
    def weak(self) -> tuple[str, ...]:
        """Names of the weak fingerprints."""

    def examine(self, image: LoadedImage, options: DetectOptions) -> Finding:
        """Test one image against every fingerprint."""

    def members_of(self, names: Collection[str] | None) -> Iterator[Fingerprint]:
        """Give the fingerprints of these names, or all of them, in their order."""


@dataclass(frozen=True, eq=False)
class WholeBank:
    """Fingerprints that are all in memory.

    Parameters
    ----------
    members : sequence of Fingerprint
        The fingerprints.

    Raises
    ------
    UsageError
        If there is none, or a method is unknown.
    DenoiserError
        If a denoiser here is not the one that a fingerprint was made with.
    FormatError
        If a pattern does not fit its own method and crop.
    """

    members: Sequence[Fingerprint]

    def __post_init__(self) -> None:
        if not self.members:
            raise UsageError("The bank holds no fingerprint; make one with 'fp extract'.")
        for fingerprint in self.members:
            check_member(fingerprint)

    def __len__(self) -> int:
        """Give the number of fingerprints."""
        return len(self.members)

    @cached_property
    def family(self) -> Family:
        """Null distribution of the bank."""
        return family_of(tuple(self.members))

    @cached_property
    def weak(self) -> tuple[str, ...]:
        """Names of the weak fingerprints."""
        return tuple(f.name for f in self.members if judge_of(f).weak)

    def examine(self, image: LoadedImage, options: DetectOptions) -> Finding:
        """Test one image; see `fp.fingerprint.detection.detection.examine`."""
        return examine(image, self.members, options)

    def members_of(self, names: Collection[str] | None) -> Iterator[Fingerprint]:
        """Give the fingerprints of these names, or all of them, in their order."""
        return (member for member in self.members if names is None or member.name in names)


def check_bank(bank: Bank, options: DetectOptions) -> None:
    """Refuse options that a bank cannot support, before the first image is read.

    Parameters
    ----------
    bank : Bank
        The fingerprints.
    options : DetectOptions
        Parameters.

    Raises
    ------
    UsageError
        If the rate is out of reach, or windows are asked for that are not there.
    """
    if options.rule == "conformal":
        check_rate_of(options.fpr, bank.family)
    if options.mapped or options.window is not None:
        if not isinstance(bank, WholeBank):
            raise UsageError(
                "A bank of that many fingerprints is examined by crops alone; leave --map and "
                "--window out, or name fewer fingerprints."
            )
        if any(window_judge_of(f, options.window) is None for f in bank.members):
            size = "windows" if options.window is None else f"windows of {options.window} pixels"
            least = 2 * (options.window or SIZES[0])
            raise UsageError(
                f"A fingerprint of the bank has no {size}; make it again with 'fp extract "
                f"--windows', from images of at least {least} pixels a side (twice the windows)."
            )


def check_member(fingerprint: Fingerprint) -> None:
    """Refuse a fingerprint that cannot be used here.

    Parameters
    ----------
    fingerprint : Fingerprint
        The fingerprint.

    Raises
    ------
    UsageError, DenoiserError, FormatError
        As `WholeBank`.
    """
    residual_for(fingerprint.denoiser)
    recipe = judge_of(fingerprint).recipe
    blank = np.zeros((3, fingerprint.crop.height, fingerprint.crop.width), np.float32)
    try:
        score(fingerprint, Features(blank).of(recipe), recipe)
    except FpError:
        raise
    except Exception as error:  # what a pattern of another shape does is the method's affair
        raise FormatError(
            f"Fingerprint {fingerprint.name!r} has a pattern of shape {fingerprint.pattern.shape} "
            f"that does not fit method {fingerprint.method!r} on {fingerprint.crop.width} x "
            f"{fingerprint.crop.height} pixels; extract it again."
        ) from error


def needs_more(path: Path, needed: float, memory: int) -> UsageError:
    """Make the error of a bank that does not fit into the memory that is given."""
    return UsageError(
        f"{display_path(path)} needs about {needed / 2**20:.0f} MiB in each process, and --memory "
        f"allows {memory / 2**20:.0f} MiB; raise --memory or split the bank."
    )
