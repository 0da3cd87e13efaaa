"""``fp case``: exhibits, runs and notes in one folder that vouches for all of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from fp.cli import options as shared
from fp.cli.declared import option, options_of
from fp.cli.options import PATH
from fp.cli.suggesting import SuggestingGroup
from fp.cli.telling import counted, end_with, printable, tell_reasons, tell_refused, warn
from fp.system.errors import IntegrityError

if TYPE_CHECKING:
    from fp.case import Status

MOST_LINES = 10
"""Exhibits, and sentences of one kind, that a terminal gets."""


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
    previews: Literal["shown", "blurred", "none"] = shared.previews_option()
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
                previews=given.previews,
            ),
        )
    exhibits_seen = counted(summary.images, "exhibit")
    click.echo(f"{entry['run']}: {exhibits_seen}, {counted(summary.fingerprints, 'fingerprint')}")
    for decision, count in summary.decisions.items():
        click.echo(f"  {decision:<20} {count}")
    tell_reasons(summary.not_examined)
    click.echo(f"entry {entry['number']}, {entry['sha256']}")
    end_with(summary.not_examined)


@dataclass(frozen=True)
class StatusCommand:
    """Options of ``fp case status``."""

    roots: tuple[tuple[str, str], ...] = shared.roots_option()
    as_json: bool = option("--json", is_flag=True, help="Print all of it as JSON.")


@command.command("status")
@click.argument("case", type=PATH)
@options_of(StatusCommand)
def status(case: Path, given: StatusCommand) -> None:
    """Say how CASE stands: exhibits, runs, what changed, what is left to do.

    Every file of the case is hashed again, and the chain of the log is checked; 'fp verify' decodes
    the exhibits too. The exit code is 5 where something is not as recorded.

    Example: fp case status case-17/
    """
    from fp.case import status_of
    from fp.system.paths import display_path

    found = status_of(case, given.roots)
    if given.as_json:
        click.echo(json.dumps(asdict(found), indent=1, ensure_ascii=False))
    else:
        for line in _lines(found):
            click.echo(line)
    if found.differences:
        raise IntegrityError(
            f"{display_path(case)} is not as recorded (differences: {len(found.differences)}); "
            "use undamaged copies."
        )


def _lines(found: Status) -> Iterator[str]:
    """Yield how a case stands, no more than a screen of it."""
    by = f", {printable(found.examiner)}" if found.examiner else ""
    yield f"{printable(found.title)}{by}; begun {found.begun}"
    chain = "the chain holds" if found.chain_holds else "THE CHAIN IS BROKEN"
    yield f"log       {found.entries} entries, {chain}, last {found.last}"
    yield f"runs      {', '.join(found.runs) or 'none'}"
    changed = [each for each in found.exhibits if not each.as_recorded]
    left = [each for each in found.exhibits if each.as_recorded and not each.runs]
    rest = [each for each in found.exhibits if each.as_recorded and each.runs]
    yield (
        f"exhibits  {len(found.exhibits)}: {len(changed)} changed or missing, "
        f"{sum(not each.runs for each in found.exhibits)} tested by no run"
    )
    ordered = [*changed, *left, *rest]
    for each in ordered[:MOST_LINES]:
        runs = ", ".join(f"{run} {decision}".strip() for run, decision in each.runs.items())
        name = printable(each.name)
        yield f"  {each.exhibit}  {each.state}  {runs or 'not tested'}  {name}"
    if len(ordered) > MOST_LINES:
        yield f"  and {len(ordered) - MOST_LINES} more; --json has all"
    for title, sentences in (("differs", found.differences), ("to do", found.open_steps)):
        for text in sentences[:MOST_LINES]:
            yield f"{title:<9} {text}"
        if len(sentences) > MOST_LINES:
            yield f"{title:<9} and {len(sentences) - MOST_LINES} more; --json has all"


@dataclass(frozen=True)
class ExportCommand:
    """Options of ``fp case export``."""

    previews: Literal["shown", "blurred", "none"] = shared.previews_option()
    overwrite: bool = shared.overwrite_option()


@command.command("export")
@click.argument("case", type=PATH)
@click.option(
    "-o",
    "--output",
    type=PATH,
    required=True,
    help="File to write; its ending says what: .zip the whole case, .csv the hashes of its "
    "exhibits, .jsonld the case in the CASE and UCO ontologies.",
)
@options_of(ExportCommand)
def export(case: Path, output: Path, given: ExportCommand) -> None:
    """Write the report of CASE, and all of it into one archive that verifies itself.

    A case that 'fp verify' objects to is not exported. A list of hashes and a file for other
    programs are written alone, and leave the case as it is.

    Example: fp case export case-17/ -o case-17.zip

    Example: fp case export case-17/ -o hashes.csv
    """
    from fp.case import as_case_uco, hash_list, open_case, write_archive, write_report
    from fp.system.atomic_files import write_text_atomic
    from fp.system.outputs import check_apart, check_file
    from fp.system.paths import display_path

    texts = {".csv": hash_list, ".jsonld": as_case_uco}
    kind = output.suffix.lower()
    if kind not in (".zip", *texts):
        raise click.BadParameter(
            f"{display_path(output)} ends in none of .zip, .csv and .jsonld", param_hint="-o"
        )
    check_apart([case], output)
    check_file(output, overwrite=given.overwrite)
    with open_case(case) as opened:
        _refuse_differences(case)
        if kind in texts:
            write_text_atomic(output, texts[kind](opened), overwrite=given.overwrite)
            click.echo(f"{display_path(output)}: {counted(len(opened.of('exhibit')), 'exhibit')}")
            return
        write_report(opened, given.previews)
        last = opened.entries[-1]
        digest = write_archive(case, output, overwrite=given.overwrite)
    click.echo(f"{display_path(output)}: entry {last['number']}, {last['sha256']}")
    click.echo(f"hash of the archive: {digest}")
    click.echo("Keep both where nobody who holds the archive can change them.")


def _refuse_differences(case: Path) -> None:
    from fp.case import verify_case
    from fp.manifest.verification import Check
    from fp.system.paths import display_path

    differences = list(verify_case(case, Check(inputs=False, pixels=False)))
    for difference in differences:
        click.echo(difference.sentence)
    if differences:
        raise IntegrityError(
            f"{display_path(case)} is not as recorded (differences: {len(differences)}); "
            "restore it before it is handed on."
        )
