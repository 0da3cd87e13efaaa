"""``fp detect``: images against fingerprints."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from click.core import ParameterSource

from fp.cli import options as shared
from fp.cli.declared import invocation_of, option, options_of
from fp.cli.options import PATH
from fp.cli.telling import end_with, tell_counts, tell_refused, tell_where

if TYPE_CHECKING:
    from fp.runs.examination import Examiner, Item
    from fp.runs.options import RunOptions


def _shard(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    if not (given := re.fullmatch(r"(\d{1,6})/(\d{1,6})", value, re.ASCII)):
        raise click.BadParameter(f"{value!r} is not written as I/N, such as 2/3")
    return int(given[1]), int(given[2])


@dataclass(frozen=True)
class DetectCommand:
    """Options of ``fp detect``."""

    fpr: float = option(
        "--fpr",
        type=float,
        default=0.05,
        show_default=True,
        help="False-positive rate over the whole bank.",
    )
    rule: Literal["conformal", "nearest-mean"] = shared.rule_option(
        help="nearest-mean is the rule of the DIF paper; it is never inconclusive.",
    )
    fdr: float | None = option(
        "--fdr",
        type=float,
        help="False-discovery rate over all images of the run (Benjamini-Hochberg); claims "
        "that do not survive it become inconclusive.",
    )
    mapped: bool = option(
        "--map",
        is_flag=True,
        help="Draw where in each image the evidence lies, into maps/; false alarms at --fpr. "
        "Needs fingerprints made with --windows.",
    )
    crop_only: bool = option(
        "--crop-only",
        is_flag=True,
        help="Examine the crop alone also where a larger image could be examined as a whole.",
    )
    window: str | None = option(
        "--window",
        type=click.Choice(["32", "64", "128"]),
        help="Side of the windows in pixels [default: 64, or what there is].",
    )
    resume: bool = option("--resume", is_flag=True, help="Go on where an interrupted run stopped.")
    shard: tuple[int, int] | None = option(
        "--shard",
        metavar="I/N",
        callback=_shard,
        help="Examine piece I of N, such as 2/3, into a folder of its own; 'fp merge' joins "
        "the pieces to the tables of one run.",
    )
    scheduler: str | None = option(
        "--scheduler",
        metavar="ADDRESS",
        help="Work on the Dask cluster with this scheduler, such as tcp://HOST:8786, whose "
        "workers reach the same paths; needs fp-forensics[dask].",
    )
    jobs: int = shared.jobs_option()
    memory: int = shared.memory_option()
    max_pixels: int = shared.max_pixels_option()
    max_seconds: float = shared.max_seconds_option()
    reporting: Literal["full", "none"] = shared.report_option()
    previews: Literal["shown", "blurred", "none"] = shared.previews_option()
    overwrite: bool = shared.overwrite_option()
    as_json: bool = option(
        "--json",
        is_flag=True,
        help="Print a line of JSON for every file, as in detections.jsonl, and write nothing.",
    )
    quiet: bool = option(
        "--quiet",
        is_flag=True,
        help="Print the answers alone; with -o nothing, so that the exit code tells.",
    )


_NEEDS_A_FOLDER = {
    "mapped": "--map",
    "resume": "--resume",
    "shard": "--shard",
    "reporting": "--report",
    "previews": "--previews",
    "overwrite": "--overwrite",
}
"""Parameters that say something of what is written."""


@click.command("detect")
@click.argument("bank", type=PATH, metavar="[BANK]", required=False)
@click.argument("inputs", type=PATH, nargs=-1, metavar="INPUT...")
@click.option(
    "-o",
    "--output",
    type=PATH,
    help="Folder for report and tables. Without it the answers are printed and nothing is "
    "written; '-' prints JSON lines.",
)
@options_of(DetectCommand)
def command(
    bank: Path | None, inputs: tuple[Path, ...], output: Path | None, given: DetectCommand
) -> None:
    """Test images and folders of images against the fingerprints of BANK.

    BANK is a file that 'fp extract' wrote, or a folder of such files. Without one, the bank that
    comes with fp is asked; 'fp bank known' says what is in it. Every file under the inputs gets an
    answer, also one that could not be examined: in words on the terminal, or as a row of tables in
    a folder.

    Example: fp detect picture.jpg

    Example: fp detect sd14.h5 picture.jpg

    Example: fp detect sd14.h5 unknown/ -o case/
    """
    from fp.fingerprint.detection.detection import DetectOptions
    from fp.images.loading import Limits
    from fp.runs.examination import examiner_of, list_items
    from fp.system.outputs import check_apart

    if bank is None:
        raise click.UsageError("INPUT... is missing: name pictures or folders of such.")
    bank, inputs = _bank_and_inputs(bank, inputs)
    if given.resume and given.overwrite:
        raise click.UsageError("--resume and --overwrite contradict each other.")
    if given.mapped and given.shard is not None:
        raise click.UsageError("--map does not go with --shard; draw maps in a run of its own.")
    options = DetectOptions(
        rule=given.rule,
        fpr=given.fpr,
        fdr=given.fdr,
        limits=Limits(pixels=given.max_pixels, seconds=given.max_seconds),
        whole=not given.crop_only,
        window=None if given.window is None else int(given.window),
        mapped=given.mapped,
    )
    folder = None if output == Path("-") else output
    if folder is None:
        _refuse_what_is_written()
    elif given.as_json:
        raise click.UsageError("--json prints rows and -o writes them; choose one.")
    else:
        check_apart(inputs, folder)
    with shared.interruptible("nothing was written"):
        items = list_items(inputs)
        _tell_of_known(bank, given)
        examiner = examiner_of(bank, options, given.memory)
    if folder is None:
        _print(examiner, items, given, as_json=given.as_json or output is not None)
    else:
        _write(examiner, items, folder, given)


def _bank_and_inputs(first: Path, others: tuple[Path, ...]) -> tuple[Path, tuple[Path, ...]]:
    """Return the bank and what is tested against it, as the call is recorded.

    Where the first argument is no bank, the bank is the one that comes with fp.
    """
    from fp.fingerprint.store.bank import is_bank
    from fp.known.cards import KNOWN
    from fp.system.paths import display_path, is_empty

    # An empty folder before pictures was meant as the bank; whoever reads it refuses it.
    named = is_bank(first) or (bool(others) and is_empty(first))
    if named and not others:
        raise click.UsageError(
            f"{display_path(first)} is a bank, and INPUT... is missing: name pictures too."
        )
    if not named and (banks := [path for path in others if is_bank(path)]):
        raise click.UsageError(f"{display_path(banks[0])} is a bank; name it before the pictures.")
    bank, inputs = (first, others) if named else (KNOWN, (first, *others))
    click.get_current_context().params.update(bank=bank, inputs=inputs)
    return bank, inputs


def _tell_of_known(bank: Path, given: DetectCommand) -> None:
    from fp.known.cards import KNOWN

    if bank == KNOWN and not given.quiet:
        click.echo(
            "asking the generators that come with fp; 'fp bank known' says which, and how far they "
            "can be trusted",
            err=True,
        )


def _refuse_what_is_written() -> None:
    """Refuse what was given about a folder of results, where none is written."""
    context = click.get_current_context()
    for name, shown in _NEEDS_A_FOLDER.items():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{shown} is about a folder of results; name one with -o.")


def _print(
    examiner: Examiner, items: Sequence[Item], given: DetectCommand, *, as_json: bool
) -> None:
    from fp.cli.answers import print_answers, print_rows
    from fp.runs.answering import answers, question_of

    with shared.interruptible("nothing was written"):
        # Without a bar: the answers come where it would move.
        question = question_of(examiner)
        rows = answers(examiner, items, _how(given, None))
        if as_json:
            print_rows(rows)
        else:
            print_answers(rows, question, single=len(items) == 1, quiet=given.quiet)


def _write(examiner: Examiner, items: Sequence[Item], output: Path, given: DetectCommand) -> None:
    from fp.images.loading import display_path
    from fp.runs.results import detect_into
    from fp.runs.shards import Shard, detect_shard

    shown = display_path(output)
    with (
        shared.interruptible(
            f"the rows of finished images are kept in {shown}: go on with --resume"
        ),
        shared.progress_bar("detect", hidden=given.quiet) as progress,
    ):
        how = _how(given, partial(progress, "images"))
        if given.shard is not None:
            shard = Shard(*given.shard)
            count = detect_shard(output, examiner, items, shard, how)
            if not given.quiet:
                of = f"shard {shard.index}/{shard.of} in {shown}"
                click.echo(f"{count} of {len(items)} files, {of}")
            return
        found = detect_into(output, examiner, items, how)
    if given.quiet:
        end_with(found.not_examined)
        return
    tell_where(found, output)
    if given.rule == "conformal" and found.certified is not None:
        click.echo(
            f"  false-positive rate {given.fpr:g} over the bank; certified (95 %) by its smallest "
            f"calibration: {found.certified:.4f}"
        )
    for name in found.weak:
        click.echo(f"  weak fingerprint: {name} separates no better than label shuffles may")
    tell_counts(found)


def _how(given: DetectCommand, progress: Callable[[int, int], None] | None) -> RunOptions:
    from fp.runs.options import RunOptions
    from fp.system.executors import dask_executor

    return RunOptions(
        jobs=given.jobs,
        pool=None if given.scheduler is None else partial(dask_executor, given.scheduler),
        isolated=True,
        resume=given.resume,
        overwrite=given.overwrite,
        progress=progress,
        report=tell_refused,
        invocation=invocation_of("detect"),
        reporting=given.reporting,
        previews=given.previews,
    )
