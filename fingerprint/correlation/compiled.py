"""The loops behind the kernels, compiled by Numba; `kernels` is the door to them."""

from __future__ import annotations

import numpy as np
from numba import prange

from fp.system.arrays import AnyFloats, Counts, Doubles
from fp.system.jit import compiled, compiled_parallel

_LANES = 32
_CHUNK = 16 * _LANES  # 4 KiB in float64: a few chunks fit into the first-level cache
_PATTERNS_PER_PASS = 16


@compiled
def scratch(count: int) -> Doubles:
    # From the start of a cache line on: wide loads that straddle two lines take twice the time.
    room = np.empty(count + 8)
    skip = (64 - room.ctypes.data % 64) // 8
    return room[skip : skip + count]


@compiled
def _centre(values: AnyFloats, mean: float, chunk: Doubles) -> None:
    # Numba inlines this; zeros behind the end of an image add nothing to any sum.
    count = min(values.size, _CHUNK)
    for i in range(count):
        chunk[i] = values[i] - mean
    for i in range(count, _CHUNK):
        chunk[i] = 0.0


@compiled
def _add(chunk: Doubles, partial: Doubles) -> None:
    for lane in range(_LANES):
        total = partial[lane]
        for row in range(_CHUNK // _LANES):
            total += chunk[row * _LANES + lane]
        partial[lane] = total


@compiled
def _add_products(chunks: Doubles, other: Doubles, partial: Doubles) -> None:
    for n in range(len(chunks)):
        for lane in range(_LANES):
            total = partial[n, lane]
            for row in range(_CHUNK // _LANES):
                total += chunks[n, row * _LANES + lane] * other[row * _LANES + lane]
            partial[n, lane] = total


@compiled
def _total(partial: Doubles) -> float:
    total = 0.0
    for lane in range(_LANES):
        total += partial[lane]
    return total


@compiled
def _mean(image: AnyFloats) -> float:
    # Relative to the first value, so that the mean of a constant is that constant, exactly.
    first = np.float64(image[0])  # float() would keep float32 here
    chunk = scratch(_CHUNK)
    partial = np.zeros(_LANES)
    for start in range(0, image.size, _CHUNK):
        _centre(image[start:], first, chunk)
        _add(chunk, partial)
    return first + _total(partial) / image.size


@compiled
def _norm(image: AnyFloats, mean: float) -> float:
    chunk = scratch(_CHUNK)
    partial = np.zeros((1, _LANES))
    for start in range(0, image.size, _CHUNK):
        _centre(image[start:], mean, chunk)
        _add_products(chunk.reshape(1, _CHUNK), chunk, partial)
    return float(np.sqrt(_total(partial[0])))


@compiled
def products(
    images: AnyFloats,
    patterns: AnyFloats,
    pattern_means: Doubles,
    mean: Doubles,
    norm: Doubles,
    sums: Doubles,
) -> None:
    count, size = images.shape
    for n in range(count):
        mean[n] = _mean(images[n])
        norm[n] = _norm(images[n], mean[n])
    image_chunks = scratch(count * _CHUNK).reshape(count, _CHUNK)
    pattern_chunk = scratch(_CHUNK)
    partial = scratch(_PATTERNS_PER_PASS * count * _LANES)
    partial = partial.reshape(_PATTERNS_PER_PASS, count, _LANES)
    for first in range(0, len(patterns), _PATTERNS_PER_PASS):
        last = min(first + _PATTERNS_PER_PASS, len(patterns))
        partial[:] = 0.0
        for start in range(0, size, _CHUNK):
            for n in range(count):
                _centre(images[n, start:], mean[n], image_chunks[n])
            for k in range(first, last):
                _centre(patterns[k, start:], pattern_means[k], pattern_chunk)
                _add_products(image_chunks, pattern_chunk, partial[k - first])
        for k in range(first, last):
            for n in range(count):
                sums[n, k] = _total(partial[k - first, n])


@compiled_parallel
def products_in_parallel(
    images: AnyFloats,
    patterns: AnyFloats,
    pattern_means: Doubles,
    step: int,
    mean: Doubles,
    norm: Doubles,
    sums: Doubles,
) -> None:
    for task in prange((len(images) + step - 1) // step):
        i = task * step
        j = min(i + step, len(images))
        products(images[i:j], patterns, pattern_means, mean[i:j], norm[i:j], sums[i:j])


@compiled
def fold_image(image: AnyFloats, tile: Doubles) -> None:
    channels, height, width = image.shape
    side = tile.shape[1]
    rows, columns = height // side, width // side
    strip = np.empty(columns * side)
    tile[:] = 0.0
    for c in range(channels):
        for i in range(side):
            strip[:] = 0.0
            for row in range(rows):
                line = image[c, row * side + i]
                for x in range(strip.size):
                    strip[x] += line[x]
            for column in range(columns):
                for j in range(side):
                    tile[c, i, j] += strip[column * side + j]
            for j in range(side):
                tile[c, i, j] /= rows * columns


@compiled_parallel
def fold_in_parallel(images: AnyFloats, tiles: Doubles) -> None:
    for n in prange(len(images)):
        fold_image(images[n], tiles[n])


@compiled
def fold_products(
    planes: AnyFloats, lags: Counts, margin: int, limit: float, folded: Doubles
) -> None:
    channels, height, width = planes.shape
    side = folded.shape[1]
    count = width - 2 * margin
    strips = np.empty((side, count))
    folded[:] = 0.0
    for lag in range(len(lags)):
        down, right = lags[lag, 0], lags[lag, 1]
        for c in range(channels):
            tile = folded[lag * channels + c]
            strips[:] = 0.0
            # Rows of one phase onto each other first: that loop has no index to divide.
            for y in range(margin, height - margin):
                strip = strips[y % side]
                here = planes[c, y, margin : margin + count]
                there = planes[c, y + down, margin + right : margin + right + count]
                for x in range(count):
                    product = np.float64(here[x]) * np.float64(there[x])
                    strip[x] += min(max(product, -limit), limit)
            for phase in range(side):
                for x in range(count):
                    tile[phase, (margin + x) % side] += strips[phase, x]
    folded /= ((height - 2 * margin) // side) * ((width - 2 * margin) // side)
