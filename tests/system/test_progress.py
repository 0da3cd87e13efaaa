"""How long work tells how far it is."""

from __future__ import annotations

from itertools import islice

from fp.system.progress import told


def test_each_result_is_told_even_where_no_more_are_asked_for():
    said: list[tuple[str, int, int]] = []
    results = told("abc", lambda *step: said.append(step), "letters", 3)
    assert list(islice(results, 2)) == ["a", "b"]
    assert said == [("letters", 1, 3), ("letters", 2, 3)]
    assert list(results) == ["c"]
    assert said[-1] == ("letters", 3, 3)


def test_nobody_needs_to_listen():
    assert list(told(range(3), None, "numbers", 3)) == [0, 1, 2]
