"""Sentences of Markdown pages and of help texts, and how many words they have."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

ABBREVIATIONS = ("e.g.", "i.e.", "cf.", "vs.", "etc.", "approx.", "fig.", "eq.", "p.", "pp.", "al.")
"""Words whose full stop ends no sentence."""

_FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_DISPLAY = re.compile(r"^\$\$.*?\$\$$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?<=\n\n)(?: {4}[^\n]*\n)+")
_ITEM = re.compile(r"^\s*(?:[*+-]|\d+\.)\s+")
_NOT_SHOWN = (
    re.compile(r"<(script|style)\b.*?</\1>", re.DOTALL),
    re.compile(r"\{[#%].*?[#%]\}", re.DOTALL),
)
_FILLED = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_BLOCK = re.compile(r"</?(?:p|li|t[dhr]|h\d|d[dt]|div|ul|table|section|summary|caption)\b[^>]*>")
_END = re.compile(r"(\S*[.!?]['\")*_\]]*)\s+")


def page_lines(text: str) -> list[str]:
    """Return the lines of prose of a page: no code, equations, comments, tables or headings."""
    for pattern in (_FENCE, _COMMENT, _DISPLAY, _INDENTED):
        text = pattern.sub("", text)
    return ["" if line.startswith(("|", "#")) else line for line in text.splitlines()]


def page_pieces(text: str) -> Iterator[str]:
    """Yield the paragraphs and the items of lists of a page, each in one line."""
    piece: list[str] = []
    for line in [*page_lines(text), ""]:
        if piece and (not line.strip() or _ITEM.match(line)):
            yield " ".join(piece)
            piece = []
        if line.strip():
            piece.append(_ITEM.sub("", line).strip())


def cells(text: str) -> Iterator[str]:
    """Yield the cells of the tables of a page."""
    for line in _FENCE.sub("", text).splitlines():
        if line.startswith("|") and not re.fullmatch(r"[|\s:-]+", line):
            yield from (cell.strip() for cell in re.split(r"(?<!\\)\|", line) if cell.strip())


def help_pieces(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield the paragraphs of the help of a command, of its options, and of its subcommands."""
    for paragraph in re.split(r"\n\s*\n", command.help or ""):
        if not paragraph.lstrip().startswith("\b"):  # examples, which are not prose
            yield " ".join(paragraph.split())
    for option in command.params:
        if isinstance(option, click.Option) and option.help:
            yield " ".join(option.help.split())
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from help_pieces(inner, click.Context(inner, info_name=name, parent=context))


def sentences(piece: str) -> list[str]:
    """Return the sentences of a paragraph; code, an equation and the text of a link stay whole."""
    piece = re.sub(r"!?\[((?:[^\[\]]|\[[^\]]*\])*)\]\([^)\s]*\)", r"\1", piece)
    piece = re.sub(r"(`+).+?\1", "CODE", piece)
    piece = re.sub(r"\$[^$]+\$", "MATH", piece)
    found, start = [], 0
    for end in _END.finditer(piece):
        word = end[1].lstrip("(['\"*_").lower()
        initial = re.fullmatch(r"[A-Z]\.", end[1])  # of a person's name
        if not initial and word not in ABBREVIATIONS:
            found.append(piece[start : end.end()].strip())
            start = end.end()
    return [each for each in (*found, piece[start:].strip()) if count_words(each)]


def count_words(sentence: str) -> int:
    """Count the words of a sentence: what stands between blanks and has a letter or digit."""
    return sum(any(sign.isalnum() for sign in word) for word in sentence.split())


def template_pieces(text: str) -> Iterator[str]:
    """Yield the paragraphs, cells and items of a page's template, whatever a run fills in."""
    for pattern in _NOT_SHOWN:
        text = pattern.sub("", text)
    text = _BLOCK.sub("\n", _FILLED.sub("X", " ".join(text.split())))
    for piece in re.sub(r"<[^>]+>", "", text).split("\n"):
        if piece.strip():
            yield " ".join(piece.split())
