"""``fp rerun``: a recorded run computed again, and what came out compared."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fp.cli.declared import option, options_of
from fp.cli.options import PATH, Finite, jobs_option, roots_option
from fp.system.errors import InputError, IntegrityError

if TYPE_CHECKING:
    from fp.manifest import Manifest

REPEATABLE = ("audit", "detect", "evaluate", "extract", "lineage")
"""Subcommands whose inputs are all there afterwards."""


@dataclass(frozen=True)
class RerunCommand:
    """Options of ``fp rerun``."""

    roots: tuple[tuple[str, str], ...] = roots_option()
    tolerance: float = option(
        "--tolerance",
        type=Finite(0, 1),
        default=1e-4,
        show_default=True,
        help="Relative difference that measured numbers may have; one in a million is always "
        "allowed.",
    )
    jobs: int = jobs_option()


@click.command("rerun")
@click.argument("manifest", type=PATH)
@click.option("-o", "--output", type=PATH, help="Folder to keep the new outputs in; made new.")
@options_of(RerunCommand)
def command(manifest: Path, output: Path | None, given: RerunCommand) -> None:
    """Compute the run that MANIFEST records again, with its parameters, and compare.

    Decisions and texts must be equal, scores within the tolerance. No residual is taken from a
    cache. The exit code is 5 if anything differs, else 0.

    Of a case, every run is computed again.

    Example: fp rerun case/manifest.json --root /old/place=/new/place
    """
    from fp.case import is_case, read_log

    if not is_case(manifest):
        _rerun(manifest, output, given)
        return
    runs = [entry for entry in read_log(manifest) if entry["kind"] == "run"]
    if not runs:
        raise InputError("The case holds no run; make one with 'fp case run'.")
    for entry in runs:
        kept = None if output is None else output / entry["run"]
        _rerun(manifest / entry["folder"], kept, given)


def _rerun(place: Path, output: Path | None, given: RerunCommand) -> None:
    from fp.manifest import read_manifest
    from fp.manifest.verification import compared
    from fp.system.paths import display_path

    found = read_manifest(place)
    shown = display_path(found.path)
    faults = found.faults()
    if faults:
        raise IntegrityError(f"{shown} cannot be trusted: {faults[0]}; use an undamaged copy.")
    if found.parameters is None or found.command not in REPEATABLE:
        raise InputError(
            f"{shown} records '{found.command}', which cannot be repeated from a manifest; "
            f"name one of {', '.join(REPEATABLE)}."
        )
    for name, sha256 in found.outputs.items():
        changed = compared(found.folder / name, sha256)
        if changed is not None:
            raise IntegrityError(f"{changed.sentence}; there is nothing to compare with.")
    with _place(output) as folder:
        single = _single(found)
        target = folder if single is None else folder / single
        _run_again(found, target, given)
        differing = _compare(found, folder, given)
    if differing:
        raise IntegrityError(f"Another result (files that differ: {differing}) than {shown} has.")
    click.echo(f"{shown}: the same result, measured numbers within {given.tolerance:g}")


@contextlib.contextmanager
def _place(output: Path | None) -> Iterator[Path]:
    if output is None:
        with tempfile.TemporaryDirectory(prefix="fp-rerun-") as folder:
            yield Path(folder).resolve()
        return
    from fp.system.atomic_files import output_error

    try:
        output.mkdir(parents=True)
    except OSError as error:
        raise output_error(output, error) from error
    yield output.resolve()


def _single(manifest: Manifest) -> str | None:
    """Return the name of the output where it is one file."""
    if manifest.entry["whole_folder"] or manifest.path.name == "manifest.json":
        return None
    return next(iter(manifest.outputs))


def _run_again(manifest: Manifest, output: Path, given: RerunCommand) -> None:
    recorded = manifest.parameters or {}
    again = {"output": output, "jobs": given.jobs, "overwrite": False, "resume": False}
    # Nobody's manifest sends this computer to another: a Dask scheduler can make it run anything.
    again |= {"no_cache": True, "cache_folder": None, "scheduler": None}
    parameters = {name: _moved(value, given.roots) for name, value in recorded.items()}
    parameters |= {name: value for name, value in again.items() if name in recorded}
    subcommand: click.Command = import_module(f"fp.cli.{manifest.command}").command
    unknown = set(parameters) - {parameter.name for parameter in subcommand.params}
    if unknown:
        raise InputError(
            f"'{manifest.command}' of this fp has no {', '.join(sorted(unknown))}; use the fp of "
            f"version {manifest.entry.get('tool_version')}."
        )
    # Relative paths stand in the rows as they were given, so they must be given so again.
    base = manifest.base(given.roots)
    context = click.Context(subcommand, info_name=manifest.command)
    context.obj = click.get_current_context().find_root().obj
    # What the command ends with concerns files that it could not examine, and is compared.
    with contextlib.suppress(click.exceptions.Exit), _inside(base):
        context.invoke(subcommand, **parameters)


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    from fp.system.paths import display_path

    here = Path.cwd()
    try:
        os.chdir(folder)
    except OSError as error:
        raise InputError(
            f"{display_path(folder)}, from which the run started, cannot be entered "
            f"({error.strerror}); name its new place with --root."
        ) from None
    try:
        yield
    finally:
        os.chdir(here)


def _moved(value: Any, roots: tuple[tuple[str, str], ...]) -> Any:
    from fp.manifest.inputs import moved
    from fp.system.paths import display_path, path_of

    if isinstance(value, Path):
        return path_of(moved(display_path(value), roots))
    if isinstance(value, tuple):
        return tuple(_moved(item, roots) for item in value)
    if isinstance(value, dict):
        return {name: _moved(item, roots) for name, item in value.items()}
    return value


def _compare(manifest: Manifest, folder: Path, given: RerunCommand) -> int:
    from fp.runs.comparison import Tolerance, compare_files

    differing, tolerance = 0, Tolerance(given.tolerance)
    for name in manifest.outputs:
        old, new = manifest.folder / name, folder / name
        found = compare_files(name, old, new, tolerance, given.roots)
        click.echo(f"{found.state}: {name}")
        for fault in found.faults:
            click.echo(f"  {fault}")
        differing += found.state == "differs"
    return differing
