"""State of a case: what was examined, what changed since, what is left to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fp.case.findings import rows_of
from fp.case.folder import Case, found_at, next_run
from fp.case.log import examine_log, well_formed
from fp.case.verification import verify_case
from fp.manifest.entry import Entry
from fp.manifest.verification import Check
from fp.manifest.writing import files_below
from fp.system.errors import FormatError
from fp.system.paths import display_path

_AS_RECORDED = "as recorded"
_NAMED = 5  # exhibits that a sentence names


@dataclass(frozen=True)
class ExhibitState:
    """An exhibit today.

    Parameters
    ----------
    exhibit, name : str
        Its number and its name.
    state : str
        ``as recorded``, or the kind of `Difference` that there is.
    runs : dict of str to str
        Decision of every run that tested it; empty text where its table cannot be read.
    """

    exhibit: str
    name: str
    state: str
    runs: dict[str, str]

    @property
    def as_recorded(self) -> bool:
        """Whether it is what it was when it was added."""
        return self.state == _AS_RECORDED


@dataclass(frozen=True)
class Status:
    """How a case stands.

    Parameters
    ----------
    title, examiner, begun : str
        As its first entry says.
    entries : int
        Number of entries in its log.
    last : str
        Hash of the last one.
    chain_holds : bool
        Whether the log is as fp wrote it.
    exhibits : tuple of ExhibitState
        All exhibits, by number.
    runs : tuple of str
        Names of the finished runs.
    differences : tuple of str
        What is not as recorded, a sentence each.
    open_steps : tuple of str
        What is left to do, a sentence each.
    """

    title: str
    examiner: str
    begun: str
    entries: int
    last: str
    chain_holds: bool
    exhibits: tuple[ExhibitState, ...]
    runs: tuple[str, ...]
    differences: tuple[str, ...]
    open_steps: tuple[str, ...]


def status_of(folder: Path, roots: tuple[tuple[str, str], ...] = ()) -> Status:
    """Return how a case stands, with every file hashed again.

    A broken log is read as far as it goes. `roots` are beginnings of recorded places with what
    stands there now. `InputError` if it is no case, `FormatError` if nothing of its log can be
    read.
    """
    entries, faults = examine_log(folder)
    sound = [e for n, e in enumerate(entries) if well_formed(e, first=n == 0)]
    if not sound or sound[0]["kind"] != "init":
        raise FormatError(f"{display_path(folder)} has a log whose first entry cannot be read.")
    case, first = Case(folder, sound), sound[0]
    unfinished = _unfinished(case)
    own = f"{display_path(folder / 'runs' / unfinished)}/" if unfinished else None
    differences = [
        found
        for found in verify_case(folder, Check(roots, pixels=False))
        if not (own and found.kind == "added" and found.path.startswith(own))
    ]
    exhibits = tuple(_exhibits(case, {d.path: d.kind for d in differences}, roots))
    return Status(
        title=first["title"],
        examiner=first["examiner"],
        begun=first["time_utc"],
        entries=len(entries),
        last=str(sound[-1].get("sha256")),
        chain_holds=not faults,
        exhibits=exhibits,
        runs=tuple(run["run"] for run in case.of("run")),
        differences=tuple(found.sentence for found in differences),
        open_steps=tuple(_open_steps(case, exhibits, unfinished)),
    )


def _exhibits(
    case: Case, kinds: dict[str, str], roots: tuple[tuple[str, str], ...]
) -> Iterator[ExhibitState]:
    tested: dict[str, dict[str, str]] = {}
    for run in case.of("run"):
        decisions = _decisions(case, run)
        for name in run["exhibits"]:
            tested.setdefault(name, {})[run["run"]] = decisions.get(name, "")
    for entry in case.of("exhibit"):
        place = found_at(case.folder, entry, roots)
        state = kinds.get(display_path(place), _AS_RECORDED)
        runs = tested.get(entry["exhibit"], {})
        yield ExhibitState(entry["exhibit"], entry["name"], state, runs)


def _decisions(case: Case, run: Entry) -> dict[str, str]:
    try:
        return {exhibit: str(row["decision"]) for exhibit, row in rows_of(case, run)}
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # what is wrong with the table stands among the differences


def _unfinished(case: Case) -> str | None:
    """Return the run that a command began and no entry records."""
    name = next_run(case)
    return name if files_below(case.folder / "runs" / name) else None


def _open_steps(
    case: Case, exhibits: tuple[ExhibitState, ...], unfinished: str | None
) -> Iterator[str]:
    if not exhibits:
        yield "There is no exhibit: fp case add."
    if unfinished:
        yield f"Run {unfinished} was interrupted: the same fp case run goes on."
    left = [each.exhibit for each in exhibits if not each.runs]
    if left:
        more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
        count = "1 exhibit" if len(left) == 1 else f"{len(left)} exhibits"
        yield f"No run tested {count} ({', '.join(left[:_NAMED])}{more}): fp case run."
    if case.entries[-1]["kind"] != "report":
        yield "The report does not stand at the end of the log: fp case export writes it anew."
