"""Correlation, moments and fold against plain NumPy, and their bits against everything else."""

from __future__ import annotations

import doctest
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fp.fingerprint.correlation import compiled, kernels
from fp.fingerprint.correlation.kernels import (
    complete_blocks,
    correlate,
    fold,
    moments,
)

Array = NDArray[Any]
few = settings(max_examples=20, deadline=None, derandomize=True)
sides = st.tuples(st.integers(1, 4), st.integers(2, 40), st.integers(2, 40))


def noise(seed: int, *shape: int, dtype: Any = np.float32) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def reference(residuals: Array, patterns: Array) -> Array:
    def unit(stack: Array) -> Array:
        rows = stack.reshape(len(stack), -1).astype(np.float64)
        rows = rows - rows.mean(axis=1, keepdims=True)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    return np.asarray(unit(residuals) @ unit(patterns).T)


def sum_in_stated_order(values: Array) -> float:
    padded = np.zeros(-(-values.size // 32) * 32)
    padded[: values.size] = values
    total = 0.0
    for partial in np.add.accumulate(padded.reshape(-1, 32), axis=0)[-1]:
        total += float(partial)
    return total


def mean_in_stated_order(image: Array) -> float:
    values = image.ravel().astype(np.float64)
    return float(values[0] + sum_in_stated_order(values - values[0]) / values.size)


@pytest.fixture
def many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the parallel path on any machine."""
    monkeypatch.setattr(kernels, "_threads", 4)


# Correlation: values


@few
@given(sides, st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_correlation_is_pearson(side: tuple[int, int, int], n: int, k: int, seed: int) -> None:
    residuals, patterns = noise(seed, n, *side), noise(seed + 1, k, *side)
    rho = correlate(residuals, patterns)
    assert rho.shape == (n, k)
    assert rho.dtype == np.float64
    np.testing.assert_allclose(rho, reference(residuals, patterns), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 1e3, -1e6])
def test_a_large_offset_costs_no_digits(dtype: Any, offset: float) -> None:
    residuals = (noise(1, 3, 3, 48, 40, dtype=np.float64) + offset).astype(dtype)
    patterns = (noise(2, 2, 3, 48, 40, dtype=np.float64) - offset).astype(dtype)
    np.testing.assert_allclose(
        correlate(residuals, patterns), reference(residuals, patterns), rtol=0, atol=1e-12
    )


@few
@given(
    st.floats(1e-6, 1e6),
    st.floats(-1e2, 1e2),
    st.sampled_from([-1.0, 1.0]),
    st.integers(0, 1000),
)
def test_scale_and_offset_do_not_matter_and_the_sign_does(
    scale: float, offset: float, sign: float, seed: int
) -> None:
    residuals = noise(seed, 2, 3, 17, 19, dtype=np.float64)
    patterns = noise(seed + 1, 2, 3, 17, 19, dtype=np.float64)
    moved = correlate(sign * scale * (residuals + offset), patterns)
    np.testing.assert_allclose(moved, sign * correlate(residuals, patterns), rtol=0, atol=1e-11)


def test_an_image_correlates_with_itself_to_one() -> None:
    images = noise(3, 4, 3, 31, 33) * np.float32(1e-3)
    rho = correlate(images, images)
    np.testing.assert_allclose(np.diag(rho), 1.0, rtol=0, atol=1e-15)
    assert np.abs(rho).max() <= 1.0
    assert correlate(images[0], -images[0])[0, 0] == pytest.approx(-1.0, abs=1e-15)


def test_the_two_sides_can_be_exchanged() -> None:
    residuals, patterns = noise(4, 21, 3, 16, 18), noise(5, 3, 3, 16, 18)
    assert np.array_equal(correlate(residuals, patterns), correlate(patterns, residuals).T)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, -1e-30, 3e7])
def test_a_constant_correlates_with_nothing(dtype: Any, value: float) -> None:
    constant = np.full((3, 33, 35), value, dtype=dtype)
    other = noise(6, 3, 33, 35, dtype=dtype)
    pairs = correlate(np.stack([constant, other]), np.stack([other, constant]))
    assert pairs[0].tolist() == [0.0, 0.0]
    assert pairs[1, 1] == 0.0
    assert pairs[1, 0] == pytest.approx(1.0)
    found = moments(constant)
    assert found.norm.tolist() == [0.0]
    assert found.mean.tolist() == [float(constant[0, 0, 0])]


def test_an_image_that_is_all_but_constant_is_not_constant() -> None:
    image = np.full((3, 20, 20), 0.1, dtype=np.float32)
    image[1, 2, 3] = np.nextafter(image[1, 2, 3], np.float32(1))
    assert correlate(image, image)[0, 0] == pytest.approx(1.0, abs=1e-12)


def test_unrelated_patterns_spread_as_one_over_the_root_of_3hw() -> None:
    rho = correlate(noise(7, 40, 3, 64, 64), noise(8, 30, 3, 64, 64))
    assert rho.std() == pytest.approx(1 / np.sqrt(3 * 64 * 64), rel=0.07)


def test_single_images_and_empty_stacks_keep_two_axes() -> None:
    image = noise(9, 3, 8, 8)
    assert correlate(image, image).shape == (1, 1)
    assert correlate(image[np.newaxis][:0], image).shape == (0, 1)
    assert correlate(image, image[np.newaxis][:0]).shape == (1, 0)
    assert fold(image[np.newaxis][:0], 4).shape == (0, 3, 4, 4)


# Correlation: bits


@pytest.mark.parametrize("shape", [(1, 2, 3), (3, 13, 13), (3, 32, 32), (3, 37, 41)])
def test_sums_are_taken_in_the_stated_order(shape: tuple[int, int, int]) -> None:
    a, b = noise(10, *shape) + np.float32(0.3), noise(11, *shape)
    mean_a, mean_b = mean_in_stated_order(a), mean_in_stated_order(b)
    left = a.ravel().astype(np.float64) - mean_a
    right = b.ravel().astype(np.float64) - mean_b
    norm_a = np.sqrt(sum_in_stated_order(left * left))
    norm_b = np.sqrt(sum_in_stated_order(right * right))
    rho = sum_in_stated_order(left * right) / (norm_a * norm_b)
    found = moments(a)
    assert found.mean.tolist() == [mean_a]
    assert found.norm.tolist() == [norm_a]
    assert correlate(a, b)[0, 0] == min(1.0, max(-1.0, rho))


def test_a_pair_has_the_same_bits_in_any_batch(many_threads: None) -> None:
    residuals, patterns = noise(12, 19, 3, 23, 29), noise(13, 17, 3, 23, 29)
    whole = correlate(residuals, patterns)
    for n, k in [(1, 1), (1, 17), (2, 1), (7, 5), (9, 16), (19, 1)]:
        parts = np.block(
            [
                [correlate(residuals[i : i + n], patterns[j : j + k]) for j in range(0, 17, k)]
                for i in range(0, 19, n)
            ]
        )
        assert np.array_equal(parts, whole), (n, k)
    one_by_one = [moments(image).norm[0] for image in residuals]
    assert np.array_equal(moments(residuals).norm, one_by_one)


def test_the_number_of_threads_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    residuals, patterns = noise(14, 23, 3, 24, 24), noise(15, 4, 3, 24, 24)

    def all_bits() -> bytes:
        found = moments(residuals)
        arrays = [correlate(residuals, patterns), found.mean, found.norm, fold(residuals, 8)]
        return b"".join(array.tobytes() for array in arrays)

    monkeypatch.setattr(kernels, "_threads", 1)
    alone = all_bits()
    monkeypatch.setattr(kernels, "_threads", 4)
    before = numba.get_num_threads()
    try:
        for count in {1, min(2, before), before}:
            numba.set_num_threads(count)
            assert all_bits() == alone, count
    finally:
        numba.set_num_threads(before)


@pytest.mark.slow
def test_float64_of_the_same_values_gives_the_same_bits() -> None:
    a, b = noise(16, 5, 3, 20, 20), noise(17, 2, 3, 20, 20)
    expected = correlate(a, b)
    for left, right in [
        (a.astype(float), b),
        (a, b.astype(float)),
        (a.astype(float), b.astype(float)),
    ]:
        assert np.array_equal(correlate(left, right), expected)


def read_only(array: Array) -> Array:
    array = array.copy()
    array.flags.writeable = False
    return array


def unaligned(array: Array) -> Array:
    raw = np.empty(array.nbytes + 1, dtype=np.uint8)[1:]
    shifted: Array = raw.view(array.dtype).reshape(array.shape)
    shifted[...] = array
    return shifted


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "fortran": np.asfortranarray,
    "strided": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    "negative strides": lambda array: array[:, :, ::-1, ::-1].copy()[:, :, ::-1, ::-1],
    "channels last": lambda array: np.moveaxis(np.moveaxis(array, 1, -1).copy(), -1, 1),
    "byte order": lambda array: array.astype(array.dtype.newbyteorder()),
    "read-only": read_only,
    "unaligned": unaligned,
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_layout_in_memory_does_not_show(name: str) -> None:
    residuals, patterns = noise(18, 4, 3, 18, 20), noise(19, 2, 3, 18, 20)
    there = LAYOUTS[name]
    before = there(residuals)
    kept = before.copy()
    assert np.array_equal(correlate(before, there(patterns)), correlate(residuals, patterns))
    assert np.array_equal(fold(before, 4), fold(residuals, 4))
    assert np.array_equal(moments(before).norm, moments(residuals).norm)
    assert np.array_equal(before, kept), "an argument was changed"


# Fold


@few
@given(sides, st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_fold_is_the_mean_over_complete_blocks(
    side: tuple[int, int, int], period: int, seed: int
) -> None:
    channels, height, width = side
    period = min(period, height, width)
    residuals = noise(seed, 3, *side)
    rows, columns = height // period, width // period
    blocks = complete_blocks(residuals, period).reshape(3, channels, rows, period, columns, period)
    tiles = fold(residuals, period)
    assert tiles.shape == (3, channels, period, period)
    np.testing.assert_allclose(
        tiles, blocks.mean(axis=(2, 4), dtype=np.float64), rtol=0, atol=1e-13
    )


def test_phase_zero_is_the_top_left_pixel_and_the_rim_is_left_out() -> None:
    image = np.zeros((1, 10, 11), dtype=np.float32)
    image[0, 0:8:4, 1:8:4] = 2.0
    image[0, 8:, :] = image[0, :, 8:] = np.nan
    expected = np.zeros((4, 4))
    expected[0, 1] = 2.0
    assert fold(image, 4)[0, 0].tolist() == expected.tolist()
    assert np.shares_memory(complete_blocks(image, 4), image)
    assert complete_blocks(image, 4).shape == (1, 8, 8)


def test_a_fold_has_the_same_bits_in_any_batch(many_threads: None) -> None:
    residuals = noise(20, 9, 3, 37, 41)
    one_by_one = np.concatenate([fold(image, 8) for image in residuals])
    assert np.array_equal(fold(residuals, 8), one_by_one)


# Errors


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1, 700])
def test_values_that_are_not_finite_are_refused_by_name(value: float, place: int) -> None:
    good, bad = noise(23, 12, 3, 16, 16), noise(24, 12, 3, 16, 16)
    bad[5].flat[place] = value
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: correlate(bad, good), r"residuals\[5\]"),
        (lambda: correlate(good, bad), r"patterns\[5\]"),
        (lambda: correlate(good[0], bad), r"patterns\[5\]"),
        (lambda: moments(bad), r"residuals\[5\]"),
        (lambda: fold(bad, 4), r"residuals\[5\]"),
    ]
    for call, name in calls:
        with pytest.raises(ValueError, match=name + " contains NaN"):
            call()


def test_values_too_large_to_square_are_refused() -> None:
    with pytest.raises(ValueError, match=r"residuals\[0\] contains .* too large"):
        correlate(noise(25, 3, 8, 8, dtype=np.float64) * 1e200, noise(26, 3, 8, 8))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.complex64, np.bool_])
def test_other_types_are_refused(dtype: Any) -> None:
    image = np.ones((3, 8, 8), dtype=dtype)
    for call in (
        lambda: correlate(image, noise(27, 3, 8, 8)),
        lambda: correlate(noise(27, 3, 8, 8), image),
        lambda: fold(image, 2),
        lambda: moments(image),
    ):
        with pytest.raises(TypeError, match=f"are {np.dtype(dtype)}: convert"):
            call()


@pytest.mark.parametrize("shape", [(8, 8), (1, 1, 3, 8, 8), (2, 3, 0, 8), (0, 8, 8)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"have shape .*: give"):
        moments(np.ones(shape, dtype=np.float32))


def test_shapes_that_do_not_match_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(3, 8, 9\) cannot be correlated .* \(3, 9, 8\)"):
        correlate(noise(28, 3, 8, 9), noise(29, 3, 9, 8))


def test_periods_without_a_complete_block_are_refused() -> None:
    image = noise(30, 3, 8, 12)
    for period in (0, -4):
        with pytest.raises(ValueError, match=f"period is {period}"):
            fold(image, period)
    with pytest.raises(ValueError, match="no complete block of 9 x 9"):
        fold(image, 9)
    with pytest.raises(TypeError):
        fold(image, 4.0)  # type: ignore[arg-type]


# Where the kernels run


def twice(value: float) -> float:
    return 2 * value


def test_kernels_compile_where_nothing_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*args: Any, **kwargs: Any) -> Any:
        raise PermissionError("read-only")

    monkeypatch.setattr(tempfile, "TemporaryFile", no_room)
    with pytest.raises(RuntimeError, match="no locator"):
        numba.njit(twice, cache=True)
    assert compiled.compiled(twice)(3.0) == 6.0


def run_with_two_threads(layer: str, program: str) -> subprocess.CompletedProcess[str]:
    preamble = (
        "import os, threading, numpy as np\n"
        "from fp.fingerprint.correlation import kernels\n"
        "images = np.random.default_rng(0).standard_normal((32, 3, 8, 8), dtype=np.float32)\n"
        "rho = kernels.correlate(images, images[:2])\n"
    )
    environment = os.environ | {"NUMBA_NUM_THREADS": "2", "NUMBA_THREADING_LAYER": layer}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", preamble + program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_forked_process_can_correlate() -> None:
    done = run_with_two_threads(
        "default",
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if np.array_equal(kernels.correlate(images, images[:2]), rho) else 1)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n",
    )
    assert done.returncode == 0, done.stderr


def test_python_threads_can_correlate_where_numba_forbids_it() -> None:
    done = run_with_two_threads(
        "workqueue",
        "def work():\n"
        "    for _ in range(300):\n"
        "        assert np.array_equal(kernels.correlate(images, images[:2]), rho)\n"
        "threads = [threading.Thread(target=work) for _ in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n",
    )
    assert done.returncode == 0, done.stderr


def test_the_examples_hold() -> None:
    assert doctest.testmod(kernels).failed == 0
