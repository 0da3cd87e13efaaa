"""Files examined for whoever looks on: rows as they come, and nothing written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

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


def answers(examiner: Examiner, items: Sequence[Item], how: RunOptions) -> Answers:
    """Examine files, and write nothing. IntegrityError if the bank changed meanwhile."""
    opened, options = examiner.open(), examiner.options
    findings = examined(examiner, items, how)
    rows: Iterator[Row] = ({"detection": found.detection.as_dict()} for found in findings)
    if options.fdr is not None:  # over all of them
        held = list(rows)
        rows = final_rows(lambda: iter(held), options.fdr)()
    detections = (row["detection"] for row in rows)
    return Answers(detections, len(opened), opened.family.certified(options.fpr), opened.kin)
