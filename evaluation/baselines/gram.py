"""Gram matrices of a denoiser's inner features with a linear classifier.

The style representation of K. Xu, L. Zhang, J. Shi, "Detecting Image Attribution for Text-to-Image
Diffusion Models in RGB and Beyond" (arXiv 2403.19653), with the denoiser as the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fp.evaluation.baselines.linear import learn_linear
from fp.system.arrays import Array, Pixels

if TYPE_CHECKING:
    from fp.denoisers.dncnn import DnCNN


@dataclass(frozen=True)
class GramMatrices:
    """The baseline.

    Parameters
    ----------
    network : {"dncnn-small", "dncnn"}
        Whose features.
    """

    network: str = "dncnn-small"

    name: ClassVar[str] = "gram"
    learn = staticmethod(learn_linear)

    def parameters(self) -> dict[str, Any]:
        """Return all parameters; JSON types only."""
        return {"network": self.network, "weights": _denoiser(self.network).identity.digest}

    def features(self, image_hwc: Pixels) -> tuple[Array, ...]:
        """Return the upper triangles of all layers' Gram matrices, compressed by a signed root.

        G[a, b] = mean over pixels of f_a f_b for the channels f of one layer.
        """
        image_chw = np.ascontiguousarray(image_hwc.transpose(2, 0, 1), dtype=np.float32)
        image_chw /= 255
        found = []
        for layer in _denoiser(self.network).inner_features(image_chw):
            rows = layer.reshape(layer.shape[0], -1)
            gram = rows @ rows.T / rows.shape[1]
            found.append(gram[np.triu_indices(len(gram))])
        values = np.concatenate(found)
        return ((np.sign(values) * np.sqrt(np.abs(values))).astype(np.float32),)


@lru_cache(maxsize=2)
def _denoiser(network: str) -> DnCNN:
    from fp.denoisers.dncnn import DnCNN
    from fp.system.workers import use_one_thread

    # float32: inner features themselves are the measurement here.
    found = DnCNN(network, precision="float32")
    use_one_thread()
    return found
