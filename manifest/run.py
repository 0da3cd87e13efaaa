"""The manifest of a run: one JSON object, sealed, chained to those that it replaced."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fp.manifest.entry import Entry, chain_faults
from fp.manifest.inputs import resolved
from fp.system.errors import FormatError, InputError, IntegrityError
from fp.system.paths import display_path, is_folder, path_of

ENCODING = {"encoding-type": "fp-manifest", "encoding-version": "2.0"}

_HASH = re.compile("[0-9a-f]{64}", re.ASCII)
_MOST_BYTES = 2**30


@dataclass(frozen=True)
class Invocation:
    """A command, such as ``bank add``, with all that it was called with, defaults included.

    Parameters are numbers, texts, paths, and tuples and dicts of them.
    """

    command: str
    parameters: Mapping[str, object]

    def encoded(self) -> dict[str, Any]:
        """Return the parameters as JSON types; see `decoded`."""
        return {name: _encoded(value) for name, value in sorted(self.parameters.items())}


def _encoded(value: object) -> Any:
    if isinstance(value, Path):
        return {"path": display_path(value)}
    if isinstance(value, Mapping):
        return {"mapping": {str(name): _encoded(item) for name, item in value.items()}}
    if isinstance(value, tuple | list):
        return [_encoded(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a parameter of type {type(value).__name__} has no form in a manifest")


def decoded(value: Any) -> Any:
    """Return a recorded parameter as it was: paths, tuples and dicts.

    A `FormatError` says that it is of no such form.
    """
    if isinstance(value, dict):
        if set(value) == {"path"} and isinstance(value["path"], str):
            return path_of(value["path"])
        if set(value) == {"mapping"} and isinstance(value["mapping"], dict):
            return {name: decoded(item) for name, item in value["mapping"].items()}
        raise FormatError("A parameter of the manifest is neither a path nor a mapping; run anew.")
    return tuple(map(decoded, value)) if isinstance(value, list) else value


@dataclass(frozen=True)
class Manifest:
    """A manifest as it was read, its seal and chain not yet checked."""

    path: Path
    entry: Entry

    @property
    def command(self) -> str:
        """Name of the subcommand."""
        return str(self.entry["command"])

    @property
    def parameters(self) -> dict[str, Any] | None:
        """What the command was called with; None where it was called from a program."""
        told = self.entry["parameters"]
        return None if told is None else {name: decoded(value) for name, value in told.items()}

    @property
    def folder(self) -> Path:
        """The folder that it lies in."""
        return self.path.parent

    def base(self, roots: Sequence[tuple[str, str]] = ()) -> Path:
        """Return the folder that relative paths start from; `roots` as for `resolved`."""
        here = Path(os.path.realpath(self.folder))
        return Path(os.path.normpath(resolved(self.entry["base"], here, roots)))

    @property
    def listing(self) -> Path:
        """The list of inputs."""
        return self.folder / path_of(self.entry["inputs"]["file"])

    @property
    def outputs(self) -> dict[str, str]:
        """Hash of every output, by its path below the folder."""
        return dict(self.entry["outputs"])

    @property
    def chain(self) -> list[Entry]:
        """All entries, the oldest first."""
        return [*self.entry["history"], self.entry]

    def faults(self) -> list[str]:
        """Return where seal or chain are broken; the end of a sentence each."""
        found = chain_faults(self.chain)
        if self.path.read_bytes() != rendered(self.entry):
            found.append("it is not in the form in which fp writes it")
        return found


def rendered(entry: Entry) -> bytes:
    """Return the bytes of a manifest: two spaces a level, members in their order, ASCII."""
    return (json.dumps(entry, indent=2, allow_nan=False) + "\n").encode("ascii")


def read_manifest(path: Path) -> Manifest:
    """Read a manifest, or that of a folder. Neither its seal nor any file is checked.

    Raises
    ------
    InputError
        If it cannot be read.
    FormatError
        If it is another kind of file, or of a version that this fp does not know.
    IntegrityError
        If it lacks something that fp writes into every manifest.
    """
    if is_folder(path):
        path = path / "manifest.json"
    shown = display_path(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise FormatError(f"{shown} is larger than any manifest; name a manifest of fp.")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{shown} cannot be read ({error.strerror}); name a manifest that fp wrote, or its "
            "folder."
        ) from None
    try:
        entry = json.loads(content)
        kind, version = entry["encoding-type"], entry["encoding-version"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise IntegrityError(f"{shown} is no manifest that fp wrote; use an undamaged copy.") from (
            None
        )
    if kind != ENCODING["encoding-type"] or str(version).partition(".")[0] != "2":
        raise FormatError(
            f"{shown} is {kind!r} of version {version!r} and this fp reads 'fp-manifest' of "
            "version 2; use the fp that wrote it."
        )
    if not _well_formed(entry):
        raise IntegrityError(f"{shown} is not as fp writes a manifest; use an undamaged copy.")
    return Manifest(path, entry)


def _well_formed(entry: Entry) -> bool:
    try:
        listing, outputs, history = entry["inputs"], entry["outputs"], entry["history"]
        return (
            _is_hash(entry["sha256"])
            and isinstance(entry["command"], str)
            and isinstance(entry["base"], str)
            and isinstance(entry["parameters"], dict | None)
            and "\0" not in entry["base"]
            and isinstance(entry["whole_folder"], bool)
            and all(isinstance(name, str) for name in entry["scratch"])
            and stays_inside(listing["file"])
            and type(listing["count"]) is int
            and _is_hash(listing["sha256"])
            and all(stays_inside(name) and _is_hash(value) for name, value in outputs.items())
            and all(isinstance(earlier, dict) for earlier in history)
        )
    except (KeyError, TypeError, AttributeError):
        return False


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and bool(_HASH.fullmatch(value))


def stays_inside(text: object) -> bool:
    """Return whether a recorded path stays below its folder, whoever recorded it.

    False too where it is no text, or no name of a file.
    """
    if not isinstance(text, str) or not text or "\0" in (told := str(path_of(text))):
        return False
    path = PurePosixPath(told)
    return not path.is_absolute() and ".." not in path.parts and path.name != ""
