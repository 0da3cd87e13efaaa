"""Which small differences stand beside each other, in a reduced image: what steganalysis reads.

A generator and a camera leave other fine structure, most of all in colour, and it is too small for
the moments of a spectrum. Counted in runs of quantised differences it shows; counted in means of
2 x 2 or 4 x 4 pixels it outlives a resize and a blur.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fp.fingerprint.estimators.compiled_cooccurrence import LEVELS, RUN, count_runs
from fp.fingerprint.estimators.pixels import OfPixels
from fp.system.arrays import Floats, Indices, Pixels
from fp.system.errors import UsageError

_TO_YCC = np.array([[77, 150, 29], [-43, -85, 128], [128, -107, -21]], np.int32)
_UNIT = 256  # what the rows of that matrix make of one grey level
_WEIGHTS = (1, 1, 2, 2)  # the wider a difference, the wider its steps
_STEPS = (0.5, 1)
SCALES = (1, 2, 4, 8)


def _classes() -> Indices:
    """Number runs alike that are each other's reverse, or have other signs."""
    found: dict[tuple[int, ...], int] = {}
    numbers = []
    for run in np.ndindex(*(LEVELS,) * RUN):
        other = tuple(LEVELS - 1 - level for level in run)
        first = min(run, run[::-1], other, other[::-1])
        numbers.append(found.setdefault(first, len(found)))
    return np.array(numbers)


_CLASS = _classes()
_BY_CLASS = np.argsort(_CLASS, kind="stable")
_STARTS = np.searchsorted(_CLASS[_BY_CLASS], np.arange(_CLASS.max() + 1))
CLASSES = len(_STARTS)


def cooccurrences(image_hwc: Pixels, scale: int) -> Floats:
    """Count runs of quantised differences in an image reduced by a whole factor f.

    Return square roots of relative frequencies, shape (24, 2, 169): for each of luminance and two
    chrominances, each of four differences and each of two steps, of runs along the difference and
    across it, in 169 classes. The reduced image holds means of f x f pixels.

    Notes
    -----
    The differences are [-1, 1], [1, -2, 1], [-1, 3, -3, 1] and [1, -2, 1] along times [1, -2, 1]
    across, of rows and of columns, counted together. They are rounded to steps of 1/2 and of 1
    grey level over f, the last two differences to twice that, and limited to two steps each way.
    Four neighbours are a run; reversed, or with all signs changed, it is the same. Blocks of f x f
    pixels begin at all f x f places, counted together: a picture that was resized by f has another
    grid after a crop. All is integer arithmetic up to the frequencies. The square root is the map
    of Hellinger's distance.

    References
    ----------
    J. Fridrich, J. Kodovsky, "Rich Models for Steganalysis of Digital Images", IEEE Transactions
    on Information Forensics and Security 7 (2012), doi:10.1109/TIFS.2012.2190402.
    """
    channels = np.ascontiguousarray(image_hwc.transpose(2, 0, 1), dtype=np.int32)
    ycc = np.stack([r * channels[0] + g * channels[1] + b * channels[2] for r, g, b in _TO_YCC])
    counts = np.zeros((3, len(_WEIGHTS), len(_STEPS), 2, LEVELS**RUN), np.int64)
    for y, x in np.ndindex(scale, scale):
        for plane, of_plane in zip(_sums(ycc[:, y:, x:], scale), counts, strict=True):
            for weight, kind, (of_rows, of_columns) in zip(
                _WEIGHTS, of_plane, _differences(plane), strict=True
            ):
                unit = _UNIT * scale * weight  # a sum is f^2 times the mean, a step 1/f
                for step, (along, across) in zip(_STEPS, kind, strict=True):
                    count_runs(of_rows, int(unit * step), along, across)
                    if of_columns is not None:
                        count_runs(of_columns, int(unit * step), across, along)
    # The last difference is its own transpose: what lies across it lies along the other.
    counts[:, -1] = counts[:, -1].sum(axis=-2, keepdims=True)
    classes = np.add.reduceat(counts[..., _BY_CLASS], _STARTS, axis=-1)
    shares = classes / np.maximum(classes.sum(axis=-1, keepdims=True), 1)
    return np.asarray(np.sqrt(shares).reshape(-1, 2, CLASSES), dtype=np.float32)


def _sums(ycc: NDArray[np.int32], scale: int) -> NDArray[np.int32]:
    """Add up blocks of pixels (3, H, W), shape (3, H / scale, W / scale)."""
    height, width = (side // scale * scale for side in ycc.shape[1:])
    sums = np.zeros((3, height, width // scale), np.int32)
    for place in range(scale):
        sums += ycc[:, :height, place:width:scale]
    return np.asarray(np.add.reduce([sums[:, place::scale] for place in range(scale)]))


def _differences(
    plane: NDArray[np.int32],
) -> list[tuple[NDArray[np.int32], NDArray[np.int32] | None]]:
    """Compute the four differences of a plane (H, W), along its rows and along its columns.

    The last one is the same along both.
    """
    of_rows, of_columns = [plane], [plane]
    for _ in range(3):
        of_rows.append(of_rows[-1][:, 1:] - of_rows[-1][:, :-1])
        of_columns.append(of_columns[-1][1:] - of_columns[-1][:-1])
    both = np.diff(of_rows[2], 2, axis=0)
    return [*zip(of_rows[1:], of_columns[1:], strict=True), (both, None)]


@dataclass(frozen=True)
class Cooccurrence(OfPixels):
    """Shrunk linear discriminant of co-occurrences of quantised differences.

    Parameters
    ----------
    scale : int
        Factor by which the image is reduced first, one of 1, 2, 4 and 8.
    """

    scale: int = 2

    name: ClassVar[str] = "cooccurrence"

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise UsageError(f"The scale of co-occurrences is 1, 2, 4 or 8, not {self.scale}.")

    @property
    def reads(self) -> str:
        """Name of its features; those of another scale are others."""
        return f"cooccurrence-{self.scale}"

    def pixel_features(self, image_hwc: Pixels) -> Floats:
        """Compute the co-occurrences; see `cooccurrences`."""
        return cooccurrences(image_hwc, self.scale)
