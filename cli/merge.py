"""``fp merge``: the shards of a run become its tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from fp.cli.declared import invocation_of, option, options_of
from fp.cli.options import PATH, output_folder, overwrite_option, previews_option, report_option
from fp.cli.telling import tell_counts, tell_where


@dataclass(frozen=True)
class MergeCommand:
    """Options of ``fp merge``."""

    bank: Path | None = option(
        "--bank", type=PATH, help="The bank of the run: its fingerprints, for the report."
    )
    reporting: Literal["full", "none"] = report_option()
    previews: Literal["shown", "blurred", "none"] = previews_option()
    overwrite: bool = overwrite_option()


@click.command("merge")
@click.argument("shards", type=PATH, nargs=-1, required=True)
@output_folder
@options_of(MergeCommand)
def command(shards: tuple[Path, ...], output: Path, given: MergeCommand) -> None:
    """Join the folders that 'fp detect --shard' wrote, all of one run, in any order.

    The tables are those that one process would have written, byte for byte. A false-discovery rate
    (--fdr) is applied here, over all images.

    Example: fp merge part1/ part2/ part3/ -o case/
    """
    from fp.runs.shards import merge
    from fp.system.outputs import check_apart

    invocation = invocation_of("merge")
    check_apart(shards if given.bank is None else (*shards, given.bank), output)
    found = merge(
        shards,
        output,
        overwrite=given.overwrite,
        invocation=invocation,
        bank=given.bank,
        reporting=given.reporting,
        previews=given.previews,
    )
    tell_where(found, output)
    tell_counts(found)
