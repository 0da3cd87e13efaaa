"""Files of fingerprints, one or many in a file, read and written whole.

The layout is that of `docs/format.md`. Equal fingerprints give equal bytes, and a bank that grew by
adding is the one that would have been written at once.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Protocol, TypeVar

import h5py

from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store import hdf5, record, survey
from fp.fingerprint.store.elements import put
from fp.fingerprint.store.hdf5 import Place
from fp.fingerprint.store.record import FingerprintSummary
from fp.fingerprint.store.rules import check_version
from fp.fingerprint.store.schema import is_known
from fp.fingerprint.store.sink import Sink, open_for_writing
from fp.system.atomic_files import atomic_path, locked_folder
from fp.system.environment import tool_version
from fp.system.errors import FormatError, FpError, InputError, OutputError, UsageError
from fp.system.paths import display_path, files_in, is_file, is_folder

ENCODING_TYPE = "fp-bank"
ENCODING_VERSION = "1.0"
ROOT_KEYS = ("@encoding-type", "@encoding-version", "@created_utc", "@tool_version", "@uuid")
MAX_FINGERPRINTS = 1_000_000

_NAMESPACE = uuid.UUID("b2a4c0c6-6c0d-5b0f-8a55-0d6f1f6f2c1e")
_GROUP = re.compile(r"\d{6}", re.ASCII)


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Member = TypeVar("Member", bound=_Named)
Reader = Callable[[h5py.Group, Place], tuple[Member, str]]


def write_bank(path: Path, fingerprints: Iterable[Fingerprint], *, overwrite: bool = False) -> None:
    """Write fingerprints into one file, in their order, whole or not at all.

    They are taken one by one, so that they need not be in memory together. `UsageError` if there is
    none, too many, or two have one name; `OutputError` if the file exists, cannot be written, or
    cannot hold a fingerprint.
    """
    with (
        atomic_path(path, overwrite=overwrite) as temporary,
        open_for_writing(temporary) as (file, sink),
    ):
        _fill(file, fingerprints, sink)


def add_to_bank(path: Path, fingerprints: Iterable[Fingerprint]) -> None:
    """Add fingerprints after those of a file, or start it. Until all is done it stays as it was.

    `FormatError` or `IntegrityError` if the file is none of ours or damaged, or holds what
    rewriting it would lose; others as in `write_bank`.
    """
    with locked_folder(path.parent):
        if is_folder(path):
            raise OutputError(f"{display_path(path)} is a folder; name a file to add to.")
        if not is_file(path):
            write_bank(path, fingerprints)
            return
        _check_nothing_lost(path)
        write_bank(path, chain(iter_bank(path), fingerprints), overwrite=True)


def read_bank(path: Path) -> tuple[Fingerprint, ...]:
    """Read all fingerprints of a file, or of a folder's files ``*.h5`` by name.

    There is one at least, and their names differ. `InputError` if there is no such file, or two
    fingerprints of a folder have one name; `FormatError` if a file is not what `docs/format.md`
    says, with file and key in the message; `IntegrityError` if a file's content contradicts its
    checksums, or it cannot be read to its end.
    """
    return tuple(iter_bank(path))


def iter_bank(path: Path) -> Iterator[Fingerprint]:
    """Read fingerprints one by one; parameters and errors as in `read_bank`."""
    return members(path, record.read)


def read_summaries(path: Path) -> Iterator[FingerprintSummary]:
    """Read all but patterns and histories, one by one, unchecked; errors as in `read_bank`."""
    return members(path, record.read_summary)


def is_bank(path: Path) -> bool:
    """Return whether a path is meant as a bank.

    A bank is a file that ends in ``.h5`` or begins as HDF5 does, or a folder that holds such files.
    """
    if path.suffix.lower() == ".h5":
        return True
    try:
        files = _files_of(path)
        if files != [path]:
            return bool(files)
        if not is_file(path):  # nor a pipe, which would wait or lose what it holds
            return False
        with path.open("rb") as file:
            return file.read(len(hdf5.SIGNATURE)) == hdf5.SIGNATURE
    except OSError:
        return False


def bank_files(path: Path) -> list[Path]:
    """Return the files of a bank: itself, or a folder's files ``*.h5``, sorted.

    Hidden ones are left out. `InputError` if the folder holds none or cannot be read.
    """
    try:
        files = _files_of(path)
    except OSError as error:
        raise InputError(
            f"{display_path(path)} cannot be read: {error.strerror}; check the folder."
        ) from error
    if not files:
        raise InputError(f"{display_path(path)} holds no file *.h5; name a folder of fingerprints.")
    return files


def _files_of(path: Path) -> list[Path]:
    return files_in(path, ".h5") if is_folder(path) else [path]


def fingerprint_groups(names: Iterable[str], place: Place) -> list[str]:
    """Pick the fingerprints' groups, ``000000``, ``000001`` and so on, among names of the root.

    `FormatError` if there is none or the row has a gap.
    """
    found = sorted(filter(_GROUP.fullmatch, names))
    if not found:
        raise place.refused("holds no fingerprint")
    for index, name in enumerate(found):
        if name != group_name(index):
            raise place.at(group_name(index)).refused("is missing")
    return found


def group_name(index: int) -> str:
    """Return the name of the group of a file's fingerprint number `index`, from 0."""
    return f"{index:06d}"


def bank_uuid(hashes: Iterable[str]) -> str:
    """Return the identity of a file from its fingerprints' content hashes, in order."""
    return str(uuid.uuid5(_NAMESPACE, json.dumps(list(hashes), separators=(",", ":"))))


def _fill(file: h5py.File, fingerprints: Iterable[Fingerprint], sink: Sink) -> None:
    seen: set[str] = set()
    hashes = []
    latest = ""
    for index, fingerprint in enumerate(fingerprints):
        if index == MAX_FINGERPRINTS:
            raise UsageError(f"A file holds at most {MAX_FINGERPRINTS} fingerprints; use several.")
        if fingerprint.name in seen:
            raise UsageError(
                f"Two fingerprints are named {fingerprint.name!r}; give one of them another name "
                "with --name."
            )
        seen.add(fingerprint.name)
        hashes.append(record.write(file.create_group(group_name(index)), fingerprint))
        latest = max(latest, fingerprint.created_utc)
        sink.check()
    if not hashes:
        raise UsageError("There is no fingerprint to write; name at least one.")
    put(
        file,
        {
            "@encoding-type": ENCODING_TYPE,
            "@encoding-version": ENCODING_VERSION,
            "@created_utc": latest,
            "@tool_version": tool_version(),
            "@uuid": bank_uuid(hashes),
        },
    )


def members(path: Path, read: Reader[Member]) -> Iterator[Member]:
    """Read what a reader takes of each fingerprint, one by one; errors as in `read_bank`.

    The reader makes of a fingerprint's group and its place what is read, and the content hash.
    Names of what is read differ.
    """
    seen: dict[str, Path] = {}
    for file in bank_files(path):
        for member in _members_of_file(file, read):
            if member.name in seen:
                earlier = seen[member.name]
                if earlier == file:
                    raise Place(file).refused(f"has two fingerprints named {member.name!r}")
                raise InputError(
                    f"{display_path(earlier)} and {display_path(file)} both hold a fingerprint "
                    f"named {member.name!r}; keep one of them in the folder."
                )
            seen[member.name] = file
            yield member


def _members_of_file(path: Path, read: Reader[Member]) -> Iterator[Member]:
    place = Place(path)
    with hdf5.open_for_reading(path) as file:
        faults: list[FpError] = []
        root = survey.attributes(file, place, faults.append)
        check_version(root, place, ENCODING_TYPE, ENCODING_VERSION)
        for fault in faults:
            raise fault
        for key in ROOT_KEYS:
            if key not in root or root[key].kind != "string":
                raise place.at(key).refused("is missing or no string")
        hashes = []
        for name in fingerprint_groups(survey.links(file, place), place):
            here = place.at(name)
            member, digest = read(hdf5.group_of(file, name, here), here)
            hashes.append(digest)
            yield member
        if root["@uuid"].load() != bank_uuid(hashes):
            raise place.at("@uuid").damaged(
                "is not that of these fingerprints, so some were added, removed or moved"
            )


def _check_nothing_lost(path: Path) -> None:
    place = Place(path)
    with hdf5.open_for_reading(path) as file:
        root = survey.attributes(file, place, lambda fault: None)
        check_version(root, place, ENCODING_TYPE, ENCODING_VERSION)
        survey.links(file, place)  # refuses what would lead elsewhere before anything is opened
        with hdf5.library_errors(place):
            unknown = next(_unknown(file), None)
    if unknown is not None:
        raise FormatError(
            f"{display_path(path)} holds {unknown!a}, which adding would lose; add to a new file "
            "and name this one as a source."
        )


def _unknown(file: h5py.File) -> Iterator[str]:
    yield from (name for name in file if not _GROUP.fullmatch(name))
    yield from (f"@{name}" for name in file.attrs if f"@{name}" not in ROOT_KEYS)
    for group in filter(_GROUP.fullmatch, file):
        keys = [f"@{name}" for name in file[group].attrs]

        def look(path: str, member: h5py.Group | h5py.Dataset, keys: list[str] = keys) -> None:
            keys.extend(f"{path}@{name}" for name in member.attrs)
            if not isinstance(member, h5py.Group):
                keys.append(path)

        file[group].visititems(look)
        yield from (f"{group}/{key}" for key in keys if not is_known(key))
