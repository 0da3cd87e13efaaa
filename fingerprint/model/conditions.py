"""What a fingerprint has for images as they come: an expert for each condition, and the gate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fp.fingerprint.model.gate import Gate
from fp.fingerprint.model.joined import Joined
from fp.fingerprint.model.ladder import ends, possible
from fp.images.degradations import Degradation
from fp.system.arrays import Doubles, Floats

LEAST = 0.05
"""Share of the largest probability below which no expert is heard."""


@dataclass(frozen=True, eq=False)
class Tested:
    """Scores of the calibration images in the worst case; see `fp.fingerprint.conditions.worst`.

    Parameters
    ----------
    real, generated : ndarray of float64, shape (n_r,) and (n_g,)
        Highest held-out score of each reference image over what may have happened to it, and lowest
        of each of the generator's.
    """

    real: Doubles
    generated: Doubles


@dataclass(frozen=True, eq=False)
class Searched:
    """The same expert for images whose phase is unknown.

    Where the largest of many scores is taken, the parts that are searched say less, so they are
    weighed anew against the others.

    Parameters
    ----------
    pattern : ndarray of float32, shape (1, 2, K)
        Weights of the parts, as `Fingerprint.pattern`.
    offset : float
        As `Fingerprint.offset`.
    real, generated : ndarray of float64, shape (n_r,) and (n_g,)
        Held-out score of each image, at the phase where it is largest.
    specific_real, specific_generated : ndarray of float64, shape (n_r,) and (n_g,)
        The generator's evidence alone at that phase.
    tested : Tested, optional
        What p-values come from; none in older files.
    """

    pattern: Floats
    offset: float
    real: Doubles
    generated: Doubles
    specific_real: Doubles
    specific_generated: Doubles
    tested: Tested | None = None


@dataclass(frozen=True, eq=False)
class Expert:
    """A fingerprint of the same generator in one condition.

    A `ValueError` refuses numbers of scores that do not fit, and unknown conditions.

    Parameters
    ----------
    condition : str
        Text of a `Degradation`.
    pattern : ndarray of float32, shape (1, 2, K)
        Weights of its parts, as `Fingerprint.pattern`.
    offset : float
        As `Fingerprint.offset`.
    real, generated : ndarray of float64, shape (n_r,) and (n_g,)
        Held-out scores of images that a gate sent here, one of each source image of the
        fingerprint's calibration and in its order.
    joined : Joined
        The parts.
    searched : Searched
        The same for images whose phase is unknown.
    tested : Tested, optional
        What p-values come from; none in older files.
    """

    condition: str
    pattern: Floats
    offset: float
    real: Doubles
    generated: Doubles
    joined: Joined
    searched: Searched
    tested: Tested | None = None

    def __post_init__(self) -> None:
        Degradation(self.condition)
        shape = (1, 2, len(self.joined.parts))
        if self.pattern.shape != shape or self.searched.pattern.shape != shape:
            raise ValueError(f"the pattern of expert {self.condition!r} has another shape")
        for label in ("real", "generated"):
            scores = getattr(self, label)
            others = (
                getattr(self.searched, label),
                getattr(self.searched, f"specific_{label}"),
                getattr(self.joined, f"specific_{label}"),
                *(getattr(t, label) for t in (self.tested, self.searched.tested) if t is not None),
            )
            if any(other.shape != scores.shape for other in others):
                raise ValueError(f"expert {self.condition!r} has another number of scores")
            if not all(np.isfinite(values).all() for values in (scores, *others)):
                raise ValueError(f"a score of expert {self.condition!r} is not finite")


@dataclass(frozen=True)
class Placement:
    """Where the gate sends an image.

    Parameters
    ----------
    expert : int
        Number of the expert that it comes to: the condition that explains it best.
    p : float
        Conformal p-value of its distance, or of how far it lies beyond the last rung of a
        compression: the smaller.
    second : int
        Number of the expert that it would come to, were all conditions as probable before.
    probable : tuple of (int, float)
        Numbers of the most probable experts with their probabilities, which sum to 1; `expert` is
        the first.
    """

    expert: int
    p: float
    second: int
    probable: tuple[tuple[int, float], ...]


@dataclass(frozen=True, eq=False)
class Conditions:
    """All experts of a fingerprint with the gate that sends to them.

    A `ValueError` refuses a gate that knows another number of conditions.

    Parameters
    ----------
    experts : tuple of Expert
        One for each condition; the first is that of images as the generator drew them.
    gate : Gate
        Which condition an image is in.
    outside : float
        Conformal p of the distance up to which an image lies outside the calibrated range.
    """

    experts: tuple[Expert, ...]
    gate: Gate
    outside: float

    def __post_init__(self) -> None:
        if not self.experts or len(self.experts) != len(self.gate.means):
            raise ValueError("a gate knows as many conditions as there are experts")
        if len(self.gate.beyond) not in (0, len(ends(self.names))):
            raise ValueError(
                "a gate knows as many ends of ladders as there are among the conditions"
            )
        if not 0 < self.outside < 0.5:
            raise ValueError(f"a level of {self.outside} is not possible")

    @property
    def names(self) -> tuple[str, ...]:
        """Conditions in their order."""
        return tuple(expert.condition for expert in self.experts)

    def tested(self, index: int, searched: bool) -> Tested | None:
        """Return what the p-values of an expert come from, for a searched phase or a known one."""
        expert = self.experts[index]
        return expert.searched.tested if searched else expert.tested

    def read(self, stack: Floats, factor: float = 1.0) -> Placement:
        """Return which expert an image comes to, and how ordinary it is there.

        `stack` holds the features that the gate reads, float32 (1, ...); `factor` is the one by
        which the image was resampled, where it was brought back from that.
        """
        measured = self.gate.measure(stack, possible(self.names, factor))
        expert = int(measured.nearest[0])
        p = self.gate.p(expert, float(measured.distance[0]))
        for number, end in enumerate(ends(self.names) if len(self.gate.beyond) else ()):
            if end.last == expert:
                p = min(p, self.gate.p_beyond(number, float(self.gate.along(stack, end)[0])))
        probability = self.gate.probabilities(measured.misfits)[0]
        order = np.argsort(-probability, kind="stable")
        kept = order[probability[order] >= LEAST * probability[expert]]
        shares = probability[kept] / probability[kept].sum()
        probable = tuple(zip(kept.tolist(), shares.tolist(), strict=True))
        return Placement(expert, p, int(measured.likeliest[0]), probable)
