"""Large banks: opened by names and hashes, each fingerprint read when asked for.

What was read last stays in memory, up to a number of bytes. Every fingerprint is checked against
its hash when it is read, and its hash against the bank's when that is opened.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import overload

import h5py

from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store import bank as store
from fp.fingerprint.store import hdf5, record, survey
from fp.fingerprint.store.hdf5 import Place
from fp.fingerprint.store.schema import HASH_KEY
from fp.system.arrays import Array

DEFAULT_MEMORY = 2**30


@dataclass(frozen=True)
class UnreadMember:
    """What is known of a fingerprint that was not read.

    Parameters
    ----------
    file : Path
        Its file.
    group, name, method, content_sha256 : str
        Its group in the file, name of the generator, name of the estimator, and hash of its content
        as the file states it.
    """

    file: Path
    group: str
    name: str
    method: str
    content_sha256: str


class LazyBank(Sequence[Fingerprint]):
    """The fingerprints of a file or a folder of files, read one by one.

    `memory` is the bytes of fingerprints that are kept; the one that is asked for is there in any
    case. `let_go` is called with the number of each that is no longer kept. Errors are those of
    `fp.fingerprint.store.bank.read_bank` where the fault shows without reading a fingerprint; the
    others come when that one is read.
    """

    def __init__(
        self,
        path: Path,
        memory: int = DEFAULT_MEMORY,
        let_go: Callable[[int], object] = lambda place: None,
    ) -> None:
        self.members = tuple(store.members(path, _member))
        self._memory = memory
        self._let_go = let_go
        self._kept: OrderedDict[int, Fingerprint] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        """Return the number of fingerprints."""
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
            place, oldest = self._kept.popitem(last=False)
            self._bytes -= size_in_memory(oldest)
            self._let_go(place)

    def _keep(self, place: int, found: Fingerprint) -> Fingerprint:
        if place not in self._kept:
            self._kept[place] = found
            self._bytes += size_in_memory(found)
            self.limit(self._memory)
        return found


def size_in_memory(fingerprint: Fingerprint) -> int:
    """Return the bytes of a fingerprint's arrays and of its lists of hashes."""
    held = fingerprint.calibration
    arrays: list[Array] = [
        fingerprint.pattern,
        held.real,
        held.generated,
        *fingerprint.history.values(),
    ]
    if (joined := fingerprint.joined) is not None:
        arrays += [part.pattern for part in joined.parts]
        arrays += [view.basis for view in joined.typicality.views.values()]
    for each in fingerprint.windows.sizes if fingerprint.windows else ():
        arrays += [each.real, each.generated]
    texts = (*held.real_sha256, *held.generated_sha256, *held.real_source, *held.generated_source)
    conditions = [each.nbytes for each in (fingerprint.conditions, fingerprint.rest) if each]
    return sum(conditions) + sum(array.nbytes for array in arrays) + sum(len(t) + 57 for t in texts)


def _member(group: h5py.Group, place: Place) -> tuple[UnreadMember, str]:
    strings = [_text(group, key, place.at(key)) for key in ("@name", "@method", HASH_KEY)]
    return UnreadMember(place.file, place.key, *strings), strings[-1]


def _text(group: h5py.Group, key: str, here: Place) -> str:
    with hdf5.library_errors(here):
        entry = survey.attribute(group, key[1:], here)
    if entry.kind != "string":
        raise here.refused("is no string")
    return str(entry.load())


def _read(file: h5py.File, member: UnreadMember) -> Fingerprint:
    place = Place(member.file).at(member.group)
    fingerprint, digest = record.read(hdf5.group_of(file, member.group, place), place)
    if digest != member.content_sha256:
        raise place.damaged("changed while the bank was open")
    return fingerprint
