"""What examines images: a bank held whole, or a large one read in parts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Protocol

import numpy as np

from fp.fingerprint.conditions.judging import judge_of
from fp.fingerprint.decision.cautions import told_as_known, with_cautions
from fp.fingerprint.decision.family import Family, check_rate, family_of
from fp.fingerprint.decision.judge import Features, Judge
from fp.fingerprint.decision.posterior import is_one_bank, kin_of, with_posterior
from fp.fingerprint.decision.rows import Attribution, Finding, not_examined, with_file
from fp.fingerprint.detection.detection import (
    DetectOptions,
    Preparation,
    over_bank,
    rank,
    residual_for,
    unscored,
    voices_of,
)
from fp.fingerprint.learning.scoring import recipe_of, score
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.model.windows import SIZES
from fp.fingerprint.windows.combining import BankWindows
from fp.fingerprint.windows.maps import share
from fp.fingerprint.windows.reading import Reading
from fp.images.loading import LoadedImage
from fp.system.errors import FormatError, FpError, ImageError, UsageError
from fp.system.paths import display_path

DEFAULT_MEMORY = 2 * 2**30
"""Bytes that a bank may hold in each process, unless another number is given."""


class OpenBank(Protocol):
    """Fingerprints that images are tested against."""

    def __len__(self) -> int:
        """Return the number of fingerprints."""

    @property
    def family(self) -> Family:
        """Null distribution of the bank."""

    @property
    def weak(self) -> tuple[str, ...]:
        """Names of the weak fingerprints."""

    @property
    def kin(self) -> Mapping[str, tuple[str, ...]]:
        """Generators that each is not told from, in a bank learned as one."""

    def check(self, options: DetectOptions) -> None:
        """Refuse options that the bank does not support, before the first image is read.

        UsageError if the rate is out of reach, or windows are asked for that are not there.
        """

    def examine(self, image: LoadedImage, options: DetectOptions) -> Finding:
        """Test one image against every fingerprint."""

    def members_of(self, names: Collection[str] | None) -> Iterator[Fingerprint]:
        """Return the fingerprints of these names, or all of them, in their order."""


@dataclass(frozen=True)
class BankFacts:
    """What a bank says of itself, whatever the images.

    Parameters
    ----------
    fingerprints : int
        Number of fingerprints.
    certified : float or None
        Upper bound (95 %) of the rate of false claims over the bank that its calibration certifies;
        see `fp.fingerprint.decision.family.Family.certified`.
    weak : tuple of str
        Fingerprints that separate no better than label shuffles may.
    kin : mapping of str to tuple of str
        Of a bank that was learned as one, the generators that a generator is not told from.
    """

    fingerprints: int
    certified: float | None
    weak: tuple[str, ...]
    kin: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, bank: OpenBank, fpr: float) -> BankFacts:
        """Return them at the false-positive rate that was asked for."""
        return cls(len(bank), bank.family.certified(fpr), bank.weak, bank.kin)


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
    _windows: dict[int | None, BankWindows] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.members:
            raise UsageError("The bank holds no fingerprint; make one with 'fp extract'.")
        for fingerprint in self.members:
            check_member(fingerprint)

    def __len__(self) -> int:
        """Return the number of fingerprints."""
        return len(self.members)

    @cached_property
    def judges(self) -> tuple[Judge, ...]:
        """What judges by each fingerprint; made once, for all images."""
        return tuple(map(judge_of, self.members))

    @cached_property
    def preparations(self) -> tuple[Preparation, ...]:
        """What each fingerprint asks for."""
        return tuple(map(Preparation.of, self.members))

    @cached_property
    def family(self) -> Family:
        """Null distribution of the bank."""
        return family_of(self.judges)

    @cached_property
    def is_one(self) -> bool:
        """Whether its fingerprints were learned together, so that there is a posterior."""
        return is_one_bank(self.members)

    @cached_property
    def weak(self) -> tuple[str, ...]:
        """Names of the weak fingerprints."""
        return tuple(judge.fingerprint.name for judge in self.judges if judge.weak)

    @property
    def kin(self) -> Mapping[str, tuple[str, ...]]:
        """Generators that each is not told from, in a bank learned as one."""
        return kin_of(self.members)

    def windows(self, size: int | None) -> BankWindows:
        """Return the windows of the fingerprints, of one size; None is the usual one."""
        if size not in self._windows:
            self._windows[size] = BankWindows.of(self.judges, size)
        return self._windows[size]

    def check(self, options: DetectOptions) -> None:
        """Refuse options that the bank does not support; see `OpenBank`."""
        check_rule(options, self.family)
        asked = options.mapped or options.window is not None
        if asked and not self.windows(options.window).complete:
            size = "windows" if options.window is None else f"windows of {options.window} pixels"
            least = 2 * (options.window or SIZES[0])
            raise UsageError(
                f"A fingerprint of the bank has no {size}; make it again with 'fp extract "
                f"--windows', from images of at least {least} pixels a side (twice the windows)."
            )

    def examine(self, image: LoadedImage, options: DetectOptions) -> Finding:
        """Test one image against every fingerprint; return its row and a row of each.

        An image is given to a generator where p_bank <= fpr < p_generated; p_bank is corrected over
        the bank (see `fp.fingerprint.decision.family`), so that over images of the reference
        population the chance of any claim stays within fpr. It supports the reference only where
        every fingerprint says so.
        """
        shown = display_path(image.path)
        ruled = options.rule, options.fpr, self.family.p
        parts: dict[Preparation, Features] = {}
        rows: list[Attribution] = []
        too_small: ImageError | None = None
        for judge, key in zip(self.judges, self.preparations, strict=True):
            fingerprint = judge.fingerprint
            try:
                if key not in parts:
                    parts[key] = key.features(image)
            except ImageError as error:
                too_small = ImageError(error.reason, f"{shown}: {error}")
                rows.append(unscored(shown, fingerprint, error.reason))
                continue
            rows.append(judge.examine(shown, parts[key], image.compression, *ruled))
        reading = Reading(image, self.members, self.windows(options.window), options, residual_for)
        rows = self._with_cautions(reading.as_a_whole(rows), image, options)
        candidates: tuple[str, ...] = ()
        if self.is_one:
            shared = with_posterior(rows)
            rows, candidates = list(shared.rows), shared.candidates
        if all(row.score is None for row in rows):
            assert too_small is not None
            return not_examined(shown, too_small, image)
        nearest = all(row.distance is not None for row in rows if row.score is not None)
        rows.sort(key=partial(rank, by_distance=nearest))
        best = rows[0]
        by = next(each for each in self.judges if each.fingerprint.name == best.fingerprint)
        said = over_bank(best, voices_of(rows), by, options.rule)
        said = replace(said, candidates=candidates)
        detection = reading.completed(with_file(said, image), best)
        drawn = reading.mapped(best) if options.mapped else None
        if drawn is not None:
            generated, reference = share(drawn.generated), share(drawn.reference)
            detection = replace(detection, map_generated=generated, map_reference=reference)
        return Finding(detection, tuple(rows), drawn)

    def _with_cautions(
        self, rows: Sequence[Attribution], image: LoadedImage, options: DetectOptions
    ) -> list[Attribution]:
        found = []
        for judge, row in zip(self.judges, rows, strict=True):
            if image.sha256 in judge.known_images:
                row = told_as_known(row, options.rule)
            found.append(with_cautions(row, judge.cautions))
        return found

    def members_of(self, names: Collection[str] | None) -> Iterator[Fingerprint]:
        """Return the fingerprints of these names, or all of them, in their order."""
        return (member for member in self.members if names is None or member.name in names)


def examine(image: LoadedImage, bank: Sequence[Fingerprint], options: DetectOptions) -> Finding:
    """Test one image against fingerprints.

    Parameters
    ----------
    image : LoadedImage
        The image.
    bank : sequence of Fingerprint
        The fingerprints, at least one.
    options : DetectOptions
        Parameters.

    Returns
    -------
    Finding
        The row of the image and a row for each fingerprint, as `WholeBank.examine` gives them.
    """
    return _bank_of(tuple(bank)).examine(image, options)


@lru_cache(maxsize=8)
def _bank_of(members: tuple[Fingerprint, ...]) -> WholeBank:
    # What follows from a calibration is the same for all images of a caller's loop.
    return WholeBank(members)


def check_rule(options: DetectOptions, family: Family) -> None:
    """Refuse a rate that the calibrations of a bank cannot keep, by a UsageError."""
    if options.rule == "conformal":
        check_rate(options.fpr, family)


def check_member(fingerprint: Fingerprint) -> None:
    """Refuse a fingerprint that cannot be used here, with the errors of `WholeBank`."""
    residual_for(fingerprint.denoiser)
    recipe = recipe_of(fingerprint)
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
    """Make the error of a bank that does not fit into memory."""
    return UsageError(
        f"{display_path(path)} needs about {needed / 2**20:.0f} MiB in each process, and --memory "
        f"allows {memory / 2**20:.0f} MiB; raise --memory or split the bank."
    )
