"""Where results may go: never into the evidence, never over earlier results unasked."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from fp.system.atomic_files import output_error
from fp.system.errors import OutputError
from fp.system.paths import display_path


def check_file(output: Path, *, overwrite: bool) -> None:
    """Refuse an output file before the work is done, by an `OutputError`.

    It exists and is not to be overwritten, or cannot be written.
    """
    try:
        if output.is_dir():
            raise OutputError(f"{display_path(output)} is a folder; name a file to write.")
        if os.path.lexists(output) and not overwrite:
            raise OutputError(
                f"{display_path(output)} exists already; choose another name or add --overwrite."
            )
        if not stat.S_ISDIR(output.parent.stat().st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(output.parent, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OutputError:
        raise
    except OSError as error:
        raise output_error(output, error) from error


def make_folder(folder: Path) -> None:
    """Make a folder where it is missing, with those above it; `OutputError` where that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error


def check_apart(inputs: Iterable[Path], *outputs: Path) -> None:
    """Refuse an output inside of an input, or where no place can be. An `OutputError` says why."""
    # realpath gives an answer for every input; whether it is usable is found out at reading.
    read = [(given, os.path.realpath(given)) for given in inputs]
    for output in outputs:
        try:
            place = output.resolve()
        except (OSError, RuntimeError) as error:  # RuntimeError: links that go round in circles
            raise OutputError(
                f"{display_path(output)} cannot be reached ({error}); choose another place."
            ) from error
        for given, real in read:
            if place.is_relative_to(real):
                raise OutputError(
                    f"{display_path(output)} lies inside the input {display_path(given)}, which "
                    "is never written to; choose a place outside of it."
                )
