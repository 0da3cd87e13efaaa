"""SIGKILL at random moments of fp's commands, and what is there afterwards.

    python benchmarks/kills.py run --kills 80 --work kills/
    python benchmarks/kills.py report --work kills/

Each command runs undisturbed first. Then it is started again and again and killed with all its
processes: half of the kills at a moment drawn uniformly between the first trace that an undisturbed
run leaves on the disk and its end, the other half at one drawn from the time between its first and
its last result. Every fourth time the same command is let through and must come to the same bytes.
After each kill everything on the disk is checked. The seed fixes what is drawn; which instruction a
kill meets is up to the machine. Kills that were counted are kept in the work folder, so an
interrupted run goes on.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

import click
from sections import publish

PROJECT = Path(__file__).parent.parent
EPOCH = "1700000000"
BETWEEN = 4
"""Kills of one output before the command is let through to its end."""

TEMPORARY = re.compile(r"\..*\.[0-9a-f]{8}\.tmp", re.DOTALL)

sys.path.insert(0, str(PROJECT / "tests" / "kit"))


@dataclass(frozen=True)
class Subject:
    """A command, and how its results are looked at.

    Parameters
    ----------
    name : str
        What it is called in the counts.
    prepare : callable
        Makes the folder that the command works in, from nothing.
    arguments : tuple of str
        The command, given in that folder.
    check : callable
        Raises `AssertionError` where something on the disk is not whole; called after each kill
        with the folder and what it gave last, and gives the rows that were finished.
    results : callable
        Gives what must be the same as in an undisturbed run.
    output : str
        Where the results come to lie.
    finished : callable
        Whether a kill came after everything was written and before the process had ended.
    """

    name: str
    prepare: Callable[[Path], None]
    arguments: tuple[str, ...]
    check: Callable[[Path, list[bytes]], list[bytes]]
    results: Callable[[Path], dict[str, object]]
    output: str
    finished: Callable[[Path], bool]


# --- the commands ---


def files_in(folder: Path) -> dict[str, object]:
    """Return the content of all files but the record, which holds times and folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json" and path.suffix != ".json"
    }


def link(names: tuple[str, ...], source: Path) -> Callable[[Path], None]:
    """Put folders of the laboratory into the folder that a command works in."""

    def prepare(folder: Path) -> None:
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).symlink_to(source / name)

    return prepare


def check_cache(folder: Path) -> None:
    """Check that no residual that was kept is empty; the results tell whether it is right."""
    for path in (folder / "cache").glob("*/*.residual"):
        assert path.stat().st_size > 0, path


def check_extract(folder: Path, rows: list[bytes]) -> list[bytes]:
    from fp.fingerprint.store.bank import read_bank
    from fp.manifest import read_manifest

    kept = {str(p).encode() for p in (folder / "cache").glob("*/*.residual")}
    assert kept >= set(rows), "a residual was lost"
    check_cache(folder)
    if (folder / "f.h5").exists():
        read_bank(folder / "f.h5")
    if (folder / "f.h5.manifest.json").exists():
        read_manifest(folder / "f.h5.manifest.json")
    return sorted(kept)


def results_of_extract(folder: Path) -> dict[str, object]:
    from fp.fingerprint.store.bank import read_bank

    (found,) = read_bank(folder / "f.h5")
    listing = (folder / "f.h5.inputs.jsonl").read_bytes()
    record = verify(folder, "f.h5.manifest.json")
    names = sorted(p.name for p in folder.iterdir() if not p.is_symlink() and p.name != "cache")
    content = (folder / "f.h5").read_bytes()
    return {"uuid": found.uuid, "f.h5": content, "inputs": listing, "files": names, **record}


def journal_rows(journal: Path) -> list[bytes]:
    lines = journal.read_bytes().splitlines(keepends=True) if journal.exists() else []
    return [line for line in lines if line.endswith(b"\n")]


def check_tables(output: Path, rows: list[bytes]) -> list[bytes]:
    """Check rows of a journal, or tables that are whole."""
    from fp.runs.collecting import JOURNAL

    found = journal_rows(output / JOURNAL)
    if (output / JOURNAL).exists():
        assert found[: len(rows)] == rows, "a finished row was lost"
    else:
        assert not rows or (output / "manifest.json").exists(), "the journal was lost"
        found = rows
    table = output / "detections.jsonl"
    if table.exists():
        for line in table.read_text("utf-8").splitlines():
            json.loads(line)
    return found


def verify(folder: Path, name: str) -> dict[str, object]:
    found = fp(folder, "verify", name)
    return {"verify": found.returncode}


def check_lineage(folder: Path, rows: list[bytes]) -> list[bytes]:
    kept = {str(p).encode() for p in (folder / "cache").glob("*/*.residual")}
    assert kept >= set(rows), "a residual was lost"
    check_cache(folder)
    for path in (folder / "out").glob("*"):
        if not TEMPORARY.fullmatch(path.name):
            whole = path.read_bytes()
            assert whole, path
            if path.suffix == ".json":
                json.loads(whole)
            if path.suffix == ".png":
                assert whole.endswith(b"IEND\xaeB`\x82"), path
    return sorted(kept)


def results_in(output: str) -> Callable[[Path], dict[str, object]]:
    def results(folder: Path) -> dict[str, object]:
        names = sorted(p.name for p in (folder / output).iterdir())
        return {**files_in(folder / output), "files": names, **verify(folder, output)}

    return results


def check_case(folder: Path, rows: list[bytes]) -> list[bytes]:
    from fp.case import read_log

    entries = [json.dumps(entry).encode() for entry in read_log(folder / "case")]
    heads = [row for row in rows if row.startswith(b"{")]
    assert entries[: len(heads)] == heads, "an entry of the log was lost"
    return entries


def check_case_run(folder: Path, rows: list[bytes]) -> list[bytes]:
    check_case(folder, [])
    return check_tables(folder / "case" / "runs" / "R01", rows)


def results_of_case(folder: Path) -> dict[str, object]:
    from fp.case import read_log

    told = ("exhibit", "file_sha256", "pixels_sha256", "run", "exhibits", "bank", "kind")
    entries = [{key: entry.get(key) for key in told} for entry in read_log(folder / "case")]
    files = files_in(folder / "case")
    files.pop("log.jsonl")
    return {**files, "entries": entries, **verify(folder, "case")}


def subjects(lab: Path) -> list[Subject]:
    """List the commands, the inputs being in the laboratory."""
    from fp.case import read_log

    one = ("--jobs", "1")
    extract = ("--generated", "made0", "--real", "real", "--folds", "3", "--null", "20")
    extract += ("--name", "g")
    lineage = ("--images", "generated", "--real", "reference", "--samples", "20")
    wavelet = ("--denoiser", "wavelet")

    def with_case(folder: Path) -> None:
        link(("unknown", "bank.h5"), lab)(folder)
        fp(folder, "case", "init", "case", "--title", "kills").check_returncode()

    def with_exhibits(folder: Path) -> None:
        with_case(folder)
        fp(folder, "case", "add", "case", "unknown").check_returncode()

    return [
        Subject(
            "extract",
            link(("made0", "real"), lab),
            ("extract", *extract, "-o", "f.h5", *one),
            check_extract,
            results_of_extract,
            "f.h5",
            lambda folder: (folder / "f.h5.manifest.json").exists(),
        ),
        Subject(
            "detect",
            link(("unknown", "bank.h5"), lab),
            ("detect", "bank.h5", "unknown", "-o", "out", "--resume", *one),
            lambda folder, rows: check_tables(folder / "out", rows),
            results_in("out"),
            "out",
            lambda folder: (folder / "out" / "manifest.json").exists(),
        ),
        Subject(
            "lineage",
            link(("generated", "reference"), lab),
            ("lineage", *lineage, *wavelet, "-o", "out", *one),
            check_lineage,
            results_in("out"),
            "out",
            lambda folder: (folder / "out" / "manifest.json").exists(),
        ),
        Subject(
            "case add",
            with_case,
            ("case", "add", "case", "unknown"),
            check_case,
            results_of_case,
            "case/exhibits",
            lambda folder: False,  # exhibits that are known may always be added again
        ),
        Subject(
            "case run",
            with_exhibits,
            ("case", "run", "case", "bank.h5", *one),
            check_case_run,
            results_of_case,
            "case/runs",
            lambda folder: any(e["kind"] == "run" for e in read_log(folder / "case")),
        ),
    ]


# --- running and killing ---


def environment(folder: Path) -> dict[str, str]:
    own = {"OMP_NUM_THREADS": "1", "SOURCE_DATE_EPOCH": EPOCH, "FP_CACHE": str(folder / "cache")}
    return {**os.environ, **own}


def fp(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "fp.cli.main", *arguments],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )


@contextlib.contextmanager
def started(folder: Path, arguments: tuple[str, ...]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "fp.cli.main", *arguments],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def trace(folder: Path) -> tuple[int, int]:
    """Return a figure that changes with the first thing that a command leaves."""
    paths = [path for path in folder.rglob("*") if not path.is_symlink()]
    return len(paths), sum(path.lstat().st_mtime_ns for path in paths if path.exists())


def written(subject: Subject, folder: Path) -> set[str]:
    """Return what lies in the output: results, and those that are being written."""
    output = folder / subject.output
    found = output.rglob("*") if output.is_dir() else folder.glob(f"*{output.name}*")
    names = [path.name for path in found]
    return {name for name in names if TEMPORARY.fullmatch(name) or is_result(name)}


def is_result(name: str) -> bool:
    """Return whether a file is a result: neither hidden nor the journal of a run that goes on."""
    from fp.runs.collecting import JOURNAL

    return name[0] != "." and name != JOURNAL


@dataclass(frozen=True)
class Pace:
    """Seconds of an undisturbed run to its first trace on the disk, first and last result, end."""

    first: float
    result: float
    last: float
    end: float

    def faster(self) -> Pace:
        """Return the pace of a machine that has less to do."""
        return Pace(*(0.9 * seconds for seconds in astuple(self)))


def timed(subject: Subject, folder: Path) -> Pace:
    """Run a command undisturbed."""
    before, there, begun = trace(folder), written(subject, folder), time.monotonic()
    first = result = last = None
    with started(folder, subject.arguments) as process:
        while process.poll() is None:
            with contextlib.suppress(FileNotFoundError):
                if first is None and trace(folder) != before:
                    first = time.monotonic() - begun
                if result is None and written(subject, folder) - there:
                    result = time.monotonic() - begun
                if result is not None and last is None and subject.finished(folder):
                    last = time.monotonic() - begun
            time.sleep(0.002)
        end = time.monotonic() - begun
    if process.returncode:
        raise click.ClickException(f"fp {subject.name} ended with {process.returncode}")
    result = result if result is not None else 0.9 * end
    last = last if last is not None else end
    return Pace(first if first is not None else result, result, last, end)


def until_killed(subject: Subject, folder: Path, late: bool, share: float, pace: Pace) -> bool:
    """Start a command and kill it; whether it was killed before it had ended."""
    there = written(subject, folder)
    with started(folder, subject.arguments) as process:
        wait = pace.first + share * (pace.end - pace.first)
        if late:
            while process.poll() is None and not written(subject, folder) - there:
                time.sleep(0.001)
            wait = share * (pace.last - pace.result)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(wait)
            return False
        os.killpg(process.pid, signal.SIGKILL)
        return process.wait() == -signal.SIGKILL


def left(subject: Subject, folder: Path) -> str:
    """Return in a word what a kill left."""
    if subject.finished(folder):
        return "everything"
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    if any(TEMPORARY.fullmatch(path.name) for path in files):
        return "a temporary file"
    output = folder / subject.output
    results = [path for path in files if path.is_relative_to(output)]
    return "results" if any(is_result(path.name) for path in results) else "work"


def kill_subject(subject: Subject, kills: int, seed: int, work: Path) -> None:
    """Kill a command until so many kills are counted, all told."""
    slug = subject.name.replace(" ", "-")
    journal = work / f"{slug}.jsonl"
    lines = journal.read_text().splitlines() if journal.exists() else []
    rows = [json.loads(line) for line in lines]
    counted = sum("left" in row for row in rows)
    if counted >= kills:
        return
    whole = work / f"{slug}.whole"
    shutil.rmtree(whole, ignore_errors=True)
    subject.prepare(whole)
    pace = timed(subject, whole)
    if not counted:  # the first run of all also compiles what is compiled
        shutil.rmtree(whole)
        subject.prepare(whole)
        pace = timed(subject, whole)
    expected = subject.results(whole)
    if expected["verify"] != 0:
        raise click.ClickException(f"{subject.name}: fp verify gives {expected['verify']}")
    rng = random.Random(f"{subject.name} {seed} {counted}")
    folder = work / f"{slug}.killed"
    fresh = True
    done: list[bytes] = []
    since = 0
    with journal.open("a") as file:

        def write(row: dict[str, object]) -> None:
            file.write(json.dumps(row) + "\n")
            file.flush()

        while counted < kills or since:
            if fresh:
                shutil.rmtree(folder, ignore_errors=True)
                subject.prepare(folder)
                fresh, done, since = False, [], 0
            late, share = rng.random() < 0.5, rng.random()
            through = since == BETWEEN or counted >= kills
            if through:
                ended = fp(folder, *subject.arguments)
                killed = False
            else:
                killed = until_killed(subject, folder, late, share, pace)
            if not killed and not since and not through:
                # It ended before its kill: the machine is faster now than when it was timed.
                pace = pace.faster()
                fresh = True
                continue
            fault = None
            try:
                done = subject.check(folder, done)
            except Exception as error:
                fault = f"{type(error).__name__}: {error}"
            if killed:
                counted, since = counted + 1, since + 1
                write({"left": left(subject, folder), "late": late, "fault": fault})
                if fault:
                    click.echo(f"{subject.name}, kill {counted}: {fault}", err=True)
                    shutil.copytree(folder, work / f"{slug}.fault-{counted}", symlinks=True)
                    fresh = True
                if fault or not subject.finished(folder):
                    continue
            if through and ended.returncode:
                differing = [f"exit code {ended.returncode}: {ended.stderr}"]
            else:
                got = subject.results(folder)
                differing = [k for k in {*expected, *got} if expected.get(k) != got.get(k)]
            write({"ended": since, "differing": sorted(differing)})
            if differing:
                click.echo(f"{subject.name}, after {since} kills: {differing}", err=True)
                place = work / f"{slug}.differs-{counted}"
                shutil.copytree(folder, place, symlinks=True, dirs_exist_ok=True)
            fresh, since = True, 0
    for line in told_of(subject.name, work):
        click.echo(line)


def make_laboratory(lab: Path) -> None:
    """Draw the pictures, and make the fingerprint that detection uses."""
    if (lab / "bank.h5").exists():
        return
    from commands import laboratory_in
    from family_tree import write_tree

    shutil.rmtree(lab, ignore_errors=True)
    found = laboratory_in(lab)
    tree = lab / "tree"
    write_tree(tree, images=16)
    (lab / "generated").symlink_to(tree / "generated")
    (lab / "reference").symlink_to(tree / "real")
    found.small.rename(lab / "bank.h5")


@click.group()
def group() -> None:
    """Kill fp's commands."""


@group.command("run")
@click.option("--kills", default=80, show_default=True, help="All told.")
@click.option("--seed", default=0, show_default=True)
@click.option("--work", type=click.Path(path_type=Path), required=True)
def run_command(kills: int, seed: int, work: Path) -> None:
    """Kill each command in turn."""
    work = work.resolve()
    os.environ["SOURCE_DATE_EPOCH"] = EPOCH
    make_laboratory(work / "laboratory")
    listed = subjects(work / "laboratory")
    for subject in listed:
        kill_subject(subject, -(-kills // len(listed)), seed, work)


STAGES = ("work", "a temporary file", "results", "everything")
NAMES = ("extract", "detect", "lineage", "case add", "case run")


def told_of(name: str, work: Path) -> list[str]:
    """Count what came of the kills of a command, as a row of a table."""
    journal = work / f"{name.replace(' ', '-')}.jsonl"
    if not journal.exists():
        return []
    rows = [json.loads(line) for line in journal.read_text().splitlines()]
    kills = [row for row in rows if "left" in row]
    ends = [row for row in rows if row.get("ended")]
    stages = Counter(row["left"] for row in kills)
    faults = sum(row["fault"] is not None for row in kills)
    differing = sum(bool(row["differing"]) for row in ends)
    stage = [str(stages[name]) for name in STAGES]
    cells = (f"`fp {name}`", len(kills), *stage, faults, len(ends), differing)
    return ["| " + " | ".join(map(str, cells)) + " |"]


@group.command("report")
@click.option("--work", type=click.Path(path_type=Path), required=True)
@click.option("--commit", help="What was measured, where it is not the present commit.")
def report_command(work: Path, commit: str | None) -> None:
    """Write the counts into docs/reliability.md."""
    lines = [
        "| command | kills | while it worked | within a file | between two results | after the "
        "last | something lost or unreadable | ends compared | other than undisturbed |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in NAMES:
        lines += told_of(name, work)
    command = f"python benchmarks/kills.py report --work {work.name}/"
    publish("kills", command, "\n".join(lines), commit)


if __name__ == "__main__":
    group()
