"""What a killed run leaves beside its results, and how the same command completes it.

Results are renamed into place one by one and the manifest comes last, so results without a manifest
are what a kill in between leaves. They are whole, and they are never replaced unasked: the same
command computes again, and completes them where they are what it found.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store.bank import read_bank, write_bank
from fp.manifest.writing import LISTING, MANIFEST, listing_of, manifest_of
from fp.system.atomic_files import output_error, write_bytes_atomic
from fp.system.errors import FpError, OutputError
from fp.system.paths import display_path

_TEMPORARY = re.compile(r"\.(?P<name>.*)\.[0-9a-f]{8}\.tmp", re.DOTALL)


def sweep(places: Iterable[Path]) -> None:
    """Remove the temporary files that a killed writer of these files left behind.

    Nobody else may be writing them now. An `OutputError` says which cannot be removed.
    """
    own: dict[Path, set[str]] = {}
    for place in places:
        own.setdefault(place.parent, set()).add(place.name[:40])
    for folder, names in own.items():
        try:
            for entry in list(os.scandir(folder)):
                found = _TEMPORARY.fullmatch(entry.name)
                if found is not None and found["name"] in names:
                    Path(entry.path).unlink(missing_ok=True)
        except OSError as error:
            raise output_error(folder, error) from error


def is_unfinished_bank(output: Path, name: str) -> bool:
    """Return whether a file may be what a killed extraction left.

    That is one readable fingerprint of the generator's name, without a manifest.
    """
    try:
        if output.is_symlink() or not output.is_file() or os.path.lexists(manifest_of(output)):
            return False
        return [member.name for member in read_bank(output)] == [name]
    except (FpError, OSError):  # what cannot be reached is refused elsewhere, with its reason
        return False


def write_or_complete_bank(output: Path, found: Fingerprint, *, overwrite: bool) -> None:
    """Write a fingerprint file, or keep what a killed run of the command left.

    An `OutputError` says that it holds another fingerprint, or cannot be written.
    """
    if overwrite or not is_unfinished_bank(output, found.name):
        write_bank(output, [found], overwrite=overwrite)
    elif read_bank(output)[0].uuid != found.uuid:
        raise OutputError(
            f"{display_path(output)} holds another fingerprint of this name, without a manifest; "
            "choose another name or add --overwrite."
        )
    sweep([output, manifest_of(output), listing_of(manifest_of(output))])


def is_unfinished_folder(folder: Path, names: Sequence[str]) -> bool:
    """Return whether a folder may be what a killed run left.

    The results that are there are the first of `names`, which stand as they are written, at least
    one, and all of them where the list of inputs is there too. There is no manifest.
    """
    there = [name for name in names if os.path.lexists(folder / name)]
    listed = os.path.lexists(folder / LISTING)
    return (
        bool(there)
        and there == list(names[: len(there)])
        and not os.path.lexists(folder / MANIFEST)
        and (not listed or len(there) == len(names))
    )


def write_or_complete(folder: Path, content: Mapping[str, bytes], *, overwrite: bool) -> None:
    """Write results, in order, but for those that a killed run left.

    The folder exists. An `OutputError` says which file is there with another content, or cannot be
    written.
    """
    there: set[str] = set()
    if not overwrite and is_unfinished_folder(folder, list(content)):
        there = {name for name in content if (folder / name).exists()}
    for name in sorted(there):
        try:
            same = (folder / name).read_bytes() == content[name]
        except OSError as error:
            raise output_error(folder / name, error) from error
        if not same:
            raise OutputError(
                f"{display_path(folder / name)} is of another run, which left no manifest; choose "
                "another folder, or replace it with --overwrite."
            )
    for name, data in content.items():
        if name not in there:
            write_bytes_atomic(folder / name, data, overwrite=overwrite)
    sweep(folder / name for name in (*content, MANIFEST, LISTING))
