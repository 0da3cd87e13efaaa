"""Report of a case as one HTML file: findings under two propositions, with limits.

It follows the rules of evaluative reporting: both propositions are named, findings are given as
their probability under each and never the other way round, and what was not examined, what else
could explain the findings and what limits them stand in the same report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from fp.case.domain import cautions, domain
from fp.case.findings import NOT_TESTED, ExaminedExhibit, banks_of, by_weight
from fp.case.folder import Case, place_of, size_of
from fp.case.verification import limits_of
from fp.case.wording import FOR_H1, FOR_H2, FOR_NEITHER, LIMITS
from fp.fingerprint.decision.decision import REASONS
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.images.loading import REASONS as FILE_REASONS
from fp.manifest.entry import Entry
from fp.manifest.run import read_manifest
from fp.reports.page import REPORT, pieces, write
from fp.reports.previews import MOST, MOST_PIXELS, Showing, preview
from fp.reports.words import DECISIONS, NEAREST, mistakes
from fp.system.hashing import hash_file

_NOT_TESTED = {NOT_TESTED: ("not tested", "No run of this case tested the exhibit.")}


def write_report(case: Case, previews: Showing = "shown") -> Entry:
    """Write the report of a case as it stands, and record it. `OutputError` if it cannot be."""
    path = case.folder / REPORT
    write(path, page(case, previews), overwrite=True)
    return case.record({"kind": "report", "file": REPORT, "file_sha256": hash_file(path)})[0]


def page(case: Case, previews: Showing = "shown") -> Iterator[str]:
    """Return the report piece by piece."""
    banks = banks_of(case)
    exhibits = by_weight(case, banks)
    decisions = Counter(each.decision for each in exhibits)
    rules = {run["options"]["rule"] for run in case.of("run")}
    members = {
        name: [(member.name, member.method, domain(member)) for member in bank.values()]
        for name, bank in banks.items()
    }
    words = DECISIONS | (NEAREST if rules == {"nearest-mean"} else {}) | _NOT_TESTED
    return pieces(
        "case.html",
        made_by="",
        sections=[
            ("summary", "Summary"),
            ("findings", "Findings"),
            ("fingerprints", "Fingerprints"),
            ("not-examined", "Not examined"),
            ("limits", "Limits"),
            ("exhibits", "Exhibits"),
            ("log", "Log"),
            ("signatures", "Signatures"),
        ],
        first=case.entries[0],
        last=case.entries[-1],
        decisions={name: n for name in words if (n := decisions[name])},
        words=words,
        exhibits=exhibits,
        pictures=_Pictures(case, previews),
        previews=previews,
        reasons=REASONS | FILE_REASONS,
        runs=[_run(case, run, members[run["bank"]]) for run in case.of("run")],
        cautions=_cautions(banks),
        refused=[entry["message"] for entry in case.of("refused")],
        explanations=(("h2", "h1", FOR_H2), ("h1", "h2", FOR_H1)),
        for_neither=FOR_NEITHER,
        limits=LIMITS,
        notes=case.of("note"),
        entries=case.of("exhibit"),
        log=[(entry, _told(entry)) for entry in case.entries],
    )


class _Pictures:
    """The previews of exhibits, taken in the order in which the page has them."""

    def __init__(self, case: Case, showing: Showing) -> None:
        self._case = case
        self._showing = showing
        self._left = 0 if showing == "none" else MOST
        self._pixels = MOST_PIXELS

    def of(self, exhibit: ExaminedExhibit) -> str | None:
        """Return the preview of an exhibit, or None.

        It is None where there is to be no preview, or where the file is another now.
        """
        entry = exhibit.entry
        size = size_of(entry)
        if size is None or not self._left or size[0] * size[1] > self._pixels:
            return None
        self._left -= 1
        self._pixels -= size[0] * size[1]
        path = self._case.folder / place_of(entry)
        blurred = self._showing == "blurred"
        return preview(path, None, entry["file_sha256"], limits_of(entry), blurred=blurred)


def _run(case: Case, run: Entry, members: list[tuple[str, str, list[str]]]) -> dict[str, Any]:
    """Return a run as the page has it.

    That is its entry, what was asked, and what its bank speaks of.
    """
    options, told = run["options"], ""
    if options["rule"] == "conformal":
        kept = mistakes(options["fpr"], _certified(case, run))
        told = f"{kept[0].upper()}{kept[1:]}."
    return {"entry": run, "rate": told, "members": members}


def _certified(case: Case, run: Entry) -> float | None:
    """Return the rate that the calibration of a run certifies; None where there is none."""
    entry = read_manifest(case.folder / run["folder"]).entry
    rate = (entry.get("summary") or {}).get("certified")
    return rate if isinstance(rate, float) else None


def _cautions(banks: dict[str, dict[str, Fingerprint]]) -> list[tuple[str, Sequence[str]]]:
    """Return what must be known of fingerprints before their findings, by their names."""
    members = [member for bank in banks.values() for member in bank.values()]
    found = {(member.name, tuple(cautions(member))) for member in members}
    return sorted((name, told) for name, told in found if told)


def _told(entry: Entry) -> str:
    """Return what an entry of the log records, in a few words."""
    match entry["kind"]:
        case "init":
            return "case begun"
        case "exhibit":
            return f"{entry['exhibit']}, {entry['name']}"
        case "refused":
            return f"{entry['origin']}: {entry['reason']}"
        case "note":
            return "note, see above"
        case "bank":
            return f"{entry['bank']}, from {entry['origin']}"
        case "run":
            return f"{entry['run']}, {len(entry['exhibits'])} exhibits against {entry['bank']}"
        case "report":
            return f"{entry['file']}, SHA-256 {entry['file_sha256']}"
    return "of a later version of fp"
