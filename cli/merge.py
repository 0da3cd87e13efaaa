"""``fp merge``: the shards of a run become its tables."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from fp.cli.options import PATH, overwrite_option, report_option
from fp.cli.recording import invocation_of
from fp.cli.telling import tell_counts, tell_where


@click.command("merge")
@click.argument("shards", type=PATH, nargs=-1, required=True)
@click.option("-o", "--output", type=PATH, required=True, help="Folder for report and tables.")
@click.option("--bank", type=PATH, help="The bank of the run: its fingerprints, for the report.")
@report_option
@overwrite_option
def command(
    shards: tuple[Path, ...],
    output: Path,
    bank: Path | None,
    reporting: Literal["full", "without-pictures", "none"],
    overwrite: bool,
) -> None:
    """Join the folders that 'fp detect --shard' wrote, all of one run, in any order.

    The tables are those that one process would have written, byte for byte. A false-discovery rate
    (--fdr) is applied here, over all images.

    Example: fp merge part1/ part2/ part3/ -o case/
    """
    from fp.runs.shards import merge
    from fp.system.outputs import check_folder

    invocation = invocation_of("merge")
    check_folder(output, shards if bank is None else (*shards, bank))
    found = merge(
        shards,
        output,
        overwrite=overwrite,
        invocation=invocation,
        bank=bank,
        reporting=reporting,
    )
    tell_where(found, output)
    tell_counts(found)
