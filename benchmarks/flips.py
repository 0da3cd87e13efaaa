"""Single flipped bits anywhere in a case, an archive or a run, and entries out of their place.

    python benchmarks/flips.py run --flips 1000 --work flips/
    python benchmarks/flips.py report --work flips/

A case with exhibits of every format, two runs and a report is made, exported, and copied beside a
plain ``fp detect``. Then one thing at a time is changed, ``fp verify`` is asked, and the change is
undone: a bit of a file, every file at least `LEAST` times; an entry of the log removed, repeated or
exchanged with the next; a file removed or added. Found is what ends with exit code 5, or with 4
where the record itself is gone. Before, between and after, the undamaged whole must verify.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from sections import publish
from seeds import image_seeds

LEAST = 4
"""Flips of each file, however small its share of all bits."""

_KINDS = (
    ("exhibits/", "exhibits"),
    ("banks/", "fingerprints"),
    ("manifest.json", "manifests"),
    ("inputs.jsonl", "lists of inputs"),
    ("detections", "tables"),
    ("attributions", "tables"),
    ("log.jsonl", "log"),
    ("report.html", "report"),
    ("case.zip", "archive"),
)


def kind_of(name: str) -> str:
    """Return what kind of file it is."""
    return next((kind for part, kind in _KINDS if part in name), "inputs of a run")


def made(work: Path) -> None:
    """Make the case, its archive and a run of its own."""
    from commands import environment, fp, laboratory_in

    lab = laboratory_in(work / "laboratory")
    seized = work / "seized"
    seized.mkdir()
    for number, content in enumerate(image_seeds()):
        (seized / f"seed {number:02d}").write_bytes(content)
    for path in sorted(lab.unknown.rglob("*"))[::4]:
        if path.is_file():
            shutil.copy(path, seized / path.name)
    case = work / "case"
    with environment(FP_CACHE=lab.cache):
        assert fp("case", "init", case, "--title", "Flips", "--examiner", "A").code == 0
        assert fp("case", "add", case, seized).code == 0
        assert fp("case", "note", case, "Received on a disk").code == 0
        assert fp("case", "run", case, lab.single, "--jobs", 1).code in (0, 3)
        assert fp("case", "run", case, lab.pair, "--fpr", 0.1, "--jobs", 1).code in (0, 3)
        assert fp("case", "export", case, "-o", work / "case.zip").code == 0
        shutil.copy(lab.pair, work / "bank.h5")
        run = ("detect", work / "bank.h5", seized, "-o", work / "run", "--jobs", 1)
        assert fp(*run).code in (0, 3)


def targets(work: Path) -> dict[Path, Path]:
    """Return every file with the place that ``fp verify`` is given for it."""
    found = {work / "case.zip": work / "case.zip", work / "bank.h5": work / "run"}
    for folder, asked in (("case", "case"), ("run", "run"), ("seized", "run")):
        for path in sorted((work / folder).rglob("*")):
            if path.is_file():
                found[path] = work / asked
    return found


def verify(place: Path) -> int:
    """Return the exit code of the command."""
    from commands import fp

    return fp("verify", place, "--jobs", 1).code


@contextmanager
def replaced(path: Path, content: bytes | None) -> Iterator[None]:
    """Put other bytes into a file, or none, and put back what was there."""
    before = path.read_bytes() if path.exists() else None
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    try:
        yield
    finally:
        if path.is_symlink() or before is None:
            path.unlink()
        if before is not None:
            path.write_bytes(before)


def flips(files: list[Path], count: int, rng: random.Random) -> Iterator[tuple[Path, int, int]]:
    """Draw places: every file some times, the rest by their share of the bytes."""
    sizes = [path.stat().st_size for path in files]
    drawn = [path for path in files for _ in range(LEAST)]
    drawn += rng.choices(files, sizes, k=max(0, count - len(drawn)))
    for path in drawn:
        yield path, rng.randrange(path.stat().st_size), rng.randrange(8)


def other_logs(log: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield logs with entries out of place; the last line, which counts them, is left."""
    *entries, end = log.splitlines(keepends=True)
    for place in range(len(entries)):
        before, here, after = entries[:place], entries[place : place + 1], entries[place + 1 :]
        yield "an entry removed", b"".join([*before, *after, end])
        yield "an entry repeated", b"".join([*before, *here, *here, *after, end])
        if after:
            yield "two entries exchanged", b"".join([*before, after[0], *here, *after[1:], end])
    yield "the last line removed", b"".join(entries)


def changes(work: Path, count: int, seed: int) -> Iterator[tuple[str, Path, Callable[[], object]]]:
    """Yield each change: its name, what is verified, and a context that makes it."""
    rng = random.Random(seed)
    asked = targets(work)
    files = list(asked)
    for path, place, bit in flips(files, count, rng):
        content = bytearray(path.read_bytes())
        content[place] ^= 1 << bit
        name = f"a bit: {kind_of(str(path.relative_to(work)))}"
        yield name, asked[path], lambda p=path, c=bytes(content): replaced(p, c)
    log = work / "case" / "log.jsonl"
    for name, content in other_logs(log.read_bytes()):
        yield name, work / "case", lambda c=content: replaced(log, c)
    for path in files:
        if path.suffix != ".zip":
            yield "a file removed", asked[path], lambda p=path: replaced(p, None)
    for folder in ("case", "case/exhibits", "case/runs/R01", "run"):
        place = work / folder / "added.txt"
        whole = work / folder.partition("/")[0]
        yield "a file added", whole, lambda p=place: replaced(p, b"x")


@click.group()
def group() -> None:
    """Change a case and ask whether that is found."""


@group.command("run")
@click.option("--flips", "count", default=1000, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--work", type=click.Path(path_type=Path), required=True)
def run_command(count: int, seed: int, work: Path) -> None:
    """Make the case, change it, and count what is found."""
    work = work.absolute()
    os.environ["OMP_NUM_THREADS"] = "1"
    if not (work / "run" / "manifest.json").exists():
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        made(work)
    journal = work / f"changes-{seed}.jsonl"
    lines = journal.read_text().splitlines() if journal.exists() else []
    wholes = [work / "case", work / "case.zip", work / "run"]
    with journal.open("a") as file:
        for number, (name, place, change) in enumerate(changes(work, count, seed)):
            if number < len(lines):
                continue
            if number % 100 == 0:
                assert [verify(whole) for whole in wholes] == [0, 0, 0], "not as it was"
            began = time.monotonic()
            with change():
                code = verify(place)
            file.write(json.dumps([name, code, time.monotonic() - began]) + "\n")
            file.flush()
            if not is_found(name, code):
                click.echo(f"{number}: {name}: exit code {code}", err=True)
    assert [verify(whole) for whole in wholes] == [0, 0, 0], "not as it was"
    for line in told(work):
        click.echo(line)


def is_found(name: str, code: int) -> bool:
    """Return whether an exit code tells of a change."""
    return code == 5 or (name == "a file removed" and code == 4)


def told(work: Path) -> list[str]:
    """Count by kind of change."""
    rows = [json.loads(line) for path in work.glob("changes-*.jsonl") for line in path.open()]
    done = Counter(name for name, _, _ in rows)
    found = Counter(name for name, code, _ in rows if is_found(name, code))
    return [
        "| change | done | found |",
        "| --- | --- | --- |",
        *(f"| {name} | {number} | {found[name]} |" for name, number in done.items()),
        f"| all | {done.total()} | {found.total()} |",
    ]


@group.command("report")
@click.option("--work", type=click.Path(path_type=Path), required=True)
@click.option("--commit", help="What was measured, where it is not the present commit.")
def report_command(work: Path, commit: str | None) -> None:
    """Write the counts into docs/reliability.md."""
    command = f"python benchmarks/flips.py report --work {work.name}/"
    publish("flips", command, "\n".join(told(work)), commit)


if __name__ == "__main__":
    group()
