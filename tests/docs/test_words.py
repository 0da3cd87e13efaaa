"""One word for one thing: what the glossary gives up stands in no page and no help text."""

from __future__ import annotations

import re

import click
import pytest
from project import PROJECT
from sentences import help_pieces, template_pieces

from fp.cli.main import group

GLOSSARY = PROJECT / "docs" / "glossary.md"
PAGES = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "RESULTS.md")),
    *sorted(PROJECT.glob("docs/*.md")),
    *sorted(PROJECT.glob("docs/results/*.md")),
]

IDIOMS = ("take into account", "takes into account", "into account", "on account of")
"""Where a word that was given up is none of the field's."""


def given_up() -> list[str]:
    """Return the words of the last table of the glossary."""
    table = GLOSSARY.read_text("utf-8").partition("## Words that were given up")[2]
    return [row.strip() for row in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)[2:]]


def found_in(text: str) -> set[str]:
    """Return the words given up that a text has outside of code."""
    text = re.sub(r"^```.*?^```$|`[^`]*`", "", text, flags=re.MULTILINE | re.DOTALL)
    text = " ".join(text.lower().split())
    for idiom in IDIOMS:
        text = text.replace(idiom, "")
    return {word for word in given_up() if re.search(rf"\b{word}s?\b", text)}


def test_the_glossary_has_words_to_look_for():
    assert {"rung", "ladder", "expert", "gate"} <= set(given_up())


def test_a_word_that_was_given_up_is_found():
    text = "Each of the\nLadders has experts. `gate` is code, and takes all into account:\n\n"
    assert found_in(text + "```text\na rung\n```\n") == {"ladder", "expert"}
    assert found_in("a chain of\ndegradations") == {"chain of degradations"}


@pytest.mark.parametrize("page", [p for p in PAGES if p != GLOSSARY], ids=lambda page: page.name)
def test_no_page_has_a_word_that_was_given_up(page):
    assert not found_in(page.read_text("utf-8"))


def test_no_help_text_has_a_word_that_was_given_up():
    assert not found_in("\n\n".join(help_pieces(group, click.Context(group))))


@pytest.mark.parametrize("page", sorted(PROJECT.glob("reports/templates/*.html")))
def test_no_report_has_a_word_that_was_given_up(page):
    assert not found_in("\n\n".join(template_pieces(page.read_text("utf-8"))))


def test_the_glossary_is_linked():
    for name in ("index.md", "meaning.md"):
        text = (PROJECT / "docs" / name).read_text("utf-8")
        assert "](glossary.md)" in text, name


def test_each_word_of_the_glossary_has_one_meaning():
    words = re.findall(r"^\| ([^|`]+) \| ", GLOSSARY.read_text("utf-8"), re.MULTILINE)
    defined = [word for word in words if word not in ("word", "given up") and "---" not in word]
    assert len(defined) == len(set(defined)) > 40
