"""The content numbers of a picture: what they are, and that a coding leaves them alone."""

from itertools import pairwise

import numpy as np
import pytest
from synthetic import photograph

from fp.fingerprint.conditions.content import content_numbers
from fp.fingerprint.decision.judge import Features
from fp.images.degradations import Degradation


def shown(image_hwc):
    features = Features(np.zeros((3, *image_hwc.shape[:2]), np.float32), image_hwc)
    (found,) = content_numbers(features)
    return found


def cells(image, side):
    """Return the mean of each whole cell of a plane, by plain loops."""
    rows, columns = (length // side for length in image.shape)
    return [
        [image[side * y :, side * x :][:side, :side].mean() for x in range(columns)]
        for y in range(rows)
    ]


def steps(found):
    across = [b - a for row in found for a, b in pairwise(row)]
    down = [b - a for upper, lower in pairwise(found) for a, b in zip(upper, lower, strict=True)]
    return np.array(across + down)


def test_they_are_those_of_a_plain_reference():
    image = photograph(1, 64)[:50, :62].astype(float)  # what is no whole cell is left out
    grey = image.mean(axis=2)
    fine, coarse = steps(cells(grey, 2)), steps(cells(grey, 4))
    mean = np.array(cells(grey, 4))
    off = [np.array(cells(image[..., channel], 4)) - mean for channel in range(3)]
    expected = [
        np.mean(np.log(coarse**2 + 0.3)),
        np.log(np.mean(fine**2) + 0.3),
        mean.mean(),
        np.log(np.mean(np.square(off)) + 0.3),
    ]
    assert shown(image.astype(np.uint8)) == pytest.approx(expected, abs=1e-9)
    least = np.log(0.3)
    flat = shown(np.full((64, 64, 3), 9, np.uint8))
    assert flat == pytest.approx([least, least, 9, least])


@pytest.mark.parametrize("text", ["jpeg:60", "webp:60", "resize:0.7+jpeg:85"])
def test_a_coding_changes_them_little_beside_what_pictures_differ_by(text):
    images = [photograph(seed, 128) for seed in range(8)]
    found = np.array([shown(image) for image in images])
    coded = np.array([shown(Degradation(text).apply(image)) for image in images])
    other = np.array([shown((image // 4 + 96).astype(np.uint8)) for image in images])
    assert (np.abs(coded - found).max(axis=0) < [0.4, 0.6, 0.5, 0.2]).all()
    assert (other - found)[:, [0, 1, 3]].max() < -0.8


def test_each_number_sees_what_it_is_named_for():
    image = photograph(2, 128)
    whole = shown(image)
    brighter = shown(np.clip(image.astype(int) + 20, 0, 255).astype(np.uint8))
    assert brighter[2] - whole[2] == pytest.approx(20, abs=2)
    grey = shown(np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8))
    assert grey[3] == pytest.approx(np.log(0.3)) and grey[2] == pytest.approx(whole[2], abs=1)
    edged = image.copy()
    edged[:, 64:] //= 2  # one strong edge
    told = shown(edged) - whole
    assert told[1] > 3 * abs(told[0])
