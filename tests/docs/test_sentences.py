"""Pages, help texts and reports in short sentences, and the counter that says so."""

from __future__ import annotations

import click
import pytest
from project import PROJECT
from sentences import (
    cells,
    count_words,
    help_pieces,
    page_lines,
    page_pieces,
    sentences,
    template_pieces,
)

from fp.cli.main import group

PAGES = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "RESULTS.md")),
    *sorted(PROJECT.glob("docs/*.md")),
    *sorted(PROJECT.glob("docs/results/*.md")),
]
LONGEST_SENTENCE = 40
LONGEST_AVERAGE = 20
LONGEST_LINE = 300

PAGE = """\
# A heading. It has two sentences, and none of them counts

One sentence, e.g. with `docs/a page.md`, fp.cli.main and 1.5 % in it. Another
one!

<!-- a comment. -->
* an item
* a second item. It has
  two sentences

    x = an indented equation. Not prose.

With $a + b = c$ and:

$$d = e. f$$

```console
fp extract. None of this.
```

| a cell of five words | `code` |
| --- | --- |
"""


def test_paragraphs_and_items_are_pieces_and_nothing_else_is():
    assert list(page_pieces(PAGE)) == [
        "One sentence, e.g. with `docs/a page.md`, fp.cli.main and 1.5 % in it. Another one!",
        "an item",
        "a second item. It has two sentences",
        "With $a + b = c$ and:",
    ]
    assert list(cells(PAGE)) == ["a cell of five words", "`code`"]


def test_prose_has_no_lines_of_code_or_tables():
    table, code = "| long " * 99 + "|\n", "```text\n" + "long " * 99 + "\n```\n"
    assert max(page_lines(table + code + "short\n")) == "short"
    assert len(page_lines("long " * 99)[0]) == 495


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two? Three!", [1, 1, 1]),
        ("Cases: one; two, and three.", [5]),
        ("He said (in brackets.) And went.", [4, 2]),
        ("By J. Fridrich et al. in 2012, i.e. then.", [9]),
        ("See [a page. Of two](docs/a.md#b) and `fp detect --map x` now.", [3, 5]),
        ("At 1.5 % of p.py - or - more.", [6]),
        ("**Bold.** Text", [1, 1]),
        ("![A picture. Of it](a.png)", [2, 2]),
        ("A sum $a + b. c$ is one word.", [6]),
        ("no end", [2]),
    ],
)
def test_sentences_are_counted_as_a_reader_counts_them(text, expected):
    assert [count_words(sentence) for sentence in sentences(text)] == expected


def test_a_help_text_has_its_options_and_subcommands_in_it():
    @click.group("outer", help="Outer.\n\nMore\nof it.\n\n\b\nfp an example")
    def outer():
        pass

    @outer.command("inner", help="Inner.")
    @click.option("--one", help="An option.")
    @click.argument("two")
    def inner(one, two):
        pass

    pieces = list(help_pieces(outer, click.Context(outer)))
    assert pieces == ["Outer.", "More of it.", "Inner.", "An option."]


def too_long(pieces):
    """Return the sentences of some pieces that have too many words."""
    found = [sentence for piece in pieces for sentence in sentences(piece)]
    return [sentence for sentence in found if count_words(sentence) > LONGEST_SENTENCE]


def average(pieces):
    """Return the average number of words of the sentences of some pieces."""
    words = [count_words(sentence) for piece in pieces for sentence in sentences(piece)]
    return sum(words) / len(words)


def test_what_is_too_long_is_found():
    assert too_long(["word " * 40 + ". " + "word " * 41]) == [("word " * 41).strip()]
    assert average(["one two. three four five six."]) == 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_sentences_of_a_page_are_short(page):
    text = page.read_text("utf-8")
    assert not too_long([*page_pieces(text), *cells(text)])
    assert average(page_pieces(text)) <= LONGEST_AVERAGE
    long = [line for line in page_lines(text) if len(line) > LONGEST_LINE]
    assert not long, f"lines of prose to wrap: {long}"


def test_the_sentences_of_the_help_texts_are_short():
    pieces = list(help_pieces(group, click.Context(group)))
    assert not too_long(pieces)
    assert average(pieces) <= LONGEST_AVERAGE


def test_what_a_run_fills_in_is_one_word_of_a_template():
    text = "<style>p { a }</style>\n{# no #}<p>A <b>bold</b> {{ one.two(3) }}.{% if a %} Or\n"
    assert list(template_pieces(text + "this.{% endif %}</p>\n<td>c</td>")) == [
        "A bold X. Or this.",
        "c",
    ]


@pytest.mark.parametrize("page", sorted(PROJECT.glob("reports/templates/*.html")))
def test_the_sentences_of_a_report_are_short(page):
    assert not too_long(template_pieces(page.read_text("utf-8")))
