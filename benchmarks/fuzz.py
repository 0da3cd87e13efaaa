"""Mutated files through each door of `doors.py`.

    python benchmarks/fuzz.py images --count 10000 --work fuzz/
    python benchmarks/fuzz.py containers --count 10000 --work fuzz/
    python benchmarks/fuzz.py fingerprints --count 10000 --work fuzz/
    python benchmarks/fuzz.py patterns --count 10000 --work fuzz/
    python benchmarks/fuzz.py cases --count 10000 --work fuzz/
    python benchmarks/fuzz.py command --work fuzz/
    python benchmarks/fuzz.py report --work fuzz/

Mutant k of a seed is always the same bytes. Each goes through its door in another process with a
limit on memory; one that takes longer than ten seconds of the processor, or a minute of the clock,
counts as a hang, one that ends the process as a crash, and an exception that the door does not
promise as a fault. Every fiftieth is a file that nothing was done to and must give what it always
gives. Finished mutants are kept in the work folder, so that an interrupted run goes on; those that
did wrong are kept there as files.
"""

from __future__ import annotations

import json
import os
import random
import resource
import select
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import click
from damages import damage
from doors import DOORS
from sections import publish
from seeds import image_seeds

PATIENCE = 10.0
STUCK = 60.0  # of the clock, on a machine that may be busy with other things
MEMORY = 2 * 2**30
GOOD_EVERY = 50


# --- the process that looks ---


def look(door: str, seeds: list[bytes], seed: int, number: int, path: Path) -> tuple[str, str]:
    """Make a mutant and give what its door says of it."""
    rng = random.Random(f"{door} {seed} {number}")
    content = rng.choice(seeds)
    good = number % GOOD_EVERY == 0
    if good:
        path.write_bytes(seeds[(number // GOOD_EVERY) % len(seeds)])
    else:
        DOORS[door].damage(content, seeds, path, rng)
    return ("good" if good else "mutant"), DOORS[door].through(path)


def serve(door: str, seed: int, path: Path) -> None:
    """Answer numbers of mutants, a line each, until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY + 2**30, MEMORY + 2**30))
    seeds = DOORS[door].seeds()
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # decoders complain there
    for line in sys.stdin:
        started = time.process_time()
        kind, said = look(door, seeds, seed, int(line), path)
        seconds = time.process_time() - started
        if seconds > PATIENCE:
            said = "hang"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        os.write(out, (json.dumps([kind, said, seconds, peak]) + "\n").encode())


class Looker:
    """The process behind a door, started again whenever it dies."""

    def __init__(self, door: str, seed: int, path: Path) -> None:
        self._command = [sys.executable, __file__, "serve", door, str(seed), str(path)]
        self._process: subprocess.Popen[bytes] | None = None
        self._answered = False

    def __call__(self, number: int) -> list[object]:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
            )
            patience = 2 * STUCK  # its start is not the mutant's affair
        else:
            patience = STUCK
        process = self._process
        started = time.monotonic()
        try:
            process.stdin.write(f"{number}\n".encode())
            ready, _, _ = select.select([process.stdout], [], [], patience)
            line = process.stdout.readline() if ready else b""
        except BrokenPipeError:
            ready, line = [True], b""
        if line:
            self._answered = True
            return json.loads(line)
        self.close()
        if not self._answered:
            raise click.ClickException("the process behind the door does not start")
        told = f"crash: exit {process.returncode}" if ready else "hang"
        return ["mutant", told, time.monotonic() - started, 0]

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


# --- the commands ---


@click.group()
def group() -> None:
    """Fuzz the doors of fp."""


@group.command("serve", hidden=True)
@click.argument("door")
@click.argument("seed", type=int)
@click.argument("path", type=click.Path(path_type=Path))
def serve_command(door: str, seed: int, path: Path) -> None:
    """Answer for another process."""
    serve(door, seed, path)


def run_door(door: str, count: int, seed: int, work: Path) -> None:
    work.mkdir(parents=True, exist_ok=True)
    journal, kept = work / f"{door}-{seed}.jsonl", work / "wrong"
    done = {}
    if journal.exists():
        text = journal.read_text()
        lines = text[: text.rfind("\n") + 1].splitlines()  # a kill tears the last one
        journal.write_text("".join(line + "\n" for line in lines))
        done = {row[0] for row in map(json.loads, lines)}
    path = work / f".{door}-{seed}.mutant{DOORS[door].suffix}"
    looker = Looker(door, seed, path)
    with journal.open("a") as file:
        for number in range(count):
            if number in done:
                continue
            answer = looker(number)
            file.write(json.dumps([number, *answer]) + "\n")
            file.flush()
            if answer[1].startswith(("fault", "crash", "hang")):
                kept.mkdir(exist_ok=True)
                if path.exists():
                    shutil.copy(path, kept / f"{door}-{seed}-{number}")
                click.echo(f"{door} {number}: {answer[1]}", err=True)
    looker.close()
    path.unlink(missing_ok=True)
    for line in told(door, work):
        click.echo(line)


for _door in DOORS:

    def _command(count: int, seed: int, work: Path, door: str = _door) -> None:
        """Send mutants through a door."""
        run_door(door, count, seed, work)

    for _option in (
        click.option("--count", default=10_000, show_default=True),
        click.option("--seed", default=0, show_default=True),
        click.option("--work", type=click.Path(path_type=Path), required=True),
    ):
        _command = _option(_command)
    group.command(_door)(_command)


def told(door: str, work: Path) -> list[str]:
    """Count what a door said."""
    rows = []
    for journal in sorted(work.glob(f"{door}-*.jsonl")):
        rows += [json.loads(line) for line in journal.read_text().splitlines()]
    if not rows:
        return []
    seeds = len(DOORS[door].seeds())
    goods: dict[int, set[str]] = {}
    counts: Counter[str] = Counter()
    for number, kind, said, _, _ in rows:
        if kind == "good":
            goods.setdefault(number // GOOD_EVERY % seeds, set()).add(said)
        else:
            counts[said.split(" ")[0].rstrip(":")] += 1
    wrong = [said for said in counts if said in ("fault", "crash", "hang")]
    steady = all(len(said) == 1 for said in goods.values())
    return [
        f"| {door}: mutants | {sum(counts.values())} |",
        *(f"| {said} | {n} |" for said, n in sorted(counts.items(), key=lambda item: -item[1])),
        f"| crashes, hangs, faults | {sum(counts[said] for said in wrong)} |",
        f"| files that nothing was done to, their answer the same every time | "
        f"{sum(kind == 'good' for _, kind, _, _, _ in rows)}, {'yes' if steady else 'NO'} |",
        f"| longest | {max(row[3] for row in rows):.2f} s |",
        f"| most memory of the process | {max(row[4] for row in rows) / 2**20:.0f} MiB |",
    ]


@group.command("command")
@click.option("--count", default=300, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--work", type=click.Path(path_type=Path), required=True)
def command_command(count: int, seed: int, work: Path) -> None:
    """Run ``fp detect`` over a folder of mutants with good files among them."""
    from commands import laboratory_in

    work = work.absolute()  # the command runs in a folder of it
    place = work / f"command-{seed}"
    shutil.rmtree(place, ignore_errors=True)
    lab = laboratory_in(place / "laboratory")
    seeds = image_seeds()
    shutil.copytree(lab.unknown, place / "alone")
    shutil.copytree(lab.unknown, place / "among")
    for number in range(count):
        rng = random.Random(f"images {seed} {number}")
        damage(rng.choice(seeds), seeds, place / "among" / f"mutant {number:05d}", rng)
    rows = {}
    for name in ("alone", "among"):
        ran = subprocess.run(
            [sys.executable, "-m", "fp.cli.main", "detect", lab.single, name, "-o", f"{name}.out"],
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE * count,
        )
        lines = (place / f"{name}.out" / "detections.jsonl").read_text("utf-8").splitlines()
        rows[name] = {
            row["path"].partition("/")[2]: {k: v for k, v in row.items() if k != "path"}
            for row in map(json.loads, lines)
        }
        click.echo(f"{name}: exit code {ran.returncode}, {len(lines)} rows")
        click.echo(ran.stderr, err=True)
    same = all(rows["among"][name] == row for name, row in rows["alone"].items())
    summary = {
        "mutants": count,
        "code": ran.returncode,
        "rows": len(rows["among"]),
        "good files": len(rows["alone"]),
        "same": same,
    }
    (work / "command.json").write_text(json.dumps(summary))
    click.echo(json.dumps(summary))


@group.command("report")
@click.option("--work", type=click.Path(path_type=Path), required=True)
@click.option("--commit", help="What was measured, where it is not the present commit.")
def report_command(work: Path, commit: str | None) -> None:
    """Write the counts into docs/reliability.md."""
    lines = ["| what | count |", "| --- | --- |"]
    for door in DOORS:
        lines += told(door, work)
    if (work / "command.json").exists():
        found = json.loads((work / "command.json").read_text())
        lines += [
            f"| `fp detect` over {found['mutants']} mutants and {found['good files']} good files | "
            f"exit code {found['code']}, {found['rows']} rows |",
            f"| rows of the good files as without mutants | {'yes' if found['same'] else 'NO'} |",
        ]
    command = f"python benchmarks/fuzz.py report --work {work.name}/"
    publish("fuzz", command, "\n".join(lines), commit)


if __name__ == "__main__":
    group()
