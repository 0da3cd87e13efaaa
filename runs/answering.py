"""Files examined for whoever looks on: rows as they come, and nothing written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fp.fingerprint.decision.posterior import kin_of
from fp.fingerprint.detection.banks import WholeBank, check_bank
from fp.fingerprint.detection.detection import DetectOptions
from fp.fingerprint.detection.opening import StoredBank, open_for_examination
from fp.runs.examination import Examiner, Item, examined
from fp.runs.journal import Row
from fp.runs.options import RunOptions
from fp.runs.results import final_rows


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
    kin : mapping of str to tuple of str
        Of a bank that was learned as one, the generators that a generator is not told from.
    """

    rows: Iterator[Row]
    fingerprints: int
    certified: float | None
    kin: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def answers(bank: Path, items: Sequence[Item], options: DetectOptions, how: RunOptions) -> Answers:
    """Examine files against a bank, a file or a folder of files, and write nothing.

    Errors are those of `fp.runs.results.detect_into`, but for those of its output.
    """
    stored = StoredBank.at(bank, how.memory)
    opened = open_for_examination(stored)
    check_bank(opened, options)
    kin = kin_of(opened.members) if isinstance(opened, WholeBank) else {}
    certified = opened.family.certified(options.fpr)
    findings = examined(Examiner(stored, options), items, how)
    rows: Iterator[Row] = ({"detection": found.detection.as_dict()} for found in findings)
    if options.fdr is not None:  # over all of them
        held = list(rows)
        rows = final_rows(lambda: iter(held), options.fdr)()
    detections = (row["detection"] for row in rows)
    return Answers(detections, len(opened), certified, kin)
