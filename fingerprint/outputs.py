"""Where results may go: never into the evidence, never over earlier results unasked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fp.denoisers.errors import OutputError
from fp.denoisers.images import display_path


def check_file(output: Path, inputs: Iterable[Path], *, overwrite: bool) -> None:
    """Refuse an output file before the work that leads to it is done.

    Parameters
    ----------
    output : Path
        File to be written.
    inputs : iterable of Path
        Files and folders that are only read.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If the file exists, its folder does not, or it would lie inside an input folder.
    """
    check_folder(output, inputs)
    if output.is_dir():
        raise OutputError(f"{display_path(output)} is a folder; name a file to write.")
    if output.exists() and not overwrite:
        raise OutputError(
            f"{display_path(output)} exists already; choose another name or add --overwrite."
        )
    if not output.parent.is_dir():
        raise OutputError(f"{display_path(output.parent)} does not exist; make the folder first.")


def check_folder(output: Path, inputs: Iterable[Path]) -> None:
    """Refuse an output that lies inside an input folder.

    Parameters
    ----------
    output : Path
        File or folder to be written.
    inputs : iterable of Path
        Files and folders that are only read.

    Raises
    ------
    OutputError
        If an input contains the output.
    """
    place = output.resolve()
    for given in inputs:
        if given.is_dir() and place.is_relative_to(given.resolve()):
            raise OutputError(
                f"{display_path(output)} lies inside the input {display_path(given)}, which is "
                "never written to; choose a place outside of it."
            )
