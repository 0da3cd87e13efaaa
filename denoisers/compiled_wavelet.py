"""The loops of the wavelet denoiser: transform, shrinkage and back, for one channel.

Every sum has the order of PyWavelets' convolutions (symmetric mode), so the noise has the bits that
the library gives. What is faster is the way through memory: all passes run along rows, where the
processor takes sixteen values at once.
"""

from __future__ import annotations

import numpy as np

from fp.images.compiled_box import box_mean, mirrored, transposed
from fp.system.arrays import Counts, Floats
from fp.system.jit import compiled


@compiled
def _decimated(plane: Floats, taps: Floats) -> Floats:
    """Convolve along the first axis, and keep every second value."""
    length, width = plane.shape
    count = len(taps)
    found = np.zeros(((length + count - 1) // 2, width), np.float32)
    for o in range(len(found)):
        place, line = 2 * o + 1, found[o]
        beyond = place - length
        for step in range(count):
            # Behind the end PyWavelets goes backwards, away from the data.
            tap = beyond - step if step <= beyond else step
            source, weight = plane[mirrored(place - tap, length)], taps[tap]
            for x in range(width):
                line[x] += weight * source[x]
    return found


@compiled
def _joined(low: Floats, high: Floats, taps: Floats) -> Floats:
    """Undo `_decimated` along the first axis. Taps are those of the low and the high half."""
    length, width = low.shape
    count = taps.shape[1]
    found = np.zeros((2 * length - count + 2, width), np.float32)
    total = np.empty(width, np.float32)
    for band, half in enumerate((low, high)):
        for o in range(len(found)):
            place = count // 2 - 1 + o // 2
            total[:] = 0.0
            for j in range(count // 2):
                source, weight = half[place - j], taps[band, 2 * j + o % 2]
                for x in range(width):
                    total[x] += weight * source[x]
            line = found[o]
            for x in range(width):
                line[x] += total[x]
    return found


@compiled
def _shrunk(band: Floats, windows: Counts, variance: np.float32) -> Floats:
    height, width = band.shape
    energy = band * band
    least = np.full((width, height), np.inf, np.float32)  # transposed, as the means come
    for size in windows:
        least = np.minimum(least, box_mean(energy, size))
    least = transposed(least)
    found = np.empty((height, width), np.float32)
    for y in range(height):
        for x in range(width):
            # max(0, e - s^2) + s^2 = max(s^2, e)
            found[y, x] = band[y, x] * (variance / max(least[y, x], variance))
    return found


@compiled
def noise_of_channel(
    channel: Floats,
    decompose: Floats,
    rebuild: Floats,
    levels: int,
    windows: Counts,
    variance: np.float32,
) -> Floats:
    """Return the noise of a channel: transformed, its details shrunk, and transformed back.

    `channel` is float32 (H, W) and C-contiguous; `decompose` and `rebuild` are the low-pass and
    high-pass filter of the transform and of its inverse, float32 (2, F); `windows` the sides of the
    box windows, int64 (K,); `variance` that of the noise.
    """
    bands = [channel]
    approximation = channel
    for _ in range(levels):
        low = transposed(_decimated(approximation, decompose[0]))
        high = transposed(_decimated(approximation, decompose[1]))
        approximation = transposed(_decimated(low, decompose[0]))
        bands.append(_shrunk(transposed(_decimated(low, decompose[1])), windows, variance))
        bands.append(_shrunk(transposed(_decimated(high, decompose[0])), windows, variance))
        bands.append(_shrunk(transposed(_decimated(high, decompose[1])), windows, variance))
    noise = np.zeros_like(approximation)
    for level in range(levels, 0, -1):
        across, down, both = bands[3 * level - 2], bands[3 * level - 1], bands[3 * level]
        height, width = across.shape
        noise = noise[:height, :width].copy()  # an odd side came back one longer
        low = _joined(transposed(noise), transposed(across), rebuild)
        high = _joined(transposed(down), transposed(both), rebuild)
        noise = _joined(transposed(low), transposed(high), rebuild)
    return noise[: channel.shape[0], : channel.shape[1]].copy()
