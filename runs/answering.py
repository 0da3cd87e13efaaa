"""Files examined for whoever looks on: rows as they come, and nothing written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fp.fingerprint.decision.posterior import kin_of
from fp.fingerprint.decision.rows import Finding
from fp.fingerprint.detection.banks import WholeBank, check_bank
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.detection.opening import StoredBank, open_for_examination
from fp.runs.examination import Examiner, Item, worker_died
from fp.runs.journal import Row
from fp.runs.options import RunOptions
from fp.runs.results import Summary, final_rows, of_bank
from fp.system.executors import run_on
from fp.system.workers import run_in_order


@dataclass(frozen=True)
class Answers:
    """The rows of some files, and what a bank says of all of them.

    Parameters
    ----------
    rows : iterator of dict
        Those of ``detections.jsonl``, in the order of the files; they can be taken once.
    fingerprints : int
        Number of fingerprints of the bank.
    certified : float or None
        As in `fp.runs.results.Summary`.
    weak : tuple of str
        As in `fp.runs.results.Summary`.
    kin : mapping of str to tuple of str
        Of a bank that was learned as one, the generators that a generator is not told from.
    """

    rows: Iterator[Row]
    fingerprints: int
    certified: float | None
    weak: tuple[str, ...]
    kin: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def summary(self, rows: Sequence[Row]) -> Summary:
        """Return what rows of these came to."""
        refused = Counter(row["reasons"][0] for row in rows if row["status"] == "not_examined")
        decisions = Counter(row["decision"] for row in rows)
        return Summary(
            len(rows),
            self.fingerprints,
            dict(sorted(decisions.items())),
            dict(sorted(refused.items())),
            self.certified,
            self.weak,
        )


def answers(bank: Path, items: Sequence[Item], options: DetectOptions, how: RunOptions) -> Answers:
    """Examine files against a bank, a file or a folder of files, and write nothing.

    Errors are those of `fp.runs.results.detect_into`, but for those of its output.
    """
    stored = StoredBank.at(bank, how.memory)
    opened = open_for_examination(stored)
    check_bank(opened, options)
    about = of_bank(opened, options)
    rows = _rows(Examiner(stored, options), items, how)
    if options.fdr is not None:  # over all of them
        held = list(rows)
        rows = final_rows(lambda: iter(held), options.fdr)()
    detections = (row["detection"] for row in rows)
    kin = kin_of(opened.members) if isinstance(opened, WholeBank) else {}
    return Answers(detections, len(opened), about["certified"], about["weak"], kin)


def _rows(examiner: Examiner, items: Sequence[Item], how: RunOptions) -> Iterator[Row]:
    seconds = examiner.options.limits.seconds
    died = partial(worker_died, seconds=seconds)
    findings: Iterator[Finding]
    if how.pool is not None:
        findings = run_on(how.pool, examiner, items, died, seconds)
    else:
        findings = run_in_order(
            examiner, items, died, how.jobs, isolated=how.isolated, seconds=seconds
        )
    for done, finding in enumerate(findings, start=1):
        if how.report is not None:
            how.report(finding.detection)
        if how.progress is not None:
            how.progress(done, len(items))
        yield {"detection": finding.detection.as_dict()}
