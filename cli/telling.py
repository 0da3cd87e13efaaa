"""What a command says at its end, as a table or in plain lines.

On a terminal standard output gets a table; in a pipe or a file it gets lines without any control
code, whose form does not change with a terminal's width.
"""

from __future__ import annotations

import logging
import textwrap
from collections.abc import Iterable, Mapping, Sequence, Sized
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fp.cli.options import EXIT_SOME_NOT_EXAMINED, asked

if TYPE_CHECKING:
    from fp.denoisers.population import Skipped
    from fp.fingerprint.decision.rows import Detection
    from fp.runs.results import Summary

LOG = logging.getLogger("fp")
"""Goes to the file of --log; without one, nowhere."""

LOG.addHandler(logging.NullHandler())
LOG.propagate = False

_STYLES = {
    "supports_generator": "cyan",
    "supports_reference": "blue",
    "inconclusive": "yellow",
    "not_examined": "magenta",
    "serious": "bold red",
    "warning": "yellow",
    "note": "dim",
}
"""Colours help the eye; the words say it all."""


MOST_NAMED = 20
"""Files of one reason up to which each is named."""

MOST_ROWS = 40
"""Rows that a terminal gets; who wants all of them opens the files."""

_WIDTH = 88  # of sentences, in characters


def tell_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    plain: Iterable[str],
) -> None:
    """Print a table on a terminal, and plain lines that say the same elsewhere.

    Without columns there is no row of their names.
    """
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        for line in plain:
            click.echo(line)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(
        *columns,
        show_header=bool(columns),
        box=None,
        pad_edge=False,
    )
    rows = list(rows)
    for row in rows[:MOST_ROWS]:
        # Text, not markup: a name comes from somebody's file.
        table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in map(printable, row)))
    console.print(table)
    if len(rows) > MOST_ROWS:
        click.echo(f"... and {len(rows) - MOST_ROWS} more rows in the files that were written")


def printable(text: str) -> str:
    """Escape what could break a table or steer a terminal. A name comes from somebody's file."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


def print_wrapped(text: str, first: str = "", others: str = "") -> None:
    """Print a text on lines that fit a terminal.

    `first` stands before the first line, `others` before the rest.
    """
    for line in textwrap.wrap(
        printable(text),
        _WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    ):
        click.echo(line)


def warn(text: str) -> None:
    """Print a warning on standard error, and log it."""
    LOG.warning(text.strip())
    click.echo(text, err=True)


def tell_refused(row: Detection) -> None:
    """Log the file of a row that could not be examined. Who asked for more sees it too."""
    if row.status == "not_examined":
        told = f"not examined ({row.reasons[0]}): {row.message}"
        (warn if asked().verbosity else LOG.warning)(told)


def tell_where(found: Summary, output: Path) -> None:
    """Print what was examined and where the results lie."""
    from fp.images.loading import display_path

    examined = f"{counted(found.images, 'file')}, {counted(found.fingerprints, 'fingerprint')}"
    readable = output / "report.html"
    report = f", report in {display_path(readable)}" if readable.is_file() else ""
    click.echo(f"{examined}, results in {display_path(output)}{report}")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def tell_counts(found: Summary) -> None:
    """Print the decisions and what was not examined, which also decides the exit code."""
    tell_table(
        ("decision", "files", "share"),
        [
            (decision, str(count), f"{count / found.images:.1%}")
            for decision, count in found.decisions.items()
        ],
        (f"  {decision:<20} {count}" for decision, count in found.decisions.items()),
    )
    tell_reasons(found.not_examined)
    end_with(found.not_examined)


def tell_reasons(not_examined: Mapping[str, int]) -> None:
    """Print how many files were not examined, by reason."""
    for reason, count in sorted(not_examined.items()):
        warn(f"  not examined: {reason} ({count})")


def tell_skipped(skipped: Iterable[Skipped], indent: str = "") -> None:
    """Print the files that were not examined; of many with one reason, number and first."""
    by_reason: dict[str, list[Skipped]] = {}
    for one in skipped:
        by_reason.setdefault(one.reason, []).append(one)
    for reason, files in by_reason.items():
        shown = files if len(files) <= MOST_NAMED else files[:1]
        if len(files) > len(shown):
            click.echo(f"{indent}not examined ({reason}): {len(files)} files, such as:", err=True)
        for one in files:
            told = f"{indent}not examined ({one.reason}): {one.message}"
            (warn if one in shown else LOG.warning)(told)


def end_with(not_examined: Sized) -> None:
    """End the command with the exit code that says whether anything was not examined."""
    if not_examined:
        click.get_current_context().exit(EXIT_SOME_NOT_EXAMINED)
