"""Fuzzing that is guided by coverage: inputs that reach new code are kept and mutated further.

    python benchmarks/fuzz_coverage.py images --minutes 30 --work fuzz/
    python benchmarks/fuzz_coverage.py containers --minutes 30 --work fuzz/
    python benchmarks/fuzz_coverage.py fingerprints --minutes 30 --work fuzz/
    python benchmarks/fuzz_coverage.py patterns --minutes 30 --work fuzz/
    python benchmarks/fuzz_coverage.py cases --minutes 30 --work fuzz/
    python benchmarks/fuzz_coverage.py report --work fuzz/

needs the package ``atheris``, which has wheels for Linux on x86-64 alone and is therefore no part
of the development extra. Instrumented are fp's own modules behind each door and the Python code of
Pillow, pypdf and h5py that they call; the decoders in C are not. The seeds and half of the
mutations are those of `fuzz.py`, the other half libFuzzer's own.

The corpus that was found stays in the work folder, and the next call goes on from it. An answer
that no door promises is kept with its input under ``wrong/``, and so is what ended the process,
took longer than ten seconds of the processor or ten minutes of the clock, or more than two
gigabytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from damages import with_checksums
from doors import DOORS
from fuzz import MEMORY, PATIENCE
from PIL import Image
from sections import publish

_PROGRESS = re.compile(r"#(\d+)\s+(\w+)\s+cov: (\d+) ft: (\d+) corp: (\d+)")
_PIECE = 600  # seconds of one process: what an interruption costs, and what is a hang for certain
_SHORTEST = 30  # seconds; a process that lasts less has not begun


# --- the process that is fuzzed ---


def ask(door: str, path: Path, content: bytes) -> str:
    """Return what a door says of a file; metadata are read of every file."""
    path.write_bytes(content)
    if door != "images":
        return DOORS[door].through(path)
    from fp.images.claims import read_claims
    from fp.images.loading import image_size, read_container
    from fp.system.errors import ImageError

    try:
        lines = [claim.line for claim in read_claims(content)]
    except BaseException as error:
        return f"fault: read_claims: {type(error).__name__}: {error}"[:300]
    if not all(line.isprintable() and len(line) < 500 for line in lines):
        return "fault: a claim that is no line"
    for read in (image_size, read_container):
        with contextlib.suppress(ImageError):
            try:
                read(path)
            except ImageError:
                raise
            except BaseException as error:
                return f"fault: {read.__name__}: {type(error).__name__}: {error}"[:300]
    return DOORS[door].through(path)


def mutator(
    door: str, seeds: list[bytes], path: Path, own: Callable[[bytes, int], bytes]
) -> Callable[[bytes, int, int], bytes]:
    """Return a mutator that knows the damages of its door, and checksums; `own` is libFuzzer's."""

    def mutated(content: bytes, longest: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.5:
            made = own(content, longest)
        else:
            try:
                DOORS[door].damage(content, seeds, path, rng)
                made = path.read_bytes()
            except Exception:  # what was damaged before has no structure left to change
                made = own(content, longest)
        if door == "images" and rng.random() < 0.8:
            made = with_checksums(made)
        return made if len(made) <= longest else own(content, longest)

    return mutated


def serve(door: str, work: Path, seconds: int, seed: int) -> None:
    """Fuzz until the time is over or an input ends the process."""
    import atheris

    told = DOORS[door]
    with atheris.instrument_imports(include=list(told.packages), enable_loader_override=False):
        for name in told.packages:
            import_module(name)
        import_module("fp.images.loading")
        told.through(Path(os.devnull))  # imports the rest of what it uses
        Image.init()
    seeds = told.seeds()
    corpus, wrong = work / "corpus", work / "wrong"
    for folder in (corpus, wrong):
        folder.mkdir(parents=True, exist_ok=True)
    for content in seeds:
        (corpus / hashlib.sha1(content, usedforsecurity=False).hexdigest()).write_bytes(content)
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        path = Path(folder) / f"input{told.suffix}"

        def own(content: bytes, longest: int) -> bytes:
            return atheris.Mutate(content, longest)  # another function once Fuzz() has begun

        def one(content: bytes) -> None:
            began = time.process_time()
            said = ask(door, path, content)
            if time.process_time() - began > PATIENCE:
                said = "fault: too slow"
            if said.startswith("fault"):
                name = hashlib.sha256(said.encode()).hexdigest()[:16]
                if not (wrong / name).exists():
                    (wrong / name).write_bytes(content)
                    with (wrong / "told.txt").open("a") as listing:
                        listing.write(f"{name} {said}\n")

        atheris.Setup(
            [
                sys.argv[0],
                str(corpus),
                f"-artifact_prefix={wrong}/",
                f"-max_len={told.longest}",
                f"-max_total_time={seconds}",
                f"-rss_limit_mb={MEMORY // 2**20}",
                f"-timeout={_PIECE}",
                f"-report_slow_units={_PIECE}",
                f"-seed={seed}",
                "-len_control=0",
                "-print_final_stats=1",
            ],
            one,
            custom_mutator=mutator(door, seeds, Path(folder) / "mutated", own),
        )
        atheris.Fuzz()


# --- the commands ---


@click.group()
def group() -> None:
    """Fuzz the doors of fp, guided by coverage."""


@group.command("serve", hidden=True)
@click.argument("door")
@click.argument("work", type=click.Path(path_type=Path))
@click.argument("seconds", type=int)
@click.argument("seed", type=int)
def serve_command(door: str, work: Path, seconds: int, seed: int) -> None:
    """Fuzz in this process."""
    serve(door, work, seconds, seed)


def run_door(door: str, minutes: float, seed: int, work: Path) -> None:
    """Fuzz for some minutes of the processor, in a new process whenever one has ended."""
    place = work / f"coverage-{door}"
    place.mkdir(parents=True, exist_ok=True)
    left = minutes * 60
    while left > 1:
        number = len(runs_of(place))
        log = place / f"log-{number}.txt"
        piece = min(left + 1, _PIECE)
        command = [sys.executable, __file__, "serve", door, str(place), f"{piece:.0f}"]
        before, started = children_seconds(), time.monotonic()
        with log.open("wb") as file:
            ended = subprocess.run(
                [*command, str(seed + number)],
                stdout=subprocess.DEVNULL,
                stderr=file,
                check=False,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            ).returncode
        spent = children_seconds() - before
        found = [tuple(m) for m in _PROGRESS.findall(log.read_text("utf-8", "replace"))]
        if not found and time.monotonic() - started < _SHORTEST:
            raise click.ClickException(f"the process that is fuzzed does not start: see {log}")
        left -= spent
        begun = [entry for entry in found if entry[1] == "INITED"]
        row = {
            "executions": int(found[-1][0]) if found else 0,
            "seconds": spent,
            "code": ended,
            "edges_of_seeds": int(begun[0][2]) if begun else 0,
            "edges": int(found[-1][2]) if found else 0,
            "features": int(found[-1][3]) if found else 0,
            "inputs": int(found[-1][4]) if found else 0,
        }
        with (place / "runs.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        click.echo(f"{door}: {json.dumps(row)}")
    for line in told(door, work):
        click.echo(line)


def children_seconds() -> float:
    """Return the processor time of all processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def runs_of(place: Path) -> list[dict[str, float]]:
    """Read what earlier processes came to."""
    journal = place / "runs.jsonl"
    text = journal.read_text() if journal.exists() else ""
    return [json.loads(line) for line in io.StringIO(text)]


for _door in DOORS:

    def _command(minutes: float, seed: int, work: Path, door: str = _door) -> None:
        """Fuzz a door for some minutes of the processor."""
        run_door(door, minutes, seed, work)

    for _option in (
        click.option("--minutes", default=30.0, show_default=True),
        click.option("--seed", default=1, show_default=True),
        click.option("--work", type=click.Path(path_type=Path), required=True),
    ):
        _command = _option(_command)
    group.command(_door)(_command)


def told(door: str, work: Path) -> list[str]:
    """Return the row of a door in the table."""
    place = work / f"coverage-{door}"
    rows = runs_of(place)
    if not rows:
        return []
    kept = [path.name for path in (place / "wrong").iterdir()]
    crashes = sum(name.startswith(("crash-", "oom-")) for name in kept)
    hangs = sum(name.startswith("timeout-") for name in kept)
    faults = sum(re.fullmatch("[0-9a-f]{16}", name) is not None for name in kept)
    return [
        f"| {door} | {sum(row['executions'] for row in rows):,.0f} "
        f"| {sum(row['seconds'] for row in rows) / 60:.0f} min | {rows[0]['edges_of_seeds']} "
        f"| {rows[-1]['edges']} | {rows[-1]['features']} | {rows[-1]['inputs']} "
        f"| {crashes} | {hangs} | {faults} |"
    ]


@group.command("report")
@click.option("--work", type=click.Path(path_type=Path), required=True)
@click.option("--commit", help="What was measured, where it is not the present commit.")
def report_command(work: Path, commit: str | None) -> None:
    """Write the counts into docs/reliability.md."""
    lines = [
        "| door | executions | processor | edges, seeds alone | edges | features | inputs kept "
        "| crashes | hangs | faults |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for door in DOORS:
        lines += told(door, work)
    command = f"python benchmarks/fuzz_coverage.py report --work {work.name}/"
    publish("fuzz-coverage", command, "\n".join(lines), commit)


if __name__ == "__main__":
    group()
