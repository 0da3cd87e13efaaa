"""Findings of a case's runs on its exhibits, worded as their calibrations allow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from fp.case.domain import outside
from fp.case.folder import Case
from fp.case.verbal import apart, sentence, words
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store.bank import read_bank
from fp.manifest.entry import Entry
from fp.reports.words import RANKED
from fp.runs.journal import Row

NOT_TESTED = "not_tested"
"""Stands in the place of a decision where no run tested an exhibit."""

_ORDER = (*RANKED, NOT_TESTED)


@dataclass(frozen=True)
class ExhibitFinding:
    """What one run says of one exhibit.

    Parameters
    ----------
    run : str
        Name of the run.
    row : dict
        Its row of ``detections.jsonl``.
    withheld : tuple of str
        Why its ratio is not put into words, the end of a sentence each; empty where it is.
    """

    run: str
    row: Row
    withheld: tuple[str, ...] = ()

    @property
    def support(self) -> str:
        """The support that it expresses, in as few words as stand in a table."""
        if self.row["status"] == "not_examined":
            return "not examined"
        if self.withheld:
            return "none expressed"
        told = words(self.row["log10_lr"])
        better = "h2" if self.row["log10_lr"] > 0 else "h1"
        return "for neither" if told == "no more" else f"{told}, for {better}"

    @property
    def statement(self) -> str:
        """The support in whole sentences, or why there is none."""
        row = self.row
        if row["status"] == "not_examined":
            return f"Not examined: {row['message']}"
        if self.withheld:
            return f"No likelihood ratio is put into words here: {'; '.join(self.withheld)}."
        told = sentence(row["log10_lr"], bool(row.get("at_bound")))
        return " ".join([told, *apart(row["log10_lr"], row["log10_lr_specific"])])

    @property
    def figures(self) -> list[tuple[str, str]]:
        """The figures of the row with their names."""
        return [] if self.row["status"] == "not_examined" else list(_figures(self.row))


@dataclass(frozen=True)
class ExaminedExhibit:
    """An exhibit with what the runs say of it.

    Parameters
    ----------
    entry : dict
        Its entry in the log.
    findings : tuple of ExhibitFinding
        One for each run that tested it, the first run first.
    """

    entry: Entry
    findings: tuple[ExhibitFinding, ...]

    @cached_property
    def foremost(self) -> ExhibitFinding | None:
        """The finding that matters most; None where no run tested the exhibit."""
        return min(self.findings, key=_rank, default=None)

    @property
    def decision(self) -> str:
        """The decision of the finding that matters most, or `NOT_TESTED`."""
        return self.foremost.row["decision"] if self.foremost else NOT_TESTED


def by_weight(case: Case, banks: dict[str, dict[str, Fingerprint]]) -> list[ExaminedExhibit]:
    """Return all exhibits, claims before what is undecided before the rest, high ratios first.

    `banks` are those of `banks_of`. `FormatError` and `OSError` say that a run cannot be read.
    """
    found: dict[str, list[ExhibitFinding]] = {entry["exhibit"]: [] for entry in case.of("exhibit")}
    for run in case.of("run"):
        for exhibit, row in rows_of(case, run):
            examined = row["status"] == "examined"
            member = banks[run["bank"]][row["fingerprint"]] if examined else None
            withheld = () if member is None else tuple(outside(row, member))
            found[exhibit].append(ExhibitFinding(run["run"], row, withheld))
    exhibits = [ExaminedExhibit(e, tuple(found[e["exhibit"]])) for e in case.of("exhibit")]
    return sorted(exhibits, key=lambda each: _rank(each.foremost))


def banks_of(case: Case) -> dict[str, dict[str, Fingerprint]]:
    """Return the fingerprints of every bank that a run used, by name."""
    used = dict.fromkeys(run["bank"] for run in case.of("run"))
    return {name: {f.name: f for f in read_bank(case.folder / "banks" / name)} for name in used}


def _rank(finding: ExhibitFinding | None) -> tuple[int, float]:
    decision = finding.row["decision"] if finding else NOT_TESTED
    ratio = finding.row["log10_lr"] if finding else None
    return _ORDER.index(decision), -(ratio or 0.0)


def rows_of(case: Case, run: Entry) -> Iterator[tuple[str, Row]]:
    """Yield the rows of a run with the exhibits that they are about."""
    places = {entry["stored"] or entry["origin"]: entry["exhibit"] for entry in case.of("exhibit")}
    with (case.folder / run["folder"] / "detections.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["path"] in places:
                yield places[row["path"]], row


def _figures(row: Row) -> Iterator[tuple[str, str]]:
    ratio = _figure(row["log10_lr"])
    if row.get("at_bound"):
        # What resampling gives lies beyond the bound then, and is no interval of this figure.
        yield "log10 likelihood ratio", f"{ratio}, at its bound"
    else:
        yield "log10 likelihood ratio", ratio
        low, high = row["log10_lr_low"], row["log10_lr_high"]
        if low is not None:
            yield "95 % interval before it was bounded", f"{_figure(low)} to {_figure(high)}"
    for column, title in (
        ("log10_lr_specific", "from the generator's own evidence alone"),
        ("p_bank", "p under h1, over the bank"),
        ("p_generated", "p under h2"),
        ("p_typical", "p of the distance from the generator's own images"),
        ("p_reference", "p of the distance from the reference images"),
        ("q_real", "p under h1, corrected over the images of the run"),
    ):
        if row.get(column) is not None:
            yield title, _figure(row[column])
    if row.get("windows"):
        told = f"{row['windows']} windows, worth {row['windows_effective']:.1f} independent ones"
        yield "examined as a whole", f"{told}; {row['examined']:.0%} of the area"
    if row.get("condition") is not None:
        p = _figure(row["p_condition"])
        yield "seems to have gone through", f"{row['condition']}; p of its coding {p}"
    if row.get("p_content") is not None:
        yield "p of its content", _figure(row["p_content"])
    if row.get("candidates"):
        title = "share 95 % of the probability over the bank, the most probable first"
        yield title, ", ".join(row["candidates"])


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}".replace("-", "−")
