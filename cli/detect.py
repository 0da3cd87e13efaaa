"""``fp detect``: images against fingerprints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from fp.cli import options as shared
from fp.cli.declared import invocation_of, option, options_of
from fp.cli.options import PATH
from fp.cli.telling import tell_counts, tell_where

if TYPE_CHECKING:
    from fp.fingerprint.decision.rows import Detection


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
    reporting: Literal["full", "without-pictures", "none"] = shared.report_option()
    overwrite: bool = shared.overwrite_option()


@click.command("detect")
@click.argument("bank", type=PATH)
@click.argument("inputs", type=PATH, nargs=-1, required=True)
@shared.output_folder
@options_of(DetectCommand)
def command(bank: Path, inputs: tuple[Path, ...], output: Path, given: DetectCommand) -> None:
    """Test images and folders of images against the fingerprints of BANK.

    BANK is a file that 'fp extract' wrote, or a folder of such files. Every file under the inputs
    gets a row, also one that could not be examined.

    Example: fp detect sd14.h5 unknown/ -o case/
    """
    from fp.fingerprint.detection.detection import DetectOptions
    from fp.images.loading import Limits, display_path
    from fp.runs.examination import list_items
    from fp.runs.options import RunOptions
    from fp.runs.results import detect_into
    from fp.runs.shards import Shard, detect_shard
    from fp.system.executors import dask_executor
    from fp.system.outputs import check_folder

    if given.resume and given.overwrite:
        raise click.UsageError("--resume and --overwrite contradict each other.")
    if given.mapped and given.shard is not None:
        raise click.UsageError("--map does not go with --shard; draw maps in a run of its own.")
    check_folder(output, inputs)
    options = DetectOptions(
        rule=given.rule,
        fpr=given.fpr,
        fdr=given.fdr,
        limits=Limits(pixels=given.max_pixels, seconds=given.max_seconds),
        whole=not given.crop_only,
        window=None if given.window is None else int(given.window),
        mapped=given.mapped,
    )
    shown = display_path(output)
    verbosity: int = click.get_current_context().find_root().obj or 0
    with (
        shared.interruptible(
            f"the rows of finished images are kept in {shown}: go on with --resume"
        ),
        shared.progress_bar("detect") as progress,
    ):
        how = RunOptions(
            jobs=given.jobs,
            memory=given.memory,
            pool=None if given.scheduler is None else partial(dask_executor, given.scheduler),
            isolated=True,
            resume=given.resume,
            overwrite=given.overwrite,
            progress=partial(progress, "images"),
            report=_name_refused if verbosity else None,
            invocation=invocation_of("detect"),
            reporting=given.reporting,
        )
        items = list_items(inputs)
        if given.shard is not None:
            shard = Shard(*given.shard)
            count = detect_shard(output, bank, items, options, shard, how)
            click.echo(f"{count} of {len(items)} files, shard {shard.index}/{shard.of} in {shown}")
            return
        found = detect_into(output, bank, items, options, how)
    tell_where(found, output)
    if given.rule == "conformal" and found.certified is not None:
        click.echo(
            f"  false-positive rate {given.fpr:g} over the bank; certified (95 %) by its smallest "
            f"calibration: {found.certified:.4f}"
        )
    for name in found.weak:
        click.echo(f"  weak fingerprint: {name} separates no better than label shuffles may")
    tell_counts(found)


def _name_refused(row: Detection) -> None:
    if row.status == "not_examined":
        click.echo(f"not examined ({row.reasons[0]}): {row.message}", err=True)
