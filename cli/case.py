"""``fp case``: exhibits, runs and notes in one folder that vouches for all of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import click

from fp.cli import options as shared
from fp.cli.declared import option, options_of
from fp.cli.options import PATH
from fp.cli.suggesting import SuggestingGroup
from fp.cli.telling import counted, end_with, tell_reasons, tell_refused, warn
from fp.system.errors import IntegrityError


@click.group("case", cls=SuggestingGroup)
def command() -> None:
    """Keep exhibits, runs and notes in one folder that vouches for all of it.

    CASE is a folder. Its log names every file by its hash and is a chain; 'fp verify CASE' checks
    all of it, and 'fp case export' writes it into one file that verifies itself.

    Example: fp case init case-17/ --title "Case 17" --examiner "A. Examiner"
    """


@command.command("init")
@click.argument("case", type=PATH)
@click.option("--title", required=True, help="What the case is about.")
@click.option("--examiner", default="", help="Who examines.")
@click.option("--h1", help="Proposition: the image is of the reference population.")
@click.option("--h2", help="Proposition: the image was drawn by the generator.")
def init(case: Path, title: str, examiner: str, h1: str | None, h2: str | None) -> None:
    """Begin a case in the new folder CASE.

    Example: fp case init case-17/ --title "Case 17" --examiner "A. Examiner"
    """
    from fp.case import H1, H2, init_case
    from fp.system.paths import display_path

    entry = init_case(case, title, examiner, h1 or H1, h2 or H2)
    click.echo(f"{display_path(case)}: case begun, entry 1, {entry['sha256']}")


@dataclass(frozen=True)
class AddCommand:
    """Options of ``fp case add``."""

    reference: bool = option(
        "--reference", is_flag=True, help="Keep hash and place of the files instead of a copy."
    )
    max_pixels: int = shared.max_pixels_option()
    max_seconds: float = shared.max_seconds_option()


@command.command("add")
@click.argument("case", type=PATH)
@click.argument("inputs", type=PATH, nargs=-1, required=True)
@options_of(AddCommand)
def add(case: Path, inputs: tuple[Path, ...], given: AddCommand) -> None:
    """Add files and folders to CASE as exhibits.

    Example: fp case add case-17/ seized/
    """
    from fp.case import add_exhibits, open_case
    from fp.images.loading import Limits

    with open_case(case) as opened:
        limits = Limits(pixels=given.max_pixels, seconds=given.max_seconds)
        found = add_exhibits(opened, inputs, copy=not given.reference, limits=limits, isolated=True)
        last = opened.entries[-1]
    for entry in found.added:
        note = "" if entry["reason"] is None else f" ({entry['reason']})"
        click.echo(f"{entry['exhibit']}  {entry['file_sha256']}  {entry['name']}{note}")
    for path, name in found.known:
        click.echo(f"{path} is exhibit {name} already", err=True)
    for entry in found.refused:
        warn(f"not added ({entry['reason']}): {entry['message']}")
    click.echo(f"{len(found.added)} exhibits added, entry {last['number']}, {last['sha256']}")
    end_with(found.refused)


@command.command("note")
@click.argument("case", type=PATH)
@click.argument("text")
def note(case: Path, text: str) -> None:
    """Add TEXT to the log of CASE.

    Example: fp case note case-17/ "Exhibits received on a USB stick"
    """
    from fp.case import add_note, open_case

    with open_case(case) as opened:
        entry = add_note(opened, text)
    click.echo(f"entry {entry['number']}, {entry['sha256']}")


@dataclass(frozen=True)
class RunCommand:
    """Options of ``fp case run``."""

    exhibits: tuple[str, ...] = option(
        "--exhibit", multiple=True, help="Only this one; may be repeated."
    )
    fpr: float = option(
        "--fpr", type=float, default=0.05, show_default=True, help="As in 'fp detect'."
    )
    rule: Literal["conformal", "nearest-mean"] = shared.rule_option(help="As in 'fp detect'.")
    fdr: float | None = option("--fdr", type=float, help="As in 'fp detect'.")
    restart: bool = option("--restart", is_flag=True, help="Begin an interrupted run anew.")
    jobs: int = shared.jobs_option()
    max_pixels: int = shared.max_pixels_option()
    max_seconds: float = shared.max_seconds_option()


@command.command("run")
@click.argument("case", type=PATH)
@click.argument("bank", type=PATH)
@options_of(RunCommand)
def run(case: Path, bank: Path, given: RunCommand) -> None:
    """Test the exhibits of CASE against the fingerprints of BANK, which is copied into it.

    A run that was interrupted goes on when the same command is given again.

    Example: fp case run case-17/ sd14.h5
    """
    from fp.case import open_case, run_case
    from fp.fingerprint.detection.detection import DetectOptions
    from fp.images.loading import Limits
    from fp.runs.options import RunOptions

    options = DetectOptions(
        rule=given.rule,
        fpr=given.fpr,
        fdr=given.fdr,
        limits=Limits(pixels=given.max_pixels, seconds=given.max_seconds),
    )
    with (
        shared.interruptible("what is done is kept: the same command goes on"),
        shared.progress_bar("case run") as progress,
        open_case(case) as opened,
    ):
        entry, summary = run_case(
            opened,
            bank,
            options,
            exhibits=given.exhibits,
            restart=given.restart,
            how=RunOptions(
                jobs=given.jobs,
                isolated=True,
                progress=partial(progress, "exhibits"),
                report=tell_refused,
            ),
        )
    exhibits_seen = counted(summary.images, "exhibit")
    click.echo(f"{entry['run']}: {exhibits_seen}, {counted(summary.fingerprints, 'fingerprint')}")
    for decision, count in summary.decisions.items():
        click.echo(f"  {decision:<20} {count}")
    tell_reasons(summary)
    click.echo(f"entry {entry['number']}, {entry['sha256']}")
    end_with(summary.not_examined)


@dataclass(frozen=True)
class ExportCommand:
    """Options of ``fp case export``."""

    overwrite: bool = shared.overwrite_option()


@command.command("export")
@click.argument("case", type=PATH)
@click.option("-o", "--output", type=PATH, required=True, help="Archive to write (.zip).")
@options_of(ExportCommand)
def export(case: Path, output: Path, given: ExportCommand) -> None:
    """Write the report of CASE, and all of it into one archive that verifies itself.

    A case that 'fp verify' objects to is not exported.

    Example: fp case export case-17/ -o case-17.zip
    """
    from fp.case import open_case, verify_case, write_archive, write_report
    from fp.manifest.verification import Check
    from fp.system.outputs import check_apart, check_file
    from fp.system.paths import display_path

    if output.suffix.lower() != ".zip":
        raise click.BadParameter(f"{display_path(output)} does not end in .zip", param_hint="-o")
    check_apart([case], output)
    check_file(output, overwrite=given.overwrite)
    with open_case(case) as opened:
        differences = list(verify_case(case, Check(inputs=False, pixels=False)))
        for difference in differences:
            click.echo(difference.sentence)
        if differences:
            raise IntegrityError(
                f"{display_path(case)} is not as recorded (differences: {len(differences)}); "
                "restore it before it is handed on."
            )
        write_report(opened)
        last = opened.entries[-1]
        digest = write_archive(case, output, overwrite=given.overwrite)
    click.echo(f"{display_path(output)}: entry {last['number']}, {last['sha256']}")
    click.echo(f"hash of the archive: {digest}")
    click.echo("Keep both where nobody who holds the archive can change them.")
