"""Degradations: named, deterministic, and what they say they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import map_coordinates
from synthetic import photograph

from fp.images.degradations import KINDS, Degradation
from fp.system.errors import UsageError

EXAMPLES = (
    *("jpeg:75", "webp:80", "resize:0.5", "nearest:0.5", "enlarge:1.5"),
    *("blur:3", "bilateral:5", "noise:15", "jpeg444:75", "offgrid:75", "avif:60"),
    *("lanczos:0.5", "bilinear:0.5", "anykernel:0.5", "rotate:10", "shear:0.2", "flip:1"),
    *("pad:2", "translate:0.1", "cutout:0.6"),
)

KERNELS = (
    *(Image.Resampling.NEAREST, Image.Resampling.BILINEAR),
    *(Image.Resampling.BICUBIC, Image.Resampling.LANCZOS),
)


def test_every_kind_has_an_example():
    assert {text.partition(":")[0] for text in EXAMPLES} == set(KINDS)


@pytest.mark.parametrize("text", [*EXAMPLES, "resize:0.25+jpeg:30"])
def test_size_and_type_stay_and_the_pixels_change(text):
    image = photograph(1, side=96)[:64]
    before = image.copy()
    found = Degradation(text).apply(image)
    assert (found.shape, found.dtype) == (image.shape, np.uint8)
    assert (found != image).mean() > 0.2
    assert np.abs(found.astype(float) - image).mean() < 40
    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(found, Degradation(text).apply(image))


def test_of_an_enlarged_image_the_middle_is_kept():
    image = photograph(3, side=96)[:64]
    large = np.asarray(Image.fromarray(image).resize((192, 128), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(Degradation("enlarge:2").apply(image), large[32:96, 48:144])
    np.testing.assert_array_equal(Degradation("enlarge:1").apply(image), image)
    assert Degradation("enlarge:1.37").apply(image[:, :41]).shape == (64, 41, 3)


def plainly_sampled(image, rows, columns):
    """Return the image read between its pixels, black beyond its border."""
    planes = [
        map_coordinates(plane.astype(float), (rows, columns), order=1, cval=0.0)
        for plane in image.transpose(2, 0, 1)
    ]
    return np.stack(planes, axis=-1)


def inside(rows, columns, shape):
    """Return which places are read within the image, a pixel from its border."""
    height, width = shape[:2]
    return (rows > 1) & (rows < height - 2) & (columns > 1) & (columns < width - 2)


@pytest.mark.parametrize("degrees", [7.5, -30])
def test_a_turned_image_is_read_around_its_middle(degrees):
    image = photograph(4, side=96)[:64]
    y, x = np.mgrid[:64, :96]
    across, along, angle = x - 47.5, y - 31.5, np.deg2rad(degrees)
    columns = np.cos(angle) * across - np.sin(angle) * along + 47.5
    rows = np.sin(angle) * across + np.cos(angle) * along + 31.5
    found = Degradation(f"rotate:{degrees}").apply(image)
    kept = inside(rows, columns, image.shape)
    expected = plainly_sampled(image, rows, columns)
    assert kept.mean() > 0.4
    assert np.abs(found - expected)[kept].max() < 2
    beyond = (rows < -1) | (rows > 64) | (columns < -1) | (columns > 96)
    assert beyond.any() and not found[beyond].any()


def test_a_quarter_turn_and_a_half_turn_move_whole_pixels():
    image = photograph(4, side=64)
    np.testing.assert_array_equal(Degradation("rotate:90").apply(image), np.rot90(image))
    np.testing.assert_array_equal(Degradation("rotate:180").apply(image), image[::-1, ::-1])


def test_shear_moves_each_row_by_its_distance_from_the_middle():
    image = photograph(5, side=96)[:64]
    y, x = np.mgrid[:64, :96].astype(float)
    columns = x + 0.25 * (y - 31.5)
    found = Degradation("shear:0.25").apply(image)
    kept = inside(y, columns, image.shape)
    assert np.abs(found - plainly_sampled(image, y, columns))[kept].max() < 2
    assert not found[0, :7].any() and not found[-1, -7:].any()


def test_what_is_moved_mirrored_or_bordered_is_what_numpy_says():
    image = photograph(6, side=96)[:64]
    np.testing.assert_array_equal(Degradation("flip:1").apply(image), np.fliplr(image))
    np.testing.assert_array_equal(Degradation("flip:2").apply(image), np.flipud(image))
    moved = Degradation("translate:0.25").apply(image)
    np.testing.assert_array_equal(moved[16:, 24:], image[:48, :72])
    assert not moved[:16].any() and not moved[:, :24].any()
    moved = Degradation("translate:-0.25").apply(image)
    np.testing.assert_array_equal(moved[:48, :72], image[16:, 24:])
    assert not moved[48:].any() and not moved[:, 72:].any()
    wide = np.zeros((80, 112, 3), np.uint8)
    wide[8:-8, 8:-8] = image
    expected = Image.fromarray(wide).resize((96, 64), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(Degradation("pad:8").apply(image), np.asarray(expected))


def test_a_cut_is_one_grey_rectangle_whose_place_the_image_draws():
    image = np.minimum(photograph(7, side=96)[:64], 120)
    found = Degradation("cutout:0.5").apply(image)
    cut = (found == 128).all(axis=2)
    rows, columns = np.flatnonzero(cut.any(axis=1)), np.flatnonzero(cut.any(axis=0))
    assert (rows.size, columns.size, int(cut.sum())) == (32, 48, 32 * 48)
    np.testing.assert_array_equal(found[~cut], image[~cut])
    places = {
        tuple(np.argwhere(Degradation("cutout:0.5").apply(image, seed)[..., 0] == 128)[0])
        for seed in range(8)
    }
    assert len(places) > 4


def test_any_kernel_is_one_of_four_there_and_one_of_four_back():
    image = photograph(8, side=64)
    small = [Image.fromarray(image).resize((32, 32), kernel) for kernel in KERNELS]
    known = [np.asarray(each.resize((64, 64), kernel)) for each in small for kernel in KERNELS]
    drawn = set()
    for seed in range(40):
        found = Degradation("anykernel:0.5").apply(image, seed)
        drawn |= {n for n, expected in enumerate(known) if np.array_equal(found, expected)}
        assert any(np.array_equal(found, expected) for expected in known)
    assert len(drawn) > 10


def test_none_changes_nothing():
    image = photograph(2)
    np.testing.assert_array_equal(Degradation().apply(image), image)


def test_a_chain_goes_from_left_to_right():
    image = photograph(3)
    expected = Degradation("jpeg:50").apply(Degradation("blur:2").apply(image))
    np.testing.assert_array_equal(Degradation("blur:2+jpeg:50").apply(image), expected)


def test_noise_has_its_deviation_and_differs_between_images_and_seeds():
    first, second = np.full((128, 128, 3), 100, np.uint8), np.full((128, 128, 3), 101, np.uint8)
    noise = Degradation("noise:15")
    found = noise.apply(first).astype(float) - 100
    assert found.std() == pytest.approx(15, rel=0.03)
    other = noise.apply(second).astype(float) - 101
    assert abs(np.corrcoef(found.ravel(), other.ravel())[0, 1]) < 0.03
    assert (noise.apply(first, seed=1) != noise.apply(first)).mean() > 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sharpen:2", "Unknown degradation 'sharpen'"),
        ("jpeg", "has no number"),
        ("jpeg:high", "has no number"),
        ("jpeg:101", "between 1 and 100"),
        ("blur:nan", "between"),
        ("flip:3", "between 1 and 2"),
        ("translate:1", "between -0.9 and 0.9"),
        ("none+jpeg:75", "has no number"),
    ],
)
def test_what_is_no_degradation_is_refused(text, message):
    with pytest.raises(UsageError, match=message):
        Degradation(text)


@given(st.text(max_size=30))
def test_any_text_is_a_degradation_or_one_sentence(text):
    try:
        Degradation(text)
    except UsageError as error:
        assert str(error).endswith(".")
