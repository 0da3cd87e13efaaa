"""``fp detect``: images against fingerprints."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any, Literal

import click

from fp.cli.options import (
    PATH,
    interruptible,
    jobs_option,
    max_pixels_option,
    max_seconds_option,
    memory_option,
    overwrite_option,
    progress_bar,
    report_option,
)
from fp.cli.recording import invocation_of
from fp.cli.telling import tell_counts, tell_where


def _shard(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    if not (given := re.fullmatch(r"(\d{1,6})/(\d{1,6})", value, re.ASCII)):
        raise click.BadParameter(f"{value!r} is not written as I/N, such as 2/3")
    return int(given[1]), int(given[2])


@click.command("detect")
@click.argument("bank", type=PATH)
@click.argument("inputs", type=PATH, nargs=-1, required=True)
@click.option("-o", "--output", type=PATH, required=True, help="Folder for report and tables.")
@click.option(
    "--fpr",
    type=float,
    default=0.05,
    show_default=True,
    help="False-positive rate over the whole bank.",
)
@click.option(
    "--rule",
    type=click.Choice(["conformal", "nearest-mean"]),
    default="conformal",
    show_default=True,
    help="nearest-mean is the rule of the DIF paper; it is never inconclusive.",
)
@click.option(
    "--fdr",
    type=float,
    help="False-discovery rate over all images of the run (Benjamini-Hochberg); claims that do not "
    "survive it become inconclusive.",
)
@click.option(
    "--map",
    "mapped",
    is_flag=True,
    help="Draw where in each image the evidence lies, into maps/; false alarms at --fpr. Needs "
    "fingerprints made with --windows.",
)
@click.option(
    "--crop-only",
    is_flag=True,
    help="Examine the crop alone also where a larger image could be examined as a whole.",
)
@click.option(
    "--window",
    type=click.Choice(["32", "64", "128"]),
    help="Side of the windows in pixels [default: 64, or what there is].",
)
@click.option("--resume", is_flag=True, help="Go on where an interrupted run stopped.")
@click.option(
    "--shard",
    metavar="I/N",
    callback=_shard,
    help="Examine piece I of N, such as 2/3, into a folder of its own; 'fp merge' joins the pieces "
    "to the tables of one run.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Work on the Dask cluster with this scheduler, such as tcp://HOST:8786, whose workers "
    "reach the same paths; needs fp-forensics[dask].",
)
@jobs_option
@memory_option
@max_pixels_option
@max_seconds_option
@report_option
@overwrite_option
def command(
    bank: Path,
    inputs: tuple[Path, ...],
    output: Path,
    fpr: float,
    rule: str,
    fdr: float | None,
    mapped: bool,
    crop_only: bool,
    window: str | None,
    resume: bool,
    shard: tuple[int, int] | None,
    scheduler: str | None,
    jobs: int,
    memory: int,
    max_pixels: int,
    max_seconds: float,
    reporting: Literal["full", "without-pictures", "none"],
    overwrite: bool,
) -> None:
    """Test images and folders of images against the fingerprints of BANK.

    BANK is a file that 'fp extract' wrote, or a folder of such files. Every file under the inputs
    gets a row, also one that could not be examined.

    Example: fp detect sd14.h5 unknown/ -o case/
    """
    from fp.fingerprint.decision.rows import Detection
    from fp.fingerprint.detection.detection import DetectOptions
    from fp.images.loading import Limits, display_path
    from fp.runs.examination import list_items
    from fp.runs.results import detect_into
    from fp.runs.shards import Shard, detect_shard
    from fp.system.executors import dask_executor
    from fp.system.outputs import check_folder

    invocation = invocation_of("detect")
    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite contradict each other.")
    if mapped and shard is not None:
        raise click.UsageError("--map does not go with --shard; draw maps in a run of its own.")
    check_folder(output, inputs)
    options = DetectOptions(
        rule="nearest-mean" if rule == "nearest-mean" else "conformal",
        fpr=fpr,
        fdr=fdr,
        limits=Limits(pixels=max_pixels, seconds=max_seconds),
        whole=not crop_only,
        window=None if window is None else int(window),
        mapped=mapped,
    )

    def name_refused(row: Detection) -> None:
        if row.status == "not_examined":
            click.echo(f"not examined ({row.reasons[0]}): {row.message}", err=True)

    shown = display_path(output)
    verbosity: int = click.get_current_context().find_root().obj or 0
    with (
        interruptible(f"the rows of finished images are kept in {shown}: go on with --resume"),
        progress_bar("detect") as progress,
    ):
        how: dict[str, Any] = {
            "jobs": jobs,
            "isolated": True,
            "memory": memory,
            "pool": None if scheduler is None else partial(dask_executor, scheduler),
            "resume": resume,
            "overwrite": overwrite,
            "progress": lambda done, total: progress("images", done, total),
            "report": name_refused if verbosity else None,
        }
        items = list_items(inputs)
        if shard is not None:
            count = detect_shard(output, bank, items, options, Shard(*shard), **how)
            click.echo(f"{count} of {len(items)} files, shard {shard[0]}/{shard[1]} in {shown}")
            return
        how |= {"invocation": invocation, "reporting": reporting}
        found = detect_into(output, bank, items, options, **how)
    tell_where(found, output)
    if rule == "conformal" and found.certified is not None:
        click.echo(
            f"  false-positive rate {fpr:g} over the bank; certified (95 %) by its smallest "
            f"calibration: {found.certified:.4f}"
        )
    for name in found.weak:
        click.echo(f"  weak fingerprint: {name} separates no better than label shuffles may")
    tell_counts(found)
