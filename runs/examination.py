"""The bank and the files of a run: what is examined, with what, by every process alike."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from fp.fingerprint.decision.rows import Finding, not_examined, with_claims
from fp.fingerprint.detection.banks import DEFAULT_MEMORY, WholeBank, needs_more
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.detection.large_bank import SMALLEST, LargeBank
from fp.fingerprint.estimators.registry import held_as_columns
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store.bank import bank_files, iter_bank, read_bank
from fp.fingerprint.store.lazy import LazyBank, size_in_memory
from fp.images.loading import display_path, find_images, load_with_claims
from fp.runs.map_files import with_map
from fp.system.errors import FpError, ImageError, InputError, IntegrityError

_Opened = TypeVar("_Opened")


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
    return _unchanged(read_bank(bank), bank, identity)


@lru_cache(maxsize=1)
def open_for_examination(
    bank: Path, identity: BankIdentity, memory: int = DEFAULT_MEMORY
) -> WholeBank | LargeBank:
    """Open a bank once in each process.

    Parameters
    ----------
    bank : Path
        A bank or a folder of banks.
    identity : tuple of (str, str)
        What `bank_identity` gave when the run began.
    memory : int
        Bytes that it may hold.

    Returns
    -------
    WholeBank or LargeBank
        The bank; what examines an image does not show in its row.

    Raises
    ------
    UsageError, DenoiserError, FormatError, InputError
        If it takes more memory, or a fingerprint cannot be used here.
    IntegrityError
        If it is damaged or another one by now.
    """
    if _is_large(bank):
        return _unchanged(LargeBank(bank, memory), bank, identity)
    members, held = [], 0
    for fingerprint in iter_bank(bank):
        members.append(fingerprint)
        held += size_in_memory(fingerprint)
        if held > memory:
            raise needs_more(bank, held, memory)
    return WholeBank(_unchanged(tuple(members), bank, identity))


def _is_large(bank: Path) -> bool:
    try:
        found = LazyBank(bank).members
    except FpError:  # told better by those who read all of it
        return False
    methods = {member.method for member in found}
    return len(found) >= SMALLEST and len(methods) == 1 and held_as_columns(*methods)


def _unchanged(opened: _Opened, bank: Path, identity: BankIdentity) -> _Opened:
    if bank_identity(bank) != identity:
        raise IntegrityError(f"{display_path(bank)} changed while it was in use; run again.")
    return opened


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
    memory : int
        Bytes that the bank may hold in each process.
    maps : Path, optional
        Folder for maps, where the options ask for them.
    """

    bank: Path
    identity: BankIdentity
    options: DetectOptions
    memory: int = DEFAULT_MEMORY
    maps: Path | None = None

    def __call__(self, item: Item) -> Finding:
        """Examine one file; every failure that a file can cause is a row."""
        bank = open_for_examination(self.bank, self.identity, self.memory)
        try:
            image, claims = load_with_claims(item.path, item.root, self.options.limits)
        except ImageError as error:
            return not_examined(display_path(item.path), error)
        # Joined to the row when all is decided: what a file says of itself changes no figure.
        found = with_claims(bank.examine(image, self.options), claims)
        return found if self.maps is None else with_map(found, image, self.maps)


def worker_died(item: Item, seconds: float | None = None) -> Finding:
    """Give the row of a file that ended the process that examined it, or kept it too long."""
    shown = display_path(item.path)
    error = ImageError("worker_died", f"{shown} {fate(seconds)}.")
    return not_examined(shown, error)


def fate(seconds: float | None) -> str:
    """Say what became of the process that examined a file, to stand behind the file's name."""
    late = "" if seconds is None else f", or took longer than {seconds:g} seconds"
    return f"ended the process that examined it{late}"
