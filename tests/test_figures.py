"""What a figure shows is what it was given."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from fp.fingerprint.figures import (
    draw_conditions,
    draw_decisions,
    draw_error_rates,
    draw_null_control,
    draw_pattern,
    draw_scores,
    draw_spectrum,
)
from fp.fingerprint.fingerprint import Calibration, NullControl
from fp.fingerprint.likelihood import certified_rate


@pytest.fixture
def axes():
    return Figure().add_subplot()


def calibration(n: int = 40) -> Calibration:
    rng = np.random.default_rng(1)
    names = tuple(map(str, range(n)))
    return Calibration(rng.normal(-2, 1, n), rng.normal(2, 1, n), *(names,) * 4, "held out")


def labels(axes) -> list[str]:
    return axes.get_legend_handles_labels()[1]


def test_a_planted_lattice_is_bright_where_it_repeats(axes):
    tile = np.random.default_rng(0).normal(size=(3, 4, 4)).astype(np.float32)
    assert draw_spectrum(axes, np.tile(tile, (1, 16, 16))) is axes
    (image,) = axes.images
    decibels = np.asarray(image.get_array())
    bright = np.argwhere(decibels > 0)
    assert len(bright) and (bright % 16 == 0).all()  # 64 points, so 1/4 is every 16th
    # The point of frequency 0 lies at 0, and that of -1/2 at -1/2.
    left, right, bottom, top = image.get_extent()
    width = (right - left) / 64
    assert left + width * 0.5 == pytest.approx(-0.5)
    assert left + width * 32.5 == pytest.approx(0)
    assert (bottom - top) / 64 == pytest.approx(width)


def test_a_detail_keeps_the_phase_and_its_contrast_is_three_deviations(axes):
    pattern = np.random.default_rng(0).normal(size=(3, 64, 96)).astype(np.float32)
    assert draw_pattern(axes, pattern) is axes
    (image,) = axes.images
    grey = pattern.mean(axis=0, dtype=np.float64)
    grey -= grey.mean()
    assert np.allclose(np.asarray(image.get_array()), grey[0:48, 16:64])
    assert image.get_clim() == pytest.approx((-3 * grey.std(), 3 * grey.std()))


def test_every_score_is_counted_and_exhibits_stand_at_their_scores(axes):
    given = calibration()
    assert draw_scores(axes, given, {"one": -1.5, "two": 9.0}) is axes
    counts = [patch.get_height() for patch in axes.patches if hasattr(patch, "get_height")]
    assert sum(counts) == given.real.size
    outline = axes.patches[-1].get_xy()
    assert outline[:, 1].max() > 0 and outline[:, 0].max() >= given.generated.max()
    points = [line.get_xdata()[0] for line in axes.lines]
    assert points == [-1.5, 9.0]
    assert {text.get_text() for text in axes.texts} == {"one", "two"}
    assert labels(axes) == ["40 reference images", "40 images of the generator", "exhibits"]


def test_the_null_control_shows_the_shuffles_and_the_observed(axes):
    shuffled = np.linspace(-1, 1, 200)
    assert draw_null_control(axes, NullControl(3.0, shuffled, 0)) is axes
    assert sum(patch.get_height() for patch in axes.patches) == 200
    at = [line.get_xdata()[0] for line in axes.lines]
    assert at == pytest.approx([np.quantile(shuffled, 0.99), 3.0])


def test_certified_rates_lie_above_the_asked_ones_and_start_at_the_smallest(axes):
    assert draw_error_rates(axes, 99, {0.05: (3, 40), 0.2: (0, 40)}) is axes
    asked, certified = axes.lines[:2]
    assert certified.get_xdata()[0] == pytest.approx(1)
    assert (certified.get_ydata() >= asked.get_ydata()).all()
    rate = certified.get_xdata()[30] / 100
    assert certified.get_ydata()[30] == pytest.approx(100 * certified_rate(rate, 99))
    interval, point = axes.lines[2], axes.lines[3]
    assert point.get_ydata()[0] == pytest.approx(7.5)
    assert interval.get_ydata()[0] < 7.5 < interval.get_ydata()[1]
    assert axes.lines[5].get_ydata()[0] == pytest.approx(axes.get_ylim()[0])  # none of 40


def test_every_image_of_a_condition_is_a_point_at_its_score(axes):
    real, generated = np.array([0.0, 1.0, 2.0]), np.array([5.0, 6.0])
    assert draw_conditions(axes, [("a", real, generated), ("b", real, generated)], calibration())
    drawn = [np.asarray(points.get_offsets())[:, 0] for points in axes.collections[:4]]
    for found, expected in zip(drawn, (real, generated) * 2, strict=True):
        assert np.array_equal(found, expected)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a", "b"]


def test_shares_of_decisions_fill_the_row(axes):
    counts = [("a", {"x": 1, "y": 3}), ("b", {"z": 2})]
    assert draw_decisions(axes, counts, ("x", "y", "z")) is axes
    widths = [patch.get_width() for patch in axes.patches]
    assert widths == [25, 75, 0, 0, 0, 100]
    assert [patch.get_x() for patch in axes.patches] == [0, 25, 100, 0, 0, 0]
