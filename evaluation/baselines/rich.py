"""Co-occurrences of small differences with a linear classifier: what steganalysis reads.

J. Fridrich, J. Kodovsky, "Rich Models for Steganalysis of Digital Images", IEEE Transactions on
Information Forensics and Security 7 (2012), doi:10.1109/TIFS.2012.2190402.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fp.evaluation.baselines.linear import AtScales
from fp.fingerprint.estimators.cooccurrence import cooccurrences
from fp.system.arrays import Array, Pixels


@dataclass(frozen=True)
class RichModel(AtScales):
    """The baseline."""

    scales: tuple[int, ...] = (1, 2)

    name: ClassVar[str] = "srm"

    def features(self, image_hwc: Pixels) -> tuple[Array, ...]:
        """Return the counts at each scale; see `cooccurrences`."""
        return (np.stack([cooccurrences(image_hwc, scale) for scale in self.scales]),)
