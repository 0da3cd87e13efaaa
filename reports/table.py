"""Tables of any length that a reader sorts and filters, with rows as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from fp.reports.text import as_json

if TYPE_CHECKING:
    from markupsafe import Markup

PAGE = 100
"""Rows that are shown at a time, and that stand in the page itself for readers without scripts."""

Kind = Literal["name", "text", "number", "choice", "word", "picture"]
Row = Sequence[Any]


@dataclass(frozen=True)
class Column:
    """A column that is shown.

    Parameters
    ----------
    name, label : str
        The field that it shows, and its heading.
    kind : {"name", "text", "number", "choice", "word", "picture"}
        What it holds: the name of the row, a text, a number, one of `choices` with its mark, one of
        them as a plain word, a picture.
    digits : int, optional
        Digits behind the point of a number; as it is without them.
    choices : mapping of str to str
        Values with their words, in the order in which they sort.
    wide : bool
        Whether it is left out on narrow screens.
    hint : str
        What it means.
    """

    name: str
    label: str
    kind: Kind = "text"
    digits: int | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    wide: bool = False
    hint: str = ""


@dataclass(frozen=True)
class _Placed(Column):
    field: int = 0


_HEAD = ("field", "label", "kind", "digits", "choices", "wide")


@dataclass(frozen=True)
class Table:
    """A table of a report.

    Parameters
    ----------
    id, title, caption : str
        Its name in the page, what it is in a few words, and what its rows and figures are.
    fields : sequence of str
        Names of the values of a row.
    shown : sequence of Column
        The columns that are shown.
    rows : callable
        Gives the rows from the first on, each time that it is called.
    total : int
        Number of rows.
    detail : str
        Id of what opens for a row; empty where nothing does.
    size : int
        Rows that are shown at a time.
    plain : callable, optional
        Gives the same rows without their pictures, where these are made on the way.
    """

    id: str
    title: str
    caption: str
    fields: Sequence[str]
    shown: Sequence[Column]
    rows: Callable[[], Iterable[Row]]
    total: int
    detail: str = ""
    size: int = PAGE
    plain: Callable[[], Iterable[Row]] | None = None

    @property
    def columns(self) -> tuple[_Placed, ...]:
        """The columns with the places of their fields."""
        return tuple(_Placed(**vars(c), field=self.fields.index(c.name)) for c in self.shown)

    @property
    def head(self) -> Markup:
        """What the script needs to know of the columns."""
        columns = [{name: getattr(c, name) for name in _HEAD} for c in self.columns]
        return as_json({"fields": list(self.fields), "columns": columns, "size": self.size})

    @property
    def first(self) -> Iterator[Row]:
        """The rows that stand in the page itself."""
        return islice(iter((self.plain or self.rows)()), self.size)

    def lines(self) -> Iterator[Markup]:
        """Yield the rows as JSON, a line each, separated by commas."""
        from markupsafe import Markup

        for number, row in enumerate(self.rows()):
            yield Markup("\n" if number == 0 else ",\n") + as_json(list(row))

    @staticmethod
    def text(value: Any, column: _Placed) -> str:
        """Return a value as it is shown."""
        if value is None or value == "":
            return "–"
        if column.kind == "number":
            least = 10.0 ** -(column.digits or 0)
            if column.digits is not None and column.digits > 2 and 0 < value < least:
                return f"<{least:.{column.digits}f}"
            told = str(value) if column.digits is None else f"{value:.{column.digits}f}"
            return told.replace("-", "−")
        if column.kind in ("choice", "word"):
            return column.choices.get(value, value)
        if isinstance(value, list | tuple):  # codes
            return "; ".join(value).replace("_", " ") or "–"
        return str(value)


def of_dicts(
    id: str,
    title: str,
    caption: str,
    shown: Sequence[Column],
    rows: Sequence[Mapping[str, Any]],
) -> Table:
    """Make a table of rows that are in memory."""
    fields = [column.name for column in shown]
    return Table(
        id, title, caption, fields, shown, lambda: ([r[f] for f in fields] for r in rows), len(rows)
    )


def choices_of(rows: Iterable[Mapping[str, Any]], name: str) -> dict[str, str]:
    """Return the values that a column has, in the order in which they first occur."""
    return {str(row[name]): str(row[name]) for row in rows}
