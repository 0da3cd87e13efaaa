"""Texts of unknown origin in Markdown."""

from __future__ import annotations

_MARKS = frozenset('<>&"`*_[]#|\\~')


def plain(text: object) -> str:
    """Return a text of unknown origin so that Markdown and HTML only show it.

    It is one line; every mark of punctuation that could mean something is an entity.
    """
    words = " ".join(str(text).split())
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)
    return "".join(f"&#{ord(c)};" if c in _MARKS else c for c in shown)
