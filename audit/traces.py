"""Traces in decoded pixels: of resampling, of a frame of one colour, of a palette."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.fft import rfft
from scipy.ndimage import median_filter

from fp.system.arrays import Doubles, Floats, Pixels

RESAMPLING_STRENGTH = 30.0
"""Least strength of a periodic trace; see `resampling_trace`."""

FLAT_BORDER = 0.03
"""Least share of a picture in flat borders; photographs with a black edge of a pixel have less."""

PALETTE = 256
"""Most colours of a palette."""

_FLAT_LEVELS = 6  # grey levels within which a compressed line is of one colour
_BINS = 512
_LOWEST = 0.06  # below it the picture itself has periods
_BESIDE = 0.012  # bins this near to a multiple of 1/8 may be a JPEG grid or a generator's lattice


@dataclass(frozen=True)
class Periodicity:
    """The strongest period in how predictable pixels are.

    Parameters
    ----------
    strength : float
        Power of the peak over the median of its surroundings.
    frequency : float
        Cycles a pixel, in (0, 1/2).
    present : bool
        Whether the strength is more than picture content gives.
    """

    strength: float
    frequency: float
    present: bool


def resampling_trace(luminance: Floats) -> Periodicity:
    """Return the strongest periodic predictability of a luminance in [0, 255], as interpolation
    leaves.

    It is neither a JPEG grid nor a generator's lattice of 2, 4 or 8 pixels; its strength is 0 where
    the picture is smaller than 64 x 64 pixels. The mean magnitude of second differences along rows
    and columns has the period of the sampling positions (Gallagher 2005, doi 10.1109/CRV.2005.33;
    Mahdian and Saic 2008, doi 10.1109/TIFS.2004.924603): enlarging by f > 1 leaves a peak at the
    frequency 1/f, folded into [0, 1/2].
    """
    if min(luminance.shape) < 64:
        return Periodicity(0.0, 0.0, False)
    power = _profile_power(luminance, 0) + _profile_power(luminance, 1)
    frequency = np.arange(power.size) / _BINS
    surroundings = median_filter(power, size=41, mode="reflect")
    off_lattice = np.abs(frequency * 8 - np.round(frequency * 8)) / 8 >= _BESIDE
    usable = (frequency > _LOWEST) & off_lattice
    ratio = np.where(usable, power / np.maximum(surroundings, 1e-12), 0.0)
    peak = int(ratio.argmax())
    strength = float(ratio[peak])
    return Periodicity(strength, float(frequency[peak]), strength > RESAMPLING_STRENGTH)


def flat_border(image_hwc: Pixels) -> float:
    """Return the share of a picture's area that lies in flat borders, in [0, 1].

    A border is made of lines from an edge on, each of one colour within six levels of 255: a
    letterbox, a white page, a frame. It is 1 where all lines are flat.
    """
    height, width = image_hwc.shape[:2]
    top = _flat_lines(image_hwc)
    if top == height:
        return 1.0
    bottom = _flat_lines(image_hwc[::-1])
    columns = image_hwc[top : height - bottom].swapaxes(0, 1)
    inside = width - _flat_lines(columns) - _flat_lines(columns[::-1])
    return float(1 - (height - top - bottom) * max(inside, 0) / (height * width))


def _flat_lines(lines: Pixels) -> int:
    """Return how many lines from the first on are of one colour each."""
    for count, line in enumerate(lines):
        if int(np.ptp(line.astype(np.int16), axis=0).max()) > _FLAT_LEVELS:
            return count
    return len(lines)


def colours(image_hwc: Pixels) -> int:
    """Return the number of different colours of a picture."""
    wide = image_hwc.astype(np.uint32)
    packed = np.sort((wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]).ravel())
    return int(1 + np.count_nonzero(packed[1:] != packed[:-1])) if packed.size else 0


def _profile_power(luminance: Floats, axis: int) -> Doubles:
    change = np.abs(np.diff(luminance, 2, axis=axis)).astype(np.float64)
    # Edges of the picture are large and not periodic: what exceeds the ninth decile is cut.
    change = np.minimum(change, np.quantile(change, 0.9))
    profile = np.log(change.mean(axis=1 - axis) + 0.05)
    smooth = np.convolve(np.pad(profile, 8, mode="reflect"), np.full(17, 1 / 17), mode="valid")
    taper = np.hanning(profile.size)
    power = np.square(np.abs(rfft((profile - smooth) * taper, _BINS)))
    return np.asarray(power / np.square(taper).sum())
