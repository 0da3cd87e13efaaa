"""What was measured of each fingerprint of the bank that comes with fp."""

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
    """How many tests of images ended in a claim of a fingerprint, at 0.05.

    Parameters
    ----------
    claimed, of : int
        Tests that ended in a claim, and all tests. An image is tested in each of its codings.
    images : int
        How many images were tested.
    low, high : float
        95 % interval of the share of images, if every claim was of another image (Clopper and
        Pearson).
    """

    claimed: int
    of: int
    images: int
    low: float
    high: float

    def __str__(self) -> str:
        """Return the counts with the interval, such as ``3 of 200 (0.3 to 4.3 %)``."""
        tests = "" if self.of == self.images else f" tests of {self.images} images"
        interval = f"({100 * self.low:.1f} to {100 * self.high:.1f} %)"
        return f"{self.claimed} of {self.of}{tests} {interval}"


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
        How many tests of images of other generators there were.
    labels : tuple of str
        What limits every answer of it; `fp bank show` has a sentence for each.
    """

    name: str
    images: int
    references: int
    kin: tuple[str, ...]
    own: Mapping[str, Counted]
    photographs: Counted
    strangers: Mapping[str, Counted]
    strangers_asked: int
    labels: tuple[str, ...]


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
            tuple(card["labels"]),
        )
        for name, card in sorted(json.loads(text).items())
    )
