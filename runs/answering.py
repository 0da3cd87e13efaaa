"""Files examined for whoever looks on: rows as they come, and nothing written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from fp.reports.words import Question
from fp.runs.examination import Examiner, Item, examined
from fp.runs.journal import Row
from fp.runs.options import RunOptions
from fp.runs.results import final_rows


def question_of(examiner: Examiner) -> Question:
    """Return what an examiner asks of a picture."""
    facts, options = examiner.facts, examiner.options
    return Question(facts.fingerprints, options.rule, options.fpr, facts.certified, facts.kin)


def answers(examiner: Examiner, items: Sequence[Item], how: RunOptions) -> Iterator[dict[str, Any]]:
    """Yield the rows of files, as in ``detections.jsonl``, in their order, and write nothing.

    IntegrityError if the bank changed meanwhile.
    """
    options, findings = examiner.options, examined(examiner, items, how)
    rows: Iterator[Row] = ({"detection": found.detection.as_dict()} for found in findings)
    if options.fdr is not None:  # over all of them
        held = list(rows)
        rows = final_rows(lambda: iter(held), options.fdr)()
    return (row["detection"] for row in rows)
