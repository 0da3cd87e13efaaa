"""Every MUST of `docs/format.md`, checked against a file; reading forgives some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py

from fp.fingerprint.store import bank as store
from fp.fingerprint.store import hdf5, record, rules, schema, survey
from fp.fingerprint.store.elements import Value
from fp.fingerprint.store.hdf5 import Complaint, Place
from fp.fingerprint.store.layout import Elements
from fp.fingerprint.store.survey import DeclaredElement
from fp.system.errors import FormatError, FpError, IntegrityError
from fp.system.paths import display_path

_UNKNOWN = "is unknown to version 1.{} and its name does not begin with 'x-'"


@dataclass(frozen=True)
class Fault:
    """A rule that a file breaks.

    Parameters
    ----------
    file : Path
        The file.
    message : str
        One sentence that names file and key.
    """

    file: Path
    message: str


def verify_bank(path: Path) -> list[Fault]:
    """Return what is wrong with a file, or a folder's files, against the format.

    `InputError` if there is no such file, or none in the folder.
    """
    faults: list[Fault] = []
    named: dict[str, Path] = {}
    for file in store.bank_files(path):
        found: list[FpError] = []
        try:
            names = _verify_file(file, found.append)
        except (FormatError, IntegrityError) as error:
            found.append(error)
            names = []
        for name in names:
            if name in named:
                also = f"a second fingerprint is named {name!r}, as in {display_path(named[name])}"
                found.append(Place(file).refused(f"cannot lie there: {also}"))
            named[name] = file
        faults.extend(Fault(file, str(error)) for error in found)
    return faults


def _verify_file(path: Path, complain: Complaint) -> list[str]:
    place = Place(path)
    with hdf5.open_for_reading(path) as file:
        root = survey.attributes(file, place, complain)
        _, minor = rules.check_version(root, place, store.ENCODING_TYPE, store.ENCODING_VERSION)
        names = survey.links(file, place, complain)
        groups = store.fingerprint_groups(names, place)
        if not minor:
            for key in {*names, *root} - {*groups, *store.ROOT_KEYS}:
                complain(place.at(key).refused(_UNKNOWN.format(minor)))
        members = [_verify_member(file, name, place.at(name), complain) for name in groups]
        _verify_root(root, members, place, complain)
    return [str(member["@name"]) for member in members if "@name" in member]


def _verify_root(
    root: Mapping[str, DeclaredElement],
    members: Sequence[Elements],
    place: Place,
    complain: Complaint,
) -> None:
    stated = {}
    for key in store.ROOT_KEYS:
        if key not in root or root[key].kind != "string":
            complain(place.at(key).refused("is missing or no string"))
        else:
            stated[key] = root[key].load()
    latest = max(str(member.get("@created_utc", "")) for member in members)
    if stated.get("@created_utc", latest) != latest:
        complain(place.at("@created_utc").damaged(f"is not the latest of the file, {latest!r}"))
    identity = store.bank_uuid(str(member.get(schema.HASH_KEY, "")) for member in members)
    if stated.get("@uuid", identity) != identity:
        complain(place.at("@uuid").damaged(f"is not that of its fingerprints, {identity}"))


def _verify_member(
    file: h5py.File, name: str, place: Place, complain: Complaint
) -> dict[str, Value]:
    elements: dict[str, Value] = {}
    try:
        entries = survey.survey(hdf5.group_of(file, name, place), place, complain)
        _, minor = rules.check_version(
            entries, place, schema.ENCODING_TYPE, schema.ENCODING_VERSION
        )
        for key, entry in entries.items():
            if minor <= schema.KNOWN_MINOR and not schema.is_known(key, minor):
                complain(entry.place.refused(_UNKNOWN.format(minor)))
            if not entry.protected:
                complain(entry.place.refused("must be stored with gzip, shuffle and fletcher32"))
            _load(key, entry, elements, complain)
        faults = list(rules.structure_faults(entries))
        for key, what in faults:
            complain(place.at(key).refused(what))
        if not faults and len(elements) == len(entries):
            _verify_values(elements, place, complain)
    except (FormatError, IntegrityError) as error:
        complain(error)
    return elements


def _load(
    key: str, entry: DeclaredElement, elements: dict[str, Value], complain: Complaint
) -> None:
    try:
        elements[key] = entry.load()
    except (FormatError, IntegrityError) as error:
        complain(error)


def _verify_values(elements: Elements, place: Place, complain: Complaint) -> None:
    found = rules.contents(elements)
    for key, what in found.faults:
        complain(place.at(key).refused(what))
    try:
        record.check_hash(elements, place)
        if not found.faults:
            record.check_uuid(record.build(elements, found.fields), elements, place)
    except IntegrityError as error:
        complain(error)
