"""``fp verify``: everything that a manifest or a case names, hashed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fp.cli.declared import option, options_of
from fp.cli.options import PATH, interruptible, jobs_option, progress_bar, roots_option
from fp.system.errors import IntegrityError

if TYPE_CHECKING:
    from fp.manifest.verification import Check, Difference


@dataclass(frozen=True)
class VerifyCommand:
    """Options of ``fp verify``."""

    roots: tuple[tuple[str, str], ...] = roots_option()
    no_inputs: bool = option("--no-inputs", is_flag=True, help="Hash outputs only.")
    no_pixels: bool = option(
        "--no-pixels", is_flag=True, help="Hash the bytes of inputs and do not decode them."
    )
    jobs: int = jobs_option()


@click.command("verify")
@click.argument("manifest", type=PATH)
@options_of(VerifyCommand)
def command(manifest: Path, given: VerifyCommand) -> None:
    """Hash everything again that MANIFEST names, and check its chain.

    MANIFEST is a file that a run of fp wrote, or its folder, or a case: its folder, or the archive
    that 'fp case export' wrote. Every difference gives a line: files
    that are missing, changed or added, and a broken chain; the exit code is 5 if there is any,
    else 0.

    Example: fp verify case/manifest.json
    """
    from fp.manifest.verification import Check
    from fp.system.paths import display_path

    check = Check(
        given.roots, inputs=not given.no_inputs, pixels=not given.no_pixels, jobs=given.jobs
    )
    count, shown = 0, display_path(manifest)
    with interruptible("nothing was changed"), progress_bar("verify") as progress:
        differences, told = _checked(manifest, check, progress)
        for difference in differences:
            count += 1
            click.echo(difference.sentence)
    if count:
        raise IntegrityError(
            f"{shown} and what is there differ (differences: {count}); use undamaged copies, or "
            "name another place of the inputs with --root."
        )
    click.echo(f"{shown}: as recorded ({told()})")


def _checked(
    place: Path, check: Check, progress: Callable[[str, int, int], None]
) -> tuple[Iterator[Difference], Callable[[], str]]:
    """Return the differences, and what is told where there is none."""
    from fp.case import is_archive, is_case, verify_archive, verify_case
    from fp.case.log import read_log
    from fp.manifest import read_manifest, verify_manifest

    if is_archive(place):
        return verify_archive(place, check), lambda: "the archive and the case in it"
    if is_case(place):

        def last() -> str:
            entry = read_log(place)[-1]
            return f"case, entry {entry['number']}, {entry['sha256']}"

        return verify_case(place, check), last
    found = read_manifest(place)
    inputs = f"{found.entry['inputs']['count']} inputs" if check.inputs else "inputs not looked at"
    told = (
        f"{len(found.outputs)} outputs, {inputs}, entry {len(found.chain)} of its chain, "
        f"{found.entry['sha256']}"
    )
    return verify_manifest(found, check, progress), lambda: told
