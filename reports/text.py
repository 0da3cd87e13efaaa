"""Texts of anybody on a page: shown as they are, with no effect on it."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from markupsafe import Markup

# Controls, marks that turn a line or join letters unseen, and halves of characters.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
_IN_SCRIPT = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}


def visible(value: Any) -> Any:
    """Return a text with control characters and marks of direction as ``\\uXXXX``.

    What is no text stays as it is; Markup too, which is made here alone.
    """
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", value)


def as_json(value: Any) -> Markup:
    """Return JSON types as ASCII for a script element. No text can end it."""
    text = json.dumps(_seen(value), separators=(",", ":"), allow_nan=False)
    return Markup(text.translate(_IN_SCRIPT))


def _seen(value: Any) -> Any:
    if isinstance(value, dict):
        return {visible(name): _seen(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_seen(item) for item in value]
    return visible(value)


def rounded(value: float | None, digits: int = 6) -> float | None:
    """Return a number with so many significant digits; what is not finite is missing."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


def thousands(value: int) -> str:
    """Return a count with its thousands apart."""
    return f"{value:,}"


def percent(share: float, digits: int = 0) -> str:
    """Return a share in per cent."""
    return f"{100 * share:.{digits}f} %"
