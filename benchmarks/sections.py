"""Tables of the pages: which page holds each, what made it, and whether the code is still the same.

A table lies between ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` of one page under docs/. Its
row in docs/results/provenance.toml names commands, commit, date, seeds, and the code that it
exercises. Its first paragraph in the page says the same. Its numbers lie in docs/results/csv/, and
what the page shows of them is made from there: the table, or a figure.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import click
from result_figures import FIGURES, draw_figures
from result_tables import TABLE, csv_files, read_csv, store_tables

PROJECT = Path(__file__).parent.parent
DOCS = PROJECT / "docs"
WORK = Path(os.environ.get("FP_WORK", PROJECT / ".work"))
"""Where benchmarks keep what they have finished; `make results` has a folder for each commit."""

FIGURE = r"^!\[.*\]\(\S*figures/.*\)\n\n"
SHOWN = re.compile(rf"(?:{FIGURE})?{TABLE.pattern}|{FIGURE}^The numbers: .*\n", re.MULTILINE)
"""How a page shows a table: as it is, with a figure, or as a figure and where its numbers are."""

OLDER = "This table is older than the code."
ROOMS = ("denoisers", "fingerprint", "images")
HEADER = """\
# Where each table of docs/ comes from: a row for each section `<!-- begin NAME -->` of a page.
#
# commands  what makes the table; `make results` runs those of rows with `takes`, in this order
# commit    of the code that made it; branch: its name before it was joined, where there is one
# seeds     of splits or draws
# needs     what the commands need: corpus, zoos (zoo.py, zoo_sampling.py), or a variable for a path
# takes     minutes or hours on two cores, by estimate
# code      what the table exercises; when its code changes, `python benchmarks/results.py age`
#           sets older = true here and says so in the page
#
# Benchmarks with --section set commit, date and commands when they put a table into its page, and
# `python benchmarks/results.py put NAME FILE` does it for the others.
"""


@dataclass(frozen=True)
class Row:
    """What made the table of a section; no commit where the section is still empty."""

    commands: tuple[str, ...]
    date: date | None = None
    commit: str = ""
    branch: str = ""
    seeds: str = ""
    needs: tuple[str, ...] = ()
    takes: str = ""
    code: tuple[str, ...] = ROOMS
    older: bool = False


def read_rows(docs: Path = DOCS) -> dict[str, Row]:
    """Return the rows of the provenance file by section, in its order."""
    found = tomllib.loads((docs / "results" / "provenance.toml").read_text("utf-8"))
    lists = ("commands", "needs", "code")
    return {
        name: Row(**{key: tuple(v) if key in lists else v for key, v in row.items()})
        for name, row in found.items()
    }


def write_rows(rows: dict[str, Row], docs: Path = DOCS) -> None:
    """Write the provenance file: the same rows, the same bytes."""
    lines = [HEADER]
    for name, row in rows.items():
        lines.append(f"[{name}]")
        for key, value in vars(row).items():
            if isinstance(value, tuple) and len(json.dumps(value)) > 80:
                items = "".join(f"  {json.dumps(item)},\n" for item in value)
                lines.append(f"{key} = [\n{items}]")
            elif isinstance(value, date):
                lines.append(f"{key} = {value.isoformat()}")
            elif value:
                lines.append(f"{key} = {json.dumps(value)}")
        lines.append("")
    (docs / "results" / "provenance.toml").write_text("\n".join(lines), "utf-8")


def sections_of(text: str) -> dict[str, str]:
    """Return what stands in the sections of a page, by name."""
    pattern = r"^<!-- begin (\S+) -->\n(.*?)^<!-- end \1 -->$"
    return dict(re.findall(pattern, text, re.MULTILINE | re.DOTALL))


def find_page(section: str, docs: Path = DOCS) -> Path:
    """Return the one page under docs/ that holds a section."""
    pages = [p for p in sorted(docs.rglob("*.md")) if section in sections_of(p.read_text("utf-8"))]
    if len(pages) != 1:
        held = ", ".join(str(page.relative_to(docs)) for page in pages) or "no page"
        raise click.UsageError(f"<!-- begin {section} --> must stand in one page of docs/: {held}.")
    return pages[0]


def put_section(section: str, text: str, docs: Path = DOCS) -> None:
    """Replace what stands in a section, in the page that holds it."""
    page = find_page(section, docs)
    begin, end = f"<!-- begin {section} -->", f"<!-- end {section} -->"
    before, _, rest = page.read_text("utf-8").partition(begin)
    page.write_text(f"{before}{begin}\n{text.strip()}\n{end}{rest.partition(end)[2]}", "utf-8")


def show_tables(section: str, text: str, docs: Path = DOCS) -> str:
    """Return a section's text with every table made from its CSV."""
    files = iter(csv_files(section, docs))
    page = find_page(section, docs)
    return SHOWN.sub(lambda _: show_table(next(files), page, docs), text)


def show_table(path: Path, page: Path, docs: Path = DOCS) -> str:
    """Return what a page shows of a CSV: the table, a figure with it, or a figure alone."""
    lines, figure = read_csv(path).lines(), FIGURES.get(path.stem)
    if figure is None:
        return lines
    drawn_at = os.path.relpath(docs / "figures" / f"{path.stem}.svg", page.parent)
    told = f"![{figure.told}]({drawn_at})\n\n"
    if not figure.alone:
        return told + lines
    return f"{told}The numbers: [{path.name}]({os.path.relpath(path, page.parent)})\n"


def stamp(row: Row) -> str:
    """Return what a page says of the origin of a table."""
    made = ", then ".join(f"`{command}`" for command in row.commands)
    branch = f" (on a branch: {row.branch})" if row.branch else ""
    told = f"{made}, {row.date}, commit {row.commit}{branch}."
    return f"{told} {OLDER}" if row.older else told


def paragraph(text: str) -> str:
    """Return a paragraph in lines of at most 110 characters, where its words allow it."""
    return textwrap.fill(text, 110, break_long_words=False, break_on_hyphens=False)


def shown(command: str) -> str:
    """Return a command without the paths of this machine."""
    for path, name in ((str(WORK), ".work"), (os.environ.get("DATASET"), "DATASET")):
        command = command.replace(path, name) if path else command
    return command


def this_command() -> str:
    """Return the command that runs now, as a page shows it."""
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])


def publish(
    section: str | None,
    commands: str | tuple[str, ...],
    text: str,
    commit: str | None = None,
    note: str = "",
    docs: Path = DOCS,
) -> None:
    """Print a table; put it into its section, if one is named, and set the section's row anew."""
    click.echo(text)
    if not section:
        return
    commands = (commands,) if isinstance(commands, str) else commands
    rows = read_rows(docs)
    row = replace(
        rows.get(section, Row(())),
        commands=tuple(shown(command) for command in commands),
        date=datetime.now(UTC).date(),
        commit=commit or git("rev-parse", "--short=7", "HEAD").strip(),
        branch="",
    )
    row = replace(row, older=is_changed(row.commit, row.code))
    store_tables(section, f"{text}\n", docs)
    draw_figures(section, docs)
    tables = show_tables(section, f"{text}\n", docs)
    put_section(section, f"{paragraph(f'{stamp(row)} {note}')}\n\n{tables}", docs)
    write_rows(rows | {section: row}, docs)


def show_pages(docs: Path = DOCS) -> list[str]:
    """Write every table of the pages from its CSV and draw the figures; return what changed."""
    changed = []
    for section in read_rows(docs):
        draw_figures(section, docs)
        text = sections_of(find_page(section, docs).read_text("utf-8"))[section]
        if (made := show_tables(section, text, docs)) != text:
            put_section(section, made, docs)
            changed.append(section)
    return changed


def take_tables(section: str, docs: Path = DOCS) -> None:
    """Write the tables of a section as its page shows them as CSV, and show them from there."""
    text = sections_of(find_page(section, docs).read_text("utf-8"))[section]
    if len(TABLE.findall(text)) != len(SHOWN.findall(text)):
        raise click.UsageError(f"{section} shows a figure in place of a table: use 'put'.")
    store_tables(section, text, docs)
    draw_figures(section, docs)
    put_section(section, show_tables(section, text, docs), docs)


def mark_older(docs: Path = DOCS, project: Path = PROJECT) -> list[str]:
    """Say in row and page of every table whose code has changed that it is older; return which."""
    rows, marked = read_rows(docs), []
    for section, row in rows.items():
        if row.commit and not row.older and is_changed(row.commit, row.code, project):
            rows[section] = replace(row, older=True)
            first, *rest = sections_of(find_page(section, docs).read_text("utf-8"))[section].split(
                "\n\n", 1
            )
            told = " ".join(first.split()).replace(stamp(row), stamp(rows[section]))
            put_section(section, "\n\n".join([paragraph(told), *rest]), docs)
            marked.append(section)
    write_rows(rows, docs)
    return marked


def git(*arguments: str, project: Path = PROJECT) -> str:
    """Return what git says, and nothing where it fails or there is no history."""
    told = subprocess.run(
        ["git", *arguments], cwd=project, capture_output=True, text=True, check=False
    )
    return told.stdout


def is_commit(commit: str, project: Path = PROJECT) -> bool:
    """Tell whether a commit is an ancestor of the present one."""
    asked = ["git", "merge-base", "--is-ancestor", commit, "HEAD"]
    return not subprocess.run(asked, cwd=project, capture_output=True, check=False).returncode


def is_changed(commit: str, code: tuple[str, ...], project: Path = PROJECT) -> bool:
    """Tell whether code is another one than at a commit; comments and docstrings are not code."""
    if not is_commit(commit, project):
        return True
    for path in git("diff", "--name-only", commit, "--", *code, project=project).splitlines():
        old, new = git("show", f"{commit}:{path}", project=project), project / path
        if not (old and new.is_file() and path.endswith(".py")):
            return True
        if bare(old) != bare(new.read_text("utf-8")):
            return True
    return False


def bare(source: str) -> str:
    """Return the syntax of a module without comments and docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if hasattr(node, "body") and isinstance(node.body, list):
            node.body = [line for line in node.body if not is_text(line)]
    return ast.dump(tree)


def is_text(node: ast.AST) -> bool:
    """Tell whether a statement is a string and nothing else."""
    constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return constant and isinstance(node.value.value, str)
