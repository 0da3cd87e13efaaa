"""``fp look``: what files say of themselves, and what their pictures went through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fp.cli import options as shared
from fp.cli.answers import print_answer
from fp.cli.declared import option, options_of
from fp.cli.options import PATH
from fp.cli.telling import LOG, end_with, print_wrapped, printable

if TYPE_CHECKING:
    from fp.audit.record import FileRecord
    from fp.denoisers.population import Skipped
    from fp.images.loading import Limits
    from fp.reports.words import Question
    from fp.runs.examination import Item

_HEADS = {
    "claim": "what the file says of itself (anyone can write or remove it)",
    "storage": "how it is stored",
    "pixels": "what its pixels show",
}

_FOOTNOTE = "Each line stands by itself. None is a verdict."
_DETECT = "'fp detect {}FILE' says what limits the line about generators."
_NOT_ASKED = "No line says who drew a picture: no generator was asked."


@dataclass(frozen=True)
class LookCommand:
    """Options of ``fp look``."""

    bank: Path | None = option(
        "--bank",
        type=PATH,
        help="File of fingerprints, or a folder of such files, to ask in place of the bank that "
        "comes with fp; as 'fp detect' does with its defaults.",
    )
    no_bank: bool = option("--no-bank", is_flag=True, help="Ask no bank.")
    as_json: bool = option("--json", is_flag=True, help="Print a line of JSON for every file.")
    jobs: int = shared.jobs_option()
    max_pixels: int = shared.max_pixels_option()
    max_seconds: float = shared.max_seconds_option()


@click.command("look")
@click.argument("inputs", metavar="FILE...", type=PATH, nargs=-1, required=True)
@options_of(LookCommand)
def command(inputs: tuple[Path, ...], given: LookCommand) -> None:
    """Say what files say of themselves, and what their pictures went through.

    It needs no fingerprint and gives no verdict. Folders are searched recursively. Metadata are
    read (C2PA, XMP, EXIF, PNG texts, settings of generators), then how the file is stored, then
    traces in the pixels: a JPEG grid, resizing, borders, a palette. The last line is what the bank
    that comes with fp says of the picture. Nothing is written.

    Example: fp look picture.jpg

    Example: fp look --json unknown/
    """
    from fp.denoisers.population import Skipped
    from fp.images.loading import Limits
    from fp.known.cards import KNOWN
    from fp.runs.examination import list_items
    from fp.runs.records import records

    if given.no_bank and given.bank is not None:
        raise click.UsageError("--bank and --no-bank contradict each other.")
    limits = Limits(pixels=given.max_pixels, seconds=given.max_seconds)
    looked_at, troubled = 0, []
    with shared.interruptible("nothing was written"):
        items = list_items(inputs)
        question: Question | None = None
        rows: Iterator[dict[str, Any] | None] = iter([None] * len(items))
        if not given.no_bank:
            question, rows = _answers(given.bank or KNOWN, items, limits, given.jobs)
        for found, row in zip(records(items, limits, given.jobs), rows, strict=True):
            if isinstance(found, Skipped):
                LOG.warning(f"not examined ({found.reason}): {found.message}")
                troubled.append(found)
            if given.as_json:
                click.echo(json.dumps(_as_dict(found, row), allow_nan=False))
            elif isinstance(found, Skipped):
                click.echo(f"not examined: {printable(found.message)}")
            else:
                looked_at += 1
                _print(found)
                if row is not None and question is not None:
                    whose = "of the bank" if given.bank is not None else "that come with fp"
                    click.echo(
                        f"  what the fingerprints {whose} say (they know no other generator)"
                    )
                    print_answer(row, question, "    ", quiet=True)
    if looked_at:
        click.echo(_FOOTNOTE)
        bank = "" if given.bank is None else f"{printable(str(given.bank))} "
        click.echo(_NOT_ASKED if given.no_bank else _DETECT.format(bank))
    end_with(troubled)


def _answers(
    bank: Path, items: list[Item], limits: Limits, jobs: int
) -> tuple[Question, Iterator[dict[str, Any]]]:
    """Return what is asked of a bank by default, and the row of each file."""
    from fp.fingerprint.detection.detection import DetectOptions
    from fp.runs.answering import answers, question_of
    from fp.runs.examination import examiner_of
    from fp.runs.options import RunOptions

    examiner = examiner_of(bank, DetectOptions(limits=limits))
    rows = answers(examiner, items, RunOptions(jobs=jobs, isolated=True))
    return question_of(examiner), rows


def _as_dict(found: FileRecord | Skipped, row: dict[str, Any] | None) -> dict[str, Any]:
    """Return what a program gets of a file. Its row of the bank is added where one was asked."""
    from fp.audit.record import FileRecord
    from fp.system.paths import display_path

    if isinstance(found, FileRecord):
        told = {"status": "examined", "reasons": [], "message": None, **found.as_dict()}
    else:
        told = {"status": "not_examined", "reasons": [found.reason], "message": found.message}
    detection = {} if row is None else {"detection": row}
    return {"path": display_path(found.path), **told, **detection}


def _print(found: FileRecord) -> None:
    from fp.system.paths import display_path

    click.echo(printable(display_path(found.path)))
    about = None
    for each in found.observations:
        if each.about != about:
            about = each.about
            click.echo(f"  {_HEADS[about]}")
        print_wrapped(each.sentence, "    ", "      ")
