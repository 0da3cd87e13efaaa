"""Pictures inside a page: figures for both themes, files as addresses."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def in_both(draw: Callable[[], Figure]) -> dict[str, str]:
    """Return a figure as SVG in data URIs by theme. `draw` makes it in the colours in force."""
    # Drawing takes a second to load, which nobody pays who wants no report.
    from fp.reports.figures.style import THEMES, as_svg, themed

    found: dict[str, str] = {}
    for theme in THEMES:
        with themed(theme):
            found[theme] = data_uri(as_svg(draw()), "image/svg+xml")
    return found


def data_uri(content: bytes, kind: str) -> str:
    """Return a file as an address that holds it, for a self-contained page."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
