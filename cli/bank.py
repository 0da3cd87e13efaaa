"""``fp bank``: files of fingerprints learned, listed, shown, extended and verified."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fp.cli import importing, learning
from fp.cli.declared import invocation_of
from fp.cli.options import PATH
from fp.cli.suggesting import SuggestingGroup, complete_fingerprints
from fp.cli.telling import printable
from fp.system.errors import InputError, IntegrityError, UsageError

if TYPE_CHECKING:
    from fp.fingerprint.model.fingerprint import Fingerprint
    from fp.fingerprint.store.record import FingerprintSummary

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("bank", cls=SuggestingGroup)
def command() -> None:
    """Learn, import, list, show, extend and verify files of fingerprints.

    A BANK is a file that 'fp extract' or 'fp bank add' wrote, or a folder of such files.

    Example: fp bank list generators.h5
    """


command.add_command(learning.command)
command.add_command(importing.command)


@command.command("list")
@click.argument("bank", type=PATH)
@json_option
def list_command(bank: Path, as_json: bool) -> None:
    """List the fingerprints of BANK, one a row.

    On a terminal it is a table; elsewhere the columns are separated by tabs.

    Example: fp bank list generators.h5
    """
    from fp.fingerprint.store.bank import read_summaries

    rows = [_row(summary) for summary in read_summaries(bank)]
    if as_json:
        _echo_json(rows)
    else:
        _echo_table(rows)


@command.command("show")
@click.argument("bank", type=PATH)
@click.option(
    "--name",
    shell_complete=complete_fingerprints,
    help="Show only the fingerprint of this name.",
)
@json_option
def show(bank: Path, name: str | None, as_json: bool) -> None:
    """Show everything that BANK tells about its fingerprints, but their arrays.

    Example: fp bank show generators.h5 --name "SD 1.4"
    """
    from fp.fingerprint.store.bank import read_summaries

    summaries = list(read_summaries(bank))
    chosen = [summary for summary in summaries if name in (None, summary.name)]
    if not chosen:
        known = ", ".join(repr(summary.name) for summary in summaries[:10])
        more = "" if len(summaries) <= 10 else f" and {len(summaries) - 10} more"
        raise InputError(f"There is no fingerprint named {name!r}; there are {known}{more}.")
    details = [_details(summary) for summary in chosen]
    if as_json:
        _echo_json(details)
    else:
        for index, detail in enumerate(details):
            click.echo("\n" * bool(index) + "\n".join(_lines(detail)))


@command.command("known")
@json_option
def known(as_json: bool) -> None:
    """Say which generators come with fp, and how far they can be trusted.

    The counts are of files that the bank was not learned from: pictures of the generator that are
    claimed, and photographs and other pictures that are claimed by mistake. Most references are
    JPEGs and most pictures of generators are not. The audit calls that serious, in every answer.

    Example: fp bank known
    """
    from fp.known.cards import KNOWN, cards
    from fp.system.paths import display_path

    found = cards()
    if as_json:
        _echo_json([asdict(card) for card in found])
        return
    click.echo(display_path(KNOWN))
    for card in found:
        kin = f" (not told from {', '.join(card.kin)})" if card.kin else ""
        click.echo(f"{card.name}{kin}, from {card.images} images, {card.references} photographs")
        for coding, counted in card.own.items():
            as_found = "as found" if coding == "none" else coding
            click.echo(f"  {'its own, ' + as_found:<29}  {counted}")
        click.echo(f"  {'photographs':<29}  {card.photographs}")
        claimed = sum(counted.claimed for counted in card.strangers.values())
        most = sorted(card.strangers.items(), key=lambda item: -item[1].claimed)[:2]
        named = ", ".join(f"{name} {counted.claimed} of {counted.of}" for name, counted in most)
        told = f" ({named})" if named else ""
        click.echo(f"  {'other pictures':<29}  {claimed} of {card.strangers_asked} tests{told}")
        if card.labels:
            click.echo(f"  {'labels':<29}  {', '.join(card.labels)}")


@command.command("add")
@click.argument("bank", type=PATH)
@click.argument("sources", type=PATH, nargs=-1, required=True, metavar="SOURCE...")
@click.option("--name", help="Name to store it under, where the sources hold one fingerprint.")
def add(bank: Path, sources: tuple[Path, ...], name: str | None) -> None:
    """Add the fingerprints of each SOURCE to the file BANK, which is made where missing.

    Two fingerprints of one name are refused. BANK is replaced at once when all is written.

    Example: fp bank add generators.h5 sd14.h5 midjourney.h5
    """
    from fp.fingerprint.store.bank import add_to_bank, bank_files, iter_bank
    from fp.manifest import Recorder, Source, list_inputs, manifest_of
    from fp.system.hashing import hash_file
    from fp.system.paths import is_file

    recorder = Recorder(manifest_of(bank), invocation_of("bank add"))
    before = hash_file(bank) if is_file(bank) else None
    members: Iterator[Fingerprint] = chain.from_iterable(map(iter_bank, sources))
    if name is not None:
        held = list(members)
        if len(held) != 1:
            raise UsageError(
                f"--name names one fingerprint and the sources hold {len(held)}; "
                "name one source, or leave it out."
            )
        members = iter([held[0].renamed(name)])
    count = 0

    def counted() -> Iterator[Fingerprint]:
        nonlocal count
        for count, member in enumerate(members, start=1):  # noqa: B007
            yield member

    add_to_bank(bank, counted())
    files = tuple(path for source in sources for path in bank_files(source))
    recorder.finish(
        list_inputs([Source("fingerprints", files, decoded=False)]),
        [bank],
        {"bank_before": before, "added": count},
    )
    click.echo(f"{count} added to {printable(str(bank))}", err=True)


@command.command("verify")
@click.argument("banks", type=PATH, nargs=-1, required=True, metavar="BANK...")
@json_option
def verify(banks: tuple[Path, ...], as_json: bool) -> None:
    """Check each BANK against the file format and its own checksums.

    Every rule that is broken gives a line; the exit code is 5 if there is any, else 0.

    Example: fp bank verify generators.h5 && fp detect generators.h5 unknown/ -o case/
    """
    from fp.fingerprint.store.conformance import verify_bank
    from fp.system.paths import display_path

    faults = []
    for bank in banks:
        found = verify_bank(bank)
        faults += found
        if not as_json:
            shown = printable(display_path(bank))
            lines = [printable(fault.message) for fault in found] or [f"{shown} conforms"]
            click.echo("\n".join(lines))
    if as_json:
        _echo_json(
            [{"file": display_path(fault.file), "message": fault.message} for fault in faults]
        )
    if faults:
        files = len({fault.file for fault in faults})
        raise IntegrityError(
            f"Rules of the format are broken (findings: {len(faults)}, files: {files}); "
            "use undamaged copies or extract the fingerprints again."
        )


def _row(summary: FingerprintSummary) -> dict[str, Any]:
    from fp.reports.facts import Facts

    held = summary.fingerprint
    found, null = Facts(held), held.null
    return {
        "name": held.name,
        "method": held.method,
        "denoiser": held.denoiser.name,
        "crop": f"{held.crop.width}x{held.crop.height}",
        "native_sizes": " ".join(held.native_sizes),
        "n_generated": found.n_generated,
        "n_real": found.n_real,
        "mu_g": held.mu_g,
        "mu_r": held.mu_r,
        "null_p": None if null is None else null.p,
        "created_utc": held.created_utc,
        "uuid": summary.uuid,
    }


def _details(summary: FingerprintSummary) -> dict[str, Any]:
    from fp.reports.facts import Facts

    held = summary.fingerprint
    found, null = Facts(held), held.null
    return {
        "name": held.name,
        "uuid": summary.uuid,
        "method": held.method,
        "pattern_shape": list(summary.pattern_shape),
        "crop": asdict(held.crop),
        "preparation": held.preparation,
        "windows": list(summary.windows),
        "denoiser": asdict(held.denoiser),
        "calibration": {
            "scheme": held.calibration.scheme,
            "n_generated": found.n_generated,
            "n_real": found.n_real,
            "sources_generated": len(set(held.calibration.generated_source)),
            "sources_real": len(set(held.calibration.real_source)),
            "mu_g": held.mu_g,
            "mu_r": held.mu_r,
            "smallest_p": found.smallest_p,
        },
        "offset": held.offset,
        "null": None
        if null is None
        else {
            "observed": null.observed,
            "largest_shuffled": found.largest_shuffled,
            "n": null.shuffled.size,
            "p": null.p,
            "seed": null.seed,
        },
        "parameters": dict(held.parameters),
        "native_sizes": dict(held.native_sizes),
        "formats": dict(held.formats),
        "history": list(summary.history),
        "environment": dict(held.environment),
        "created_utc": held.created_utc,
        "tool_version": held.tool_version,
    }


def _lines(detail: dict[str, Any], indent: str = "") -> Iterator[str]:
    width = max(map(len, detail), default=0)
    for key, value in detail.items():
        if isinstance(value, dict) and value:
            yield f"{indent}{printable(key)}"
            yield from _lines(value, indent + "  ")
        else:
            yield f"{indent}{printable(key):<{width}}  {_cell(value)}"


def _echo_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        click.echo("\t".join(rows[0]))
        for row in rows:
            click.echo("\t".join(map(_cell, row.values())))
        return
    from rich.table import Table
    from rich.text import Text

    # What fits into 80 columns; 'fp bank show' has the rest.
    table = Table("name", "method", "denoiser", "crop", "images", "null p", box=None)
    for row in rows:
        images = f"{row['n_generated']} + {row['n_real']}"
        cells = [row["name"], row["method"], row["denoiser"], row["crop"], images, row["null_p"]]
        table.add_row(*(Text(_cell(cell)) for cell in cells))
    console.print(table)


def _echo_json(value: Any) -> None:
    click.echo(json.dumps(_finite(value), indent=2, allow_nan=False))


def _finite(value: Any) -> Any:
    """Replace what JSON has no number for: a separation can be infinite."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, dict | list):
        return printable(json.dumps(value, ensure_ascii=False)) if value else "-"
    return printable(str(value))
