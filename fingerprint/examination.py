"""The bank and the files of a run: what is examined, with what, by every process alike."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from fp.denoisers.errors import (
    FormatError,
    FpError,
    ImageError,
    InputError,
    IntegrityError,
    UsageError,
)
from fp.denoisers.images import display_path, find_images, load_image
from fp.fingerprint.detection import (
    DetectOptions,
    examine,
    residual_for,
)
from fp.fingerprint.family import check_rate
from fp.fingerprint.fingerprint import Fingerprint
from fp.fingerprint.judge import Features, judge_of
from fp.fingerprint.rows import Finding, not_examined
from fp.fingerprint.scoring import score
from fp.fingerprint.store import bank_files, read_bank


@dataclass(frozen=True)
class Item:
    """A file to examine, and the input folder that it must not lead out of.

    Parameters
    ----------
    path : Path
        The file.
    root : Path or None
        The folder that was named; None where the file itself was.
    """

    path: Path
    root: Path | None


def list_items(inputs: Sequence[Path]) -> list[Item]:
    """List the files to examine.

    Parameters
    ----------
    inputs : sequence of Path
        Files and folders, searched recursively.

    Returns
    -------
    list of Item
        In the order of their paths; a file that was named itself may be a link to anywhere.

    Raises
    ------
    InputError
        If an input does not exist, or there is no file.
    """
    paths = find_images(inputs)
    if not paths:
        raise InputError(
            f"{', '.join(map(display_path, inputs))}: there is no file; name images or folders of "
            "images."
        )
    # The longest first: of folders inside each other the narrower one binds.
    folders = sorted(set(inputs), key=lambda given: len(given.parts), reverse=True)
    named = set(inputs)

    def root(path: Path) -> Path | None:
        if path in named and not path.is_dir():
            return None
        return next((folder for folder in folders if path.is_relative_to(folder)), None)

    return [Item(path, root(path)) for path in paths]


BankIdentity = tuple[tuple[str, str], ...]
"""Name and SHA-256 of every file of a bank."""


def bank_identity(bank: Path) -> BankIdentity:
    """Name every file of a bank with its hash.

    Parameters
    ----------
    bank : Path
        A bank or a folder of banks.

    Returns
    -------
    tuple of (str, str)
        Name and SHA-256 of each file, in the order in which they are read.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    try:
        return tuple(
            (display_path(Path(file.name)), file_sha256(file)) for file in bank_files(bank)
        )
    except OSError as error:
        raise InputError(
            f"{display_path(bank)} cannot be read: {error.strerror}; name a file that "
            "'fp extract' wrote, or a folder of such files."
        ) from None


def file_sha256(path: Path) -> str:
    """Give the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=1)
def open_bank(bank: Path, identity: BankIdentity) -> tuple[Fingerprint, ...]:
    """Read a bank once in each process.

    Parameters
    ----------
    bank : Path
        A bank or a folder of banks.
    identity : tuple of (str, str)
        What `bank_identity` gave when the run began.

    Returns
    -------
    tuple of Fingerprint
        All its fingerprints.

    Raises
    ------
    IntegrityError
        If the bank is another one by now.
    """
    members = read_bank(bank)
    if bank_identity(bank) != identity:
        raise IntegrityError(f"{display_path(bank)} changed while it was in use; run again.")
    return members


@dataclass(frozen=True)
class Examiner:
    """The function from a file to its rows; it travels to workers as a path and options.

    Parameters
    ----------
    bank : Path
        A bank or a folder of banks.
    identity : tuple of (str, str)
        Its identity, so that every process examines with the same fingerprints.
    options : DetectOptions
        Parameters.
    """

    bank: Path
    identity: BankIdentity
    options: DetectOptions

    def __call__(self, item: Item) -> Finding:
        """Examine one file; every failure that a file can cause is a row."""
        bank = open_bank(self.bank, self.identity)
        try:
            image = load_image(item.path, item.root, self.options.limits)
        except ImageError as error:
            return not_examined(display_path(item.path), error)
        return examine(image, bank, self.options)


def worker_died(item: Item) -> Finding:
    """Give the row of a file that ended the process that examined it."""
    shown = display_path(item.path)
    error = ImageError("worker_died", f"{shown} ended the process that examined it.")
    return not_examined(shown, error)


def check_bank(bank: Sequence[Fingerprint], options: DetectOptions) -> None:
    """Refuse options that a bank cannot support, before the first image is read.

    Parameters
    ----------
    bank : sequence of Fingerprint
        The fingerprints.
    options : DetectOptions
        Parameters.

    Raises
    ------
    UsageError
        If the bank is empty, a method is unknown, or the rate is out of reach for a fingerprint.
    DenoiserError
        If a denoiser here is not the one that a fingerprint was made with.
    FormatError
        If a pattern does not fit its own method and crop.
    """
    if not bank:
        raise UsageError("The bank holds no fingerprint; make one with 'fp extract'.")
    for fingerprint in bank:
        residual_for(fingerprint.denoiser)
        _check_pattern(fingerprint)
    if options.rule == "conformal":
        check_rate(options.fpr, bank)


def _check_pattern(fingerprint: Fingerprint) -> None:
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
