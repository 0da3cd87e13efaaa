"""Large banks: opened by names and hashes alone; fingerprints are read when they are asked for.

What was read last stays in memory, up to a number of bytes. Every fingerprint is checked against
its hash when it is read, and its hash against the bank's when that is opened.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import overload

import h5py
import numpy as np

from fp.fingerprint.estimators.registry import held_as_columns
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store import bank as store
from fp.fingerprint.store import hdf5, record, survey
from fp.fingerprint.store.hdf5 import Place
from fp.fingerprint.store.schema import HASH_KEY, check_version
from fp.system.arrays import Array, Floats, Indices
from fp.system.errors import FpError, InputError
from fp.system.paths import display_path

DEFAULT_MEMORY = 2**30

_STRINGS = ("@name", "@method", HASH_KEY)


@dataclass(frozen=True)
class Member:
    """What is known of a fingerprint that was not read.

    Parameters
    ----------
    file : Path
        Its file.
    group : str
        Its group in the file.
    name, method : str
        Name of the generator, and of the estimator.
    content_sha256 : str
        Hash of its content as the file states it.
    """

    file: Path
    group: str
    name: str
    method: str
    content_sha256: str


class LazyBank(Sequence[Fingerprint]):
    """The fingerprints of a file or a folder of files, read one by one.

    Parameters
    ----------
    path : Path
        A file that fp wrote, or a folder of such files.
    memory : int
        Bytes of fingerprints that are kept; the one that is asked for is there in any case.

    Raises
    ------
    InputError, FormatError, IntegrityError
        As `fp.fingerprint.store.read_bank`, where the fault shows without reading a fingerprint;
        the others come when that one is read.
    """

    def __init__(self, path: Path, memory: int = DEFAULT_MEMORY) -> None:
        self.members = tuple(_members(path))
        self._memory = memory
        self._kept: OrderedDict[int, Fingerprint] = OrderedDict()
        self._bytes = 0
        seen: dict[str, Path] = {}
        for member in self.members:
            if member.name in seen:
                raise InputError(
                    f"{display_path(seen[member.name])} and {display_path(member.file)} both hold "
                    f"a fingerprint named {member.name!r}; keep one of them."
                )
            seen[member.name] = member.file

    def __len__(self) -> int:
        """Give the number of fingerprints."""
        return len(self.members)

    @overload
    def __getitem__(self, index: int) -> Fingerprint: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Fingerprint]: ...

    def __getitem__(self, index: int | slice) -> Fingerprint | Sequence[Fingerprint]:
        """Read a fingerprint, unless it was read lately."""
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        if place in self._kept:
            self._kept.move_to_end(place)
            return self._kept[place]
        with hdf5.open_for_reading(self.members[place].file) as file:
            return self._keep(place, _read(file, self.members[place]))

    def __iter__(self) -> Iterator[Fingerprint]:
        """Read all fingerprints, each file in one go."""
        places = range(len(self))
        for path, group in groupby(places, key=lambda place: self.members[place].file):
            with hdf5.open_for_reading(path) as file:
                for place in group:
                    yield self._keep(place, _read(file, self.members[place]))

    def limit(self, memory: int) -> None:
        """Keep no more than so many bytes of fingerprints from now on."""
        self._memory = memory
        while self._bytes > self._memory and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= size_in_memory(oldest)

    def _keep(self, place: int, found: Fingerprint) -> Fingerprint:
        if place not in self._kept:
            self._kept[place] = found
            self._bytes += size_in_memory(found)
            self.limit(self._memory)
        return found

    def tiles(self) -> dict[int, tuple[Indices, Floats]]:
        """Read the weights of all fingerprints that large banks are made of, and nothing else.

        Returns
        -------
        dict of int to (ndarray of int, shape (K,), ndarray of float32, shape (K, 3, P, P))
            By period P: which members, and their weights, as
            `fp.fingerprint.correlation.bulk.TileBank` takes them. Their hashes are not checked:
            read a survivor to be sure of it.
        """
        found: dict[int, list[tuple[int, Floats]]] = {}
        for path in dict.fromkeys(member.file for member in self.members):
            with hdf5.open_for_reading(path) as file:
                for index, member in enumerate(self.members):
                    if member.file == path and held_as_columns(member.method):
                        pattern = _pattern(file, member)
                        found.setdefault(pattern.shape[-1], []).append((index, pattern))
        return {
            period: (np.array([index for index, _ in rows]), np.stack([w for _, w in rows]))
            for period, rows in sorted(found.items())
        }


def size_in_memory(fingerprint: Fingerprint) -> int:
    """Give the bytes of a fingerprint's arrays and of its lists of hashes."""
    held = fingerprint.calibration
    arrays: list[Array] = [
        fingerprint.pattern,
        held.real,
        held.generated,
        *fingerprint.history.values(),
    ]
    experts = fingerprint.conditions.experts if fingerprint.conditions is not None else ()
    for joined in (fingerprint.joined, *(expert.joined for expert in experts)):
        if joined is not None:
            arrays += [part.pattern for part in joined.parts]
            arrays += [view.basis for view in joined.typicality.views.values()]
    for each in fingerprint.windows.sizes if fingerprint.windows else ():
        arrays += [each.real, each.generated]
    texts = (*held.real_sha256, *held.generated_sha256, *held.real_source, *held.generated_source)
    return sum(array.nbytes for array in arrays) + sum(len(text) + 57 for text in texts)


def _members(path: Path) -> Iterator[Member]:
    for file_path in store.bank_files(path):
        place = Place(file_path)
        with hdf5.open_for_reading(file_path) as file:
            faults: list[FpError] = []
            root = survey.attributes(file, place, faults.append)
            check_version(root, place, store.ENCODING_TYPE, store.ENCODING_VERSION)
            for fault in faults:
                raise fault
            hashes = []
            for name in store.fingerprint_groups(survey.links(file, place), place):
                group = _group(file, name, place)
                values = [_text(group, key, place.at(name)) for key in _STRINGS]
                hashes.append(values[2])
                yield Member(file_path, name, *values)
            if "@uuid" not in root or root["@uuid"].load() != store.bank_uuid(hashes):
                raise place.at("@uuid").damaged(
                    "is not that of these fingerprints, so some were added, removed or moved"
                )


def _group(file: h5py.File, name: str, place: Place) -> h5py.Group:
    with hdf5.library_errors(place.at(name)):
        group = file[name]
    if not isinstance(group, h5py.Group):
        raise place.at(name).refused("must be a group")
    return group


def _text(group: h5py.Group, key: str, place: Place) -> str:
    here = place.at(key)
    with hdf5.library_errors(here):
        entry = survey.attribute(group, key[1:], here)
    if entry.kind != "string":
        raise here.refused("is no string")
    return str(entry.load())


def _pattern(file: h5py.File, member: Member) -> Floats:
    place = Place(member.file).at(member.group)
    here = place.at("pattern")
    group = _group(file, member.group, Place(member.file))
    survey.links(group, place)  # refuses what would lead elsewhere before anything is opened
    with hdf5.library_errors(here):
        dataset = group["pattern"]
    if not isinstance(dataset, h5py.Dataset):
        raise here.refused("must be a data set")
    entry = survey.array(dataset, here)
    square = len(entry.shape) == 3 and entry.shape[1] == entry.shape[2]
    if entry.kind != "float32" or not square:
        raise here.refused("is no tile of float32")
    values = np.asarray(entry.load(), dtype=np.float32)
    if not np.isfinite(values).all():
        raise here.refused("has values that are not finite")
    return values


def _read(file: h5py.File, member: Member) -> Fingerprint:
    place = Place(member.file)
    if not isinstance(file.get(member.group, getlink=True), h5py.HardLink):
        raise place.at(member.group).refused("is a link to elsewhere and not followed")
    group = _group(file, member.group, place)
    fingerprint, digest = record.read(group, place.at(member.group))
    if digest != member.content_sha256:
        raise place.at(member.group).damaged("changed while the bank was open")
    return fingerprint
