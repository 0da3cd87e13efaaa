"""``fp merge``: the shards of a run become its tables."""

from __future__ import annotations

from pathlib import Path

import click

from fp.cli.options import PATH, overwrite_option
from fp.cli.recording import invocation_of
from fp.cli.telling import tell_counts, tell_where


@click.command("merge")
@click.argument("shards", type=PATH, nargs=-1, required=True)
@click.option("-o", "--output", type=PATH, required=True, help="Folder for tables and manifest.")
@overwrite_option
def command(shards: tuple[Path, ...], output: Path, overwrite: bool) -> None:
    """Join the folders that 'fp detect --shard' wrote, all of one run, in any order.

    The tables are those that one process would have written, byte for byte. A false-discovery rate
    (--fdr) is applied here, over all images.

    Example: fp merge part1/ part2/ part3/ -o case/
    """
    from fp.fingerprint.outputs import check_folder
    from fp.fingerprint.shards import merge

    invocation = invocation_of("merge")
    check_folder(output, shards)
    found = merge(shards, output, overwrite=overwrite, invocation=invocation)
    tell_where(found, output)
    tell_counts(found)
