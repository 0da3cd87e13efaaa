"""The parts that look at pixels, against what their docstrings say."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import dctn
from scipy.ndimage import uniform_filter
from synthetic import photograph

from fp.evaluation.baselines.dct import CosineSpectrum
from fp.fingerprint.estimators import registry as estimators
from fp.fingerprint.estimators.cooccurrence import cooccurrences
from fp.fingerprint.estimators.highpass import folded_highpass
from fp.fingerprint.estimators.pixels import TO_YCC, block_statistics, cosine_spectrum
from fp.images.degradations import Degradation
from fp.system.errors import UsageError


def test_the_cosine_part_sees_what_the_baseline_sees():
    image = photograph(1, 128)
    np.testing.assert_allclose(
        cosine_spectrum(image)[0], CosineSpectrum().features(image)[0], atol=1e-6
    )


def test_block_statistics_do_not_move_with_a_crop():
    image = Degradation("jpeg:50").apply(photograph(2, 512))
    found = [block_statistics(image[y : y + 448, x : x + 448]) for y, x in ((0, 0), (3, 6))]
    other = block_statistics(photograph(2, 512)[:448, :448])
    assert np.abs(found[0] - found[1]).mean() < 0.1 * np.abs(found[0] - other).mean()


@pytest.mark.parametrize("size", [(8, 8), (41, 67), (256, 256)])
def test_block_statistics_are_what_they_say(size):
    image = photograph(3, 256)[: size[0], : size[1]]
    planes = (image.astype(np.float64) @ TO_YCC.T.astype(np.float64)).transpose(2, 0, 1)
    blocks = sliding_window_view(planes, (8, 8), axis=(1, 2))[:, ::5, ::5].reshape(3, -1, 8, 8)
    found = np.abs(dctn(blocks, axes=(2, 3), norm="ortho"))
    log, of_log, small, limited = block_statistics(image).reshape(4, 3, 8, 8)
    np.testing.assert_allclose(10**log, found.mean(axis=1) + 1e-3, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(of_log, np.log10(found + 0.5).mean(axis=1), atol=1e-4)
    np.testing.assert_allclose(limited, np.minimum(found, 2).mean(axis=1), atol=1e-4)
    # Coefficients of whole grey levels may lie at the limit, on either side by rounding.
    below, up_to = ((found < 0.5 + d).mean(axis=1) for d in (-1e-4, 1e-4))
    assert np.all((below <= small + 1e-6) & (small <= up_to + 1e-6))


def plain_cooccurrences(image, scale):
    """Count as the docstring says, one run at a time, in fractions of a grey level."""
    numbers = {}
    for run in product(range(-2, 3), repeat=4):
        same = min(v for r in (run, run[::-1]) for v in (r, tuple(-x for x in r)))
        numbers[run] = numbers.get(same, len(set(numbers.values())))
    found = []
    for matrix in ((77, 150, 29), (-43, -85, 128), (128, -107, -21)):
        starts = product(range(scale), repeat=2)
        greys = [plain_means(image[y:, x:], matrix, scale) for y, x in starts]
        for kernel, across, factor in (
            ((-1, 1), (1,), 1),
            ((1, -2, 1), (1,), 1),
            ((-1, 3, -3, 1), (1,), 2),
            ((1, -2, 1), (1, -2, 1), 2),
        ):
            for width in (Fraction(1, 2), Fraction(1)):
                counts = np.zeros((2, 169))
                for plane in (p for grey in greys for p in (grey, list(zip(*grey, strict=True)))):
                    levels = {}
                    for y in range(len(plane) - len(across) + 1):
                        for x in range(len(plane[0]) - len(kernel) + 1):
                            d = sum(
                                a * k * plane[y + j][x + i]
                                for j, a in enumerate(across)
                                for i, k in enumerate(kernel)
                            ) / (factor * width / scale)
                            size = min(2, int(abs(d) + Fraction(1, 2)))
                            levels[y, x] = size if d > 0 else -size
                    for y, x in levels:
                        for place, (dy, dx) in enumerate(((0, 1), (1, 0))):
                            run = [levels.get((y + n * dy, x + n * dx)) for n in range(4)]
                            if None not in run:
                                counts[place, numbers[tuple(run)]] += 1
                found.append(np.sqrt(counts / counts.sum(axis=1, keepdims=True)))
    return np.array(found)


def plain_means(image, matrix, scale):
    """Compute means of blocks of one plane, in fractions of a grey level."""
    rows, columns = (range(0, side // scale * scale, scale) for side in image.shape[:2])
    return [
        [
            sum(
                Fraction(int(value) * weight, 256 * scale**2)
                for pixel in image[y : y + scale, x : x + scale].reshape(-1, 3)
                for value, weight in zip(pixel, matrix, strict=True)
            )
            for x in columns
        ]
        for y in rows
    ]


@pytest.mark.parametrize("scale", [1, 2])
def test_cooccurrences_are_counted_as_written(scale):
    side = 12 * scale
    rough = np.random.default_rng(scale).integers(0, 4, (side, side, 3))
    image = (photograph(scale, side) // 8 + rough).astype(np.uint8)
    found = cooccurrences(image, scale)
    assert found.shape == (24, 2, 169)
    np.testing.assert_allclose(found, plain_cooccurrences(image, scale), atol=1e-6)
    assert (found > 0).sum() > 24 * 2 * 10  # of many classes


def test_cooccurrences_know_no_direction():
    image = photograph(3, 128)
    found = cooccurrences(image, 2)
    np.testing.assert_allclose(cooccurrences(image.transpose(1, 0, 2), 2), found, atol=1e-7)
    for turned in (image[::-1], image[:, ::-1]):
        np.testing.assert_allclose(cooccurrences(turned, 2), found, atol=0.02)


def test_cooccurrences_of_a_resized_picture_outlive_a_crop():
    """Blocks of one phase alone would read another picture where the grid has moved."""
    image = Degradation("resize:0.5").apply(photograph(5, 512))
    found = cooccurrences(image[:448, :448], 2)
    other = cooccurrences(photograph(5, 512)[:448, :448], 2)
    for y, x in ((1, 1), (2, 7), (1, 0)):
        moved = cooccurrences(image[y : y + 448, x : x + 448], 2)
        assert np.abs(moved - found).mean() < 0.1 * np.abs(other - found).mean()


def test_the_folded_highpass_is_the_mean_at_each_phase():
    image = photograph(4, 72)
    planes = image.astype(float) @ TO_YCC.T
    high = planes - uniform_filter(planes, (9, 9, 1), mode="reflect")
    limited = high / (1 + (high / 48) ** 2)
    expected = [[limited[y::8, x::8].mean(axis=(0, 1)) for x in range(8)] for y in range(8)]
    found = folded_highpass(image)
    np.testing.assert_allclose(found, np.transpose(expected, (2, 0, 1)), atol=1e-3)
    assert np.abs(found).max() > 0.05
    # Columns and rows that fill no period are left out, and a lattice is where it was put.
    lattice = np.zeros((64, 64, 3), np.uint8) + 100
    lattice[3::8, 5::8] = 108
    peak = np.unravel_index(folded_highpass(lattice[:61, :57])[0].argmax(), (8, 8))
    assert tuple(int(place) for place in peak) == (3, 5)


def test_parts_of_pixels_refuse_residuals_and_strange_parameters():
    residual = np.zeros((3, 64, 64), np.float32)
    for name in ("cosine", "blocks", "cooccurrence", "highpass"):
        with pytest.raises(UsageError, match="a part of the conditions of 'fp extract' alone"):
            estimators.get(name).features(residual)
        assert name not in estimators.available()
    with pytest.raises(UsageError, match="is 1, 2, 4 or 8, not 3"):
        estimators.get("cooccurrence", scale=3)
