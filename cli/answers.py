"""Answers on standard output, about a few pictures: in words, or as JSON."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from fp.cli.telling import counted, end_with, print_wrapped, printable, tell_reasons

if TYPE_CHECKING:
    from fp.reports.words import Question
    from fp.runs.answering import Answers


def print_rows(found: Answers) -> None:
    """Print a line of JSON for every file, then end with the exit code.

    It is ASCII, so that no locale can spoil it.
    """
    refused: Counter[str] = Counter()
    for row in found.rows:
        click.echo(json.dumps(row, allow_nan=False))
        refused.update(row["reasons"] if row["status"] == "not_examined" else ())
    end_with(refused)


def print_answers(found: Answers, question: Question, *, single: bool, quiet: bool) -> None:
    """Print in words what was found: one file at length, several in a line each.

    A quiet one is the sentence or the lines alone.
    """
    from fp.reports.words import DECISIONS, FOOTNOTE, answer, short

    rows = []
    for row in found.rows:
        path = printable(row["path"])
        if row["status"] == "not_examined":  # its sentence begins with the path
            click.echo(printable(answer(row, question)))
        elif single:
            click.echo(path)
            print_answer(row, question, quiet=quiet)
        else:
            click.echo(f"{path}: {printable(short(row, question))}")
        rows.append({name: row[name] for name in ("decision", "status", "reasons")})
    summary = found.summary(rows)
    if not (single or quiet):
        told = (f"{DECISIONS[name][0]} {n}" for name, n in summary.decisions.items())
        click.echo(f"{counted(len(rows), 'file')}: {', '.join(told)}")
        tell_reasons(summary)
        print_wrapped(FOOTNOTE)
    end_with(summary.not_examined)


def print_answer(row: dict[str, Any], question: Question, *, quiet: bool = False) -> None:
    """Print what was found of a file at length, to stand under its name. A quiet one is short."""
    from fp.reports.words import answer

    _print_under(None, answer(row, question))
    if not quiet and row["status"] != "not_examined":
        _print_rest(row, question)


def _print_rest(row: dict[str, Any], question: Question) -> None:
    from fp.reports.words import limits, ratio

    told = ratio(row)
    if told is not None:
        _print_under("ratio", told)
    if row["p_bank"] is not None and row["p_generated"] is not None:
        _print_under(
            "p",
            f"{row['p_bank']:.2g} that a reference image scores as high or higher, "
            f"{row['p_generated']:.2g} that one of {row['fingerprint']} scores as low or lower",
        )
    for number, limit in enumerate(limits(row, question)):
        _print_under("" if number else "limits", limit)


def _print_under(label: str | None, text: str) -> None:
    first = "  " if label is None else f"  {label:<7} "
    print_wrapped(text, first, {None: "  ", "": " " * 12, "limits": " " * 12}.get(label, " " * 10))
