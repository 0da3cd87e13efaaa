"""The page of the papers has a row for each thing that they have, and counts its rows rightly."""

from __future__ import annotations

import re
from collections import Counter

from project import PROJECT

ROWS_OF = {"K": 11, "D": 28, "T": 31, "C": 21, "I": 15}
"""The things in the audit, by the letter of a paper: K is the design of fp."""
STATES = ("there", "in part", "missing", "not here")
PAGE = (PROJECT / "docs" / "results" / "papers.md").read_text("utf-8")
ROW = re.compile(r"\| ([KDTCI]\d+) (.+) \|")


def rows(page):
    """Return the cells of each row of the page by its number, such as D9, in their order."""
    found = [ROW.fullmatch(line) for line in page.splitlines()]
    return [(row[1], row[2].split(" | ")) for row in found if row]


def told(page):
    """Return the total that the page tells, by state."""
    (sentence,) = (line for line in page.splitlines() if line.startswith("Of 106 rows "))
    whole, *parts = map(int, re.findall(r"\d+", sentence))
    assert whole == sum(parts)
    return dict(zip(STATES, parts, strict=True))


def test_each_thing_has_its_row_in_the_order_of_the_audit():
    expected = [f"{letter}{k}" for letter, n in ROWS_OF.items() for k in range(1, n + 1)]
    assert [name for name, _ in rows(PAGE)] == expected
    assert len(expected) == 106


def test_the_total_of_the_page_is_that_of_its_rows():
    counts = Counter(cells[4] for _, cells in rows(PAGE))
    assert {state: counts[state] for state in STATES} == told(PAGE)
    assert not set(counts) - set(STATES)


def test_a_row_says_where_it_is_or_why_it_is_not():
    for name, (_, _, ours, where, state, why) in rows(PAGE):
        held = ours != "-" and where != "-"
        assert held or state in ("missing", "not here"), f"{name} says {state} and not where"
        assert why != "-" or state == "there", f"{name} says {state} and not why"


def test_a_row_that_changes_its_state_changes_the_total():
    changed = PAGE.replace("| there |", "| missing |", 1)
    counts = Counter(cells[4] for _, cells in rows(changed))
    assert {state: counts[state] for state in STATES} != told(changed)
