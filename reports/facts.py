"""What one should know of a fingerprint before use: figures that every page words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from fp.fingerprint.decision.cautions import FEW_SOURCES, fewest_sources, has_one_seed
from fp.fingerprint.model.conditions import TOLD_APART
from fp.fingerprint.model.fingerprint import Fingerprint

if TYPE_CHECKING:
    from fp.fingerprint.decision.judge import Judge


_RATE = 0.05
_MUCH = 0.25


@dataclass(frozen=True, eq=False)
class Facts:
    """A fingerprint with the figures that follow from it, each computed when asked for.

    Parameters
    ----------
    fingerprint : Fingerprint
        The fingerprint, or all but the arrays of one.
    """

    fingerprint: Fingerprint

    @cached_property
    def judge(self) -> Judge:
        """Its judge: whether it is weak, and how far its ratios reach."""
        from fp.fingerprint.decision.judge import Judge

        return Judge(self.fingerprint)

    @property
    def powers(self) -> list[str]:
        """How well each kind of version separates, a line each; none without conditions."""
        from fp.fingerprint.conditions.learning import Power

        found = self.fingerprint.parameters.get("conditions", [])
        return [Power(**each).line for each in found]

    @property
    def labels(self) -> list[tuple[str, str]]:
        """What limits every answer of it, with a sentence each; empty where nothing does."""
        found = []
        if self.judge.weak:
            found.append(("WEAK", "it separates no better than label shuffles may"))
        if self.smallest_p > _RATE:
            quarter = self.fingerprint.calibration.scheme.startswith("held-out quarter")
            found.append(
                (
                    "CLAIMS NOTHING",
                    f"{self.votes} reference images support no claim at a rate of {_RATE:g}; "
                    f"give at least {'76, or extract with --cross-fit' if quarter else '19'}",
                )
            )
        if self.others < self.others_needed:
            found.append(
                (
                    "TELLS NOTHING APART",
                    f"{self.others} images of other generators and references support no claim in "
                    f"this bank; it takes {self.others_needed}",
                )
            )
        if has_one_seed(self.fingerprint):
            found.append(
                (
                    "ONE SEED",
                    "the files tell one seed for all of the generator's images; what it draws "
                    "from that seed may pass for the generator",
                )
            )
        unlike = self.fingerprint.parameters.get("unlike_content", 0.0)
        if unlike >= _MUCH:
            found.append(
                (
                    "OTHER CONTENT",
                    f"{100 * unlike:.0f} % of the generator's images show content that hardly any "
                    "reference image shows, by roughness, contrast, brightness and colour, and "
                    "nothing is claimed of such; give references like them, at full size",
                )
            )
        sources = fewest_sources(self.fingerprint)
        if sources < FEW_SOURCES:
            found.append(
                (
                    "FEW SOURCES",
                    f"the images of a class come from {sources} sources, such as prompts; what is "
                    "special about these may pass for the generator",
                )
            )
        return found

    @property
    def n_real(self) -> int:
        """Number of reference images that it is calibrated on."""
        return self.fingerprint.calibration.real.size

    @property
    def n_generated(self) -> int:
        """Number of the generator's images that it is calibrated on."""
        return self.fingerprint.calibration.generated.size

    @property
    def smallest_p(self) -> float:
        """Smallest conformal p-value that it can give."""
        return 1 / (self.votes + 1)

    @property
    def votes(self) -> int:
        """Number of reference images, or of their sources, that its p-values count."""
        if "conditions" not in self.fingerprint.parameters:
            return self.n_real
        return len(set(self.fingerprint.calibration.real_source))

    @property
    def others(self) -> int:
        """Number of images of others that a claim of its bank is held against."""
        rest = self.fingerprint.rest
        return 0 if rest is None else rest.real.size

    @property
    def others_needed(self) -> int:
        """Number of these that a claim takes; 0 where it is held against none."""
        needed = math.ceil(self.fingerprint.rivals / TOLD_APART) - 1
        return 0 if self.fingerprint.rest is None else needed

    @property
    def largest_shuffled(self) -> float | None:
        """Largest separation from shuffled labels; None where there was no shuffle."""
        null = self.fingerprint.null
        return None if null is None or not null.shuffled.size else float(null.shuffled.max())

    @property
    def sides(self) -> str:
        """Sides of its calibrated windows in pixels; empty where there are none."""
        windows = self.fingerprint.windows
        return ", ".join(str(each.size) for each in windows.sizes) if windows else ""

    @property
    def foreign(self) -> list[dict[str, Any]]:
        """What it claimed of other generators' images; empty where that was not measured."""
        specificity: dict[str, Any] = self.fingerprint.parameters.get("specificity", {})
        return list(specificity.get("foreign", []))
