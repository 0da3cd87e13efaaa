"""Residuals against independent references, and the denoisers' own mean against photographs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pywt
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from fp.denoisers import registry
from fp.denoisers.classical import Median, NonLocalMeans
from fp.denoisers.mean_residual import (
    BORDER,
    MAP_SIDE,
    PERIOD,
    MeanResidual,
    estimate,
    map_index,
)
from fp.denoisers.residual import Denoiser, DenoiserIdentity, Residual
from fp.denoisers.wavelet import Wavelet
from fp.images.loading import find_images, load_image
from fp.system.arrays import Doubles, Floats
from fp.system.errors import DenoiserError

CLASSICAL = ("wavelet", "median", "nlm")
ODD_SIZES = [(1, 1), (1, 40), (3, 500), (17, 33), (40, 1), (64, 96)]


def picture(height: int, width: int, seed: int = 0) -> Floats:
    """Draw smooth colour with an edge and noise: detail at every scale of local variance."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 20.0
    smooth = [0.5 + 0.2 * np.sin(y + c) * np.cos(x * (c + 1) / 2) for c in range(3)]
    image = np.stack(smooth) + 0.2 * (x > x.mean()) + rng.normal(0, 0.02, (3, height, width))
    return np.clip(image, 0, 1).astype(np.float32)


def pixels(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return the same as 8-bit (H, W, 3)."""
    return np.round(255 * picture(height, width, seed).transpose(1, 2, 0)).astype(np.uint8)


# --- wavelet ---


def reference_wavelet(channel: Doubles, sigma: float = 2 / 255) -> Doubles:
    """Return the equations of docs/method.md, in float64."""
    bands = pywt.wavedec2(channel, "db4", level=4)
    noise: list[Any] = [np.zeros_like(bands[0])]
    for level in bands[1:]:
        shrunk = []
        for band in level:
            variances = []
            for window in (3, 5, 7, 9):
                padded = np.pad(band**2, window // 2, mode="symmetric")
                local = sliding_window_view(padded, (window, window)).mean((2, 3))
                variances.append(np.maximum(0, local - sigma**2))
            variance = np.minimum.reduce(variances)
            shrunk.append(band * sigma**2 / (variance + sigma**2))
        noise.append(tuple(shrunk))
    return np.asarray(pywt.waverec2(noise, "db4"))[: channel.shape[0], : channel.shape[1]]


@pytest.mark.filterwarnings("ignore:Level value of")
@pytest.mark.parametrize("size", [(128, 160), (64, 64), (50, 37), (17, 33), (3, 100)])
def test_wavelet_is_what_the_specification_says(size: tuple[int, int]) -> None:
    image = picture(*size)
    noise = Wavelet().noise(image)
    expected = np.stack([reference_wavelet(channel.astype(np.float64)) for channel in image])
    assert noise.dtype == np.float32
    assert np.abs(noise - expected).max() < 1e-5
    assert np.abs(expected).max() > 1e-3  # there was something to compare


def library_wavelet(image: Floats, wavelet: str, levels: int) -> Floats:
    """The same by PyWavelets and SciPy in float32, one call after the other."""
    variance = np.float32((2 / 255) ** 2)
    found = []
    for channel in image:
        approximation, *details = pywt.wavedec2(channel, wavelet, level=levels)
        noise: list[Any] = [np.zeros_like(approximation)]
        for level in details:
            boxes = [[uniform_filter(band * band, size) for size in (3, 5, 7, 9)] for band in level]
            least = [np.maximum(np.minimum.reduce(means), variance) for means in boxes]
            noise.append(tuple(b * (variance / e) for b, e in zip(level, least, strict=True)))
        found.append(pywt.waverec2(noise, wavelet)[: channel.shape[0], : channel.shape[1]])
    return np.stack(found)


@pytest.mark.filterwarnings("ignore:Level value of")
@pytest.mark.parametrize("size", [(128, 160), (50, 37), (17, 33), (3, 100), (1, 1)])
@pytest.mark.parametrize(("wavelet", "levels"), [("db4", 4), ("db4", 1), ("haar", 3), ("sym5", 2)])
def test_wavelet_has_the_bits_of_the_libraries(
    size: tuple[int, int], wavelet: str, levels: int
) -> None:
    image = picture(*size)
    noise = Wavelet(wavelet=wavelet, levels=levels).noise(image)
    assert np.array_equal(noise, library_wavelet(image, wavelet, levels))


@pytest.mark.filterwarnings("ignore:Level value of")
def test_wavelet_parameters_reach_the_result() -> None:
    image = picture(64, 64)
    standard = Wavelet().noise(image)
    for other in (Wavelet(sigma=3 / 255), Wavelet(wavelet="db2"), Wavelet(levels=2)):
        assert np.abs(other.noise(image) - standard).max() > 1e-3
    assert np.abs(Wavelet(windows=(3,)).noise(image) - standard).max() > 1e-4
    strong = reference_wavelet(image[0].astype(np.float64), 5 / 255)
    assert np.abs(Wavelet(sigma=5 / 255).noise(image)[0] - strong).max() < 1e-5


def test_wavelet_noise_does_not_see_brightness_or_sign() -> None:
    image = picture(96, 96)
    noise = Wavelet().noise(image)
    assert np.abs(Wavelet().noise(image + np.float32(0.3)) - noise).max() < 1e-5
    assert np.abs(Wavelet().noise(1 - image) + noise).max() < 1e-5


def test_wavelet_is_linear_where_everything_is_noise() -> None:
    """Detail below sigma has no local variance to spare and passes whole."""
    grain = np.random.default_rng(1).normal(0, 1e-3, (3, 96, 96)).astype(np.float32)
    full, half = (
        Wavelet().noise(0.5 + scale * grain) for scale in (np.float32(1), np.float32(0.5))
    )
    assert np.abs(full - 2 * half).max() < 1e-6
    assert np.corrcoef(full.ravel(), grain.ravel())[0, 1] > 0.99


def test_wavelet_moves_with_the_picture_by_its_grid() -> None:
    image = picture(256, 256)
    noise, moved = Wavelet().noise(image), Wavelet().noise(np.roll(image, (16, 32), (1, 2)))
    inside = slice(128 - 16, 128 + 16)
    expected = np.roll(noise, (16, 32), (1, 2))[:, inside, inside]
    # Four levels of db4 reach some hundred pixels, the farther the less.
    assert np.abs(moved[:, inside, inside] - expected).max() < 2e-3
    assert np.corrcoef(moved[:, inside, inside].ravel(), expected.ravel())[0, 1] > 0.999


# --- classical ---


@pytest.mark.parametrize("size", [3, 5])
def test_median_is_the_image_less_its_median(size: int) -> None:
    image = picture(30, 41)
    padded = np.pad(image, ((0, 0), (size // 2,) * 2, (size // 2,) * 2), mode="edge")
    windows = sliding_window_view(padded, (size, size), axis=(1, 2))
    assert np.array_equal(Median(size).noise(image), image - np.median(windows, axis=(3, 4)))


def test_nlm_takes_grain_for_noise_and_edges_for_picture() -> None:
    grain = np.random.default_rng(1).normal(0, 3 / 255, (3, 64, 64)).astype(np.float32)
    flat = np.full((3, 64, 64), 0.3, np.float32)
    edge = flat.copy()
    edge[:, :, 32:] = 0.9
    noise = NonLocalMeans().noise(edge + grain)
    assert np.corrcoef(noise.ravel(), grain.ravel())[0, 1] > 0.8
    assert np.abs(noise[:, :, 30:34].mean((0, 1))).max() < 2 / 255


@pytest.mark.parametrize("name", CLASSICAL)
@pytest.mark.parametrize("size", ODD_SIZES)
def test_shape_is_kept_at_every_size(name: str, size: tuple[int, int]) -> None:
    residual = registry.get(name)(pixels(*size))
    assert residual.shape == (3, *size) and residual.dtype == np.float32


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_flat_image_has_no_noise(name: str) -> None:
    denoiser = registry.get(name).denoiser
    for level in (0, 0.37, 1):
        noise = denoiser.noise(np.full((3, 70, 90), level, np.float32))
        assert np.abs(noise).max() < 1e-6


@pytest.mark.parametrize("name", CLASSICAL)
def test_the_same_image_gives_the_same_residual(name: str) -> None:
    image = pixels(48, 56)
    first, second = registry.get(name)(image), registry.get(name)(image.copy())
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("name", CLASSICAL)
def test_memory_layout_does_not_matter_and_the_image_is_left_alone(name: str) -> None:
    image = pixels(48, 56)
    image.setflags(write=False)
    wide = np.zeros((60, 70, 3), np.uint8)
    wide[5:53, 7:63] = image
    residual = registry.get(name)
    expected = residual(image)
    assert np.array_equal(residual(wide[5:53, 7:63]), expected)
    assert np.array_equal(residual(np.asfortranarray(image)), expected)


@pytest.mark.parametrize("name", ["wavelet", "median"])
def test_channels_do_not_mix(name: str) -> None:
    image = picture(48, 48)
    other = image.copy()
    other[1] = picture(48, 48, seed=9)[1]
    denoiser = registry.get(name).denoiser
    assert np.array_equal(denoiser.noise(image)[[0, 2]], denoiser.noise(other)[[0, 2]])


@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        (Wavelet, {"sigma": 0}),
        (Wavelet, {"sigma": float("nan")}),
        (Wavelet, {"sigma": 2}),
        (Wavelet, {"wavelet": "db4.5"}),
        (Wavelet, {"levels": 0}),
        (Wavelet, {"windows": ()}),
        (Wavelet, {"windows": (3, 4)}),
        (Median, {"size": 4}),
        (Median, {"size": -1}),
        (NonLocalMeans, {"sigma": 0}),
        (NonLocalMeans, {"strength": 0}),
        (NonLocalMeans, {"patch": 4}),
        (NonLocalMeans, {"distance": 0}),
    ],
)
def test_parameters_out_of_range_are_refused(
    make: Callable[..., Denoiser], parameters: dict[str, Any]
) -> None:
    with pytest.raises(DenoiserError, match=next(iter(parameters))):
        make(**parameters)


# --- the residual ---


@dataclass(frozen=True)
class Fake:
    """A denoiser that returns what it is told to."""

    result: Callable[[Floats], Any]
    settings: dict[str, Any] = field(default_factory=dict)
    name: str = "fake"

    @property
    def identity(self) -> DenoiserIdentity:
        """Identity of the fake."""
        return DenoiserIdentity(self.name, 1, self.settings)

    def noise(self, image_chw: Floats) -> Floats:
        """Return the result."""
        return self.result(image_chw)  # type: ignore[no-any-return]


def a_map(seed: int = 0) -> MeanResidual:
    """Draw a map of random values."""
    values = np.random.default_rng(seed).normal(0, 0.01, (3, MAP_SIDE, MAP_SIDE))
    return MeanResidual(values.astype(np.float32))


def test_the_denoiser_sees_the_unit_range_channels_first() -> None:
    image = pixels(20, 30)
    residual = Residual(Fake(lambda image_chw: image_chw))(image)
    assert np.array_equal(residual, image.transpose(2, 0, 1).astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("size", ODD_SIZES)
def test_the_mean_residual_is_subtracted_at_any_size(size: tuple[int, int]) -> None:
    image, mean = pixels(*size), a_map()
    noise = Residual(Wavelet())(image)
    expected = noise - mean.map_chw[:, map_index(size[0])][:, :, map_index(size[1])]
    assert np.array_equal(Residual(Wavelet(), mean)(image), expected)


@pytest.mark.parametrize(
    "result",
    [
        lambda image: image[:, :-1],
        lambda image: image[:1],
        lambda image: image[None],
        lambda image: image.astype(np.float64),
        lambda image: image * np.float32(np.nan),
        lambda image: image + np.float32(np.inf),
    ],
)
def test_what_is_no_residual_is_refused(result: Callable[[Floats], Any]) -> None:
    for mean in (None, a_map()):
        with pytest.raises(DenoiserError, match="fake"):
            Residual(Fake(result), mean)(pixels(20, 30))


@pytest.mark.parametrize(
    "image",
    [
        picture(20, 30).transpose(1, 2, 0),
        pixels(20, 30).astype(np.int8),
        pixels(20, 30)[..., :1],
        pixels(20, 30)[..., 0],
        np.zeros((20, 30, 4), np.uint8),
    ],
)
def test_what_is_no_8_bit_rgb_is_refused(image: Any) -> None:
    with pytest.raises(DenoiserError, match="uint8"):
        Residual(Wavelet())(image)


# --- identity and registry ---


def test_identity_changes_with_everything_that_changes_a_residual() -> None:
    base = DenoiserIdentity("wavelet", 1, {"sigma": 0.1})
    others = [
        replace(base, name="other"),
        replace(base, version=2),
        replace(base, parameters={"sigma": 0.2}),
        replace(base, parameters={"sigma": 0.1, "levels": 4}),
        replace(base, precision="bfloat16-inner"),
        replace(base, weights_sha256="0" * 64),
        replace(base, mean_residual_sha256="0" * 64),
    ]
    digests = {identity.digest for identity in [base, *others]}
    assert len(digests) == 1 + len(others)
    assert replace(base, parameters={"sigma": 0.1}).digest == base.digest


@pytest.mark.parametrize(
    "other",
    [
        Wavelet(sigma=3 / 255),
        Wavelet(wavelet="db2"),
        Wavelet(levels=3),
        Wavelet(windows=(3, 5)),
        Median(5),
        NonLocalMeans(sigma=0.1),
        NonLocalMeans(strength=1),
        NonLocalMeans(patch=7),
        NonLocalMeans(distance=7),
    ],
)
def test_every_parameter_is_in_the_identity(other: Denoiser) -> None:
    assert other.identity.digest != type(other)().identity.digest


def test_no_two_denoisers_share_an_identity() -> None:
    digests = {registry.get(name).identity.digest for name in CLASSICAL}
    assert len(digests) == len(CLASSICAL)


def test_the_map_is_in_the_identity() -> None:
    digests = {Residual(Wavelet(), mean).identity.digest for mean in (None, a_map(), a_map(1))}
    assert len(digests) == 3
    assert Residual(Wavelet(), a_map()).identity == Residual(Wavelet(), a_map()).identity


@pytest.mark.parametrize("name", CLASSICAL)
def test_identity_survives_json_and_makes_the_denoiser_again(name: str) -> None:
    for residual in (registry.get(name), Residual(registry.get(name).denoiser)):
        identity = residual.identity
        again = DenoiserIdentity.from_json(identity.as_json())
        assert again == identity and again.digest == identity.digest
    restored = registry.restore(registry.get(name).identity)
    assert restored.denoiser == registry.get(name).denoiser
    assert restored.identity == registry.get(name).identity


def test_restoring_keeps_parameters_that_are_not_the_defaults() -> None:
    given = registry.get("wavelet", sigma=0.02, windows=(3, 7))
    assert registry.restore(given.identity).identity == given.identity


def test_the_shipped_map_goes_with_the_default_parameters_only() -> None:
    assert registry.get("wavelet").mean is not None
    assert registry.get("wavelet", sigma=2 / 255).mean is not None
    assert registry.get("wavelet", sigma=3 / 255).mean is None


def test_unknown_names_and_parameters_are_refused() -> None:
    with pytest.raises(DenoiserError, match=r"'wavelets'.*median.*wavelet"):
        registry.get("wavelets")
    with pytest.raises(DenoiserError, match="strength"):
        registry.get("wavelet", strength=1)
    with pytest.raises(DenoiserError, match="sigma"):
        registry.get("wavelet", sigma=-1)


def test_a_denoiser_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_REGISTRY", dict(registry._REGISTRY))
    registry.register("blank", lambda **settings: Fake(np.zeros_like, settings, "blank"), "nothing")
    assert registry.available()["blank"] == "nothing"
    made = registry.get("blank", strength=3)
    assert isinstance(made.denoiser, Denoiser) and made.mean is None
    assert made.identity.parameters == {"strength": 3}
    assert not made(pixels(8, 8)).any()
    with pytest.raises(DenoiserError, match="'blank' exists already"):
        registry.register("blank", Fake, "again")


def test_wavelets_never_load_torch() -> None:
    code = (
        "import sys; from fp.denoisers import get, load_image; get('wavelet'); get('median');"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- the mean residual: the rule for every size ---


def test_the_map_is_taken_as_it_is_at_its_own_size() -> None:
    assert np.array_equal(map_index(MAP_SIDE), np.arange(MAP_SIDE))


@pytest.mark.parametrize("length", [*range(1, 130), 256, 1000, 4001])
def test_every_row_has_its_row_of_the_map(length: int) -> None:
    index = map_index(length)
    from_start, from_end = np.arange(length), np.arange(length)[::-1]
    assert index.shape == (length,) and index.min() >= 0 and index.max() < MAP_SIDE
    start = (from_start < BORDER) & (from_start <= from_end)
    end = ~start & (from_end < BORDER)
    middle = ~start & ~end
    assert np.array_equal(index[start], from_start[start])
    assert np.array_equal(index[end], MAP_SIDE - 1 - from_end[end])
    assert ((index[middle] >= BORDER) & (index[middle] < BORDER + PERIOD)).all()
    assert np.array_equal(index[middle] % PERIOD, from_start[middle] % PERIOD)


@pytest.mark.parametrize("length", [80, 96, 256, 512])
def test_the_phase_is_that_of_the_first_pixel_at_sides_of_whole_periods(length: int) -> None:
    assert np.array_equal(map_index(length) % PERIOD, np.arange(length) % PERIOD)


def test_maps_survive_the_disk_and_cannot_be_written_to(tmp_path: Path) -> None:
    mean = a_map()
    mean.save(tmp_path / "map.safetensors")
    again = MeanResidual.load(tmp_path / "map.safetensors")
    assert np.array_equal(again.map_chw, mean.map_chw) and again.sha256 == mean.sha256
    with pytest.raises(ValueError, match="read-only"):
        again.at_size(40, 40)[0, 0, 0] = 1


def test_what_is_no_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DenoiserError, match="shape"):
        MeanResidual(np.zeros((3, 64, 64), np.float32))
    with pytest.raises(DenoiserError, match="float64"):
        MeanResidual(np.zeros((3, MAP_SIDE, MAP_SIDE)))  # type: ignore[arg-type]
    with pytest.raises(DenoiserError, match="finite"):
        MeanResidual(np.full((3, MAP_SIDE, MAP_SIDE), np.nan, np.float32))
    (tmp_path / "map.safetensors").write_bytes(b"nothing of the kind")
    for name in ("map.safetensors", "gone.safetensors"):
        with pytest.raises(DenoiserError, match=name):
            MeanResidual.load(tmp_path / name)


# --- the mean residual: its estimate ---


def photographs(number: int = 24, grid: float = 0) -> Iterator[NDArray[np.uint8]]:
    """Draw smooth pictures with noise and, as JPEG leaves it, a grid of 8 x 8."""
    y, x = np.mgrid[:176, :192]
    lattice = grid * ((y % 8 == 0) | (x % 8 == 0))
    for seed in range(number):
        image = picture(176, 192, seed).transpose(1, 2, 0)
        yield np.clip(255 * image * 0.8 + lattice[..., None], 0, 255).astype(np.uint8)


def planted(shape: tuple[int, ...]) -> Floats:
    """Return what a denoiser might always do: a level, own borders, and a period of 16."""
    height, width = shape[1:]
    rng = np.random.default_rng(7)
    tile = rng.normal(0, 0.004, (3, PERIOD, PERIOD))
    pattern = np.tile(tile, (1, -(-height // PERIOD), -(-width // PERIOD)))[:, :height, :width]
    y, x = np.arange(height)[:, None], np.arange(width)[None, :]
    borders = 0.03 * np.exp(-y / 3) - 0.02 * np.exp(-(height - 1 - y) / 5)
    borders = borders + 0.01 * np.exp(-x / 2) + 0.02 * np.exp(-(width - 1 - x) / 4)
    return np.asarray(pattern + borders + 0.002, dtype=np.float32)


def rms(values: NDArray[np.floating[Any]]) -> float:
    """Compute the root mean square."""
    return float(np.sqrt(np.square(values, dtype=np.float64).mean()))


def test_a_planted_pattern_is_found() -> None:
    rng = np.random.default_rng(0)

    def noise_of(image: Floats) -> Floats:
        return planted(image.shape) + rng.normal(0, 0.02, image.shape).astype(np.float32)

    mean = estimate(noise_of, photographs())
    for size in ((96, 96), (128, 160), (256, 256)):
        truth = planted((3, *size))
        assert rms(mean.at_size(*size) - truth) < 0.1 * rms(truth)


def test_chance_is_left_out() -> None:
    rng = np.random.default_rng(0)
    sigma, number = 0.02, 24

    def noise_of(image: Floats) -> Floats:
        return rng.normal(0, sigma, image.shape).astype(np.float32)

    mean = estimate(noise_of, photographs(number))
    plain = sigma / np.sqrt(2 * number)  # of a pixel in a corner, which each crop has once
    assert rms(mean.map_chw) < 0.05 * plain


def test_the_grid_of_the_photographs_is_not_taken_for_the_denoisers() -> None:
    def profiles(grid: float) -> list[Doubles]:
        """Compute the mean of the map at each phase of 8, by row and column, in grey levels."""
        mean = estimate(
            lambda image: image - image.mean(), photographs(grid=grid), crops_per_photograph=20
        )
        tile = 255 * mean.map_chw[:, BORDER : BORDER + PERIOD, BORDER : BORDER + PERIOD]
        return [tile.reshape(3, 2, 8, -1).mean((0, 1, 3)), tile.reshape(-1, 2, 8).mean((0, 1))]

    for without, with_grid in zip(profiles(0), profiles(20), strict=True):
        assert np.abs(with_grid - without).max() < 0.05 * 20


def test_the_seed_decides_the_estimate() -> None:
    denoiser = Wavelet(levels=2)
    first, again, other = (
        estimate(denoiser.noise, photographs(4), seed=seed).sha256 for seed in (0, 0, 1)
    )
    assert first == again != other


def test_too_few_or_too_small_photographs_are_refused() -> None:
    with pytest.raises(DenoiserError, match="two photographs"):
        estimate(Wavelet().noise, photographs(1))
    with pytest.raises(DenoiserError, match="two photographs"):
        estimate(Wavelet().noise, [])
    with pytest.raises(DenoiserError, match="200 x 100"):
        estimate(Wavelet().noise, [np.zeros((100, 200, 3), np.uint8)] * 2)


# --- the maps that ship ---


@pytest.mark.parametrize("name", sorted(registry.available()))
def test_a_map_ships_with_every_denoiser(name: str) -> None:
    assert registry.mean_residual_path(name).is_file()


@pytest.mark.corpus
@pytest.mark.parametrize("name", sorted(registry.available()))
def test_the_shipped_map_brings_the_mean_residual_down(name: str, corpus: Path) -> None:
    """On photographs it was not made from; where there is no mean to bring down, it adds none."""
    residual = registry.get(name)
    assert residual.mean is not None
    # Networks and non-local means take their time.
    number, side = (
        (12, 64) if registry.is_trained(name) else (40, 64) if name == "nlm" else (60, 96)
    )
    rng = np.random.default_rng(11)
    total = np.zeros((3, side, side))
    for path in find_images([corpus / "photos" / "val"])[:number]:
        image = load_image(path).rgb_hwc
        top, left = (int(rng.integers(0, (n - side) // PERIOD * PERIOD)) for n in image.shape[:2])
        part = image[top : top + side, left : left + side].transpose(2, 0, 1)
        total += residual.denoiser.noise(part.astype(np.float32) / np.float32(255))
    before = total / number
    after = before - residual.mean.at_size(side, side)
    assert rms(after) < 1.02 * rms(before)
    if rms(residual.mean.map_chw) > 0.3 * rms(before):
        assert rms(after) < rms(before)
