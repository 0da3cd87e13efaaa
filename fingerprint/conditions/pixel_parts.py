"""Parts of experts that look at pixels."""

from __future__ import annotations

from typing import Any

from fp.fingerprint.estimators import registry as estimators
from fp.fingerprint.learning.method import Recipe
from fp.system.errors import UsageError

PIXEL_PARTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("cosine", {}),
    ("blocks", {}),
    ("cooccurrence", {"scale": 2}),
    ("cooccurrence", {"scale": 4}),
    ("highpass", {}),
)
"""Parts that every expert of a joined method has beside those of its method."""


def with_pixels(method: Recipe) -> Recipe:
    """Give the method of the experts: the method with the parts that look at pixels.

    Parameters
    ----------
    method : Recipe
        A method that joins closed forms.

    Returns
    -------
    Recipe
        The same with `PIXEL_PARTS` behind.

    Raises
    ------
    UsageError
        If it joins nothing, or has a part that is learned once only.
    """
    if not method.joins or not method.is_closed_form:
        raise UsageError(
            "--augment goes with --method auto or lattice without dif; the experts join closed "
            "forms."
        )
    added = tuple(estimators.get(name, **chosen) for name, chosen in PIXEL_PARTS)
    return Recipe(method.name, (*method.parts, *added))
