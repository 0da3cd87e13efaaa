"""What images go through on their way, as the list that `fp extract --augment` learns."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np

from fp.images.degradations import KINDS, Degradation
from fp.system.arrays import Doubles, Flags
from fp.system.errors import UsageError

LADDER = (
    *("none", "jpeg:95", "jpeg:85", "jpeg:75", "jpeg:65"),
    *("jpeg:50", "jpeg:30", "jpeg:15", "jpeg:10"),
    *("webp:80", "webp:50"),
    *("resize:0.25", "resize:0.33", "resize:0.5", "resize:0.75", "resize:1.5", "nearest:0.5"),
    *("blur:0.5", "blur:1", "blur:1.5", "blur:2", "blur:3", "blur:4", "blur:5", "noise:5"),
    *("resize:0.5+jpeg:90", "resize:0.5+jpeg:75", "resize:0.5+jpeg:50", "resize:0.5+jpeg:30"),
    *("blur:1+jpeg:90", "blur:1+jpeg:75", "blur:1+jpeg:50", "blur:1+jpeg:30"),
    *("resize:0.5+webp:80", "blur:1+webp:80"),
    *("jpeg:75+resize:0.5", "jpeg:75+resize:0.75", "jpeg:75+resize:1.5", "jpeg:75+blur:1"),
)
"""Conditions of the experts, unless others are named."""

ENDING = ("jpeg", "webp")
"""Codings whose strongest rung is no end of what is met."""

NEUTRAL = {"blur": 0.0, "resize": 1.0}
"""Kinds whose strength varies without steps, with the strength that does nothing."""

CHAIN = -5.0
"""Log prior of a condition of several steps beside one of a single step; see `log_prior`."""

_ALONE = 20.0  # how far a quality reaches that no other rung has beside it


@dataclass(frozen=True)
class End:
    """Where a ladder of compressions ends.

    Parameters
    ----------
    last, before : int
        Places of its strongest compression and of the next among the conditions.
    """

    last: int
    before: int


def ends(conditions: Sequence[str]) -> tuple[End, ...]:
    """Return where those ladders of JPEG and of WebP end that have two qualities or more."""
    found = []
    for coding in ENDING:
        rungs = [
            (step[1], place)
            for place, step in enumerate(map(_only_step, conditions))
            if step is not None and step[0] == coding
        ]
        if len(rungs) > 1:
            (_, last), (_, before), *_ = sorted(rungs)
            found.append(End(last, before))
    return tuple(found)


def log_prior(conditions: Sequence[str]) -> list[float]:
    """Return the natural log of how probable conditions are before an image is seen.

    Up to a constant: `CHAIN` for those of several steps, 0 for the others.

    What was softened and compressed looks like what was compressed, of a smooth scene or by a
    generator that draws smoothly. With equal priors images that were only compressed are often
    taken for chains, where a generator that smooths cannot be told; without chains all photographs
    that were softened and compressed are called such a generator's.
    """
    return [CHAIN if len(Degradation(c).steps()) > 1 else 0.0 for c in conditions]


def possible(conditions: Sequence[str], factor: float) -> Flags:
    """Return which conditions, shape (K,), an image can be in that was resampled by a factor.

    Those whose last step is a resize that stands for this factor (1.0 for none), if a single such
    step does; else all.

    Sharpness differs between pictures by more than between factors, so a gate that knows the pixels
    alone takes many a photograph for one of another factor. Its size is better evidence.
    """
    found = np.zeros(len(conditions), bool)
    alone = False
    for place, condition in enumerate(conditions):
        varying = _varying(condition)
        if varying is None or varying.around[1:] != ("resize", ""):
            continue
        low, high = reach(condition, conditions) or (np.inf, np.inf)
        found[place] = low <= factor <= high
        alone |= bool(found[place]) and not varying.is_chain
    return found if alone else np.ones(len(conditions), bool)


ELSEWHERE = tuple(
    (factor, quality)
    for factor in ((1.15, 1.4), (1.4, 1.75), (1.75, 2.4), (2.4, 3.4))
    for quality in (None, (80, 97), (60, 80), (30, 60))
)
"""Ranges of factors by which reference images are enlarged, and of JPEG after that, or none."""


def rescales(conditions: Sequence[str]) -> bool:
    """Return whether a ladder knows of resizing: one that does not is for images nobody resized."""
    return any(kind == "resize" for text in conditions for kind, _ in Degradation(text).steps())


def elsewhere(key: str) -> list[str]:
    """Return what a reference image goes through to be at other scales, one of each `ELSEWHERE`.

    The key is what chance hangs on, such as the hash of the image's file.
    """
    found = []
    for number, ((low, high), quality) in enumerate(ELSEWHERE):
        digest = hashlib.sha256(f"elsewhere {number} {key}".encode()).digest()
        rng = np.random.default_rng(list(digest))
        text = f"enlarge:{rng.uniform(low, high):.4g}"
        found.append(text if quality is None else f"{text}+jpeg:{rng.integers(*quality)}")
    return found


def varies(condition: str) -> bool:
    """Return whether a rung is learned from strengths around it as well; see `version`."""
    return _varying(condition) is not None


def version(condition: str, conditions: Sequence[str], key: str) -> str:
    """Return what an image goes through for a rung: the rung, or something near to it.

    Of blur and of bicubic resizing, for every other key (such as the hash of the image's file,
    which chance hangs on), another strength, drawn evenly between the middles to the next rungs
    (``none`` is the factor 1 and no blur; beyond the last rung as far as before it, but no nearer
    to nothing than half of it). Of a chain with one such step any strength from there to nothing,
    and for every key a quality between the middles to the next rungs. Else the rung.

    An expert that has seen one strength alone reads a strength between two rungs as a difference
    between the classes, and is sure of it.
    """
    found, varying = reach(condition, conditions), _varying(condition)
    if found is None or varying is None:
        return condition
    digest = hashlib.sha256(f"{condition} {key}".encode()).digest()
    rng = np.random.default_rng(list(digest))
    text = condition if rng.random() < 0.5 else varying.at(rng.uniform(*found))
    if not varying.is_chain:
        return text
    steps = text.split("+")
    for place, (kind, _) in enumerate(Degradation(condition).steps()):
        if kind in ENDING:
            low, high = _qualities(condition, conditions, place)
            steps[place] = f"{kind}:{round(rng.uniform(low, high))}"
    return "+".join(steps)


def reach(condition: str, conditions: Sequence[str]) -> tuple[float, float] | None:
    """Return the strengths that a rung stands for; None where the strength has steps.

    The middles to the next rungs, in chains from there to nothing, see `version`.
    """
    found = _varying(condition)
    if found is None:
        return None
    kind, strength = found.around[1], found.strength
    others = [o.strength for o in map(_varying, conditions) if o and o.around == found.around]
    before, after = _halves({NEUTRAL[kind], *others}, strength, 0.0)
    # Far from its neighbours a rung reaches to half of itself, and nowhere beyond what can be.
    low = max(strength - before, strength / 2, KINDS[kind].lowest)
    high = min(strength + after, KINDS[kind].highest)
    if found.is_chain:
        nothing = max(NEUTRAL[kind], KINDS[kind].lowest)
        low, high = min(low, nothing), max(high, nothing)
    return float(low), float(high)


def _qualities(condition: str, conditions: Sequence[str], place: int) -> tuple[float, float]:
    """Return the qualities that the coding at a place of a chain stands for."""
    steps = list(Degradation(condition).steps())
    coding, quality = steps[place]
    others = [list(Degradation(other).steps()) for other in conditions]
    alike = [other for other in others if _less(other, place) == _less(steps, place)]
    rungs = {other[place][1] for other in alike if len(other) > place and other[place][0] == coding}
    below, above = _halves({quality, *rungs}, quality, _ALONE)
    return max(quality - below, 1.0), min(quality + above, 98.0)


def _less(steps: list[tuple[str, float]], place: int) -> list[tuple[str, float]]:
    return steps[:place] + steps[place + 1 :]


def _halves(rungs: set[float], rung: float, alone: float) -> tuple[float, float]:
    """Return half the way to the next rung below and above; beyond an end as far as before it."""
    ordered = sorted(rungs)
    halves = np.diff(ordered) / 2 if len(ordered) > 1 else np.array([alone])
    at = ordered.index(rung)
    return float(halves[max(at - 1, 0)]), float(halves[min(at, halves.size - 1)])


def strengths(condition: str, conditions: Sequence[str], keys: Sequence[str]) -> Doubles:
    """Return the strength of a rung's version for each key, float64 (N,); NaN where none varies."""
    found = [_varying(version(condition, conditions, key)) for key in keys]
    return np.array([np.nan if one is None else one.strength for one in found])


def alike(condition: str, other: str) -> bool:
    """Return whether two rungs differ in a strength that varies, and in nothing else."""
    one, two = _varying(condition), _varying(other)
    return one is not None and two is not None and one.around == two.around


@dataclass(frozen=True)
class _Varying:
    """A condition in which the strength of one step varies, and what is around that step."""

    strength: float
    around: tuple[str, str, str]  # the steps before it, its kind, the steps behind it

    @property
    def is_chain(self) -> bool:
        """Whether there are other steps."""
        return bool(self.around[0] or self.around[2])

    def at(self, strength: float) -> str:
        """Return the condition at another strength."""
        before, kind, behind = self.around
        return f"{before}{kind}:{strength:.4g}{behind}"


@cache
def _varying(condition: str) -> _Varying | None:
    """Find the one step of a condition whose strength varies."""
    steps = Degradation(condition).steps()
    places = [place for place, (kind, _) in enumerate(steps) if kind in NEUTRAL]
    if len(places) != 1:
        return None
    (place,), texts = places, condition.split("+")
    kind, strength = steps[place]
    before = "".join(f"{text}+" for text in texts[:place])
    behind = "".join(f"+{text}" for text in texts[place + 1 :])
    return _Varying(strength, (before, kind, behind))


def _only_step(condition: str) -> tuple[str, float] | None:
    """Return kind and number of a condition that is one step; None for none and for chains."""
    steps = Degradation(condition).steps()
    return steps[0] if len(steps) == 1 else None


@dataclass(frozen=True)
class Augmentation:
    """How a fingerprint is learned and calibrated for images as they come.

    `UsageError` if there is no ``none``, a condition is unknown or named twice, or the level is
    impossible.

    Parameters
    ----------
    conditions : tuple of str
        Texts of `Degradation`, ``none`` the first; every training image goes through every one.
    outside : float
        Level of the test of the range: an image whose conformal p of the distance from the nearest
        condition is at most this lies outside. Where the images are too few for such a p-value, it
        is the smallest that they can give.
    """

    conditions: tuple[str, ...] = LADDER
    outside: float = 0.03

    def __post_init__(self) -> None:
        for condition in self.conditions:
            Degradation(condition)
        if len(set(self.conditions)) < max(2, len(self.conditions)):
            raise UsageError("A ladder has two conditions or more, each of them once.")
        if self.conditions[0] != "none":
            raise UsageError("A ladder begins with none: images as the generator drew them.")
        if not 0 < self.outside < 0.5:
            raise UsageError(f"A level of {self.outside} is not possible; use 0 < level < 0.5.")

    def parameters(self) -> dict[str, Any]:
        """Return all parameters; JSON types only."""
        return asdict(self) | {"conditions": list(self.conditions)}
