"""Co-occurrences of small differences with a linear classifier: what steganalysis reads.

J. Fridrich, J. Kodovsky, "Rich Models for Steganalysis of Digital Images", IEEE Transactions on
Information Forensics and Security 7 (2012), doi:10.1109/TIFS.2012.2190402.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fp.evaluation.baselines.linear import learn_linear
from fp.fingerprint.estimators.cooccurrence import cooccurrences
from fp.system.arrays import Array, Pixels


@dataclass(frozen=True)
class RichModel:
    """The baseline.

    Parameters
    ----------
    scales : tuple of int
        Factors by which the image is reduced before its runs are counted.
    """

    scales: tuple[int, ...] = (1, 2)

    name: ClassVar[str] = "srm"
    learn = staticmethod(learn_linear)

    def parameters(self) -> dict[str, Any]:
        """Return all parameters; JSON types only."""
        return {"scales": list(self.scales)}

    def features(self, image_hwc: Pixels) -> tuple[Array, ...]:
        """Return the counts at each scale; see `cooccurrences`."""
        return (np.stack([cooccurrences(image_hwc, scale) for scale in self.scales]),)
