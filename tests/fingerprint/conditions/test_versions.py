"""Which versions of an image are drawn, and what is told of them."""

import hashlib
import re

import numpy as np
import pytest
from synthetic import photograph

from fp.fingerprint.conditions.versions import (
    KINDS,
    described,
    rows_of,
    settings,
    versions,
)
from fp.fingerprint.model.conditions import MEASURED
from fp.images.degradations import Degradation

KEYS = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(400)]


def texts(kind):
    return [dict(versions(key))[kind] for key in KEYS]


def test_the_draw_hangs_on_the_pixels_alone():
    assert versions(KEYS[0]) == versions(KEYS[0]) != versions(KEYS[1])
    assert [kind for kind, _ in versions(KEYS[0])] == list(range(len(KINDS)))


@pytest.mark.parametrize("rows", range(1, 8))
def test_fewer_versions_are_some_of_all_and_more_than_one_hold_the_image_itself(rows):
    for key in KEYS[:50]:
        drawn = versions(key, rows)
        assert len(drawn) == rows and set(drawn) <= set(versions(key))
        assert rows == 1 or drawn[0] == (0, "none")
    kinds = [kind for key in KEYS for kind, _ in versions(key, rows)]
    assert set(kinds) == set(range(7))


def test_the_rows_of_all_images_are_bounded():
    assert [rows_of(n) for n in (0, 16, 257, 258, 900, 901, 10**6)] == [7, 7, 7, 6, 2, 1, 1]


@pytest.mark.parametrize(
    ("kind", "step", "low", "high"),
    [
        (1, r"jpeg(?:444)?:(\d+)$", 76, 98),
        (2, r"jpeg(?:444)?:(\d+)$", 35, 79),
        (3, r"webp:(\d+)$", 50, 95),
        (4, r"(?:^|\+)(?:resize|lanczos|bilinear):(0\.\d+)", 0.4, 0.95),
    ],
)
def test_the_kinds_are_what_their_names_say(kind, step, low, high):
    numbers = [float(re.search(step, text)[1]) for text in texts(kind)]
    assert min(numbers) >= low and max(numbers) <= high
    # All of the range is drawn.
    assert min(numbers) < low + 0.1 * (high - low) and max(numbers) > high - 0.1 * (high - low)


def test_something_earlier_happened_to_half_of_the_mixed_kinds_and_of_no_other():
    assert not any("+" in text for kind in (0, 1, 2, 3) for text in texts(kind))
    share = np.mean([len(Degradation(text).steps()) == 2 for text in texts(6)])
    assert 0.42 < share < 0.58
    assert set(texts(0)) == {"none"}
    rare = {step.split(":")[0] for text in texts(5) for step in text.split("+")[-1:]}
    assert {"avif", "enlarge", "offgrid"} <= rare


def test_every_version_can_be_made():
    image = photograph(1, 64)
    for key in KEYS[:20]:
        for _, text in versions(key):
            made = Degradation(text).apply(image)
            assert made.shape == image.shape and made.dtype == np.uint8


def test_settings_say_what_came_last_and_what_came_before():
    found = settings(["none", "jpeg:75", "webp:80+jpeg:75", "blur:0.80", "enlarge:1.50+webp:60"])
    assert found.shape == (5, MEASURED) and not found[0].any()
    steps = np.log2(1 + 50 / 8)
    np.testing.assert_allclose(found[1], [steps, 0, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(found[2, [0, 5]], [steps, np.log2(6)])
    np.testing.assert_allclose(found[3, 2], 1.2)
    np.testing.assert_allclose(found[4, [1, 3]], [np.log2(11), 3 * np.log2(1.5)])


@pytest.mark.parametrize(
    "text",
    ["none", "jpeg:95", "jpeg:75", "jpeg:40", "webp:60", "resize:0.60", "resize:0.70+jpeg:80"],
)
def test_what_is_measured_reads_as_what_was_done(text):
    assert described(settings([text])[0]) == text


def test_words_stay_within_what_exists():
    for coding in np.random.default_rng(0).normal(0, 20, (200, MEASURED)):
        Degradation(described(coding))
