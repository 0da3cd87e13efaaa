"""How well the expert for each condition separates, by its own held-out scores."""

from __future__ import annotations

from dataclasses import dataclass

from fp.fingerprint.conditions.expert_view import view
from fp.fingerprint.learning.strength import LEVEL, permutation_p
from fp.fingerprint.model.fingerprint import Fingerprint


@dataclass(frozen=True)
class Described:
    """One condition.

    Parameters
    ----------
    condition : str
        Text of a `fp.images.degradations.Degradation`.
    accuracy : float
        Balanced accuracy of the held-out scores, in [0, 1].
    auc : float
        Area under their ROC curve.
    p : float
        Permutation p-value of their difference of means: the null control.
    hidden : bool
        Whether nothing separates there, so that every answer is inconclusive.
    """

    condition: str
    accuracy: float
    auc: float
    p: float
    hidden: bool

    @property
    def line(self) -> str:
        """The same as a line of text."""
        told = "  hides the generator" if self.hidden else ""
        accuracy = f"{100 * self.accuracy:5.1f} %"
        return f"{self.condition:<19} {accuracy}  {self.auc:.3f}  p = {self.p:.3f}{told}"


def describe(fingerprint: Fingerprint) -> list[Described]:
    """Describe the experts of a fingerprint.

    Parameters
    ----------
    fingerprint : Fingerprint
        A fingerprint with conditions.

    Returns
    -------
    list of Described
        One of each expert, in their order.
    """
    assert fingerprint.conditions is not None
    found = []
    for index, expert in enumerate(fingerprint.conditions.experts):
        real, generated = expert.real, expert.generated
        # A joined score is 0 where both classes are equally likely; another one half-way.
        joins = fingerprint.joined is not None
        between = 0.0 if joins else float(real.mean() + generated.mean()) / 2
        accuracy = ((generated > between).mean() + (real <= between).mean()) / 2
        above = (generated[:, None] > real).mean() + (generated[:, None] == real).mean() / 2
        p = permutation_p(view(fingerprint, index, False).calibration)
        found.append(Described(expert.condition, float(accuracy), float(above), p, p > LEVEL))
    return found
