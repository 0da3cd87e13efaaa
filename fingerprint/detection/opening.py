"""Banks where they lie: their files with hashes, and their fingerprints, opened once a process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fp.fingerprint.detection.banks import DEFAULT_MEMORY, WholeBank, needs_more
from fp.fingerprint.detection.large_bank import SMALLEST, LargeBank
from fp.fingerprint.estimators.registry import held_as_columns
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store.bank import bank_files, iter_bank, read_bank
from fp.fingerprint.store.lazy import LazyBank, size_in_memory
from fp.system.errors import FpError, InputError, IntegrityError
from fp.system.hashing import hash_file
from fp.system.paths import display_path

BankIdentity = tuple[tuple[str, str], ...]
"""Name and SHA-256 of every file of a bank."""


@dataclass(frozen=True)
class StoredBank:
    """A bank as it lies on disk. It travels to other processes in place of its fingerprints.

    Parameters
    ----------
    path : Path
        A bank or a folder of banks.
    files : tuple of (Path, str)
        Its files, with the SHA-256 that each had when the run began.
    memory : int
        Bytes that its fingerprints may hold in each process.
    """

    path: Path
    files: tuple[tuple[Path, str], ...]
    memory: int = DEFAULT_MEMORY

    @staticmethod
    def at(path: Path, memory: int = DEFAULT_MEMORY) -> StoredBank:
        """Return the bank that lies here now. InputError if a file of it cannot be read."""
        try:
            files = tuple((file, hash_file(file)) for file in bank_files(path))
        except OSError as error:
            raise InputError(
                f"{display_path(path)} cannot be read: {error.strerror}; name a file that "
                "'fp extract' wrote, or a folder of such files."
            ) from None
        return StoredBank(path, files, memory)

    @property
    def identity(self) -> BankIdentity:
        """Name and SHA-256 of every file."""
        return tuple((display_path(Path(file.name)), sha256) for file, sha256 in self.files)

    def check_unchanged(self) -> None:
        """Refuse files that are others by now, by an IntegrityError."""
        if StoredBank.at(self.path, self.memory) != self:
            shown = display_path(self.path)
            raise IntegrityError(f"{shown} changed while it was in use; run again.")


@lru_cache(maxsize=1)
def open_bank(stored: StoredBank) -> tuple[Fingerprint, ...]:
    """Read a bank once in each process; IntegrityError if it is another one by now."""
    found = read_bank(stored.path)
    stored.check_unchanged()
    return found


@lru_cache(maxsize=1)
def open_for_examination(stored: StoredBank) -> WholeBank | LargeBank:
    """Open a bank once in each process. Which kind it is does not show in the rows.

    UsageError, DenoiserError, FormatError or InputError if it takes more memory, or a fingerprint
    cannot be used here; IntegrityError if it is damaged or another one by now.
    """
    opened = _opened(stored.path, stored.memory)
    stored.check_unchanged()
    return opened


def _opened(path: Path, memory: int) -> WholeBank | LargeBank:
    if _is_large(path):
        return LargeBank(path, memory)
    members, held = [], 0
    for fingerprint in iter_bank(path):
        members.append(fingerprint)
        held += size_in_memory(fingerprint)
        if held > memory:
            raise needs_more(path, held, memory)
    return WholeBank(tuple(members))


def _is_large(bank: Path) -> bool:
    try:
        found = LazyBank(bank).members
    except FpError:  # told better by those who read all of it
        return False
    methods = {member.method for member in found}
    return len(found) >= SMALLEST and len(methods) == 1 and held_as_columns(*methods)
