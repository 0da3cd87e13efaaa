"""A case as one archive that verifies itself.

A ZIP file without compression. Its comment is the SHA-256 of every byte before the comment, so that
no bit of it can change unnoticed, in the directory of the archive neither; and it holds a list
``SHA256SUMS`` for tools that know nothing of fp.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from fp.case.verification import verify_case
from fp.manifest.verification import Check, Difference
from fp.manifest.writing import files_below
from fp.system.atomic_files import atomic_path
from fp.system.errors import IntegrityError
from fp.system.hashing import hash_file
from fp.system.paths import display_path, is_file

SUMS = "SHA256SUMS"
TOP = "case"

_MARK = b"fp-case sha256 "
_COMMENT = len(_MARK) + 64
_NAME = re.compile(rf"{TOP}(/[A-Za-z0-9][A-Za-z0-9_.-]{{0,99}}){{1,4}}", re.ASCII)
_MOST_MEMBERS = 10**6
_EPOCH = (1980, 1, 1, 0, 0, 0)
_PIECE = 2**20

UNREADABLE = (
    IntegrityError,
    OSError,
    EOFError,
    UnicodeError,
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
)
"""What may be raised where an archive of unknown origin is opened or unpacked."""


def is_archive(path: Path) -> bool:
    """Return whether a file may be the archive of a case."""
    return is_file(path) and path.suffix.lower() == ".zip"


def write_archive(folder: Path, output: Path, *, overwrite: bool = False) -> str:
    """Write a case, as verified, into one file and return its hash. The same case gives the same
    bytes.

    `OutputError` if it cannot be written.
    """
    sums = []
    with atomic_path(output, overwrite=overwrite) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for path in files_below(folder):
                name = path.relative_to(folder).as_posix()
                sums.append(f"{hash_file(path)}  {name}\n")
                with path.open("rb") as source, archive.open(_member(name), "w") as target:
                    while piece := source.read(_PIECE):
                        target.write(piece)
            with archive.open(_member(SUMS), "w") as target:
                target.write("".join(sums).encode())
            # The length of the comment stands before it and belongs to what is hashed.
            archive.comment = b" " * _COMMENT
        digest = _digest(temporary)
        with temporary.open("r+b") as file:
            file.seek(-_COMMENT, 2)
            file.write(_MARK + digest.encode())
    return digest


def _member(name: str) -> zipfile.ZipInfo:
    found = zipfile.ZipInfo(f"{TOP}/{name}", _EPOCH)
    found.external_attr = 0o644 << 16
    found.create_system = 3
    return found


def _digest(path: Path) -> str:
    left = path.stat().st_size - _COMMENT
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while left > 0 and (piece := file.read(min(left, _PIECE))):
            digest.update(piece)
            left -= len(piece)
    return digest.hexdigest()


def verify_archive(path: Path, check: Check | None = None) -> Iterator[Difference]:
    """Yield what differs in an archive: its hash, its list, its case."""
    shown = display_path(path)
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _COMMENT))
        comment = file.read()
    if comment != _MARK + _digest(path).encode():
        yield Difference("changed", shown, "its bytes do not give the hash that its end states")
    try:
        with opened_archive(path) as folder:
            yield from _sums(folder, shown)
            (folder / SUMS).unlink(missing_ok=True)
            for found in verify_case(folder, check):
                name = found.path.removeprefix(f"{display_path(folder)}/")
                yield Difference(found.kind, f"{shown}/{name}", found.detail)
    except UNREADABLE as e:
        yield Difference("changed", shown, f"it cannot be read as an archive ({e})")


@contextmanager
def opened_archive(path: Path) -> Iterator[Path]:
    """Unpack an archive of unknown origin for as long as the block lasts.

    `IntegrityError` if it holds what no archive of a case does.
    """
    with zipfile.ZipFile(path) as archive, TemporaryDirectory(prefix="fp-case-") as place:
        members = archive.infolist()
        names = {member.filename for member in members}
        sizes = sum(member.file_size for member in members)
        # Stored and no larger together than the file: nothing unpacks to more than was sent.
        sound = (
            len(names) == len(members) <= _MOST_MEMBERS
            and sizes <= path.stat().st_size
            and all(_NAME.fullmatch(name) for name in names)
            and all(member.compress_type == zipfile.ZIP_STORED for member in members)
        )
        if not sound:
            raise IntegrityError(f"{display_path(path)} holds what no archive of a case does.")
        for member in members:
            target = Path(place) / member.filename
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, target.open("xb") as file:
                while piece := source.read(_PIECE):
                    file.write(piece)
        yield Path(place).resolve() / TOP


def _sums(folder: Path, shown: str) -> Iterator[Difference]:
    files = [path for path in files_below(folder) if path.name != SUMS or path.parent != folder]
    expected = "".join(
        f"{hash_file(path)}  {path.relative_to(folder).as_posix()}\n" for path in files
    )
    try:
        same = (folder / SUMS).read_bytes() == expected.encode()
    except OSError:
        same = False
    if not same:
        yield Difference("changed", f"{shown}/{SUMS}", "it does not list what is there")
