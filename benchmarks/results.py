"""Make the tables of docs/ again, with the commands of docs/results/provenance.toml.

    python benchmarks/results.py run --fast
    python benchmarks/results.py run
    python benchmarks/results.py put photographs table.md
    python benchmarks/results.py take photographs
    python benchmarks/results.py show
    python benchmarks/results.py age

`run` goes through the rows that say how long they take, in their order, and skips with a sentence
what lacks its data. What a command prints is kept in a folder of the present code, so that an
interrupted run goes on where it was. Commands with `--section` put their tables into the pages;
the tables of others are cut by hand, and `put` enters them. Both write the numbers as CSV. `take`
does so for a table that stands in its page already. `show` makes the tables and figures of all
pages from the CSV again. `age` marks the tables whose code has changed.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import click
from sections import PROJECT, Row, git, mark_older, publish, read_rows, show_pages, take_tables

DATA = "../shared/corpus"
ZOOS = {"zoo.py": ("zoo-", "tree.json"), "zoo_sampling.py": ("sampling-", "plan.json")}
"""What trains a zoo, how the zoo's name begins, and the file that is written last."""


@click.group()
def main() -> None:
    """Make the tables of the pages again."""


@main.command()
@click.option("--fast", is_flag=True, help="Only what takes minutes.")
@click.option("--work", type=click.Path(path_type=Path), help="Where finished work is kept.")
def run(fast: bool, work: Path | None) -> None:
    """Run the commands of the rows in their order."""
    work = (work or PROJECT / ".work" / "results" / present_code()).absolute()
    corpus = os.environ.get("FP_CORPUS", str((PROJECT / DATA).resolve()))
    environment = {**os.environ, "FP_WORK": str(work), "FP_CORPUS": corpus}
    seen: set[tuple[str, ...]] = set()
    failed = []
    for section, row in read_rows().items():
        if not row.takes or (fast and row.takes != "minutes") or row.commands in seen:
            continue
        seen.add(row.commands)
        if missing := lacks(row, environment):
            click.echo(f"{section}: skipped, {missing}")
            continue
        for number, command in enumerate(row.commands, 1):
            kept = work / "printed" / f"{section}-{number}.txt"
            if kept.exists():
                click.echo(f"{section}: {kept} is there already")
                continue
            click.echo(f"{section}: {command}")
            if not done(arguments_of(command, environment), kept, environment):
                failed.append(section)
                break
    if failed:
        raise click.ClickException(f"{', '.join(failed)} failed; what they said stands above.")


def present_code() -> str:
    """Return the last commit that changed anything but pages and tests."""
    paths = (".", ":!docs", ":!tests", ":!*.md")
    return git("log", "-1", "--format=%h", "--", *paths).strip() or "unknown"


def lacks(row: Row, environment: dict[str, str]) -> str:
    """Return what a row's commands need and do not have, or nothing."""
    for need in row.needs:
        if need == "corpus":
            if not Path(environment["FP_CORPUS"], "real").is_dir():
                return "FP_CORPUS names no corpus"
        elif need == "zoos":
            words = [word for command in row.commands for word in shlex.split(command)]
            for program, (begin, done) in ZOOS.items():
                for zoo in (word for word in words if word.startswith(begin)):
                    if not (PROJECT / ".work" / "zoo" / zoo / done).is_file():
                        number = zoo.removeprefix(begin)
                        return f"make it first: python benchmarks/{program} --seed {number}"
        elif need not in environment:
            return f"the variable {need} must name it"
    return ""


def arguments_of(command: str, environment: dict[str, str]) -> list[str]:
    """Return a row's command as it runs here, with the paths of this machine."""
    known = {DATA: environment["FP_CORPUS"], "python": sys.executable}
    for name in ("DATASET", "BANK"):
        known |= {name: environment.get(name, name), f"{name}.h5": environment.get(name, name)}
    work = environment["FP_WORK"]
    words = [
        work + word.removeprefix(".work") if word.startswith(".work/") else known.get(word, word)
        for word in shlex.split(command)
    ]
    return [sys.executable, "-m", "fp.cli.main", *words[1:]] if words[0] == "fp" else words


def done(arguments: list[str], kept: Path, environment: dict[str, str]) -> bool:
    """Run a command, keep what it prints if it succeeds, and tell whether it did."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(".part")
    with part.open("w") as file:
        ended = subprocess.run(
            arguments, cwd=PROJECT, env=environment, stdout=file, check=False
        ).returncode
    if ended == 0:
        part.rename(kept)
    return ended == 0


@main.command()
@click.argument("section")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--command", "commands", multiple=True, help="What made it, if not as in its row.")
@click.option("--commit", help="Commit of the code that made it, if not the present one.")
def put(section: str, file: click.utils.LazyFile, commands: tuple[str, ...], commit: str) -> None:
    """Put the table of FILE into SECTION, and set the section's row anew."""
    publish(section, commands or read_rows()[section].commands, file.read().strip(), commit)


@main.command()
@click.argument("sections", nargs=-1, required=True)
def take(sections: tuple[str, ...]) -> None:
    """Take the tables of SECTIONS into CSV as the pages show them, after a page was edited."""
    for section in sections:
        take_tables(section)


@main.command()
def show() -> None:
    """Make the tables and figures of all pages from their CSV again."""
    changed = show_pages()
    click.echo(f"changed: {', '.join(changed)}" if changed else "every page shows its CSV")


@main.command()
def age() -> None:
    """Mark the tables whose code has changed since they were made."""
    marked = mark_older()
    click.echo(f"older than the code: {', '.join(marked)}" if marked else "no table has aged")


if __name__ == "__main__":
    main()
