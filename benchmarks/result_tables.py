"""Tables of the pages as CSV under docs/results/csv/, and as the Markdown that is made from them.

A cell such as `98.8 (97.7 to 100.0), null 52.2` lies in the CSV as four numbers, in columns named
after its own: `auto`, `auto low`, `auto high`, `auto null`. A cell of another form stays a text.
A section's tables are NAME.csv, or NAME-1.csv, NAME-2.csv and so on where it has several.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

NUMBER = r"[+-]?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?"
CELL = re.compile(
    rf"(?P<value>{NUMBER})(?: of (?P<of>{NUMBER}))?(?:: (?P<rate>{NUMBER}))?"
    rf"(?: \((?P<low>{NUMBER}) to (?P<high>{NUMBER})(?: %)?\)| \((?P<share>{NUMBER}) %\))?"
    rf"(?:, AUC (?P<auc>{NUMBER}))?(?:, null (?P<null>{NUMBER}|not run)"
    rf"(?: \((?P<null_low>{NUMBER}) to (?P<null_high>{NUMBER})\))?)?(?:, (?P<splits>\d+) splits)?"
)
PARTS = tuple(CELL.groupindex)[1:]
TABLE = re.compile(r"^\|.*\n\| ?-.*\n(?:\|.*\n)*", re.MULTILINE)


@dataclass(frozen=True)
class Table:
    """A table as a page shows it: the texts of its head and of its cells."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def lines(self) -> str:
        """Return the table in Markdown."""
        rows = (self.columns, ("---",) * len(self.columns), *self.rows)
        return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def split_cell(cell: str) -> dict[str, str]:
    """Return the numbers of a cell by their part, or its text alone where it has another form."""
    found = CELL.fullmatch(cell)
    if not found:
        return {"value": cell}
    parts = {name: told for name, told in found.groupdict().items() if told}
    if "of" in parts:
        parts |= {name: parts[name].replace(",", "") for name in ("value", "of")}
    told = join_cell(parts).replace(",", "")
    return parts if told == cell.replace(",", "") else {"value": cell}


def join_cell(parts: dict[str, str]) -> str:
    """Return the cell that a page shows for its parts."""
    counts = "of" in parts
    told = f"{int(parts['value']):,} of {int(parts['of']):,}" if counts else parts["value"]
    unit = " %" if counts and "rate" not in parts else ""
    for name, form in (
        ("rate", ": {rate}"),
        ("low", f" ({{low}} to {{high}}{unit})"),
        ("share", " ({share} %)"),
        ("auc", ", AUC {auc}"),
        ("null", ", null {null}"),
        ("null_low", " ({null_low} to {null_high})"),
        ("splits", ", {splits} splits"),
    ):
        told += form.format(**parts) if name in parts else ""
    return told


def read_markdown(text: str) -> Table:
    """Return a table of a page."""
    first, _, *rest = (
        tuple(cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|"))
        for line in text.splitlines()
    )
    return Table(first, tuple(rest))


def read_csv(path: Path) -> Table:
    """Return a table as its page shows it, from its CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    columns: list[str] = []
    fields = []
    for name in head:
        part = next((p for p in PARTS if columns and name == _field(columns[-1], p)), "value")
        columns += [name] if part == "value" else []
        fields.append((len(columns) - 1, part))
    told = []
    for row in rows:
        cells: list[dict[str, str]] = [{} for _ in columns]
        for (place, part), text in zip(fields, row, strict=True):
            cells[place] |= {part: text} if text or part == "value" else {}
        told.append(tuple(join_cell(cell) for cell in cells))
    return Table(tuple(columns), tuple(told))


def write_csv(table: Table, path: Path) -> None:
    """Write a table as CSV, each number in a column of its own."""
    cells = [[split_cell(cell) for cell in row] for row in table.rows]
    fields = [
        (place, part)
        for place in range(len(table.columns))
        for part in ("value", *PARTS)
        if part == "value" or any(part in row[place] for row in cells)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_field(table.columns[place], part) for place, part in fields)
        writer.writerows([row[place].get(part, "") for place, part in fields] for row in cells)


def _field(column: str, part: str) -> str:
    return column if part == "value" else f"{column} {part.replace('_', ' ')}"


def csv_files(section: str, docs: Path) -> list[Path]:
    """Return the CSV files of a section, in the order of its tables."""
    named = re.compile(rf"{re.escape(section)}(?:-(\d+))?\.csv")
    found = {path: named.fullmatch(path.name) for path in docs.glob("results/csv/*.csv")}
    return sorted((p for p, m in found.items() if m), key=lambda p: int(found[p][1] or 0))


def store_tables(section: str, text: str, docs: Path) -> None:
    """Write the tables of a section's text as CSV, in place of those that it had."""
    for path in csv_files(section, docs):
        path.unlink()
    tables = [read_markdown(lines) for lines in TABLE.findall(text)]
    for number, table in enumerate(tables, 1):
        name = section if len(tables) == 1 else f"{section}-{number}"
        path = docs / "results" / "csv" / f"{name}.csv"
        write_csv(table, path)
        told = tuple(tuple(join_cell(split_cell(cell)) for cell in row) for row in table.rows)
        if read_csv(path) != Table(table.columns, told):
            raise ValueError(f"{path.name} does not hold its table: does a column end in a part?")
