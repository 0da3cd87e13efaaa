"""The report of a case as Markdown: findings under two propositions, with their limits.

The text follows the rules of evaluative reporting: both propositions are named, findings are given
as their probability under each and never the other way round, and what was not examined, what else
could explain the findings and what limits them stand in the same report.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from fp.denoisers.images import REASONS as FILE_REASONS
from fp.fingerprint.case.folder import Case
from fp.fingerprint.case.verbal import rounded, sentence, words
from fp.fingerprint.decision import REASONS
from fp.fingerprint.environment import tool_version
from fp.fingerprint.files import write_bytes_atomic
from fp.fingerprint.fingerprint import Fingerprint
from fp.fingerprint.journal import Row
from fp.fingerprint.judge import judge_of
from fp.fingerprint.manifest.entry import Entry
from fp.fingerprint.manifest.hashing import hash_file
from fp.fingerprint.store import read_bank

REPORT = "report.md"

WITHHELD = frozenset(
    {
        "unlike_generator",
        "nearer_to_another",
        "fits_neither",
        "no_separation",
        "weak_fingerprint",
        "several_candidates",
        "outside_calibrated_range",
        "condition_hides_generator",
    }
)
"""Reasons with which no likelihood ratio is put into words: neither proposition fits."""

_ALTERNATIVES = (
    "another generator of the same architecture or training line, which may well set the "
    "fingerprint off; the specificity below says how often that was seen, where it was measured",
    "a photograph that went through the generator or its decoder without being drawn by it, such "
    "as image-to-image use, upscaling, or a picture encoded and decoded again",
    "a picture of which only a part was drawn by the generator",
    "processing that the image shares with the generator's images and not with the reference "
    "images, such as resampling, sharpening or compression",
    "an image that was altered after it was made (resized, cropped, compressed, filtered), which "
    "can remove a generator's traces",
    "traces that somebody removed or planted on purpose",
    "a reference population to which the image does not belong under either proposition",
)

_LIMITS = (
    "The likelihood ratio compares two propositions. It does not say how probable either of them "
    "is; that also depends on what else is known, which is not for this examination to weigh.",
    "The ratio was learned from the calibration images of the fingerprint. It is bounded by what "
    "these carry, and it holds for images like them: same generator at its native size, reference "
    "images of the same kind.",
    "Where a bank holds several fingerprints, the ratio given is that of the fingerprint that fits "
    "best; p_bank is corrected for that choice and the ratio is not.",
    "The hashes and the chain of this case show changes. They are no signature: whoever can change "
    "the whole case can seal it anew. Compare the last hash with one that was kept elsewhere.",
)


def write_report(case: Case) -> Entry:
    """Write the report of a case as it stands, and record it.

    Parameters
    ----------
    case : Case
        The case.

    Returns
    -------
    dict
        The entry of the report.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    text = "\n".join(lines(case)) + "\n"
    path = case.folder / REPORT
    write_bytes_atomic(path, text.encode("utf-8"), overwrite=True)
    return case.record({"kind": "report", "file": REPORT, "file_sha256": hash_file(path)})[0]


def lines(case: Case) -> Iterator[str]:
    """Give the report line by line.

    Parameters
    ----------
    case : Case
        The case.

    Yields
    ------
    str
        A line of Markdown without its end; texts of others are escaped.
    """
    first = case.entries[0]
    yield f"# {plain(first['title'])}"
    yield ""
    if first["examiner"]:
        yield f"Examiner: {plain(first['examiner'])}  "
    yield f"Case begun: {first['time_utc']}, report by fp {tool_version()}  "
    yield f"Log before this report: entry {len(case.entries)}, `{case.entries[-1]['sha256']}`"
    yield ""
    yield "## Propositions"
    yield ""
    yield f"* **h1**: {plain(first['propositions']['h1'])}"
    yield f"* **h2**: {plain(first['propositions']['h2'])}"
    yield ""
    yield from _summary(case)
    for run in case.of("run"):
        yield from _run(case, run)
    yield from _not_examined(case)
    yield "## Alternative explanations"
    yield ""
    yield "A score that speaks for h2 over h1 may also have come about by"
    yield ""
    yield from (f"* {text}" for text in _ALTERNATIVES)
    yield ""
    yield "## Limitations"
    yield ""
    yield from (f"* {text}" for text in _LIMITS)
    yield ""
    yield from _notes(case)
    yield from _exhibits(case)


def _summary(case: Case) -> Iterator[str]:
    yield "## Exhibits and runs"
    yield ""
    yield (
        f"Exhibits: {len(case.of('exhibit'))}; runs: {len(case.of('run'))}. Every file of the case "
        "is named in its log by SHA-256; the exhibits are listed at the end."
    )
    yield ""
    if not case.of("run"):
        yield "No exhibit was tested yet."
        yield ""


def _run(case: Case, run: Entry) -> Iterator[str]:
    bank = {f.name: f for f in read_bank(case.folder / "banks" / run["bank"])}
    yield f"## Run {run['run']}"
    yield ""
    options = run["options"]
    yield (
        f"Exhibits: {len(run['exhibits'])}; fingerprints: {len(bank)} (bank {run['bank']}); "
        f"rule `{options['rule']}`, false-positive rate {options['fpr']:g} over the bank, "
        f"{run['time_utc']}. Parameters, versions and hashes: `{run['folder']}/manifest.json`."
    )
    yield ""
    yield "### Fingerprints and their domain of validity"
    yield ""
    for member in bank.values():
        yield from _domain(member)
    yield "### Findings"
    yield ""
    names = _names(case)
    with (case.folder / run["folder"] / "detections.jsonl").open(encoding="utf-8") as rows:
        for line in rows:
            row = json.loads(line)
            yield from _finding(row, names.get(row["path"], row["path"]), bank)


def _domain(member: Fingerprint) -> Iterator[str]:
    ratio, found = judge_of(member).ratio, member.calibration
    sizes = ", ".join(f"{plain(size)} ({n})" for size, n in list(member.native_sizes.items())[:8])
    kinds = ", ".join(f"{plain(kind)} ({n})" for kind, n in list(member.formats.items())[:8])
    yield f"**{plain(member.name)}** (`{plain(member.method)}`)"
    yield ""
    yield (
        f"* Calibrated on {found.generated.size} images of the generator and {found.real.size} "
        f"reference images. No conformal p-value is below {1 / (found.real.size + 1):.2g}."
    )
    yield (
        f"* Likelihood ratios reach from 1/{rounded(ratio.lower)} to {rounded(ratio.upper)}: at "
        f"most {_most(ratio.upper)} for h2, and at most {_most(ratio.lower)} for h1."
    )
    yield f"* Valid for images of the sizes {sizes or 'not stated'}; formats seen: {kinds or '-'}."
    yield (
        f"* Examined part: {member.crop.width} x {member.crop.height} pixels, "
        f"{member.crop.anchor}; preparation: {plain(member.preparation)}."
    )
    foreign = member.parameters.get("specificity", {}).get("foreign", [])
    for claims in foreign:
        yield (
            f"* Specificity: it claimed {claims['claimed']} of {claims['images']} images of "
            f"{plain(claims['name'])}."
        )
    if not foreign:
        yield "* Specificity against other generators was not measured."
    if judge_of(member).weak:
        yield (
            "* It separates no better than shuffled labels may. No support is expressed on its "
            "ground."
        )
    yield ""


def _most(log10_lr: float) -> str:
    told = words(log10_lr)
    return "no support" if told == "no more" else f"{told} support"


def _finding(row: Row, name: str, bank: dict[str, Fingerprint]) -> Iterator[str]:
    yield f"#### {plain(name)}"
    yield ""
    if row["status"] == "not_examined":
        yield f"Not examined: {plain(row['message'])}"
        yield ""
        yield from _claimed(row)
        return
    member = bank[row["fingerprint"]]
    yield f"Decision by the rule: `{row['decision']}`; fingerprint: {plain(member.name)}."
    yield ""
    outside = _outside(row, member)
    if outside:
        yield f"No likelihood ratio is put into words here: {'; '.join(outside)}."
    else:
        ratio = judge_of(member).ratio
        yield sentence(row["log10_lr"], ratio.lower, ratio.upper)
    yield ""
    yield "| figure | value |"
    yield "| --- | --- |"
    low, high = row["log10_lr_low"], row["log10_lr_high"]
    yield f"| log10 likelihood ratio, within its bounds | {_figure(row['log10_lr'])} |"
    yield f"| its 95 % interval, without bounds | {_figure(low)} to {_figure(high)} |"
    if row["log10_lr_specific"] is not None:
        yield f"| from the generator's own evidence alone | {_figure(row['log10_lr_specific'])} |"
    for column, title in (
        ("p_bank", "p under h1, over the bank"),
        ("p_generated", "p under h2"),
        ("p_typical", "p of the distance from the generator's own images"),
        ("q_real", "p under h1, corrected over the images of the run"),
    ):
        if row[column] is not None:
            yield f"| {title} | {_figure(row[column])} |"
    yield f"| size, format | {row['width']}x{row['height']}, {plain(row['format'])} |"
    yield ""
    for reason in row["reasons"]:
        yield f"* `{reason}`: {REASONS.get(reason) or FILE_REASONS.get(reason, '')}"
    for text in row["converted"]:
        yield f"* Converted for the examination: {plain(text)}"
    if row["reasons"] or row["converted"]:
        yield ""
    yield from _claimed(row)


def _outside(row: Row, member: Fingerprint) -> list[str]:
    """Say why a ratio would speak about images that the calibration knows nothing of."""
    found = [REASONS[reason] for reason in row["reasons"] if reason in WITHHELD]
    size = f"{row['width']}x{row['height']}"
    # What came of another size with the fingerprint's experts was calibrated for that.
    measured = row.get("condition") is not None
    if member.native_sizes and size not in member.native_sizes and not measured:
        found.append(f"the image has {size} pixels, a size outside the fingerprint's domain")
    return found


def _claimed(row: Row) -> Iterator[str]:
    if row["claimed"]:
        yield "The file claims about itself (not verified, and not part of any figure above):"
        yield ""
        yield from (f"* {plain(text)}" for text in row["claimed"])
        yield ""


def _not_examined(case: Case) -> Iterator[str]:
    yield "## What was not examined"
    yield ""
    tested = {name for run in case.of("run") for name in run["exhibits"]}
    left = [e["exhibit"] for e in case.of("exhibit") if e["exhibit"] not in tested]
    if left:
        yield f"* No run tested the exhibits {', '.join(left)}."
    for entry in case.of("refused"):
        yield f"* {plain(entry['message'])} It is no exhibit."
    for run in case.of("run"):
        with (case.folder / run["folder"] / "detections.jsonl").open(encoding="utf-8") as rows:
            names = _names(case)
            for line in rows:
                row = json.loads(line)
                if row["status"] == "not_examined":
                    name = plain(names.get(row["path"], row["path"]))
                    reason = FILE_REASONS.get(row["reasons"][0], row["reasons"][0])
                    yield f"* {run['run']}, {name}: {reason}"
    yield "* Generators whose fingerprints are not in the bank."
    yield "* What the pictures show, and whether it happened."
    yield "* How the files came to the examiner before they were added to this case."
    yield "* Whether what the files claim about themselves is true."
    yield ""


def _notes(case: Case) -> Iterator[str]:
    notes = case.of("note")
    if notes:
        yield "## Notes"
        yield ""
        yield from (f"* {note['time_utc']}: {plain(note['text'])}" for note in notes)
        yield ""


def _exhibits(case: Case) -> Iterator[str]:
    yield "## List of exhibits"
    yield ""
    yield "| exhibit | name | bytes | SHA-256 | kept as |"
    yield "| --- | --- | --- | --- | --- |"
    for entry in case.of("exhibit"):
        kept = f"`{entry['stored']}`" if entry["stored"] else "reference only"
        yield (
            f"| {entry['exhibit']} | {plain(entry['name'])} | {entry['bytes']} | "
            f"`{entry['file_sha256']}` | {kept} |"
        )


def _names(case: Case) -> dict[str, str]:
    """Give exhibit and original name by the path in the rows of a run."""
    return {
        entry["stored"] or entry["origin"]: f"{entry['exhibit']} ({entry['name']})"
        for entry in case.of("exhibit")
    }


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def plain(text: object) -> str:
    """Give a text of unknown origin so that Markdown and HTML show it and do nothing else with it.

    Parameters
    ----------
    text : object
        The text.

    Returns
    -------
    str
        One line, every mark of punctuation that could mean something written as an entity.
    """
    words = " ".join(str(text).split())
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
    return "".join(f"&#{ord(c)};" if c in _MARKS else c for c in shown)


_MARKS = frozenset('<>&"`*_[]#|\\~')
