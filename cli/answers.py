"""Answers on standard output, about a few pictures: in words, or as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from fp.cli.telling import counted, end_with, print_wrapped, printable, tell_reasons

if TYPE_CHECKING:
    from fp.reports.words import Question


def print_rows(rows: Iterator[dict[str, Any]]) -> None:
    """Print a line of JSON for every file, then end with the exit code.

    It is ASCII, so that no locale can spoil it.
    """
    refused: Counter[str] = Counter()
    for row in rows:
        click.echo(json.dumps(row, allow_nan=False))
        refused.update(row["reasons"] if row["status"] == "not_examined" else ())
    end_with(refused)


def print_answers(
    rows: Iterator[dict[str, Any]], question: Question, *, single: bool, quiet: bool
) -> None:
    """Print in words what was found: one file at length, several in a line each.

    A quiet one is the sentence or the lines alone.
    """
    from fp.reports.words import DECISIONS, FOOTNOTE, short

    decisions: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for row in rows:
        decisions[row["decision"]] += 1
        examined = row["status"] == "examined"
        if not examined:
            refused.update(row["reasons"])
        if single and examined:
            click.echo(printable(row["path"]))
            print_answer(row, question, quiet=quiet)
        else:
            text = short(row, question)
            # The sentence about a file that was not examined begins with the path.
            click.echo(printable(f"{row['path']}: {text}" if examined else text))
    if not (single or quiet):
        told = (f"{DECISIONS[name][0]} {n}" for name, n in sorted(decisions.items()))
        click.echo(f"{counted(decisions.total(), 'file')}: {', '.join(told)}")
        tell_reasons(refused)
        print_wrapped(FOOTNOTE)
    end_with(refused)


def print_answer(
    row: dict[str, Any], question: Question, indent: str = "  ", *, quiet: bool = False
) -> None:
    """Print what was found of a file at length, to stand under its name.

    A quiet one has the answer and what weakens it.
    """
    from fp.reports.words import at_length, brief

    shortly = quiet or row["status"] == "not_examined"
    lines = brief(row, question) if shortly else at_length(row, question)
    for label, text in lines:
        before = indent if label is None else f"{indent}{label:<7} "
        listed = "  " if label in ("limits", "") else ""
        print_wrapped(text, before, " " * len(before) + listed)
