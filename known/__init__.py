"""The bank that comes with fp: fingerprints of generators, with a card for each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

KNOWN = Path(__file__).with_name("bank.h5")
"""The bank, which is used where no bank is named."""


@dataclass(frozen=True)
class Counted:
    """How many of the images that were asked about a fingerprint claimed, at 0.05.

    Parameters
    ----------
    claimed, of : int
        Images that were claimed, and all that were examined.
    low, high : float
        95 % interval of the share (Clopper and Pearson).
    """

    claimed: int
    of: int
    low: float
    high: float

    def __str__(self) -> str:
        """Return the counts with the interval, such as ``3 of 200 (0.3 to 4.3 %)``."""
        return f"{self.claimed} of {self.of} ({100 * self.low:.1f} to {100 * self.high:.1f} %)"


@dataclass(frozen=True)
class Card:
    """What was measured of a fingerprint, on images that it had not seen.

    Parameters
    ----------
    name : str
        Name of the fingerprint.
    images, references : int
        Images of the generator, and photographs, that it was learned from.
    kin : tuple of str
        Fingerprints of the bank that it is not told from.
    own : mapping of str to Counted
        Claims of the generator's own images, by it or its kin, by what they went through.
    photographs : Counted
        False claims of photographs, over all that these went through.
    strangers : mapping of str to Counted
        Claims of images of other generators, where there are any.
    strangers_asked : int
        How many images of other generators were asked about.
    """

    name: str
    images: int
    references: int
    kin: tuple[str, ...]
    own: Mapping[str, Counted]
    photographs: Counted
    strangers: Mapping[str, Counted]
    strangers_asked: int


@lru_cache(maxsize=1)
def cards() -> tuple[Card, ...]:
    """Read the cards of the bank, by name."""
    text = KNOWN.with_name("cards.json").read_text("utf-8")
    return tuple(
        Card(
            name,
            card["images"],
            card["references"],
            tuple(card["kin"]),
            {coding: Counted(**counted) for coding, counted in card["own"].items()},
            Counted(**card["photographs"]),
            {title: Counted(**counted) for title, counted in card["strangers"].items()},
            card["strangers_asked"],
        )
        for name, card in sorted(json.loads(text).items())
    )
