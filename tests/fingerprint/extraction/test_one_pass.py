"""One visit a file: what is taken of it is what separate visits would have given."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import photograph, save

from fp.audit.measuring import measure_part
from fp.denoisers import registry
from fp.denoisers.population import Seen
from fp.fingerprint.extraction.one_pass import Take, stacked
from fp.fingerprint.learning.method import recipe
from fp.images.loading import load_with_container


@pytest.fixture
def seen(tmp_path):
    save(photograph(4, 96), tmp_path / "a.png")
    image, stored = load_with_container(tmp_path / "a.png")

    def by(denoiser):
        residual = registry.get(denoiser)
        return residual.identity, Seen(image, stored, image.rgb_hwc, residual(image.rgb_hwc))

    return by


@pytest.mark.parametrize("denoiser", ["wavelet", "median"])
def test_an_image_is_audited_alike_whatever_its_residual_was_made_with(seen, denoiser):
    identity, one = seen(denoiser)
    taken = Take(recipe("tile"), identity)(one)
    alone = measure_part(one.image, one.stored, one.part)
    assert taken.properties.row() == alone.row()
    assert taken.properties.tile.tobytes() == alone.tile.tobytes()


def test_features_are_those_of_the_method_and_nothing_is_audited_unasked(seen):
    _, one = seen("wavelet")
    method = recipe("auto")
    taken = Take(method, None)(one)
    assert taken.properties is None
    expected = method.features(one.residual)
    assert {k: v.tobytes() for k, v in taken.features.items()} == {
        k: v.tobytes() for k, v in expected.items()
    }


def test_stacking_lets_go_of_each_row_before_it_asks_for_the_next():
    kept = [{"a": np.full((2, 2), n, np.float32), "b": np.array([n])} for n in range(3)]

    def rows():
        for number, row in enumerate(kept):
            assert not any(kept[:number])  # emptied
            yield row

    found = stacked(rows(), 3)
    assert not any(kept)
    assert found["a"].shape == (3, 2, 2) and found["a"].dtype == np.float32
    np.testing.assert_array_equal(found["a"][:, 0, 0], [0, 1, 2])
    np.testing.assert_array_equal(found["b"], [[0], [1], [2]])
