"""The roughness of a picture: what it is, and that a coding leaves it alone."""

import numpy as np
import pytest
from synthetic import photograph

from fp.fingerprint.conditions.coding import roughness
from fp.fingerprint.decision.judge import Features
from fp.images.degradations import Degradation


def rough(image_hwc):
    features = Features(np.zeros((3, *image_hwc.shape[:2]), np.float32), image_hwc)
    (found,) = roughness(features)
    return found


def test_it_is_that_of_a_plain_reference():
    image = photograph(1, 64)[:50, :62]  # what is no whole cell is left out
    cells = [
        [image[4 * y : 4 * y + 4, 4 * x : 4 * x + 4].mean() for x in range(15)] for y in range(12)
    ]
    steps = [cells[y][x + 1] - cells[y][x] for y in range(12) for x in range(14)]
    steps += [cells[y + 1][x] - cells[y][x] for y in range(11) for x in range(15)]
    expected = np.mean([np.log(step**2 + 0.3) for step in steps])
    assert rough(image) == pytest.approx(expected, abs=1e-9)
    assert rough(np.full((64, 64, 3), 9, np.uint8)) == pytest.approx(np.log(0.3))


@pytest.mark.parametrize("text", ["jpeg:60", "webp:60", "resize:0.7+jpeg:85"])
def test_a_coding_hardly_changes_it_and_a_change_of_contrast_does(text):
    images = [photograph(seed, 128) for seed in range(6)]
    coded = [rough(Degradation(text).apply(image)) - rough(image) for image in images]
    faint = [rough((image // 4 + 96).astype(np.uint8)) - rough(image) for image in images]
    assert np.abs(coded).max() < 0.3
    assert np.max(faint) < -1.0
