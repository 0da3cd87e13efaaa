"""Degradations: named, deterministic, and what they say they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from synthetic import photograph

from fp.images.degradations import KINDS, Degradation
from fp.system.errors import UsageError

EXAMPLES = (
    *("jpeg:75", "webp:80", "resize:0.5", "nearest:0.5", "enlarge:1.5"),
    *("blur:3", "bilateral:5", "noise:15", "jpeg444:75", "offgrid:75", "avif:60"),
    *("lanczos:0.5", "bilinear:0.5"),
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
