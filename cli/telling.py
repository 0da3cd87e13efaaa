"""What a detection says at its end, whether it ran in one piece or in shards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fp.cli.options import EXIT_SOME_NOT_EXAMINED

if TYPE_CHECKING:
    from fp.fingerprint.results import Summary


def tell_where(found: Summary, output: Path) -> None:
    """Print what was examined and where the results lie."""
    from fp.denoisers.images import display_path

    click.echo(
        f"{found.images} files, {found.fingerprints} fingerprints, results in "
        f"{display_path(output)}"
    )


def tell_counts(found: Summary) -> None:
    """Print the decisions and what was not examined, which also decides the exit code."""
    for decision, count in found.decisions.items():
        click.echo(f"  {decision:<20} {count}")
    for reason, count in found.not_examined.items():
        click.echo(f"  not examined: {reason} ({count})", err=True)
    if found.not_examined:
        click.get_current_context().exit(EXIT_SOME_NOT_EXAMINED)
