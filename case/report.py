"""The report of a case as Markdown: findings under two propositions, with their limits.

The text follows the rules of evaluative reporting: both propositions are named, findings are given
as their probability under each and never the other way round, and what was not examined, what else
could explain the findings and what limits them stand in the same report.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from fp.case.domain import domain, outside
from fp.case.escaping import plain
from fp.case.folder import Case
from fp.case.verbal import apart, sentence, words
from fp.case.wording import FOR_H1, FOR_H2, FOR_NEITHER, LIMITS
from fp.fingerprint.decision.decision import REASONS
from fp.fingerprint.model.fingerprint import Fingerprint
from fp.fingerprint.store.bank import read_bank
from fp.images.loading import REASONS as FILE_REASONS
from fp.manifest.entry import Entry
from fp.manifest.run import read_manifest
from fp.runs.journal import Row
from fp.system.atomic_files import write_bytes_atomic
from fp.system.environment import tool_version
from fp.system.hashing import hash_file

REPORT = "report.md"


def write_report(case: Case) -> Entry:
    """Write the report of a case as it stands, and record it. `OutputError` if it cannot be."""
    text = "\n".join(lines(case)) + "\n"
    path = case.folder / REPORT
    write_bytes_atomic(path, text.encode("utf-8"), overwrite=True)
    return case.record({"kind": "report", "file": REPORT, "file_sha256": hash_file(path)})[0]


def lines(case: Case) -> Iterator[str]:
    """Yield the report as lines of Markdown, other texts escaped. The last has no end."""
    first = case.entries[0]
    yield f"# {plain(first['title'])}\n"
    if first["examiner"]:
        yield f"Examiner: {plain(first['examiner'])}  "
    yield f"Case begun: {first['time_utc']}, report by fp {tool_version()}  "
    yield f"Log before this report: entry {len(case.entries)}, `{case.entries[-1]['sha256']}`\n"
    yield "## Propositions\n"
    yield f"* **h1**: {plain(first['propositions']['h1'])}"
    yield f"* **h2**: {plain(first['propositions']['h2'])}\n"
    yield from _summary(case)
    for run in case.of("run"):
        yield from _run(case, run)
    yield from _not_examined(case)
    yield "## Alternative explanations\n"
    for better, other, texts in (("h2", "h1", FOR_H2), ("h1", "h2", FOR_H1)):
        yield f"A score that speaks for {better} over {other} may also have come about by\n"
        yield from (f"* {text}" for text in (*texts, FOR_NEITHER))
        yield ""
    yield "## Limitations\n"
    yield from (f"* {text}" for text in LIMITS)
    yield ""
    yield from _notes(case)
    yield from _exhibits(case)


def _summary(case: Case) -> Iterator[str]:
    yield "## Exhibits and runs\n"
    yield (
        f"Exhibits: {len(case.of('exhibit'))}; runs: {len(case.of('run'))}. Every file of the case "
        "is named in its log by SHA-256; the exhibits are listed at the end.\n"
    )
    if not case.of("run"):
        yield "No exhibit was tested yet.\n"


def _run(case: Case, run: Entry) -> Iterator[str]:
    bank = {f.name: f for f in read_bank(case.folder / "banks" / run["bank"])}
    yield f"## Run {run['run']}\n"
    options = run["options"]
    yield (
        f"Exhibits: {len(run['exhibits'])}; fingerprints: {len(bank)} (bank {run['bank']}); "
        f"rule `{options['rule']}`, {run['time_utc']}. Parameters, versions and hashes: "
        f"`{run['folder']}/manifest.json`."
    )
    if options["rule"] == "conformal":
        yield ""
        yield (
            f"The rule gives a reference image to a fingerprint of the bank in at most "
            f"{options['fpr']:.2g} of cases, on average over calibrations; {_certified(case, run)}."
        )
    yield ""
    yield "### Fingerprints and their domain of validity\n"
    for member in bank.values():
        yield from domain(member)
    yield "### Findings\n"
    yield "| exhibit | fingerprint | decision by the rule | support in words |"
    yield "| --- | --- | --- | --- |"
    for name, row in _rows(case, run):
        best, decision = plain(row["fingerprint"] or "-"), row["decision"]
        yield f"| {plain(name)} | {best} | `{decision}` | {_support(row, bank)} |"
    yield ""
    for name, row in _rows(case, run):
        yield from _finding(row, name, bank)


def _rows(case: Case, run: Entry) -> Iterator[tuple[str, Row]]:
    """Yield the rows of a run with the names of their exhibits."""
    names = {
        entry["stored"] or entry["origin"]: f"{entry['exhibit']} ({entry['name']})"
        for entry in case.of("exhibit")
    }
    with (case.folder / run["folder"] / "detections.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield names.get(row["path"], row["path"]), row


def _certified(case: Case, run: Entry) -> str:
    """Return which rate one calibration vouches for."""
    entry = read_manifest(case.folder / run["folder"]).entry
    rate = (entry.get("summary") or {}).get("certified")
    if not isinstance(rate, float):
        return "no rate is certified, as no fingerprint of the bank can claim an image at it"
    return f"this one certifies a rate of {rate:.2g} (95 % confidence)"


def _support(row: Row, bank: dict[str, Fingerprint]) -> str:
    if row["status"] == "not_examined":
        return "not examined"
    if outside(row, bank[row["fingerprint"]]):
        return "none expressed, for the reasons below"
    told = words(row["log10_lr"])
    better = "h2" if row["log10_lr"] > 0 else "h1"
    return "for neither" if told == "no more" else f"{told}, for {better}"


def _finding(row: Row, name: str, bank: dict[str, Fingerprint]) -> Iterator[str]:
    yield f"#### {plain(name)}\n"
    if row["status"] == "not_examined":
        yield f"Not examined: {plain(row['message'])}\n"
        yield from _claimed(row)
        return
    member = bank[row["fingerprint"]]
    yield f"Decision by the rule: `{row['decision']}`; fingerprint: {plain(member.name)}.\n"
    withheld = outside(row, member)
    if withheld:
        yield f"No likelihood ratio is put into words here: {'; '.join(withheld)}."
    else:
        told = sentence(row["log10_lr"], bool(row.get("at_bound")))
        yield " ".join([told, *apart(row["log10_lr"], row["log10_lr_specific"])])
    yield ""
    yield "| figure | value |"
    yield "| --- | --- |"
    low, high = row["log10_lr_low"], row["log10_lr_high"]
    yield f"| log10 likelihood ratio, within its bounds | {_figure(row['log10_lr'])} |"
    yield f"| 95 % interval of it before it was bounded | {_figure(low)} to {_figure(high)} |"
    if row["log10_lr_specific"] is not None:
        yield f"| from the generator's own evidence alone | {_figure(row['log10_lr_specific'])} |"
    for column, title in (
        ("p_bank", "p under h1, over the bank"),
        ("p_generated", "p under h2"),
        ("p_typical", "p of the distance from the generator's own images"),
        ("p_reference", "p of the distance from the reference images"),
        ("q_real", "p under h1, corrected over the images of the run"),
    ):
        if row.get(column) is not None:
            yield f"| {title} | {_figure(row[column])} |"
    if row.get("windows"):
        told = f"{row['windows']} windows, worth {row['windows_effective']:.1f} independent ones"
        yield f"| examined as a whole | {told}; {row['examined']:.0%} of the area |"
    yield from _condition(row)
    if row.get("candidates"):
        told = ", ".join(map(plain, row["candidates"]))
        yield f"| share 95 % of the probability over the bank, the most probable first | {told} |"
    yield f"| size, format | {row['width']}x{row['height']}, {plain(row['format'])} |\n"
    for reason in row["reasons"]:
        yield f"* `{reason}`: {REASONS.get(reason) or FILE_REASONS.get(reason, '')}"
    for text in row["converted"]:
        yield f"* Converted for the examination: {plain(text)}"
    if row["reasons"] or row["converted"]:
        yield ""
    yield from _claimed(row)


def _condition(row: Row) -> Iterator[str]:
    """Return, in words, what an image seems to have gone through."""
    if row.get("condition") is None:
        return
    p = _figure(row["p_condition"])
    yield f"| seems to have gone through | `{row['condition']}`; p of its coding {p} |"


def _claimed(row: Row) -> Iterator[str]:
    if row["claimed"]:
        yield "The file claims about itself (not verified, and not part of any figure above):\n"
        yield from (f"* {plain(text)}" for text in row["claimed"])
        yield ""


def _not_examined(case: Case) -> Iterator[str]:
    yield "## What was not examined\n"
    tested = {name for run in case.of("run") for name in run["exhibits"]}
    left = [e["exhibit"] for e in case.of("exhibit") if e["exhibit"] not in tested]
    if left:
        yield f"* No run tested the exhibits {', '.join(left)}."
    for entry in case.of("refused"):
        yield f"* {plain(entry['message'])} It is no exhibit."
    for run in case.of("run"):
        for name, row in _rows(case, run):
            if row["status"] == "not_examined":
                reason = FILE_REASONS.get(row["reasons"][0], row["reasons"][0])
                yield f"* {run['run']}, {plain(name)}: {reason}"
    yield "* Generators whose fingerprints are not in the bank."
    yield "* What the pictures show, and whether it happened."
    yield "* How the files came to the examiner before they were added to this case."
    yield "* Whether what the files claim about themselves is true.\n"


def _notes(case: Case) -> Iterator[str]:
    notes = case.of("note")
    if notes:
        yield "## Notes\n"
        yield from (f"* {note['time_utc']}: {plain(note['text'])}" for note in notes)
        yield ""


def _exhibits(case: Case) -> Iterator[str]:
    yield "## List of exhibits\n"
    yield "| exhibit | name | bytes | SHA-256 | kept as |"
    yield "| --- | --- | --- | --- | --- |"
    for entry in case.of("exhibit"):
        kept = f"`{entry['stored']}`" if entry["stored"] else "reference only"
        yield (
            f"| {entry['exhibit']} | {plain(entry['name'])} | {entry['bytes']} | "
            f"`{entry['file_sha256']}` | {kept} |"
        )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
