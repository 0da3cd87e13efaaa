"""``fp detect``: images against fingerprints."""

from __future__ import annotations

from pathlib import Path

import click

from fp.cli.options import (
    EXIT_SOME_NOT_EXAMINED,
    PATH,
    interruptible,
    jobs_option,
    max_pixels_option,
    overwrite_option,
    progress_bar,
)


@click.command("detect")
@click.argument("bank", type=PATH)
@click.argument("inputs", type=PATH, nargs=-1, required=True)
@click.option("-o", "--output", type=PATH, required=True, help="Folder for tables and manifest.")
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
@click.option("--resume", is_flag=True, help="Go on where an interrupted run stopped.")
@jobs_option
@max_pixels_option
@overwrite_option
def command(
    bank: Path,
    inputs: tuple[Path, ...],
    output: Path,
    fpr: float,
    rule: str,
    fdr: float | None,
    resume: bool,
    jobs: int,
    max_pixels: int,
    overwrite: bool,
) -> None:
    """Test images and folders of images against the fingerprints of BANK.

    BANK is a file that 'fp extract' wrote, or a folder of such files. Every file under the inputs
    gets a row, also one that could not be examined.

    Example: fp detect sd14.h5 unknown/ -o case/
    """
    from fp.denoisers.images import Limits, display_path
    from fp.fingerprint.detection import DetectOptions
    from fp.fingerprint.examination import list_items
    from fp.fingerprint.outputs import check_folder
    from fp.fingerprint.results import detect_into
    from fp.fingerprint.rows import Detection

    if resume and overwrite:
        raise click.UsageError("--resume and --overwrite contradict each other.")
    check_folder(output, inputs)
    options = DetectOptions(
        rule="nearest-mean" if rule == "nearest-mean" else "conformal",
        fpr=fpr,
        fdr=fdr,
        limits=Limits(pixels=max_pixels),
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
        found = detect_into(
            output,
            bank,
            list_items(inputs),
            options,
            jobs=jobs,
            resume=resume,
            overwrite=overwrite,
            progress=lambda done, total: progress("images", done, total),
            report=name_refused if verbosity else None,
        )
    click.echo(f"{found.images} files, {found.fingerprints} fingerprints, results in {shown}")
    if rule == "conformal" and found.certified is not None:
        click.echo(
            f"  false-positive rate {fpr:g} over the bank; certified (95 %) by its smallest "
            f"calibration: {found.certified:.4f}"
        )
    for name in found.weak:
        click.echo(f"  weak fingerprint: {name} separates no better than label shuffles may")
    for decision, count in found.decisions.items():
        click.echo(f"  {decision:<20} {count}")
    for reason, count in found.not_examined.items():
        click.echo(f"  not examined: {reason} ({count})", err=True)
    if found.not_examined:
        click.get_current_context().exit(EXIT_SOME_NOT_EXAMINED)
